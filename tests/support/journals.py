"""Records as they stand in a journal."""

from sweep.core.trial import EpochRecord, TrialRecord, TrialState


def epoch(number: int, error: float = 50.0, **more: float) -> EpochRecord:
    values = {"val_loss": 1.0, "train_loss": 1.5, "lr": 0.1} | more
    return EpochRecord(epoch=number, top1_err=error, **values)


def finished(key: str = "a", error: float = 10.0) -> TrialRecord:
    return TrialRecord(
        key=key, state=TrialState.FINISHED, top1_err=error, best_top1_err=error, epochs=2, wall_s=1.0
    )


def failed(key: str = "a") -> TrialRecord:
    return TrialRecord(key=key, state=TrialState.FAILED, error="OSError: gone")
