"""What is chosen is never dominated by what it was chosen from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar import AtomFinder, Lattice, find_atoms
from logstar.datasets import load_ybco, make_scene
from logstar.pareto import is_non_dominated

CRYSTALS = [
    Lattice.perovskite(3.9, "0.25 A"),
    Lattice.ybco("0.3 A"),
    Lattice(3.0, 3.0, 120, columns=Lattice.ybco(1.0).columns[:1], pixel_size="0.25 A"),
]
REAL = ["baghizadeh_BTO_crystal_1.dm4", "atomap_test_ADF_cropped.hdf5", "asn_11133.png"]


def assert_chosen_on_front(finder):
    results, names = finder.search_.cv_results_, finder.search_.objective_names_
    losses = -np.column_stack([results[f"mean_test_{name}"] for name in names])
    on_front = is_non_dominated(losses)
    chosen = finder.front_[finder.index_]
    assert chosen == finder.search_.best_index_
    assert on_front[chosen]
    assert (
        sorted(finder.front_.tolist()) == np.flatnonzero(on_front & results["is_pareto"]).tolist()
    )
    # Sorted by the first objective, then by the second.
    in_order = losses[finder.front_].tolist()
    assert in_order == sorted(in_order)
    # What the finder tells is what the search scored.
    assert len(finder.atoms_) == results["detail_n_atoms"][chosen]
    expected = finder.expectation_
    beyond = max(abs(finder.qc_) - expected.uncertainty, 0.0)
    assert results["objective_qc"][chosen] == pytest.approx(beyond, abs=1e-12)
    assert results["objective_er"][chosen] == pytest.approx(finder.er_, abs=1e-12)
    width = np.log(finder.plateau_.width)
    assert results["objective_stability"][chosen] == pytest.approx(width, abs=1e-9)


@settings(max_examples=25)
@given(
    crystal=st.sampled_from(CRYSTALS),
    shape=st.tuples(st.integers(90, 130), st.integers(90, 130)),
    noise=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    vacancies=st.sampled_from([0.0, 0.05]),
    off=st.sampled_from([None, 0.9, 0.97, 1.05]),
    seed=st.integers(0, 1000),
)
def test_of_scenes(crystal, shape, noise, vacancies, off, seed):
    scene = make_scene(
        crystal,
        shape,
        rotation=seed % 90,
        noise=noise,
        vacancy_fraction=vacancies,
        random_state=seed,
    )
    expected = None if off is None else off * len(scene.positions)
    finder = AtomFinder(crystal, expected=expected, force=True, n_iter=5).fit(scene.image)
    assert_chosen_on_front(finder)


@pytest.mark.parametrize("noisy", [False, True])
def test_of_the_shipped_micrograph(noisy):
    scene = load_ybco(noisy)
    assert_chosen_on_front(AtomFinder(scene.lattice).fit(scene.image))


@pytest.mark.parametrize("name", REAL)
def test_of_real_micrographs(shared_data, name):
    options = {"channel": 0} if name.endswith("png") else {"average": name.endswith("dm4")}
    assert_chosen_on_front(find_atoms(shared_data / "real" / name, **options))
