"""Where a search for atoms looks: ladders of sigmas, thresholds, overlaps, and the border."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.base import clone

from logstar.detection import DetectionPipeline, LoGStarDetector
from logstar.model_selection import MOBOSearchCV

from ._choice import THRESHOLDS, objectives_of

if TYPE_CHECKING:
    from joblib import Memory
    from numpy.typing import ArrayLike

#: Outer rows and columns of pixels without detections. A column of atoms outside the field shows as
#: a maximum on the outermost row or column of pixels. Left in, such maxima make the search give up
#: weak atoms for the sake of the count: over seeds 0 to 2, F1 on the shipped micrograph is 0.982 to
#: 0.985 with them and 0.989 without, at low dose 0.952 to 0.973 and 0.985.
BORDER = 1
#: Bounds of the overlap: the share of the smaller one's area that two atoms may have in common.
OVERLAPS = (0.01, 0.5)
#: The detector's name within a pipeline, and what precedes its parameters there.
_STEP = "detect"
_PREFIX = f"{_STEP}__"
#: Number of steps of the ladder that all others are parts of, and the steps at which parts begin
#: and end. Every beginning is tried with every end.
_N_STEPS, _STARTS, _ENDS = 24, (0, 5, 7, 9, 11), (12, 24)


class Ladders(NamedTuple):
    """Contiguous parts of one ladder, which share its scale space.

    Where they begin counts most: sigmas far below the atoms' find noise. With beginnings close to
    half of the range, F1 on simulated YBa2Cu3O7 (256 px of 0.2 angstrom, means of eight seeds that
    had no say in the choice) is 0.995 at noise 0.3 and 0.932 at noise 0.5; with none above a third
    of the range it was 0.986 and 0.889. Beyond half of it noise alone passes for atoms: maxima are
    then as many and as far apart as expected, whatever the threshold.

    Attributes
    ----------
    min_sigma, max_sigma : list of float
        Choices for the ends, in pixels; each lower one is below each upper one.
    step : float
        From one sigma to the next, in pixels.
    """

    min_sigma: list[float]
    max_sigma: list[float]
    step: float

    @classmethod
    def within(cls, low: float, high: float) -> Ladders:
        """Divide a range of sigmas; its ends are met but for rounding."""
        # Multiples of a power of two, with digits to spare: every sigma is exact, so that parts
        # have the same bits.
        quantum = math.ldexp(1.0, math.frexp(low)[1] - 40)
        first = quantum * round(low / quantum)
        step = quantum * max(1, round((high - low) / _N_STEPS / quantum))
        return cls([first + step * i for i in _STARTS], [first + step * i for i in _ENDS], step)

    @property
    def n_ladders(self) -> int:
        """Number of ladders."""
        return len(self.min_sigma) * len(self.max_sigma)


def make_search(
    *,
    n_expected: float,
    uncertainty: float,
    distance_sum: float,
    sigma_range: tuple[float, float],
    polarity: Literal["bright", "dark"],
    mask: ArrayLike | None = None,
    denoisers: Sequence[Any] | None = None,
    unsupported: Literal["drop", "flag"] = "drop",
    memory: str | Memory | None = None,
    n_iter: int | None = None,
    refit: Any = None,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    callback: Callable[[Any], Any] | None = None,
) -> MOBOSearchCV:
    """Make the search that everything in this package tunes by.

    Parameters
    ----------
    n_expected : float
        Expected number of atoms.
    uncertainty : float
        Relative standard deviation of that number.
    distance_sum : float
        DS of ER, in pixels.
    sigma_range : tuple of float
        Smallest and largest sigma, in pixels.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look; None is everywhere.
    denoisers : sequence of transformers, default=None
        What a pipeline's first step may be, "passthrough" for nothing. None searches the bare
        detector.
    unsupported, memory
        As in `DetectionPipeline`; without effect on the bare detector.
    n_iter : int, default=None
        How many choices of denoiser and ladder to try; None tries all.
    refit : str or callable, default=None
        As in `MOBOSearchCV`; None is the rule of `objectives_of`.
    n_jobs, random_state, callback
        As in `make_logstar_workflow`.

    Returns
    -------
    search : MOBOSearchCV
    """
    ladders = Ladders.within(*sigma_range)
    n_all = ladders.n_ladders * (1 if denoisers is None else len(denoisers))
    n_iter = n_all if n_iter is None else n_iter
    detector = LoGStarDetector(
        ladders.min_sigma[0],
        ladders.max_sigma[-1],
        sigma_step=ladders.step,
        exclude_border=BORDER,
        polarity=polarity,
        mask=mask,
        n_jobs=n_jobs,
    )
    prefix = "" if denoisers is None else _PREFIX
    space: dict[str, Any] = {
        f"{prefix}min_sigma": ladders.min_sigma,
        f"{prefix}max_sigma": ladders.max_sigma,
        f"{prefix}threshold": (*THRESHOLDS, "log-uniform"),
        f"{prefix}overlap": OVERLAPS,
    }
    estimator: Any = detector
    if denoisers is not None:
        space = {"denoise": list(denoisers), **space}
        estimator = DetectionPipeline(
            [("denoise", "passthrough"), (_STEP, detector)], unsupported=unsupported, memory=memory
        )
    scoring, rule = objectives_of(n_expected, uncertainty, distance_sum)
    return MOBOSearchCV(
        estimator,
        space,
        scoring=scoring,
        n_iter=n_iter,
        n_initial_points=min(n_all, n_iter),
        refit=rule if refit is None else refit,
        sweep=[f"{prefix}threshold", f"{prefix}overlap"],
        random_state=random_state,
        callback=callback,
    )


def largest_sigma(search: MOBOSearchCV) -> float:
    """The largest sigma of a search's estimator, in pixels."""
    params = search.estimator.get_params()
    return float(params.get("max_sigma", params.get(f"{_PREFIX}max_sigma")))


def count_ladders(search: MOBOSearchCV) -> int:
    """How many ladders a search has tried, each with all thresholds and overlaps."""
    known = search.cv_results_
    if "param_atom_size" in known:
        # Each size of atoms is a ladder.
        return len(known["param_atom_size"])
    return len(ladders_of(search))


def ladders_of(search: MOBOSearchCV) -> list[tuple[float, float]]:
    """Ends of the ladders that a search of thresholds and overlaps has tried, rising."""
    known = search.cv_results_
    ends = (f"param_{name}_sigma" for name in ("min", "max"))
    columns = [known.get(name, known.get(f"param_{_PREFIX}{name[6:]}")) for name in ends]
    pairs = zip(*(np.asarray(column, dtype=np.float64).tolist() for column in columns), strict=True)
    return sorted(set(pairs))


def plain_params(search: MOBOSearchCV, row: int) -> dict[str, Any]:
    """Parameters of a row of a search's results, under the detector's own names.

    They include the step of the ladder of sigmas. Estimators are written as text, without their
    number of threads, on which no result depends.
    """
    known = search.estimator.get_params()
    step = known.get("sigma_step", known.get(f"{_PREFIX}sigma_step"))
    setting = search.cv_results_["params"][row].items()
    params = {
        name.removeprefix(_PREFIX): _text_of(value) if hasattr(value, "get_params") else value
        for name, value in setting
    }
    return params if step is None else params | {"sigma_step": step}


def _text_of(transformer: Any) -> str:
    """How a transformer is made, up to the number of threads."""
    threads = {name: None for name in transformer.get_params() if name.split("__")[-1] == "n_jobs"}
    return repr(clone(transformer).set_params(**threads))
