"""Files that are mapped into memory, of which little is to stay there."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Bytes of a mapped file that are in memory at a time, and those that the system maps around each
#: byte that is looked at.
_BYTES, _AROUND = 2**24, 2**16


def mapping_of(array: Any) -> Any:
    """Give the mapped file that an array is a part of.

    Parameters
    ----------
    array : object
        Anything.

    Returns
    -------
    mapping : mmap or None
        None if it is no such part, or one that cannot be read anew.
    """
    base = array
    while isinstance(base, np.ndarray):
        # A private copy would lose what was written into it.
        if isinstance(base, np.memmap) and base.mode == "c":
            return None
        base = base.base
    return base if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None


def copied(view: NDArray[Any], mapping: Any) -> NDArray[Any]:
    """Copy a part of a mapped file a few rows at a time, and give back the memory of each.

    The system keeps what was mapped until memory is short: all of the file would count as ours.

    Parameters
    ----------
    view : ndarray of shape (n_rows, ...)
        The part.
    mapping : mmap
        The file, as `mapping_of` gives it.

    Returns
    -------
    part : ndarray of shape (n_rows, ...)
        In memory of its own.
    """
    part = np.empty(view.shape, view.dtype)
    n_rows = max(1, _BYTES // max(view[0].nbytes, _AROUND))
    for start in range(0, len(view), n_rows):
        part[start : start + n_rows] = view[start : start + n_rows]
        mapping.madvise(mmap.MADV_DONTNEED)
    return part
