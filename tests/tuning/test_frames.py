"""Frames from folders, functions and other processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from logstar.io import Micrograph
from logstar.tuning import frames

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)


class Clock:
    """Time that passes only by waiting, and what happens at each wait."""

    def __init__(self, *events: Any) -> None:
        self.now = 0.0
        self._events = list(events)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._events:
            self._events.pop(0)()


def _save(path: Path, image: Any, at: int) -> None:
    np.save(path, image)
    os.utime(path, (at, at))


def _nothing() -> None:
    pass


def test_a_folder_that_fills(tmp_path: Path) -> None:
    """In the order of their last change, each when it has stopped growing."""
    _save(tmp_path / "b.npy", IMAGE, 10)
    _save(tmp_path / "a.npy", IMAGE + 1, 20)
    (tmp_path / ".hidden.npy").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    whole = (tmp_path / "a.npy").read_bytes()

    def begin() -> None:
        (tmp_path / "c.npy").write_bytes(whole[:-10])

    def end() -> None:
        (tmp_path / "c.npy").write_bytes(whole)

    clock = Clock(_nothing, begin, end, _nothing)
    found = list(frames(tmp_path, timeout=1.0, pause=0.1, sleep=clock.sleep, clock=clock))
    assert [frame.path.name for frame in found] == ["b.npy", "a.npy", "c.npy"]
    assert np.array_equal(found[2].image, IMAGE + 1)
    # The last file is whole at the fourth look and taken at the fifth; one second later it ends.
    assert clock.now == pytest.approx(1.5, abs=0.11)


def test_only_what_comes(tmp_path: Path) -> None:
    _save(tmp_path / "old.npy", IMAGE, 10)
    clock = Clock(lambda: _save(tmp_path / "new.npy", IMAGE, 5))
    found = frames(tmp_path, timeout=0.5, existing=False, sleep=clock.sleep, clock=clock)
    assert [frame.path.name for frame in found] == ["new.npy"]


def test_a_file_that_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    _save(tmp_path / "good.npy", IMAGE, 20)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    os.utime(tmp_path / "bad.npy", (10, 10))
    clock = Clock()
    with pytest.warns(UserWarning, match="bad.npy cannot be read and is left out"):
        found = list(frames(tmp_path, timeout=0.5, sleep=clock.sleep, clock=clock))
    assert [frame.path.name for frame in found] == ["good.npy"]


def test_a_callable_until_it_gives_none() -> None:
    left = [IMAGE, IMAGE + 1]
    found = list(frames(lambda: left.pop(0) if left else None))
    assert [int(frame.image[0, 0]) for frame in found] == [0, 1]


def _swift(units: str, scale: float = 0.02) -> SimpleNamespace:
    calibration = SimpleNamespace(scale=scale, units=units)
    return SimpleNamespace(data=IMAGE, dimensional_calibrations=[calibration, calibration])


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (IMAGE, None),
        (Micrograph(IMAGE), None),
        (_swift("nm"), 0.2),
        ([_swift("nm")], 0.2),
        (_swift(""), None),
        (_swift("rad"), None),
        ((json.dumps({"shape": [3, 4], "dtype": "uint16"}), IMAGE.tobytes()), None),
        (
            ({"shape": (3, 4), "dtype": "<u2", "pixel_size": "0.02 nm"}, bytearray(IMAGE)),
            0.2,
        ),
        (({"shape": (3, 4), "dtype": "<u2", "pixel_size": 2e-11}, IMAGE.tobytes()), None),
        (({"shape": (3, 4), "dtype": "<u2", "pixel_size": 20, "unit": "pm"}, bytes(IMAGE)), 0.2),
        ((IMAGE.tolist(), (3, 4), "uint16"), None),
        ([IMAGE.ravel().tolist(), [3, 4], "<u2"], None),
        ((IMAGE.tobytes(), (3, 4), np.dtype("uint16")), None),
    ],
)
def test_forms_of_a_frame(item: Any, size: float | None) -> None:
    (frame,) = frames(iter([item]))
    assert np.array_equal(frame.image, IMAGE)
    found = None if frame.pixel_size is None else frame.pixel_size.to("A").value
    assert found == (None if size is None else pytest.approx(size))


def test_a_pixel_size_without_a_unit_is_told_of() -> None:
    (frame,) = frames([({"shape": (3, 4), "dtype": "<u2", "pixel_size": 2e-11}, bytes(IMAGE))])
    assert "has no unit and is not used" in frame.notes[0]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (("{", b""), "must be JSON"),
        (({"shape": (3, 4)}, b""), "must have shape and dtype"),
        (({"shape": (3, 5), "dtype": "uint16"}, IMAGE.tobytes()), "product as the number"),
        (({"shape": (3, 4), "dtype": "O"}, IMAGE.tobytes()), "must be a type of real numbers"),
        (({"shape": (3, 4), "dtype": "pixels"}, IMAGE.tobytes()), "is no number type of NumPy"),
        ((IMAGE.tolist(), (3, 5), "uint16"), "product as the number"),
        (np.zeros((2, 3, 4)), "must be one image"),
    ],
)
def test_refuses_what_is_no_frame(item: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(frames([item]))


def test_refuses_what_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist; give the folder"):
        frames(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="is no folder"):
        frames(tmp_path / "file")
    with pytest.raises(TypeError, match="must be a folder, a callable or an iterable, got int"):
        frames(3)
