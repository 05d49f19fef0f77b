"""What a reader hands over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

#: Kinds of NumPy's numbers that pixels may be.
REAL = "buif"


@dataclass
class Signal:
    """A data set of a file; its frames are the images to choose from.

    `frames` has the shape (n_frames, n_rows, n_cols), and with colours a last axis of channels;
    sides and units of pixels are those of rows and columns.
    """

    frames: NDArray[Any]
    sides: tuple[float, float] = (1.0, 1.0)
    units: tuple[object, object] = (None, None)
    metadata: dict[str, Any] = field(default_factory=dict)
    title: str = ""


def as_frames(array: NDArray[Any], *, n_axes: int = 2) -> NDArray[Any] | None:
    """Put all axes but the last `n_axes` into one; None if these are no images.

    Raises
    ------
    ValueError
        If there is no pixel.
    """
    if array.ndim < n_axes or array.dtype.kind not in REAL:
        return None
    if array.size == 0:
        raise ValueError("an image without pixels")
    return array.reshape(-1, *array.shape[array.ndim - n_axes :])
