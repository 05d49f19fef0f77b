"""Lattices that index peaks: many at once as one by one, and each as least squares."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice._bragg import _best_fit, _tolerance, find_basis, index_peaks
from logstar.lattice._peaks import Peaks

SHAPE = (256, 300)
EDGES = np.array([[0.3, 19.5], [-21.0, 1.1]])


def peaks_of(edges, rng, off=0.02, n_strange=0):
    basis = np.linalg.inv(edges).T
    indices = np.array([(u, v) for u in range(-3, 4) for v in range(4) if (v, u) > (0, 0)])
    frequencies = indices @ basis + off / min(SHAPE) * rng.normal(size=indices.shape)
    strange = rng.uniform(-0.2, 0.2, size=(n_strange, 2))
    frequencies = np.vstack([frequencies, strange])
    order = rng.permutation(len(frequencies))
    heights = np.exp(rng.uniform(3, 9, size=len(frequencies)))[order]
    frequencies = frequencies[order][np.argsort(-heights)]
    heights = np.sort(heights)[::-1]
    return Peaks(frequencies, 10 * heights, heights)


def test_the_basis_is_found_among_strange_peaks(rng):
    for _ in range(5):
        found = find_basis(peaks_of(EDGES, rng, n_strange=4), SHAPE)
        steps = np.round(EDGES @ np.linalg.inv(found.vectors))
        assert abs(round(np.linalg.det(steps))) == 1
        np.testing.assert_allclose(steps @ found.vectors, EDGES, atol=0.02)
        assert 0.5 < found.share <= 1.0


def test_the_fit_is_weighted_least_squares(rng):
    peaks = peaks_of(EDGES, rng, off=0.05)
    found = index_peaks(peaks, EDGES * 1.0005, SHAPE)
    weights = np.sqrt(np.log(peaks.heights))[:, None]
    indices = np.round(peaks.frequencies @ EDGES.T)
    basis = np.linalg.lstsq(indices * weights, peaks.frequencies * weights, rcond=None)[0]
    steps = np.round(found.vectors @ np.linalg.inv(EDGES))
    np.testing.assert_allclose(found.vectors, steps @ np.linalg.inv(basis).T, rtol=1e-9)
    assert len(found.indices) == len(peaks.frequencies)
    np.testing.assert_array_equal(
        found.indices, np.round(peaks.frequencies @ found.vectors.T).astype(int)
    )


def test_of_many_at_once_the_worthiest_is_that_of_one_by_one(rng):
    peaks = peaks_of(EDGES, rng, n_strange=3)
    bases = np.linalg.inv(EDGES).T + rng.normal(scale=2e-3, size=(40, 2, 2))
    alone = [_best_fit(peaks, basis[None], SHAPE, 40) for basis in bases]
    best = max((one for one in alone if one is not None), key=lambda one: one.worth)
    together = _best_fit(peaks, bases, SHAPE, 40)
    np.testing.assert_allclose(together.vectors, best.vectors)
    assert together.worth == pytest.approx(best.worth)
    assert together.odds == pytest.approx(best.odds)
    assert together.error == pytest.approx(best.error)


def test_peaks_of_one_row_span_no_lattice():
    row = np.outer(np.arange(1, 6), [0.031, 0.052])
    peaks = Peaks(row, np.full(5, 100.0), np.full(5, 100.0))
    assert find_basis(peaks, SHAPE) is None
    assert index_peaks(peaks, EDGES, SHAPE) is None


def test_peaks_farther_off_than_the_tolerance_do_not_count(rng):
    peaks = peaks_of(EDGES, rng, off=0.0)
    moved = peaks.frequencies.copy()
    tolerance = _tolerance(moved, min(SHAPE))
    moved[4] += [1.5 * tolerance[4] / min(SHAPE), 0]
    found = index_peaks(peaks._replace(frequencies=moved), EDGES, SHAPE)
    assert len(found.indices) == len(moved) - 1
    assert found.share == pytest.approx(1 - peaks.powers[4] / peaks.powers.sum())
