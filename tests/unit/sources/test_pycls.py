import json

import numpy as np
import pytest

from analysis import curves
from sweep.results.figures import with_places
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping


def a_job(i, errors, epochs=3, *, averaged=True, old=False, lr=0.1, wd=2.4e-5):
    """Return a job as pycls collects it: the config, and what it logged, a list an epoch for each measure."""
    job = {
        "cfg": {
            "DESC": "",
            "MODEL": {"TYPE": "regnet"},
            "OPTIM": {"BASE_LR": lr, "WEIGHT_DECAY": wd, "OPTIMIZER": "sgd", "MAX_EPOCH": epochs},
            "RNG_SEED": 1,
        },
        "complexity": {"flops": 4_000_000_000, "params": 22_000_000, "acts": 14_000_000},
        "log_file": f"sweeps/my/logs/{i:06d}/stdout.log",
        "err_file": f"sweeps/my/logs/{i:06d}/stderr.log",
        "err": "",
    }
    log = {
        "top1_err": list(errors),
        "min_top1_err": np.minimum.accumulate(errors).tolist(),
        "time_epoch": [0.5] * len(errors),
    }
    if old:
        log["epoch"] = [f"{e + 1}/{epochs}" for e in range(len(errors))]
    else:
        log |= {"epoch_ind": list(range(1, len(errors) + 1)), "epoch_max": [epochs] * len(errors)}
    if errors:
        job["train_epoch"] = log | {"time_epoch": [2.0] * len(errors)}
        job["test_epoch"] = log | {"top1_err": [e + 1.0 for e in errors]}
        if averaged:
            job["test_ema_epoch"] = log
    return job


def read_jobs(tmp_path, jobs, **mapping):
    (tmp_path / "sweep.json").write_text(json.dumps(jobs, sort_keys=True))
    mapping = {"constants": {"model": "RegNetY-4GF"}, "nan": "diverged"} | mapping
    return read([str(tmp_path / "sweep.json")], Mapping(**mapping))


def test_the_last_epoch_of_the_averaged_weights_counts_and_the_best_is_kept(tmp_path):
    got = read_jobs(tmp_path, [a_job(7, [50.0, 20.0, 25.0], lr=0.1234567, wd=2.4e-5)])
    (row,) = got.table.to_dict("records")
    assert (row["top1_err"], row["best_top1_err"], row["epochs"]) == (25.0, 20.0, 3)
    assert (row["lr"], row["weight_decay"], row["optimizer"]) == (0.1234567, 2.4e-5, "sgd")
    assert (row["seed"], row["wall_s"], row["state"]) == (1, 7.5, "finished")
    assert row["key"].endswith("sweep.json#000007")
    assert "the last epoch's test_ema_epoch.top1_err counts (pycls takes the best epoch's)" in "\n".join(
        got.preview
    )


@pytest.mark.parametrize("old", [True, False])
def test_without_averaged_weights_the_plain_ones_count(tmp_path, old):
    (row,) = read_jobs(tmp_path, [a_job(0, [50.0, 20.0, 25.0], averaged=False, old=old)]).table.to_dict(
        "records"
    )
    assert (row["top1_err"], row["epochs"], row["state"]) == (26.0, 3, "finished")


def test_jobs_that_pycls_drops_are_counted_as_the_user_says(tmp_path):
    # The share of trials at most at 32 %: 0.75 where the 16 are dropped, 0.5625 where they count.
    finite = [
        a_job(i, [90.0, 60.0, e]) for i, e in enumerate([*np.linspace(10, 32, 36), *np.linspace(33, 90, 12)])
    ]
    lost = [a_job(100 + i, []) for i in range(12)] + [a_job(200 + i, [99.0]) for i in range(4)]
    for nan, share in (("diverged", 0.5625), ("failed", 0.75)):
        got = read_jobs(tmp_path, finite + lost, nan=nan)
        (curve,) = curves(with_places(got.table), absolute=True)
        assert len(got.table) == 64
        assert float(curve.edf.share(32.0)) == share
    assert "64 jobs: 12 never evaluated (pycls drops these), 4 not to their last epoch" in "\n".join(
        got.preview
    )


def test_jobs_without_a_last_epoch_are_asked_about(tmp_path):
    with pytest.raises(ValueError, match=r"2 of 3 trials have no finite test_ema_epoch.top1_err: 2 "):
        read_jobs(tmp_path, [a_job(0, [9.0] * 3), a_job(1, []), a_job(2, [9.0])], nan=None)


BAD = [
    ("[", "not JSON, or is damaged"),
    ("", "not JSON, or is damaged"),
    ("[]", "a sweep.json is a list of jobs"),
    ("{}", "a sweep.json is a list of jobs"),
    ("[1]", "its job 0 has no cfg"),
    ('[{"cfg": {}, "test_epoch": {"epoch": ["two"], "top1_err": [3]}}]', "a job's epochs read"),
    ('[{"cfg": {}}]', "It has epochs"),
    ("[" * 100_000, "not JSON, or is damaged"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_other_json_is_refused(text, message, sweep, tmp_path):
    (tmp_path / "s.json").write_text(text)
    code, out, err = sweep("export", "--from", "s.json", "--set", "model=m", "--out", "o.csv")
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err


def test_a_cut_file_is_refused(sweep, tmp_path):
    whole = json.dumps([a_job(0, [9.0] * 3)])
    (tmp_path / "s.json").write_text(whole[: len(whole) // 2])
    assert sweep("export", "--from", "s.json", "--set", "model=m", "--out", "o.csv")[0] == 2
