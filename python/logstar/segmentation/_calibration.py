"""The pixel size that an image brings along."""

from __future__ import annotations

from typing import Any

from logstar.io import Micrograph
from logstar.units import PixelSize


def pixel_size_of(X: Any, given: PixelSize | str | float | None) -> PixelSize | None:
    """Find the side of a pixel of an image.

    Parameters
    ----------
    X : array-like, Micrograph, HyperSpy Signal2D or xarray DataArray
        The image.
    given : PixelSize, str, float or None
        What the user says, which counts before what the image says; a number is in angstrom.

    Returns
    -------
    pixel_size : PixelSize or None
        None if neither says.

    Raises
    ------
    TypeError, ValueError
        If `given` is no pixel size.
    """
    if given is not None:
        return PixelSize.of(given)
    micrograph = X
    if hasattr(X, "axes_manager") or hasattr(X, "coords"):
        micrograph = Micrograph.from_signal(X)
    size = getattr(micrograph, "pixel_size", None)
    return size if isinstance(size, PixelSize) else None
