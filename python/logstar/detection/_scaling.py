"""Intensities scaled so that a threshold means the same on every image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from logstar import _core
from logstar._runtime import INSTRUCTION_SET_VARIABLE
from logstar._validation import Image


class Scaled(NamedTuple):
    """An image, and the intensities that become 0 and 1 as the core reads it.

    No scaled copy of a large image is made. Of dark atoms the second intensity is the lower one;
    None leaves intensities as they are.
    """

    image: Image
    limits: tuple[float, float] | None


def scale_intensities(
    image: Image,
    polarity: str,
    intensity_range: tuple[float, float] | None,
    index: int,
    *,
    in_stack: bool = False,
    n_threads: int = 1,
) -> Scaled:
    """Find how intensities are to be scaled; dark atoms become bright ones.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    intensity_range : tuple of float or None
        Percentiles that become 0 and 1; None leaves intensities as they are.
    index : int
        Which image of a stack it is; stands in the error.
    in_stack : bool, default=False
        Whether it is one of a stack. A constant one then becomes 0, so that nothing is found in
        it: maps and series hold frames that were not recorded, which must not end the others.
    n_threads : int, default=1
        The result does not depend on it.

    Returns
    -------
    scaled : Scaled
        Rounded to the precision of the image.

    Raises
    ------
    ValueError
        For a constant image that stands alone.
    """
    if intensity_range is None:
        return Scaled(image, None if polarity == "bright" else (0.0, -1.0))
    low, high = limits_of(image, intensity_range, n_threads)
    if low == high and in_stack:
        return Scaled(np.zeros_like(image), None)
    if low == high:
        raise ValueError(
            f"image {index} is constant: every pixel is {image.flat[0]:g}; there is nothing "
            "to find."
        )
    return Scaled(image, (low, high) if polarity == "bright" else (high, low))


def limits_of(
    image: Image, percents: tuple[float, float], n_threads: int = 1
) -> tuple[float, float]:
    """Give the intensities that become 0 and 1; they are equal only if all pixels are."""
    values = _core.order_statistics(
        image,
        ranks_of(image.size, percents),
        n_threads,
        os.environ.get(INSTRUCTION_SET_VARIABLE),
    )
    low, high = between_ranks(values, image.size, percents)
    if low == high:
        # Only few pixels differ from the others, and the percentiles miss them.
        return float(image.min()), float(image.max())
    return low, high


def scaled_between(image: Image, polarity: str, limits: tuple[float, float] | None) -> Image:
    """Make 0 and 1 of two intensities; of dark atoms bright ones.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        An image, or a part of it.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    limits : tuple of float or None
        The two, of the whole image; None leaves intensities as they are.

    Returns
    -------
    scaled : ndarray of shape (n_rows, n_cols)
        In the precision of the image.
    """
    if limits is None:
        return image if polarity == "bright" else -image
    low, high = limits
    # Python floats leave the image's precision as it is. Divided in place, there is one copy.
    scaled = image - low if polarity == "bright" else high - image
    scaled /= high - low
    return scaled


def ranks_of(n_pixels: int, percents: Sequence[float]) -> list[int]:
    """Give the ranks of the pixels between which percentiles are, two for each, from 0."""
    return [int(place) + i for place in _places(n_pixels, percents) for i in (0, 1)]


def between_ranks(values: Sequence[float], n_pixels: int, percents: Sequence[float]) -> list[float]:
    """Compute percentiles as `numpy.percentile` does, of the intensities at `ranks_of` them."""
    places = _places(n_pixels, percents)
    return [
        below + (above - below) * (place - int(place))
        for below, above, place in zip(values[::2], values[1::2], places, strict=True)
    ]


def _places(n_pixels: int, percents: Sequence[float]) -> list[float]:
    return [(n_pixels - 1) * percent / 100 for percent in percents]
