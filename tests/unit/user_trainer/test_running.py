"""A user's own training function in the place of ours."""

import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.optima import ROW
from support.trainers import ROOT, run, setting_of

from search_spaces import to_csv
from sweep.core.plan import Plan
from sweep.core.trial import TrialSpec
from sweep.errors import InputError
from sweep.orchestrate.failures import failure_of
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.planning.search_plans import TuneRequest, plan_search
from sweep.recipes import loading as recipes
from sweep.user_trainer import loading as trainers
from sweep.user_trainer import running
from sweep.user_trainer.contract import TrainerError

BUDGET = {"n_trials": 2, "finalists": 1, "seeds": 2}


def yielding(values: object) -> str:
    return f"from math import inf, nan\ndef train(config):\n    yield from {values}\n"


def test_the_function_is_told_all_there_is_and_its_errors_come_back(write):
    name = write(
        """
        def train(config):
            assert (config.lr, config.weight_decay, config.optimizer) == (0.1, 0.01, "adamw")
            assert (config.seed, config.model, config.model_args) == (7, "mlp", {"width": 8})
            assert (config.split, config.device) == ("val", "cpu")
            for epoch in range(config.epochs):
                yield 90 - 10 * epoch
        """
    )
    assert [(r.epoch, r.top1_err, r.lr) for r in run(name, model="mlp(width=8)")] == [
        (1, 90, 0.1),
        (2, 80, 0.1),
        (3, 70, 0.1),
    ]


def test_a_search_asks_for_other_data_and_refuses_a_function_that_does_not_ask(write):
    name = write("def train(config):\n    yield 40 if config.split == 'minival' else 50\n")
    assert run(name, 1, evaluate="minival")[0].top1_err == 40
    assert run(name, 1)[0].top1_err == 50
    name = write("import dataclasses\ndef train(c):\n    yield len(dataclasses.asdict(c)['split'])\n")
    assert run(name, 1, evaluate="minival")[0].top1_err == len("minival")
    name = write("def train(config):\n    yield config.lr\n")
    assert run(name, 1)[0].top1_err == 0.1
    with pytest.raises(TrainerError, match=r"own:train did not look at config\.split"):
        run(name, 1, evaluate="minival")


def test_numbers_of_numpy_and_torch_and_records_are_taken(write):
    name = write(
        """
        import numpy as np, torch
        def train(config):
            yield np.float32(12.5)
            yield torch.tensor(12.5)
            yield {"error": np.array([12.5]), "train_loss": 0.5, "val_loss": None, "lr": 0.05}
        """
    )
    first, second, third = run(name)
    assert first.top1_err == second.top1_err == third.top1_err == 12.5
    assert (third.train_loss, third.val_loss, third.lr) == (0.5, None, 0.05)
    assert json.dumps([type(third.top1_err).__name__]) == '["float"]'


@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "inf",
        "-inf",
        '{"error": nan}',
        '{"error": 5, "train_loss": inf}',
        '{"error": 5, "val_loss": nan}',
    ],
)
def test_what_is_not_finite_is_a_divergence_with_its_epoch(write, value):
    first, second = run(write(yielding(f"[50, {value}, 40]")))
    assert (first.diverged_step, second.diverged_step, second.epoch, second.top1_err) == (None, 2, 2, 100.0)
    assert all(each is None or math.isfinite(each) for each in (second.val_loss, second.train_loss))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "own:train returned None; it must yield an error every epoch"),
        ("return 5.0", r"returned 5\.0; it must yield"),
        ("return [5.0, 5.0, 5.0]", "returned .5.0, 5.0, 5.0.; it must yield"),
        ("return 'text'", "returned 'text'; it must yield"),
        ("yield from ['5', 5, 5]", "yielded '5' as its error; it must be a number"),
        ("yield from [None] * 3", "yielded an error of None; it is in percent, 0 to 100"),
        ("yield from [True] * 3", "yielded True as its error; it must be a number"),
        ("import numpy\n    yield from [numpy.bool_(True)] * 3", "it must be a number"),
        ("import numpy\n    yield from [numpy.ones(2)] * 3", "it must be a number"),
        ("yield from [5, 100.1, 5]", r"an error of 100\.1; it is in percent, 0 to 100"),
        ("yield from [-0.1, 5, 5]", r"an error of -0\.1; it is in percent"),
        ("yield from [{'err': 5}] * 3", "yielded .'err'.; a record has error and may have val_loss"),
        ("yield from [{'error': 5, 'acc': 95}] * 3", "a record has error and may have"),
        ("yield from [{'error': 5, 'val_loss': 'x'}] * 3", "yielded 'x' as its val_loss"),
        ("yield from []", "yielded 0 errors in 3 epochs"),
        ("yield from [5, 5]", "yielded 2 errors in 3 epochs"),
        ("yield from [5] * 4", "yielded more errors than the 3 of its epochs"),
        ("while True: yield 5", "yielded more errors than the 3 of its epochs"),
        ("yield 5\n    1 / 0", r"failed: ZeroDivisionError: division by zero \(own.py, line 4, in train\)"),
        ("1 / 0\n    yield 5", r"failed: ZeroDivisionError: division by zero \(own.py, line 3, in train\)"),
        ("yield from [5, 5, 5]\n    raise OSError('late')", "failed: OSError: late"),
        ("raise SystemExit('gone')", "failed: SystemExit: gone"),
        ("class Own(Exception): pass\n    raise Own('a\\nb')", "failed: Own: b"),
    ],
)
def test_what_breaks_the_contract_is_a_failure_with_its_reason(write, body, message):
    name = write(f"from math import nan\ndef train(config):\n    {body}\n")
    with pytest.raises(TrainerError, match=message) as error:
        run(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("own", "", "takes PACKAGE.MODULE:FUNCTION, got 'own'"),
        ("", "", "takes PACKAGE"),
        (":train", "", "takes PACKAGE"),
        ("own:", "", "takes PACKAGE"),
        ("own:train:x", "", "takes PACKAGE"),
        ("own.py:train", "", "cannot import own.py"),
        ("../own:train", "", "takes PACKAGE"),
        ("own:train()", "", "takes PACKAGE"),
        ("a\0b:c", "", "takes PACKAGE"),
        ("nowhere.own:train", "", "cannot import nowhere.own: ModuleNotFoundError: No module"),
        ("own:train", "import nowhere", "cannot import own: ModuleNotFoundError: No module named 'nowhere'"),
        ("own:train", "def train(", "cannot import own: SyntaxError"),
        ("own:train", "raise SystemExit(3)", "cannot import own: SystemExit: 3"),
        ("own:train", "1 / 0", "cannot import own: ZeroDivisionError"),
        ("own:train", "def trian(c): yield 1", "unknown function in own 'train'. Did you mean trian?"),
        ("own:train", "train = 3", "unknown function in own 'train'"),
        ("own:train", "def train(): yield 1", "must take one argument, the trial's config: too many"),
        ("own:train", "def train(a, b): yield 1", "must take one argument, the trial's config: missing"),
        ("own:train", "async def train(c): yield 1", "is asynchronous"),
        ("own:train", "async def train(c): return 1", "is asynchronous"),
        ("builtins:len", "", "has no source file"),
    ],
)
def test_a_trainer_that_cannot_be_called_is_refused_at_once(write, name, text, message):
    write(text)
    request = Request(models=[], trainer=name, epochs=3, lr=0.1, wd=0.1, n=1)
    with pytest.raises(InputError, match=message):
        make_plans(request)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, "how long to train: `epochs` E"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"recipe": "fashion_mnist", "data": Path()}, "leave `recipe` and `data` out"),
        ({"recipe": "digits"}, "leave `recipe` out"),
        ({"lr": None, "wd": None}, "no optimum is known for train with adamw and `trainer` own:train, so"),
        (
            {"lr": None, "wd": None, "models": ["mlp"], "model_args": "width=8", "optimizer": "sgd"},
            r"tune --model 'mlp\(width=8\)' --trainer own:train --optimizer sgd --epochs 1\. Or",
        ),
        ({"box": "paper"}, "`box` paper is the paper's"),
        ({"models": ["a/b"]}, "a trainer's `model` takes letters"),
        ({"models": [""]}, "a trainer's `model` takes letters"),
        ({"model_args": "depth"}, "arguments are NAME=VALUE"),
        ({"optimizer": "lbfgs"}, "Known: adafactor, adamw, lion, muon, nadamw, sgd"),
    ],
)
def test_what_does_not_fit_a_trainer_is_refused(write, changes, message):
    asked = {"models": [], "trainer": write(yielding([5])), "epochs": 1, "lr": 0.1, "wd": 0.1, "n": 1}
    with pytest.raises(ValueError, match=message):
        make_plans(Request(**(asked | changes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, "how long to train: `epochs` E"),
        ({"recipe": "digits", "data": Path()}, "leave `recipe` and `data` out"),
        ({"model": "a/b"}, "a trainer's `model` takes letters"),
        ({"model": ""}, "a trainer's `model` takes letters"),
        ({"model_args": "depth"}, "arguments are NAME=VALUE"),
        ({"trainer": "own:trian"}, "Did you mean train?"),
        ({"trainer": None, "recipe": "digits"}, "Missing option `model`"),
        ({"lr_range": "1"}, "`lr_range` takes LOW:HIGH"),
    ],
)
def test_a_search_refuses_what_does_not_fit_a_trainer(write, changes, message):
    asked = {"model": None, "trainer": write(yielding([5])), "epochs": 1, **BUDGET}
    with pytest.raises(ValueError, match=message):
        plan_search(TuneRequest(**(asked | changes)))


def test_a_search_is_of_the_function_its_source_and_length(write):
    def plan_of(text: str, **changes):
        asked = {"model": None, "trainer": write(text), "epochs": 2, **BUDGET} | changes
        return plan_search(TuneRequest(**asked)).plan

    plan = plan_of(yielding([5, 5]))
    assert plan == plan_of(yielding([5, 5]))
    assert plan.name.startswith("tune-train-adamw-own.train-")
    changed = plan_of(yielding([5, 6])), plan_of(yielding([5, 5]), epochs=3)
    names = [p.name for p in (plan, *changed, plan_of(yielding([5, 5]), model="mlp"))]
    assert len(set(names)) == 4
    assert names[3].startswith("tune-mlp-")


def test_the_optimum_that_was_found_is_taken_for_the_same_source_alone(write, tmp_path):
    def plan_of(text: str, **changes):
        asked = {"models": [], "trainer": write(text), "epochs": 2, "n": 1, "found": table} | changes
        return make_plans(Request(**asked))[0].plan

    table = tmp_path / "optima.csv"
    name = write(yielding([5, 5]))
    place = {"model": "train", "recipe": "own.train", "data": trainers.load(name).fingerprint, "batch": 1}
    table.write_text(to_csv([dataclasses.replace(ROW, lr=0.3, weight_decay=0.02, epochs=2, **place)]))
    plan = plan_of(yielding([5, 5]))
    assert (plan.optimum_lr, plan.optimum_wd) == (0.3, 0.02)
    assert "found for 2 epochs, used for 6" in plan_of(yielding([5, 5]), epochs=6).optimum_source
    with pytest.raises(InputError, match=r"--lr 0\.3 --wd 0\.02, was found with another version of"):
        plan_of(yielding([5, 6]))
    with pytest.raises(InputError, match=r"Or give one to `sweep run`: --lr L --wd W\.$"):
        plan_of(yielding([5, 5]), optimizer="sgd")


def test_what_determines_the_result_is_in_the_key(write):
    def plan_of(text: str, name: str = "own", **changes):
        trainer = write(text, name)
        asked = {"models": [], "trainer": trainer, "epochs": 2, "lr": 0.1, "wd": 0.1, "n": 2} | changes
        return make_plans(Request(**asked))[0].plan

    plan = plan_of(yielding([5, 5]))
    assert plan == plan_of(yielding([5, 5]))
    assert plan.name.startswith("train-adamw-own.train-")
    others = [
        plan_of(yielding([5, 6])),
        plan_of(yielding([5, 5]), "other"),
        plan_of(yielding([5, 5]), epochs=3),
        plan_of(yielding([5, 5]), models=["mlp"]),
        plan_of(yielding([5, 5]), model_args="width=8"),
        plan_of(yielding([5, 5]), optimizer="sgd"),
    ]
    assert len({p.trials[0].key for p in (plan, *others)} | {p.name for p in (plan, *others)}) == 14
    assert Plan.from_json(json.dumps(plan.to_dict()), "plan.json") == plan


def test_the_fingerprint_covers_the_file_in_which_the_function_stands(write, tmp_path):
    write("def train(c): yield 5\n", "inner")
    name = write("from inner import train\n", "outer")
    before = trainers.load(name).fingerprint
    (tmp_path / "inner.py").write_text("def train(c): yield 6\n")
    name = write("from inner import train\n", "outer")
    assert trainers.load(name).fingerprint != before


def test_a_function_that_was_edited_since_its_import_is_refused_until_python_starts_again(write, tmp_path):
    name = write(yielding([5, 5, 5]))
    assert trainers.load_as_it_stands(name) == trainers.load(name)
    (tmp_path / "own.py").write_text(yielding([6, 6, 6]))
    with pytest.raises(
        InputError, match=r"own:train has been changed.*Start Python, or the notebook's kernel"
    ):
        make_plans(Request(models=[], trainer=name, epochs=1, lr=0.1, wd=0.1, n=1))
    assert [record.top1_err for record in run(name)] == [5, 5, 5]  # a sweep that has begun goes on


def test_a_worker_with_another_version_of_the_source_does_not_train(write):
    name = write(yielding([5]))
    trial = TrialSpec(key="k", model="m", optimizer="sgd", lr=0.1, weight_decay=0.1, seed=1)
    with pytest.raises(TrainerError, match="is another version on this machine"):
        next(running.train(trial, setting_of(name, 1, "0" * 32)))


def test_importing_a_trainer_leaves_nothing_behind(write, tmp_path):
    path = list(sys.path)
    trainers.load(write(yielding([5])))
    assert sys.path == path
    assert [each.name for each in tmp_path.iterdir()] == ["own.py"]


def test_a_recipe_file_cannot_name_a_trainer(tmp_path):
    text = 'dataset = "digits"\nmax_px = 16\nepochs = 1\nbatch = 8\nwarmup_epochs = 0\n'
    (tmp_path / "mine.toml").write_text(text + 'trainer = "own:train"\n')
    with pytest.raises(InputError, match="unknown field 'trainer'"):
        recipes.load(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_example_trains_as_torch_does(monkeypatch, optimizer):
    # The same steps by torch's own optimizers and autograd.
    monkeypatch.chdir(ROOT / "examples")
    name = "breast_cancer:train"
    errors = [record.top1_err for record in run(name, 5, optimizer=optimizer, lr=0.02)]
    import breast_cancer

    rng = np.random.default_rng(7)
    x, y, x_val, y_val = (torch.tensor(np.asarray(part, dtype=float)) for part in breast_cancer.data())
    drawn = torch.tensor(rng.normal(0, 0.1, x.shape[1] + 1))
    weights, bias = drawn[:-1].clone().requires_grad_(), drawn[-1:].clone().requires_grad_()
    groups = [{"params": [weights], "weight_decay": 0.01}, {"params": [bias], "weight_decay": 0.0}]
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimizer]
    steps = kind(groups, lr=0.02, **({"momentum": 0.9} if optimizer == "sgd" else {}))
    expected = []
    for _ in range(5):
        for batch in torch.tensor(rng.permutation(len(y))).split(breast_cancer.BATCH):
            logits = x[batch] @ weights + bias
            steps.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(logits, y[batch]).backward()
            steps.step()
        expected.append(100 * ((x_val @ weights + bias > 0) != (y_val > 0.5)).double().mean().item())
    assert errors == pytest.approx(expected)
    assert errors[-1] < 6


def test_the_example_keeps_what_is_reported_out_of_a_search(monkeypatch):
    # A search sees 355 tumours and judges on 100; none is among the 114 that are reported.
    monkeypatch.chdir(ROOT / "examples")
    trainers.load("breast_cancer:train")
    import breast_cancer

    x, y, x_val, y_val = breast_cancer.data()
    before = [record.top1_err for record in run("breast_cancer:train", 3, evaluate="minival")]
    monkeypatch.setattr(breast_cancer, "data", lambda: (x, y, np.full_like(x_val, np.nan), 1 - y_val))
    assert [record.top1_err for record in run("breast_cancer:train", 3, evaluate="minival")] == before
    assert all(error == round(error) for error in before)  # of 100


def test_the_message_names_the_innermost_line_of_the_users_own_code(write):
    """Not the function that was called first, nor numpy's line in which it was raised."""
    write(
        """
        import numpy as np

        def mean_of(rows):
            return np.stack(rows)
        """,
        "helper",
    )
    name = write("import helper\ndef train(config):\n    yield 5\n    helper.mean_of([])\n")
    with pytest.raises(TrainerError) as caught:
        run(name)
    failure = failure_of(caught.value)
    assert failure.message == (
        "own:train failed: ValueError: need at least one array to stack (helper.py, line 5, in mean_of)"
    )
    assert all(file in failure.traceback for file in ("helper.py", "own.py", "numpy"))
    assert failure.origin.endswith("helper.py:5")
    assert "ValueError" in failure.origin
