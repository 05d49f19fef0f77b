"""The main job: tune the detector on what physics expects, then find the atoms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, as_image
from logstar.detection import LoGStarDetector
from logstar.exceptions import NoAtomsWarning
from logstar.lattice import Column, Lattice
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import ErrorRate, QualityCount, flag_errors

#: Names of the two rewards in the search.
QC, ER = "qc", "er"
#: A column outside the field shows as a maximum on the outermost row or column of pixels. Left in,
#: such maxima make the search give up weak atoms for the sake of the count: over seeds 0 to 2, F1
#: on the shipped micrograph is 0.982 to 0.985 with them and 0.989 without, at low dose 0.952 to
#: 0.973 and 0.985.
_EXCLUDED_BORDER = 1
#: Settings of each end of the ladder; all their pairs are tried.
_N_ENDS = 3
MOST_LADDERS = _N_ENDS**2
#: What follows exactly from the candidates of a ladder.
_SWEPT = ("threshold", "overlap")
#: Denser atoms cannot be told apart.
_MIN_PIXELS_PER_ATOM = 4
N_NEIGHBORS = 4


class NothingFoundError(Exception):
    """The tuned detector finds no atom."""


@dataclass(frozen=True)
class Expectation:
    """What physics expects of an image.

    Attributes
    ----------
    n_expected : float
        Number of atoms.
    distance_sum : float
        DS: least sum of an atom's distances to its four nearest neighbours, in pixels.
    sigma_range : tuple of float
        Smallest and largest sigma in pixels.
    """

    n_expected: float
    distance_sum: float
    sigma_range: tuple[float, float]

    @classmethod
    def from_lattice(cls, lattice: Lattice, shape: tuple[int, ...]) -> Self:
        """Take it from a crystal, for the field that the detector searches."""
        field = tuple(max(1, size - 2 * _EXCLUDED_BORDER) for size in shape)
        return cls(
            lattice.n_expected(field),
            lattice.distance_sum_threshold(N_NEIGHBORS),
            lattice.sigma_range,
        )

    @classmethod
    def from_numbers(cls, n_expected: float, distance_sum: float, shape: tuple[int, ...]) -> Self:
        """Take it from a count and a distance sum in pixels."""
        most = np.prod(shape) / _MIN_PIXELS_PER_ATOM
        if n_expected > most:
            raise ValueError(
                f"{n_expected:g} atoms cannot be told apart in an image of {shape[0]} x {shape[1]} "
                f"px; at most one per {_MIN_PIXELS_PER_ATOM} px can, that is {most:g}."
            )
        # The square lattice that has this distance sum stands for the unknown one.
        spacing = distance_sum / (N_NEIGHBORS * Lattice.tolerance)
        square = Lattice(spacing, spacing, columns=(Column("atom", "X", 0, 0),), pixel_size=1.0)
        return cls(n_expected, distance_sum, square.sigma_range)


@dataclass(frozen=True)
class Tuned:
    """Atoms of the compromise, and the search that led there.

    Attributes
    ----------
    detections : ndarray of shape (n_atoms, 4)
        Row, column, sigma in pixels, and response.
    flagged : ndarray of shape (n_atoms,), bool
        Atoms whose distance sum is below DS.
    qc, er : float
        QC with its sign, and ER.
    search : MOBOSearchCV
        The fitted search.
    search_seconds, detect_seconds : float
        How long tuning took, and finding the atoms with the tuned parameters.
    """

    detections: FloatArray
    flagged: NDArray[np.bool_]
    qc: float
    er: float
    search: MOBOSearchCV
    search_seconds: float
    detect_seconds: float


def search_space(sigma_range: tuple[float, float]) -> dict[str, Any]:
    """Where to look for parameters: a few ladders of sigmas, and all that is swept on each.

    The two ends of the ladder have ranges of their own, so that min_sigma is always below
    max_sigma: a ladder of one step would leave out atoms for the sake of a wrong count. The number
    of steps is not searched: with ten, halfway between two of them the response to an atom is
    lower by 1.1 % at most.
    """
    low, high = sigma_range
    middle = (low + high) / 2
    return {
        "min_sigma": np.linspace(low, middle, _N_ENDS, endpoint=False).tolist(),
        "max_sigma": np.linspace(middle, high, _N_ENDS).tolist(),
        "threshold": (0.005, 0.4, "log-uniform"),
        "overlap": (0.01, 0.5),
    }


def tune_and_detect(
    image: ArrayLike,
    expectation: Expectation,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    n_iter: int,
    random_state: int,
    progress: Callable[[Any], None] | None = None,
) -> Tuned:
    """Tune on an image what its physics expects, and find its atoms.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The micrograph.
    expectation : Expectation
        What QC and ER compare with.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    n_iter : int
        Ladders of sigmas to try, each with the exact front over threshold and overlap.
    random_state : int
        Seed of the search.
    progress : callable, default=None
        Called after each evaluation with a `SearchProgress`.

    Returns
    -------
    tuned : Tuned

    Raises
    ------
    KeyboardInterrupt
        If the search is interrupted before anything was evaluated.
    NothingFoundError
        If even the compromise finds no atom.
    ValueError
        For an image that cannot hold atoms.
    """
    pixels = as_image(image)
    if pixels.min() == pixels.max():
        raise ValueError(f"the image is constant: every pixel is {pixels.flat[0]:g}.")
    space = search_space(expectation.sigma_range)
    detector = LoGStarDetector(
        min_sigma=expectation.sigma_range[0],
        max_sigma=expectation.sigma_range[1],
        exclude_border=_EXCLUDED_BORDER,
        polarity=polarity,
        n_jobs=-1,
    )
    # Too small an image is found out now, and not by every evaluation.
    detector.fit(pixels)
    count = QualityCount(expectation.n_expected)
    errors = ErrorRate(expectation.distance_sum, expectation.n_expected, N_NEIGHBORS)
    search = MOBOSearchCV(
        detector,
        space,
        scoring={QC: count, ER: errors},
        n_iter=n_iter,
        n_initial_points=min(MOST_LADDERS, n_iter),
        sweep=_SWEPT,
        random_state=random_state,
        callback=progress,
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        # `interrupted_` says so as well, and the summary tells.
        warnings.filterwarnings("ignore", message="The search was interrupted")
        search.fit(pixels)
    tuned = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        detections = search.best_estimator_.detect(pixels)
    if len(detections) == 0:
        raise NothingFoundError(
            f"no atom was found with {n_iter} ladders of sigmas; are atoms "
            f"{polarity}, and is the pixel size right?"
        )
    return Tuned(
        detections,
        flag_errors(detections, expectation.distance_sum, N_NEIGHBORS),
        float(count.measure(detections)),
        float(errors.measure(detections)),
        search,
        tuned - start,
        time.perf_counter() - tuned,
    )
