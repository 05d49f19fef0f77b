"""The reward of a stable count, and the rule that chooses by it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge

from logstar import Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.detection import DetectionPipeline, ScaleSpaceCandidates
from logstar.metrics import detection_metrics
from logstar.pareto import is_non_dominated
from logstar.preprocessing import GaussianDenoiser
from logstar.rewards import (
    CountStability,
    ErrorRate,
    QualityCount,
    StableChoice,
    choose_stable,
)

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (100, 110), rotation=5, noise=0.1, random_state=0)


class TestCountStability:
    @pytest.fixture
    def candidates(self):
        """Twenty atoms that respond with 0.2 to 0.4, above noise of at most 0.02."""
        responses = np.concatenate([np.linspace(0.4, 0.2, 20), np.geomspace(0.02, 0.006, 40)])
        places = np.argwhere(np.ones((6, 10))) * 30.0
        table = np.column_stack([places, np.full(60, 2.0), responses])
        return ScaleSpaceCandidates(table, threshold=0.005)

    def test_the_measure_is_the_logarithm_of_the_range(self, candidates):
        stability = CountStability((0.005, 0.4))
        assert stability.measure(candidates, 0.1, 0.5) == pytest.approx(np.log(10), abs=0.07)
        assert stability.measure(candidates, 0.01, 0.5) < 0.1
        # Of a range that ends before, what is within it.
        assert CountStability((0.05, 0.1)).measure(candidates, 0.06, 0.5) == pytest.approx(
            np.log(2)
        )

    def test_declared_values(self):
        stability = CountStability((0.01, 0.1))
        assert stability.greater_is_better is True
        assert stability.ideal == pytest.approx(np.log(10))
        assert stability.scale == 1.0
        assert repr(stability) == "CountStability(threshold_range=(0.01, 0.1))"
        assert repr(pickle.loads(pickle.dumps(stability))) == repr(stability)

    def test_a_detector_is_scored_by_its_candidates(self, scene):
        stability = CountStability()
        for threshold in (0.004, 0.01, 0.05, 0.1, 0.3):
            detector = LoGStarDetector(1.5, 3.5, threshold=threshold, overlap=0.3)
            candidates = detector.find_candidates(scene.image, 0.004)
            expected = stability.measure(candidates, threshold, 0.3)
            assert stability(detector.fit(scene.image), scene.image) == expected

    def test_a_stack_is_scored_by_the_mean(self, scene):
        stack = np.stack([scene.image, scene.image + 0.3 * scene.image[::-1]])
        detector = LoGStarDetector(1.5, 3.5, threshold=0.08).fit(stack)
        one, other = (CountStability()(detector, image) for image in stack)
        assert one != other
        assert CountStability()(detector, stack) == pytest.approx((one + other) / 2)

    def test_a_pipeline_and_a_search_are_scored_as_well(self, scene):
        pipeline = DetectionPipeline(
            [("smooth", GaussianDenoiser(1.0)), ("detect", LoGStarDetector(1.5, 3.5))]
        ).set_params(detect__threshold=0.07, detect__overlap=0.2)
        candidates = pipeline.find_candidates(scene.image, 0.005)
        expected = CountStability().measure(candidates, 0.07, 0.2)
        assert CountStability()(pipeline.fit(scene.image), scene.image) == expected
        search = MOBOSearchCV(
            LoGStarDetector(1.5, 3.5),
            {"threshold": (0.05, 0.1)},
            scoring=CountStability(),
            n_iter=3,
            n_initial_points=3,
            random_state=0,
        ).fit(scene.image)
        assert search.score(scene.image) == search.cv_results_["mean_test_score"].max()
        assert CountStability()(search, scene.image) == search.score(scene.image)

    @pytest.mark.parametrize(
        ("threshold_range", "error", "message"),
        [
            ((0.0, 0.4), ValueError, r"threshold_range\[0\] must be finite and > 0, got 0"),
            ((0.4, 0.4), ValueError, r"threshold_range\[1\] must be finite and > 0\.4"),
            (0.4, ValueError, "threshold_range must be two numbers, got 0.4"),
            (("a", 1), TypeError, r"threshold_range\[0\]"),
        ],
    )
    def test_ranges_that_cannot_be(self, scene, threshold_range, error, message):
        stability = CountStability(threshold_range)
        detector = LoGStarDetector(1.5, 3.5).fit(scene.image)
        with pytest.raises(error, match=message):
            stability(detector, scene.image)
        with pytest.raises(error, match=message):
            stability.criterion([scene.image])

    def test_other_estimators_are_refused(self, scene):
        with pytest.raises(TypeError, match="Ridge lacks find_candidates, threshold, overlap"):
            CountStability()(Ridge(), scene.image)


def results(qc, er, stability, **others):
    losses = np.column_stack([qc, er, -np.asarray(stability, dtype=float)])
    return {
        "objective_qc": np.asarray(qc, dtype=float),
        "objective_er": np.asarray(er, dtype=float),
        "objective_stability": np.asarray(stability, dtype=float),
        "is_pareto": is_non_dominated(losses),
        **others,
    }


class TestChoice:
    def test_near_the_ideal_comes_first(self):
        assert choose_stable(results([0.0, 0.003, 0.0], [0.0, 0.0, 0.01], [0.2, 3.0, 4.0])) == 0
        # As near as the nearest, within 0.002.
        assert choose_stable(results([0.0, 0.002, 0.0], [0.0, 0.0, 0.01], [0.2, 3.0, 4.0])) == 1
        assert (
            StableChoice(tolerance=0.02)(
                results([0.0, 0.002, 0.0], [0.0, 0.0, 0.01], [0.2, 3.0, 4.0])
            )
            == 2
        )

    def test_then_the_widest_plateau_then_the_most_atoms(self):
        given = ([0.0, 0.0, 0.0, 0.001], [0.0, 0.001, 0.002, 0.0], [0.7, 0.81, 1.0, 0.9])
        assert choose_stable(results(*given, detail_n_atoms=np.array([999, 90, 80, 85.0]))) == 1
        assert choose_stable(results(*given, detail_n_atoms=np.array([999, 80, 90, 85.0]))) == 2
        strict = StableChoice(nearly=1.0)
        assert strict(results(*given, detail_n_atoms=np.array([999, 90, 80, 85.0]))) == 2

    def test_then_the_middle_of_the_plateau(self):
        given = results(
            [0.0, 0.0],
            [0.0, 0.001],
            [0.9, 1.0],
            # As many, within 0.2 %.
            detail_n_atoms=np.array([1000.0, 999.0]),
            detail_plateau_low=np.array([0.01, 0.01]),
            detail_plateau_high=np.array([0.04, 0.04]),
            param_detect__threshold=np.ma.MaskedArray([0.039, 0.021]),
        )
        assert choose_stable(given) == 1
        given["param_detect__threshold"] = np.ma.MaskedArray([0.021, 0.039])
        assert choose_stable(given) == 0
        # As near to the middle, within a tenth of the logarithm: the nearer to the ideal.
        given["param_detect__threshold"] = np.ma.MaskedArray([0.0208, 0.0204])
        assert choose_stable(given) == 0

    @given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.booleans())
    def test_it_is_never_dominated(self, seed, n, has_details):
        rng = np.random.default_rng(seed)
        # Coarse numbers, so that many rows tie or are almost as good.
        qc, er = (rng.integers(0, 6, n) * rng.choice([0.0005, 0.05]) for _ in range(2))
        stability = rng.integers(0, 6, n) * 0.3
        if n > 3:
            qc[rng.integers(n)] = np.nan
        details = {"detail_n_atoms": rng.integers(0, 1000, n) * 1.0} if has_details else {}
        table = results(qc, er, stability, **details)
        if not table["is_pareto"].any():
            return
        row = choose_stable(table)
        rows = np.column_stack([qc, er, -stability])
        dominates = (rows <= rows[row]).all(axis=1) & (rows < rows[row]).any(axis=1)
        assert not dominates.any()
        # And as near as the nearest of all rows.
        distance = np.hypot(qc, er)
        assert distance[row] <= np.nanmin(distance) + 0.002

    def test_objectives_by_other_names(self):
        table = {
            name.replace("_qc", "_count"): column
            for name, column in results([0, 0], [0, 0.1], [1, 2]).items()
        }
        assert StableChoice(count="count")(table) == 0
        with pytest.raises(ValueError, match=r"needs \['objective_qc'\].*objective_count"):
            choose_stable(table)

    def test_it_is_a_parameter_like_any_other(self):
        assert clone(choose_stable, safe=False) == choose_stable
        assert repr(choose_stable).startswith("StableChoice(count='qc', errors='er'")
        assert pickle.loads(pickle.dumps(choose_stable)) == choose_stable


@pytest.mark.parametrize("noise", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("error", [-0.04, 0.0, 0.04])
def test_over_scenes_the_chosen_row_is_on_the_front(noise, error):
    scene = make_scene(CRYSTAL, (100, 110), rotation=5, noise=noise, random_state=1)
    n_expected = (1 + error) * len(scene.positions)
    search = MOBOSearchCV(
        LoGStarDetector(max_sigma=3.5, num_sigma=6),
        {
            "min_sigma": [1.0, 1.5, 2.0],
            "threshold": (0.005, 0.4, "log-uniform"),
            "overlap": (0.01, 0.5),
        },
        scoring={
            "qc": QualityCount(n_expected, uncertainty=0.06),
            "er": ErrorRate(CRYSTAL, n_expected=n_expected),
            "stability": CountStability(),
        },
        sweep=["threshold", "overlap"],
        n_iter=3,
        n_initial_points=3,
        refit=choose_stable,
        random_state=0,
    ).fit(scene.image)
    chosen = search.best_index_
    assert chosen in search.pareto_indices_
    assert choose_stable(search.cv_results_) == search.select(choose_stable) == chosen
    losses = np.column_stack(
        [
            search.cv_results_["objective_qc"],
            search.cv_results_["objective_er"],
            -search.cv_results_["objective_stability"],
        ]
    )
    dominates = (losses <= losses[chosen]).all(axis=1) & (losses < losses[chosen]).any(axis=1)
    assert not dominates.any()
    if noise < 0.5:
        atoms = search.predict(scene.image)
        assert detection_metrics(atoms, scene.positions, margin=3, shape=(100, 110)).f1 > 0.98
