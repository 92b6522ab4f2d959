"""The same bits on every x86 machine: what torch may use, and that published results come out again."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import torch

from sweep.models.catalog import test_resize as resize_of
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.training import loop
from sweep.training.streams import open_batches
from sweep.utils import cpu_isa
from sweep.utils.cpu_isa import AVX2, cpu_name, has_avx2

RESULTS = Path(__file__).parents[3] / "docs" / "results" / "digits"

RECORD = json.loads((RESULTS / "record.json").read_text())
VERSIONS = {name: RECORD["versions"][name] for name in ("torch", "timm")}

needs_avx2 = pytest.mark.skipif(not has_avx2(), reason="needs an x86 machine with AVX2, and Linux")


TRAINS = "import sweep.training.loop, torch; print(torch.backends.cpu.get_cpu_capability())"
WORKS = """
from sweep.orchestrate import worker
worker.TrialRunner([], None, on_gpu=False)
print(worker.cpu_name().split(", ")[1].rstrip(")"))
"""


def capability(code: str = TRAINS, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in AVX2}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=kept | environment
    )
    return ran.stdout.strip()


@needs_avx2
def test_a_process_that_trains_uses_avx2_and_nothing_newer():
    assert capability() == "AVX2"


@needs_avx2
def test_a_worker_does_so_although_it_names_its_processor_before_it_builds_a_model():
    assert capability(WORKS) == "AVX2"


@needs_avx2
def test_the_environment_has_the_last_word():
    assert capability(ATEN_CPU_CAPABILITY="default") == "DEFAULT"


@pytest.mark.parametrize(("machine", "flags"), [("aarch64", "avx2"), ("x86_64", "avx sse4_2")])
def test_a_machine_without_avx2_is_left_alone(machine, flags, monkeypatch):
    monkeypatch.setattr(cpu_isa.platform, "machine", lambda: machine)
    monkeypatch.setattr(cpu_isa, "_cpuinfo", lambda: ["flags", *flags.split()])
    for name in AVX2:
        monkeypatch.delenv(name, raising=False)
    cpu_isa.pin()
    assert not AVX2.keys() & os.environ.keys()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["AuthenticAMD", "avx2"], "cpu (AMD, AVX2)"),
        (["GenuineIntel", "avx2"], "cpu (Intel, AVX2)"),
        ([], "cpu (riscv64, AVX2)"),
    ],
)
def test_a_processor_is_named_by_what_decides_how_it_rounds(words, named, monkeypatch):
    monkeypatch.setattr(cpu_isa.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(cpu_isa, "_cpuinfo", lambda: words)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert cpu_name() == named


@pytest.mark.skipif(
    "AuthenticAMD" not in cpu_isa._cpuinfo() or not has_avx2(), reason="trained on AMD's processors"
)
@pytest.mark.skipif({name: version(name) for name in VERSIONS} != VERSIONS, reason=f"trained with {VERSIONS}")
@pytest.mark.parametrize(
    "model",
    ["vit_p_1mf", *(pytest.param(name, marks=pytest.mark.system) for name in ("vit_c_1mf", "regnety_1mf"))],
)
def test_a_published_result_comes_out_again(model):
    # Trained on another machine, without AVX-512: one that rounds otherwise ends elsewhere.
    published = pd.read_csv(RESULTS / "trials.csv").set_index("key")
    (planned,) = make_plans(Request(models=[model], n=1))
    trial, recipe, px = planned.plan.trials[0], planned.plan.recipe, planned.plan.px
    torch.set_num_threads(1)
    resize = resize_of(model, px, recipe.test_crop)
    batches = open_batches(planned.splits, recipe, torch.device("cpu"), px=px, resize=resize)
    *_, (last,) = loop.train([trial], recipe, batches, classes=10, px=px, device=torch.device("cpu"))
    assert last.top1_err == published.loc[trial.key, "top1_err"]
