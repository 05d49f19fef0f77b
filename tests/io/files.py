"""Write small files of every format that can be written."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

#: One extension of each format that `save_any` writes without loss.
WRITABLE = (".hspy", ".hdf5", ".h5", ".emd", ".mrc", ".tif", ".png", ".npy", ".rpl")
#: The same without those that are read by the same readers as another.
DISTINCT = tuple(extension for extension in WRITABLE if extension not in {".hdf5", ".h5"})


def signal(data, sides, units, *, navigate=None, title="a film"):
    """What RosettaSciIO's writers take."""
    navigate = navigate or [False] * data.ndim
    names = "zyx"[3 - data.ndim :]
    return {
        "data": data,
        "axes": [
            {
                "_type": "UniformDataAxis",
                "name": names[i],
                "units": units,
                "navigate": navigate[i],
                "is_binned": False,
                "size": data.shape[i],
                "scale": sides[i],
                "offset": 0.0,
                "index_in_array": i,
            }
            for i in range(data.ndim)
        ],
        "metadata": {"General": {"title": title}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "tmp_parameters": {},
        "package_info": {},
        "models": {},
    }


def write_hspy(path, *args, **kwargs):
    hspy = pytest.importorskip("rsciio.hspy", reason="needs the extra io")
    # The writer picks its layout by the extension; the content is the same under any name.
    target = path.with_suffix(".hspy")
    hspy.file_writer(str(target), signal(*args, **kwargs), show_progressbar=False)
    return target.rename(path)


def write_emd(path, *args, **kwargs):
    emd = pytest.importorskip("rsciio.emd", reason="needs the extra io")
    emd.file_writer(str(path), signal(*args, **kwargs))
    return path


def write_mrc(path, data, side):
    pytest.importorskip("rsciio.mrc", reason="needs the extra io")
    header = np.zeros(256, dtype="<i4")
    n_rows, n_cols = data.shape[-2:]
    n_frames = 1 if data.ndim == 2 else len(data)
    header[[0, 1, 2, 3]] = n_cols, n_rows, n_frames, 6  # 6 is uint16
    header[[7, 8, 9]] = n_cols, n_rows, n_frames
    header[10:13] = np.array([n_cols * side, n_rows * side, 1.0], dtype="<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52] = int.from_bytes(b"MAP ", "little")
    path.write_bytes(header.tobytes() + data.astype("<u2").tobytes())
    return path


def write_ser(path, data, side):
    """A series of TIA: 16-bit frames, sides of pixels in m."""
    pytest.importorskip("rsciio.tia", reason="needs the extra io")
    n_frames, n_rows, n_cols = data.shape
    number = struct.pack("<iddiii", n_frames, 0, 1, 0, 0, 0)
    start = 34 + len(number)
    n_bytes = 50 + 2 * n_rows * n_cols
    offsets = [start + 16 * n_frames + i * n_bytes for i in range(n_frames)]
    tags = [start + 16 * n_frames + n_frames * n_bytes + i * 8 for i in range(n_frames)]
    header = struct.pack(
        "<hhhiiiiqi", 0x4949, 0x0197, 0x0220, 0x4122, 0x4152, n_frames, n_frames, start, 1
    )
    calibration = struct.pack("<ddiddi", 0, side, 0, 0, side, 0)
    kind = struct.pack("<hii", 2, n_cols, n_rows)
    # Rows are stored from the bottom.
    frames = (calibration + kind + image[::-1].astype("<u2").tobytes() for image in data)
    times = (struct.pack("<hhi", 0x4152, 0, i) for i in range(n_frames))
    path.write_bytes(
        header + number + struct.pack(f"<{2 * n_frames}q", *offsets, *tags)
        + b"".join(frames) + b"".join(times)
    )  # fmt: skip
    return path


def save_any(path: Path, pixels: np.ndarray) -> Path:
    """Write an image in the format of the extension."""
    match path.suffix:
        case ".hspy" | ".hdf5" | ".h5":
            return write_hspy(path, pixels, (0.02, 0.02), "nm")
        case ".emd":
            return write_emd(path, pixels, (0.02, 0.02), "nm")
        case ".mrc":
            return write_mrc(path, pixels, 0.2)
        case ".rpl":
            ripple = pytest.importorskip("rsciio.ripple", reason="needs the extra io")
            ripple.file_writer(str(path), signal(pixels, (0.02, 0.02), "nm"))
        case ".tif" | ".tiff":
            tifffile.imwrite(path, pixels)
        case ".png" | ".pgm":
            Image.fromarray(pixels).save(path)
        case ".npy":
            np.save(path, pixels)
    return path
