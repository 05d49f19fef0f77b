"""A detector of what stands out of noise, for single atoms and wherever no lattice is known."""

from __future__ import annotations

import warnings
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, as_image, as_image_list, check_integer, check_real
from logstar.exceptions import NoAtomsWarning

from ._candidates import ScaleSpaceCandidates
from ._significance import SignificanceMap, estimate_atom_size


class SignificanceDetector(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Find what noise does not explain, or the strongest of it where a number is told.

    Candidates are taken in the order of their strength: the response by what noise responds around
    it. Neither a lattice nor a threshold of intensity is needed.

    Parameters
    ----------
    atom_size : float, default=None
        Sigma of atoms in pixels, right within a third. None estimates it from the image.
    n_atoms : int, default=None
        Number of atoms. None takes what is significant.
    false_alarms : float, default=1.0
        Where no number is told, how many false atoms are expected per million pixels.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look; None is everywhere.

    Attributes
    ----------
    atom_size_ : float
        The size that is used, in pixels.
    threshold_ : float
        The strength that atoms exceed in the image that was fitted to: that of the rate of false
        atoms, or between that of the last atom and the next candidate.
    plateau_ : tuple of two float
        Strengths between which the number of atoms is the same there.
    contrast_ : float
        How far the strong maxima together exceed those of noise, in standard deviations; by this
        sizes can be compared.

    See Also
    --------
    LoGStarDetector : Needs a threshold, and finds crystals.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection import SignificanceDetector
    >>> image = np.random.default_rng(0).normal(0, 1, (128, 128))
    >>> image[60:66, 40:46] += 3
    >>> SignificanceDetector(atom_size=2.0).fit_predict(image)[:, :2]
    array([[63., 43.]])
    """

    def __init__(
        self,
        atom_size: float | None = None,
        *,
        n_atoms: int | None = None,
        false_alarms: float = 1.0,
        polarity: Literal["bright", "dark"] = "bright",
        mask: ArrayLike | None = None,
    ) -> None:
        self.atom_size = atom_size
        self.n_atoms = n_atoms
        self.false_alarms = false_alarms
        self.polarity = polarity
        self.mask = mask

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Check the parameters, and measure one image.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        y : object, default=None
            Ignored: nothing is learnt from positions.

        Returns
        -------
        self : SignificanceDetector
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or an image that cannot be.
        """
        self._check_parameters()
        image = as_image(X)
        self.atom_size_ = (
            estimate_atom_size(image, polarity=self.polarity, mask=self._field())
            if self.atom_size is None
            else float(self.atom_size)
        )
        found = self._map(image, self.atom_size_)
        self.contrast_ = found.contrast
        strengths = found.maxima()[:, 3]
        if self.n_atoms is None:
            self.threshold_ = found.threshold(self.false_alarms)
            n = int(np.searchsorted(-strengths, -self.threshold_))
        else:
            n = min(self.n_atoms, len(strengths))
        # Below the weakest candidate there is nothing, above the strongest everything.
        ends = np.concatenate([[np.inf], strengths, [0.0]])
        high, low = float(ends[n]), float(ends[n + 1])
        if self.n_atoms is not None:
            self.threshold_ = (high + low) / 2 if n else low
        self.plateau_ = (low, high)
        return self

    def detect(self, X: ArrayLike) -> FloatArray | list[FloatArray]:
        """Find atoms and how strong they are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 4), or list of such for a stack
            Row, column, sigma in pixels, and strength; strongest first.

        Raises
        ------
        TypeError, ValueError
            For images that are none.

        Warns
        -----
        NoAtomsWarning
            If an image has no atom.
        """
        check_is_fitted(self)
        images, is_stack = as_image_list(X)
        found = [self._detect(image, index) for index, image in enumerate(images)]
        return found if is_stack else found[0]

    def predict(self, X: ArrayLike) -> FloatArray | list[FloatArray]:
        """Find atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of such for a stack
            Row, column and sigma in pixels, the strongest first; see `detect`.
        """
        found = self.detect(X)
        if isinstance(found, list):
            return [detections[:, :3] for detections in found]
        return found[:, :3]

    def fit_predict(self, X: ArrayLike, y: object = None) -> FloatArray | list[FloatArray]:
        """Fit to an image and find its atoms; see `fit` and `predict`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        y : object, default=None
            Ignored.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3)
            Row, column and sigma in pixels, the strongest first.
        """
        return self.fit(X, y).predict(X)

    def find_candidates(self, X: ArrayLike, threshold: float) -> ScaleSpaceCandidates:
        """Find everything in one image that is stronger than a threshold.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        threshold : float
            The least strength of interest.

        Returns
        -------
        candidates : ScaleSpaceCandidates
            With strengths for responses. Of two that were too close the stronger was kept: to be
            asked with an overlap of 1.

        Raises
        ------
        TypeError, ValueError
            For parameters that `fit` refuses, and an image that is none.
        """
        self._check_parameters()
        image = as_image(X)
        size = getattr(self, "atom_size_", self.atom_size)
        if size is None:
            size = estimate_atom_size(image, polarity=self.polarity, mask=self._field())
        table = self._map(image, size).maxima()[:, :4]
        return ScaleSpaceCandidates(table[table[:, 3] > threshold], threshold=threshold)

    def _check_parameters(self) -> None:
        if self.atom_size is not None:
            check_real(self.atom_size, name="atom_size", low=0, low_included=False)
        if self.n_atoms is not None:
            check_integer(self.n_atoms, name="n_atoms", low=1)
        check_real(self.false_alarms, name="false_alarms", low=0, low_included=False)
        if self.polarity not in ("bright", "dark"):
            raise ValueError(f"polarity must be 'bright' or 'dark', got {self.polarity!r}.")

    def _field(self) -> NDArray[np.bool_] | None:
        return None if self.mask is None else np.asarray(self.mask, dtype=bool)

    def _map(self, image: ArrayLike, size: float) -> SignificanceMap:
        return SignificanceMap.of(image, size=size, polarity=self.polarity, mask=self._field())

    def _detect(self, image: ArrayLike, index: int) -> FloatArray:
        found = self._map(image, self.atom_size_)
        table = found.maxima()[:, :4]
        if self.n_atoms is not None:
            table = table[: self.n_atoms]
        else:
            table = table[table[:, 3] > found.threshold(self.false_alarms)]
        if len(table) == 0:
            why = "it has no maximum where atoms can be"
            if self.n_atoms is None:
                why = (
                    f"nothing stands out of noise at {self.false_alarms:g} false atoms per million "
                    "pixels"
                )
            warnings.warn(
                f"no atom found in image {index}: {why}.",
                NoAtomsWarning,
                stacklevel=3,
            )
        return table
