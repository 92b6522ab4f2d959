"""A small search."""

from support.plans import a_plan

from search_spaces import Box
from sweep.core.search_plan import SearchPlan
from sweep.core.trial import EpochRecord, TrialRecord, TrialState

PLAN = SearchPlan(
    model="vit_p_1mf",
    optimizer="adamw",
    recipe=a_plan().recipe,
    px=16,
    data_fingerprint="abc",
    classes=10,
    box=Box(lr_low=1e-4, lr_high=1e-1, wd_low=1e-3, wd_high=1.0),
    seed=0,
)


def end(search, trial, error, *, loss=1.0, state=TrialState.FINISHED):
    """Let a trial start and end with an error."""
    search.journal.append("start", trial.key, trial)
    if state is not TrialState.FAILED:
        epoch = EpochRecord(epoch=1, top1_err=error, val_loss=loss, train_loss=1.0, lr=0.1)
        search.journal.append("epoch", trial.key, epoch)
        record = TrialRecord(key=trial.key, state=state, top1_err=error, best_top1_err=error, epochs=1)
    else:
        record = TrialRecord(key=trial.key, state=state, error="OSError: gone")
    search.journal.append("end", trial.key, record)
