"""Command lines of bad input, with words in them that stand for what cannot be written in a table."""

import shlex

LONG, BYTE, DIGITS = "x" * 5000, "\udcff", "1" + "0" * 400  # BYTE: what Python makes of one that is not UTF-8
WORDS = {"LONG": LONG, "BYTE": BYTE, "NUL": "a\0b", "DIGITS": DIGITS}


def split(line: str) -> list[str]:
    words = shlex.split(line)
    for name, value in WORDS.items():
        words = [word.replace(name, value) for word in words]
    return words
