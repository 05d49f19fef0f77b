"""Trajectories of atoms, against walks whose identity is known and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import linear_sum_assignment

from logstar.lattice import Lattice, LatticeIndexer
from logstar.tracking import link_atoms
from logstar.tracking._linking import _assigned

GRID = np.stack(np.mgrid[10:130:12.0, 10:130:12.0], axis=-1).reshape(-1, 2)


def walk(n_frames, rng, *, step=0.4, drift=(0.0, 0.0)):
    """Places of the same atoms in each frame, in the same order."""
    places = GRID + np.cumsum(step * rng.standard_normal((n_frames, *GRID.shape)), axis=0)
    return places + np.arange(n_frames)[:, None, None] * np.array(drift)


def names(tracks, keys):
    """Particles by what they truly are: one to one, if the links are right."""
    return set(zip(tracks.particle.tolist(), np.concatenate(keys).tolist(), strict=True))


@pytest.mark.parametrize("drift", [(0.0, 0.0), (1.5, -2.5), (4.0, 3.0)])
def test_walks_are_followed_through_drift_and_any_order_of_rows(rng, drift):
    frames, keys = [], []
    for places in walk(12, rng, drift=drift):
        order = rng.permutation(len(GRID))
        frames.append(places[order])
        keys.append(order)
    tracks = link_atoms(frames)
    assert tracks.n_particles == len(GRID)
    assert len(names(tracks, keys)) == len(GRID)
    np.testing.assert_allclose(tracks.drift, np.outer(np.arange(12), drift), atol=0.6)
    assert len(tracks.appearing["frame"]) == len(tracks.vanishing["frame"]) == 0


def test_what_appears_and_vanishes_is_listed(rng):
    places = walk(6, rng, step=0.1)
    frames = [list(frame) for frame in places]
    for number in (0, 1):
        del frames[number][40]
    for number in (4, 5):
        del frames[number][7]
    tracks = link_atoms([np.array(frame) for frame in frames])
    (new,) = tracks.appearing["particle"]
    assert tracks.appearing["frame"].tolist() == [2]
    assert tracks.appearing["y"][0] == places[2, 40, 0]
    assert tracks.vanishing["frame"].tolist() == [3]
    assert tracks.vanishing["x"][0] == places[3, 7, 1]
    assert tracks.of(new)["frame"].tolist() == [2, 3, 4, 5]
    (gone,) = tracks.vanishing["particle"]
    assert tracks.of(gone)["atom"].tolist() == [7] * 4
    with pytest.raises(IndexError, match=f"particle {tracks.n_particles} of"):
        tracks.of(tracks.n_particles)


@pytest.mark.parametrize(("memory", "n_more"), [(0, 1), (1, 1), (2, 0), (5, 0)])
def test_an_atom_that_is_missing_for_a_while_is_the_same(rng, memory, n_more):
    frames = [list(frame) for frame in walk(6, rng, step=0.1)]
    for number in (2, 3):
        del frames[number][30]
    tracks = link_atoms([np.array(frame) for frame in frames], memory=memory)
    assert tracks.n_particles == len(GRID) + n_more


@given(
    seed=st.integers(0, 2**32 - 1),
    n_before=st.integers(0, 12),
    n_after=st.integers(0, 12),
    reach=st.sampled_from([0.5, 1.5, 4.0, 20.0]),
)
def test_links_cost_least_of_all(seed, n_before, n_after, reach):
    rng = np.random.default_rng(seed)
    before, after = rng.uniform(0, 10, (n_before, 2)), rng.uniform(0, 10, (n_after, 2))
    linked = _assigned(before, after, reach)
    used = linked[linked >= 0]
    assert len(set(used.tolist())) == len(used)
    squares = ((before[:, None] - after) ** 2).sum(axis=2)
    pairs = [(old, new) for new, old in enumerate(linked) if old >= 0]
    assert all(squares[pair] <= reach**2 * (1 + 1e-9) for pair in pairs)
    cost = sum(squares[pair] for pair in pairs) + reach**2 * (n_before - len(pairs))
    # The whole matrix at once, with a way out for every atom.
    allowed = np.where(squares <= reach**2, squares, 1e9)
    whole = np.hstack([allowed, np.full((n_before, n_before), reach**2)])
    rows, columns = linear_sum_assignment(whole)
    assert cost == pytest.approx(whole[rows, columns].sum())


def test_sites_of_particles_follow_from_a_frame_that_was_indexed(rng):
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    places, kinds = crystal.positions((150, 150), rotation=7.0)
    frames = [places + 0.1 * rng.standard_normal(places.shape) for _ in range(3)]
    order = rng.permutation(len(places))
    frames[1] = frames[1][order]
    tracks = link_atoms(frames)
    indexer = LatticeIndexer(crystal).fit(frames[1], kinds[order])
    sites = tracks.sites(indexer, frame=1)
    columns = [crystal.columns[i].kind for i in sites["column"]]
    assert columns == kinds.tolist()
    cells = np.column_stack([sites["cell_a"], sites["cell_b"], sites["column"]])
    assert len(np.unique(cells, axis=0)) == len(places)
    indexer.columns_ = indexer.columns_[:3]
    with pytest.raises(ValueError, match=f"frame 0 has {len(places)} atoms, the indexer 3"):
        tracks.sites(indexer)


def test_tables_have_the_columns_of_trackpy(rng, tmp_path):
    pandas = pytest.importorskip("pandas")
    tracks = link_atoms(walk(3, rng))
    frame = tracks.to_frame()
    assert list(frame.columns) == ["frame", "particle", "x", "y", "atom"]
    tracks.save(tmp_path / "tracks.csv")
    read = pandas.read_csv(tmp_path / "tracks.csv")
    pandas.testing.assert_frame_equal(read, frame, atol=1e-6)
    with pytest.raises(ValueError, match=r"written as \.csv"):
        tracks.save(tmp_path / "tracks.xyz")


def test_empty_frames_and_single_atoms():
    nothing = np.empty((0, 2))
    tracks = link_atoms([nothing, [[5, 5]], nothing, [[6, 5]]], memory=1)
    assert tracks.particle.tolist() == [0, 0]
    assert link_atoms([nothing, nothing]).n_particles == 0
    assert link_atoms([]).n_frames == 0


def test_what_cannot_be_is_refused(rng):
    frames = walk(3, rng)
    with pytest.raises(ValueError, match=r"drift must have shape \(3, 2\), got \(2, 2\)"):
        link_atoms(frames, drift=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="search_range must be finite and > 0"):
        link_atoms(frames, search_range=0)
    with pytest.raises(ValueError, match="memory must be at least 0"):
        link_atoms(frames, memory=-1)
