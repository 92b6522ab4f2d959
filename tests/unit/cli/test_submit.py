"""What a submitted command becomes on the cluster, without a cluster."""

import pytest
import typer

from sweep.cli.app import app
from sweep.cli.submit import _options

FOLDER = "/sweeps/alice"


def options(line: str) -> list[str]:
    """Return the options of a command line as the cluster is given them."""
    command, words = typer.main.get_command(app), line.split()
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    return list(_options(command.make_context(name, words), FOLDER))


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("submit run -m a -m b --n 4", "--model a --model b --n 4"),
        ("submit run -m a --lr 1e-3 --wd 0.05", "--model a --lr 0.001 --wd 0.05"),
        ("submit run --recipe some/where/my.toml --skip-corrupt", "--recipe my.toml --skip-corrupt"),
        ("submit run --recipe digits --data /data", "--recipe digits --data /data"),
        ("submit run --storage s3://b/f --retry-failed", "--retry-failed --storage s3://b/f"),
        ("submit run --storage /only/there", "--storage /only/there"),
        ("submit tune -m a --json --lr-range 1e-4:1", "--model a --lr-range 1e-4:1 --json"),
        ("submit study lengths --size 1mf", "--size 1mf --out /sweeps/alice/figures/lengths.pdf"),
        ("submit study peak --out here/p.svg --published", "--out /sweeps/alice/figures/p.svg --published"),
    ],
)
def test_given_options_are_written_for_the_cluster_and_defaults_are_left_to_it(line, there):
    assert sorted(options(line)) == sorted(there.split())


def test_every_option_survives_the_way():
    """What the cluster parses of the written words is what was given here."""
    line = "submit run -m a --n 7 --design sobol --box-down 2.5 --seeds 3 --repeat 1 --repeat 2 --verbose"
    assert options("submit run " + " ".join(options(line))) == options(line)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("submit run -m a --address auto", "No such option"),
        ("submit run -m a --dir x", "No such option"),
        ("submit run -m a --data images", "--data images: it does not travel"),
        ("submit run -m a --storage folder", "--storage folder: it does not travel"),
        ("submit run -m a --cpus-per-trial 1.5", "--cpus-per-trial takes a share of one"),
        ("submit run -m a", "no cluster is known: write a line [cluster] and a line address ="),
        ("submit study peak", "no cluster is known"),
        ("logs", "no cluster is known"),
        ("stop", "no cluster is known"),
        ("fetch", "no cluster is known"),
        ("status --remote", "no cluster is known"),
        ("status --remote --check", "--remote lists the jobs: leave a sweep's name and --check out"),
    ],
)
def test_refused_before_anything_is_sent(refused, tmp_path, monkeypatch, words, says):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SWEEP_CLUSTER_ADDRESS", raising=False)
    if "does not travel" in says:
        monkeypatch.setenv("SWEEP_CLUSTER_ADDRESS", "http://127.0.0.1:1")
    assert says in refused(*words.split())


def test_a_dead_address(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("SWEEP_CLUSTER_ADDRESS", "http://127.0.0.1:1")
    for words in ("submit run -m vit_p_1mf", "logs", "stop", "fetch", "status --remote"):
        message = refused(*words.split())
        assert "no Ray cluster answers at http://127.0.0.1:1: Connection refused" in message
        assert "Is its head running, and that port forwarded to this machine?" in message
