"""The main job: tune the detector on what physics expects, then find the atoms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from logstar._stability import CountCurves, Plateau
from logstar._threads import threads_of
from logstar._validation import FloatArray, as_image
from logstar.candidates import ScaleSpaceCandidates
from logstar.detection import LoGStarDetector
from logstar.exceptions import NoAtomsWarning
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import ErrorRate, QualityCount, flag_errors
from logstar.workflows import DetectionPipeline, make_logstar_workflow

from ._expectation import N_NEIGHBORS, Expectation

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
#: What precedes the detector's parameters in a workflow.
_STEP = "detect__"
_COLUMNS = ("row", "col", "sigma", "response", "support")
_THRESHOLDS = (0.005, 0.4)
#: Settings are as good as the best if they are no further from the ideal than this beyond it, the
#: uncertainty of the count being granted, and as stable if the logarithm of their range of
#: thresholds is this share of the widest one's.
_AS_GOOD, _AS_STABLE = 0.002, 0.8
#: A count that is the same over less than this factor of the threshold hangs on it.
_LEAST_STABLE = 1.5


class NothingFoundError(Exception):
    """The tuned detector finds no atom."""


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
        """The chosen parameters, as `plain_params` gives them."""
        return plain_params(self.search.best_params_)

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


class StableChoice:
    """The rule that chooses among settings: see `__call__`.

    Parameters
    ----------
    detector : LoGStarDetector or DetectionPipeline
        Whose parameters the settings are.
    image : ndarray of shape (n_rows, n_cols)
        The micrograph.
    expectation : Expectation
        What physics expects, with its uncertainty.
    """

    def __init__(
        self,
        detector: LoGStarDetector | DetectionPipeline,
        image: NDArray[Any],
        expectation: Expectation,
    ) -> None:
        self.detector = detector
        self.image = image
        self.expectation = expectation
        self._prefix = _STEP if isinstance(detector, DetectionPipeline) else ""
        # Of ladders that were asked about: the chosen one is asked about again.
        self._candidates: dict[str, ScaleSpaceCandidates] = {}

    def __call__(self, results: dict[str, Any]) -> int:
        """Choose a row of `cv_results_`.

        The expected count is uncertain, so |QC| within that is as good as 0. Of the settings that
        are then as near to the ideal as the best, those are kept whose count is the same over
        nearly the widest range of thresholds; of these the one with the most atoms is taken:
        invented atoms would have raised ER or come and gone with the threshold.
        """
        qc = np.abs(results[f"objective_{QC}"])
        beyond = np.maximum(qc - self.expectation.uncertainty, 0.0)
        distance = np.hypot(beyond, results[f"objective_{ER}"])
        good = np.flatnonzero(distance <= np.nanmin(distance) + _AS_GOOD)
        plateaus = self.plateaus([results["params"][row] for row in good])
        widths = np.log([plateau.width for plateau in plateaus])
        stable = np.flatnonzero(widths >= _AS_STABLE * widths.max())
        thresholds = np.array([results["params"][row][self._prefix + "threshold"] for row in good])
        # A setting amid its plateau, not at its end.
        off = np.abs(np.log(thresholds / [p.threshold for p in plateaus])).round(1)
        best = max(stable, key=lambda i: (plateaus[i].qc, -off[i], -distance[good[i]]))
        return int(good[best])

    def plateaus(self, settings: Sequence[Mapping[str, Any]]) -> list[Plateau]:
        """Find the range of thresholds over which each setting's count is the same."""
        threshold, overlap = (self._prefix + name for name in _SWEPT)
        by_ladder: dict[str, list[int]] = {}
        others = [
            {name: value for name, value in setting.items() if name not in {threshold, overlap}}
            for setting in settings
        ]
        for index, other in enumerate(others):
            by_ladder.setdefault(repr(other), []).append(index)
        found: dict[int, Plateau] = {}
        for ladder, indices in by_ladder.items():
            curves = CountCurves(
                self._candidates_of(ladder, others[indices[0]]),
                sorted({settings[i][overlap] for i in indices}),
                _THRESHOLDS,
                n_expected=self.expectation.n_expected,
                distance_sum=self.expectation.distance_sum,
                n_neighbors=N_NEIGHBORS,
            )
            for i in indices:
                found[i] = curves.around(settings[i][threshold], settings[i][overlap])
        return [found[i] for i in range(len(settings))]

    def _candidates_of(self, ladder: str, params: Mapping[str, Any]) -> ScaleSpaceCandidates:
        if ladder not in self._candidates:
            detector = clone(self.detector).set_params(**params)
            found = detector.find_candidates(self.image, _THRESHOLDS[0])
            self._candidates[ladder] = found
        return self._candidates[ladder]


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
    search.set_params(
        scoring={QC: count, ER: errors},
        n_iter=n_iter,
        n_initial_points=min(MOST_LADDERS, n_iter),
        random_state=random_state,
        callback=progress,
    )
    # Too small an image is found out now, and not by every evaluation.
    search.estimator.fit(pixels)
    choice = StableChoice(search.estimator, pixels, expectation)
    # A count that is known exactly is met exactly.
    search.set_params(refit=choice if expectation.uncertainty > 0 else "euclidean")
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
        choice.plateaus([search.best_params_])[0],
    )


def _detector_search(
    expectation: Expectation, _shape: tuple[int, ...], polarity: Literal["bright", "dark"]
) -> MOBOSearchCV:
    low, high = expectation.sigma_range
    detector = LoGStarDetector(
        min_sigma=low,
        max_sigma=high,
        exclude_border=_EXCLUDED_BORDER,
        polarity=polarity,
        # Counting the cores reads files, which on a small image took a tenth of the time.
        n_jobs=threads_of(-1),
    )
    return MOBOSearchCV(detector, search_space(expectation.sigma_range), scoring=None, sweep=_SWEPT)


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
