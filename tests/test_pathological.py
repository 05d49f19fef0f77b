"""Points and blobs laid out to make searches quadratic: time and memory stay bounded."""

from __future__ import annotations

import time

import numpy as np
import pytest

from logstar import _core, blob_log
from logstar.neighbors import distance_sums

N = 20_000


def layouts():
    rng = np.random.default_rng(0)
    plane = rng.uniform(0, 1500, (N, 2))
    far = plane.copy()
    far[:3] = [[1e300, 1e300], [1.7e308, -1.0], [-1.7e308, 5.0]]
    return {
        "plane": plane,
        "one place": np.zeros((N, 2)),
        "line": np.outer(rng.uniform(0, 1e6, N), [0.6, 0.8]),
        "far points": far,
        "subnormal": plane * 5e-321,
        "huge": plane * 1e304,
        "clusters": rng.integers(0, 30, (N, 1)) * 1e5 + rng.normal(0, 30, (N, 2)),
    }


@pytest.mark.parametrize("name", layouts())
def test_no_layout_makes_sums_or_pruning_slow(name):
    places = layouts()[name]
    plane = layouts()["plane"]
    responses = np.linspace(2, 1, N)

    def seconds(places):
        blobs = np.column_stack([places, np.full((N, 2), 0.5)])
        start = time.perf_counter()
        sums = distance_sums(places)
        kept = _core.prune_by_scale(blobs, responses, 0.5)
        survives, _ = _core.prune_compatible(blobs, 0.5)
        assert not np.isnan(sums).any()
        assert kept.any()
        assert survives.any()
        return time.perf_counter() - start

    # All pairs would take some 10^4 times as long; at one place they are gone through, but their
    # overlaps are not computed.
    usual = min(seconds(plane) for _ in range(3))
    assert seconds(places) < 200 * usual


def test_blobs_at_one_place_leave_the_one_that_scikit_image_leaves():
    blobs = np.tile([3.0, 4.0, 1.0, 1.0], (50, 1))
    survives, replayed = _core.prune_compatible(blobs, 0.5)
    assert np.flatnonzero(survives).tolist() == [49]
    assert not replayed.any()


def test_noise_at_threshold_0_ends():
    """Nearly every local maximum is a candidate, and large blobs cover hundreds of small ones."""
    image = np.random.default_rng(0).normal(0, 1, (512, 512))
    assert len(blob_log(image, 1, 6, 10, threshold=0.0)) > 3_000
