"""Atom detection by the Laplacian of Gaussian."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from logstar._estimator import KeptParameterNames
from logstar._runtime import in_order, threads_of
from logstar._sweeping import Front, Interval
from logstar._validation import (
    FloatArray,
    Image,
    Images,
    OneImage,
    Stack,
    as_image_list,
    check_real,
    looked_at_by_core,
)
from logstar.exceptions import NoAtomsWarning
from logstar.metrics import detection_metrics

from . import ScaleSpaceCandidates
from ._criteria import Criteria
from ._parameters import (
    check_parameters,
    check_sizes,
    exceeds_threshold,
    ladder_of,
    least_threshold,
    scaling_of,
)
from ._scaling import Scaled, scale_intensities
from ._skimage._blob_log import blob_log
from ._sweep_plan import SweepPlan, bounds_of
from ._tables import CandidateTest, candidate_tables, pruned, scaled_images, threads_for

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["LoGStarDetector", "blob_log"]

Detections: TypeAlias = FloatArray | list[FloatArray]


class LoGStarDetector(KeptParameterNames, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Find atoms as maxima of the Laplacian-of-Gaussian scale space.

    The image is scaled to [0, 1], filtered by the Laplacian of Gaussian at each sigma of a
    ladder, and every maximum over (row, column, sigma) whose response exceeds `threshold` is a
    candidate. Where candidates overlap by more than `overlap`, the larger sigma keeps the place,
    then the larger response, then the lower row, then the lower column; only a kept candidate
    removes others.

    The parameters are the five of Barakati et al. (Digital Discovery 2024, 3, 2061), there called
    LoG*; `MOBOSearchCV` tunes them on rewards.

    Parameters
    ----------
    min_sigma, max_sigma : float, default=1.0 and 6.0
        Ends of the ladder of standard deviations, in pixels, both included. A Gaussian atom
        responds most at its own sigma.
    num_sigma : int, default=10
        Number of steps of the ladder; not used if there is a `sigma_step`.
    threshold : float or array-like of shape (n_rows, n_cols), default=0.05
        Least response; as an array that at each pixel. With intensities scaled to [0, 1], a
        Gaussian atom of height h responds with h / 2.
    overlap : float, default=0.5
        Greatest share of the smaller one's area that two atoms may have in common, where an
        atom's radius is ``sqrt(2) * sigma``.
    log_scale : bool, default=False
        Whether the ladder is even in the logarithm of sigma; not together with `sigma_step`.
    sigma_step : float, default=None
        Distance from one sigma of the ladder to the next, in pixels, above 0. The ladder then goes
        from `min_sigma` up in whole steps, and ends with the last that does not pass `max_sigma`
        (which belongs to it if it is a whole number of steps away, up to rounding). Ladders with
        the same step and ends on one grid have sigmas in common, and `sweep` filters with these
        only once. With None the ladder has `num_sigma` steps.
    exclude_border : int or False, default=1
        Width in pixels of the frame whose atoms are left out. The tail of an atom beyond the edge
        makes a maximum in the outermost row or column, so by default these are the frame; atoms
        inside the image but within half a pixel of its edge are lost with them.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings (HAADF) or darker (ABF).
    intensity_range : tuple of float or None, default=(0.1, 99.9)
        Percentiles of each image that become 0 and 1, so that a threshold means the same on every
        image; nothing is clipped. None takes intensities as they are.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look: maxima elsewhere are no candidates. None is everywhere.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.

    Attributes
    ----------
    sigmas_ : ndarray of shape (n_sigmas,)
        The ladder, in pixels.

    See Also
    --------
    logstar.blob_log : The bare function, equal to scikit-image's.
    logstar.model_selection.MOBOSearchCV : Tunes the parameters on rewards.

    Notes
    -----
    Computation is in float32 for images of float32 or at most 16-bit integers, else in float64.

    Examples
    --------
    >>> from logstar import Lattice, LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> lattice = Lattice.perovskite(a=3.905, pixel_size=0.2)
    >>> scene = make_scene(lattice, shape=(64, 64), origin=(5, 5), random_state=0)
    >>> atoms = LoGStarDetector(threshold=0.02).fit_predict(scene.image)
    >>> atoms.shape == (len(scene.positions), 3)
    True
    """

    def __init__(
        self,
        min_sigma: float = 1.0,
        max_sigma: float = 6.0,
        num_sigma: int = 10,
        threshold: float | ArrayLike = 0.05,
        overlap: float = 0.5,
        *,
        log_scale: bool = False,
        sigma_step: float | None = None,
        exclude_border: int | Literal[False] = 1,
        polarity: Literal["bright", "dark"] = "bright",
        intensity_range: tuple[float, float] | None = (0.1, 99.9),
        mask: ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.min_sigma = min_sigma
        self.max_sigma = max_sigma
        self.num_sigma = num_sigma
        self.threshold = threshold
        self.overlap = overlap
        self.log_scale = log_scale
        self.sigma_step = sigma_step
        self.exclude_border = exclude_border
        self.polarity = polarity
        self.intensity_range = intensity_range
        self.mask = mask
        self.n_jobs = n_jobs

    def fit(self, X: Images, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Check the parameters and the images, and set up the ladder of sigmas.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored: nothing is learnt from positions.

        Returns
        -------
        self : LoGStarDetector
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or an image that cannot be; the message names it and what is allowed.
        """
        check_parameters(self)
        images, _ = as_image_list(X)
        check_sizes(self, images)
        self.sigmas_ = ladder_of(self)
        return self

    @overload
    def detect(self, X: OneImage, *, keep: CandidateTest | None = None) -> FloatArray: ...

    @overload
    def detect(self, X: Stack, *, keep: CandidateTest | None = None) -> list[FloatArray]: ...

    @overload
    def detect(self, X: Images, *, keep: CandidateTest | None = None) -> Detections: ...

    def detect(self, X: Images, *, keep: CandidateTest | None = None) -> Detections:
        """Find atoms and how strongly they respond.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        keep : callable, default=None
            Called with a table of candidates (row, column, sigma, response) and the index of the
            image; returns a mask of the candidates that may be atoms. With None all may.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 4), or list of arrays for a stack
            Row, column, sigma in pixels, and response; strongest first. Without any atom, a
            table without rows, and a warning.

        Raises
        ------
        TypeError, ValueError
            For what is no image, for an image smaller than the largest kernel, and for one that is
            constant. (A constant image of a stack is no error; it has no atom.)

        Warns
        -----
        NoAtomsWarning
            If an image has no atom.
        """
        check_is_fitted(self)
        images, is_stack = as_image_list(X, look_at_pixels=False)
        check_sizes(self, images)
        n_at_once, n_own = threads_for(images, threads_of(self.n_jobs))
        find = partial(self._find, images, is_stack=is_stack, keep=keep, n_threads=n_own)
        found = []
        for index, table in enumerate(in_order(find, range(len(images)), n_at_once)):
            found.append(table if keep is None else self._tested(table, index, keep))
            if len(found[-1]) == 0:
                self._warn_of_none(images[index], index, keep)
        return found if is_stack else found[0]

    @overload
    def predict(self, X: OneImage) -> FloatArray: ...

    @overload
    def predict(self, X: Stack) -> list[FloatArray]: ...

    @overload
    def predict(self, X: Images) -> Detections: ...

    def predict(self, X: Images) -> Detections:
        """Find atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of arrays for a stack
            Row, column and sigma in pixels, the strongest response first; see `detect`.
        """
        found = self.detect(X)
        if isinstance(found, list):
            return [detections[:, :3] for detections in found]
        return found[:, :3]

    @overload
    def fit_predict(self, X: OneImage, y: object = None) -> FloatArray: ...

    @overload
    def fit_predict(self, X: Stack, y: object = None) -> list[FloatArray]: ...

    @overload
    def fit_predict(self, X: Images, y: object = None) -> Detections: ...

    def fit_predict(self, X: Images, y: object = None) -> Detections:
        """Fit to `X` and find its atoms; see `fit` and `predict`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of arrays for a stack
            Row, column and sigma in pixels, the strongest response first.
        """
        return self.fit(X, y).predict(X)

    def sweep(
        self,
        X: Images,
        y: Any = None,
        *,
        settings: Sequence[Mapping[str, Any]],
        ranges: Mapping[str, Interval],
        scorers: Mapping[str, Any],
    ) -> Iterator[Front]:
        """Find the exact Pareto fronts over threshold and overlap for settings of the others.

        Maxima of the scale space do not depend on these two: they are found once, and every
        distinct outcome follows from them. What settings share is computed once: the scaled image
        and, of ladders that are contiguous parts of one, the scale space; a common `sigma_step`
        makes them such. Small images are swept with several settings at a time. `MOBOSearchCV`
        calls this for the parameters named in its `sweep`; see
        `logstar.model_selection.protocols`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : positions or count, or a sequence of them for a stack; default=None
            As the scorers take it.
        settings : sequence of mapping
            Values of other parameters; this detector's own hold where a setting names none.
        ranges : mapping of str to Interval
            Bounds for "threshold" and "overlap".
        scorers : mapping of str to reward
            One `logstar.rewards.QualityCount`, one `logstar.rewards.ErrorRate` and, if wanted, one
            `logstar.rewards.CountStability`.

        Returns
        -------
        fronts : iterator of Front
            One for each of `settings`. Thresholds and overlaps are in the middle of the intervals
            over which their outcome is the same. Details of one image are the number of atoms,
            "n_atoms", and the thresholds between which it is the same within 0.2 %:
            "plateau_low", "plateau_high". For a stack the settings of a grid are compared.

        Raises
        ------
        TypeError, ValueError
            At once, for other parameters or other scorers. For whatever `fit` and `detect` refuse,
            when the front of the setting at fault is asked for.
        """
        images, is_stack = as_image_list(X)
        references = y if y is None or is_stack else [y]
        criteria = Criteria.of(scorers, images, references)
        return SweepPlan(self, images, settings, criteria, bounds_of(ranges)).fronts()

    def find_candidates(self, X: ArrayLike, threshold: float) -> ScaleSpaceCandidates:
        """Find the candidates of one image, which answer at any threshold and overlap.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        threshold : float
            The least threshold of interest.

        Returns
        -------
        candidates : ScaleSpaceCandidates
            With this detector's ladder, scaling and border; its `threshold` and `overlap` play no
            part.

        Raises
        ------
        TypeError, ValueError
            For parameters and images that `fit` refuses, and for a stack.
        """
        check_parameters(self)
        images, is_stack = as_image_list(X)
        if is_stack:
            raise ValueError("X must be one image, got a stack; find the candidates of each.")
        check_sizes(self, images)
        least = check_real(threshold, name="threshold")
        n_threads = threads_of(self.n_jobs)
        (scaled,) = scaled_images(images, scaling_of(self), n_threads=n_threads)
        table = self._table(scaled, ladder_of(self), least, n_threads)
        return ScaleSpaceCandidates(table, threshold=least, n_jobs=n_threads)

    def score(self, X: Images, y: Any = None) -> float:
        """F1 of the atoms found against reference positions, averaged over images.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : array-like of shape (n_atoms, >=2), or list of arrays for a stack
            Reference positions (row, col) in pixels. A found atom counts within a quarter of
            their median nearest distance.

        Returns
        -------
        f1 : float
            Between 0 and 1.

        Raises
        ------
        ValueError
            Without `y`: rewards need no reference, see `logstar.rewards`.
        """
        return mean_f1(self.predict, X, y)

    def _table(
        self, scaled: Scaled, ladder: FloatArray, threshold: float, n_threads: int
    ) -> FloatArray:
        (table,) = candidate_tables(self, scaled, ladder, [(0, len(ladder))], threshold, n_threads)
        return table

    def _find(
        self,
        images: Sequence[Image],
        index: int,
        *,
        is_stack: bool,
        keep: CandidateTest | None,
        n_threads: int,
    ) -> FloatArray:
        """Find the atoms of one image; the candidates, if there is a test that they have to pass.

        That test belongs to the thread of the caller: nothing says that it may run in several.
        """
        image, scaling = images[index], scaling_of(self)
        with looked_at_by_core(image, name="X"):
            scaled = scale_intensities(
                image, *scaling, index, in_stack=is_stack, n_threads=n_threads
            )
            table = self._table(scaled, self.sigmas_, least_threshold(self), n_threads)
        if np.ndim(self.threshold) > 0:
            table = table[exceeds_threshold(self, table)]
        return table if keep is not None else pruned(table, float(self.overlap), n_threads)

    def _tested(self, table: FloatArray, index: int, keep: CandidateTest) -> FloatArray:
        kept = table[keep(table, index)]
        return pruned(kept, float(self.overlap), threads_of(self.n_jobs))

    def _warn_of_none(self, image: Image, index: int, keep: CandidateTest | None) -> None:
        test = "" if keep is None else " and passes the test"
        why = f"no response exceeds threshold={least_threshold(self)!r}{test}"
        if image.min() == image.max():
            why = "it is constant"
        warnings.warn(f"no atom found in image {index}: {why}.", NoAtomsWarning, stacklevel=3)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def mean_f1(predict: Callable[[Any], Any], X: Images, y: Any) -> float:
    """F1 of what `predict` finds against reference positions, averaged over images."""
    if y is None:
        raise ValueError(
            "score compares with reference positions, but y is None; without a reference use "
            "the rewards of logstar.rewards as scoring."
        )
    found = predict(X)
    pairs = zip(found, y, strict=True) if isinstance(found, list) else [(found, y)]
    return float(np.mean([detection_metrics(atoms, true).f1 for atoms, true in pairs]))
