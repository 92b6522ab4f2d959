"""Who may have how many workers, by rules that can be checked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.orchestrate.fair_shares import Claim, fair_workers

NOW = 1000.0


def claim(wants=100, *, cpus=1.0, gpus=0.0, works=False, since=NOW - 1):
    takes = {name: value for name, value in (("CPU", cpus), ("GPU", gpus)) if value}
    return Claim(takes=takes, wants=wants, works=works, since=since)


def fair(*claims, machines=({"CPU": 8.0},), turn_s=60.0):
    named = {f"d{place}": each for place, each in enumerate(claims)}
    return list(fair_workers(named, machines, now=NOW, turn_s=turn_s).values())


def test_alone_a_driver_has_the_whole_cluster():
    assert fair(claim(works=True)) == [8]
    assert fair(claim(3)) == [3]


def test_drivers_share_alike_whoever_came_first():
    assert fair(claim(works=True, since=0), claim()) == [4, 4]
    assert fair(claim(works=True, since=0), claim(), claim(since=NOW)) == [2, 3, 3]


def test_what_one_does_not_need_the_others_have():
    assert fair(claim(), claim(1), claim()) == [4, 1, 3]
    assert fair(claim(), claim(0)) == [8, 0]


def test_larger_trials_weigh_more():
    assert fair(claim(cpus=2.0), claim(cpus=1.0)) == [2, 4]


def test_each_has_half_of_what_it_needs_most():
    """The first example of the paper: 9 CPUs and 18 GB; (1 CPU, 4 GB) has 3 tasks, (3 CPUs, 1 GB) has 2."""
    machines = [{"CPU": 9.0, "GPU": 18.0}]
    assert fair(claim(cpus=1.0, gpus=4.0), claim(cpus=3.0, gpus=1.0), machines=machines) == [3, 2]


def test_who_takes_gpus_and_who_takes_cpus_do_not_hinder_each_other():
    machines = [{"CPU": 8.0, "GPU": 2.0}]
    assert fair(claim(gpus=1.0), claim(), machines=machines) == [2, 6]


def test_a_worker_is_on_one_machine():
    machines = [{"CPU": 3.0}, {"CPU": 3.0}]
    assert fair(claim(cpus=2.0), claim(cpus=2.0), machines=machines) == [1, 1]
    assert fair(claim(cpus=4.0), claim(), machines=machines) == [0, 6]


def test_where_there_are_more_drivers_than_workers_who_waits_the_longest_is_next():
    machines = [{"CPU": 1.0}]
    within, past = claim(works=True, since=NOW - 59), claim(works=True, since=NOW - 61)
    early, late = claim(since=NOW - 50), claim(since=NOW - 5)
    assert fair(late, early, within, machines=machines) == [0, 0, 1]
    assert fair(late, early, past, machines=machines) == [0, 1, 0]
    assert fair(past, machines=machines) == [1]


def test_shares_of_a_cpu_add_up_to_a_whole_one():
    assert fair(claim(cpus=0.1), machines=[{"CPU": 1.0}]) == [10]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.5, 1.0, 2.0]), st.booleans()), max_size=6),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_no_machine_has_more_than_it_carries_and_none_idles_while_somebody_wants_it(drivers, cpus):
    claims = [claim(wants, cpus=takes, works=works) for wants, takes, works in drivers]
    machines = [{"CPU": float(count)} for count in cpus]
    found = fair(*claims, machines=machines)
    used = sum(workers * each.takes["CPU"] for workers, each in zip(found, claims, strict=True))
    assert used <= sum(cpus)
    assert all(0 <= workers <= each.wants for workers, each in zip(found, claims, strict=True))
    if any(
        workers < each.wants and each.takes["CPU"] <= 1 for workers, each in zip(found, claims, strict=True)
    ):
        assert used == pytest.approx(sum(cpus), abs=0.5)
