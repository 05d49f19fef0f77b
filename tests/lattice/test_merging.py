"""Columns of atoms in projection, against numbers derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice._merging import _uphill, merge

CELL = np.diag([10.0, 12.0])


def merged(places, heaviness, cell=CELL, weights=None):
    """Places in angstrom of the columns, and their atoms' shares."""
    weights = np.array(heaviness, dtype=float) if weights is None else np.array(weights)
    fractions = np.array(places, dtype=float) @ np.linalg.inv(cell)
    crowds = merge(cell, fractions % 1.0, weights, heaviness)
    return [(crowd.place % 1.0 @ cell, crowd.members) for crowd in crowds]


def test_a_light_atom_belongs_to_the_nearest_heavy_column():
    ((heavy, first), (_, second)) = merged([(1, 1), (1.8, 1), (1.3, 1)], [82, 82, 8])
    assert (first, second) == ({0: 1.0, 2: 1.0}, {1: 1.0})
    # The column stays where its heaviest atom is.
    assert heavy == pytest.approx((1, 1))


def test_an_atom_between_two_columns_counts_half_in_both():
    ((_, first), (_, second)) = merged([(1, 1), (1.8, 1), (1.4, 1)], [82, 82, 8])
    assert (first, second) == ({0: 1.0, 2: 0.5}, {1: 1.0, 2: 0.5})


@pytest.mark.parametrize(("apart", "n"), [(0.49, 1), (0.51, 2)])
def test_alike_atoms_merge_below_half_an_angstrom(apart, n):
    # Across the corner of the cell as well.
    for corner in ((5, 5), (0, -apart / 2), (-apart / 2, 0)):
        assert len(merged([corner, np.add(corner, (0, apart))], [22, 22])) == n


def test_split_atoms_are_one_column_in_the_middle_of_them():
    around = 0.2 * np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    ((place, members),) = merged(np.add(around, (0, 3)), [22] * 4)
    assert (place + 5) % (10, 12) == pytest.approx((5, 8))
    assert members == dict.fromkeys(range(4), 1.0)


def test_a_chain_is_divided_at_its_densest_places():
    # Three tight pairs, 0.9 angstrom apart, which atoms between them link to one crowd.
    chain = [0.0, 0.1, 0.45, 0.9, 1.0, 1.4, 1.8, 1.9]
    crowds = merged([(2 + x, 3) for x in chain], [22] * 8)
    assert len(crowds) == 3
    ends = sorted(place[0] for place, _ in crowds)
    assert ends[0] < 2.4 < ends[1] < 3.2 < ends[2]


def test_an_endless_even_row_has_no_preferred_place():
    places = [(i * 0.4, 3) for i in range(25)]
    crowds = merged(places, [22] * 25)
    assert sum(sum(members.values()) for _, members in crowds) == 25


def test_small_cells_count_their_neighbours():
    ((_, members),) = merged([(0, 0), (0.1, 0)], [22, 22], cell=np.diag([0.9, 0.8]))
    assert members == {0: 1.0, 1: 1.0}


def test_order_and_mirroring_change_nothing(rng):
    for _ in range(20):
        places = rng.uniform(0, 4, (40, 2))
        heaviness = rng.choice([8, 22, 38, 82], 40)
        cell = np.diag([4.0, 4.0])
        first = merged(places, list(heaviness), cell)
        order = rng.permutation(40)
        turned = places[order][:, ::-1] * (1, -1)
        again = merged(turned, list(heaviness[order]), cell)
        back = [{int(order[i]): share for i, share in members.items()} for _, members in again]
        assert len(first) == len(again)
        for _, members in first:
            assert any(members == other for other in back)


def test_rounded_coordinates_leave_an_atom_in_the_middle():
    # As of places with five digits: nearer to one column by a thousandth of a percent.
    ((_, first), (_, second)) = merged([(1, 1), (1.8, 1), (1.40001, 1)], [82, 82, 8])
    assert (first, second) == ({0: 1.0, 2: 0.5}, {1: 1.0, 2: 0.5})


@pytest.mark.parametrize("side", [0.9, 1.5, 30.0])
def test_an_atom_alone_is_at_the_top_of_its_density(side):
    """In a narrow cell its images lie around it, alike on all sides."""
    places = np.array([[0.1, 0.7]])
    np.testing.assert_allclose(_uphill(side * np.eye(2), places), places, atol=1e-6)
