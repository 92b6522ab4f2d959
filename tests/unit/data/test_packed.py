"""Packed names are the names, in a fraction of the memory, wherever they are sent."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.data.packed import FilePaths, PackedNames

NAMES = st.lists(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1))


@given(NAMES)
def test_what_is_packed_comes_out(names):
    paths = FilePaths.of("/data", names)
    expected = [f"/data/{name}" for name in names]
    assert list(paths) == list(paths[:]) == expected
    assert list(paths[1:]) == expected[1:]
    assert len(paths) == len(names)
    assert list(pickle.loads(pickle.dumps(paths))) == expected
    assert list(PackedNames.of([name.encode() for name in names])) == [name.encode() for name in names]


@given(NAMES, NAMES)
def test_names_are_equal_if_all_are(one, other):
    packed = [PackedNames.of([name.encode() for name in names]) for names in (one, other)]
    assert packed[0].equals(packed[1]) == (one == other)


def test_there_is_no_name_after_the_last():
    with pytest.raises(IndexError):
        FilePaths.of("/data", ["a"])[1]


def test_pickled_parts_share_their_names():
    names = PackedNames.of([b"%09d.jpg" % i for i in range(10_000)])
    parts = [FilePaths("/data", names, np.arange(part, 10_000, 3)) for part in range(3)]
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(parts, protocol=5, buffer_callback=buffers.append)
    assert len(head) < 2_000  # the arrays lie beside it, and are not copied
    assert sum(buffer.raw().nbytes for buffer in buffers) < 10_000 * (13 + 8 + 8) + 100
    assert [list(part) for part in pickle.loads(head, buffers=buffers)] == [list(part) for part in parts]
