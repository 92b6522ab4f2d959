"""The states of a trial, whatever happens in whatever order, a driver's death and a torn line among it."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.journals import epoch, failed, finished

from sweep.core.trial import TrialRecord, TrialState
from sweep.workspace.journal import Journal

KEYS = st.sampled_from(("a", "b"))
LEGAL = {
    ("planned", "running"),
    ("planned", "finished"),
    ("planned", "diverged"),
    ("planned", "failed"),
    ("running", "finished"),
    ("running", "diverged"),
    ("running", "failed"),
    ("failed", "running"),
    ("failed", "finished"),
    ("failed", "diverged"),
}
"""A driver starts a trial before it ends it; a result that another sweep has is taken over as it is."""


def diverged(key: str) -> TrialRecord:
    return TrialRecord(key=key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=50.0, epochs=1)


class Life(RuleBasedStateMachine):
    """Two trials in one journal, beside the simplest account of what must have become of them."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(self.folder.name) / "journal.jsonl")
        self.states = {"a": "planned", "b": "planned"}
        self.results: dict = {}
        self.epochs: dict = {"a": {}, "b": {}}

    def teardown(self):
        self.folder.cleanup()

    def note(self, kind, key, contents, becomes):
        before = self.states[key]
        news = self.journal.append(kind, key, contents)
        if key in self.results:
            assert not news
            return
        if kind == "epoch":
            assert news == (contents.epoch not in self.epochs[key])
            self.epochs[key].setdefault(contents.epoch, contents)
            return
        assert news
        self.states[key] = becomes
        assert before == becomes or (before, becomes) in LEGAL
        if becomes in ("finished", "diverged"):
            self.results[key] = contents

    @rule(key=KEYS)
    def start(self, key):
        self.note("start", key, None, "running")

    @rule(key=KEYS, number=st.integers(1, 3), error=st.floats(0, 100))
    def report(self, key, number, error):
        self.note("epoch", key, epoch(number, error), None)

    @rule(key=KEYS, error=st.floats(0, 100))
    def finish(self, key, error):
        self.note("end", key, finished(key, error=error), "finished")

    @rule(key=KEYS)
    def diverge(self, key):
        self.note("end", key, diverged(key), "diverged")

    @rule(key=KEYS)
    def give_up(self, key):
        self.note("end", key, failed(key), "failed")

    @rule(torn=st.binary(max_size=40).filter(lambda rest: b"\n" not in rest))
    def die_and_come_back(self, torn):
        if self.journal.path.exists():
            with self.journal.path.open("ab") as file:
                file.write(torn)
        self.journal = Journal(self.journal.path)

    @invariant()
    def every_state_is_as_told_and_a_result_never_changes(self):
        for key, state in self.states.items():
            history = self.journal.history(key)
            assert history.state == state
            assert history.state.has_result == (key in self.results)
            if key in self.results:
                assert history.record == self.results[key]
            assert {number: record for number, (_, record) in history.epochs.items()} == self.epochs[key]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25)
