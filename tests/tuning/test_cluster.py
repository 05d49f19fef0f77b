"""Frames and tiles on the workers of a cluster: as here, to the bit, and whoever dies."""

from __future__ import annotations

import logging
import os
import signal
import warnings

import joblib
import numpy as np
import pytest
import tifffile

from logstar import Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.io import open_image
from logstar.rewards import ErrorRate, QualityCount
from logstar.tuning import detect_tiled, find_atoms_in_stack, find_atoms_tiled
from logstar.tuning._cluster import results_in_order

from .test_find_atoms_in_stack import CRYSTAL, check_equal, movie_with_a_step
from .test_tiled import scene

distributed = pytest.importorskip("distributed")
N_WORKERS = 4


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():
        # Sockets and loops that the library leaves to be collected are no concern of ours.
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=N_WORKERS,
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
    tifffile.imwrite(tmp_path / "image.tif", image, tile=(64, 64))
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    assert len(client.nthreads()) == N_WORKERS
    # Of the first the pixels are sent; the others are read by the workers.
    for array in (image, mapped, open_image(tmp_path / "image.tif")):
        found = detect_tiled(detector, array, tile=128, client=client)
        np.testing.assert_array_equal(found, expected)


def test_a_large_image_is_tuned_on_here_and_found_and_refined_there(client):
    crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    image = make_scene(crystal, (300, 320), noise=0.1, random_state=0).image
    options = {"lattice": crystal, "n_parts": 1, "part_side": 160, "tile": 128, "refine": "window"}
    expected = find_atoms_tiled(image, **options)
    found = find_atoms_tiled(image, **options, client=client)
    for name in expected.atoms_.columns:
        np.testing.assert_array_equal(found.atoms_[name], expected.atoms_[name])


def test_tiles_of_a_worker_that_is_killed_are_not_lost(client, tmp_path):
    image = scene((400, 600)).astype(np.float32)
    np.save(tmp_path / "image.npy", image)
    detector = LoGStarDetector(1, 3, 3, 0.05)
    killed = []

    def tell(state):
        if state.stage == "detecting" and state.n_done == 9:
            kill_one(client)
            killed.append(state.n_done)

    found = detect_tiled(
        detector, np.load(tmp_path / "image.npy", mmap_mode="r"), tile=64, client=client,
        progress=tell,
    )  # fmt: skip
    assert killed == [9]
    np.testing.assert_array_equal(found, detector.fit(image).detect(image))


@pytest.mark.usefixtures("client")
def test_a_search_evaluates_on_the_workers_as_here():
    crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    image = make_scene(crystal, (96, 96), noise=0.1, random_state=0).image

    def searched(n_jobs):
        search = MOBOSearchCV(
            LoGStarDetector(num_sigma=3),
            {"min_sigma": (1.0, 2.5), "threshold": (0.02, 0.2)},
            scoring={"qc": QualityCount(72), "er": ErrorRate(38.0, n_expected=72)},
            refit=False,
            n_initial_points=6,
            n_iter=10,
            n_points=2,
            n_jobs=n_jobs,
            random_state=0,
        )
        return search.fit(image).cv_results_

    expected = searched(1)
    with joblib.parallel_config("dask", scatter=[image]):
        found = searched(N_WORKERS)
    assert set(found) == set(expected)
    for name, column in expected.items():
        if "time" not in name:
            np.testing.assert_array_equal(found[name], column)


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
