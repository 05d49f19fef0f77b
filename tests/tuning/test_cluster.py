"""Frames and tiles on the workers of a cluster: as here, to the bit, and whoever dies."""

from __future__ import annotations

import logging
import os
import signal
import warnings

import numpy as np
import pytest

from logstar import LoGStarDetector
from logstar.tuning import detect_tiled, find_atoms_in_stack
from logstar.tuning._cluster import results_in_order

from .test_find_atoms_in_stack import CRYSTAL, check_equal, movie_with_a_step
from .test_tiled import scene

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():
        # Sockets and loops that the library leaves to be collected are no concern of ours.
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
        client = distributed.Client(cluster)
        yield client
        client.close()
        cluster.close()


pytestmark = pytest.mark.filterwarnings("ignore")


def kill_one(client):
    """End a worker as a machine that fails would."""
    pids = client.run(os.getpid)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


def test_frames_are_found_as_here(client):
    movie = movie_with_a_step()
    expected = find_atoms_in_stack(movie, lattice=CRYSTAL)
    check_equal(find_atoms_in_stack(movie, lattice=CRYSTAL, client=client), expected)


def test_tiles_are_found_as_here(client, tmp_path):
    image = scene().astype(np.float32)
    np.save(tmp_path / "image.npy", image)
    detector = LoGStarDetector(1, 3, 3, 0.05)
    expected = detector.fit(image).detect(image)
    for array in (image, np.load(tmp_path / "image.npy", mmap_mode="r")):
        found = detect_tiled(detector, array, tile=128, client=client)
        np.testing.assert_array_equal(found, expected)


def test_a_worker_that_is_killed_loses_nothing(client, tmp_path):
    movie = np.concatenate([movie_with_a_step()] * 2)
    np.save(tmp_path / "movie.npy", movie)

    def tell(state):
        if state.n_done == 9:
            kill_one(client)

    found = find_atoms_in_stack(
        tmp_path / "movie.npy",
        lattice=CRYSTAL,
        client=client,
        out=tmp_path / "atoms.h5",
        progress=tell,
    )
    check_equal(found, find_atoms_in_stack(movie, lattice=CRYSTAL))


def test_threads_keep_the_order_and_take_few_items_ahead():
    taken = []

    def items():
        for i in range(20):
            taken.append(i)
            yield i

    for i, result in enumerate(results_in_order(lambda x: x * x, items(), n_threads=3)):
        assert result == i * i
        assert len(taken) <= i + 6


def test_errors_come_through_and_what_has_not_begun_is_given_up():
    begun = []

    def work(i):
        begun.append(i)
        if i == 2:
            raise RuntimeError("of the third")
        return i

    found = results_in_order(work, range(1000), n_threads=2)
    with pytest.raises(RuntimeError, match="of the third"):
        list(found)
    assert len(begun) < 20
