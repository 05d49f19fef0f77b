"""Problems on which engines of the search compete, each with the front that is known of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from _inputs import named_scene
from _tuning import expectation
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import davies_bouldin_score
from sklearn.mixture import GaussianMixture

from logstar.detection import ScaleSpaceCandidates

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A search space, its losses, and points known to be on the front.

    Parameters
    ----------
    name : str
        As the tables call it.
    spaces : dict
        As `MOBOSearchCV` takes it.
    losses : callable
        Given the parameters as keywords, returns the losses, smaller is better, or None.
    n_objectives : int
        How many losses there are.
    known_front : callable
        Returns losses on or near the front, from formulas or from a long search.
    held_out : bool
        Whether it was not among those on which policies of engines were first chosen.
    """

    name: str
    spaces: dict[str, Any]
    losses: Callable[..., FloatArray | None]
    n_objectives: int
    known_front: Callable[[], FloatArray]
    held_out: bool = False


# Detection.

_N_SIGMAS = 10
_LADDER = (1.0, 5.0)
_THRESHOLDS = (0.005, 0.4)
_OVERLAPS = (0.01, 0.9)
_SETTINGS = {"threshold": (*_THRESHOLDS, "log-uniform"), "overlap": _OVERLAPS}
#: Number of lower ends, and of upper ends, of the ladders in the reference sweep.
_N_ENDS = 12


@lru_cache(maxsize=256)
def _candidates(low: float, high: float) -> ScaleSpaceCandidates:
    """Candidates of the hard image: what a detection at any threshold and overlap follows from."""
    scene = named_scene("256d")
    pixels = scene.image
    floor, ceiling = np.percentile(pixels, (0.1, 99.9))
    return ScaleSpaceCandidates.from_image(
        (pixels - floor) / (ceiling - floor),
        np.linspace(low, high, _N_SIGMAS),
        threshold=_THRESHOLDS[0] * (1 - 1e-9),
        exclude_border=1,
    )


def log_rule() -> dict[str, float]:
    """What QC and ER of the hard image compare with."""
    expected = expectation(named_scene("256d"))
    return {"n_expected": expected.n_expected, "distance_sum": expected.distance_sum}


def log_losses(
    threshold: float,
    overlap: float,
    min_sigma: float = _LADDER[0],
    max_sigma: float = _LADDER[1],
) -> FloatArray:
    """|QC| and ER of a detection with the hard image."""
    qc, er = _candidates(min_sigma, max_sigma).objectives(threshold, overlap, **log_rule())
    return np.array([abs(qc), er])


def _exact_front(low: float, high: float) -> FloatArray:
    front = _candidates(low, high).pareto_front(
        **log_rule(), threshold_range=_THRESHOLDS, overlap_range=_OVERLAPS
    )
    return np.column_stack([np.abs(front.qc), front.er])


@cache
def log_4d_front() -> FloatArray:
    """The exact front over threshold and overlap for each of a grid of ladders, put together."""
    return np.vstack(
        [
            _exact_front(low, high)
            for low in np.linspace(*_SIGMAS["min_sigma"], _N_ENDS)
            for high in np.linspace(*_SIGMAS["max_sigma"], _N_ENDS)
        ]
    )


_SIGMAS = {"min_sigma": (0.8, 2.4), "max_sigma": (2.5, 6.0)}

# Segmentation.

_WINDOWS = (3, 15)
_COVARIANCES = ["full", "tied", "diag", "spherical"]
_N_COMPONENTS = 4
_N_NEIGHBORS = 4


@cache
def _damaged_image() -> FloatArray:
    """A lattice whose atoms left their places in a disc."""
    rng = np.random.default_rng(7)
    size, pitch = 192, 9.0
    rows, cols = np.mgrid[pitch : size - pitch : pitch, pitch : size - pitch : pitch]
    places = np.column_stack([rows.ravel(), cols.ravel()])
    inside = np.hypot(*(places - [100, 80]).T) < 45
    places = places + rng.normal(0, 0.3, places.shape)
    places[inside] += rng.normal(0, 2.2, (inside.sum(), 2))
    heights = np.where(inside, rng.uniform(0.4, 1.0, len(places)), 1.0)
    y, x = np.mgrid[:size, :size]
    image = rng.normal(0, 0.12, (size, size))
    for (row, col), height in zip(places, heights, strict=True):
        near = (np.abs(y - row) < 12) & (np.abs(x - col) < 12)
        image[near] += height * np.exp(-((y[near] - row) ** 2 + (x[near] - col) ** 2) / 8.0)
    return image


@cache
def _damaged_candidates() -> ScaleSpaceCandidates:
    return ScaleSpaceCandidates.from_image(
        _damaged_image(), np.linspace(1, 3, 5), threshold=0.01, exclude_border=_WINDOWS[1] // 2 + 1
    )


@lru_cache(maxsize=4096)
def gmm_losses(window: int, threshold: float, covariance: str) -> FloatArray | None:
    """How ragged a segmentation into two kinds of neighbourhoods is, and how mixed the kinds.

    Atoms are found, windows around them go through a PCA into a Gaussian mixture of two. The
    losses are the share of neighbouring atoms of different kind, and the Davies-Bouldin index.
    """
    atoms = _damaged_candidates().detections(threshold, 0.5)
    if len(atoms) < 10 * _N_NEIGHBORS:
        return None
    places = np.rint(atoms[:, :2]).astype(int)
    reach = np.arange(window) - window // 2
    patches = _damaged_image()[
        places[:, 0, None, None] + reach[:, None], places[:, 1, None, None] + reach
    ]
    features = PCA(_N_COMPONENTS, random_state=0).fit_transform(patches.reshape(len(places), -1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixture(2, covariance_type=covariance, random_state=0, max_iter=200)
        kinds = mixture.fit_predict(features)
    if np.bincount(kinds, minlength=2).min() < _N_NEIGHBORS:
        return None
    neighbors = cKDTree(places).query(places, _N_NEIGHBORS + 1)[1][:, 1:]
    ragged = float((kinds[neighbors] != kinds[:, None]).mean())
    return np.array([ragged, float(davies_bouldin_score(features, kinds))])


@cache
def _gmm_front() -> FloatArray:
    """All windows and covariances at twenty thresholds."""
    losses = [
        gmm_losses(window, float(threshold), covariance)
        for window in range(_WINDOWS[0], _WINDOWS[1] + 1)
        for covariance in _COVARIANCES
        for threshold in np.geomspace(0.02, 0.6, 20)
    ]
    return np.array([row for row in losses if row is not None])


# Formulas.

_N_FRONT = 2_000


def zdt(which: int, **x: float) -> FloatArray:
    """Zitzler, Deb and Thiele (2000), problems 1 to 3."""
    first, *rest = x.values()
    g = 1 + 9 * float(np.mean(rest))
    ratio = first / g
    if which == 1:
        h = 1 - np.sqrt(ratio)
    elif which == 2:
        h = 1 - ratio**2
    else:
        h = 1 - np.sqrt(ratio) - ratio * np.sin(10 * np.pi * first)
    return np.array([first, g * h])


def _zdt_front(which: int) -> FloatArray:
    x = np.linspace(0, 1, 5 * _N_FRONT)
    return np.array([zdt(which, a=a, b=0.0) for a in x])


def dtlz2(n_objectives: int, **x: float) -> FloatArray:
    """Deb, Thiele, Laumanns and Zitzler (2005), problem 2: its front is a sphere."""
    values = np.array(list(x.values()))
    angles = values[: n_objectives - 1] * np.pi / 2
    radius = 1 + float(((values[n_objectives - 1 :] - 0.5) ** 2).sum())
    losses = np.full(n_objectives, radius)
    for i in range(n_objectives):
        losses[i] *= np.prod(np.cos(angles[: n_objectives - 1 - i]))
        if i > 0:
            losses[i] *= np.sin(angles[n_objectives - 1 - i])
    return losses


def _dtlz2_front(n_objectives: int) -> FloatArray:
    if n_objectives == 2:
        angles = np.linspace(0, np.pi / 2, _N_FRONT)
        return np.column_stack([np.cos(angles), np.sin(angles)])
    u, v = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40))
    return np.array([dtlz2(3, a=a, b=b, c=0.5) for a, b in zip(u.ravel(), v.ravel(), strict=True)])


def branin_currin(x: float, y: float) -> FloatArray:
    """Belakaria, Deshwal and Doppa (2019): Branin's and Currin's functions on the unit square."""
    a, b = 15 * x - 5, 15 * y
    branin = (
        (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a)
        + 10
    )
    decay = 1 - np.exp(-1 / (2 * y)) if y > 0 else 1.0
    currin = (
        decay * (2300 * x**3 + 1900 * x**2 + 2092 * x + 60) / (100 * x**3 + 500 * x**2 + 4 * x + 20)
    )
    return np.array([branin, currin])


def _branin_currin_front() -> FloatArray:
    x, y = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 1, 300))
    return np.array(
        [branin_currin(a, b) for a, b in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
    )


def vlmop2(x: float, y: float) -> FloatArray:
    """Van Veldhuizen and Lamont (1999), problem 2, with two parameters."""
    point, shift = np.array([x, y]), 1 / np.sqrt(2)
    return np.array([1 - np.exp(-((point + sign * shift) ** 2).sum()) for sign in (-1, 1)])


def _vlmop2_front() -> FloatArray:
    t = np.linspace(-1, 1, _N_FRONT) / np.sqrt(2)
    return np.array([vlmop2(a, a) for a in t])


def _cube(n: int) -> dict[str, Any]:
    return {f"x{i}": (0.0, 1.0) for i in range(n)}


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("LoG 2-D", _SETTINGS, log_losses, 2, lambda: _exact_front(*_LADDER)),
        Problem("LoG 4-D", _SETTINGS | _SIGMAS, log_losses, 2, log_4d_front),
        Problem(
            "GMM mixed",
            {
                "window": _WINDOWS,
                "threshold": (0.02, 0.6, "log-uniform"),
                "covariance": _COVARIANCES,
            },
            gmm_losses,
            2,
            _gmm_front,
        ),
        Problem("ZDT1", _cube(4), lambda **x: zdt(1, **x), 2, lambda: _zdt_front(1)),
        Problem("DTLZ2", _cube(4), lambda **x: dtlz2(2, **x), 2, lambda: _dtlz2_front(2)),
        Problem(
            "Branin-Currin",
            {"x": (0.0, 1.0), "y": (0.0, 1.0)},
            branin_currin,
            2,
            _branin_currin_front,
        ),
        Problem("ZDT2", _cube(4), lambda **x: zdt(2, **x), 2, lambda: _zdt_front(2), held_out=True),
        Problem("ZDT3", _cube(4), lambda **x: zdt(3, **x), 2, lambda: _zdt_front(3), held_out=True),
        Problem(
            "VLMOP2",
            {"x": (-2.0, 2.0), "y": (-2.0, 2.0)},
            vlmop2,
            2,
            _vlmop2_front,
            held_out=True,
        ),
        Problem(
            "DTLZ2 3 obj.",
            _cube(4),
            lambda **x: dtlz2(3, **x),
            3,
            lambda: _dtlz2_front(3),
            held_out=True,
        ),
    )
}
