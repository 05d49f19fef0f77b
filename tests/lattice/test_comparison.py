"""Crystals against images of them at another scale, sheared and stretched."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.lattice import Column, ImageLattice, Lattice
from logstar.units import PixelSize

CRYSTAL = Lattice.perovskite(4.0, 0.1)


def seen(lattice, deformation=None, rotation=0.0, error=0.0):
    """The lattice as an image shows it after a deformation of (row, col) vectors."""
    first, second = lattice._cell(rotation) @ (np.eye(2) if deformation is None else deformation)
    a, b = np.linalg.norm(first), np.linalg.norm(second)
    return ImageLattice(
        a,
        b,
        math.degrees(math.acos(first @ second / (a * b))),
        columns=lattice.columns,
        pixel_size=None,
        origin=(0.0, 0.0),
        rotation=math.degrees(math.atan2(-first[0], first[1])),
        shape=(200, 200),
        vector_error=error,
    )


@pytest.mark.parametrize("rotation", [0.0, 7.0, 44.0, -80.0])
@pytest.mark.parametrize("factor", [0.92, 1.0, 1.024, 1.08])
def test_the_pixel_size_error(rotation, factor):
    comparison = CRYSTAL.compare(seen(CRYSTAL, factor * np.eye(2), rotation))
    assert comparison.agrees
    assert comparison.pixel_size_error == pytest.approx(factor - 1)
    assert comparison.pixel_size == PixelSize(0.1)
    assert comparison.corrected_pixel_size.unit == "A"
    assert comparison.corrected_pixel_size.value == pytest.approx(0.1 / factor)
    np.testing.assert_allclose(comparison.distortion, np.eye(2), atol=1e-9)
    assert comparison.cell_ratio == 1


@pytest.mark.parametrize("lattice", [CRYSTAL, Lattice.ybco(0.15)])
def test_stretch_and_shear(lattice):
    stretched = lattice.compare(seen(lattice, np.diag([1.05, 1.0]), rotation=20))
    assert stretched.stretch == pytest.approx(0.05)
    assert stretched.pixel_size_error == pytest.approx(math.sqrt(1.05) - 1)
    assert abs(stretched.shear) < 1e-6
    sheared = lattice.compare(seen(lattice, np.array([[1.0, 0.1], [0.0, 1.0]]), rotation=-10))
    # The symmetric part of a shear by 0.1 turns axes by some 0.05 each.
    assert math.radians(sheared.shear) == pytest.approx(0.1, rel=0.01)
    assert sheared.pixel_size_error == pytest.approx(0, abs=1e-9)
    assert np.linalg.det(sheared.distortion) == pytest.approx(1)


def test_in_words():
    large = CRYSTAL.compare(seen(CRYSTAL, 1.024 * np.eye(2)))
    assert str(large) == "calibration is 2.4% too large: 0.097656 A/px fits"
    small = CRYSTAL.compare(seen(CRYSTAL, np.diag([0.95, 1.0])))
    assert "too small" in str(small)
    assert "rows are 5.0% closer than columns (drift)" in str(small)
    tall = CRYSTAL.compare(seen(CRYSTAL, np.diag([1.05, 1.0])))
    assert "rows are 5.0% further apart than columns (drift)" in str(tall)
    sheared = CRYSTAL.compare(seen(CRYSTAL, np.array([[1.0, 0.05], [0.0, 1.0]])))
    assert "sheared by 2.9 degrees (drift)" in str(sheared)
    right = CRYSTAL.compare(seen(CRYSTAL, 1.001 * np.eye(2)))
    assert str(right).startswith("calibration is right within 0.3%")
    unsure = CRYSTAL.compare(seen(CRYSTAL, 1.01 * np.eye(2), error=0.01))
    assert str(unsure).startswith("calibration is right within 2.0%")


def test_alike_columns_give_a_smaller_cell():
    # As if A and B looked alike: the lattice of the neighbours, turned by 45 degrees.
    side = 4.0 / math.sqrt(2)
    alike = Lattice(side, side, columns=(Column("A", "X", 0, 0),), pixel_size=0.1)
    comparison = CRYSTAL.compare(seen(alike, 1.03 * np.eye(2), rotation=12))
    assert comparison.agrees
    assert comparison.cell_ratio == 0.5
    assert comparison.pixel_size_error == pytest.approx(0.03)
    doubled = alike.compare(seen(CRYSTAL, 1.03 * np.eye(2)))
    assert doubled.cell_ratio == 2
    assert doubled.pixel_size_error == pytest.approx(0.03)


@pytest.mark.parametrize(
    "other",
    [
        Lattice.perovskite(4.0, 0.13),
        Lattice(2.8, 3.9, columns=(Column("A", "Au", 0, 0),), pixel_size=0.07),
    ],
)
def test_another_crystal(other):
    comparison = CRYSTAL.compare(seen(other))
    assert not comparison.agrees
    assert "not that of the crystal" in str(comparison)


def test_a_larger_cell_must_show_all_columns():
    # At a pixel size that is too large by the root of 2, every second column of the crystal is
    # where the image shows one.
    comparison = CRYSTAL.with_pixel_size(0.1 * math.sqrt(2)).compare(seen(CRYSTAL))
    assert comparison.cell_ratio == 2
    assert comparison.seen_share == 0.5
    assert not comparison.agrees
    # A superstructure does show all.
    side = 4.0 / math.sqrt(2)
    alike = Lattice(side, side, columns=(Column("A", "X", 0, 0),), pixel_size=0.1)
    assert alike.compare(seen(CRYSTAL)).agrees


def test_only_with_an_image():
    with pytest.raises(TypeError, match="image_lattice must be an ImageLattice"):
        CRYSTAL.compare(CRYSTAL)
    bare = Lattice(20, 20, columns=CRYSTAL.columns, pixel_size=None)
    with pytest.raises(ValueError, match="no pixel size to compare"):
        bare.compare(seen(CRYSTAL))
