"""Shifts of rows against those that were made."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.lattice import DriftField, ImageLattice, Lattice
from logstar.preprocessing import ScanLineCorrector
from logstar.preprocessing._row_shifts import row_shifts
from logstar.preprocessing._scan_lines import shift_rows

STILL = DriftField(np.zeros((2, 1, 1)), (1.0, 1.0), (0.0, 0.0))


def found_in(image, max_shift=3.0):
    pixels = np.asarray(image, dtype=float)
    return row_shifts(pixels, ImageLattice.from_image(pixels), STILL, max_shift)


def without_trend(values):
    rows = np.arange(len(values))
    return values - np.polynomial.Polynomial.fit(rows, values, 1)(rows)


@pytest.mark.parametrize("rms", [0.3, 1.0])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_known_shifts_are_found_nearly_as_well_as_can_be(rms, noise, rng):
    crystal = Lattice.perovskite(4.0, 0.2)
    scene = make_scene(crystal, (256, 256), rotation=21, random_state=0)
    true = rms * rng.normal(size=256)
    image = shift_rows(scene.image, true) + noise * rng.normal(size=(256, 256))
    # A trend is a shear, which is the lattice's.
    off = without_trend(found_in(image) - true)[4:-4]
    # The bound of Cramer and Rao for one row, if all others were known without any noise.
    slopes = np.gradient(scene.image.astype(float), axis=1)
    bound = noise / np.sqrt((slopes**2).sum(axis=1))[4:-4]
    assert np.sqrt(np.mean(off**2)) < 1.4 * np.sqrt(np.mean(bound**2)) + 0.06
    neighbors = ScanLineCorrector().shifts(image) - true
    assert np.std(off) < np.std(neighbors)


def test_shifts_are_no_larger_than_allowed(rng):
    scene = make_scene(Lattice.perovskite(4.0, 0.2), (160, 160), random_state=0)
    image = shift_rows(scene.image, 1.5 * rng.normal(size=160))
    assert np.abs(found_in(image, max_shift=0.5)).max() <= 0.5


def test_contrast_and_offset_of_rows_are_no_shifts(rng):
    scene = make_scene(Lattice.perovskite(4.0, 0.2), (200, 200), rotation=12, random_state=0)
    uneven = scene.image * (1 + 0.1 * rng.normal(size=(200, 1))) + 0.2 * rng.normal(size=(200, 1))
    assert np.abs(found_in(uneven)).max() < 0.05


def test_rows_are_moved_as_by_cubic_splines(rng):
    image, shifts = rng.normal(size=(6, 50)), rng.uniform(-2.5, 2.5, size=6)
    places = np.clip(np.arange(50) - shifts[:, None], 0, 49)
    expected = [
        ndimage.map_coordinates(row, [where], order=3, mode="nearest")
        for row, where in zip(image, places, strict=True)
    ]
    # The ends are apart: beyond them the splines' coefficients go on otherwise.
    assert_allclose(shift_rows(image, shifts)[:, 12:-12], np.array(expected)[:, 12:-12], atol=1e-5)
