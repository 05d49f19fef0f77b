"""Whether the denoised image or the raw one is right, by rewards."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from logstar.model_selection import MOBOSearchCV

from ._choice import ER, QC

#: Distance of QC and ER from 0, both, from which on a denoised image may be wrong as a whole.
#: Strong noise alone leads to 0.05, a denoised image that shows only contamination to 0.86.
_DOUBTFUL = 0.15


def unless_raw_is_better(
    denoised: MOBOSearchCV, search_raw: Callable[[], MOBOSearchCV]
) -> MOBOSearchCV:
    """Keep a search in the denoised image, unless its rewards are poor and the raw image's better.

    At small distances rewards cannot tell: noise has maxima as many and as far apart as atoms, so
    that the raw image is asked only where the denoised one is clearly wrong.

    Parameters
    ----------
    denoised : MOBOSearchCV
        Fitted.
    search_raw : callable
        Gives the search in the raw image, fitted.

    Returns
    -------
    search : MOBOSearchCV
        One of the two.
    """
    poor = _distance(denoised)
    if poor <= _DOUBTFUL or denoised.interrupted_:
        return denoised
    raw = search_raw()
    return raw if _distance(raw) < poor else denoised


def _distance(search: MOBOSearchCV) -> float:
    """How far the chosen setting is from the ideal."""
    results: dict[str, Any] = search.cv_results_
    losses = [float(results[f"mean_test_{name}"][search.best_index_]) for name in (QC, ER)]
    return math.hypot(*losses)
