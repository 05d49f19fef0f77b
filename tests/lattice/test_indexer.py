"""Indices of atoms against the truth of simulated lattices, and against a slow twin."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial import KDTree
from sklearn.base import clone

from logstar import _core
from logstar.exceptions import AmbiguousMotifWarning
from logstar.lattice import Column, ImageLattice, Lattice, LatticeIndexer
from logstar.lattice._template import template_of

from .crystals_in_images import CRYSTALS, crystal, share_right
from .slow_indexer import SlowIndexer

SIDE = 500


def turned(points, degrees, middle=SIDE / 2):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - middle) @ np.array([[c, -s], [s, c]]).T + middle


def strained(points):
    return points @ np.array([[1.03, 0.02], [-0.01, 0.98]]).T


def wavy(points):
    return points + 10 * np.sin(2 * np.pi * points[:, ::-1] / 300)


def drifting(points):
    late = points[:, 0] ** 2 / SIDE
    return points + np.column_stack([0.05 * late, 0.1 * late])


def indexed(truth, **options):
    return LatticeIndexer(truth.lattice).fit(truth.positions, truth.kinds, **options)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize(
    "bend",
    [strained, lambda points: turned(points, 8), wavy, drifting],
    ids=["strn", "turn", "wave", "drif"],
)
def test_strain_rotation_wave_and_drift_are_followed(name, bend):
    truth = crystal(name, SIDE)
    truth = truth.moved(bend(truth.positions)).noisy(0.03)
    found = indexed(truth)
    assert share_right(found, truth) >= 0.999
    assert len(found.vectors_) == 1
    assert len(found.conflicts_) == 0
    assert len(found.vacancies_) == 0


@pytest.mark.parametrize("name", CRYSTALS)
def test_noise_of_a_tenth_of_the_nearest_distance(name):
    truths = [crystal(name, SIDE).noisy(0.1, seed) for seed in range(4)]
    found = [indexed(truth) for truth in truths]
    shares = [share_right(*pair) for pair in zip(found, truths, strict=True)]
    assert np.mean(shares) >= 0.996
    # What has an index has the right one.
    wrong = 1 - np.array(shares) - [(one.components_ < 0).mean() for one in found]
    assert np.max(wrong) <= 0.001


def test_atoms_of_corners_have_their_sites():
    """In a corner an atom may have no two neighbours among those of its column's template."""
    truth = crystal("si110", SIDE)
    assert (indexed(truth).components_ == 0).all()


@pytest.mark.parametrize("angle", [90, 85, 75, 65])
@pytest.mark.parametrize("ratio", [1.0, 1.2, 1.45])
@pytest.mark.parametrize("n_columns", [1, 2])
def test_no_cell_is_so_oblong_or_oblique_that_a_grain_falls_apart(angle, ratio, n_columns):
    columns = [Column("A", "Sr", 0, 0), Column("B", "Ti", 0.5, 0.5)][:n_columns]
    lattice = Lattice(3.9, 3.9 * ratio, angle, columns=columns, pixel_size=0.2)
    positions, kinds = lattice.positions((300, 300), rotation=10)
    found = LatticeIndexer(lattice).fit(positions, kinds)
    assert len(found.vectors_) == 1
    assert (found.components_ >= 0).mean() >= 0.995
    assert len(found.conflicts_) == 0


def test_a_crystal_does_not_swallow_what_surrounds_it():
    truth = crystal("perovskite", SIDE)
    radius, nearest = 120, truth.lattice.nearest_distance
    inside = np.hypot(*(truth.positions - SIDE / 2).T) < radius
    rng = np.random.default_rng(0)
    others = rng.uniform(0, SIDE, (1000, 2))
    others = others[np.hypot(*(others - SIDE / 2).T) > radius + 0.8 * nearest]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousMotifWarning)  # of what is by chance a lattice
        found = LatticeIndexer(truth.lattice).fit(
            np.concatenate([truth.positions[inside], others]),
            np.concatenate([truth.kinds[inside], np.full(len(others), "")]),
        )
    n = int(inside.sum())
    assert (found.components_[:n] == 0).all()
    around = 2 * np.pi * radius / nearest
    assert (found.components_[n:] == 0).sum() < 0.5 * around


@pytest.mark.parametrize("name", ["perovskite", "ybco"])
def test_missing_and_invented_atoms_harm_no_others(name):
    rng = np.random.default_rng(1)
    whole = crystal(name, SIDE)
    whole = whole.moved(wavy(whole.positions)).noisy(0.03)
    keep = rng.random(len(whole.positions)) > 0.05
    truth, gone = whole.kept(keep), whole.positions[~keep]
    invented = rng.uniform(0, SIDE, (len(keep) // 50, 2))
    found = LatticeIndexer(truth.lattice).fit(
        np.concatenate([truth.positions, invented]),
        np.concatenate([truth.kinds, np.full(len(invented), "")]),
    )
    n = len(truth.positions)
    assert (found.columns_[:n] == truth.columns).mean() >= 0.995
    off = found.indices_[:n] - truth.cells
    assert (off == np.median(off, axis=0)).all(axis=1).mean() >= 0.995
    # What is called missing is, and most of what is missing away from the edge is found.
    near = 0.3 * truth.lattice.nearest_distance
    assert (KDTree(gone).query(found.vacancies_)[0] < near).mean() > 0.97
    inner = gone[((gone > 25) & (gone < SIDE - 25)).all(axis=1)]
    assert (KDTree(found.vacancies_).query(inner)[0] < near).mean() > 0.85
    assert set(found.extras_) <= set(range(len(found.components_)))
    assert (found.extras_ >= n).mean() > 0.8


def test_a_vacancy_is_told_by_its_site():
    truth = crystal("perovskite", 200)
    inner = np.flatnonzero((np.abs(truth.positions - 100) < 40).all(axis=1))[[3, 11]]
    keep = np.ones(len(truth.positions), dtype=bool)
    keep[inner] = False
    # Vacancies are listed by column, then cell.
    inner = inner[np.argsort(truth.columns[inner], kind="stable")]
    found = indexed(truth.kept(keep))
    assert found.vacancies_ == pytest.approx(truth.positions[inner], abs=1e-6)
    shift = (found.indices_ - truth.cells[keep])[0]
    np.testing.assert_array_equal(found.vacancy_indices_ - shift, truth.cells[inner])
    np.testing.assert_array_equal(found.vacancy_columns_, truth.columns[inner])
    np.testing.assert_array_equal(found.vacancy_components_, [0, 0])


@pytest.mark.parametrize("name", ["perovskite", "hexagonal", "ybco"])
def test_two_grains_are_two_components(name):
    first, second = crystal(name, SIDE), crystal(name, SIDE, rotation=25)
    left, right = first.positions[:, 1] < 250, second.positions[:, 1] > 250
    points = np.concatenate([first.positions[left], second.positions[right]])
    kinds = np.concatenate([first.kinds[left], second.kinds[right]])
    grain = np.repeat([0, 1], [left.sum(), right.sum()])
    keep = np.ones(len(points), dtype=bool)
    pairs = KDTree(points).query_pairs(0.6 * first.lattice.nearest_distance, output_type="ndarray")
    keep[pairs[:, 1]] = False
    found = LatticeIndexer(first.lattice).fit(points[keep], kinds[keep])
    assert len(found.vectors_) == 2
    same = found.components_ == grain[keep]
    assert max(same.mean(), (~same).mean()) >= 0.98
    turns = np.degrees([np.arctan2(-v[0, 0], v[0, 1]) for v in found.vectors_])
    between = abs(turns[0] - turns[1]) % (60 if name == "hexagonal" else 90)
    assert min(between, 60 - between if name == "hexagonal" else 90 - between) == pytest.approx(
        25, abs=0.5
    )


def dislocated(truth, middle):
    """An edge dislocation's field in a square lattice: the isotropic one, Burgers vector a."""
    a = truth.lattice.vectors[0, 1]
    y, x = (truth.positions - middle).T
    nu = 0.3
    square = x**2 + y**2
    ux = a / (2 * np.pi) * (np.arctan2(y, x) + x * y / (2 * (1 - nu) * square))
    uy = (
        -a
        / (2 * np.pi)
        * ((1 - 2 * nu) / (4 * (1 - nu)) * np.log(square) + (x**2 - y**2) / (4 * (1 - nu) * square))
    )
    uy -= np.median(uy)
    return truth.moved(truth.positions + np.column_stack([uy, ux]))


def test_a_dislocation_is_a_cut_of_conflicts_by_its_burgers_vector():
    truth = dislocated(crystal("perovskite", SIDE), np.array([251.3, 247.1]))
    found = indexed(truth)
    assert len(found.vectors_) == 1
    assert len(found.conflicts_) >= 10
    steps = {tuple(step) for step in np.abs(found.conflict_cells_)}
    assert steps == {(1.0, 0.0)}
    # The cut starts at the core.
    middles = found.conflicts_
    places = truth.positions[middles].mean(axis=1)
    assert np.hypot(*(places - (251.3, 247.1)).T).min() < 60
    assert len(found.components_) - len(found.extras_) >= 0.98 * len(truth.positions)


def test_without_kinds_a_motif_that_a_shift_exchanges_is_called_ambiguous():
    truth = crystal("perovskite", 300).noisy(0.02)
    with pytest.warns(AmbiguousMotifWarning, match="A, B"):
        found = LatticeIndexer(truth.lattice).fit(truth.positions)
    assert found.ambiguous_.tolist() == [True]
    assert share_right(found, truth) == 1  # up to a translation, that by half a cell included


@pytest.mark.parametrize("name", ["perovskite", "ybco"])
def test_intensities_tell_kinds(name):
    truth = crystal(name, 300).noisy(0.03)
    bright = {"A": 1.0, "B": 0.4, "Ba": 1.0, "Y": 0.6, "Cu1": 0.35, "Cu2": 0.35}
    rng = np.random.default_rng(0)
    light = np.array([bright[kind] for kind in truth.kinds]) + rng.normal(
        scale=0.1, size=len(truth.kinds)
    )
    found = LatticeIndexer(truth.lattice).fit(truth.positions, intensities=light)
    np.testing.assert_array_equal(found.kinds_, truth.kinds)
    assert not found.ambiguous_.any()


def test_ybco_tells_its_columns_by_places_alone():
    truth = crystal("ybco", SIDE).noisy(0.03)
    found = LatticeIndexer(truth.lattice).fit(truth.positions)
    np.testing.assert_array_equal(found.kinds_, truth.kinds)
    assert not found.ambiguous_.any()


def test_an_image_lattice_gives_its_own_indices():
    plain = CRYSTALS["perovskite"]
    lattice = ImageLattice(
        plain.a,
        plain.b,
        columns=plain.columns,
        pixel_size=plain.pixel_size,
        origin=(103.0, 95.0),
        rotation=95.0,
        shape=(300, 300),
    )
    positions, kinds = lattice.positions()
    found = LatticeIndexer(lattice).fit(positions, kinds)
    places = np.array([[column.u, column.v] for column in lattice.columns])
    laid = (found.indices_ + places[found.columns_]) @ lattice.vectors + lattice.origin
    np.testing.assert_allclose(laid, positions, atol=1e-6)
    np.testing.assert_allclose(found.origin_, [lattice.origin], atol=1e-6)
    np.testing.assert_allclose(found.vectors_, [lattice.vectors], atol=1e-6)


@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_an_image_lattice_tells_the_orientation_and_the_kinds(noise):
    """Turned by 90 degrees, this motif is another by 8 % of the nearest distance alone."""
    plain = CRYSTALS["ybco"]
    lattice = ImageLattice(
        plain.a,
        plain.b,
        columns=plain.columns,
        pixel_size=plain.pixel_size,
        origin=(103.0, 95.0),
        rotation=20.0,
        shape=(400, 400),
    )
    positions, kinds = lattice.positions()
    for seed in range(6):
        draws = np.random.default_rng(seed).normal(size=positions.shape)
        found = LatticeIndexer(lattice).fit(positions + noise * lattice.nearest_distance * draws)
        assert (found.kinds_ == kinds).mean() >= 0.975
        assert not found.ambiguous_.any()


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(CRYSTALS)),
    noise=st.sampled_from([0.0, 0.05, 0.15]),
    missing=st.sampled_from([0.0, 0.1, 0.5]),
    turn=st.sampled_from([0.0, 33.0]),
    known=st.sampled_from([0.0, 0.5, 1.0]),
    oriented=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_core_does_what_its_slow_twin_does(name, noise, missing, turn, known, oriented, seed):
    rng = np.random.default_rng(seed)
    # Exact lattices have ties, which rounding decides; a thousandth breaks them.
    truth = crystal(name, 130, turn).noisy(noise + 1e-3, seed)
    truth = truth.kept(rng.random(len(truth.positions)) >= missing)
    lattice = truth.lattice
    numbers = np.array([lattice.kinds.index(kind) for kind in truth.kinds], dtype=np.int32)
    numbers[rng.random(len(numbers)) >= known] = -1
    places = np.array([[column.u, column.v] for column in lattice.columns])
    template = template_of(lattice.vectors, places, 1.45)
    kinds = np.array([lattice.kinds.index(c.kind) for c in lattice.columns], dtype=np.int32)
    sites, maps, bonds = _core.index_atoms(
        truth.positions,
        numbers,
        template.first,
        template.columns,
        template.cells,
        template.vectors,
        kinds,
        lattice.nearest_distance,
        0.3,
        oriented,
    )
    twin = SlowIndexer(
        truth.positions, numbers, template, kinds, lattice.nearest_distance, 0.3, oriented
    ).run()
    np.testing.assert_array_equal(sites[:, 0], twin.component)
    has = twin.component >= 0
    np.testing.assert_array_equal(sites[has, 1], twin.column[has])
    np.testing.assert_array_equal(sites[has, 2:], twin.index[has])
    np.testing.assert_allclose(maps[has], twin.maps[has], atol=1e-9)
    assert len(bonds) == np.diff(template.first)[twin.column[has]].sum()


@pytest.mark.parametrize("name", CRYSTALS)
def test_neighbors_are_mutual_and_surround(name):
    lattice = CRYSTALS[name]
    places = np.array([[column.u, column.v] for column in lattice.columns])
    template = template_of(lattice.vectors, places, 1.45)
    edges = {
        (s, int(template.columns[e]), *template.cells[e].tolist())
        for s in range(len(places))
        for e in range(*template.first[s : s + 2])
    }
    assert {(t, s, -h, -k) for s, t, h, k in edges} == edges
    for s in range(len(places)):
        part = slice(*template.first[s : s + 2])
        vectors = template.vectors[part]
        steps = template.cells[part] + places[template.columns[part]] - places[s]
        np.testing.assert_allclose(vectors, steps @ lattice.vectors, atol=1e-9)
        angles = np.sort(np.arctan2(*vectors.T))
        assert np.diff(angles, append=angles[0] + 2 * np.pi).max() < np.pi


def test_the_order_of_atoms_and_flips_do_not_matter():
    truth = crystal("ybco", 300).noisy(0.05)
    found = indexed(truth)
    order = np.random.default_rng(0).permutation(len(truth.positions))
    other = LatticeIndexer(truth.lattice).fit(truth.positions[order], truth.kinds[order])
    same = (other.indices_ - found.indices_[order]) == 0
    assert same.all(axis=1).mean() > 0.995
    np.testing.assert_array_equal(other.columns_, found.columns_[order])
    back = truth.moved(300 - truth.positions)  # by half a turn
    assert share_right(found, truth) > 0.995
    assert (indexed(back).components_ == 0).mean() > 0.995


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_few_atoms_have_no_index(n):
    points = np.array([[0.0, 0], [0, 20], [20, 0], [20, 20], [10, 10]])[:n]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = LatticeIndexer(CRYSTALS["perovskite"]).fit(points)
    assert found.extras_.tolist() == list(range(n))
    assert found.vectors_.shape == (0, 2, 2)
    assert found.vacancies_.shape == (0, 2)
    assert np.isnan(found.references_).all()


def test_amorphous_atoms_have_no_index():
    points = np.random.default_rng(0).uniform(0, 500, (1500, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousMotifWarning)
        found = LatticeIndexer(CRYSTALS["perovskite"]).fit(points)
    assert (found.components_ >= 0).mean() < 0.05


def test_far_points_and_duplicates_do_no_harm():
    truth = crystal("perovskite", 300)
    points = np.concatenate([truth.positions, [[1e12, -1e12]], truth.positions[:3] + 1e-3])
    kinds = np.concatenate([truth.kinds, [""], truth.kinds[:3]])
    found = LatticeIndexer(truth.lattice).fit(points, kinds)
    assert (found.components_ >= 0).sum() == len(truth.positions)
    assert len(truth.positions) in found.extras_


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tolerance": 0}, "tolerance must be"),
        ({"tolerance": 0.6}, "tolerance must be"),
        ({"reach": 0.5}, "reach must be"),
        ({"reach": 10}, "reach must be"),
    ],
)
def test_parameters_that_cannot_be(options, match):
    with pytest.raises(ValueError, match=match):
        LatticeIndexer(CRYSTALS["perovskite"], **options).fit([[0, 0]])


def test_arguments_that_cannot_be():
    indexer = LatticeIndexer(CRYSTALS["perovskite"])
    with pytest.raises(TypeError, match="lattice must be a Lattice"):
        LatticeIndexer(3.9).fit([[0, 0]])
    with pytest.raises(ValueError, match="'Ti'; those of the lattice are 'A', 'B'"):
        indexer.fit([[0, 0], [1, 1]], ["A", "Ti"])
    with pytest.raises(ValueError, match="kinds must be a text for each of the 2"):
        indexer.fit([[0, 0], [1, 1]], ["A"])
    with pytest.raises(ValueError, match="intensities must be a number for each of the 1"):
        indexer.fit([[0, 0]], intensities=[1, 2])
    with pytest.raises(ValueError, match="not finite"):
        indexer.fit([[0, np.nan]])


def test_the_core_refuses_what_does_not_belong_together():
    good = (
        np.zeros((2, 2)),
        np.zeros(2, dtype=np.int32),
        np.array([0, 1], dtype=np.uint32),
        np.zeros(1, dtype=np.uint32),
        np.zeros((1, 2), dtype=np.int32),
        np.ones((1, 2)),
        np.zeros(1, dtype=np.int32),
        1.0,
        0.3,
        False,
    )
    for place, value, match in [
        (0, np.full((2, 2), np.inf), "point 0"),
        (1, np.zeros(3, dtype=np.int32), "3 kinds were given for 2 points"),
        (2, np.array([0, 2], dtype=np.uint32), "1 edges do not divide"),
        (3, np.ones(1, dtype=np.uint32), "1 edges do not divide"),
        (4, np.zeros((2, 2), dtype=np.int32), "equally many"),
        (7, 0.0, "above 0, got 0"),
        (8, np.nan, "above 0, got NaN"),
    ]:
        arguments = list(good)
        arguments[place] = value
        with pytest.raises(ValueError, match=match):
            _core.index_atoms(*arguments)


def test_it_is_an_estimator():
    indexer = clone(LatticeIndexer(Lattice.ybco(0.2), tolerance=0.2))
    assert indexer.get_params()["tolerance"] == 0.2
