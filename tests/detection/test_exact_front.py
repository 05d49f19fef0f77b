"""The exact front over threshold and overlap, as the search sees it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from sklearn.exceptions import FitFailedWarning

from logstar import Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.detection import (
    CountCriterion,
    CrowdingCriterion,
    ParetoFront,
    ScaleSpaceCandidates,
    _sweep_plan,
    _tables,
)
from logstar.detection._criteria import Criteria
from logstar.detection._exact_front import strongest
from logstar.detection._plateaus import CountCurves, plateau_thresholds
from logstar.detection._sweep_plan import SweepPlan, bounds_of
from logstar.model_selection.protocols import Interval
from logstar.rewards import CountStability, ErrorRate, QualityCount

RANGES = {
    "threshold": Interval(low=0.005, high=0.4),
    "overlap": Interval(low=0.01, high=0.9),
}
SPACE = {
    "max_sigma": [4.0, 5.0],
    "threshold": (0.005, 0.4, "log-uniform"),
    "overlap": (0.01, 0.9),
}


@pytest.fixture(scope="module")
def scenes():
    lattice = Lattice.perovskite(a=3.905, pixel_size=0.25)
    return [
        make_scene(lattice, shape=(90, 100), rotation=7 * i, noise=0.25, random_state=i)
        for i in range(3)
    ]


@pytest.fixture
def scorers(scenes):
    lattice = scenes[0].lattice
    return {"qc": QualityCount(lattice), "er": ErrorRate(lattice)}


@pytest.fixture
def detector():
    return LoGStarDetector(min_sigma=1.0, max_sigma=4.0, num_sigma=8)


def sweep_once(estimator, X, y=None, **given):
    """The front at the other parameters as they are set."""
    (front,) = estimator.sweep(X, y, settings=[{}], **given)
    return front


def pairs_of(front):
    """Settings and scores row by row."""
    rows = [zip(*columns.values(), strict=True) for columns in (front.settings, front.scores)]
    return [
        (
            dict(zip(front.settings, setting, strict=True)),
            dict(zip(front.scores, scores, strict=True)),
        )
        for setting, scores in zip(*rows, strict=True)
    ]


def assert_front(front):
    losses = -np.column_stack(list(front.scores.values()))
    for i, one in enumerate(losses):
        for j, other in enumerate(losses):
            assert i == j or not ((other <= one).all() and (other < one).any())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scores_are_those_of_the_detector_at_the_settings(scenes, scorers, detector, dtype):
    image = scenes[0].image.astype(dtype)
    front = sweep_once(detector, image, ranges=RANGES, scorers=scorers)
    assert len(pairs_of(front)) > 3
    assert_front(front)
    for setting, scores in pairs_of(front):
        fitted = LoGStarDetector(**(detector.get_params() | setting)).fit(image)
        for name, scorer in scorers.items():
            assert scorer(fitted, image) == pytest.approx(scores[name], abs=1e-12)


def test_no_setting_of_a_grid_beats_the_front(scenes, scorers, detector):
    image = scenes[1].image
    front = sweep_once(detector, image, ranges=RANGES, scorers=scorers)
    found = np.column_stack([front.scores["qc"], front.scores["er"]])
    for threshold in np.geomspace(0.005, 0.4, 12):
        for overlap in np.linspace(0.01, 0.9, 6):
            detector.set_params(threshold=threshold, overlap=overlap).fit(image)
            scores = np.array([scorer(detector, image) for scorer in scorers.values()])
            assert (found >= scores - 1e-12).all(axis=1).any()


def test_stacks_are_scored_by_their_mean(scenes, scorers, detector):
    stack = np.stack([scene.image for scene in scenes])
    front = sweep_once(detector, stack, ranges=RANGES, scorers=scorers)
    assert_front(front)
    for setting, scores in pairs_of(front):
        fitted = LoGStarDetector(**(detector.get_params() | setting)).fit(stack)
        for name, scorer in scorers.items():
            assert scorer(fitted, stack) == pytest.approx(scores[name], abs=1e-12)


def test_counts_may_come_from_y(scenes, detector):
    image, positions = scenes[0].image, scenes[0].positions
    limit = scenes[0].lattice.distance_sum_threshold()
    by_y = {"qc": QualityCount(), "er": ErrorRate(limit)}
    by_number = {
        "qc": QualityCount(len(positions)),
        "er": ErrorRate(limit, n_expected=len(positions)),
    }
    front = sweep_once(detector, image, positions, ranges=RANGES, scorers=by_y)
    assert pairs_of(front) == pairs_of(
        sweep_once(detector, image, ranges=RANGES, scorers=by_number)
    )


def test_the_search_takes_the_fronts_of_all_ladders(scenes, scorers, detector):
    image = scenes[0].image
    search = MOBOSearchCV(
        detector,
        SPACE,
        scoring=scorers,
        n_iter=2,
        n_initial_points=2,
        sweep=["threshold", "overlap"],
        random_state=0,
    ).fit(image)
    assert {params["max_sigma"] for params in search.cv_results_["params"]} == {4.0, 5.0}
    swept = [
        sweep_once(detector.set_params(max_sigma=high), image, ranges=RANGES, scorers=scorers)
        for high in (4.0, 5.0)
    ]
    assert search.n_evaluations_ == sum(len(pairs_of(front)) for front in swept)
    scores = [scorer(search.best_estimator_, image) for scorer in scorers.values()]
    assert scores == pytest.approx(list(search.best_score_.values()), abs=1e-12)


def test_the_exact_front_dominates_that_of_two_hundred_evaluations(scenes, scorers, detector):
    image = scenes[2].image
    arguments = {"scoring": scorers, "random_state": 0, "refit": False}
    space = SPACE | {"max_sigma": [4.0]}
    sampled = MOBOSearchCV(detector, space, n_iter=200, n_initial_points=190, **arguments)
    exact = MOBOSearchCV(detector, space, sweep=["threshold", "overlap"], **arguments)
    sampled.fit(image)
    exact.fit(image)
    for point in sampled.pareto_front_:
        assert (exact.pareto_front_ <= point + 1e-12).all(axis=1).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ranges": {"threshold": RANGES["threshold"]}}, ValueError, "are swept, both or none"),
        ({"scorers": {"qc": QualityCount(9)}}, TypeError, "for one QualityCount, one ErrorRate"),
        ({"scorers": {"f1": len, "qc": QualityCount(9)}}, TypeError, "Leave `sweep` empty"),
        (
            {
                "scorers": {
                    "a": QualityCount(9),
                    "b": QualityCount(8),
                    "er": ErrorRate(9, n_expected=9),
                }
            },
            TypeError,
            "for one QualityCount",
        ),
        ({"scorers": {"qc": QualityCount(), "er": ErrorRate(9)}}, ValueError, "y is needed"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_any_setting(
    scenes, scorers, detector, change, error, message
):
    arguments = {"X": scenes[0].image, "ranges": RANGES, "scorers": scorers} | change
    with pytest.raises(error, match=message):
        detector.sweep(settings=[], **arguments)


@pytest.mark.parametrize(
    ("image", "message"),
    [(np.ones((90, 90)), "image 0 is constant"), (np.ones((4, 4)), "smaller than the reach")],
)
def test_what_cannot_be_detected_is_refused_at_its_turn(detector, image, message):
    scorers = {"qc": QualityCount(9), "er": ErrorRate(40, n_expected=9)}
    fronts = detector.sweep(image, settings=[{}], ranges=RANGES, scorers=scorers)
    with pytest.raises(ValueError, match=message):
        next(fronts)


def test_a_constant_frame_is_swept_with_the_others(scenes, detector):
    image = scenes[0].image
    frames = np.stack([image, np.zeros_like(image)])
    expected = len(scenes[0].positions)
    scorers = {"qc": QualityCount(expected), "er": ErrorRate(40, n_expected=expected)}
    with_one, alone = (
        next(detector.sweep(X, settings=[{}], ranges=RANGES, scorers=scorers))
        for X in (frames, image)
    )
    # Nothing is found in the constant one, so that its share of missing atoms is 1: the mean of
    # |QC| is at least 1/2, which the other frame alone is far from.
    assert (-with_one.scores["qc"]).min() >= 0.5
    assert (-alone.scores["qc"]).min() < 0.1


SETTINGS = [
    {"max_sigma": 4.0},
    {"max_sigma": 5.0, "intensity_range": None},
    {"max_sigma": 5.0},
    {"min_sigma": 1.5, "num_sigma": 5},
]


def test_thresholds_of_stacks_may_begin_at_zero(scenes, scorers, detector):
    stack = np.stack([scene.image for scene in scenes])
    ranges = RANGES | {"threshold": Interval(low=0.0, high=0.4)}
    front = sweep_once(detector, stack, ranges=ranges, scorers=scorers)
    assert np.isfinite(np.column_stack(list(front.scores.values()))).all()


@pytest.mark.parametrize("n_jobs", [1, 2, 8])
@pytest.mark.parametrize("is_stack", [False, True])
def test_many_settings_are_swept_as_each_alone(scenes, scorers, detector, is_stack, n_jobs):
    images = np.stack([scene.image for scene in scenes[:2]]) if is_stack else scenes[0].image
    given = {"ranges": RANGES, "scorers": scorers}
    detector.set_params(n_jobs=n_jobs)
    fronts = list(detector.sweep(images, settings=SETTINGS, **given))
    assert len(fronts) == len(SETTINGS)
    for setting, front in zip(SETTINGS, fronts, strict=True):
        alone = sweep_once(LoGStarDetector(**(detector.get_params() | setting)), images, **given)
        assert pairs_of(front) == pairs_of(alone)
        for name, column in alone.details.items():
            np.testing.assert_array_equal(front.details[name], column)
    # The settings are those of copies.
    assert detector.get_params()["max_sigma"] == 4.0


def test_large_images_are_swept_one_setting_at_a_time(scenes, scorers, detector, monkeypatch):
    given = {"settings": SETTINGS, "ranges": RANGES, "scorers": scorers}
    detector.set_params(n_jobs=2)
    at_once = list(detector.sweep(scenes[0].image, **given))
    monkeypatch.setattr("logstar.detection._sweep_plan.SMALL", scenes[0].image.size - 1)
    one_by_one = list(detector.sweep(scenes[0].image, **given))
    assert list(map(pairs_of, one_by_one)) == list(map(pairs_of, at_once))


#: Contiguous parts of one ladder, out of order, and two that are none.
PARTS = [
    {"min_sigma": 1.5, "max_sigma": 3.0},
    {"min_sigma": 1.0, "max_sigma": 4.5},
    {"min_sigma": 1.1, "max_sigma": 4.0},
    {"min_sigma": 2.0, "max_sigma": 5.0},
    {"min_sigma": 1.0, "max_sigma": 4.0, "polarity": "dark"},
    {"min_sigma": 2.0, "max_sigma": 2.5},
]


def assert_same_fronts(fronts, others):
    for front, other in zip(fronts, others, strict=True):
        for part in ("settings", "scores", "details"):
            columns, others_columns = getattr(front, part), getattr(other, part)
            assert columns.keys() == others_columns.keys()
            for name, column in columns.items():
                np.testing.assert_array_equal(others_columns[name], column)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_jobs": 2},
        {"n_jobs": 5, "dtype": np.float32},
        {"uncertainty": 0.03, "n_jobs": 2},
        {"is_stack": True, "n_jobs": 2},
        {"polarity": "dark", "exclude_border": False},
        {"exclude_border": 4, "intensity_range": None},
        {"n_jobs": 2, "keep": True},
    ],
)
def test_parts_of_a_ladder_are_swept_as_each_alone(scenes, options, monkeypatch):
    options = {"dtype": np.float64, "is_stack": False, "keep": False, "uncertainty": 0, **options}
    dtype, is_stack, uncertainty = (options.pop(k) for k in ("dtype", "is_stack", "uncertainty"))

    def make_test(detector):
        return lambda table, _: table[:, 0] > 20 * detector.min_sigma

    make_test = make_test if options.pop("keep") else None
    lattice = scenes[0].lattice
    scorers = {
        "qc": QualityCount(lattice, uncertainty),
        "er": ErrorRate(lattice),
    }
    images = [scene.image.astype(dtype) for scene in scenes[: 1 + is_stack]]
    criteria = Criteria.of(scorers, images, None)
    detector = LoGStarDetector(sigma_step=0.5, **options)

    def sweep(settings):
        return SweepPlan(
            detector, images, settings, criteria, bounds_of(RANGES), make_test
        ).fronts()

    alone = [front for setting in PARTS for front in sweep([setting])]
    n_parts = []

    def find_tables_of_parts(image, sigmas, parts, **others):
        n_parts.append(len(parts))
        return found(image, sigmas, parts, **others)

    found = _tables.find_tables_of_parts
    monkeypatch.setattr(_tables, "find_tables_of_parts", find_tables_of_parts)
    assert_same_fronts(sweep(PARTS), alone)
    # With a detector that is dark by default, one more is like the others.
    n_shared = 5 if options.get("polarity") == "dark" else 4
    expected = [n_shared] + [1] * (len(PARTS) - n_shared)
    assert sorted(n_parts, reverse=True) == sorted(expected * (1 + is_stack), reverse=True)


def test_parts_on_large_images_are_found_a_few_at_a_time(scenes, scorers, monkeypatch):
    image = scenes[0].image
    given = {"settings": PARTS, "ranges": RANGES, "scorers": scorers}
    detector = LoGStarDetector(sigma_step=0.5, n_jobs=2)
    at_once = list(detector.sweep(image, **given))
    monkeypatch.setattr(_sweep_plan, "SMALL", image.size - 1)
    for n_pixels in (1, 2 * image.size):
        monkeypatch.setattr(_sweep_plan, "_PIXELS_AT_ONCE", n_pixels)
        assert_same_fronts(detector.sweep(image, **given), at_once)


def test_a_part_fails_when_it_is_its_turn(scenes, scorers):
    detector = LoGStarDetector(sigma_step=0.5, n_jobs=2)
    settings = [PARTS[0], PARTS[1], {"sigma_step": 0.0}, PARTS[3]]
    fronts = detector.sweep(scenes[0].image, settings=settings, ranges=RANGES, scorers=scorers)
    assert [len(pairs_of(next(fronts))) > 0 for _ in range(2)] == [True, True]
    with pytest.raises(ValueError, match=r"sigma_step must be finite and > 0, got 0\.0"):
        next(fronts)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_setting_fails_when_it_is_its_turn(scenes, scorers, detector, n_jobs):
    fronts = detector.set_params(n_jobs=n_jobs).sweep(
        scenes[0].image,
        settings=[{}, {"max_sigma": 0.5}, {}],
        ranges=RANGES,
        scorers=scorers,
    )
    assert pairs_of(next(fronts))
    with pytest.raises(ValueError, match="min_sigma must not exceed max_sigma"):
        next(fronts)


def test_a_search_goes_on_after_a_setting_that_fails(scenes, scorers, detector):
    search = MOBOSearchCV(
        detector,
        SPACE | {"max_sigma": [0.5, 4.0, 5.0]},
        scoring=scorers,
        sweep=["threshold", "overlap"],
        random_state=0,
    )
    with pytest.warns(FitFailedWarning, match="min_sigma must not exceed max_sigma"):
        search.fit(scenes[0].image)
    worked = ~np.isnan(search.cv_results_["mean_test_qc"])
    assert (~worked).sum() == 1
    found = search.cv_results_["param_max_sigma"][worked]
    assert set(found) == {4.0, 5.0}
    assert np.isfinite(search.cv_results_["detail_plateau_low"]).sum() == worked.sum()


def test_plateaus_are_where_the_count_is_the_same(scenes, scorers, detector):
    image = scenes[0].image
    front = sweep_once(detector, image, ranges=RANGES, scorers=scorers)
    rows = zip(
        *front.settings.values(),
        *(front.details[name] for name in ("n_atoms", "plateau_low", "plateau_high")),
        strict=True,
    )
    for threshold, overlap, n_atoms, low, high in rows:
        for at in (low, threshold, high):
            detector.set_params(threshold=at, overlap=overlap)
            assert abs(len(detector.fit(image).predict(image)) - n_atoms) <= 0.002 * n_atoms
        detector.set_params(threshold=threshold)
        assert len(detector.predict(image)) == n_atoms


class TestUncertainCount:
    """The count may be wrong by 8 %, and is by 5 %."""

    @pytest.fixture
    def scorers(self, scenes):
        lattice = scenes[0].lattice
        n_expected = 0.95 * len(scenes[0].positions)
        return {
            "er": ErrorRate(lattice, n_expected=n_expected),
            "stability": CountStability((0.005, 0.4)),
            "qc": QualityCount(n_expected, uncertainty=0.08),
        }

    @pytest.mark.parametrize("is_stack", [False, True])
    def test_scores_are_those_of_the_detector_at_the_settings(
        self, scenes, scorers, detector, is_stack
    ):
        images = np.stack([scene.image for scene in scenes]) if is_stack else scenes[0].image
        front = sweep_once(detector, images, ranges=RANGES, scorers=scorers)
        assert set(front.scores) == set(scorers)
        assert_front(front)
        for setting, scores in pairs_of(front)[:: 20 if is_stack else 1]:
            fitted = LoGStarDetector(**(detector.get_params() | setting)).fit(images)
            for name, scorer in scorers.items():
                assert scorer(fitted, images) == pytest.approx(scores[name], abs=1e-12)

    def test_no_setting_of_a_grid_beats_the_front_in_count_and_errors(
        self, scenes, scorers, detector
    ):
        del scorers["stability"]
        front = sweep_once(detector, scenes[0].image, ranges=RANGES, scorers=scorers)
        found = np.column_stack([front.scores[name] for name in scorers])
        for threshold in np.geomspace(0.005, 0.4, 12):
            for overlap in np.linspace(0.01, 0.9, 6):
                detector.set_params(threshold=threshold, overlap=overlap).fit(scenes[0].image)
                scores = [scorer(detector, scenes[0].image) for scorer in scorers.values()]
                assert (found >= np.array(scores) - 1e-12).all(axis=1).any()

    @pytest.mark.parametrize("index", range(3))
    def test_no_threshold_at_the_overlaps_looked_at_beats_the_front(
        self, scenes, scorers, detector, index
    ):
        """Against every threshold of the curves, scored one by one."""
        image = scenes[index].image
        front = sweep_once(detector, image, ranges=RANGES, scorers=scorers)
        candidates = detector.find_candidates(image, 0.005)
        quality = candidates.pareto_front(
            n_expected=scorers["qc"].n_expected,
            distance_sum=scenes[0].lattice.distance_sum_threshold(),
            threshold_range=(0.005, 0.4),
            overlap_range=(0.01, 0.9),
            max_overlaps=64,
        )
        overlaps = np.unique(quality.overlap)
        if len(overlaps) > 8:
            overlaps = overlaps[np.linspace(0, len(overlaps) - 1, 8).astype(int)]
        found = np.column_stack([front.scores[name] for name in scorers])
        for overlap in overlaps.tolist():
            for threshold in plateau_thresholds(0.005, 0.4)[::3].tolist():
                atoms = candidates.detections(threshold, overlap)
                scores = (
                    -scorers["er"].measure(atoms),
                    scorers["stability"].measure(candidates, threshold, overlap),
                    -max(abs(scorers["qc"].measure(atoms)) - 0.08, 0),
                )
                assert (found >= np.array(scores) - 1e-12).all(axis=1).any()

    def test_of_settings_that_score_alike_the_one_amid_its_plateau_is_there(
        self, scenes, scorers, detector
    ):
        front = sweep_once(detector, scenes[0].image, ranges=RANGES, scorers=scorers)
        losses = np.column_stack(list(front.scores.values()))
        assert len(np.unique(losses, axis=0)) == len(losses)
        widest = front.scores["stability"].argmax()
        middle = np.sqrt(front.details["plateau_low"] * front.details["plateau_high"])
        assert front.settings["threshold"][widest] == pytest.approx(middle[widest], rel=0.04)

    def test_plateaus_may_be_followed_further_than_settings_go(self, scenes, scorers, detector):
        image = make_scene(scenes[0].lattice, (90, 100), noise=0.05, random_state=0).image
        detector.set_params(min_sigma=2.0)
        narrow = RANGES | {"threshold": Interval(low=0.05, high=0.1)}
        front = sweep_once(detector, image, ranges=narrow, scorers=scorers)
        thresholds = front.settings["threshold"]
        assert ((thresholds >= 0.05) & (thresholds <= 0.1)).all()
        assert front.scores["stability"].max() > np.log(0.1 / 0.05)
        scorers["stability"] = CountStability((0.06, 0.08))
        inside = sweep_once(detector, image, ranges=narrow, scorers=scorers)
        assert inside.scores["stability"].max() == pytest.approx(np.log(0.08 / 0.06))
        # No threshold of the curves is among those that are swept.
        scorers["stability"] = CountStability((0.2, 0.4))
        outside = sweep_once(detector, image, ranges=narrow, scorers=scorers)
        assert_front(outside)
        assert len(pairs_of(outside)) > 0

    def test_an_uncertainty_below_0_is_refused(self, scenes, scorers, detector):
        scorers["qc"] = QualityCount(70, uncertainty=-1)
        with pytest.raises(ValueError, match="uncertainty must be"):
            sweep_once(detector, scenes[0].image, ranges=RANGES, scorers=scorers)

    def test_many_overlaps_are_thinned_out_evenly(self, scenes, scorers, detector, monkeypatch):
        tried, asked = np.linspace(0.1, 0.3, 20), []
        curves = CountCurves.__init__

        def noted(self, thresholds, overlaps, counts):
            asked.append(overlaps)
            curves(self, thresholds, overlaps, counts)

        def found(_, thresholds, *__, **___):
            return front_at(tried), (tried, *np.zeros((2, len(thresholds), len(tried))))

        monkeypatch.setattr(CountCurves, "__init__", noted)
        monkeypatch.setattr(ScaleSpaceCandidates, "front_and_grid", found)
        sweep_once(detector, scenes[1].image, ranges=RANGES, scorers=scorers)
        np.testing.assert_array_equal(asked[0], tried[[0, 6, 12, 19]])


def test_ladders_that_find_the_same_have_one_front(scenes, scorers, detector, monkeypatch):
    """Beyond the atoms' own sigmas a ladder finds nothing more."""
    image = ndimage.gaussian_filter(scenes[0].image, 1.0)
    detector.set_params(min_sigma=2.0, sigma_step=0.5)
    settings = [{"max_sigma": 12.0}, {"max_sigma": 12.0}, {"max_sigma": 2.5}]
    computed = []
    whole = _sweep_plan.exact_front

    def noted(*args):
        computed.append(whole(*args))
        return computed[-1]

    monkeypatch.setattr(_sweep_plan, "exact_front", noted)
    fronts = list(detector.sweep(image, settings=settings, ranges=RANGES, scorers=scorers))
    assert len(computed) == 2
    assert_same_fronts(fronts[:1], fronts[1:2])
    assert fronts[0].settings["threshold"] is not fronts[1].settings["threshold"]


def front_at(overlaps):
    """A front at many overlaps, whose first setting is the best within the uncertainty."""
    n = len(overlaps)
    return ParetoFront(
        np.full(n, 0.05), overlaps, np.linspace(0.07, 0.0, n), np.linspace(0.0, 0.1, n)
    )


class TestOfTheStrongestCandidatesAlone:
    """What a search sweeps that wants no more candidates than twice the expected number."""

    @pytest.fixture(params=[0.0, 0.05])
    def narrowed(self, request, scenes):
        class Nearby(QualityCount):
            def criterion(self, images, y=None):
                whole = super().criterion(images, y)
                return dataclasses.replace(whole, most_candidates=2.0, most_overlaps=12)

        n_expected, lattice = len(scenes[0].positions), scenes[0].lattice
        errors = ErrorRate(lattice, n_expected=n_expected)
        scorers = {"qc": Nearby(n_expected, request.param), "er": errors}
        return scorers | ({"stability": CountStability()} if request.param else {})

    @pytest.fixture
    def noisy(self, scenes):
        return make_scene(scenes[0].lattice, (90, 100), noise=0.8, random_state=0).image

    def test_scores_and_plateaus_are_those_of_all_candidates(self, noisy, narrowed, detector):
        front = sweep_once(detector, noisy, ranges=RANGES, scorers=narrowed)
        candidates = detector.find_candidates(noisy, 0.005)
        for setting, scores in pairs_of(front):
            fitted = LoGStarDetector(**(detector.get_params() | setting)).fit(noisy)
            for name in ("qc", "er"):
                assert narrowed[name](fitted, noisy) == pytest.approx(scores[name], abs=1e-12)
        # A plateau may be cut off where candidates are left out; what is told of it holds.
        thresholds = plateau_thresholds(0.005, 0.4)
        columns = front.settings["overlap"], *(front.details.values())
        for overlap, n_atoms, low, high in zip(*columns, strict=True):
            on = thresholds[(thresholds >= low) & (thresholds <= high)]
            counts = candidates.counts(on, [overlap])
            assert (np.abs(counts - n_atoms) <= 0.002 * n_atoms).all()

    def test_no_setting_with_as_few_candidates_has_a_better_count_and_errors(
        self, noisy, narrowed, detector
    ):
        front = sweep_once(detector, noisy, ranges=RANGES, scorers=narrowed)
        candidates = detector.find_candidates(noisy, 0.005)
        expected = narrowed["qc"].n_expected
        assert len(candidates) > 4 * expected
        least = candidates.table[int(2 * expected), 3]
        assert front.settings["threshold"].min() >= least
        found = np.column_stack([front.scores[name] for name in ("qc", "er")])
        for threshold in np.geomspace(least, 0.4, 12):
            for overlap in np.unique(front.settings["overlap"]):
                atoms = candidates.detections(float(threshold), float(overlap))
                beyond = abs(narrowed["qc"].measure(atoms)) - narrowed["qc"].uncertainty
                scores = np.array([-max(beyond, 0), -narrowed["er"].measure(atoms)])
                assert (found >= scores - 1e-12).all(axis=1).any()

    def test_few_candidates_are_all_swept(self, scenes, narrowed, detector):
        scorers = narrowed | {
            "qc": QualityCount(narrowed["qc"].n_expected, narrowed["qc"].uncertainty)
        }
        image = make_scene(scenes[0].lattice, (90, 100), noise=0.0, random_state=0).image
        detector.set_params(min_sigma=2.0)
        ranges = RANGES | {"overlap": Interval(low=0.2, high=0.2)}
        fronts = [
            sweep_once(detector, image, ranges=ranges, scorers=s) for s in (scorers, narrowed)
        ]
        assert pairs_of(fronts[0]) == pairs_of(fronts[1])

    def test_what_exceeds_the_greatest_threshold_is_never_left_out(self):
        table = np.column_stack([np.zeros((6, 3)), [0.9, 0.8, 0.7, 0.6, 0.5, 0.3]])
        criteria = Criteria(
            CountCriterion([1.0], most_candidates=2.0), CrowdingCriterion([1.0], 9.0, 4), None, ()
        )
        kept, least = strongest(table, 0.1, criteria, {"threshold": (0.1, 0.4)})
        assert (len(kept), least) == (5, 0.4)
        kept, least = strongest(table, 0.1, criteria, {"threshold": (0.1, 0.95)})
        assert (len(kept), least) == (2, 0.7)

    def test_equal_responses_are_left_out_together(self):
        table = np.column_stack([np.zeros((4, 3)), [0.9, 0.5, 0.5, 0.5]])
        criteria = Criteria(
            CountCriterion([1.0], most_candidates=2.0), CrowdingCriterion([1.0], 9.0, 4), None, ()
        )
        kept, least = strongest(table, 0.1, criteria, {"threshold": (0.1, 0.95)})
        assert (len(kept), least) == (1, 0.5)
