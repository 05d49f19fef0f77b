"""Networks of other packages, layer by layer, from the names of their weights.

Written from the descriptions of their layers: AtomAI's `Unet` and `dilnet`, AtomNet's two networks
and FerroNet (Ziatdinov et al.), and the classifier of windows of Rossi, Mitchell et al. (Nature
Communications 2024) and of Mitchell et al. (JACS 2022).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from logstar.oracle._network import Scaling

from ._graph import Graph, Tensors

#: Classifiers of windows see this many pixels to each side.
_WINDOW_REACH = 10
#: They average their last features over three by three blocks of this side.
_BLOCK = 5


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    Parameters
    ----------
    build : callable
        Adds the layers to a graph, and gives the name of the probability.
    multiple : int
        Sides of images are multiples of this.
    reach : int
        No pixel further away than this has a say in a pixel's probability.
    scaling : str
        What is done to intensities first; see `Network`.
    sign : str
        Name of a weight by which it is recognised.
    """

    build: Callable[[Graph, Tensors, Mapping[str, Any]], str]
    multiple: int
    reach: int
    scaling: Scaling
    sign: str


def _block(graph: Graph, tensors: Tensors, source: str, prefix: str) -> str:
    """Convolutions of three by three, each with a leaky ReLU and perhaps a normalisation."""
    for name in _layers(tensors, prefix):
        if f"{name}.running_mean" in tensors:
            source = graph.batch_normalization(source, name)
        else:
            source = graph.leaky_relu(graph.convolution(source, name, padding=1))
    return source


def _dilated_block(
    graph: Graph, tensors: Tensors, source: str, prefix: str, *, dropout: bool
) -> str:
    """Dilations of 2, 4, 6 and so on; the outputs of all layers are added up.

    A layer of dropout is one of them: what it lets through is the convolution's output once more.
    """
    outputs: list[str] = []
    names = _layers(tensors, prefix)
    convolutions = [name for name in names if f"{name}.running_mean" not in tensors]
    places = [_number(name) for name in convolutions]
    if len(places) > 1:
        n_normalizing = len(names) > len(convolutions)
        dropout = places[1] - places[0] == 3 + n_normalizing
    for name in names:
        if f"{name}.running_mean" in tensors:
            source = graph.batch_normalization(source, name)
            outputs.append(source)
            continue
        dilation = 2 * (convolutions.index(name) + 1)
        source = graph.convolution(source, name, padding=dilation, dilation=dilation)
        outputs += [source, source] if dropout else [source]
        source = graph.leaky_relu(source)
        outputs.append(source)
    return graph.added(*outputs)


def _layers(tensors: Tensors, prefix: str) -> list[str]:
    """Names of layers with a weight below a prefix, in their order."""
    names = {
        name.removesuffix(".weight")
        for name in tensors
        if name.startswith(f"{prefix}.") and name.endswith(".weight")
    }
    if not names:
        raise ValueError(f"the weights have no layer in {prefix!r}")
    return sorted(names, key=lambda name: [int(n) for n in re.findall(r"\.(\d+)", name)])


def _number(name: str) -> int:
    return int(name.rpartition(".")[2])


def _upsampled(graph: Graph, source: str, name: str) -> str:
    return graph.convolution(graph.doubled(source), f"{name}.conv")


def _classified(graph: Graph, source: str) -> str:
    n_classes = graph.shape_of("px.weight")[0]
    # Of several classes the last is what lies between the atoms.
    return graph.probability(graph.convolution(source, "px"), n_classes, background=-1)


def _unet(graph: Graph, tensors: Tensors, said: Mapping[str, Any]) -> str:
    """Three times down and up: AtomAI's Unet, AtomNet's atomsegnet, FerroNet."""
    first = _block(graph, tensors, "image", "c1")
    second = _block(graph, tensors, graph.max_pool(first), "c2")
    third = _block(graph, tensors, graph.max_pool(second), "c3")
    deepest = graph.max_pool(third)
    if any(name.startswith("bn.atrous_module.") for name in tensors):
        deepest = _dilated_block(
            graph, tensors, deepest, "bn.atrous_module", dropout=bool(said.get("dropout"))
        )
    else:
        deepest = _block(graph, tensors, deepest, "bn")
    x = graph.joined(third, _upsampled(graph, deepest, "upsample_block1"))
    x = _block(graph, tensors, x, "c4")
    x = graph.joined(second, _upsampled(graph, x, "upsample_block2"))
    x = _block(graph, tensors, x, "c5")
    x = graph.joined(first, _upsampled(graph, x, "upsample_block3"))
    return _classified(graph, _block(graph, tensors, x, "c6"))


def _dilnet(graph: Graph, tensors: Tensors, said: Mapping[str, Any]) -> str:
    """AtomAI's dilnet: once down, two cascades of dilations, once up."""
    dropout = bool(said.get("dropout"))
    first = _block(graph, tensors, "image", "c1")
    x = graph.max_pool(first)
    for name in ("at1", "at2"):
        x = _dilated_block(graph, tensors, x, f"{name}.atrous_module", dropout=dropout)
    x = graph.joined(first, _upsampled(graph, x, "up1"))
    return _classified(graph, _block(graph, tensors, x, "c2"))


def _residual_module(graph: Graph, tensors: Tensors, source: str, prefix: str) -> str:
    numbers = {int(n) for n in re.findall(rf"{prefix}\.res_module\.(\d+)\.", " ".join(tensors))}
    for number in sorted(numbers):
        block = f"{prefix}.res_module.{number}"
        kept = graph.convolution(source, f"{block}.c0")
        # Its normalisations have weights, but AtomNet does not apply them.
        x = graph.leaky_relu(graph.convolution(kept, f"{block}.c1", padding=1))
        x = graph.convolution(x, f"{block}.c2", padding=1)
        source = graph.leaky_relu(graph.added(x, kept))
    return source


def _residual_unet(graph: Graph, tensors: Tensors, _said: Mapping[str, Any]) -> str:
    """AtomNet's resatomsegnet for cubic lattices: twice down and up, residual blocks."""
    first = _block(graph, tensors, "image", "c1")
    second = _residual_module(graph, tensors, graph.max_pool(first), "c2")
    deepest = _residual_module(graph, tensors, graph.max_pool(second), "bn")
    x = graph.joined(second, _upsampled(graph, deepest, "upsample_block1"))
    x = _residual_module(graph, tensors, x, "c3")
    x = graph.joined(first, _upsampled(graph, x, "upsample_block2"))
    return _classified(graph, _block(graph, tensors, x, "c4"))


def _window_classifier(graph: Graph, tensors: Tensors, _said: Mapping[str, Any]) -> str:
    """A classifier of windows of 21 pixels, at all pixels at once.

    Its average over three by three blocks becomes a moving average, and the dense layer after it a
    convolution whose taps are a block apart: the same sums, but no pixel's features twice.
    """
    x = graph.pad("image", _WINDOW_REACH)
    for i in (0, 3, 6):
        x = graph.batch_normalization(graph.convolution(x, f"features.{i}"), f"features.{i + 1}")
        x = graph.relu(x)
    x = graph.mean_filter(x, _BLOCK)
    dense = [*_layers(tensors, "fc_layers"), "fc3"]
    for i, name in enumerate(dense):
        weight = np.asarray(tensors[f"{name}.weight"])
        side = 3 if i == 0 else 1
        weight = weight.reshape(len(weight), -1, side, side)
        x = graph.convolution_with(x, weight, tensors[f"{name}.bias"], dilation=_BLOCK)
        if name != "fc3":
            x = graph.relu(x)
    return graph.probability(x, graph.shape_of("fc3.weight")[0], background=0)


ARCHITECTURES: dict[str, Architecture] = {
    "atomai-unet": Architecture(_unet, 8, 176, "min-max", "upsample_block3.conv.weight"),
    "atomai-dilnet": Architecture(_dilnet, 2, 80, "min-max", "up1.conv.weight"),
    "atomnet": Architecture(_unet, 8, 176, "min-max", "upsample_block3.conv.weight"),
    "atomnet-cubic": Architecture(_residual_unet, 4, 48, "min-max", "c2.res_module.0.c0.weight"),
    "ferronet": Architecture(_unet, 8, 176, "min-max", "upsample_block3.conv.weight"),
    "window-classifier": Architecture(_window_classifier, 1, _WINDOW_REACH, "median", "fc3.weight"),
}
