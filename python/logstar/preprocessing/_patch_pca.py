"""Denoising by principal components of windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray

from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image, check_integer

from ._base import ImageTransformer, in_precision_of
from ._spacing import image_spacing
from ._votes import is_outshone, periodicity, slow_part, with_even_votes
from ._window_pca import WindowPCA, autocovariance, fit_windows

#: Side of a window, in spacings of atoms. Larger windows average over more cells, but paint more of
#: an atom into a vacancy: on YBa2Cu3O7 with noise of 0.3, a tenth of an atom with 1.25 spacings, a
#: third with 2.5, 0.45 with 3.4.
_WINDOW_SPACINGS = 2.5
#: Atoms have no details finer than 4 cycles per spacing: a Gaussian with a sigma of 0.12 spacings,
#: the smallest of `Lattice.sigma_range`, has 1.2 % of its amplitude there.
_MOST_CYCLES = 4
#: How often the filter is repeated to continue the image beyond its edges by the result. A fourth
#: time makes errors near the edges no smaller.
_CONTINUATIONS = 3
#: Standard deviation of the filter that gives the slow part of an image, by the side of a window.
#: Three spacings, the longest edge of most cells, are passed by 11 %, one by none.
_SLOW_WINDOWS = 0.4


class _Block(NamedTuple):
    """A part of an image, with its weight at each pixel beside the blocks that overlap it."""

    rows: slice
    cols: slice
    weights: FloatArray


class PatchPCADenoiser(ImageTransformer):
    """Project every window of the image on its leading principal components, and average back.

    The components are found from the image itself: in a crystal all windows look alike but for
    their place in the cell, so that a few components hold all of the signal and hardly any noise.
    Windows that reach beyond the edges count as well; see Notes.

    Parameters
    ----------
    window_size : int or "auto", default="auto"
        Side of the windows in pixels. "auto" is 2.5 times the distance at which the image repeats
        itself, and at most half of the shorter side.
    n_components : int or "auto", default="auto"
        How many components to keep. "auto" keeps those whose variance is larger than noise alone
        gives in 99 of 100 images.
    block_size : int or None, default=None
        Side in pixels of square blocks, which overlap by half. Components are found in each block,
        so that grains do not see one another, and the results are blended. None finds components
        in the whole image. A block must be at least twice as wide as a window.
    n_jobs : int, default=None
        Threads: None is one, -1 is all.

    Attributes
    ----------
    spacing_ : float
        Distance in pixels at which the image repeats itself; the median for a stack.
    window_size_ : int
        Side of the windows in pixels.
    n_components_ : int
        Number of components; with blocks the greatest of them.
    components_ : ndarray of shape (n_components, window_size, window_size), or list of such
        Orthonormal, the greatest variance first; with blocks, a list with an array for each.
    eigenvalues_ : ndarray of shape (n_components,), or list of such
        Variance of the windows along each.
    noise_ : float
        Standard deviation of the noise in a pixel, in intensities; with blocks, their rms.

    See Also
    --------
    logstar.detection.DetectionPipeline : Tests detections in denoised images against the raw one.
    logstar.preprocessing.WienerDenoiser : Assumes no crystal, so invents none.

    Notes
    -----
    Averages over overlapping windows fill vacancies in part, the more so the larger the windows
    are: do not count vacancies in a denoised image without a test against the raw one.

    Contamination has no say: where a part of the image outshines the rest, what changes slowly is
    left as it is, and no place counts more than four times as much as a typical one. Nothing is
    painted where the image, within a window, has no more of what the components show than noise
    has, such as where the detector is saturated.

    The method is that of Deledalle, Salmon, Dalalyan, Image denoising with patch based PCA, BMVC
    2011. Here no window is cut out: the covariance of all windows follows from the image's
    autocovariance, and projecting and averaging is one convolution. A component counts with the
    weight ``1 - noise / variance``, as in Wiener's filter. Beyond its edges the image is continued
    by its denoised self, three times over. The largest variance that noise alone gives is that of
    overlapping windows, not that of independent ones (Marchenko and Pastur, 1967).

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.preprocessing import PatchPCADenoiser
    >>> clean = make_scene(shape=(128, 128), random_state=0).image
    >>> noisy = make_scene(shape=(128, 128), noise=0.5, random_state=0).image
    >>> denoised = PatchPCADenoiser().fit_transform(noisy)
    >>> bool(abs(denoised - clean).mean() < 0.2 * abs(noisy - clean).mean())
    True
    """

    _learns = True

    def __init__(
        self,
        window_size: int | Literal["auto"] = "auto",
        n_components: int | Literal["auto"] = "auto",
        *,
        block_size: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.window_size = window_size
        self.n_components = n_components
        self.block_size = block_size
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        if self.window_size != "auto":
            check_integer(self.window_size, name="window_size", low=2)
        if self.n_components != "auto":
            check_integer(self.n_components, name="n_components", low=1)
        if self.block_size is not None:
            check_integer(self.block_size, name="block_size", low=4)

    def _fit_images(self, images: list[Image]) -> None:
        self.spacing_ = float(np.median([image_spacing(image) for image in images]))
        self.window_size_ = self._choose_window(images)
        if self.block_size is not None:
            shapes = sorted({image.shape for image in images})
            if len(shapes) > 1:
                raise ValueError(
                    f"block_size={self.block_size!r} needs images of one shape, got {shapes}."
                )
            self._shape = images[0].shape
        n_components = self._n_components()
        most_modes = math.ceil(2 * _MOST_CYCLES * self.window_size_ / self.spacing_)
        workers = threads_of(self.n_jobs)
        found = []
        for parts in self._parts(images):
            sizes = np.array([part.size for part in parts], dtype=np.float64)
            covariances = [
                autocovariance(self._voting(part), self.window_size_, workers) for part in parts
            ]
            mean: FloatArray = np.average(covariances, axis=0, weights=sizes)
            found.append(fit_windows(mean, int(sizes.sum()), most_modes, n_components))
        self._store(found)

    def _parts(self, images: list[Image]) -> Iterator[list[Image]]:
        """What components are found in: all images whole, or block by block."""
        if self.block_size is None:
            yield images
            return
        for block in self._blocks(images[0].shape):
            yield [image[block.rows, block.cols] for image in images]

    def _slow(self, image: Image) -> Image | np.floating[Any]:
        """What stays as it is: the mean, or what changes slowly where that outshines the rest."""
        sigma = _SLOW_WINDOWS * self.window_size_
        if is_outshone(image, sigma):
            return slow_part(image, sigma)
        return image.dtype.type(image.mean(dtype=np.float64))

    def _voting(self, image: Image) -> Image:
        """The part of an image that components are found in, no place of it far above others."""
        slow = self._slow(image)
        detail: Image = image - slow
        return detail if np.ndim(slow) == 0 else with_even_votes(detail, self.window_size_)

    def _store(self, found: list[WindowPCA]) -> None:
        self._kernels = [pca.kernel() for pca in found]
        self.n_components_ = max(len(pca.eigenvalues) for pca in found)
        self.noise_ = float(np.sqrt(np.mean([max(0.0, pca.noise_variance) for pca in found])))
        components = [pca.components for pca in found]
        eigenvalues = [pca.eigenvalues for pca in found]
        self.components_ = components if self.block_size is not None else components[0]
        self.eigenvalues_ = eigenvalues if self.block_size is not None else eigenvalues[0]

    def _transform_image(self, image: Image) -> Image:
        workers = threads_of(self.n_jobs)
        if self.block_size is None:
            return self._denoised(image, self._kernels[0], workers)
        if image.shape != self._shape:
            raise ValueError(
                f"with block_size={self.block_size!r} an image must have the shape of the one "
                f"that was fitted, {self._shape}, got {image.shape}."
            )
        result = np.zeros(image.shape)
        for block, kernel in zip(self._blocks(image.shape), self._kernels, strict=True):
            part = image[block.rows, block.cols]
            result[block.rows, block.cols] += block.weights * self._denoised(part, kernel, workers)
        return in_precision_of(image, result)

    def _denoised(self, image: Image, kernel: FloatArray, workers: int) -> Image:
        slow = self._slow(image)
        detail = image - slow
        shown = _filter(detail, kernel, workers)
        seen = periodicity(detail, shown, kernel, self.window_size_)
        return in_precision_of(image, slow + seen * shown)

    def _choose_window(self, images: list[Image]) -> int:
        shortest = int(min(min(image.shape) for image in images))
        if self.block_size is not None:
            shortest = min(shortest, int(self.block_size))
        if self.window_size == "auto":
            chosen = round(_WINDOW_SPACINGS * self.spacing_)
            return min(chosen, max(1, shortest // 2))
        window_size = int(self.window_size)
        if 2 * window_size > shortest and self.block_size is not None:
            raise ValueError(
                f"window_size={window_size} needs blocks of at least {2 * window_size} pixels, "
                f"got block_size={self.block_size!r} in images of at least {shortest}."
            )
        if window_size > shortest:
            raise ValueError(
                f"window_size={window_size} exceeds the shorter side of an image, {shortest} "
                "pixels. Use smaller windows or a larger image."
            )
        return window_size

    def _n_components(self) -> int | None:
        if self.n_components == "auto":
            return None
        most = self.window_size_**2
        if self.n_components > most:
            raise ValueError(
                f"n_components={self.n_components!r} exceeds the number of pixels of a window, "
                f"{most} = {self.window_size_}**2."
            )
        return int(self.n_components)

    def _blocks(self, shape: tuple[int, ...]) -> Iterator[_Block]:
        """Overlapping blocks with weights that sum to 1 in every pixel."""
        size = max(shape) if self.block_size is None else int(self.block_size)
        axes = [_intervals(n, size) for n in shape]
        for rows, row_weights in axes[0]:
            for cols, col_weights in axes[1]:
                yield _Block(rows, cols, np.outer(row_weights, col_weights))


def _intervals(n: int, size: int) -> list[tuple[slice, FloatArray]]:
    """Intervals of `size` that overlap by about half, with weights that sum to 1 at each place."""
    if size >= n:
        return [(slice(0, n), np.ones(n))]
    n_blocks = int(np.ceil((n - size) / (size / 2))) + 1
    starts = np.rint(np.linspace(0, n - size, n_blocks)).astype(int)
    tent = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    total = np.zeros(n)
    for start in starts:
        total[start : start + size] += tent
    return [
        (slice(int(start), int(start) + size), tent / total[start : start + size])
        for start in starts
    ]


def _filter(image: Image, kernel: FloatArray, workers: int) -> NDArray[Any]:
    """Convolve, while the image is continued beyond its edges by the result."""
    half = len(kernel) // 2
    n_rows, n_cols = image.shape
    shape = tuple(sf.next_fast_len(n + half, real=True) for n in image.shape)
    padded = np.zeros(shape, dtype=image.dtype)
    lags = np.arange(-half, half + 1)
    padded[np.ix_(lags, lags)] = kernel
    # The kernel is symmetric: its transform is real.
    response = sf.rfft2(padded, workers=workers).real
    mean = image.mean(dtype=np.float64)
    centred = image - image.dtype.type(mean)
    canvas = np.zeros(shape, dtype=image.dtype)
    canvas[:n_rows, :n_cols] = centred
    for _ in range(_CONTINUATIONS):
        canvas = sf.irfft2(sf.rfft2(canvas, workers=workers) * response, shape, workers=workers)
        canvas[:n_rows, :n_cols] = centred
    canvas = sf.irfft2(sf.rfft2(canvas, workers=workers) * response, shape, workers=workers)
    result: NDArray[Any] = canvas[:n_rows, :n_cols] + image.dtype.type(mean)
    return result
