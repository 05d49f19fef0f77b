"""Images as other libraries hold them, told by what they can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._answers import Described
from ._rsciio import signal_of_dictionary
from ._signal import Signal


def signals_of(signal: Any) -> list[Signal]:
    """Make our signals of a HyperSpy signal, an xarray DataArray or RosettaSciIO's dict.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if hasattr(signal, "axes_manager") and hasattr(signal, "data"):
        return list(signal_of_dictionary(_of_hyperspy(signal)))
    if hasattr(signal, "dims") and hasattr(signal, "coords") and hasattr(signal, "to_numpy"):
        return list(signal_of_dictionary(_of_xarray(signal)))
    if isinstance(signal, Mapping) and "data" in signal and "axes" in signal:
        return list(signal_of_dictionary(signal))
    raise TypeError(
        "signal must be a HyperSpy signal, an xarray DataArray or a dict with data and axes as "
        f"RosettaSciIO gives, got {type(signal).__name__}."
    )


def is_signal(source: Any) -> bool:
    """Tell the objects of HyperSpy, xarray and RosettaSciIO by what they can do."""
    is_mapping = isinstance(source, Mapping) and {"data", "axes"} <= set(source)
    has_axes = hasattr(source, "axes_manager") and hasattr(source, "data")
    return is_mapping or has_axes or (hasattr(source, "dims") and hasattr(source, "coords"))


def described_in_memory(signals: Sequence[Signal]) -> list[Described]:
    """Describe signals that no file has to be asked of."""
    return [
        Described(one.frames.shape, str(one.frames.dtype), one.sides, one.units, "", (), {}, None)
        for one in signals
    ]


def _of_hyperspy(signal: Any) -> dict[str, Any]:
    axes = [
        {"scale": axis.scale, "units": axis.units, "navigate": axis.navigate}
        if hasattr(axis, "scale")
        else {"axis": axis.axis, "units": axis.units, "navigate": axis.navigate}
        for axis in sorted(
            (*signal.axes_manager.navigation_axes, *signal.axes_manager.signal_axes),
            key=lambda axis: axis.index_in_array,
        )
    ]
    return {
        "data": signal.data,
        "axes": axes,
        "metadata": signal.metadata.as_dictionary(),
        "original_metadata": signal.original_metadata.as_dictionary(),
    }


def _of_xarray(array: Any) -> dict[str, Any]:
    axes = []
    for i, name in enumerate(array.dims):
        axis: dict[str, Any] = {"navigate": i < len(array.dims) - 2}
        if name in array.coords and array.coords[name].dtype.kind in "iuf":
            coordinate = array.coords[name]
            axis["axis"] = np.asarray(coordinate)
            axis["units"] = coordinate.attrs.get("units")
        axes.append(axis)
    title = "" if array.name is None else str(array.name)
    return {
        # A lazy array's own data are computed one image at a time.
        "data": array.data if hasattr(array, "data") else array.to_numpy(),
        "axes": axes,
        "metadata": {"General": {"title": title}},
        "original_metadata": dict(array.attrs),
    }
