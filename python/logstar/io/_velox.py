"""EMD files of Velox (Thermo Fisher): the images, without the spectra beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._hdf5 import open_hdf5
from ._signal import REAL, Frames, Place, Signal, check_image_bytes


@contextmanager
def open_velox(path: Path) -> Iterator[list[Signal]]:
    """Open a file; a signal for each detector.

    Raises
    ------
    ValueError
        If another program wrote it.
    """
    size = path.stat().st_size
    with open_hdf5(path) as file:
        if "Data/Image" not in file and "Version" not in file:
            raise ValueError("it is not of Velox")
        groups = file.get("Data/Image", {})
        found = [_signal(group, size) for group in groups.values() if "Data" in group]
        yield [signal for signal in found if signal is not None]


def _signal(group: Any, size: int) -> Signal | None:
    data = group["Data"]
    # Fourier transforms are complex, as a compound type.
    if data.dtype.kind not in REAL or data.ndim != 3:
        return None
    n_rows, n_cols, n_frames = data.shape
    check_image_bytes((n_rows, n_cols), data.dtype.itemsize, size)

    def load(index: int) -> NDArray[Any]:
        return np.asarray(data[:, :, index])

    def load_part(index: int, place: Place) -> NDArray[Any]:
        return np.asarray(data[(*place, index)])

    # A column of the text for each frame, padded with NUL.
    text = group["Metadata"][:, 0].tobytes().partition(b"\0")[0]
    metadata = json.loads(text) if text else {}
    result = metadata.get("BinaryResult", {})
    side = result.get("PixelSize", {})
    sides = float(side.get("height", 1)), float(side.get("width", 1))
    units = result.get("PixelUnitY") or None, result.get("PixelUnitX") or None
    frames = Frames((n_frames, n_rows, n_cols), data.dtype, load, load_part)
    return Signal(frames, sides, units, metadata, str(result.get("Detector", "")))
