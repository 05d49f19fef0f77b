"""Counts over thresholds, and what is chosen where the expected one is uncertain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.detection import ScaleSpaceCandidates
from logstar.detection._plateaus import CountCurves
from logstar.lattice import Lattice

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def ladder():
    """Isolated candidates: 20 strong atoms, 20 weak ones, and 40 grains of noise below."""
    rng = np.random.default_rng(0)
    places = np.argwhere(np.ones((8, 10))) * 30.0
    responses = np.concatenate(
        [np.linspace(0.5, 0.4, 20), np.linspace(0.2, 0.18, 20), 0.03 * rng.uniform(0.2, 1, 40)]
    )
    responses = np.sort(responses)[::-1]
    table = np.column_stack([places, np.full(80, 2.0), responses])
    return ScaleSpaceCandidates(table, threshold=0.005)


def around(candidates, threshold, overlap=0.1):
    """The plateau of one setting, its own number of atoms counted by detection."""
    curves = CountCurves.of(candidates, np.array([0.1, 0.5]), (0.0051, 0.4))
    n_atoms = float(len(candidates.detections(threshold, overlap)))
    found = curves.around(*(np.array([x]) for x in (threshold, overlap, n_atoms)))
    return tuple(float(column[0]) for column in found)


@pytest.mark.parametrize(
    ("threshold", "overlap", "ends"),
    [
        # All 40 atoms: from the strongest grain of noise to the weakest atom.
        (0.1, 0.5, (0.03, 0.18)),
        (0.0301, 0.1, (0.03, 0.18)),
        # The 20 strong ones alone, up to where the first of them is lost.
        (0.3, 0.1, (0.2, 0.4)),
    ],
)
def test_the_plateau_of_a_setting(ladder, threshold, overlap, ends):
    low, high, stability = around(ladder, threshold, overlap)
    # Within a step of the curve's thresholds.
    assert ends[0] <= low < ends[0] * 1.036
    assert ends[1] / 1.036 < high <= ends[1]
    assert stability == pytest.approx(np.log(high / low), rel=1e-12)


def test_a_count_of_noise_has_a_narrow_plateau(ladder):
    _, _, stability = around(ladder, 0.015)
    assert stability < 0.2


def test_a_count_that_no_neighbour_has_is_no_plateau():
    responses = np.geomspace(0.4, 0.006, 400)
    places = np.argwhere(np.ones((20, 20))) * 30.0
    noise = ScaleSpaceCandidates(
        np.column_stack([places, np.full(400, 2.0), responses]), threshold=0.005
    )
    # Between two thresholds of the curve some three candidates of a hundred go.
    curve = CountCurves.of(noise, np.array([0.1]), (0.0051, 0.4)).thresholds
    threshold = float(np.sqrt(curve[60] * curve[61]))
    assert around(noise, threshold) == (threshold, threshold, 0.0)
    # On one of them it is that one.
    assert around(noise, float(curve[60])) == (curve[60], curve[60], 0.0)


def test_a_plateau_goes_down_to_the_least_threshold(ladder):
    strong = ScaleSpaceCandidates(ladder.table[:40], threshold=0.005)
    low, high, _ = around(strong, 0.1)
    assert low == 0.0051
    assert 0.17 < high <= 0.18
    # And up to the greatest where nothing is found any more.
    nothing = ScaleSpaceCandidates(ladder.table[40:], threshold=0.005)
    assert around(nothing, 0.1)[1] == 0.4


def test_settings_beyond_the_curve_are_on_the_plateau_at_its_end(ladder):
    strong = ScaleSpaceCandidates(ladder.table[:40], threshold=0.001)
    assert around(strong, 0.002) == around(strong, 0.1)


def test_counts_that_differ_by_a_fifth_of_a_percent_are_the_same():
    counts = np.array([[1003], [1002], [1000], [998], [997], [1000]])
    curves = CountCurves(np.geomspace(0.1, 3.2, 6), np.array([0.1]), counts)
    found = curves.around(*(np.array([x]) for x in (0.4, 0.1, 1000.0)))
    assert (found.low, found.high) == pytest.approx((0.2, 0.8))
    assert found.stability == pytest.approx(np.log(4))


def test_a_curve_has_128_thresholds(ladder):
    curve = CountCurves.of(ladder, np.array([0.1]), (0.0051, 0.4)).thresholds
    assert (len(curve), curve[0], curve[-1]) == (128, 0.0051, 0.4)


@given(st.integers(0, 2**32 - 1))
def test_plateaus_against_a_walk_over_the_curve(seed):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 60, (120, 2))
    responses = np.sort(rng.lognormal(-3, 1, 120))[::-1]
    responses = responses[responses > 0.0051]
    n = len(responses)
    table = np.column_stack([places[:n], rng.choice([1.0, 2.0, 3.0], n), responses])
    candidates = ScaleSpaceCandidates(table, threshold=0.005)
    curves = CountCurves.of(candidates, np.array([0.1, 0.5]), (0.0051, 0.4))
    for threshold in np.exp(rng.uniform(np.log(0.0051), np.log(0.4), 5)).tolist():
        own = len(candidates.detections(threshold, 0.5))
        same = [
            abs(len(candidates.detections(t, 0.5)) - own) <= 0.002 * own
            for t in curves.thresholds.tolist()
        ]
        below = int((curves.thresholds < threshold).sum())
        first, last = below, below - 1
        while first > 0 and same[first - 1]:
            first -= 1
        while last < 127 and same[last + 1]:
            last += 1
        low, high, stability = around(candidates, threshold, 0.5)
        if first > last:
            assert (low, high, stability) == (threshold, threshold, 0)
        else:
            assert (low, high) == (curves.thresholds[first], curves.thresholds[last])
            assert stability == pytest.approx(np.log(high / low))
