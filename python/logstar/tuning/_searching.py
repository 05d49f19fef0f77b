"""The searches of a finder: for the settings that agree with what is expected, and beyond noise."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.detection._scale_space import kernel_radius
from logstar.model_selection import MOBOSearchCV

from ._denoising import unless_raw_is_better
from ._finder_parameters import has_numbers
from ._learning import Learnt
from ._overlap import searched
from ._single_atoms import is_explained_by_noise, search_single_atoms
from ._space import largest_sigma, make_search
from ._workflow import denoisers_of

if TYPE_CHECKING:
    from ._finder import AtomFinder


def search_for(finder: AtomFinder, image: Image, learnt: Learnt, *, alone: bool) -> MOBOSearchCV:
    """Search for the settings that agree with what is expected, or for what stands out of noise.

    Parameters
    ----------
    finder : AtomFinder
        Its parameters alone are used.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    learnt : Learnt
        What is known of it.
    alone : bool
        Whether atoms are single ones. What is tuned to numbers that were told is then kept if it
        stands out of noise.

    Returns
    -------
    search : MOBOSearchCV
        Fitted.
    """
    tuned = _tune(finder, image, learnt) if not alone or has_numbers(finder) else None
    if tuned is not None and not alone:
        return tuned
    search = search_single_atoms(
        image,
        size=learnt.atom_size,
        n_expected=finder.expected,
        polarity=finder.polarity,
        mask=learnt.field,
        callback=None if has_numbers(finder) else finder.callback,
    )
    if tuned is None or is_explained_by_noise(tuned, search, image):
        return search
    return tuned


def front_of(search: MOBOSearchCV) -> NDArray[np.intp]:
    """Rows of a search's results on its front, the least ``|QC|`` first."""
    results = search.cv_results_
    # Sorted by |QC|, then by the other objectives: `lexsort` takes the last key first.
    rows: NDArray[np.intp] = search.pareto_indices_
    losses = [-results[f"mean_test_{name}"][rows] for name in search.objective_names_]
    return rows[np.lexsort(losses[::-1])]


def _tune(finder: AtomFinder, image: Image, learnt: Learnt) -> MOBOSearchCV:
    """Search for the settings that agree with what is expected."""
    search = _search_in(finder, image, learnt, denoisers_of(finder.denoise, finder.n_jobs))
    if isinstance(finder.denoise, str) and finder.denoise == "auto":
        search = unless_raw_is_better(
            search, lambda: _search_in(finder, image, learnt, ["passthrough"])
        )
    return search


def _check_size(image: Image, radius: int, sigma_range: tuple[float, float]) -> None:
    """Refuse an image that is too small, before every evaluation fails because of it.

    Raises
    ------
    ValueError
        In terms of what is expected, from which the sizes of atoms follow.
    """
    if min(image.shape) < radius:
        raise ValueError(
            f"an image of {image.shape[0]} x {image.shape[1]} px is too small for what is "
            f"expected: distances between atoms that allow sigmas up to {sigma_range[1]:.3g} px, "
            f"whose filters reach {radius} px. Check these distances, or give a larger image."
        )


def _search_in(
    finder: AtomFinder, image: Image, learnt: Learnt, denoisers: list[Any] | None
) -> MOBOSearchCV:
    """Search with some ways to denoise; None is the bare detector."""
    expected = searched(learnt.expectation)
    search = make_search(
        n_expected=expected.n_expected,
        uncertainty=expected.uncertainty,
        distance_sum=expected.distance_sum,
        sigma_range=expected.sigma_range,
        polarity=finder.polarity,
        mask=learnt.field,
        denoisers=denoisers,
        n_iter=finder.n_iter,
        n_jobs=finder.n_jobs,
        random_state=finder.random_state,
        callback=finder.callback,
    )
    _check_size(image, kernel_radius(largest_sigma(search)), expected.sigma_range)
    search.estimator.fit(image)
    with warnings.catch_warnings():
        # The verdict says so.
        warnings.filterwarnings("ignore", message="The search was interrupted")
        search.fit(image)
    return search
