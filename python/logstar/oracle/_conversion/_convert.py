"""The conversion of a file of weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from logstar._validation import check_real

from ._architectures import ARCHITECTURES
from ._checkpoint import read_checkpoint
from ._graph import Graph, Tensors

#: Under these names checkpoints keep the weights beside other things.
_WEIGHTS = ("weights", "state_dict", "model_state_dict")


def convert_weights(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    architecture: str = "auto",
    spacing: float | None = None,
) -> str:
    """Write trained weights of another package as an ONNX file for `OnnxOracle`.

    PyTorch is not needed, and nothing in the file is executed: a checkpoint that holds anything but
    tensors and plain values is refused.

    Parameters
    ----------
    source : str or path
        A checkpoint of PyTorch with the weights: AtomAI's ``.tar``, or a ``state_dict``.
    destination : str or path
        The ONNX file to write; one that exists is replaced.
    architecture : str, default="auto"
        Whose network it is: "atomai-unet", "atomai-dilnet", "atomnet", "atomnet-cubic", "ferronet"
        or "window-classifier". "auto" tells by the names of the weights.
    spacing : float, default=None
        Distance of nearest neighbours in the images that it was trained on, in pixels. Images are
        scaled to it; None shows them as they are.

    Returns
    -------
    architecture : str
        Whose network it is.

    Raises
    ------
    ImportError
        If onnx is missing.
    OSError
        If a file cannot be read or written.
    ValueError
        If `source` holds no weights, or none of this architecture.

    Examples
    --------
    >>> from logstar.oracle import convert_weights
    >>> convert_weights("atomai_model.tar", "atomai.onnx", spacing=12)  # doctest: +SKIP
    'atomai-unet'
    """
    if architecture != "auto" and architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be 'auto' or one of {', '.join(ARCHITECTURES)}, got "
            f"{architecture!r}."
        )
    if spacing is not None:
        check_real(spacing, name="spacing", low=0, low_included=False)
    content = read_checkpoint(Path(source))
    tensors, said = _weights_of(content, source)
    name = _recognised(tensors, source) if architecture == "auto" else architecture
    kind = ARCHITECTURES[name]
    try:
        graph = Graph(tensors)
        output = kind.build(graph, tensors, said)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{source} holds no network of the kind {name!r}: {error}") from error
    metadata = {
        "architecture": name,
        "multiple": str(kind.multiple),
        "reach": str(kind.reach),
        "scaling": kind.scaling,
    }
    if spacing is not None:
        metadata["spacing"] = f"{spacing:g}"
    graph.save(output, Path(destination), metadata)
    return name


def _weights_of(content: Any, source: str | os.PathLike[str]) -> tuple[Tensors, Mapping[str, Any]]:
    """Find the weights in a checkpoint, and what else it says."""
    said: Mapping[str, Any] = content if isinstance(content, dict) else {}
    weights = next((said[key] for key in _WEIGHTS if isinstance(said.get(key), dict)), said)
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in weights.items()
        if isinstance(value, np.ndarray)
    }
    if not tensors:
        raise ValueError(f"{source} holds no weights: no tensor has a name in it.")
    return tensors, said


def _recognised(tensors: Tensors, source: str | os.PathLike[str]) -> str:
    for name, kind in ARCHITECTURES.items():
        if kind.sign in tensors:
            return name
    raise ValueError(
        f"{source} holds the weights of an unknown network, of which the first are "
        f"{', '.join(list(tensors)[:4])}; known are {', '.join(ARCHITECTURES)}."
    )
