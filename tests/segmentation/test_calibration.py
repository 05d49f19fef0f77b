"""The pixel size that an image brings along."""

from __future__ import annotations

import numpy as np

from logstar.io import Micrograph
from logstar.segmentation._calibration import pixel_size_of
from logstar.units import PixelSize
from tests.io.test_foreign import hyperspy_like, xarray_like


def test_what_is_given_counts_first():
    assert pixel_size_of(np.eye(3), "0.2 A") == PixelSize(0.2, "A")
    assert pixel_size_of(np.eye(3), 0.2) == PixelSize(0.2, "A")
    assert pixel_size_of(np.eye(3), None) is None
    assert pixel_size_of([[1.0, 2.0]], None) is None


def test_images_that_know_their_pixels():
    axis = {"scale": 0.2, "units": "Å", "size": 8, "navigate": False}
    micrograph = Micrograph.from_signal({"data": np.eye(8), "axes": [axis, axis]})
    assert pixel_size_of(micrograph, None) == PixelSize(0.2, "A")
    assert pixel_size_of(micrograph, "3 pm") == PixelSize(3.0, "pm")


def test_objects_of_other_libraries():
    image = np.eye(8, dtype=np.float32)
    assert pixel_size_of(hyperspy_like(image, units="nm"), None) == PixelSize(0.02, "nm")
    assert pixel_size_of(xarray_like(image, 0.2, 0.2, "Å"), None) == PixelSize(0.2, "A")
    assert pixel_size_of(hyperspy_like(image, units=None), None) is None
