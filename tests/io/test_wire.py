"""Messages between two processes."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from io import FileIO

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.io._wire import receive, send


def through_a_pipe(value, most_bytes=2**24):
    ours, theirs = os.pipe()

    def write():
        # What nobody reads any more cannot be written.
        with suppress(OSError), FileIO(theirs, "w") as target:
            send(target, value)

    writer = threading.Thread(target=write)
    with FileIO(ours) as source:
        writer.start()
        try:
            found = receive(source, most_bytes)
        finally:
            source.close()
            writer.join()
    return found


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_come_through(value):
    assert through_a_pipe(value) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(100, dtype=">u2")[::-3],
        np.array(3.5),
        np.zeros((0, 5)),
        np.array([True, False]),
        np.array(["Sr", "Ti", ""]),
        np.array([1 + 2j]),
    ],
)
def test_arrays_come_through(array):
    (found,) = through_a_pipe([{"a": array}])
    np.testing.assert_array_equal(found["a"], array)
    assert (found["a"].shape, found["a"].dtype) == (array.shape, array.dtype)


def test_larger_than_a_pipe():
    value = {"image": np.random.default_rng(0).random((1000, 1000)), "text": "x" * 300_000}
    found = through_a_pipe(value)
    np.testing.assert_array_equal(found["image"], value["image"])
    assert found["text"] == value["text"]


def test_what_could_run_becomes_text():
    assert through_a_pipe({"a": print, "b": (1, {2})}) == {"a": str(print), "b": [1, "{2}"]}
    found = through_a_pipe(np.array([print], dtype=object))
    assert isinstance(found, str)


def test_no_more_than_allowed():
    with pytest.raises(ValueError, match="beyond 7999 bytes"):
        through_a_pipe(np.zeros(1000), most_bytes=7999)
    # All arrays together.
    with pytest.raises(ValueError, match="beyond 4000 bytes"):
        through_a_pipe([np.zeros(500), np.zeros(501)], most_bytes=8000)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EOFError),
        (b"\1\0\0\0\0\0\0\0", EOFError),
        (b"\xff" * 8, ValueError),
        (b"\2\0\0\0\0\0\0\0{{", ValueError),
    ],
)
def test_what_is_no_message(tmp_path, content, error):
    path = tmp_path / "a"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file, pytest.raises(error):
        receive(file, 100)


def test_objects_are_no_arrays(tmp_path):
    head = b'{"value": {"array": 0}, "arrays": [["|O", [1]]]}'
    path = tmp_path / "a"
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"\0" * 8)
    with path.open("rb", buffering=0) as file, pytest.raises(ValueError, match="array of"):
        receive(file, 100)
