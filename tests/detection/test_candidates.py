"""ScaleSpaceCandidates against the detector, the rewards and fronts by brute force."""

from __future__ import annotations

import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_array_equal

from logstar import LoGStarDetector
from logstar.detection import ParetoFront, ScaleSpaceCandidates
from logstar.exceptions import NoAtomsWarning
from logstar.pareto import is_non_dominated
from logstar.rewards import ErrorRate, QualityCount
from tests.conftest import atoms_image

SIGMAS = np.linspace(1, 5, 7)
FLOOR = 0.004
RULE = {"n_expected": 40, "distance_sum": 35.0}


@pytest.fixture(scope="module")
def image():
    """Atoms, and on top of them blobs of all sizes, so that candidates overlap at all sigmas."""
    image, _ = atoms_image((72, 84), pitch=11, sigma=1.8, noise=0.05)
    rng = np.random.default_rng(1)
    rows, cols = np.ogrid[:72, :84]
    for _ in range(60):
        row, col, sigma = rng.uniform(0, 72), rng.uniform(0, 84), rng.uniform(1, 5)
        profile = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
        image += rng.uniform(0.2, 0.8) * profile
    return image


@pytest.fixture(scope="module")
def candidates(image):
    return ScaleSpaceCandidates.from_image(image, SIGMAS, threshold=FLOOR, exclude_border=1)


def detect(image, threshold, overlap):
    detector = LoGStarDetector(1, 5, 7, threshold, overlap, intensity_range=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        return detector.fit(image).detect(image)


def random_table(seed, n, *, gridded):
    """Candidates with ties and chains, the strongest first."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 30, (n, 2)) if gridded else rng.uniform(0, 30, (n, 2))
    responses = rng.choice(np.geomspace(0.01, 1, 9 if gridded else 1000), n)
    order = np.argsort(-responses)
    return np.column_stack([places, rng.choice(SIGMAS, n), responses])[order]


def brute_force_front(candidates, thresholds, overlaps, **rule):
    """Magnitude of QC and ER of all settings that none dominates, each pair once."""
    qc, er = candidates.objective_grid(thresholds, overlaps, **rule)
    losses = np.unique(np.column_stack([np.abs(qc).ravel(), er.ravel()]), axis=0)
    return losses[is_non_dominated(losses)]


def between(breakpoints, low, high):
    """One value in each interval that the breakpoints make of a range."""
    inside = breakpoints[(breakpoints > low) & (breakpoints < high)]
    edges = np.unique([low, *inside, high])
    return (edges[:-1] + edges[1:]) / 2


def overlap_breakpoints(candidates):
    return candidates._set.overlap_breakpoints()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_detections_are_those_of_the_detector(image, dtype):
    image = image.astype(dtype)
    candidates = ScaleSpaceCandidates.from_image(image, SIGMAS, threshold=FLOOR, exclude_border=1)
    sigmas, counts = candidates.table[:, 2], set()
    assert len(np.unique(sigmas)) > 4
    at_responses = candidates.table[:: len(candidates) // 7, 3]
    for threshold in [FLOOR, 0.01, 0.03, 0.1, 0.2, 0.3, 5.0, *at_responses]:
        for overlap in [0.0, 0.05, 0.3, 0.6, 0.99, 1.5]:
            found = candidates.detections(threshold, overlap)
            assert_array_equal(found, detect(image, threshold, overlap))
            counts.add(len(found))
    assert len(counts) > 20


def test_counts_are_the_numbers_of_detections(candidates):
    thresholds, overlaps = np.geomspace(FLOOR, 0.5, 9), [0.6, 0.0, 0.3, 0.3]
    counts = candidates.counts(thresholds, overlaps)
    assert counts.shape == (9, 4)
    for row, threshold in enumerate(thresholds):
        for column, overlap in enumerate(overlaps):
            assert counts[row, column] == len(candidates.detections(threshold, overlap))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_expected": [40]}, TypeError, "n_expected must be a real number"),
        ({"n_expected": True}, TypeError, "n_expected must be a real number"),
        ({"distance_sum": np.nan}, ValueError, "distance_sum must be"),
        ({"threshold": "0.1"}, TypeError, "threshold must be a real number"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite"),
        ({"threshold": 0.001}, ValueError, "must not be below 0.004"),
        ({"overlap": np.inf}, ValueError, "overlap must be finite"),
        ({"overlap": -0.1}, ValueError, "overlap must be"),
    ],
)
def test_no_number_slips_through_the_quick_check(candidates, change, error, message):
    # The rule 1.0 is known by then, and True is equal to it.
    candidates.objectives(0.1, 0.5, **(RULE | {"n_expected": 1.0}))
    setting = {"threshold": 0.1, "overlap": 0.5} | RULE | change
    with pytest.raises(error, match=message):
        candidates.objectives(**setting)


def test_numbers_of_any_type_give_the_same(candidates):
    expected = candidates.objectives(1.0, 0.0, **RULE)
    for one in (1, np.float32(1), np.int64(1)):
        assert candidates.objectives(one, np.float64(0), **RULE) == expected


def test_objectives_are_the_measures_of_the_rewards(image, candidates):
    thresholds, overlaps = np.geomspace(FLOOR, 0.5, 9), np.linspace(0, 1, 6)
    for n_neighbors, distance_sum in [(4, 35.0), (1, 8.0), (6, 60.0)]:
        rule = {"n_expected": 42.5, "distance_sum": distance_sum, "n_neighbors": n_neighbors}
        qc, er = candidates.objective_grid(thresholds, overlaps, **rule)
        assert qc.shape == er.shape == (9, 6)
        for (i, threshold), (j, overlap) in itertools.product(
            enumerate(thresholds), enumerate(overlaps)
        ):
            found = detect(image, threshold, overlap)
            expected = (
                QualityCount(42.5).measure(found),
                ErrorRate(distance_sum, n_expected=42.5, n_neighbors=n_neighbors).measure(found),
            )
            assert candidates.objectives(threshold, overlap, **rule) == expected
            assert (qc[i, j], er[i, j]) == expected
    assert len(np.unique(er)) > 5


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 90),
    gridded=st.booleans(),
    n_neighbors=st.integers(1, 6),
    distance_sum=st.floats(0.5, 120),
    n_expected=st.one_of(st.integers(1, 40), st.floats(0.5, 40)),
)
def test_the_front_is_that_of_all_settings(seed, n, gridded, n_neighbors, distance_sum, n_expected):
    table = random_table(seed, n, gridded=gridded)
    candidates = ScaleSpaceCandidates(table, threshold=0.005)
    rule = {"n_expected": n_expected, "distance_sum": distance_sum, "n_neighbors": n_neighbors}
    front = candidates.pareto_front(**rule, threshold_range=(0.02, 0.8), overlap_range=(0.01, 0.9))
    # What prunes alike but for rounding is one overlap to the front.
    overlaps = overlap_breakpoints(candidates)
    overlaps = overlaps[np.diff(overlaps, prepend=-1) > 1e-9]
    expected = brute_force_front(
        candidates,
        between(table[:, 3], 0.02, 0.8),
        between(overlaps, 0.01, 0.9),
        **rule,
    )
    pairs = np.column_stack([np.abs(front.qc), front.er])
    assert_array_equal(np.unique(pairs, axis=0), expected)
    assert len(set(zip(front.qc, front.er, strict=True))) == len(front.qc)
    for threshold, overlap, qc, er in zip(*front, strict=True):
        assert candidates.objectives(threshold, overlap, **rule) == (qc, er)
        assert 0.02 <= threshold <= 0.8
        assert 0.01 <= overlap <= 0.9


def test_the_most_stable_setting_stands_for_its_objectives():
    """Two atoms far apart: one is kept for thresholds from 0.1 to 0.4, two from 0.01 to 0.1."""
    table = [[5, 5, 2, 0.4], [5, 60, 2, 0.1]]
    candidates = ScaleSpaceCandidates(table, threshold=0.01)
    front = candidates.pareto_front(
        n_expected=2, distance_sum=1e-9, threshold_range=(0.01, 1.0), overlap_range=(0.2, 0.4)
    )
    # One atom alone has the distance sum 0 and so is too close; none is not, nor are two.
    np.testing.assert_allclose(front, [[np.sqrt(0.001)], [0.3], [0], [0]])
    assert isinstance(front, ParetoFront)


def test_fewer_overlaps_are_chosen_evenly(candidates):
    arguments = {**RULE, "threshold_range": (0.01, 0.5)}
    full = candidates.pareto_front(**arguments)
    some = candidates.pareto_front(**arguments, max_overlaps=5)
    assert len(np.unique(some.overlap)) <= 5
    every = candidates.pareto_front(**arguments, max_overlaps=100_000)
    for expected, got in zip(full, every, strict=True):
        assert_array_equal(got, expected)
    # No setting of the smaller choice betters the full front.
    losses = [np.column_stack([np.abs(front.qc), front.er]) for front in (full, some)]
    assert is_non_dominated(np.vstack(losses))[: len(losses[0])].all()


def test_the_number_of_threads_changes_nothing(image, candidates):
    other = ScaleSpaceCandidates.from_image(
        image, SIGMAS, threshold=FLOOR, exclude_border=1, n_jobs=2
    )
    assert_array_equal(other.table, candidates.table)
    for ask in [
        lambda c: c.pareto_front(**RULE, threshold_range=(0.01, 0.5)),
        lambda c: c.objective_grid(np.linspace(0.01, 0.5, 20), np.linspace(0, 1, 20), **RULE),
    ]:
        for expected, got in zip(ask(candidates), ask(other), strict=True):
            assert_array_equal(got, expected)


def test_candidates_survive_pickling_and_cannot_be_changed(candidates):
    other = pickle.loads(pickle.dumps(candidates))
    assert_array_equal(other.detections(0.05, 0.4), candidates.detections(0.05, 0.4))
    assert repr(other) == f"<ScaleSpaceCandidates: {len(candidates)} candidates above 0.004>"
    with pytest.raises(ValueError, match="read-only"):
        candidates.table[0, 0] = 3
    candidates.detections(0.05, 0.4)[0, 0] = 3


def test_without_any_candidate():
    candidates = ScaleSpaceCandidates.from_image(np.zeros((40, 40)), SIGMAS, threshold=0.1)
    assert len(candidates) == 0
    assert candidates.detections(0.1, 0.5).shape == (0, 4)
    assert candidates.objectives(0.1, 0.5, **RULE) == (-1, 0)
    front = candidates.pareto_front(**RULE, threshold_range=(0.1, 0.5))
    assert_array_equal([front.qc, front.er], [[-1], [0]])
    assert candidates.counts([], [0.5]).shape == (0, 1)
    qc, er = candidates.objective_grid([], [0.5], **RULE)
    assert qc.shape == er.shape == (0, 1)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (
            lambda c: c.detections(0.003, 0.5),
            ValueError,
            "threshold must not be below 0.004.*0.003",
        ),
        (lambda c: c.objectives(0.0, 0.5, **RULE), ValueError, "must not be below 0.004"),
        (lambda c: c.objective_grid([0.1, 0], [0], **RULE), ValueError, "must not be below 0.004"),
        (
            lambda c: c.pareto_front(**RULE, threshold_range=(0.002, 0.5)),
            ValueError,
            r"threshold_range\[0\] must not be below 0.004.*got 0.002",
        ),
        (lambda c: c.detections(np.nan, 0.5), ValueError, "threshold must be finite"),
        (lambda c: c.detections(0.1, -0.1), ValueError, "overlap must be finite and >= 0"),
        (lambda c: c.objective_grid([0.1], [-0.1], **RULE), ValueError, "the least of overlaps"),
        (lambda c: c.objective_grid([np.nan], [0], **RULE), ValueError, "the least of thresholds"),
        (lambda c: c.objective_grid([[0.1]], [0], **RULE), ValueError, "one-dimensional"),
        (lambda c: c.counts([0.001], [0.5]), ValueError, "must not be below 0.004"),
        (lambda c: c.counts([0.1], [-0.1]), ValueError, "the least of overlaps"),
        (
            lambda c: c.objectives(0.1, 0.5, n_expected=0, distance_sum=3.0),
            ValueError,
            "n_expected must be finite and > 0",
        ),
        (
            lambda c: c.objectives(0.1, 0.5, n_expected=3, distance_sum=-1.0),
            ValueError,
            "distance_sum must be finite and > 0",
        ),
        (
            lambda c: c.objectives(0.1, 0.5, **RULE, n_neighbors=0),
            ValueError,
            "n_neighbors must be at least 1",
        ),
        (
            lambda c: c.pareto_front(**RULE, threshold_range=(0.5, 0.1)),
            ValueError,
            r"threshold_range\[1\] must be finite and >= 0.5",
        ),
        (lambda c: c.pareto_front(**RULE, threshold_range=0.1), ValueError, "must be two numbers"),
        (
            lambda c: c.pareto_front(**RULE, threshold_range=(0.1, 0.5), max_overlaps=0),
            ValueError,
            "max_overlaps must be at least 1",
        ),
        (lambda _: ScaleSpaceCandidates([[1, 2, 3]], threshold=0), ValueError, r"shape \(n, 4\)"),
        (
            lambda _: ScaleSpaceCandidates([[1, 1, 1, 0.1]], threshold=0.1),
            ValueError,
            "must exceed threshold=0.1",
        ),
        (
            lambda _: ScaleSpaceCandidates([[1, 1, 1, 0.1], [1, 1, 1, 0.2]], threshold=0),
            ValueError,
            "response 1 is 0.2; responses must be finite and must not rise",
        ),
        (
            lambda _: ScaleSpaceCandidates([[np.nan, 1, 1, 0.1]], threshold=0),
            ValueError,
            "blob 0 is not finite",
        ),
        (
            lambda _: ScaleSpaceCandidates.from_image(np.eye(9), [], threshold=0),
            ValueError,
            "sigmas must be a sequence",
        ),
        (
            lambda _: ScaleSpaceCandidates.from_image(np.eye(9), [1, -1], threshold=0),
            ValueError,
            r"sigmas\[1\] must be finite and > 0",
        ),
        (
            lambda _: ScaleSpaceCandidates.from_image(np.eye(9), [1], threshold="low"),
            TypeError,
            "threshold must be a real number",
        ),
    ],
)
def test_what_cannot_be_is_refused(candidates, ask, error, message):
    with pytest.raises(error, match=message):
        ask(candidates)


def test_the_grid_beside_the_front_is_that_of_these_overlaps(candidates):
    thresholds = np.geomspace(0.006, 2.0, 40)
    for most in (None, 5):
        ranges = (0.02, 0.6), (0.05, 0.9), most
        front, (overlaps, *grid) = candidates.front_and_grid(thresholds, ranges, **RULE)
        alone = candidates.pareto_front(
            **RULE, threshold_range=ranges[0], overlap_range=ranges[1], max_overlaps=most
        )
        for found, expected in zip(front, alone, strict=True):
            assert_array_equal(found, expected)
        assert np.isin(front.overlap, overlaps).all()
        expected = candidates.objective_grid(thresholds, overlaps, **RULE)
        assert_array_equal(grid, expected)
