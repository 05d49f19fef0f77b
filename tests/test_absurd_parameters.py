"""Numbers that a slip of the finger gives: an error soon, never the end of the process.

Each is tried in a forked process with 4 GiB of address space: it must end by itself within ten
seconds of processor time, with a result or with an exception that is meant to be caught.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
import traceback
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from logstar import LoGStarDetector, _core, blob_log
from logstar.detection import ScaleSpaceCandidates
from logstar.detection._scale_space import half_kernels
from logstar.neighbors import distance_sums
from logstar.segmentation import extract_patches
from tests.conftest import atoms_image

ADDRESS_SPACE = 4 * 2**30
SECONDS = 10

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork and limits of memory"
)

IMAGE = atoms_image((128, 128), pitch=10, noise=0.05)[0]


def detector(**parameters):
    return lambda: LoGStarDetector(**parameters).fit(IMAGE)


def candidates(n):
    """Candidates whose overlaps all differ, so that no two settings prune alike."""
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(0, 40, (n, 2)), rng.uniform(1, 2, n)])
    return ScaleSpaceCandidates(np.column_stack([table, np.linspace(2, 1, n)]), threshold=0.5)


def sweep(n_thresholds, n_overlaps):
    axes = np.linspace(1, 2, n_thresholds), np.linspace(0, 1, n_overlaps)
    return lambda: candidates(300).objective_grid(*axes, n_expected=100, distance_sum=20)


def curves(n_thresholds, n_overlaps):
    axes = np.linspace(1, 2, n_thresholds), np.linspace(0, 1, n_overlaps)
    return lambda: candidates(4_000).counts(*axes)


def replay(n_pairs):
    numbers = np.arange(n_pairs)
    return lambda: _core.set_order(np.column_stack([numbers, numbers + n_pairs]))


def patches(side, size, n):
    image, places = np.zeros((side, side), dtype=np.float32), np.full((n, 2), side / 2)
    return lambda: extract_patches(image, places, size)


def peaks(side):
    """Wide plateaus, which are searched plane by plane."""
    image = np.zeros((side, side), dtype=np.float32)
    image[::500, ::500] = 1.0
    return lambda: blob_log(image, max_sigma=2, num_sigma=2, threshold=0.01)


#: What is called, and the exceptions that it may end with: none if a result is due.
ABSURD = {
    "max_sigma=1e5": (lambda: blob_log(IMAGE, max_sigma=1e5, num_sigma=2), ()),
    "max_sigma=1e6": (lambda: blob_log(IMAGE, max_sigma=1e6, num_sigma=2), ()),
    "max_sigma=1e6, anisotropic": (
        lambda: blob_log(IMAGE, (1, 1), (1e6, 2), num_sigma=2),
        (),
    ),
    "max_sigma=1e6 a hundred times": (
        lambda: blob_log(IMAGE, 9e5, 1e6, num_sigma=100),
        (MemoryError,),
    ),
    "max_sigma=1e9": (lambda: blob_log(IMAGE, max_sigma=1e9), (ValueError,)),
    "max_sigma=1e300": (lambda: blob_log(IMAGE, max_sigma=1e300), (ValueError,)),
    "min_sigma=1e12": (lambda: blob_log(IMAGE, 1e12, 1e13), (ValueError,)),
    "num_sigma=1e9": (lambda: blob_log(IMAGE, num_sigma=10**9), (ValueError,)),
    "num_sigma=1e30": (lambda: blob_log(IMAGE, num_sigma=10**30), (ValueError,)),
    "num_sigma=1e9, even in the logarithm": (
        lambda: blob_log(IMAGE, num_sigma=10**9, log_scale=True),
        (ValueError,),
    ),
    "num_sigma=1e5 on a speck": (
        lambda: blob_log(IMAGE[:5, :5], max_sigma=2, num_sigma=100_000),
        (),
    ),
    "exclude_border=1e18": (lambda: blob_log(IMAGE, exclude_border=10**18), ()),
    "overlap=1e300": (lambda: blob_log(IMAGE, max_sigma=5, overlap=1e300), ()),
    "threshold=-1e300": (lambda: blob_log(IMAGE, max_sigma=5, threshold=-1e300), ()),
    "detector, num_sigma=1e9": (detector(num_sigma=10**9), (ValueError,)),
    "detector, sigma_step=1e-12": (
        detector(sigma_step=1e-12, max_sigma=5.0),
        (ValueError,),
    ),
    "detector, max_sigma=1e9": (detector(max_sigma=1e9), (ValueError,)),
    "detector, n_jobs=1e6": (detector(n_jobs=10**6), ()),
    "ladder of a million": (
        lambda: ScaleSpaceCandidates.from_image(IMAGE, np.linspace(1, 2, 10**6), threshold=0.1),
        (ValueError,),
    ),
    "grid of 2e5 x 1e4": (sweep(200_000, 10_000), (MemoryError,)),
    "curves of 2e5 x 1e4": (curves(200_000, 10_000), (MemoryError,)),
    "curves of 10 x 1e6": (curves(10, 10**6), (MemoryError,)),
    "max_overlaps=1e15": (
        lambda: candidates(300).pareto_front(
            n_expected=1e12, distance_sum=1e300, threshold_range=(1, 2), max_overlaps=10**15
        ),
        (),
    ),
    "n_neighbors=1e18 of a crowd": (
        lambda: candidates(2_000).objectives(
            1.0, 0.5, n_expected=1e12, distance_sum=1e300, n_neighbors=10**18
        ),
        (),
    ),
    "n_neighbors=1e6": (lambda: distance_sums(np.eye(500)[:, :2], 10**6), ()),
    "n_neighbors=1e18": (lambda: distance_sums(np.eye(500)[:, :2], 10**18), ()),
    "n_neighbors=1e30": (
        lambda: distance_sums(np.eye(5)[:, :2], 10**30),
        (ValueError, OverflowError),
    ),
    "coordinates of 1e308": (
        lambda: distance_sums(np.random.default_rng(0).uniform(-1, 1, (5_000, 2)) * 1.7e308),
        (),
    ),
    "n_threads=1e9": (lambda: _core.distance_sums(np.eye(9_000)[:, :2], 4, 10**9), ()),
    "replay of 2e6 pairs": (replay(2 * 10**6), ()),
    "window_size=1e6": (lambda: extract_patches(IMAGE, [[9, 9]], 10**6), (ValueError,)),
    "window_size=1e30": (lambda: extract_patches(IMAGE, [[9, 9]], 10**30), (ValueError,)),
    "windows of 84 GB": (patches(2_000, 1_024, 20_000), (MemoryError,)),
    "windows of 4.2 GB": (patches(2_000, 1_024, 1_000), (MemoryError,)),
    "a constant image of 12,000 px": (
        lambda: blob_log(np.broadcast_to(np.float32(1), (12_000, 12_000)), num_sigma=50),
        (),
    ),
    "a constant image that is all maxima": (
        lambda: blob_log(np.broadcast_to(np.float32(1), (14_000, 14_000)), 1, 3, 3, threshold=-1e9),
        (MemoryError,),
    ),
    "plateaus of 2,000 px": (peaks(2_000), ()),
    "more pixels than there is room for": (
        lambda: blob_log(np.broadcast_to(np.float64(1), (30_000, 30_000)), max_sigma=3),
        (MemoryError,),
    ),
}


def run_limited(call, address_space, connection):
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    # So that what is in flight neither warns nor waits.
    os.environ["LOGSTAR_NUM_THREADS"] = "2"
    started = time.process_time()
    try:
        call()
        ended = (None, "a result")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        kind = next(
            (kind for kind in (MemoryError, OverflowError, ValueError) if isinstance(error, kind)),
            type(error),
        )
        ended = (kind.__name__, "".join(traceback.format_exception_only(error)))
    connection.send((*ended, time.process_time() - started))
    # Without the clean-up of a test run.
    os._exit(0)


def outcome_of(call, address_space=ADDRESS_SPACE):
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run_limited, args=(call, address_space, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(3 * SECONDS):
            pytest.fail("it hangs")
        return receiver.recv()
    except EOFError:
        process.join()
        pytest.fail(f"the process ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("name", ABSURD)
@pytest.mark.filterwarnings("ignore")
def test_no_number_ends_the_process(name):
    call, allowed = ABSURD[name]
    kind, message, seconds = outcome_of(call)
    if allowed:
        assert kind in {error.__name__ for error in allowed}, message
    else:
        assert kind is None, message
    assert seconds < SECONDS
    if kind == "MemoryError" and name != "more pixels than there is room for":
        assert "bytes" in message


def limit_to(spare):
    """Leave so much address space beyond what is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@pytest.mark.parametrize("spare", [2**20, 2**23, 2**25, 2**27])
@pytest.mark.parametrize("size", [64, 1_500])
def test_little_memory_is_an_error_or_enough(spare, size):
    image = np.zeros((size, size), dtype=np.float32)
    image[::7, ::9] = 1.0

    def with_spare():
        limit_to(spare)
        blob_log(image, max_sigma=3, num_sigma=3, threshold=0.05)

    kind, message, _ = outcome_of(with_spare)
    assert kind in {None, "MemoryError"}, message


@cache
def kernel_calls():
    """A call of each kind of computation, whose arguments are there already."""
    rng = np.random.default_rng(0)
    blobs = np.column_stack([rng.uniform(0, 200, (3_000, 2)), np.full((3_000, 2), 2.0)])
    responses = np.linspace(2, 1, len(blobs))
    kernels = half_kernels(np.float64(3.0))
    scales = [(*kernels, *kernels, 1.0)] * 5
    image = rng.random((400, 400))
    held = _core.CandidateSet(blobs, responses, 1)
    pairs = np.column_stack([np.arange(20_000), np.arange(20_000) + 20_000])
    overlaps = np.linspace(0, 1, 50)
    return {
        "find_candidates": lambda: _core.find_candidates_of_parts(
            image, scales, [(0, 5)], None, (0, 0), 2
        ),
        "extract_patches": lambda: _core.extract_patches(
            image, blobs[:, :2], 16, True, "reflect", "zscore", 2
        ),
        "order_statistics": lambda: _core.order_statistics(image, [5, 500]),
        "prune_by_scale": lambda: _core.prune_by_scale(blobs, responses, 0.5, 2),
        "prune_compatible": lambda: _core.prune_compatible(blobs, 0.5, 2),
        "set_order": lambda: _core.set_order(pairs),
        "distance_sums": lambda: _core.distance_sums(blobs[:, :2], 4, 2),
        "CandidateSet": lambda: _core.CandidateSet(blobs, responses, 2),
        "fit_peaks": lambda: _core.fit_peaks(
            image,
            None,
            np.column_stack([blobs[:, :3], responses]),
            np.zeros(len(blobs), dtype=np.uint32),
            np.zeros(len(blobs), dtype=bool),
            False,
            False,
            3.0,
            30.0,
            False,
            None,
            None,
            3,
            1e-3,
            2,
            None,
        ),
        "kept": lambda: held.kept(1.5, 0.5),
        "grid": lambda: held.grid(responses[::100], overlaps, 4, 2.0, 2),
    }


@pytest.mark.parametrize("name", kernel_calls())
def test_no_headroom_ends_the_process(name):
    """Where even small allocations fail, which nothing asks for beforehand."""
    call = kernel_calls()[name]
    draw = np.random.default_rng(list(kernel_calls()).index(name))

    def with_spare(spare):
        limit_to(spare)
        call()

    # From a page to more than is asked for when a call begins.
    for spare in map(int, 2 ** draw.uniform(12, 26, 12)):
        kind, message, _ = outcome_of(partial(with_spare, spare))
        assert kind in {None, "MemoryError"}, (spare, message)
