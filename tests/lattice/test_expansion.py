"""Atoms of a unit cell from its asymmetric unit, against places and distances by hand."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice._expansion import Operations, Site, crowded, expand

#: Edges of 4, 5 and 8 angstrom.
CELL = np.diag([4.0, 5.0, 8.0])
#: A mirror at z = 0, which also takes z to the mirror at 1/2.
MIRROR = Operations(
    np.array([np.eye(3, dtype=int), np.diag([1, 1, -1])]), np.zeros((2, 3), dtype=float)
)


def places_of(place, occupancy=1.0, cell=CELL):
    atoms = expand(cell, MIRROR, [Site("A1", "Ti", place, occupancy)])
    assert all((atom.label, atom.occupancy) == ("A1", occupancy) for atom in atoms)
    return np.array([atom.place for atom in atoms])


def assert_same_places(found, expected):
    """Whatever side of the cell's border rounding leaves them on."""
    apart = np.asarray(found) - expected
    np.testing.assert_allclose(apart - np.round(apart), np.zeros_like(apart), atol=1e-12)


def test_a_site_anywhere_has_an_image_for_each_operation():
    np.testing.assert_allclose(places_of((0.1, 0.2, 0.3)), [[0.1, 0.2, 0.3], [0.1, 0.2, 0.7]])
    assert ((places_of((-0.1, 1.2, -0.3)) >= 0) & (places_of((-0.1, 1.2, -0.3)) < 1)).all()


@pytest.mark.parametrize("z", [0.0, 0.5, 0.001, 0.4995])
def test_a_site_on_a_mirror_or_rounded_beside_it_is_one_atom(z):
    """At 0.001 and at 0.4995 the images are 0.016 and 0.008 angstrom from one another."""
    assert_same_places(places_of((0.1, 0.2, z)), [[0.1, 0.2, round(2 * z) / 2]])


def test_images_too_near_to_be_two_atoms_are_one_unless_the_site_is_split():
    """At z = 0.005 the images are 0.08 angstrom apart."""
    assert_same_places(places_of((0.1, 0.2, 0.005)), [[0.1, 0.2, 0.0]])
    np.testing.assert_allclose(
        places_of((0.1, 0.2, 0.005), 0.5), [[0.1, 0.2, 0.005], [0.1, 0.2, 0.995]]
    )
    # Twice 0.525 is the most that rounding excuses.
    assert len(places_of((0.1, 0.2, 0.005), 0.524)) == 2
    assert len(places_of((0.1, 0.2, 0.005), 0.526)) == 1


def test_a_site_beside_a_threefold_axis_is_one_atom():
    """Its images lie on three sides of the cell's corner, 0.014 angstrom from one another."""
    turn = np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]])
    threefold = Operations(np.array([np.eye(3, dtype=int), turn, turn @ turn]), np.zeros((3, 3)))
    hexagonal = np.array([[4.0, 0, 0], [-2.0, 2 * np.sqrt(3), 0], [0, 0, 6.0]])
    (atom,) = expand(hexagonal, threefold, [Site("A1", "Ti", (0.002, 0.0, 0.25))])
    assert_same_places(atom.place, [0, 0, 0.25])


def test_images_a_tenth_of_an_angstrom_apart_are_two_atoms():
    """At z = 0.0065 they are 0.104 angstrom apart; that they crowd each other is told later."""
    atoms = expand(CELL, MIRROR, [Site("A1", "Ti", (0.1, 0.2, 0.0065))])
    assert len(atoms) == 2
    labels, _, total = crowded(CELL, atoms)
    assert (labels, total) == (["A1"], 2.0)


def test_atoms_crowd_each_other_within_a_quarter_of_an_angstrom():
    """Along the edge of 4 angstrom, and over the border of the cell."""

    def sites(apart, occupancy):
        return [
            Site("A", "Ti", (0.99, 0, 0), 0.6),
            Site("B", "Sr", ((0.99 + apart / 4) % 1, 0, 0), occupancy),
        ]

    labels, atom, total = crowded(CELL, sites(0.24, 0.5))
    assert (labels, atom.label, total) == (["A", "B"], "A", pytest.approx(1.1))
    assert crowded(CELL, sites(0.26, 0.5)) is None
    assert crowded(CELL, sites(0.24, 0.44)) is None


def test_the_shortest_vector_is_measured_in_angstrom():
    """In a sheared cell, where fractional coordinates alone would mislead."""
    sheared = np.array([[4.0, 0, 0], [3.0, 4.0, 0], [0, 0, 8.0]])
    # 0.05 and -0.05 of the edges: 0.05 * (1, -4, 0), 0.206 angstrom.
    atoms = [Site("A", "Ti", (0.5, 0.5, 0.5)), Site("B", "Ti", (0.55, 0.45, 0.5))]
    assert crowded(sheared, atoms) is not None
    assert crowded(CELL, atoms) is None
