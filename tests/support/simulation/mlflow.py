"""A simulated MLflow server and the client that the real tracker talks to."""

import re
from types import SimpleNamespace as Record

from mlflow.exceptions import MlflowException
from support.simulation.world import World


class Server:
    """What MLflow keeps; it outlives every driver."""

    def __init__(self) -> None:
        self.experiments: dict[str, Record] = {}
        self.runs: dict[str, Record] = {}


class Client:
    """As `mlflow.MlflowClient`: late, away, or failing after it has done a half.

    Parameters
    ----------
    world : World
        Decides what goes wrong.
    server : Server
        What is kept.
    on_result : callable
        Is called with the key of each trial whose result is written.
    """

    def __init__(self, world: World, server: Server, on_result) -> None:
        self._world, self._server, self._on_result = world, server, on_result

    def _called(self) -> bool:
        """Let a call fail, or not; return whether it fails once it is done."""
        self._world.may_die()
        if self._world.happens("away"):
            raise MlflowException("no route to host")
        if self._world.happens("late"):
            self._world.now_s += 90
        return self._world.happens("half")

    def _answered(self, fails: bool) -> None:
        self._world.may_die()
        if fails:
            raise MlflowException("the connection was lost")

    def get_experiment_by_name(self, name):
        fails = self._called()
        self._answered(fails)
        if name not in self._server.experiments:
            return None
        return self._server.experiments[name]

    def create_experiment(self, name, tags=None):
        fails = self._called()
        number = str(len(self._server.experiments))
        new = Record(experiment_id=number, lifecycle_stage="active", tags=dict(tags or {}))
        self._server.experiments[name] = new
        self._answered(fails)
        return number

    def set_experiment_tag(self, experiment, key, value):
        fails = self._called()
        for known in self._server.experiments.values():
            if known.experiment_id == experiment:
                known.tags[key] = value
        self._answered(fails)

    def search_runs(self, experiments, where, *_, **__):
        fails = self._called()
        wanted = dict(re.findall(r"tags\.`([^`]+)` = '([^']*)'", where))
        found = [
            _copy(run)
            for run in self._server.runs.values()
            if run.experiment in experiments and all(run.tags.get(k) == v for k, v in wanted.items())
        ]
        self._answered(fails)
        return _Page(found)

    def get_run(self, run):
        fails = self._called()
        self._answered(fails)
        return _copy(self._server.runs[run])

    def create_run(self, experiment, start_time=None, run_name=None, tags=None):
        fails = self._called()
        run = f"{len(self._server.runs):032x}"
        self._server.runs[run] = Record(
            id=run,
            experiment=experiment,
            status="RUNNING",
            tags=dict(tags),
            params={},
            metrics=set(),
            start=start_time or 0,
        )
        self._check(self._server.runs[run])
        self._answered(fails)
        return _copy(self._server.runs[run])

    def update_run(self, run, status):
        fails = self._called()
        self._server.runs[run].status = status
        self._answered(fails)

    def set_tag(self, run, key, value):
        fails = self._called()
        self._server.runs[run].tags[key] = value
        self._answered(fails)

    def log_batch(self, run, metrics=(), params=(), tags=()):
        fails, kept = self._called(), self._server.runs[run]
        half = self._world.dice.randint(0, len(metrics)) if fails else len(metrics)
        kept.metrics |= {(m.key, m.step, m.timestamp, m.value) for m in list(metrics)[:half]}
        if half == len(metrics):
            kept.params |= {param.key: param.value for param in params}
            kept.tags |= {tag.key: tag.value for tag in tags}
            self._check(kept)
        self._answered(fails)

    def set_terminated(self, run, status, end_time=None):
        fails = self._called()
        self._server.runs[run].status = status
        self._answered(fails)

    def log_artifact(self, *_):
        self._answered(self._called())

    def get_metric_history(self, run, name):
        fails = self._called()
        found = sorted(m for m in self._server.runs[run].metrics if m[0] == name)
        self._answered(fails)
        return [Record(key=k, step=step, timestamp=at, value=value) for k, step, at, value in found]

    def _check(self, run) -> None:
        if run.tags.get("sweep.state") in ("finished", "diverged"):
            self._on_result(run.tags["sweep.key"])


class _Page(list):
    token = None


def _copy(run):
    """Return a run as MLflow gives it: of each metric, the value of the greatest step, then the latest."""
    latest = {key: value for key, _, _, value in sorted(run.metrics)}
    return Record(
        info=Record(
            run_id=run.id, status=run.status, start_time=run.start, end_time=None, lifecycle_stage="active"
        ),
        data=Record(tags=dict(run.tags), params=dict(run.params), metrics=latest),
    )
