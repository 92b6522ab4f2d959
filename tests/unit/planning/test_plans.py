import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_spaces import SearchSpaceError
from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans, plan_together


def test_one_plan_a_model_each_at_its_own_resolution():
    first, second = make_plans(Request(models=["vit_c_1mf", "resnet18", "vit_c_1mf"], n=3, lr=0.01, wd=0.1))
    assert (first.plan.model, first.plan.px) == ("vit_c_1mf", 16)
    assert (second.plan.model, second.plan.px) == ("resnet18", 32)
    assert first.splits.train.pixels.shape == (1000, 16, 16, 1)
    assert second.plan.box.lr_low == pytest.approx(0.01 / 8)


def test_planning_imports_neither_torch_nor_ray_nor_mlflow():
    code = (
        "import sys; from sweep.planning.plans import make_plans\n"
        "from sweep.planning.command_options import Request\n"
        "make_plans(Request(models=['vit_c_1mf'], n=2))\n"
        "print(sorted({'torch', 'timm', 'ray', 'mlflow'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_known_optimum_is_the_boxs_centre():
    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=1))
    plan = planned.plan
    assert plan.box.lr_low * 8 == pytest.approx(plan.optimum_lr)
    assert plan.box.wd_high / 4 == pytest.approx(plan.optimum_wd)
    assert "minival" in plan.optimum_source


def test_everything_wrong_is_said_at_once():
    with pytest.raises(InputError) as error:
        make_plans(Request(models=["vit_p_1mff"], optimizer="adam", recipe="digit", n=0, box="big", lr=0.1))
    for part in ("vit_p_1mf", "adamw", "digits", "n must be at least 1, got 0", "optimum", "`lr` and `wd`"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["vit_s1_4gf"]}, "no optimum is known for vit_s1_4gf"),
        ({"lr": -1.0, "wd": 0.1}, "lr must be a positive, finite number, got -1.0"),
        ({"lr": 0.1, "wd": float("nan")}, "weight_decay must be a positive, finite number, got nan"),
        ({"lr": 1e308, "wd": 0.1}, "a box needs"),
        ({"design": "grid", "n": 60}, "use 49 or 64"),
        ({"design": "sobol", "n": 60}, "use 48 or 64"),
        ({"design": "halton"}, "unknown design 'halton'"),
        ({"seed": -1}, "seed must not be negative"),
        ({"box": "paper"}, "`box` paper is the paper's"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"recipe": "digits.toml"}, "rename yours"),
        ({"recipe": "my recipe's.toml"}, "letters, digits, _ and -"),
        ({"models": ["mobilenetv5_300m_enc"], "lr": 0.1, "wd": 0.1}, "is no classifier"),
        ({"n": 10**20}, "n must be at most 1000000"),
        ({"recipe": "nowhere.toml"}, r"cannot read the recipe nowhere\.toml"),
        ({"recipe": "folder", "lr": 0.1, "wd": 0.1}, "needs its data: `data` PATH"),
        ({"data": Path()}, "brings its own data"),
        (
            {"models": ["vit_base_patch32_224"], "lr": 0.1, "wd": 0.1, "recipe": "px20.toml"},
            "cannot be built for 20 px",
        ),
        ({"models": ["vit_p_1gf"], "recipe": "px20.toml", "lr": 0.1, "wd": 0.1}, "multiple of 16 px"),
        ({"recipe": "batch.toml", "lr": 0.1, "wd": 0.1}, "only 1000 to train on"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = 'dataset = "digits"\nepochs = 1\nwarmup_epochs = 0\n'
    Path("px20.toml").write_text(common + "max_px = 20\nbatch = 8\n")
    Path("batch.toml").write_text(common + "max_px = 16\nbatch = 2000\n")
    with pytest.raises((InputError, SearchSpaceError), match=message):
        make_plans(Request(**({"models": ["vit_p_1mf"], "n": 4} | changes)))


def test_the_command_that_finds_a_missing_optimum_is_one_that_works(tmp_path, sweep):
    (tmp_path / "mine.toml").write_text(
        'dataset = "digits"\nmax_px = 16\nepochs = 2\nbatch = 64\nwarmup_epochs = 0\n'
    )
    for folder in ([], ["--dir", "my sweeps"]):
        asked = ["--recipe", str(tmp_path / "mine.toml"), *folder, "--dry-run"]
        for words in (["run", "-m", "vit_p_1mf"], ["study", "lengths", "-m", "vit_p_1mf"]):
            code, _, err = sweep(*words, *asked)
            assert code == 2
            named = shlex.split(err.split("Find one: ")[1].split(". Or give")[0])
            code, out, err = sweep(*named[1:], "--dry-run")
            assert (code, named[0]) == (0, "sweep"), err
            assert "vit_p_1mf-adamw-mine" in out
            assert named[-2:] == (folder or ["--recipe", str(tmp_path / "mine.toml")])


def test_the_command_that_finds_a_missing_optimum_has_the_data_and_what_is_left_out(tmp_path):
    request = Request(
        models=["resnet18"],
        recipe="folder",
        data=tmp_path,
        skip_corrupt=True,
        found=Path("sweeps/optima.csv"),
    )
    with pytest.raises(InputError) as error:
        make_plans(request)
    words = shlex.join(["--data", str(tmp_path), "--skip-corrupt"])
    assert f"sweep tune --model resnet18 --optimizer adamw --recipe folder {words}. Or" in str(error.value)


def test_requests_of_several_schedules_are_planned_together_on_one_copy_of_the_data():
    requests = [Request(models=["vit_p_1mf", "vit_c_1mf"], n=None, seeds=2, epochs=e) for e in (1, 25)]
    planned = plan_together(requests)
    assert [(p.plan.model, p.plan.recipe.epochs) for p in planned] == [
        ("vit_p_1mf", 1),
        ("vit_c_1mf", 1),
        ("vit_p_1mf", 25),
        ("vit_c_1mf", 25),
    ]
    assert {(p.plan.n, p.plan.seeds) for p in planned} == {(0, 2)}
    assert all(p.splits is planned[0].splits for p in planned)
    (usual,) = make_plans(Request(models=["vit_p_1mf"], n=3, seeds=2))
    assert planned[2].plan == usual.plan.first(0, 2)


def test_what_is_wrong_with_several_requests_is_said_once():
    requests = [Request(models=["vit_p_1mf"], n=None, seed=-1, epochs=e) for e in (0, 0, 3)]
    with pytest.raises(InputError) as error:
        plan_together(requests)
    assert str(error.value).count("\n") == 1
    assert str(error.value).count("epochs must be at least 1") == 1
    assert str(error.value).count("seed must not be negative") == 1


def test_a_corrupt_image_is_named_before_anything_runs(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        for i in range(150):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(folder / f"{i:03d}.png")
    request = Request(models=["vit_p_1mf"], recipe="folder", data=tmp_path, lr=0.1, wd=0.1, n=2)
    assert make_plans(request)[0].plan.classes == 2
    (tmp_path / "train" / "dog" / "007.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(InputError, match=r"dog/007\.png is not a readable image"):
        make_plans(request)


def test_a_model_or_an_optimizer_that_joins_later_is_paired_and_changes_nothing():
    alone = make_plans(Request(models=["vit_p_1mf"], n=5))[0].plan
    first, second = (p.plan for p in make_plans(Request(models=["vit_p_1mf", "vit_c_1mf"], n=9)))
    sgd = make_plans(Request(models=["vit_p_1mf"], optimizer="sgd", n=5))[0].plan
    assert first.first(5, 5) == alone
    for later in (second.first(5, 5), sgd):
        assert later.name != alone.name
        assert [(t.index, t.seed, t.u_lr, t.u_wd) for t in later.trials] == [
            (t.index, t.seed, t.u_lr, t.u_wd) for t in alone.trials
        ]
