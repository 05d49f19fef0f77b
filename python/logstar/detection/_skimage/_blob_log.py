"""A drop-in for scikit-image's Laplacian-of-Gaussian blob detection."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar import _core
from logstar._runtime import all_threads
from logstar._validation import as_array, as_image, looked_at_by_core
from logstar.detection._scale_space import check_scales, find_tables_of_parts
from logstar.exceptions import PairOrderWarning

from ._pair_order import MAX_PAIRS, TooManyPairsError, pairs_in_scipy_order

Sigma: TypeAlias = float | Sequence[float] | NDArray[Any]


def blob_log(
    image: ArrayLike,
    min_sigma: Sigma = 1,
    max_sigma: Sigma = 50,
    num_sigma: int = 10,
    threshold: float | None = 0.2,
    overlap: float = 0.5,
    log_scale: bool = False,
    *,
    threshold_rel: float | None = None,
    exclude_border: tuple[int, ...] | int | bool = False,
    prescale: str = "legacy",
) -> NDArray[np.floating[Any]]:
    """Find bright blobs in an image by the Laplacian of Gaussian.

    A drop-in for `skimage.feature.blob_log` of scikit-image 0.26 and 0.27: the same signature and,
    for 2-D images, the same values, order, type and shape, to the bit, in float64 as in float32.
    Images of other dimensions are handed over to scikit-image.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        Blobs are bright on a dark background; `prescale` says how intensities are scaled.
    min_sigma, max_sigma : float or sequence of 2 floats, default=1 and 50
        Ends of the ladder of standard deviations in pixels, both included; a sequence gives one
        for the rows' axis and one for the columns'.
    num_sigma : int, default=10
        Number of steps of the ladder.
    threshold : float or None, default=0.2
        Blobs have a response above it; None stands for the least response there is.
    overlap : float, default=0.5
        Of two blobs that share more than this fraction of the smaller one's area, one is
        removed: the one with the smaller sigma, of equal ones the brighter. A blob's radius is
        ``sqrt(2) * sigma``.
    log_scale : bool, default=False
        Whether the ladder is even in the logarithm of sigma.
    threshold_rel : float or None, default=None
        Least response as a fraction of the largest; the larger of the two thresholds counts.
    exclude_border : tuple of int, int or False, default=False
        Width in pixels of the frame whose blobs are left out; True is 1.
    prescale : {"legacy", "minmax", "none"}, default="legacy"
        "legacy" scales integers to [0, 1] (unsigned) or [-1, 1] (signed) by the range of their
        type and takes floats as they are, "minmax" scales every image to [0, 1] by its least and
        largest pixel, "none" takes integers as they are, too. In scikit-image since 0.27.

    Returns
    -------
    blobs : ndarray of shape (n, 3) or (n, 4)
        Row, column, sigma (two sigmas where `min_sigma` or `max_sigma` is a sequence), strongest
        response first.

    Raises
    ------
    ValueError
        For an image that is empty, complex, has masked pixels or holds NaN or infinite ones, a
        sigma that is negative, not finite or above 1e6, and an `exclude_border` or `prescale` of
        any other kind; for no scale or more than 100,000, and where responses overflow the
        image's precision. Scikit-image calculates on with such images and sigmas.
    MemoryError
        For more kernels or candidates than there is memory for.

    Warns
    -----
    PairOrderWarning
        Where more than 40 million pairs of blobs are within ``2 * sqrt(2)`` times the largest
        sigma of one another, which takes scikit-image minutes and gigabytes, and their order
        matters.

    Notes
    -----
    Scikit-image goes through pairs of blobs in the order of a set, and a blob removes others until
    it is removed itself, so that the order decides on some blobs in crowds. Where it does, the
    order is replayed; beyond 40 million pairs the larger blobs go first, which is one of the
    results that scikit-image's rule can have.

    A kernel that reaches beyond eight times the image's side and 1024 pixels is folded into the
    image, which reflection makes periodic: responses then equal scikit-image's up to the rounding
    of their sums, in a small part of its time.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import blob_log
    >>> rows, cols = np.indices((32, 32))
    >>> image = np.exp(-((rows - 12) ** 2 + (cols - 20) ** 2) / (2 * 3.0**2))
    >>> blob_log(image, max_sigma=5, num_sigma=9)
    array([[12., 20.,  3.]])
    """
    array = as_array(image, "image")
    if array.ndim != 2:
        return _by_scikit_image(
            _prescaled(array, prescale),
            min_sigma,
            max_sigma,
            num_sigma,
            threshold,
            overlap,
            log_scale,
            threshold_rel=threshold_rel,
            exclude_border=exclude_border,
        )
    pixels = as_image(_prescaled(array, prescale), look_at_pixels=False)
    sigmas, n_columns = _ladder(min_sigma, max_sigma, num_sigma, log_scale, pixels.dtype)
    border = _border(exclude_border)
    with looked_at_by_core(pixels):
        (table,) = find_tables_of_parts(
            pixels,
            sigmas,
            [(0, len(sigmas))],
            n_columns=n_columns,
            threshold=None if threshold is None else _limit(threshold, pixels.dtype),
            # The largest response may lie in the border.
            border=border if threshold_rel is None else (0, 0),
            n_threads=all_threads(),
        )
    if threshold_rel is not None and len(table) > 0:
        places, responses = table[:, :2], table[:, -1]
        share = threshold_rel * pixels.dtype.type(responses[0])
        inner = (places >= border) & (places < np.subtract(pixels.shape, border))
        table = table[(responses > _limit(share, pixels.dtype)) & inner.all(axis=1)]
    if len(table) == 0:
        return np.empty((0, 2 + n_columns))
    return _prune(np.ascontiguousarray(table[:, :-1], dtype=pixels.dtype), overlap)


def _by_scikit_image(
    image: NDArray[Any], *arguments: Any, threshold_rel: float | None, **options: Any
) -> NDArray[np.floating[Any]]:
    """What scikit-image gives, whichever function `skimage.feature.blob_log` stands for."""
    # From its own module, so that this function may be put in its place in `skimage.feature`.
    from skimage.feature.blob import blob_log as peer  # noqa: PLC0415 - heavy, and rarely needed

    if peer is blob_log:
        raise RuntimeError(
            "images of other than 2 dimensions are handed over to skimage.feature.blob.blob_log, "
            "but that is logstar.blob_log itself; replace skimage.feature.blob_log alone."
        )
    if threshold_rel is not None:
        # Its mere presence makes scikit-image 0.27 warn.
        options["threshold_rel"] = threshold_rel
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*threshold_rel.*", FutureWarning)
        result: NDArray[np.floating[Any]] = peer(image, *arguments, **options)
    return result


def _prescaled(array: NDArray[Any], prescale: str) -> NDArray[Any]:
    """Scale intensities as scikit-image does under this name."""
    dtype = array.dtype
    if dtype.kind == "c":
        raise ValueError(f"Cannot convert from {dtype} to float64.")
    if prescale == "minmax":
        return _between_0_and_1(array)
    if prescale not in ("legacy", "none"):
        raise ValueError(f'prescale must be "legacy", "minmax" or "none", got {prescale!r}.')
    if dtype.kind not in "uib":
        return array
    if prescale == "none" or dtype.kind == "b":
        return array.astype(np.float64)
    scaled = np.multiply(array, 1.0 / np.iinfo(dtype).max, dtype=np.float64)
    # The most negative integer lies a step beyond minus the largest.
    floats: NDArray[np.float64] = np.maximum(scaled, -1.0, out=scaled)
    return floats


def _between_0_and_1(array: NDArray[Any]) -> NDArray[Any]:
    if array.size == 0 or array.dtype.kind not in "uibf":
        # Refused where images are checked.
        return array
    is_short = array.dtype.kind == "f" and array.dtype.itemsize <= np.dtype(np.float32).itemsize
    scaled: NDArray[Any] = array.astype(np.float32 if is_short else np.float64)
    low, high = scaled.min(), scaled.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("image holds pixels that are NaN or infinite. Replace or crop them first.")
    if low == high:
        return np.zeros_like(scaled)
    with np.errstate(over="ignore"):
        is_too_wide = not np.isfinite(high - low)
    if is_too_wide:
        scaled, low, high = scaled / 2, low / 2, high / 2
    scaled -= low
    scaled /= high - low
    return scaled


def _ladder(
    min_sigma: Sigma,
    max_sigma: Sigma,
    num_sigma: SupportsIndex,
    log_scale: bool,
    dtype: np.dtype[Any],
) -> tuple[NDArray[np.floating[Any]], int]:
    """Build the ladder (n_scales, 2) and tell how many of its columns the result shows."""
    n_columns = 1 if np.isscalar(min_sigma) and np.isscalar(max_sigma) else 2
    low, high = (_pair(min_sigma, "min_sigma", dtype), _pair(max_sigma, "max_sigma", dtype))
    n_scales = operator.index(num_sigma)
    if n_scales < 1:
        raise ValueError(f"num_sigma must be at least 1, got {num_sigma!r}.")
    check_scales(n_scales, "num_sigma")
    if not log_scale:
        return np.linspace(low, high, num_sigma), n_columns
    if not (low > 0).all() or not (high > 0).all():
        raise ValueError(
            f"with log_scale, min_sigma and max_sigma must be above 0, got {min_sigma!r} and "
            f"{max_sigma!r}."
        )
    return np.logspace(np.log10(low), np.log10(high), num_sigma), n_columns


def _pair(sigma: Sigma, name: str, dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
    pair = np.full(2, sigma, dtype=dtype) if np.ndim(sigma) == 0 else np.asarray(sigma, dtype=dtype)
    if pair.shape != (2,):
        raise ValueError(f"{name} must be a number or 2 numbers, one per axis, got {sigma!r}.")
    if not (np.isfinite(pair) & (pair >= 0)).all():
        raise ValueError(f"{name} must be finite and not negative, got {sigma!r}.")
    return pair


def _limit(threshold: Any, dtype: np.dtype[Any]) -> float:
    """The double that a response is compared with.

    NumPy compares an array with a Python number in the array's precision, with a NumPy scalar in
    the wider one of the two.
    """
    if isinstance(threshold, (np.generic, np.ndarray)):
        return float(threshold)
    return float(dtype.type(threshold))


def _border(exclude_border: Any) -> tuple[int, int]:
    widths = exclude_border if isinstance(exclude_border, tuple) else (exclude_border,) * 2
    if len(widths) != 2:
        raise ValueError(
            "`exclude_border` should have the same length as the dimensionality of the image, 2; "
            f"got {exclude_border!r}."
        )
    for width in widths:
        if not isinstance(width, int) or width < 0:
            raise ValueError(
                "`exclude_border` must be False, an int that is not negative or a tuple of such, "
                f"got {exclude_border!r}."
            )
    return int(widths[0]), int(widths[1])


def _prune(blobs: NDArray[np.floating[Any]], overlap: float) -> NDArray[np.floating[Any]]:
    """Remove overlapping blobs by scikit-image's rule."""
    # Blobs without extent and a negative overlap reach rules that only the loop itself has.
    if overlap >= 0 and (blobs[:, 2:] > 0).all():
        survives, replayed = _core.prune_compatible(blobs, overlap, all_threads())
        if replayed.any():
            try:
                pairs = pairs_in_scipy_order(blobs, replayed)
            except TooManyPairsError as error:
                warnings.warn(
                    f"{len(blobs)} blobs make at least {error.n_pairs} pairs within reach of the "
                    f"largest sigma, and no more than {MAX_PAIRS} are gone through in "
                    f"scikit-image's order, which decides on up to {int(replayed.sum())} of the "
                    "blobs. The larger ones went first instead. Raise threshold or lower "
                    "max_sigma for its order.",
                    PairOrderWarning,
                    stacklevel=3,
                )
                return blobs[_core.prune_largest_first(blobs, overlap, all_threads())]
            survives[replayed] = _core.prune_in_order(blobs, pairs, overlap)[replayed]
        return blobs[survives]
    try:
        pairs = pairs_in_scipy_order(blobs)
    except TooManyPairsError as error:
        raise ValueError(
            f"a sigma of 0 or overlap={overlap!r} below 0 needs every pair of blobs, and the "
            f"{len(blobs)} above threshold make at least {error.n_pairs} within reach of the "
            f"largest sigma, more than the {MAX_PAIRS} allowed: raise threshold, min_sigma or "
            "overlap."
        ) from None
    if len(pairs) == 0:
        return blobs
    return blobs[_core.prune_in_order(blobs, pairs, overlap)]
