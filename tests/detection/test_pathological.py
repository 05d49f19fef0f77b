"""Points and blobs laid out to make searches quadratic: time and memory stay bounded."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage.feature.blob import _prune_blobs

from logstar import _core, blob_log
from logstar.detection import ScaleSpaceCandidates
from logstar.detection._skimage._blob_log import _prune
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


def on_every_pixel(side, sigma):
    places = np.stack(np.indices((side, side)), axis=-1).reshape(-1, 2)
    return np.column_stack([places, np.full((side**2, 2), sigma)]).astype(float)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.95])
def test_a_blob_on_every_pixel_takes_near_linear_time(overlap):
    """Each has 400 others within reach; a blob that is settled is not looked at again."""
    plane = np.column_stack([layouts()["plane"], np.full((N, 2), 0.5)])
    crowd = on_every_pixel(141, 6.0)[:N]
    responses = np.linspace(2, 1, N)

    def seconds(blobs):
        start = time.perf_counter()
        assert _core.prune_by_scale(blobs, responses, overlap).any()
        assert _core.prune_compatible(blobs, overlap)[0].any()
        return time.perf_counter() - start

    usual = min(seconds(plane) for _ in range(3))
    # When all pairs within reach were gone through, it took 200 to 300 times as long.
    assert min(seconds(crowd) for _ in range(2)) < 60 * usual


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.5, 0.8, 0.95, 0.999, 1.0])
def test_crowds_are_pruned_as_scikit_image_prunes_them(overlap, dtype, rng):
    blobs = on_every_pixel(8, 1.0)[:, :3].astype(dtype)
    for sigmas in (np.array([2.0]), np.linspace(1, 6, 4), np.array([0.5, 30.0])):
        blobs[:, 2] = rng.choice(sigmas, len(blobs))
        assert_array_equal(_prune(blobs, overlap), _prune_blobs(blobs.copy(), overlap))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blobs_that_touch_are_pruned_as_scikit_image_prunes_them(dtype):
    """Their overlap may come out above 0, and the pair is not among those it looks at."""
    outcomes = set()
    for step in list(np.ndindex(9, 9))[1:]:
        blobs = np.array([[61, 45, 1], [61 - step[0], 45 + step[1], 1]], dtype=dtype)
        sigma = np.hypot(*step) / (2 * np.sqrt(2))
        for blobs[:, 2] in (sigma, np.nextafter(dtype(sigma), dtype(9))):
            expected = _prune_blobs(blobs.copy(), 0.0)
            assert_array_equal(_prune(blobs, 0.0), expected)
            outcomes.add(len(expected))
    assert outcomes == {1, 2}


def test_more_pairs_than_are_held_are_refused_at_once():
    blobs = on_every_pixel(300, 12.0)
    table = np.column_stack([blobs[:, :3], np.linspace(2, 1, len(blobs))])
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"the 90000 candidates overlap.*raise the threshold"):
        ScaleSpaceCandidates(table, threshold=0.5)
    # To compute the overlaps up to the limit takes 5 s.
    assert time.perf_counter() - start < 2


def test_blobs_at_one_place_leave_the_one_that_scikit_image_leaves():
    blobs = np.tile([3.0, 4.0, 1.0, 1.0], (50, 1))
    survives, replayed = _core.prune_compatible(blobs, 0.5)
    assert np.flatnonzero(survives).tolist() == [49]
    assert not replayed.any()


def test_noise_at_threshold_0_ends():
    """Nearly every local maximum is a candidate, and large blobs cover hundreds of small ones."""
    image = np.random.default_rng(0).normal(0, 1, (512, 512))
    assert len(blob_log(image, 1, 6, 10, threshold=0.0)) > 3_000
