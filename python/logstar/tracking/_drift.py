"""Rigid drift from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, as_image, as_positions, check_integer, check_real

#: Rounds in which the step from one frame to the next is made better.
_ROUNDS = 3


def drift_of_images(frames: Iterable[Any], *, upsample: int = 10) -> FloatArray:
    """Measure how far the content of each frame has moved since the first, by phase correlation.

    A crystal looks the same after a shift by one of its lattice vectors: steps from one frame to
    the next are right where they are below half of the shortest one, or where something in the
    image repeats nowhere.

    Parameters
    ----------
    frames : iterable of array-like of shape (n_rows, n_cols)
        Such as a stack of `logstar.io.open_stack`; two are in memory at a time.
    upsample : int, default=10
        Steps are told to this part of a pixel.

    Returns
    -------
    drift : ndarray of shape (n_frames, 2)
        Rows and columns; the first is 0. Atoms of a frame minus its drift are in the first one's
        places.

    Raises
    ------
    TypeError, ValueError
        For what is no image, and frames that differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.tracking import drift_of_images
    >>> image = np.random.default_rng(0).random((64, 64))
    >>> drift_of_images([image, np.roll(image, (3, -2), (0, 1))])
    array([[ 0.,  0.],
           [ 3., -2.]])
    """
    from skimage.registration import phase_cross_correlation  # noqa: PLC0415 - heavy

    finest = check_integer(upsample, name="upsample", low=1)
    total = np.zeros(2)
    drift: list[FloatArray] = []
    before: NDArray[np.complex128] | None = None
    for number, frame in enumerate(frames):
        image = np.asarray(as_image(frame, name=f"frame {number}"), dtype=np.float64)
        # What is constant has no place, and would lead to a step of any length.
        spectrum = np.fft.fft2(image - image.mean())
        if before is not None and image.min() < image.max():
            if before.shape != spectrum.shape:
                raise ValueError(
                    f"frame {number} has shape {image.shape}, those before {before.shape}."
                )
            step, _, _ = phase_cross_correlation(
                spectrum, before, space="fourier", upsample_factor=finest, normalization=None
            )
            total = total + step
        if image.min() < image.max():
            before = spectrum
        drift.append(total)
    return np.array(drift).reshape(-1, 2)


def drift_of_atoms(tables: Iterable[Any], *, search_range: float | None = None) -> FloatArray:
    """Measure how far the atoms of each frame have moved since the first.

    The step from one frame to the next is the median of those of atoms that are nearest to one
    another: right where it is below half of the distance of neighbouring atoms.

    Parameters
    ----------
    tables : iterable of array-like of shape (n_atoms, >=2), or of AtomTable
        Row and column of the atoms of each frame, such as `StackAtoms`.
    search_range : float, default=None
        How far an atom may move from one frame to the next, in pixels. None is half of the median
        distance of nearest neighbours.

    Returns
    -------
    drift : ndarray of shape (n_frames, 2)
        Rows and columns; the first is 0. A frame without atoms is taken to stand still.

    Raises
    ------
    TypeError, ValueError
        For what is no table of positions, and a range that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.tracking import drift_of_atoms
    >>> rows, cols = np.mgrid[0:50:10, 0:50:10].reshape(2, -1)
    >>> atoms = np.column_stack([rows, cols])
    >>> drift_of_atoms([atoms, atoms + [2, -1], atoms + [3, 0]])
    array([[ 0.,  0.],
           [ 2., -1.],
           [ 3.,  0.]])
    """
    if search_range is not None:
        check_real(search_range, name="search_range", low=0, low_included=False)
    total = np.zeros(2)
    drift: list[FloatArray] = []
    before = np.empty((0, 2))
    for table in tables:
        atoms = positions_of(table)
        if len(before) and len(atoms):
            reach = spacing_of(before) / 2 if search_range is None else search_range
            total = total + _step(before, atoms, reach)
        drift.append(total)
        before = atoms if len(atoms) else before
    return np.array(drift).reshape(-1, 2)


def _step(before: FloatArray, atoms: FloatArray, reach: float) -> FloatArray:
    """Median displacement of mutually nearest atoms."""
    step = np.zeros(2)
    tree = KDTree(before)
    for _ in range(_ROUNDS):
        moved = atoms - step
        away, nearest = map(np.asarray, tree.query(moved))
        back = np.asarray(KDTree(moved).query(before)[1])
        mutual = (back[nearest] == np.arange(len(moved))) & (away <= reach)
        if not mutual.any():
            break
        step = step + np.median(moved[mutual] - before[nearest[mutual]], axis=0)
    return step


def positions_of(table: Any) -> FloatArray:
    """Row and column of the atoms of a frame."""
    return as_positions(table.positions if hasattr(table, "positions") else table)


def spacing_of(positions: FloatArray) -> float:
    """Median distance of nearest neighbours; infinite for a single atom."""
    if len(positions) < 2:
        return float("inf")
    return float(np.median(KDTree(positions).query(positions, k=[2])[0]))
