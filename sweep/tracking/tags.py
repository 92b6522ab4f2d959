"""What is written on the runs of sweeps and trials: names, parameters, tags."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from sweep.core.base_plan import BasePlan
from sweep.core.trial import EpochRecord, Role, TrialRecord, TrialSpec, TrialState
from sweep.workspace.journal import TrialHistory

PARENT = "mlflow.parentRunId"
"""The tag by which MLflow makes a run the child of another."""

NOTE = "mlflow.note.content"
"""The tag that MLflow shows as a run's description."""

STATUS = {
    TrialState.FINISHED: "FINISHED",
    TrialState.DIVERGED: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.PRUNED: "KILLED",
}
"""How MLflow calls the end of a trial."""


def trial_name(trial: TrialSpec) -> str:
    """Return what a trial's run is called."""
    if trial.role is Role.OPTIMUM:
        return Role.OPTIMUM + (f"-seed-{trial.repeat}" if trial.repeat else "")
    return f"point-{trial.index:03d}" + (f"-seed-{trial.repeat}" if trial.repeat else "")


def trial_params(plan: BasePlan, trial: TrialSpec) -> dict[str, object]:
    """Return what a trial's run says of its settings."""
    own = {} if plan.EVALUATE == "val" else {"evaluate": plan.EVALUATE}
    return (
        own
        | {
            "model": trial.model,
            "optimizer": trial.optimizer,
            "recipe": plan.recipe.name,
            "lr": trial.lr,
            "weight_decay": trial.weight_decay,
            "seed": trial.seed,
        }
        | training_params(plan)
        | dict(trial.over)
    )


def training_params(plan: BasePlan) -> dict[str, object]:
    """Return how long, and by what, a sweep's trials are trained."""
    if plan.recipe.trainer:
        return {"epochs": plan.recipe.epochs, "trainer": plan.recipe.trainer}
    return {"epochs": plan.recipe.epochs, "batch": plan.recipe.batch, "px": plan.px}


def trained_by(plan: BasePlan) -> str:
    """Say by what a plan's trials are trained."""
    return plan.recipe.trainer or f"batch {plan.recipe.batch}, {plan.px} px"


def trial_tags(plan: BasePlan, trial: TrialSpec) -> dict[str, str]:
    """Return what a trial's run is found by."""
    place = {
        "sweep.role": trial.role.value,
        "sweep.index": str(trial.index),
        "sweep.repeat": str(trial.repeat),
    }
    tags = plan_tags(plan) | place
    relative = {"lr": trial.u_lr, "wd": trial.u_wd}
    if trial.u_over:
        relative |= {name: u for (name, _), u in zip(trial.over, trial.u_over, strict=True)}
    return tags | {f"sweep.u_{name}": repr(u) for name, u in relative.items() if u is not None}


def plan_params(plan: BasePlan) -> dict[str, object]:
    """Return what the parent run of a sweep or search says of its settings."""
    return (
        plan.params()
        | {
            "model": plan.model,
            "optimizer": plan.optimizer,
            "recipe": plan.recipe.name,
            "design": plan.design,
            "seed": plan.seed,
            "lr_low": plan.box.lr_low,
            "lr_high": plan.box.lr_high,
            "wd_low": plan.box.wd_low,
            "wd_high": plan.box.wd_high,
        }
        | training_params(plan)
    )


def plan_tags(plan: BasePlan) -> dict[str, str]:
    """Return what a sweep's runs are found by."""
    return {
        "sweep.sweep": plan.name,
        "sweep.role": plan.KIND,
        "sweep.model": plan.model,
        "sweep.optimizer": plan.optimizer,
        "sweep.recipe": plan.recipe.name,
        "sweep.design": plan.design,
        "sweep.data": plan.data_fingerprint,
    }


def end_tags(record: TrialRecord, last: EpochRecord | None) -> dict[str, str]:
    """Return what a trial's run says of its end, beside its metrics."""
    values = {
        "sweep.epochs": str(record.epochs),
        "sweep.error": record.error and record.error[:5000],
        "sweep.diverged_step": record.diverged_step and str(record.diverged_step),
        "sweep.last_finite_loss": last and last.last_finite_loss and repr(last.last_finite_loss),
        "sweep.device": record.device,
        "sweep.host": record.host,
    }
    return {name: value for name, value in values.items() if value}


def read_history(
    key: str,
    run: Any,
    state: TrialState,
    curves: Mapping[int, tuple[int, Mapping[str, float]]],
    metric: str | None = None,
) -> TrialHistory:
    """Read a trial's history back from its run.

    Parameters
    ----------
    key : str
        The trial's.
    run
        MLflow's run.
    state : TrialState
        How the trial has ended.
    curves : mapping
        Epoch → (time in ms, metric → value).
    metric : str, optional
        What is reported instead of the top-1 error.

    Raises
    ------
    KeyError, ValueError
        If the run does not say it, or says something else than was written to it.
    """
    metrics, tags = run.data.metrics, run.data.tags
    step = tags.get("sweep.diverged_step")
    record = TrialRecord(
        key=key,
        state=state,
        **_results(metrics, state, metric),
        epochs=int(tags["sweep.epochs"]),
        wall_s=metrics.get("wall_s"),
        diverged_step=int(step) if step else None,
        device=tags.get("sweep.device"),
        host=tags.get("sweep.host"),
    )
    return TrialHistory(
        started_ms=run.info.start_time,
        epochs=_epochs(curves, tags, metric),
        ended_ms=run.info.end_time,
        record=record,
    )


def _results(metrics: Mapping[str, float], state: TrialState, metric: str | None) -> dict[str, Any]:
    """Return what a run says of a trial's result."""
    if metric is None:
        return {"top1_err": metrics["top1_err"], "best_top1_err": metrics["best_top1_err"]}
    value = metrics[metric] if state is TrialState.FINISHED else None
    return {"metric": metric, "value": value, "best_value": metrics.get(f"best_{metric}")}


def _epochs(
    curves: Mapping[int, tuple[int, Mapping[str, float]]], tags: Mapping[str, str], metric: str | None
) -> dict[int, tuple[int, EpochRecord]]:
    if metric is not None:
        return _epochs_of(metric, curves, tags)
    records = {
        step: (
            time_ms,
            EpochRecord(
                epoch=step,
                top1_err=values["top1_err"],
                val_loss=values.get("val_loss"),
                train_loss=values.get("train_loss"),
                lr=values["epoch_lr"],
                top5_err=values.get("top5_err"),
            ),
        )
        for step, (time_ms, values) in sorted(curves.items())
        if {"top1_err", "epoch_lr"} <= values.keys()
    }
    if records and (step := tags.get("sweep.diverged_step")):
        loss = tags.get("sweep.last_finite_loss")
        last, (time_ms, record) = max(records.items())
        record = dataclasses.replace(
            record, diverged_step=int(step), last_finite_loss=float(loss) if loss else None
        )
        records[last] = (time_ms, record)
    return records


def _epochs_of(
    metric: str, curves: Mapping[int, tuple[int, Mapping[str, float]]], tags: Mapping[str, str]
) -> dict[int, tuple[int, EpochRecord]]:
    """Return the epochs of a trial that reports another metric: the one that diverged has no value."""
    step = tags.get("sweep.diverged_step")
    return {
        epoch: (
            time_ms,
            EpochRecord(
                epoch=epoch,
                top1_err=None,
                metric=metric,
                value=values.get(metric),
                val_loss=values.get("val_loss"),
                train_loss=values.get("train_loss"),
                lr=values["epoch_lr"],
                diverged_step=int(step) if step and metric not in values else None,
            ),
        )
        for epoch, (time_ms, values) in sorted(curves.items())
        if "epoch_lr" in values
    }


def final_state(run: Any) -> TrialState | None:
    """Return what MLflow takes a trial's end to be; None if it has none yet."""
    state = run.data.tags.get("sweep.state")
    ended = run.info.status in STATUS.values()
    return TrialState(state) if ended and state in set(STATUS) else None


def difference(record: TrialRecord | None, run: Any, parent: str | None) -> str | None:
    """Say how a trial's run differs from its end in the journal; None if it does not."""
    if run is None:
        return "no run in MLflow" if record else None
    state, metrics = final_state(run), run.data.metrics
    if record is None:
        if state and state.has_result:
            return f"{state} in MLflow, without a result in the journal"
        return "running in MLflow, but no driver is at work" if run.info.status == "RUNNING" else None
    if state is not record.state:
        return f"{state or 'unfinished'} in MLflow, {record.state} in the journal"
    for name, value in _sent(record).items():
        result = record.state.has_result  # a failed trial has none, though its curve may have begun
        if result and metrics.get(name) != value:
            return f"{name} {metrics.get(name)} in MLflow, {value} in the journal"
    if run.data.tags.get(PARENT) != parent:
        return "its parent run in MLflow is gone"
    return None


def _sent(record: TrialRecord) -> dict[str, float | None]:
    """Return the numbers of a trial's end under their names in MLflow."""
    if record.metric is None:
        return {
            "top1_err": record.top1_err,
            "best_top1_err": record.best_top1_err,
            "wall_s": record.wall_s,
        }
    # what diverged has no value, but its run has that of the epoch before
    value = {} if record.value is None else {record.metric: record.value}
    return value | {f"best_{record.metric}": record.best_value, "wall_s": record.wall_s}
