"""The size of a pack that is measured to be fastest."""

import pytest
import torch
from support.training import CPU, make_batches, make_recipe, make_trial

from sweep.training import pack_timing
from sweep.training.pack_member import Member

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = make_recipe(augment=("shift",), mixup_alpha=0.8, ema_steps=2)


def best(most=1000):
    batches = make_batches(RECIPE)
    return pack_timing.best_size(
        make_trial(lr=1e30), RECIPE, batches, device=CPU, most=most, classes=10, px=16
    )


@pytest.fixture
def costs(monkeypatch):
    """Let a batch take some seconds to load, and a step of each trial others."""

    class Nothing:
        evaluated = torch.nn.Linear(2, 2)

        def __init__(self, *_, **__):
            pass

    def cost(load, step):
        monkeypatch.setattr(pack_timing, "Member", Nothing)
        monkeypatch.setattr(pack_timing, "_step_s", lambda members, *_: load + step * len(members))

    return cost


@pytest.mark.parametrize(
    ("load", "step", "most", "expected"),
    [
        (0.0, 1.0, 1000, 1),  # nothing to share
        (0.1, 1.0, 1000, 1),  # not enough to be worth it
        (1.0, 1.0, 1000, 8),  # 9 trials take 10 s in place of 18; 16 would take 17, hardly better
        (9.0, 1.0, 1000, 64),
        (9.0, 1.0, 5, 4),  # no more of them are of use
        (9.0, 1.0, 1, 1),
    ],
)
def test_it_doubles_as_long_as_that_pays(load, step, most, expected, costs):
    costs(load, step)
    assert best(most) == expected


def test_it_ends_where_the_memory_does(costs, monkeypatch):
    costs(9.0, 1.0)
    step = pack_timing._step_s

    def full(members, *arguments):
        if len(members) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return step(members, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(pack_timing, "_step_s", full)
        assert best() == 4
    monkeypatch.setattr(pack_timing, "_free_memory", lambda: 24 * 5 * 8 / pack_timing.MEMORY_SHARE + 1)
    assert best() == 8, "of 24 bytes, five times each"


def test_it_ends_when_its_time_is_over(costs, monkeypatch):
    costs(9.0, 1.0)
    monkeypatch.setattr(pack_timing, "BUDGET_S", 0.0)
    assert best() == 1


def test_real_steps_are_timed_of_a_trial_that_would_diverge_too(monkeypatch):
    steps, gradient = [], Member._gradient

    def spy(self, batch):
        steps.append(self)
        return gradient(self, batch)

    monkeypatch.setattr(Member, "_gradient", spy)
    assert best(most=4) in (1, 2, 4)
    per_member = [steps.count(member) for member in set(steps)]
    assert len(per_member) >= 2
    assert min(per_member) >= 2
    assert pack_timing._free_memory() > 1e6
