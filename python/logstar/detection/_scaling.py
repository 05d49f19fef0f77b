"""Intensities scaled so that a threshold means the same on every image."""

from __future__ import annotations

import numpy as np

from logstar import _core
from logstar._validation import Image


def scale_intensities(
    image: Image,
    polarity: str,
    intensity_range: tuple[float, float] | None,
    index: int,
    *,
    in_stack: bool = False,
) -> Image:
    """Scale intensities; dark atoms become bright ones.

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

    Returns
    -------
    scaled : ndarray of shape (n_rows, n_cols)
        In the precision of the image.

    Raises
    ------
    ValueError
        For a constant image that stands alone.
    """
    if intensity_range is None:
        return image if polarity == "bright" else -image
    low, high = _percentiles(image, intensity_range)
    if low == high:
        # Only few pixels differ from the others, and the percentiles miss them.
        low, high = float(image.min()), float(image.max())
    if low == high and in_stack:
        return np.zeros_like(image)
    if low == high:
        raise ValueError(
            f"image {index} is constant: every pixel is {image.flat[0]!r}; there is nothing "
            "to find."
        )
    # Python floats leave the image's precision as it is. Divided in place, there is one copy.
    scaled = image - low if polarity == "bright" else high - image
    scaled /= high - low
    return scaled


def _percentiles(image: Image, percents: tuple[float, float]) -> tuple[float, float]:
    """Compute two percentiles as `numpy.percentile` does, between the nearest ranks."""
    places = [(image.size - 1) * percent / 100 for percent in percents]
    ranks = [int(place) for place in places]
    values = _core.order_statistics(image, [rank + i for rank in ranks for i in (0, 1)])
    low, high = (
        below + (above - below) * (place - rank)
        for below, above, place, rank in zip(values[::2], values[1::2], places, ranks, strict=True)
    )
    return low, high
