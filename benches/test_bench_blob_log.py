"""`blob_log` beside scikit-image's: every result equal to the bit, then times and ratios."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from _inputs import named_scene, scene
from _pairs import Contestant
from _peers import (
    BLOB_LOG_OPTIONS,
    SKIMAGE,
    check_bits,
    other_detectors,
    our_blob_log,
    peer_blob_log,
)

from logstar._core import instruction_sets

#: Our contestants by name, each with its number of threads and its instruction set.
OURS = {"ours 1t": (1, None), "ours 2t": (2, None)} | {
    f"ours {name} 1t": (1, name) for name in instruction_sets()[1:]
}
WIDE = {**BLOB_LOG_OPTIONS, "max_sigma": 30, "threshold": 0.005}
CASES = {
    f"{name} px {dtype}": (name, dtype, BLOB_LOG_OPTIONS)
    for name in ("256", "512", "1024", "256d", "256n")
    for dtype in ("float64", "float32")
} | {"256 px wide": ("256", "float64", WIDE)}


#: Images on which the peer takes seconds.
SLOW = ("1024 px", "256n px")


@pytest.fixture(params=CASES)
def case(request, smoke):
    if smoke and request.param.startswith(SLOW):
        pytest.skip("takes long; runs where benchmarks are enabled")
    return request.param


def contestant(case: str, who: str) -> Contestant:
    name, dtype, options = CASES[case]
    image = named_scene(name).image.astype(dtype)
    if who == SKIMAGE:
        return peer_blob_log(image, options)
    return our_blob_log(image, options, *OURS[who])


@lru_cache(maxsize=1)
def expected(case: str) -> np.ndarray:
    return contestant(case, SKIMAGE)()


@pytest.mark.parametrize("who", [SKIMAGE, *OURS])
def test_blob_log(benchmark, case, who):
    benchmark.group = f"blob_log {case}"
    rounds = 3 if who == SKIMAGE else 15
    result = benchmark.pedantic(contestant(case, who), rounds=rounds, warmup_rounds=1)
    assert result.dtype == expected(case).dtype
    np.testing.assert_array_equal(result, expected(case))


def test_ratio(case, race_of):
    contestants = [contestant(case, who) for who in (SKIMAGE, *OURS)]
    check_bits(contestants)
    race_of(f"blob_log {case}", contestants, rounds=3)


def test_other_detectors(race_of):
    image = scene(512).image
    detectors = other_detectors(image)
    if not detectors:
        pytest.skip("neither OpenCV, photutils nor trackpy is installed")
    ours = our_blob_log(image, BLOB_LOG_OPTIONS, 1)
    for detector in detectors:
        assert len(detector()) > 0
        race_of("detectors 512 px", [detector, ours], rounds=3)
