"""Ctrl-C during a long computation of the core."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from logstar import _core
from logstar.detection._scale_space import half_kernels
from tests.conftest import atoms_image

#: An answer holds for 0.05 s, the interpreter's lock may take 0.005 s, a part of the work the rest:
#: less than 0.2 s in all, unless others keep the machine busy.
PATIENCE = 0.5


def interrupted_after(seconds, run):
    """How long a call goes on after Ctrl-C; it must not have ended before."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, send)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        return time.perf_counter() - sent[0]
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("flat", [False, True], ids=["screened", "plain"])
def test_a_long_call_ends_soon_after_ctrl_c(n_threads, flat):
    image = atoms_image((300, 300), pitch=12)[0]
    if flat:
        # Around the one pixel that differs lies a plateau, which is left to the plain way.
        image = np.zeros((60, 60))
        image[30, 30] = 1.0
    kernels = half_kernels(np.float64(20.0))
    scale = (*kernels, *kernels, 400.0)

    def run(n_scales):
        start = time.perf_counter()
        try:
            _core.find_candidates_of_parts(
                image, [scale] * n_scales, [(0, n_scales)], 10.0, (0, 0), n_threads
            )
        finally:
            durations.append(time.perf_counter() - start)

    # A call of some milliseconds tells nothing of a long one where others keep the machine busy.
    durations = [0.0]
    n_scales = 20
    while durations[-1] < 0.2:
        n_scales *= 2
        run(n_scales)
    n_scales *= int(np.ceil(4 / durations[-1]))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(n_scales)
    timer.join()
    # To the end it would have taken some 4 s.
    assert durations[-1] < 2


def on_every_pixel(side, sigma):
    places = np.stack(np.indices((side, side)), axis=-1).reshape(-1, 2)
    blobs = np.column_stack([places, np.full((side**2, 2), sigma)]).astype(float)
    return blobs, np.linspace(2, 1, side**2)


def pruning():
    """Blobs that all contain one another, but by too little to be removed: all pairs."""
    blobs, responses = on_every_pixel(150, 1e4)
    blobs[:, 2:] *= np.linspace(1, 1.0001, len(blobs))[:, None]
    return lambda _: _core.prune_by_scale(blobs, responses, 1.0)


def compatible_pruning():
    blobs, _ = on_every_pixel(150, 1e4)
    blobs[:, 2:] *= np.linspace(1, 1.0001, len(blobs))[:, None]
    return lambda _: _core.prune_compatible(blobs, 1.0)


def replay():
    pairs = np.stack(np.indices((3_000, 3_000)), axis=-1).reshape(-1, 2)
    pairs[:, 1] += 3_000
    return lambda _: _core.set_order(pairs)


def sums():
    points = np.random.default_rng(0).normal(size=(400_000, 2)) ** 3
    return lambda n_threads: _core.distance_sums(points, 100, n_threads)


def sums_over_all():
    """Every other point is a neighbour: each look-up goes through all of them."""
    points = np.random.default_rng(0).uniform(size=(60_000, 2))
    return lambda n_threads: _core.distance_sums(points, 59_000, n_threads)


def questions_over_all():
    candidates = unlike()
    return lambda _: candidates.evaluate(0.5, 1.0, 29_000, 1e9)


def wide_kernels():
    """Kernels far wider than the image, but not so wide that they are folded into it."""
    image = np.random.default_rng(0).random((400, 400))
    kernels = half_kernels(np.float64(700.0))
    scale = (*kernels, *kernels, 1.0)
    return lambda n_threads: _core.find_candidates_of_parts(
        image, [scale] * 40, [(0, 40)], None, (0, 0), n_threads
    )


def cutting():
    image, places = np.random.default_rng(0).random((900, 900)), np.full((2_000, 2), 450.0)
    return lambda n_threads: _core.extract_patches(
        image, places, 600, True, "reflect", "zscore", n_threads
    )


def set_up():
    blobs, responses = on_every_pixel(400, 2.5)
    return lambda n_threads: _core.CandidateSet(blobs, responses, n_threads)


def unlike():
    """Candidates whose overlaps all differ, so that no two settings prune alike."""
    rng = np.random.default_rng(0)
    blobs = np.column_stack([rng.uniform(0, 200, (30_000, 2)), rng.uniform(1, 2, (30_000, 1))])
    return _core.CandidateSet(blobs[:, [0, 1, 2, 2]], np.linspace(2, 1, len(blobs)), 2)


def grid():
    candidates = unlike()
    thresholds, overlaps = np.linspace(1, 2, 200), np.linspace(0, 1, 200)
    return lambda n_threads: candidates.grid(thresholds, overlaps, 4, 20.0, n_threads)


def front():
    candidates = unlike()
    overlaps = np.linspace(0, 1, 200)
    return lambda n_threads: candidates.front_and_grid(
        overlaps, (1.0, 2.0), np.empty(0), 4, 20.0, 5e3, n_threads
    )


KERNELS = [
    pruning,
    compatible_pruning,
    replay,
    sums,
    sums_over_all,
    set_up,
    grid,
    front,
    questions_over_all,
    wide_kernels,
    cutting,
]


@pytest.mark.parametrize("of", KERNELS, ids=lambda f: f.__name__)
def test_every_kernel_ends_soon_after_ctrl_c(of):
    run = of()
    for n_threads in (1, 2):
        assert min(interrupted_after(0.08, lambda n=n_threads: run(n)) for _ in range(3)) < PATIENCE
