"""The main job: tune the detector on what physics expects, then find the atoms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._runtime import threads_of
from logstar._validation import FloatArray, as_image
from logstar.detection import LoGStarDetector
from logstar.exceptions import NoAtomsWarning
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import (
    CountStability,
    ErrorRate,
    QualityCount,
    choose_stable,
    flag_errors,
)
from logstar.tuning import make_logstar_workflow
from logstar.tuning._expectation import N_NEIGHBORS, Expectation
from logstar.tuning._ladders import Ladders

#: Names of the rewards in the search; the third where the expected count is uncertain.
QC, ER, STABILITY = "qc", "er", "stability"
#: A column outside the field shows as a maximum on the outermost row or column of pixels. Left in,
#: such maxima make the search give up weak atoms for the sake of the count: over seeds 0 to 2, F1
#: on the shipped micrograph is 0.982 to 0.985 with them and 0.989 without, at low dose 0.952 to
#: 0.973 and 0.985.
_EXCLUDED_BORDER = 1
#: What follows exactly from the candidates of a ladder.
_SWEPT = ("threshold", "overlap")
#: What precedes the detector's parameters in a workflow.
_STEP = "detect__"
_COLUMNS = ("row", "col", "sigma", "response", "support")
_THRESHOLDS = (0.005, 0.4)
#: A count that is the same over less than this factor of the threshold hangs on it. In noise alone
#: it is so in 99 images of 100 at 96 px; on simulated YBa2Cu3O7 the factor is above 4 up to noise
#: 0.2, where every atom is found.
_LEAST_STABLE = 2.0


class NothingFoundError(Exception):
    """The tuned detector finds no atom."""


class Plateau(NamedTuple):
    """Over which thresholds the number of atoms is the same, within 0.2 %.

    Attributes
    ----------
    low, high : float
        The least and the greatest.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """The greatest threshold by the least."""
        return self.high / self.low


@dataclass(frozen=True)
class Tuned:
    """Atoms of the compromise, and the search that led there.

    Attributes
    ----------
    detections : ndarray of shape (n_atoms, 4) or (n_atoms, 5)
        Row, column, sigma in pixels, and response; of a denoised image also support.
    flagged : ndarray of shape (n_atoms,), bool
        Atoms whose distance sum is below DS.
    qc, er : float
        QC with its sign, and ER.
    search : MOBOSearchCV
        The fitted search.
    search_seconds, detect_seconds : float
        How long tuning took, and finding the atoms with the tuned parameters.
    plateau : Plateau
        Over which thresholds the number of atoms is the same.
    """

    detections: FloatArray
    flagged: NDArray[np.bool_]
    qc: float
    er: float
    search: MOBOSearchCV
    search_seconds: float
    detect_seconds: float
    plateau: Plateau

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of `detections` are."""
        return _COLUMNS[: self.detections.shape[1]]

    @property
    def params(self) -> dict[str, Any]:
        """The chosen parameters, as `params_of` gives them."""
        return self.params_of(self.search.best_index_)

    def params_of(self, row: int) -> dict[str, Any]:
        """Parameters of a row of the search's results, and the step that makes them a ladder."""
        searched = plain_params(self.search.cv_results_["params"][row])
        known = plain_params(self.search.estimator.get_params())
        return searched | {"sigma_step": known["sigma_step"]}

    @property
    def is_stable(self) -> bool:
        """Whether the number of atoms does not hang on the threshold."""
        return self.plateau.width >= _LEAST_STABLE


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a search under the detector's own names; estimators as text."""
    return {
        name.removeprefix(_STEP): repr(value) if hasattr(value, "get_params") else value
        for name, value in params.items()
    }


def search_space(ladders: Ladders) -> dict[str, Any]:
    """Where to look for parameters: a few ladders of sigmas, and all that is swept on each."""
    return {
        "min_sigma": ladders.min_sigma,
        "max_sigma": ladders.max_sigma,
        "threshold": (*_THRESHOLDS, "log-uniform"),
        "overlap": (0.01, 0.5),
    }


def tune_and_detect(
    image: ArrayLike,
    expectation: Expectation,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    denoise: Literal["none", "auto"] = "none",
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
    denoise : {"none", "auto"}, default="none"
        Whether to search a whole workflow: see `make_logstar_workflow`.
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
    count = QualityCount(expectation.n_expected, expectation.uncertainty)
    errors = ErrorRate(expectation.distance_sum, expectation.n_expected, N_NEIGHBORS)
    make = _detector_search if denoise == "none" else _workflow_search
    search = make(expectation, pixels.shape, polarity)
    scoring: dict[str, Any] = {QC: count, ER: errors}
    # A count that is known exactly is met exactly.
    is_certain = expectation.uncertainty == 0
    if not is_certain:
        scoring[STABILITY] = CountStability(_THRESHOLDS)
    search.set_params(
        scoring=scoring,
        n_iter=n_iter,
        n_initial_points=min(Ladders.within(*expectation.sigma_range).n_ladders, n_iter),
        random_state=random_state,
        callback=progress,
        refit="euclidean" if is_certain else choose_stable,
    )
    # Too small an image is found out now, and not by every evaluation.
    search.estimator.fit(pixels)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # `interrupted_` says so as well, and the summary tells.
        warnings.filterwarnings("ignore", message="The search was interrupted")
        search.fit(pixels)
    tuned = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        detections = search.best_estimator_.detect(pixels)
    found = time.perf_counter()
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
        found - tuned,
        Plateau(
            *(
                float(search.cv_results_[f"detail_plateau_{end}"][search.best_index_])
                for end in ("low", "high")
            )
        ),
    )


def _detector_search(
    expectation: Expectation, _shape: tuple[int, ...], polarity: Literal["bright", "dark"]
) -> MOBOSearchCV:
    ladders = Ladders.within(*expectation.sigma_range)
    detector = LoGStarDetector(
        min_sigma=ladders.min_sigma[0],
        max_sigma=ladders.max_sigma[-1],
        sigma_step=ladders.step,
        exclude_border=_EXCLUDED_BORDER,
        polarity=polarity,
        # Counting the cores reads files, which on a small image took a tenth of the time.
        n_jobs=threads_of(-1),
    )
    return MOBOSearchCV(detector, search_space(ladders), scoring=None, sweep=_SWEPT)


def _workflow_search(
    expectation: Expectation, shape: tuple[int, ...], polarity: Literal["bright", "dark"]
) -> MOBOSearchCV:
    n_rows, n_cols = shape
    return make_logstar_workflow(
        None,
        (n_rows, n_cols),
        n_expected=expectation.n_expected,
        distance_sum=expectation.distance_sum,
        sigma_range=expectation.sigma_range,
        polarity=polarity,
        n_jobs=threads_of(-1),
    )
