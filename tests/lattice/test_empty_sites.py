"""Sites without an atom, by positions alone."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice import ImageLattice, Lattice, LatticeIndexer
from logstar.lattice._empty_sites import _widest_gaps

PEROVSKITE = Lattice.perovskite(3.905, pixel_size=0.2)


def test_noise_beside_an_empty_site_does_not_hide_it():
    positions, kinds = PEROVSKITE.positions((200, 200))
    middle = int(np.hypot(*(positions - 100).T).argmin())
    nearest = PEROVSKITE.nearest_distance
    for share, n_vacancies in ((0.2, 0), (0.45, 1)):
        beside = positions[middle] + (share * nearest, 0)
        points = np.concatenate([np.delete(positions, middle, axis=0), [beside]])
        names = np.append(np.delete(kinds, middle), "")
        found = LatticeIndexer(PEROVSKITE).fit(points, names)
        assert len(found.vacancies_) == n_vacancies


def test_neighbors_that_are_missing_too_do_not_hide_a_vacancy():
    positions, kinds = PEROVSKITE.positions((300, 300))
    order = np.hypot(*(positions - 150).T).argsort()
    # The atom in the middle and three of its four neighbours.
    gone = order[[0, 1, 2, 3]]
    found = LatticeIndexer(PEROVSKITE).fit(
        np.delete(positions, gone, axis=0), np.delete(kinds, gone)
    )
    places = found.vacancies_[np.argsort(found.vacancies_ @ (1.0, 1e-3))]
    expected = positions[gone][np.argsort(positions[gone] @ (1.0, 1e-3))]
    np.testing.assert_allclose(places, expected, atol=1e-6)


def test_what_the_frame_cuts_is_no_vacancy():
    plain = PEROVSKITE
    lattice = ImageLattice(
        plain.a, plain.b, columns=plain.columns, pixel_size=plain.pixel_size,
        origin=(103.0, 95.0), rotation=8.0, shape=(120, 120),
    )  # fmt: skip
    positions, kinds = lattice.positions()
    from_frame = np.minimum(positions, 119 - positions).min(axis=1)
    cut = from_frame < lattice.nearest_distance / 3 - 0.5

    def n_vacancies(one, known):
        found = LatticeIndexer(known).fit(np.delete(positions, one, axis=0), np.delete(kinds, one))
        return len(found.vacancies_)

    assert sum(n_vacancies(one, lattice) for one in np.flatnonzero(cut)) == 0
    # Who does not know where the frame is takes some of them for vacancies.
    assert sum(n_vacancies(one, plain) for one in np.flatnonzero(cut)) > 0
    assert n_vacancies(int(from_frame.argmax()), lattice) == 1


def test_gaps_along_a_boundary_of_grains_are_no_vacancies():
    lattice = PEROVSKITE
    parts = []
    for turn, sign in ((4.0, 1), (24.0, -1)):
        positions, kinds = lattice.positions((300, 300), rotation=turn)
        mine = sign * (positions[:, 1] - 150 - 0.2 * (positions[:, 0] - 150)) < -4
        parts.append((positions[mine], kinds[mine]))
    positions, kinds = (np.concatenate(both) for both in zip(*parts, strict=True))
    inside = int(np.hypot(*(positions - (150, 60)).T).argmin())
    found = LatticeIndexer(lattice).fit(
        np.delete(positions, inside, axis=0), np.delete(kinds, inside)
    )
    assert len(found.vectors_) == 2
    np.testing.assert_allclose(found.vacancies_, [positions[inside]], atol=1e-6)


def test_gaps_between_directions(rng):
    angles, of = rng.uniform(-np.pi, np.pi, 60), rng.integers(0, 9, 60)
    angles = np.append(angles, 0.3)
    of = np.append(of, 9)  # one direction alone leaves a whole turn
    found = _widest_gaps(angles, of, 10)
    for group in range(10):
        mine = np.sort(angles[of == group])
        gaps = [(b - a) % (2 * np.pi) for a, b in zip(mine, np.roll(mine, -1), strict=True)]
        expected = max(gaps) if len(mine) > 1 else 2 * np.pi
        assert found[group] == pytest.approx(expected)
