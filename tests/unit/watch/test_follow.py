"""Following sweeps: what is read, what has changed, and that nothing is written."""

import shutil

import pytest
from support.journals import epoch, failed, finished
from support.plans import a_plan, keys
from support.workspaces import create

from sweep.core.trial import TrialRecord, TrialState
from sweep.errors import InputError
from sweep.recipes.loading import of_trainer
from sweep.recipes.metric import MetricSpec
from sweep.results.selection import Filter
from sweep.watch.follow import Follower
from sweep.watch.page import page_of, shown
from sweep.workspace.journal import Journal
from sweep.workspace.workspace import Workspace


@pytest.fixture
def folder(tmp_path):
    create(Workspace(tmp_path / "sweeps"), a_plan())
    return tmp_path / "sweeps"


def journal(folder):
    return Journal(folder / a_plan().name / "journal.jsonl")


def followed(folder, **only):
    follower = Follower(folder=folder, only=Filter(**only))
    follower.catch_up()
    return follower


def test_changes_are_those_since_a_version_each_trial_once(folder):
    follower, plan = followed(folder), a_plan()
    first, second = keys(plan)[:2]
    writer = journal(folder)
    writer.append("start", first)
    writer.append("epoch", first, epoch(1))
    writer.append("epoch", first, epoch(2))
    follower.catch_up()
    assert follower.changes(0)["trials"] == [[plan.name, 0, "running", None, 2, None, None]]
    version = follower.changes(0)["version"]
    writer.append("end", first, finished(first, 12.5))
    writer.append("start", second)
    writer.append("end", second, failed(second))
    follower.catch_up()
    assert sorted(follower.changes(version)["trials"]) == [
        [plan.name, 0, "finished", 12.5, 2, 1.0, None],
        [plan.name, 1, "failed", None, None, None, "OSError: gone"],
    ]
    assert follower.changes(follower.version)["trials"] == []


def test_a_longer_plan_and_another_sweep_are_another_layout(folder):
    follower = followed(folder)
    follower.catch_up()
    assert follower.layout == 1
    create(Workspace(folder), a_plan(n=8))
    follower.catch_up()
    assert follower.layout == 2
    assert len(follower.sweeps[0].trials) == 9
    create(Workspace(folder), a_plan(model="vit_c_1mf"))
    follower.catch_up()
    assert (follower.layout, len(follower.sweeps)) == (3, 2)


def test_a_driver_is_known_while_it_runs(folder):
    follower = followed(folder)
    assert follower.drivers == {}
    with Workspace(folder).open(a_plan().name).driving():
        follower = followed(folder)
        assert follower.drivers[a_plan().name].startswith("process ")


def test_only_what_is_chosen_is_followed(folder):
    create(Workspace(folder), a_plan(model="vit_c_1mf"))
    assert [each.plan.model for each in followed(folder, model=["vit_c_1mf"]).sweeps] == ["vit_c_1mf"]
    assert [each.plan.model for each in followed(folder, sweep=["vit_p"]).sweeps] == ["vit_p_1mf"]
    with pytest.raises(InputError, match="no sweep to show of `model` x"):
        shown(followed(folder, model=["x"]))


def test_a_folder_without_sweeps_is_told_with_the_command_that_makes_some(tmp_path):
    with pytest.raises(InputError, match=r"no sweep to show: .* sweep run --model"):
        shown(followed(tmp_path / "none"))


def test_a_damaged_plan_and_a_damaged_journal_are_warnings_on_the_page(folder):
    create(Workspace(folder), a_plan(model="vit_c_1mf"))
    (folder / a_plan(model="vit_c_1mf").name / "plan.json").write_text("{")
    journal(folder).append("start", keys(a_plan())[0])
    with (folder / a_plan().name / "journal.jsonl").open("a") as file:
        file.write("nonsense\n")
    page = page_of(followed(folder), served=False)
    assert "1 damaged line(s) of vit_p_1mf" in page
    assert "plan.json" in page


def test_a_sweep_that_is_removed_while_it_is_followed_changes_nothing(folder):
    follower = followed(folder)
    shutil.rmtree(folder / a_plan().name)
    follower.catch_up()
    assert follower.changes(0)["trials"] == []


def test_nothing_is_written(folder):
    journal(folder).append("start", keys(a_plan())[0])

    def contents():
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = contents()
    page_of(followed(folder), served=True)
    assert contents() == before


def test_a_page_is_there_before_the_first_result_and_only_a_served_one_asks_for_news(folder):
    served = page_of(followed(folder), served=True)
    assert "no result yet" in served
    assert "connect-src 'self'" in served
    assert '"changes":"changes?layout=1&since=0"' in served.replace("\\u0026", "&")
    kept = page_of(followed(folder), served=False)
    assert "connect-src" not in kept
    assert '"changes":null' in kept


def test_a_sweep_of_another_metric_is_left_out_and_the_page_says_so(folder):
    recipe = of_trainer("own:train", 2, MetricSpec(name="val_loss"))
    create(Workspace(folder), a_plan(recipe=recipe))
    follower = followed(folder)
    assert len(shown(follower)) == 1
    assert "its metric is val_loss, and this page is on top-1 errors" in page_of(follower, served=False)


def test_sweeps_of_one_other_metric_are_shown_by_it(tmp_path):
    folder = tmp_path / "sweeps"
    metrics = [MetricSpec(name="F1", higher_better=True, low=0.0, high=1.0), MetricSpec(name="val_loss")]
    plans = [a_plan(recipe=of_trainer(f"own{n}:train", 2, metric)) for n, metric in enumerate(metrics)]
    for plan in plans:
        create(Workspace(folder), plan)
    follower, first = followed(folder), keys(plans[0])[:2]
    writer = Journal(folder / plans[0].name / "journal.jsonl")
    for key, state, value in zip(
        first, (TrialState.FINISHED, TrialState.DIVERGED), (0.75, None), strict=True
    ):
        writer.append("start", key)
        writer.append("end", key, TrialRecord(key=key, state=state, metric="F1", value=value, epochs=2))
    follower.catch_up()
    assert sorted(trial[3] for trial in follower.changes(0)["trials"]) == [-0.75, 0.0]  # costs
    page = page_of(follower, served=False)
    assert "its metric is val_loss, and this page is on F1" in page
    assert '"metric":{"name":"F1"' in page
