"""Masks written and read in every format."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar.io import read_image, read_mask, write_mask
from logstar.io._masks import write_mask_by_rows
from logstar.units import PixelSize


@pytest.fixture
def mask() -> np.ndarray:
    return np.random.default_rng(0).random((31, 47)) < 0.3


@pytest.mark.parametrize("extension", [".tif", ".tiff", ".png", ".npy"])
def test_round_trip(tmp_path, mask, extension):
    path = tmp_path / f"mask{extension}"
    write_mask(path, mask)
    found = read_mask(path)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, mask)
    for constant in (np.zeros_like(mask), np.ones_like(mask)):
        write_mask(path, constant)
        np.testing.assert_array_equal(read_mask(path), constant)


@pytest.mark.parametrize("extension", [".tif", ".png"])
@pytest.mark.parametrize(
    ("side", "unit", "name"),
    [(0.14831234567890123, "Å", "A"), (0.0296, "nm", "nm"), (7, "pm", "pm")],
)
def test_pixel_size_comes_back(tmp_path, mask, extension, side, unit, name):
    path = tmp_path / f"mask{extension}"
    write_mask(path, mask, pixel_size=PixelSize(side, unit))
    micrograph = read_image(path)
    assert micrograph.pixel_size == PixelSize(side, name)
    np.testing.assert_array_equal(micrograph.image > 0, mask)


def test_resolution_for_programs_that_know_no_others(tmp_path, mask):
    path = tmp_path / "mask.tif"
    write_mask(path, mask, pixel_size="0.02 nm")
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        assert tags.valueof("ResolutionUnit") == 3  # centimetre
        above, below = tags.valueof("XResolution")
    assert below / above == pytest.approx(0.02e-7, rel=1e-8)
    with Image.open(path) as picture:
        assert picture.info["dpi"][0] == pytest.approx(2.54 / 0.02e-7, rel=1e-6)


def test_rosettasciio_reads_the_pixel_size(tmp_path, mask):
    tiff = pytest.importorskip("rsciio.tiff", reason="needs the extra io")
    path = tmp_path / "mask.tif"
    write_mask(path, mask, pixel_size="0.02 nm")
    (found,) = tiff.file_reader(str(path))
    assert [(axis["scale"], axis["units"]) for axis in found["axes"]] == [(0.02, "nm")] * 2


@pytest.mark.parametrize(
    ("name", "mask", "options", "message"),
    [
        ("a.jpg", np.eye(3, dtype=bool), {}, r"'\.jpg' for a mask; known are \.tif"),
        ("a.png", np.eye(3), {}, r"a 2-D array of bool, got shape \(3, 3\) of float64"),
        ("a.png", np.ones(3, dtype=bool), {}, "a 2-D array of bool"),
        ("a.png", np.eye(3, dtype=bool), {"pixel_size": "1 s"}, "unit of pixel_size must be"),
        ("a.png", np.eye(3, dtype=bool), {"pixel_size": 0}, "pixel_size must be"),
        ("a.npy", np.eye(3, dtype=bool), {"pixel_size": "1 nm"}, "holds no pixel size"),
    ],
)
def test_masks_that_are_none(tmp_path, name, mask, options, message):
    with pytest.raises(ValueError, match=message):
        write_mask(tmp_path / name, mask, **options)
    assert not (tmp_path / name).exists()


def test_images_are_no_masks(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(9).reshape(3, 3))
    with pytest.raises(ValueError, match="is no mask: it has 9 values"):
        read_mask(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", 1 + np.eye(3))
    with pytest.raises(ValueError, match="is no mask: it has 2 values"):
        read_mask(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["mask.tif", "mask.npy"])
def test_a_mask_may_come_by_rows(tmp_path, name):
    mask = np.random.default_rng(0).random((700, 45)) < 0.4
    size = PixelSize(0.2, "A") if name == "mask.tif" else None
    write_mask_by_rows(tmp_path / name, lambda rows: mask[rows], mask.shape, pixel_size=size)
    np.testing.assert_array_equal(read_mask(tmp_path / name), mask)
    if size is not None:
        assert read_image(tmp_path / name).pixel_size == size
    with pytest.raises(ValueError, match=r"known are \.tif, \.npy"):
        write_mask_by_rows(tmp_path / "mask.png", lambda rows: mask[rows], mask.shape)
