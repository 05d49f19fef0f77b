"""What is in a file, as a list."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from logstar.io import NOT_SQUARE, list_images

from .files import write_hspy

PIXELS = np.arange(48, dtype=np.uint16).reshape(6, 8)


def test_data_sets_are_numbered_on(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(np.stack([PIXELS] * 3), photometric="minisblack")
        tiff.write(PIXELS[:4].astype(np.float32))
    first, second = list_images(tmp_path / "a.tif")
    assert (first.dataset, first.n_frames, first.shape, first.dtype) == (0, 3, (6, 8), "uint16")
    assert (second.dataset, second.n_frames, second.shape) == (3, 1, (4, 8))
    assert (first.low, first.high) == (0, 47)
    assert (first.pixel_size, first.unit, first.note) == (None, None, "")


def test_intensities_that_are_no_numbers(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, np.nan], [np.inf, -3.0]]))
    (entry,) = list_images(tmp_path / "a.npy")
    assert (entry.low, entry.high, entry.n_not_finite) == (-3, 1, 2)
    np.save(tmp_path / "a.npy", np.full((2, 2), np.nan))
    (entry,) = list_images(tmp_path / "a.npy")
    assert np.isnan([entry.low, entry.high]).all()


@pytest.mark.parametrize(
    ("sides", "unit", "size", "name", "note"),
    [
        ((0.02, 0.02), "nm", (0.02, 0.02), "nm", ""),
        ((0.02, 0.03), "nm", (0.02, 0.03), "nm", NOT_SQUARE),
        ((0.02, 0.02), "", (0.02, 0.02), None, "0.02 per pixel without a unit"),
        ((0.02, 0.02), "1/nm", None, None, "reciprocal"),
    ],
)
def test_calibration(tmp_path, sides, unit, size, name, note):
    path = write_hspy(tmp_path / "a.hspy", PIXELS, sides, unit)
    (entry,) = list_images(path)
    assert (entry.pixel_size, entry.unit, entry.title) == (size, name, "a film")
    assert note in entry.note


def test_files_without_images(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4))
    assert list_images(tmp_path / "a.npy") == []
    with pytest.raises(FileNotFoundError, match="no such file"):
        list_images(tmp_path / "b.npy")
