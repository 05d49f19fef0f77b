"""Ladders of sigmas, their kernels, and the candidates of the scale space.

Kernels are computed with NumPy, step by step as SciPy does: its exponential and its matrix
product round differently from those of other libraries, and results that agree to the bit need
weights that do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar import _core
from logstar._runtime import INSTRUCTION_SET_VARIABLE
from logstar._validation import FloatArray, Image

#: Kernels reach this many standard deviations to each side, as SciPy's do by default.
TRUNCATE = 4.0

#: In pixels. Up to this sigma SciPy leaves an axis unfiltered, and so must equal results.
_SIGMA_FLOOR = 1e-15

#: Greatest number of sigmas in a ladder. Each costs a pass over the image, and a kilobyte of memory
#: beside its kernels.
MOST_SCALES = 100_000

#: Greatest radius of a kernel, in pixels: that of sigma 1e6, beyond the size of any image. While a
#: kernel is made, it takes a hundred bytes for each pixel of its radius.
MOST_RADIUS = 2**22

#: Greatest memory of all kernels of a ladder, in bytes: far above what is useful, as a ladder of
#: 100 sigmas up to 50 takes 320 kB.
MOST_KERNEL_BYTES = 2**30

#: Greatest radius, in pixels, of kernels that are kept from call to call; the 512 that are kept
#: would take too much memory if they were larger.
_LARGEST_KEPT = 1024

HalfKernel: TypeAlias = FloatArray
#: Kernels along the rows' axis and along the columns', and the weight of the scale.
Scale: TypeAlias = tuple[HalfKernel, HalfKernel, HalfKernel, HalfKernel, float]


class Candidates(NamedTuple):
    """Maxima of the scale space, strongest first; ties by row, column, scale."""

    #: (n, 3): row, column, index of the scale.
    places: NDArray[np.int64]
    #: (n,): minus the Laplacian of Gaussian, times sigma squared.
    responses: FloatArray


def kernel_radius(sigma: float) -> int:
    """How far the kernel of this sigma reaches, in pixels."""
    return int(TRUNCATE * float(sigma) + 0.5)


def check_scales(n_scales: int, name: str) -> None:
    """Refuse ladders of more scales than can be gone through, before one is made.

    Raises
    ------
    ValueError
        For more than `MOST_SCALES`; `name` tells which parameter says so.
    """
    if n_scales > MOST_SCALES:
        raise ValueError(f"{name} must be at most {MOST_SCALES} scales, got {n_scales}.")


def check_kernels(sigmas: NDArray[np.floating[Any]]) -> None:
    """Refuse ladders whose kernels would take more memory than is sensible.

    Parameters
    ----------
    sigmas : ndarray of shape (n_scales, n_axes)
        The ladder.

    Raises
    ------
    ValueError
        For a kernel of more than `MOST_RADIUS`.
    MemoryError
        For kernels of more than `MOST_KERNEL_BYTES` together.
    """
    radii = TRUNCATE * sigmas.astype(np.float64)
    if radii.max() > MOST_RADIUS:
        raise ValueError(
            f"max_sigma must be at most {MOST_RADIUS / TRUNCATE:.0f} pixels, got {sigmas.max():g}."
        )
    # The Gaussian and its second derivative, here and in the core.
    n_bytes = int(radii.sum()) * 4 * np.dtype(np.float64).itemsize
    if n_bytes > MOST_KERNEL_BYTES:
        raise MemoryError(
            f"the kernels of num_sigma={len(sigmas)} scales up to max_sigma={sigmas.max():g} would "
            f"take {n_bytes} bytes, more than the {MOST_KERNEL_BYTES} allowed."
        )


def half_kernels(sigma: np.floating[Any]) -> tuple[HalfKernel, HalfKernel]:
    """Gaussian of one sigma and its second derivative, from the outermost weight to the centre.

    `sigma` keeps its precision: a float32 sigma has its square and the exponent's factor rounded
    to float32, the rest in float64.
    """
    if kernel_radius(float(sigma)) > _LARGEST_KEPT:
        return _make_half_kernels(sigma)
    return _kept_half_kernels(sigma)


def _make_half_kernels(sigma: np.floating[Any]) -> tuple[HalfKernel, HalfKernel]:
    if sigma <= _SIGMA_FLOOR:
        identity = np.ones(1)
        return identity, identity
    radius = kernel_radius(float(sigma))
    variance = sigma * sigma
    x = np.arange(-radius, radius + 1)
    gaussian = np.exp(-0.5 / variance * x**2)
    gaussian = gaussian / gaussian.sum()
    curvature = np.ones(1) / -variance
    polynomial = np.array([curvature[0], 0.0, curvature[0] * curvature[0]])
    second = (x[:, None] ** np.arange(3)).dot(polynomial) * gaussian
    # A correlation runs over the reversed kernel, so its first half is the one at positive x.
    return gaussian[radius:][::-1].copy(), second[radius:][::-1].copy()


_kept_half_kernels = lru_cache(maxsize=512)(_make_half_kernels)


def _scales(sigmas: NDArray[np.floating[Any]]) -> list[Scale]:
    check_kernels(sigmas)
    key = sigmas.tobytes(), sigmas.dtype
    if len(sigmas) <= _LARGEST_KEPT and kernel_radius(sigmas.max()) <= _LARGEST_KEPT:
        return _kept_scales(*key)
    return _make_scales(*key)


def _make_scales(sigmas: bytes, dtype: np.dtype[Any]) -> list[Scale]:
    """Kernels and weights of a ladder's scales; kept, as making them shows on small images."""
    scales = []
    for pair in np.frombuffer(sigmas, dtype).reshape(-1, 2):
        rows = half_kernels(pair[0])
        columns = rows if pair[1] == pair[0] else half_kernels(pair[1])
        scales.append((*rows, *columns, float(np.mean(pair) ** 2)))
    return scales


_kept_scales = lru_cache(maxsize=64)(_make_scales)


def find_candidates(
    image: Image,
    sigmas: NDArray[np.floating[Any]],
    *,
    threshold: float | None,
    border: tuple[int, int] = (0, 0),
    n_threads: int = 1,
) -> Candidates:
    """Maxima above `threshold` of the scale space of `image` over the ladder `sigmas`.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols), float32 or float64
    sigmas : ndarray of shape (n_scales, 2)
        Standard deviation along the rows' axis and along the columns' axis, per scale.
    threshold : float or None
        A candidate's response lies above it; None stands for the least response there is.
    border : tuple of int, default=(0, 0)
        Widths in pixels of the outer rows and columns whose candidates are left out.
    n_threads : int, default=1
        The result does not depend on it.
    """
    (found,) = _core.find_candidates_of_parts(
        image,
        _scales(sigmas),
        [(0, len(sigmas))],
        threshold,
        border,
        n_threads,
        os.environ.get(INSTRUCTION_SET_VARIABLE),
    )
    return Candidates(*found)


def find_tables_of_parts(
    image: Image,
    sigmas: NDArray[np.floating[Any]],
    parts: Sequence[tuple[int, int]],
    *,
    n_columns: int = 1,
    threshold: float | None,
    border: tuple[int, int] = (0, 0),
    n_threads: int = 1,
    limits: tuple[float, float] | None = None,
) -> list[FloatArray]:
    """Find, for each part of a ladder, what `find_candidates` finds with that part alone.

    The parts share one scale space.

    Parameters
    ----------
    image, sigmas, threshold, border, n_threads
        As in `find_candidates`.
    parts : sequence of (first, end)
        Indices into the ladder, the end not included; no part is empty.
    n_columns : int, default=1
        How many of the sigmas stand in the tables.
    limits : tuple of float, default=None
        Intensities that become 0 and 1 before anything else; None leaves them as they are.

    Returns
    -------
    tables : list of ndarray of shape (n, 3 + n_columns)
        Row, column, sigmas and response of the candidates of each part, the strongest first.
    """
    return _core.find_tables_of_parts(
        image,
        _scales(sigmas),
        np.asarray(sigmas[:, :n_columns], dtype=np.float64),
        parts,
        threshold,
        border,
        n_threads,
        os.environ.get(INSTRUCTION_SET_VARIABLE),
        limits,
    )
