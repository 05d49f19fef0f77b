"""Ladders that a search tries."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from logstar import AtomFinder, Lattice, LoGStarDetector
from logstar.datasets import make_scene
from logstar.preprocessing import GaussianDenoiser
from logstar.rewards import choose_stable
from logstar.tuning._space import Ladders, count_ladders, make_search

NUMBERS = {"n_expected": 80.0, "distance_sum": 40.0, "sigma_range": (2.0, 4.0), "polarity": "dark"}
RANGES = [(1.0, 3.0), (2**0.5, 18**0.5), (0.31, 0.97), (0.01, 7.3), (11.7, 12.1)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_all_ladders_are_contiguous_parts_of_one(low, high):
    ladders = Ladders.within(low, high)
    assert (ladders.min_sigma[0], ladders.max_sigma[-1]) == pytest.approx((low, high), rel=1e-9)
    image = np.pad(np.ones((1, 1)), 60)
    fitted = {
        ends: LoGStarDetector(*ends, sigma_step=ladders.step).fit(image).sigmas_
        for ends in [(a, b) for a in ladders.min_sigma for b in ladders.max_sigma]
    }
    whole = fitted[ladders.min_sigma[0], ladders.max_sigma[-1]]
    assert len(fitted) == ladders.n_ladders
    for (first, last), sigmas in fitted.items():
        assert (sigmas[0], sigmas[-1]) == (first, last)
        start = whole.tolist().index(first)
        np.testing.assert_array_equal(sigmas, whole[start : start + len(sigmas)])


def test_what_is_recorded_does_not_depend_on_the_number_of_threads(tmp_path):
    scene = make_scene(Lattice.perovskite(4.0, pixel_size=0.2), (96, 96), random_state=0)
    tables = []
    for n_jobs in (None, 2):
        finder = AtomFinder(denoise="auto", n_iter=2, n_jobs=n_jobs).fit(scene.image)
        assert finder.params_["denoise"] == "PatchPCADenoiser()"
        files = finder.save(tmp_path / str(n_jobs), plots=False)
        tables.append(files["pareto_front"].read_bytes())
    assert tables[0] == tables[1]


def test_a_search_of_the_bare_detector_tries_every_ladder_once():
    search = make_search(uncertainty=0.0, **NUMBERS)
    assert isinstance(search.estimator, LoGStarDetector)
    assert (search.estimator.polarity, search.estimator.exclude_border) == ("dark", 1)
    assert set(search.search_spaces) == {"min_sigma", "max_sigma", "threshold", "overlap"}
    assert search.sweep == ["threshold", "overlap"]
    assert (search.n_iter, search.n_initial_points) == (10, 10)
    assert make_search(uncertainty=0.0, n_iter=4, **NUMBERS).n_initial_points == 4


def test_a_search_of_denoisers_tries_each_with_every_ladder():
    denoisers = ["passthrough", GaussianDenoiser(), GaussianDenoiser(2.0)]
    search = make_search(uncertainty=0.0, denoisers=denoisers, **NUMBERS)
    assert (search.n_iter, search.n_initial_points) == (30, 30)
    assert search.search_spaces["denoise"] == denoisers
    assert search.sweep == ["detect__threshold", "detect__overlap"]
    assert make_search(uncertainty=0.0, denoisers=denoisers[:1], **NUMBERS).n_iter == 10


def test_an_exact_count_is_met_and_of_an_uncertain_one_the_stablest_is_chosen():
    exact, uncertain = (make_search(uncertainty=u, **NUMBERS) for u in (0.0, 0.05))
    assert exact.refit == "euclidean"
    assert set(exact.scoring) == {"qc", "er"}
    assert uncertain.refit is choose_stable
    assert set(uncertain.scoring) == {"qc", "er", "stability"}
    assert make_search(uncertainty=0.05, refit="er", **NUMBERS).refit == "er"


def test_ladders_are_counted_by_size_of_atoms_or_by_their_ends():
    sized = {"param_atom_size": [2.0, 3.0, 4.0], "param_threshold": [0.1, 0.1, 0.1]}
    assert count_ladders(SimpleNamespace(cv_results_=sized)) == 3
    ends = {"param_min_sigma": [1, 1, 2, 1], "param_max_sigma": [3, 3, 3, 4]}
    assert count_ladders(SimpleNamespace(cv_results_=ends)) == 3
    of_a_step = {name.replace("param_", "param_detect__"): v for name, v in ends.items()}
    assert count_ladders(SimpleNamespace(cv_results_=of_a_step)) == 3
