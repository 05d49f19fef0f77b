"""Atoms without a lattice: what stands out of noise, told their number or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.detection import SignificanceDetector, estimate_atom_size
from logstar.detection._significance import SignificanceMap
from logstar.exceptions import NoAtomsWarning
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import Significance

from ._choice import SIGNIFICANCE

#: False atoms per million pixels where no number is told.
FALSE_ALARMS = 1.0
#: Where noise alone is expected to show so many maxima in the image, the excess beyond them is
#: counted: atoms that are too weak to be taken one by one.
_LOOKED_THROUGH = 3.0
#: Least and greatest strength that atoms are counted above.
STRENGTHS = (1.0, 30.0)
#: What was tuned to numbers is kept unless noise could explain this much more of it. In a crystal
#: both find the same atoms, and the tuned detector tells crowded ones apart.
_AS_SIGNIFICANT = 0.1
#: Where nothing is known of an image, single atoms are at least so many, at least so many times as
#: many as noise is expected to show, and more than what hides in noise, by this share of them.
_LEAST_FOUND, _TIMES_FALSE, _MOST_HIDDEN = 10, 20.0, 0.5


def search_single_atoms(
    image: Image,
    *,
    size: float | None,
    n_expected: float | None,
    polarity: Literal["bright", "dark"],
    mask: NDArray[Any] | None = None,
    callback: Callable[[Any], Any] | None = None,
) -> MOBOSearchCV:
    """Take what stands out of noise.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    size : float or None
        Sigma of atoms, in pixels; None estimates it.
    n_expected : float or None
        Number of atoms; None takes what is significant.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where to look; None is everywhere.
    callback : callable or list of callables, default=None
        As in `make_logstar_workflow`.

    Returns
    -------
    search : MOBOSearchCV
        Fitted, of one evaluation: once the size is known there is nothing left to choose.
    """
    if size is None:
        size = estimate_atom_size(image, polarity=polarity, mask=mask)
    n_atoms = None if n_expected is None else max(1, round(n_expected))
    search = MOBOSearchCV(
        SignificanceDetector(
            n_atoms=n_atoms, false_alarms=FALSE_ALARMS, polarity=polarity, mask=mask
        ),
        {"atom_size": [size]},
        scoring={SIGNIFICANCE: Significance(size, polarity=polarity)},
        n_iter=1,
        n_initial_points=1,
        refit=SIGNIFICANCE,
        # Of one evaluation the error itself says more than that all failed.
        error_score="raise",
        callback=callback,
    )
    with warnings.catch_warnings():
        # The verdict says so.
        warnings.simplefilter("ignore", NoAtomsWarning)
        warnings.filterwarnings("ignore", message="The search was interrupted")
        search.fit(image)
    return search


def is_explained_by_noise(tuned: MOBOSearchCV, single: MOBOSearchCV, image: Image) -> bool:
    """Tell whether noise could explain more of what was tuned to numbers than of what stands out.

    Number and distances can be met by maxima of noise as well. Where a detector finds no maximum at
    all, there is nothing to explain.

    Parameters
    ----------
    tuned, single : MOBOSearchCV
        What was tuned, and what `search_single_atoms` gave.
    image : ndarray of shape (n_rows, n_cols)
        The image.

    Returns
    -------
    is_explained : bool
    """
    detector = single.best_estimator_
    reward = Significance(detector.atom_size_, polarity=detector.polarity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        if len(tuned.best_estimator_.predict(image)) == 0:
            return False
    by_tuned, by_single = (reward(x.best_estimator_, image) for x in (tuned, single))
    return bool(by_tuned < by_single - _AS_SIGNIFICANT)


def count_hidden(image: Image, detector: SignificanceDetector) -> float:
    """Estimate how many atoms were not taken because noise could explain each of them.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    detector : SignificanceDetector
        Fitted to it, without a number of atoms.

    Returns
    -------
    n_hidden : float
        At least so many; with a standard deviation of 2, also below 0, where there are none.
    """
    mask = None if detector.mask is None else np.asarray(detector.mask, dtype=bool)
    found = SignificanceMap.of(
        image, size=detector.atom_size_, polarity=detector.polarity, mask=mask
    )
    strengths = found.maxima()[:, 3]
    n_taken = np.count_nonzero(strengths > detector.threshold_)
    n_beyond = np.count_nonzero(found.significance(strengths) >= -np.log10(_LOOKED_THROUGH))
    return float(n_beyond - n_taken - _LOOKED_THROUGH)


def is_worth_telling(image: Image, detector: SignificanceDetector) -> bool:
    """Tell whether what stands out of noise are atoms, and most of them.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image, of which nothing else is known.
    detector : SignificanceDetector
        Fitted to it.

    Returns
    -------
    is_worth_telling : bool
        False for noise, and for a crystal of which only a few columns are seen through it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        n_found = len(detector.predict(image))
    n_false = FALSE_ALARMS * image.size / 1e6
    if n_found < max(_LEAST_FOUND, _TIMES_FALSE * n_false):
        return False
    return count_hidden(image, detector) <= _MOST_HIDDEN * n_found
