"""What all transformers of images share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from logstar._validation import Image, as_image_list

if TYPE_CHECKING:
    from sklearn.utils import Tags


class ImageTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Base of estimators that turn each image into another of the same shape.

    Images are computed in float32 where that holds their values (float32, at most 16-bit
    integers), else in float64, and come back in that precision. The input is never modified.
    """

    #: Whether `fit` learns something that `transform` needs.
    _learns = False

    def fit(self, X: ArrayLike | Sequence[ArrayLike], y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Check parameters and images, and learn what there is to learn.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            Itself, fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or an image that cannot be; the message names it and what is allowed.
        """
        self._check_parameters()
        images, _ = as_image_list(X)
        self._fit_images(images)
        return self

    def transform(
        self, X: ArrayLike | Sequence[ArrayLike]
    ) -> NDArray[np.floating[Any]] | list[Image]:
        """Transform each image.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        images : ndarray of the shape of `X`, or list of ndarray for a list
            float32 or float64, in units of the input's intensities unless told otherwise.

        Raises
        ------
        TypeError, ValueError
            For images that are none, or do not fit the parameters.
        """
        if self._learns:
            check_is_fitted(self)
        else:
            self._check_parameters()
        images, is_stack = as_image_list(X)
        results = [self._transform_image(image) for image in images]
        if not is_stack:
            return results[0]
        return results if isinstance(X, (list, tuple)) else np.stack(results)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = self._learns
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _fit_images(self, images: list[Image]) -> None:
        """Learn from checked images; most transformers have nothing to learn."""

    @abstractmethod
    def _check_parameters(self) -> None:
        """Raise for a parameter that cannot be."""

    @abstractmethod
    def _transform_image(self, image: Image) -> Image:
        """Transform one checked image."""


def in_precision_of(image: Image, result: NDArray[Any]) -> Image:
    """Bring a result to the precision that the image is computed in."""
    if image.dtype == np.float32:
        return np.asarray(result, dtype=np.float32)
    return np.asarray(result, dtype=np.float64)
