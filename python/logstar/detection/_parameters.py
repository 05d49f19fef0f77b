"""What the parameters of a detector may be, and the ladder of sigmas that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, Image, check_integer, check_real

from ._scale_space import check_scales, kernel_radius

_POLARITIES = ("bright", "dark")
#: A step that is missed by this share of itself is reached: `max_sigma` may be rounded.
_STEP_TOLERANCE = 1e-6


def check_parameters(detector: Any) -> None:
    """Check all parameters but `n_jobs`.

    Raises
    ------
    TypeError, ValueError
        For one that is refused; the message names it and what is allowed.
    """
    low = check_real(detector.min_sigma, name="min_sigma", low=0, low_included=False)
    high = check_real(detector.max_sigma, name="max_sigma", low=0, low_included=False)
    if low > high:
        raise ValueError(
            f"min_sigma must not exceed max_sigma, got min_sigma={detector.min_sigma!r} and "
            f"max_sigma={detector.max_sigma!r}."
        )
    check_integer(detector.num_sigma, name="num_sigma", low=1)
    if detector.sigma_step is not None:
        check_real(detector.sigma_step, name="sigma_step", low=0, low_included=False)
        if detector.log_scale:
            raise ValueError(
                "sigma_step is a difference of sigmas, and with log_scale=True their ratio is "
                f"constant: got sigma_step={detector.sigma_step!r}; leave one of them at its "
                "default, sigma_step=None or log_scale=False."
            )
    _check_threshold(detector.threshold)
    check_real(detector.overlap, name="overlap", low=0)
    if detector.exclude_border is not False:
        check_integer(detector.exclude_border, name="exclude_border", low=0)
    if detector.polarity not in _POLARITIES:
        raise ValueError(f"polarity must be one of {_POLARITIES}, got {detector.polarity!r}.")
    _check_intensity_range(detector.intensity_range)
    mask = mask_of(detector)
    if mask is not None and (mask.dtype != np.bool_ or mask.ndim != 2):
        raise ValueError(
            f"mask must be a 2-D array of booleans, got {mask.ndim}-D with dtype {mask.dtype}."
        )


def _check_threshold(threshold: Any) -> None:
    if np.ndim(threshold) == 0:
        check_real(threshold, name="threshold")
        return
    field = np.asarray(threshold)
    if field.ndim != 2 or field.dtype.kind not in "biuf" or not np.isfinite(field).all():
        raise ValueError(
            "threshold must be a number, or finite numbers in a 2-D array of the image's shape, "
            f"got an array of shape {field.shape} and type {field.dtype}."
        )


def least_threshold(detector: Any) -> float:
    """The least response that a detector's threshold lets pass anywhere."""
    return float(np.min(detector.threshold))


def one_threshold(detector: Any) -> float:
    """A detector's threshold where it has to be one.

    Raises
    ------
    ValueError
        If it is another at each pixel.
    """
    if np.ndim(detector.threshold) > 0:
        raise ValueError(
            "threshold is an array of another number at each pixel, and one number is needed here."
        )
    return float(detector.threshold)


def exceeds_threshold(detector: Any, table: FloatArray) -> NDArray[np.bool_]:
    """Tell which candidates (row, column, sigma, response) respond by more than the threshold."""
    threshold = np.asarray(detector.threshold)
    if threshold.ndim:
        threshold = threshold[table[:, 0].astype(np.intp), table[:, 1].astype(np.intp)]
    return np.asarray(table[:, 3] > threshold)


def _check_intensity_range(intensity_range: Any) -> None:
    if intensity_range is None:
        return
    try:
        low, high = intensity_range
    except (TypeError, ValueError):
        raise ValueError(
            f"intensity_range must be two percentiles or None, got {intensity_range!r}."
        ) from None
    check_real(low, name="intensity_range[0]", low=0, high=100)
    check_real(high, name="intensity_range[1]", low=0, high=100)
    if low >= high:
        raise ValueError(f"intensity_range must rise, got {intensity_range!r}.")


def check_sizes(detector: Any, images: Sequence[Image]) -> None:
    """Check that the largest kernel fits into the images, and that they have the mask's shape.

    Raises
    ------
    ValueError
        If it does not, or they have not.
    """
    radius = kernel_radius(detector.max_sigma)
    mask = mask_of(detector)
    for index, image in enumerate(images):
        if mask is not None and mask.shape != image.shape:
            raise ValueError(
                f"mask has shape {mask.shape}, image {index} {image.shape}; set another mask, or "
                "None to look everywhere."
            )
        if np.ndim(detector.threshold) > 0 and np.shape(detector.threshold) != image.shape:
            raise ValueError(
                f"threshold has shape {np.shape(detector.threshold)}, image {index} {image.shape}; "
                "set another array, or one number."
            )
        if min(image.shape) < radius:
            raise ValueError(
                f"image {index} of {image.shape[0]} x {image.shape[1]} pixels is smaller than "
                f"the reach of the largest kernel: max_sigma={detector.max_sigma!r} reaches "
                f"{radius} pixels. Use a smaller max_sigma or a larger image."
            )


def ladder_of(detector: Any) -> FloatArray:
    """Sigmas of the ladder, in pixels, once the parameters are checked."""
    low, high = float(detector.min_sigma), float(detector.max_sigma)
    if detector.sigma_step is not None:
        step = float(detector.sigma_step)
        n_steps = int((high - low) / step + _STEP_TOLERANCE)
        check_scales(n_steps + 1, "sigma_step")
        # Each from the lower end, not from the one before: where ends and step are multiples of a
        # power of two, every sigma is exact, and ladders with a common grid have equal bits.
        ladder: FloatArray = np.minimum(low + step * np.arange(n_steps + 1), high)
    else:
        check_scales(int(detector.num_sigma), "num_sigma")
        spaced = np.geomspace if detector.log_scale else np.linspace
        ladder = spaced(low, high, int(detector.num_sigma))
    return ladder


def mask_of(detector: Any) -> NDArray[Any] | None:
    """Where to look, as an array."""
    return None if detector.mask is None else np.asarray(detector.mask)


def scaling_of(detector: Any) -> tuple[str, tuple[float, float] | None]:
    """How to scale intensities."""
    if detector.intensity_range is None:
        return detector.polarity, None
    low, high = detector.intensity_range
    return detector.polarity, (float(low), float(high))
