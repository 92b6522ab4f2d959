"""Bad recipes: refused by one message that names them."""

import pytest

GOOD = {
    "dataset": '"digits"',
    "max_px": "16",
    "epochs": "2",
    "batch": "8",
    "warmup_epochs": "1",
    "warmup_factor": "0.1",
    "min_lr_factor": "0.1",
    "label_smoothing": "0.1",
    "augment": '["flip"]',
    "ema_steps": "1",
    "ema_rate": "0.1",
    "train_subset": "100",
    "data_seed": "1",
}
OF_NO_FIELD = [
    "nan",
    "inf",
    "-inf",
    "true",
    "[]",
    "[[1]]",
    "{a = 1}",
    "1979-05-27",
    "''",
    "'x'",
    "-1",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "0x",
    "=",
    "[" * 5000,
    "\0",
    "'",
    '"""',
]


@pytest.mark.parametrize("field", GOOD)
def test_no_field_of_a_recipe_takes_what_is_not_its(field, refused, place):
    for value in OF_NO_FIELD:
        if (field, value) == ("augment", "[]"):
            continue
        lines = GOOD | {field: value}
        (place / "mine.toml").write_text("".join(f"{key} = {text}\n" for key, text in lines.items()))
        message = refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml", "--dry-run")
        assert "'mine'" in message, value


TEXTS = [
    b"",
    b"\xef\xbb\xbfepochs = 1",
    b"\xff",
    b"epochs",
    b"[epochs]",
    b"epochs = 1\nepochs = 2",
    b"\0",
    b"{}",
    b"[[a]]\n" * 10,
    b"a.b.c = 1",
    b"Epochs = 1",
    b"a = " + b"[" * 100_000,
    b"<html>",
    b"name = 'x'",
]


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_what_is_no_recipe_is_named(text, refused, place):
    (place / "mine.toml").write_bytes(text)
    assert "mine" in refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml", "--dry-run")
