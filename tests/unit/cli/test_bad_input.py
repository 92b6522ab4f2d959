"""Bad command lines: each is refused by one message that names it, with exit code 2, and changes nothing."""

import shlex
from pathlib import Path

import pytest
from support.command_lines import split

# ---- one option of `run` at a time: (value, what the message must say)

NO_WHOLE = "Input should be a valid integer"
NO_NUMBER = "Input should be a valid number"
RUN = {
    "--model": [
        ("''", "unknown model ''"),
        ("' '", "unknown model ' '"),
        ("é", "unknown model 'é'"),
        ("VIT_P_1MF", "Did you mean vit_p_1mf"),
        ("../x", "unknown model '../x'"),
        ("vit_p_1mf,vit_c_1mf", "Did you mean vit_p_1mf"),
        ("BYTE", "unknown model"),
        ("LONG", "unknown model"),
        ("NUL", "unknown model"),
    ],
    "--model-args": [
        ("''", "no arguments in ''"),
        ("depth", "arguments are NAME=VALUE"),
        ("BYTE=1", "arguments are NAME"),
        ("depth=LONG", "up to 500 letters"),
        ("depth=nan", "depth must be a number"),
        ("NUL=1", "arguments are NAME=VALUE"),
        ("pretrained=true", "trains from initial weights"),
        ("depht=2 --lr 1 --wd 1", "unexpected keyword argument 'depht'"),
        ("num_heads=3 --lr 1 --wd 1", "cannot be built for 16 px"),
    ],
    "--trainer": [
        ("''", "takes PACKAGE.MODULE:FUNCTION, got ''"),
        ("own", "got 'own'"),
        ("a_file:x", "cannot import"),
        ("nowhere:train", "No module named 'nowhere'"),
        ("BYTE:x", "takes PACKAGE"),
        ("NUL:x", "takes PACK"),
        ("json:dumbs", "Did you mean dumps"),
        ("json:loads", "--epochs E"),
        ("json:loads --epochs 2 --data .", "leave --data out"),
        ("json:loads --epochs 2", "no optimum is known for vit_p_1mf with adamw and --trainer json:loads"),
        ("LONG:x", "cannot import"),
        ("base64:main", "must take one argument"),
    ],
    "--n": [
        ("-1", "n must be at least 1, got -1"),
        ("1000001", "n must be at most 1000000, got 1000001"),
        ("DIGITS", "n must be at most 1000000"),
        ("1.5", NO_WHOLE),
        ("1e3", NO_WHOLE),
        ("nan", NO_WHOLE),
        ("inf", NO_WHOLE),
        ("''", NO_WHOLE),
        ("0x10", NO_WHOLE),
    ],
    "--repeat": [
        ("-1", "takes a point's index, from 0 to 63, got -1"),
        ("64", "from 0 to 63, got 64"),
        ("3 --seeds 1", "give --seeds 2 or more, got 1"),
        ("x", NO_WHOLE),
        ("1.5", NO_WHOLE),
    ],
    "--seeds": [
        ("-1", "--seeds takes a number from 1 to 1000, got -1"),
        ("DIGITS", "from 1 to 1000"),
        ("1.5", NO_WHOLE),
        ("inf", NO_WHOLE),
        ("x", NO_WHOLE),
    ],
    "--optimizer": [
        ("''", "Known: adamw, lion, muon, nadamw, sgd"),
        ("AdamW", "Did you mean adamw"),
        ("sgd,adamw", "unknown optimizer"),
        ("LONG", "unknown optimizer"),
        ("BYTE", "unknown optimizer"),
    ],
    "--recipe": [
        ("''", "unknown recipe ''"),
        ("Digits", "Did you mean digits"),
        ("imagenets", "mean imagenet"),
        ("a_folder", "unknown recipe 'a_folder'"),
        ("a_folder.toml", "cannot read the recipe a_folder.toml"),
        ("a_file/mine.toml", "cannot read the recipe a_file/mine.toml"),
        (".toml", "a recipe's name takes"),
        ("loop.toml", "cannot read the recipe loop.toml"),
        ("latin.toml", "cannot read the recipe latin.toml"),
        ("empty.toml", "field 'dataset' is missing"),
        ("LONG.toml", "File name too long"),
        ("NUL/mine.toml", "cannot read the recipe"),
        ("BYTE.toml", "a recipe's name takes"),
    ],
    "--data": [
        (".", "leave --data out"),
        ("a_file", "leave --data out"),
        ("missing", "leave --data out"),
        ("NUL", "Invalid value for '--data'"),
    ],
    "--skip-corrupt": [("", "--skip-corrupt is for folders of images"), ("x", "unexpected extra argument")],
    "--verify-data": [("", "--verify-data is for folders of images"), ("x", "unexpected extra argument")],
    "--epochs": [
        ("0", "epochs must be at least 1, got 0"),
        ("-1", "epochs must be at least 1, got -1"),
        ("DIGITS", "epochs must be less than 2^53"),
        ("1.5", NO_WHOLE),
        ("nan", NO_WHOLE),
        ("1e400", NO_WHOLE),
        ("''", NO_WHOLE),
    ],
    "--design": [
        ("''", "unknown design ''"),
        ("IID", "known: iid, sobol, grid"),
        ("random", "unknown design 'random'"),
        ("sobol --n 60", "use 48 or 64"),
        ("sobol --n 1", "use 16"),
        ("grid --n 2", "use 1 or 4"),
    ],
    "--box": [
        ("''", "Known: optimum, paper"),
        ("big", "unknown box 'big'"),
        ("PAPER", "unknown box 'PAPER'"),
        ("paper", "--box paper is the paper's ranges"),
    ],
    "--box-down": [
        ("0.5", "a box reaches down by a factor of at least 1, got 0.5"),
        ("nan", "got nan"),
        ("inf", "got inf"),
        ("-8", "got -8"),
        ("1e320", "got inf"),
        ("1e308", "is wider than floating-point numbers reach"),
        ("1 --box-up 1", "a box needs 0 < low < high < inf"),
        ("x", NO_NUMBER),
        ("2 --box paper", "--box-down and --box-up change the box optimum"),
    ],
    "--box-up": [("0", "a box reaches up by a factor of at least 1, got 0"), ("1e400", "got inf")],
    "--seed": [("-1", "seed must not be negative"), ("1.5", NO_WHOLE), ("nan", NO_WHOLE), ("''", NO_WHOLE)],
    "--lr 1 --wd": [
        ("0", "weight_decay must be a positive, finite number, got 0.0"),
        ("-1", "got -1.0"),
        ("nan", "got nan"),
        ("inf", "got inf"),
        ("1e400", "got inf"),
        ("1e308", "a box needs 0 < low < high < inf, got wd"),
        ("''", NO_NUMBER),
        ("1,5", NO_NUMBER),
    ],
    "--wd 1 --lr": [
        ("0", "lr must be a positive, finite number, got 0.0"),
        ("-inf", "got -inf"),
        ("nan", "got nan"),
        ("1e400", "got inf"),
        ("1e-330", "got 0.0"),
        ("1e-323", "a box needs 0 < low < high < inf, got lr"),
        ("''", NO_NUMBER),
        ("x", NO_NUMBER),
    ],
    "--wd": [("1", "give both or neither")],
    "--address": [("ray://", "--address auto"), ("ray://BYTE:1", "--address auto")],
    "--pack": [
        ("0", "--pack takes auto, or a number from 1 to 999999, got '0'"),
        ("-1", "got '-1'"),
        ("1.5", "got '1.5'"),
        ("''", "got ''"),
        ("x", "got 'x'"),
        ("nan", "got 'nan'"),
        ("DIGITS", "takes auto, or a number from 1 to 999999"),
        ("Auto", "got 'Auto'"),
        ("auto --gpus-per-trial 2", "give one of them"),
        ("2 --gpus-per-trial 2", "give one of them"),
    ],
    "--cpus-per-trial": [
        ("-1", "greater than or equal to 0.01"),
        ("0.001", "greater than or equal to 0.01"),
        ("1.5", "a share of one, or a whole number, got 1.5"),
        ("inf", "got inf"),
        ("1e400", "got inf"),
        ("x", NO_NUMBER),
        ("''", NO_NUMBER),
    ],
    "--gpus-per-trial": [
        ("-1", "greater than or equal to 0"),
        ("nan", "greater than or equal to 0"),
        ("inf", "got inf"),
        ("x", NO_NUMBER),
        ("1.01", "a share of one, or a whole number, got 1.01"),
    ],
    "--storage": [
        ("nowhere", "--storage nowhere: not a folder"),
        ("a_file", "It takes one that"),
        ("''", "--storage : not a folder"),
        ("gs://b/x", "not an S3 store"),
        ("s3://", "not an S3 store"),
        ("s3://a:b@c/x", "takes no password"),
        ("s3://b?a=1", "it takes region, endpoint_override, scheme"),
    ],
    "--dir": [
        ("a_file", "--dir a_file: not a folder"),
        ("loop", "--dir loop: not a folder"),
        ("LONG", "File name too long"),
        ("NUL", "Invalid value for '--dir'"),
    ],
    "": [
        ("vit_c_1mf", "unexpected extra argument"),
        ("--frobnicate", "No such option"),
        ("--epoc 1", "--epochs"),
        ("--dry-run=3", "does not take a value"),
        ("-m", "requires an argument"),
        ("-m vit_q", "unknown model 'vit_q'"),
        ("--n 0 --optimizer adam", "Did you mean adamw"),
    ],
}
BAD_RUN = [
    (f"run {'' if option == '--model' else '-m vit_p_1mf'} --dry-run {option} {value}", message)
    for option, cases in RUN.items()
    for value, message in cases
]

# ---- `tune`: what it shares with `run` is checked by the same functions

TUNE = {
    "--model": [("''", "unknown model ''"), ("vit_q", "unknown model 'vit_q'"), ("NUL", "unknown model")],
    "--model-args": [("x", "'x'")],
    "--n-trials": [
        ("0", "--n-trials takes a number from 1 to 1000, got 0"),
        ("1001", "got 1001"),
        ("1.5", NO_WHOLE),
    ],
    "--finalists": [("0", "--finalists takes a number from 1 to 24, got 0"), ("25", "got 25")],
    "--seeds": [("1", "--seeds takes a number from 2 to 100, got 1"), ("101", "got 101")],
    "--optimizer": [("adam", "Did you mean adamw"), ("''", "Known: adamw, lion, muon, nadamw, sgd")],
    "--recipe": [("nope", "unknown recipe 'nope'"), ("empty.toml", "field 'dataset' is missing")],
    "--data": [(".", "leave --data out")],
    "--skip-corrupt": [("", "--skip-corrupt is for folders of images")],
    "--verify-data": [("", "--verify-data is for folders of images")],
    "--epochs": [("0", "epochs must be at least 1, got 0"), ("x", NO_WHOLE)],
    "--lr-range": [
        ("''", "--lr-range takes LOW:HIGH, such as 1e-4:1e-1, got ''"),
        ("1", "got '1'"),
        ("1:2:3", "1:2:3"),
        ("1:x", "got '1:x'"),
        ("2:1", "a box needs 0 < low < high < inf, got lr from 2.0 to 1.0"),
        ("0:1", "from 0.0 to 1.0"),
        ("nan:1", "from nan to 1.0"),
        ("1:inf", "to inf"),
        ("1:1", "to 1.0"),
    ],
    "--wd-range": [("-1:1", "got wd from -1.0"), ("a", "--wd-range takes LOW:HIGH")],
    "--seed": [("-1", "seed must not be negative")],
    "--address": [("ray://x", "--address auto")],
    "--cpus-per-trial": [("0", "greater than or equal to 0.01"), ("1.5", "got 1.5")],
    "--gpus-per-trial": [("-1", "greater than or equal to 0"), ("1.5", "got 1.5")],
    "--storage": [("nowhere", "--storage nowhere: not a folder")],
    "--dry-run=1": [("", "does not take a value")],
    "--json=1": [("", "does not take a value")],
    "--dir": [("a_file", "--dir a_file: not a folder")],
    "": [
        ("x", "unexpected extra argument"),
        ("--n 3", "No such option"),
        ("--seeds 0 --optimizer adam", "Did you mean adamw"),
    ],
}
BAD_TUNE = [
    (f"tune {'' if option == '--model' else '-m vit_p_1mf'} {option} {value}", message)
    for option, cases in TUNE.items()
    for value, message in cases
]

# ---- options that are the same for all commands that read trials: export stands for them

NEEDS_FROM = "tells what the trials of --from are"
TRIALS = [
    ("--model nope", "--model nope leaves none of vit_c_1mf"),
    ("--model ''", "leaves none of"),
    ("--optimizer adam", "--optimizer adam leaves none"),
    ("--recipe nope", "--recipe nope leaves none"),
    ("--recipe ''", "leaves none of"),
    ("--sweep ''", "unknown sweep ''"),
    ("--sweep nope", "unknown sweep"),
    ("--sweep vit", "fits 2 sweeps"),
    ("--sweep LONG", "File name too long"),
    ("--sweep NUL", "unknown sweep"),
    ("--dir a_file", "not a folder"),
    ("--dir missing", "missing/ has none"),
    ("--dir loop", "not a folder"),
    ("--column lr=x", NEEDS_FROM),
    ("--set model=x", NEEDS_FROM),
    ("--accuracy", NEEDS_FROM),
    ("--error", NEEDS_FROM),
    ("--percent", NEEDS_FROM),
    ("--nan failed", NEEDS_FROM),
    ("--optimum lr=1,wd=1", NEEDS_FROM),
    ("--frobnicate", "No such option"),
    ("x", "unexpected extra argument"),
    ("--from", "requires an argument"),
    ("--from missing.csv", "no such file or folder"),
    ("--from a_file", "unknown kind of source"),
    ("--from a_folder", "no Ray Tune result folder"),
    ("--from loop", "no such file or folder"),
    ("--from LONG.csv", "File name too long"),
    ("--from NUL.csv", "no such file or folder"),
    ("--from BYTE.csv", "no such file or folder"),
    ("--from ~nobody_of_that_name/x.csv", "no such file or folder"),
    ("--from x:y", "no such file or folder"),
    ("--from s3://x/y.csv", "only local sources can be read"),
    ("--from optuna:", "no such file"),
    ("--from optuna:missing.db::x", "missing.db: no such file"),
    ("--from optuna:a_folder::x", "no such file"),
    ("--from optuna:t.csv::x", "t.csv is neither a SQLite nor a journal file"),
    ("--from optuna:~nobody_of_that_name/x.db::x", "no such file"),
    ("--from sqlite:///missing.db::x", "there is no file missing.db"),
    ("--from sqlite:///t.csv::x", "not an Optuna storage"),
    ("--from nonsense://x::y", "nonsense://x cannot be read"),
    ("--from t.csv --from ./t.csv", "they would count twice"),
]
FOREIGN = [
    ("--column ''", "--column takes NAME=VALUE, got ''"),
    ("--column =", "takes NAME=VALUE"),
    ("--column =lr", "unknown --column name ''"),
    ("--column lr=", "got 'lr='"),
    ("--column lr=NUL", "has no column"),
    ("--column key=lr", "unknown --column name 'key'"),
    ("--set model=", "got 'model='"),
    ("--set seed=abc", "--set seed must hold whole numbers, got 'abc'"),
    ("--set seed=1e400", "must hold whole numbers"),
    ("--set epochs=1.5", "must hold whole numbers"),
    ("--set lr=abc", "--set lr must hold numbers"),
    ("--set lr=inf", "lr is infinite"),
    ("--set lr=-1", "lr is negative in rows 1, 2"),
    ("--set weight_decay=-0.1", "weight_decay is negative"),
    ("--set state=finished", "unknown --set name 'state'"),
    ("--set nope=1", "unknown --set name 'nope'"),
    ("--nan ''", "unknown --nan ''"),
    ("--nan Diverged", "Did you mean diverged"),
    ("--optimum ''", "takes NAME=VALUE, got ''"),
    ("--optimum 1,1", "takes NAME=VALUE, got '1'"),
    ("--optimum wd=1", "--optimum takes lr=…,wd=…"),
    ("--optimum lr=1,wd=", "got 'wd='"),
    ("--optimum lr=1,wd=1,lr=2", "--optimum lr is given twice: 1 and 2"),
    ("--optimum lr=nan,wd=1", "a positive, finite lr"),
    ("--optimum lr=0,wd=1", "a positive, finite lr"),
    ("--optimum lr=-1,wd=1", "a positive, finite lr"),
    ("--optimum lr=1e400,wd=1", "a positive, finite lr"),
    ("--optimum lr=1,wd=-1", "a wd that is not negative"),
    ("--optimum lr=1,wd=nan", "a wd that is not"),
    ("--optimum lr=1,wd=1,seed=1", "unknown --optimum name 'seed'"),
    ("--optimum optimizer=zz,lr=1,wd=1", "is of no sweep here"),
    ("--model nope", "--model nope leaves none"),
    ("--sweep nope", "--sweep nope leaves none"),
    ("--sweep ''", "leaves none of a-unknown-unknown"),
]

# ---- what is written, and the rest of each command

CONFIDENCES = [
    ("0", "between 0 and 1, such as 0.95, got 0.0"),
    ("1", "got 1.0"),
    ("-1", "got -1.0"),
    ("95", "got 95.0"),
    ("nan", "got nan"),
    ("1e400", "got inf"),
    ("0.9999999999999999", "a confidence is at most 0.999999999"),
    ("x", NO_NUMBER),
    ("''", NO_NUMBER),
]
OUTS = [
    ("''", "suffix"),
    (".", "suffix"),
    ("a_folder", "suffix"),
    ("x.SUFFIXX", ".SUFFIXX"),
    (".SUFFIX", "suffix"),
    ("x.SUFFIX.gz", "gz"),
    ("a_folder.SUFFIX", "cannot write a_folder.SUFFIX: Is a directory"),
    ("a_file/x.SUFFIX", "cannot write a_file/x.SUFFIX"),
    ("loop/x.SUFFIX", "cannot write loop/x.SUFFIX"),
    ("LONG.SUFFIX", "File name too long"),
    ("NUL.SUFFIX", "Invalid value for '--out'"),
]
OTHERS = [
    ("sync ''", "unknown sweep ''"),
    ("sync nope", "unknown sweep 'nope'"),
    ("sync a b", "extra argument"),
    ("sync --dir a_file", "--dir a_file: not a folder"),
    ("status --check nope", "unknown sweep 'nope'"),
    ("status --check ''", "unknown sweep ''"),
    ("status --check=1", "does not take a value"),
    ("status --remote=1", "does not take a value"),
    ("logs --follow=1", "does not take a value"),
    ("stop a b", "extra argument"),
    ("fetch --out", "requires an argument"),
    ("run -m vit_p_1mf --retry-failed=1", "does not take a value"),
    ("run -m vit_p_1mf --verbose=1", "does not take a value"),
    ("report", "give either --out, a file, or --bundle, a folder"),
    ("report --out x.pdf", ".pdf"),
    ("report --out x.html --bundle site", "give either --out, a file, or --bundle, a folder"),
    ("report --bundle a_file", "--bundle a_file: File exists"),
    ("report --bundle a_file/site", "--bundle a_file/site: Not a directory"),
    ("watch --port 65536", "Invalid value for '--port'"),
    ("watch --port x", "Invalid value for '--port'"),
    ("watch --once", "--once and --out belong together"),
    ("watch --once=1", "does not take a value"),
    ("watch --out x.html", "--once and --out belong together"),
    ("watch --once --out x.pdf", ".pdf"),
    ("watch --dir missing", "no sweep to show: missing/ has none with points"),
    ("watch --sweep nope", "no sweep to show of --sweep nope"),
    ("watch --recipe nope", "no sweep to show of --recipe nope"),
    ("report --out x.html --model nope", "--model nope leaves none of"),
    ("status ''", "unknown sweep ''"),
    ("status ' '", "unknown sweep ' '"),
    ("status NUL", "unknown sweep"),
    ("status LONG", "File name too long"),
    ("status BYTE", "unknown sweep"),
    ("status ../sweeps", "unknown sweep"),
    ("status Vit", "unknown sweep 'Vit'"),
    ("status 'vit_p*'", "unknown sweep 'vit_p*'"),
    ("status a b", "unexpected extra argument"),
    ("status --json=1", "does not take a value"),
    ("status --jsonn", "--json"),
    ("status --dir a_file", "--dir a_file: not a folder"),
    ("status --dir loop", "--dir loop: not a folder"),
    ("status --dir LONG", "File name too long"),
    ("status x --dir missing", "unknown sweep 'x'"),
    ("models x", "unexpected extra argument"),
    ("models --json=x", "does not take a value"),
    ("models --csv", "No such option"),
    ("models --dir a_file", "--dir a_file: not a folder"),
    ("ui x", "unexpected extra argument"),
    ("ui --port abc", NO_WHOLE),
    ("ui --port -1", "greater than or equal to 1"),
    ("ui --port 65536", "less than or equal to 65535"),
    ("ui --port 1.5", NO_WHOLE),
    ("ui --port ''", NO_WHOLE),
    ("ui --host", "requires an argument"),
    ("compare x", "unexpected extra argument"),
    ("compare --test ''", "a test is one of auto, paired, unpaired, got ''"),
    ("compare --test PAIRED", "'PAIRED'"),
    ("compare --test wilcoxon", "got 'wilcoxon'"),
    ("compare --margin 0", "above 0"),
    ("compare --margin nonsense=1", "nonsense"),
    ("compare --json=1", "does not take a value"),
    ("compare --from t.csv", "at least two sweeps"),
    ("compare --dir missing", "missing/ has none"),
    ("cdf --out x.pdf --band ''", "a band is one of"),
    ("cdf --out x.pdf --band KS", "got 'KS'"),
    ("cdf --out x.pdf --absolute=1", "does not take a value"),
    ("cdf --out x.pdf --from t.csv", "--optimum"),
    ("cdf --out x.pdf --band none --confidence 7", "got 7.0"),
    ("cdf --out x.pdf y.pdf", "extra argument"),
    ("scatter --out x.pdf --from t.csv --set lr=-1", "lr"),
    ("scatter --out x.pdf --band ks", "No such option"),
    ("scatter", "Missing option '--out'"),
    ("export", "Missing option '--out'"),
    ("--frobnicate", "No such option"),
    ("''", "No such command ''"),
    ("é", "No such command 'é'"),
    ("exporrt --out x.csv", "Did you mean 'export'"),
    ("run --help=1", "not take a value"),
]

BAD = [
    *BAD_RUN,
    *BAD_TUNE,
    *((f"export --out x.csv {words}", message) for words, message in TRIALS),
    *((f"export --out x.csv --from t.csv {words}", message) for words, message in FOREIGN),
    *(
        (f"{command} --out {out}".replace("SUFFIX", suffix), message.replace("SUFFIX", suffix))
        for command, suffix, outs in (
            ("export", "csv", OUTS),
            ("compare", "json", OUTS),
            ("cdf", "pdf", OUTS),
            ("scatter", "svg", OUTS[::4]),
            ("report", "html", OUTS[::4]),
        )
        for out, message in outs
    ),
    *(
        (f"{command} --confidence {value}", message)
        for command in ("cdf --out x.pdf", "compare")
        for value, message in CONFIDENCES
    ),
    *OTHERS,
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_a_bad_command_line_is_refused_by_one_message(line, message, refused, place):
    assert message in refused(*split(line))


def test_two_hundred_bad_command_lines_are_tried():
    assert len({line for line, _ in BAD}) >= 250


def test_every_command_and_option_is_among_them(place):
    from typer.main import get_command

    from sweep.cli.main import app

    tried = {word.split("=")[0] for line, _ in BAD for word in shlex.split(line)}
    for name, command in get_command(app).commands.items():
        if hasattr(command, "commands"):  # those of `study` are tried in unit.cli.test_study.py
            continue
        options = {option for each in command.params for option in each.opts if option.startswith("--")}
        assert name in tried
        assert options - tried <= {"--fraction"}, f"{name}: no bad value of an option is tried"


def test_the_folder_of_sweeps_may_be_misnamed_by_the_environment(refused, place, monkeypatch):
    monkeypatch.setenv("SWEEP_DIR", "a_file")
    assert "--dir a_file: not a folder" in refused("status")


@pytest.mark.parametrize(
    "value", ["nonsense://x", "sqlite:///missing.db", "sqlite:///t.csv", "file:///x", "::"]
)
def test_a_bad_address_of_mlflow_is_refused(value, refused, place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    message = refused("export", "--from", "mlflow:any", "--out", "x.csv")
    assert value.rpartition("/")[2] in message


def test_what_may_not_be_read_is_refused(refused, place):
    import os

    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (place / "t.csv").chmod(0)
    assert "Permission denied" in refused("export", "--from", "t.csv", "--out", "x.csv")
    plan = next((place / "sweeps").rglob("plan.json"))
    plan.chmod(0)
    assert str(plan.relative_to(place)) in refused("status")
    Path("mine.toml").write_text("")
    Path("mine.toml").chmod(0)
    assert "cannot read the recipe mine.toml" in refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml")
