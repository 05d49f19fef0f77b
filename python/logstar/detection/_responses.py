"""Responses of an image to filters at each of its pixels, and averages over wide surroundings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from logstar import _core
from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image

from ._scale_space import half_kernels, kernel_radius

#: What rounding may leave of a response of 0, by the largest intensity.
_ROUNDING = {"float64": 1e-13, "float32": 1e-6}
#: A wide Gaussian is computed on means of blocks with this share of its sigma. It is linear between
#: their middles, which is off by at most 1 / 512 of what the average bends by within a sigma.
_BLOCK = 1 / 8
#: Pixels that are worked on together, so that they stay in the processor's cache.
_BATCH = 2**16


def laplacians(pixels: Image, sigmas: Sequence[float] | FloatArray) -> Iterator[Any]:
    """Yield minus the Laplacian of Gaussian times the square of sigma, one sigma after the other.

    Under the boundary that SciPy calls "reflect" a symmetric kernel multiplies each coefficient of
    the image's cosine transform by a number. That takes as long for every sigma, and one transform
    of the image serves them all.

    Parameters
    ----------
    pixels : ndarray of shape (n_rows, n_cols), float32 or float64
        The image.
    sigmas : sequence of float
        Standard deviations in pixels.

    Yields
    ------
    response : ndarray of shape (n_rows, n_cols)
        In the precision of the image: as by ``scipy.ndimage.gaussian_laplace``, but for rounding,
        some 1e-15 of the largest intensity, in single precision 1e-7. What rounding may have made
        of 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection._responses import laplacians
    >>> point = np.zeros((32, 32))
    >>> point[16, 16] = 1.0
    >>> (response,) = laplacians(point, [2.0])
    >>> round(float(response.max()), 4), bool(response[16, 16] == response.max())
    (0.0796, True)
    """
    radius = max(kernel_radius(float(sigma)) for sigma in sigmas)
    lengths = [_transformed_length(size, radius) for size in pixels.shape]
    spectrum = fft.dctn(pixels if tuple(lengths) == pixels.shape else _extended(pixels, lengths))
    least = _ROUNDING[pixels.dtype.name] * max(float(pixels.max()), -float(pixels.min()))
    for place, sigma in enumerate(sigmas):
        down, along = (
            [_multipliers(kernel, length) for kernel in half_kernels(np.float64(sigma))]
            for length in lengths
        )
        # Nobody needs the image's spectrum after the last sigma.
        filtered = spectrum if place == len(sigmas) - 1 else np.empty_like(spectrum)
        _times_kernel(spectrum, [-(sigma**2) * each for each in down], along, filtered)
        response = fft.idctn(filtered, overwrite_x=True)[: pixels.shape[0], : pixels.shape[1]]
        for rows in bands(response.shape):
            part = response[rows]
            part[np.abs(part) < least] = 0
        yield np.ascontiguousarray(response)


def _times_kernel(
    spectrum: NDArray[Any],
    down: Sequence[FloatArray],
    along: Sequence[FloatArray],
    out: NDArray[Any],
) -> None:
    """Write what is left of a spectrum behind a smoothed second derivative along either axis."""
    smooth_down, second_down = (each.astype(spectrum.dtype)[:, None] for each in down)
    smooth_along, second_along = (each.astype(spectrum.dtype) for each in along)
    for rows in bands(spectrum.shape):
        kernel = second_down[rows] * smooth_along
        kernel += smooth_down[rows] * second_along
        np.multiply(kernel, spectrum[rows], out=out[rows])


def _transformed_length(size: int, radius: int) -> int:
    """Length of a transform along an axis: that of the image, or a longer one that is quicker."""
    if fft.next_fast_len(size, real=True) == size:
        return size
    # What is added beyond the end repeats the image mirrored as far as the kernel reaches.
    return fft.next_fast_len(size + radius, real=True)


def _extended(pixels: Image, lengths: Sequence[int]) -> NDArray[Any]:
    more = [(0, length - size) for length, size in zip(lengths, pixels.shape, strict=True)]
    return np.pad(pixels, more, mode="symmetric")


def _multipliers(half_kernel: FloatArray, length: int) -> FloatArray:
    """What a symmetric kernel makes of each of the cosines."""
    reach = np.arange(len(half_kernel) - 1, 0, -1)
    angles = np.pi / length * np.outer(np.arange(length), reach)
    return np.asarray(half_kernel[-1] + 2 * np.cos(angles) @ half_kernel[:-1])


def is_maximum(values: Image) -> NDArray[np.bool_]:
    """Tell which pixels are as high as the highest of the eight around them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_cols)
        Any numbers.

    Returns
    -------
    is_maximum : ndarray of shape (n_rows, n_cols), bool
        Beyond the edge there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection._responses import is_maximum
    >>> is_maximum(np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]]))
    array([[False, False, False],
           [ True, False, False]])
    """
    is_highest = np.empty(values.shape, dtype=np.bool_)
    for rows in bands(values.shape):
        own = values[rows]
        down = own.copy()
        above, below = values[max(rows.start - 1, 0) : rows.stop - 1], values[rows.start + 1 :]
        np.maximum(down[len(own) - len(above) :], above, out=down[len(own) - len(above) :])
        below = below[: len(own)]
        np.maximum(down[: len(below)], below, out=down[: len(below)])
        highest = down.copy()
        np.maximum(highest[:, 1:], down[:, :-1], out=highest[:, 1:])
        np.maximum(highest[:, :-1], down[:, 1:], out=highest[:, :-1])
        np.equal(own, highest, out=is_highest[rows])
    return is_highest


def bands(shape: tuple[int, ...]) -> list[slice]:
    """Slices of rows of an image that fit into the processor's cache."""
    n_rows = max(1, _BATCH // shape[1])
    return [slice(start, min(start + n_rows, shape[0])) for start in range(0, shape[0], n_rows)]


def apart(
    places: NDArray[np.intp] | NDArray[np.int64], values: FloatArray, distance: float
) -> NDArray[np.bool_]:
    """Tell which places are kept if of two that are too close the one of less value is not.

    Parameters
    ----------
    places : ndarray of shape (n, 2)
        Row and column.
    values : ndarray of shape (n,)
        What they are worth.
    distance : float
        Places that are closer than this are too close. One that is not kept is in nobody's way.

    Returns
    -------
    is_kept : ndarray of shape (n,), bool

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection._responses import apart
    >>> apart(np.array([[0, 0], [0, 3], [0, 6]]), np.array([3.0, 2.0, 1.0]), 4.0)
    array([ True, False,  True])
    """
    # Discs with half that distance as radius overlap where their middles are closer.
    sigmas = np.full((len(places), 2), distance / (2 * math.sqrt(2)))
    discs = np.column_stack([places, sigmas]).astype(np.float64)
    return _core.prune_by_scale(discs, values, 0.0, threads_of(None))


class WideAverage:
    """Averages over a wide Gaussian, computed on blocks of pixels and linear between their middles.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    sigma : float
        Of the Gaussian, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection._responses import WideAverage
    >>> values = np.tile(np.arange(64.0), (48, 1))
    >>> average = WideAverage(values.shape, 16.0)
    >>> float(average.at_pixels(average.on_blocks(values))[20, 32].round(2))
    32.0
    """

    def __init__(self, shape: tuple[int, ...], sigma: float) -> None:
        self.shape = shape
        self.sigma = sigma
        self.block = max(1, int(_BLOCK * sigma))

    def on_blocks(
        self,
        values: Image | NDArray[np.bool_],
        of: Callable[[Any], NDArray[Any]] | None = None,
    ) -> FloatArray:
        """Average numbers of all pixels.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_cols), float64, float32 or bool
            The numbers.
        of : callable, default=None
            What to average instead, pixel by pixel: it is given some rows at a time, so that no
            more of it than these is ever held.

        Returns
        -------
        averages : ndarray of shape (n_blocks_down, n_blocks_along)
            In the middle of each block.
        """
        means = np.empty([-(-size // self.block) for size in self.shape])
        n_rows = max(1, _BATCH // (self.shape[1] * self.block)) * self.block
        # The last rows are mirrored at the end, so they are not to be fewer than a block has.
        starts = range(0, max(self.shape[0] - self.block, 0) + 1, n_rows)
        for start, stop in zip(starts, [*starts[1:], self.shape[0]], strict=True):
            part = values[start:stop] if of is None else of(values[start:stop])
            means[start // self.block : -(-stop // self.block)] = self._means(part)
        return np.asarray(ndimage.gaussian_filter(means, self.sigma / self.block))

    def _means(self, values: NDArray[Any]) -> FloatArray:
        """Means of blocks."""
        block = self.block
        more = [(0, -size % block) for size in values.shape]
        whole = np.pad(values, more, mode="symmetric") if any(end for _, end in more) else values
        n_rows, n_cols = (size // block for size in whole.shape)
        # First along the longer way in memory: whole rows are added in vectors.
        kind = np.uint32 if values.dtype == bool else values.dtype
        rows = whole.reshape(n_rows, block, -1).sum(axis=1, dtype=kind)
        means = rows.reshape(n_rows, n_cols, block).sum(axis=2, dtype=np.float64)
        return np.asarray(means / block**2)

    def by_bands(self, averages: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Interpolate averages to the pixels, some rows at a time.

        Parameters
        ----------
        averages : ndarray of shape (n_blocks_down, n_blocks_along)
            As of `on_blocks`.

        Yields
        ------
        rows : slice
            Which rows, one band after the other.
        values : ndarray of shape (n_band_rows, n_cols)
            At their pixels; written over for the next band.
        """
        left, right, along = self._between(np.arange(self.shape[1]), 1)
        top, bottom, down = self._between(np.arange(self.shape[0]), 0)
        before, down = 1 - along, down[:, None]

        def widened(row: int) -> FloatArray:
            some = averages[row]
            return np.asarray(some.take(left) * before + some.take(right) * along)

        at = -1
        upper = lower = averages[:0]
        buffer: FloatArray | None = None
        for band in bands(self.shape):
            buffer = np.empty((band.stop - band.start, self.shape[1])) if buffer is None else buffer
            # All rows between the middles of the same two blocks at once.
            starts = (np.flatnonzero(np.diff(top[band], prepend=-1)) + band.start).tolist()
            for start, stop in zip(starts, [*starts[1:], band.stop], strict=True):
                if top[start] != at:
                    upper = (
                        lower
                        if at >= 0 and top[start] == bottom[start - 1]
                        else widened(top[start])
                    )
                    lower, at = widened(bottom[start]), top[start]
                rows = buffer[start - band.start : stop - band.start]
                np.multiply(down[start:stop], lower - upper, out=rows)
                rows += upper
            yield band, buffer[: band.stop - band.start]

    def at_pixels(self, averages: FloatArray) -> FloatArray:
        """Interpolate averages to the pixels.

        Parameters
        ----------
        averages : ndarray of shape (n_blocks_down, n_blocks_along)
            As of `on_blocks`.

        Returns
        -------
        values : ndarray of shape (n_rows, n_cols)
        """
        values = np.empty(self.shape)
        for band, some in self.by_bands(averages):
            values[band] = some
        return values

    def at(self, averages: FloatArray, places: NDArray[np.intp]) -> FloatArray:
        """Interpolate averages to some pixels.

        Parameters
        ----------
        averages : ndarray of shape (n_blocks_down, n_blocks_along)
            As of `on_blocks`.
        places : ndarray of shape (n, 2)
            Row and column of each.

        Returns
        -------
        values : ndarray of shape (n,)
        """
        (top, bottom, down), (left, right, along) = (
            self._between(places[:, axis], axis) for axis in (0, 1)
        )
        upper, lower = (
            averages[row, left] * (1 - along) + averages[row, right] * along
            for row in (top, bottom)
        )
        return np.asarray(upper * (1 - down) + lower * down)

    def _between(
        self, pixels: NDArray[np.intp], axis: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
        """The blocks before and after pixels along an axis, and the share of the latter."""
        n_blocks = -(-self.shape[axis] // self.block)
        places = (pixels + 0.5) / self.block - 0.5
        low = np.clip(np.floor(places).astype(np.intp), 0, max(n_blocks - 2, 0))
        high = np.minimum(low + 1, n_blocks - 1)
        return low, high, np.clip(places - low, 0.0, 1.0)
