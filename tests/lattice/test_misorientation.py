"""Rotations between lattices, against lattices that were turned by known angles."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice._misorientation import difference, misorientation

SQUARE = np.diag([20.0, 20.0])
HEXAGONAL = 14 * np.array([[0, 1], [np.sqrt(3) / 2, -0.5]])
OBLIQUE = np.array([[0.0, 15.0], [19.0, -5.0]])


def turned(cell, degrees):
    angle = np.radians(degrees)
    return cell @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize(("cell", "order"), [(SQUARE, 4), (HEXAGONAL, 6), (OBLIQUE, 2)])
@pytest.mark.parametrize("degrees", [0, 3, 10, 29, 44, 50, 70, 100, 170])
def test_the_angle_is_the_smallest_up_to_symmetry(cell, order, degrees):
    step = 360 / order
    expected = min(degrees % step, step - degrees % step)
    found = misorientation(cell, turned(cell, degrees))
    assert found.angle == pytest.approx(expected, abs=1e-6)
    assert found.strain == pytest.approx(0, abs=1e-4)


def test_any_cell_of_a_lattice_does():
    sheared = np.array([[1, 0], [3, 1]]) @ SQUARE
    assert misorientation(sheared, turned(SQUARE, 12)).angle == pytest.approx(12)


def test_strain_is_what_a_rotation_leaves():
    stretched = turned(OBLIQUE, 7) @ np.diag([1.1, 1.0])
    # The root mean square of the principal strains ln(1.1) and 0.
    assert misorientation(OBLIQUE, stretched).strain == pytest.approx(
        np.log(1.1) / np.sqrt(2), rel=1e-6
    )


def test_difference_is_small_for_one_lattice_and_its_parts():
    assert difference(SQUARE, SQUARE) == pytest.approx(0, abs=1e-12)
    assert difference(np.diag([20.0, 60.0]), SQUARE) == pytest.approx(0, abs=1e-12)
    assert difference(SQUARE, turned(SQUARE, 3)) == pytest.approx(0.074, abs=0.001)
    # Two orientations of a tripled cell have the small cell in common, but are not one lattice.
    assert difference(np.diag([20.0, 60.0]), np.diag([60.0, 20.0])) > 1
