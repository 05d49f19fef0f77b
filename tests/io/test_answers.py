"""What is answered about the signals of a file."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.io import _signal, list_images, read_image
from logstar.io._answers import answer, choice
from logstar.io._signal import Frames, Signal, check_image_bytes, frames_of

from .files import write_hspy

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("lengths", "dataset", "average", "expected"),
    [
        ([1], None, False, (0, 0)),
        ([5], None, False, None),
        ([5], None, True, (0, 0)),
        ([1, 1], None, False, None),
        ([1, 5], None, True, None),
        ([2, 3], 0, False, (0, 0)),
        ([2, 3], 1, False, (0, 1)),
        ([2, 3], 2, False, (1, 0)),
        ([2, 3], 4, True, (1, 2)),
        ([], None, False, None),
    ],
)
def test_choices(lengths, dataset, average, expected):
    assert choice(lengths, dataset, average=average) == expected


@pytest.mark.parametrize("dataset", [-1, 5])
def test_choices_that_there_are_not(dataset):
    with pytest.raises(IndexError):
        choice([2, 3], dataset, average=False)


def test_an_image_is_loaded_if_it_is_chosen_alone():
    loaded = []

    def load(index):
        loaded.append(index)
        return np.full((4, 5), index)

    signal = Signal(Frames((9, 4, 5), np.dtype(int), load), metadata={"a": 1})
    found = answer([signal, signal])
    assert (loaded, found["image"]) == ([], None)
    assert found["signals"][0]["metadata"] == {}
    found = answer([signal, signal], dataset=12)
    assert loaded == [3]
    assert [described["metadata"] for described in found["signals"]] == [{}, {"a": 1}]
    assert (found["image"] == 3).all()
    found = answer([signal], average=True)
    assert loaded[1:] == list(range(9))
    assert (found["image"] == 4).all()


def test_statistics_of_the_first_frame():
    frames = RNG.normal(size=(3, 8, 9))
    frames[0, 1, 2], frames[0, 3, 4], frames[0, 0, 0], frames[1, 0, 0] = np.nan, np.inf, -50, -90
    (found,) = answer([Signal(frames_of(frames))], statistics=True)["signals"]
    finite = frames[0][np.isfinite(frames[0])]
    assert found["statistics"] == {
        "low": -50.0,
        "high": finite.max(),
        "n_not_finite": 2,
        "channels_differ": False,
    }
    colours = np.repeat(RNG.integers(0, 9, size=(1, 8, 9, 1)), 3, axis=-1)
    signal = Signal(frames_of(colours, (-3, -2, -1)))
    assert not answer([signal], statistics=True)["signals"][0]["statistics"]["channels_differ"]
    colours[0, 3, 0, 1] += 1
    assert answer([signal], statistics=True)["signals"][0]["statistics"]["channels_differ"]


def test_statistics_of_what_is_constant_and_of_nothing():
    def of(frames):
        (found,) = answer([Signal(frames_of(frames))], statistics=True)["signals"]
        return found["statistics"]

    assert (of(np.full((2, 4, 5), 7))["low"], of(np.full((2, 4, 5), 7))["high"]) == (7, 7)
    nothing = of(np.full((1, 4, 5), np.nan))
    assert np.isnan([nothing["low"], nothing["high"]]).all()
    assert nothing["n_not_finite"] == 20


def test_of_channels_the_last_may_be_alpha():
    colours = np.repeat(RNG.integers(0, 9, size=(1, 8, 9, 1)), 4, axis=-1)
    colours[..., 3] = 255
    signal = Signal(frames_of(colours, (-3, -2, -1)))
    assert not answer([signal], statistics=True)["signals"][0]["statistics"]["channels_differ"]


def test_a_frame_of_another_shape_is_refused():
    frames = Frames((2, 4, 5), np.dtype(float), lambda index: np.zeros((4, 5 + index)))
    assert frames[0].shape == (4, 5)
    with pytest.raises(ValueError, match=r"image 1 has shape \(4, 6\), not \(4, 5\)"):
        frames[1]


def test_bytes_of_an_image(monkeypatch):
    monkeypatch.setattr(_signal, "_IMAGE_BYTES", 1000)
    check_image_bytes((10, 50), 2, 1)
    with pytest.raises(ValueError, match="10 x 51 needs 0 MB"):
        check_image_bytes((10, 51), 2, 1)
    # Large files may give more.
    check_image_bytes((10, 51), 2, 11)
    signal = Signal(frames_of(np.zeros((3, 20, 30), dtype=np.uint8)))
    assert answer([signal], dataset=0, file_size=1)["image"].shape == (20, 30)
    # A mean has 8 bytes for each of theirs.
    with pytest.raises(ValueError, match="a file of 1 bytes may give"):
        answer([signal], average=True, file_size=1)
    large = Signal(frames_of(np.zeros((3, 40, 30), dtype=np.uint8)))
    for ask in ({"dataset": 0}, {"statistics": True}):
        with pytest.raises(ValueError, match="a file of 1 bytes may give"):
            answer([large], **ask, file_size=1)
        assert answer([large], **ask)["signals"][0]["shape"] == (3, 40, 30)


def test_a_small_file_does_not_become_gigabytes(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs the extra io")
    path = write_hspy(tmp_path / "a.hspy", np.eye(8), (0.02, 0.02), "nm")
    with h5py.File(path, "a") as file:
        (group,) = file["Experiments"].values()
        del group["data"]
        # Chunks that were never written are zero.
        group.create_dataset("data", (9000, 9000), "f8", chunks=(100, 9000))
        group["axis-0"].attrs["size"] = group["axis-1"].attrs["size"] = 9000
    for read in (read_image, list_images):
        with pytest.raises(
            OSError, match=r"9000 x 9000 needs 648 MB; a file of \d+ bytes may give"
        ):
            read(path)
