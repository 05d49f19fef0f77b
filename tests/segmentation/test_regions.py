"""Geometry of regions, against discs and squares."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._regions import boundary_length, describe_regions, label_regions


def disc(shape, centre, radius):
    row, col = np.indices(shape)
    return np.hypot(row - centre[0], col - centre[1]) < radius


def test_regions_are_sorted_by_size_and_measured():
    mask = disc((200, 200), (50, 60), 20) | disc((200, 200), (130, 120), 40)
    atoms = np.array([[50.0, 60.0], [130.0, 120.0], [131.0, 121.0], [5.0, 5.0]])
    large, small = describe_regions(mask, atoms, pixel_size=0.5)
    assert (large.label, small.label) == (1, 2)
    assert large.area + small.area == mask.sum()
    assert large.perimeter == pytest.approx(2 * np.pi * 40, rel=0.02)
    assert large.compactness == pytest.approx(1 / (4 * np.pi), rel=0.04)
    assert large.centroid == pytest.approx((130, 120))
    assert (large.n_atoms, small.n_atoms) == (2, 1)
    assert large.area_in_units == large.area / 4
    assert large.perimeter_in_units == large.perimeter / 2


def test_labels_count_diagonal_neighbours_as_one():
    labels, n_regions = label_regions(np.eye(3, dtype=bool))
    assert n_regions == 1
    assert labels.max() == 1


def test_the_frame_bounds_a_region():
    assert boundary_length(np.ones((50, 50), bool)) > 150


def test_an_empty_mask_has_no_region():
    assert describe_regions(np.zeros((9, 9), bool), np.array([[1.0, 1.0]])) == []
