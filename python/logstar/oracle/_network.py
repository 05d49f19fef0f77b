"""A network in an ONNX file, and how it is run over an image of any size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._peaks import Company
from ._preparation import SPACING, normalize

#: Networks in the package, by name.
SHIPPED = ("lattice-v1",)
#: How far a network looks, in pixels, where its file does not say.
_USUAL_REACH = 128
_USUAL_MULTIPLE = 32

#: "contrast": background removed, one standard deviation; "min-max": from 0 to 1; "median": what is
#: above the median of the surroundings, from 0 to 1; "none": as it is.
Scaling = Literal["contrast", "min-max", "median", "none"]
#: Side of these surroundings in pixels.
_MEDIAN_SIDE = 40
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A network and what its file says about how to use it.

    Parameters
    ----------
    path : Path
        The ONNX file.
    spacing : float or None
        Distance of nearest neighbours that it was trained on, in pixels. None is not known: images
        are shown as they are.
    multiple : int
        Sides of what it takes are multiples of this.
    reach : int
        No pixel further away than this has a say in a pixel's probability.
    scaling : {"contrast", "min-max", "median", "none"}
        What is done to intensities first.
    company : Company or None
        When maxima of its map are atoms; None is always.
    """

    path: Path
    spacing: float | None
    multiple: int
    reach: int
    scaling: Scaling
    company: Company | None = None

    @classmethod
    def load(cls, model: str | os.PathLike[str]) -> Network:
        """Read what a file says.

        Parameters
        ----------
        model : str or path
            Name of a shipped network, or an ONNX file.

        Returns
        -------
        network : Network
            Ready to run.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ImportError
            If onnxruntime is missing.
        ValueError
            If the file holds no network of images.
        """
        if model in SHIPPED:
            path = Path(str(files("logstar.oracle").joinpath("_weights", f"{model}.onnx")))
        else:
            path = Path(model)
            if not path.is_file():
                raise FileNotFoundError(
                    f"model must be {', '.join(map(repr, SHIPPED))} or the path of an ONNX file; "
                    f"there is no file {str(path)!r}."
                )
        return _read(path.resolve(), path.stat().st_mtime_ns)

    def prepare(self, image: FloatArray) -> Float32:
        """Bring a scaled image's intensities to what the network takes."""
        if self.scaling == "contrast":
            return normalize(image, SPACING if self.spacing is None else self.spacing)
        if self.scaling == "median":
            image = (image - ndimage.median_filter(image, _MEDIAN_SIDE)).clip(0)
        if self.scaling in {"min-max", "median"}:
            low, high = image.min(), image.max()
            return np.asarray((image - low) / ((high - low) or 1.0), dtype=np.float32)
        return np.asarray(image, dtype=np.float32)

    def probability(self, prepared: Float32, tile: int, n_threads: int) -> Float32:
        """Run over an image tile by tile.

        Tiles overlap by what the network sees, so that their size makes no difference.

        Parameters
        ----------
        prepared : ndarray of shape (n_rows, n_cols), float32
            A prepared image.
        tile : int
            Side of a tile without its surroundings, in pixels.
        n_threads : int
            Threads.

        Returns
        -------
        probability : ndarray of shape (n_rows, n_cols), float32
            How likely each pixel is part of an atom.
        """
        session = _session(self.path, self.path.stat().st_mtime_ns, n_threads)
        name = session.get_inputs()[0].name
        shape = prepared.shape
        padded = np.pad(prepared, [(0, -n % self.multiple) for n in shape])
        result = np.empty(padded.shape, dtype=np.float32)
        step = _up(tile, self.multiple)
        margin = _up(self.reach, self.multiple)
        for top in range(0, padded.shape[0], step):
            for left in range(0, padded.shape[1], step):
                first = max(top - margin, 0), max(left - margin, 0)
                window = padded[first[0] : top + step + margin, first[1] : left + step + margin]
                found = session.run(None, {name: window[None, None]})[0][0, 0]
                core = result[top : top + step, left : left + step]
                offset = top - first[0], left - first[1]
                core[:] = found[
                    offset[0] : offset[0] + core.shape[0], offset[1] : offset[1] + core.shape[1]
                ]
        return result[: shape[0], : shape[1]]


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def import_onnxruntime() -> Any:
    """Import onnxruntime, which is an extra."""
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError(
            "networks run on onnxruntime, which is missing: "
            f'pip install "logstar[oracle]" ({error})'
        ) from error
    return onnxruntime


@lru_cache(maxsize=8)
def _session(path: Path, _changed: int, n_threads: int) -> Any:
    """Load a network; the time of its last change makes a rewritten file another one."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning would take the cores from what comes next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no public base
        raise ValueError(f"{path} is no network that onnxruntime can read: {error}") from error


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Network:
    session = _session(path, changed, 1)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if (
        len(inputs) != 1
        or len(inputs[0].shape) != 4
        or inputs[0].shape[1] != 1
        or inputs[0].type != "tensor(float)"
        or len(outputs[0].shape) != 4
        or outputs[0].shape[1] != 1
    ):
        raise ValueError(
            f"{path} must take one float32 image (n, 1, rows, cols) and give probabilities alike; "
            f"it takes {[(i.name, i.type, i.shape) for i in inputs]} and gives "
            f"{[(o.name, o.type, o.shape) for o in outputs]}. "
            "`logstar oracle convert` makes such files of other packages' weights."
        )
    said = session.get_modelmeta().custom_metadata_map
    scaling = said.get("scaling", "none")
    if scaling not in get_args(Scaling):
        raise ValueError(f"{path} wants an unknown scaling of intensities, {scaling!r}.")
    return Network(
        path=path,
        spacing=float(said["spacing"]) if "spacing" in said else None,
        multiple=int(said.get("multiple", _USUAL_MULTIPLE)),
        reach=int(said.get("reach", _USUAL_REACH)),
        scaling=scaling,
        company=(
            Company(float(said["certain"]), float(said["likely"])) if "certain" in said else None
        ),
    )
