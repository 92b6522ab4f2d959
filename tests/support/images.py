"""Images as sets, whatever their order."""

from collections import Counter


def as_multiset(splits):
    return Counter((p.tobytes(), int(y)) for part in splits for p, y in zip(*part, strict=True))
