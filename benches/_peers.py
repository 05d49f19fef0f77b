"""Ours and the peers, each as a user calls it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from _pairs import Contestant
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage import feature
from sklearn.neighbors import NearestNeighbors

from logstar import blob_log
from logstar._runtime import THREADS_VARIABLE
from logstar.detection._scale_space import INSTRUCTION_SET_VARIABLE, find_candidates
from logstar.neighbors import distance_sums

FloatArray = NDArray[np.float64]

#: Distributions of the peers, the optional ones last.
PEERS = ("numpy", "scipy", "scikit-image", "scikit-learn", "scikit-optimize")
OPTIONAL_PEERS = ("opencv-python-headless", "photutils", "pykdtree", "trackpy")

SKIMAGE = "scikit-image"
#: The case of the targets; others change one thing in it.
BLOB_LOG_OPTIONS: Mapping[str, Any] = {
    "min_sigma": 1,
    "max_sigma": 6,
    "num_sigma": 10,
    "threshold": 0.03,
    "overlap": 0.5,
}
N_NEIGHBORS = 4


def installed(distribution: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    with suppress(PackageNotFoundError):
        return version(distribution)
    return None


def quiet_import(module: str) -> Any:
    """Import a peer; None where it is missing. What it deprecates is no concern of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(module)
        except ImportError:
            return None


def our_blob_log(
    image: FloatArray, options: Mapping[str, Any], threads: int, instruction_set: str | None = None
) -> Contestant:
    variables = {THREADS_VARIABLE: str(threads)}
    if instruction_set is not None:
        variables[INSTRUCTION_SET_VARIABLE] = instruction_set
    name = " ".join(filter(None, ["ours", instruction_set, f"{threads}t"]))
    return Contestant(name, partial(blob_log, image, **options), variables)


def our_candidates(image: FloatArray, options: Mapping[str, Any]) -> Contestant:
    """What `blob_log` searches before it removes what overlaps, on one thread."""
    ladder = np.linspace(options["min_sigma"], options["max_sigma"], options["num_sigma"])
    sigmas = np.stack([ladder, ladder], axis=1)
    search = partial(
        find_candidates,
        image,
        sigmas,
        threshold=options["threshold"],
        border=(0, 0),
        n_threads=1,
    )
    return Contestant("candidates", search)


def peer_blob_log(image: FloatArray, options: Mapping[str, Any]) -> Contestant:
    return Contestant(SKIMAGE, partial(feature.blob_log, image, **options))


def check_bits(contestants: Sequence[Contestant]) -> NDArray[Any]:
    """Run each once and hold its result against the first one's, to the bit."""
    expected, *others = [contestant() for contestant in contestants]
    for contestant, result in zip(contestants[1:], others, strict=True):
        same = result.dtype == expected.dtype and np.array_equal(result, expected)
        if not same:
            raise AssertionError(
                f"{contestant.name} found {result.shape} {result.dtype}, {contestants[0].name} "
                f"{expected.shape} {expected.dtype}, and they are not equal to the bit."
            )
    return expected


def our_sums(points: FloatArray, threads: int) -> Contestant:
    run = partial(distance_sums, points, N_NEIGHBORS, n_jobs=threads)
    return Contestant(f"ours {threads}t", run)


def peer_sums(points: FloatArray) -> list[Contestant]:
    """Peers that sum distances to the nearest neighbours, building their trees included."""
    k = N_NEIGHBORS + 1  # the nearest of all is the point itself

    def scipy_sums() -> FloatArray:
        return cKDTree(points).query(points, k)[0].sum(axis=1)

    def sklearn_sums() -> FloatArray:
        return NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points)[0].sum(axis=1)

    found = [Contestant("cKDTree", scipy_sums)]
    pykdtree = quiet_import("pykdtree.kdtree")
    if pykdtree is not None:

        def pykdtree_sums() -> FloatArray:
            return pykdtree.KDTree(points).query(points, k)[0].sum(axis=1)

        found.append(Contestant("pykdtree", pykdtree_sums))
    return [*found, Contestant("sklearn", sklearn_sums)]


def check_sums(contestants: Sequence[Contestant]) -> None:
    """Run each once and hold its sums against the first one's, to rounding."""
    expected, *others = [contestant() for contestant in contestants]
    for contestant, result in zip(contestants[1:], others, strict=True):
        np.testing.assert_allclose(
            result, expected, rtol=1e-9, atol=1e-9, err_msg=f"sums of {contestant.name}"
        )


def other_detectors(image: FloatArray) -> list[Contestant]:
    """Detectors that find other things in other ways; only installed ones."""
    found = []
    cv2 = quiet_import("cv2")
    if cv2 is not None:
        found.append(Contestant("OpenCV SimpleBlobDetector", _opencv(cv2, image)))
    photutils = quiet_import("photutils.detection")
    if photutils is not None:
        finder = photutils.DAOStarFinder(threshold=0.1, fwhm=2.3548 * 3.5)
        found.append(Contestant("photutils DAOStarFinder", partial(_quietly, finder, image)))
    trackpy = quiet_import("trackpy")
    if trackpy is not None:
        locate = partial(trackpy.locate, image, diameter=11)
        found.append(Contestant("trackpy.locate", partial(_quietly, locate)))
    return found


def _opencv(cv2: Any, image: FloatArray) -> Callable[[], Any]:
    low, high = image.min(), image.max()
    pixels = np.round((image - low) / (high - low) * 255).astype(np.uint8)
    parameters = cv2.SimpleBlobDetector_Params()
    parameters.minThreshold, parameters.maxThreshold, parameters.thresholdStep = 5, 255, 10
    parameters.minDistBetweenBlobs, parameters.minArea, parameters.maxArea = 4, 4, 400
    # By default it looks for dark, round, convex blobs only.
    parameters.blobColor = 255
    parameters.filterByCircularity = parameters.filterByConvexity = False
    parameters.filterByInertia = False
    detector = cv2.SimpleBlobDetector_create(parameters)
    cv2.setNumThreads(1)
    return partial(detector.detect, pixels)


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = function(*arguments)
    return [] if found is None else found
