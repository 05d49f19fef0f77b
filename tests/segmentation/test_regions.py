"""Geometry of regions, against discs and squares."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._regions import boundary_length, describe_regions, label_regions
from logstar.units import PixelSize


def disc(shape, centre, radius):
    row, col = np.indices(shape)
    return np.hypot(row - centre[0], col - centre[1]) < radius


def test_regions_are_sorted_by_size_and_measured():
    mask = disc((200, 200), (50, 60), 20) | disc((200, 200), (130, 120), 40)
    atoms = np.array([[50.0, 60.0], [130.0, 120.0], [131.0, 121.0], [5.0, 5.0]])
    large, small = describe_regions(mask, atoms, PixelSize(0.5, "nm"))
    assert (large.label, small.label) == (1, 2)
    assert large.area + small.area == mask.sum()
    assert large.perimeter == pytest.approx(2 * np.pi * 40, rel=0.02)
    assert large.compactness == pytest.approx(1 / (4 * np.pi), rel=0.04)
    assert large.centroid == pytest.approx((130, 120))
    assert (large.n_atoms, small.n_atoms) == (2, 1)
    assert large.area_in_units == large.area / 4
    assert large.perimeter_in_units == large.perimeter / 2
    assert large.unit == "nm"
    (unknown, _) = describe_regions(mask, atoms)
    assert unknown.area_in_units is unknown.perimeter_in_units is unknown.unit is None


def test_labels_count_diagonal_neighbours_as_one():
    labels, n_regions = label_regions(np.eye(3, dtype=bool))
    assert n_regions == 1
    assert labels.max() == 1


def test_the_frame_bounds_a_region():
    """Crofton's formula with four directions, of a square: its sides less what corners cut off."""
    whole, inner = np.ones((50, 50), bool), np.zeros((80, 80), bool)
    inner[15:65, 15:65] = True
    assert boundary_length(whole) == boundary_length(inner)
    assert boundary_length(whole) == pytest.approx(200, rel=0.07)


def test_an_empty_mask_has_no_region():
    assert describe_regions(np.zeros((9, 9), bool), np.array([[1.0, 1.0]])) == []


def test_regions_without_atoms_have_none():
    """The smallest regions, which have the largest labels, hold no atom; or none does."""
    mask = np.zeros((30, 40), bool)
    mask[2:12, 3:15] = True
    mask[20:22, 30:33] = True
    mask[27, 1] = True
    regions = describe_regions(mask, np.array([[5.0, 5.0], [25.0, 25.0]]))
    assert [region.n_atoms for region in regions] == [1, 0, 0]
    assert [region.area for region in regions] == [120, 6, 1]
    empty = describe_regions(mask, np.empty((0, 2)))
    assert [region.n_atoms for region in empty] == [0, 0, 0]


def test_atoms_are_counted_by_row_and_column():
    """An oblong region off the diagonal of an oblong image, and an atom at its mirror place."""
    mask = np.zeros((20, 50), bool)
    mask[2:8, 30:48] = True
    (region,) = describe_regions(mask, np.array([[4.0, 40.0], [6.0, 33.0], [15.0, 4.0]]))
    assert region.n_atoms == 2
    assert region.centroid == pytest.approx((4.5, 38.5))


@pytest.mark.parametrize(
    ("atom", "inside"),
    [
        ((19.0, 29.0), True),  # the last pixel of all
        ((19.49, 29.49), True),
        ((20.3, 30.3), True),  # beyond the image: counted to its edge
        ((9.6, 20.0), True),  # nearer to row 10, the first of the region
        ((9.4, 20.0), False),
        ((12.0, 14.6), True),
        ((12.0, 14.4), False),
        ((-0.4, -0.4), False),
    ],
)
def test_an_atom_is_in_the_region_of_the_pixel_next_to_it(atom, inside):
    mask = np.zeros((20, 30), bool)
    mask[10:, 15:] = True
    (region,) = describe_regions(mask, np.array([atom]))
    assert region.n_atoms == inside


def test_the_last_pixel_is_a_region_of_its_own():
    mask = np.zeros((20, 30), bool)
    mask[-1, -1] = True
    (region,) = describe_regions(mask, np.array([[19.0, 29.0], [18.0, 28.0], [25.0, 40.0]]))
    assert region.n_atoms == 2


def test_equal_regions_are_numbered_by_row():
    mask = np.zeros((9, 9), bool)
    mask[1, 6:8] = mask[5, 1:3] = True
    first, second = describe_regions(mask, np.empty((0, 2)))
    assert first.centroid == (1.0, 6.5)
    assert second.centroid == (5.0, 1.5)
    assert (first.label, second.label) == (1, 2)
