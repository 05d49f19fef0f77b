"""The shipped network: a small U-Net that works at half resolution, in JAX and as an ONNX file.

JAX and ONNX say the same in their own words; `train.py` checks that both give the same map.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Parameters = dict[str, dict[str, jax.Array]]

#: Name, channels in and out, side of the kernel, stride, dilation; in the order of their use.
LAYERS = (
    ("stem", 1, 16, 5, 2, 1),
    ("fine", 16, 16, 3, 1, 1),
    ("down_4", 16, 32, 3, 2, 1),
    ("middle", 32, 32, 3, 1, 1),
    ("down_8", 32, 64, 3, 2, 1),
    ("wide", 64, 64, 3, 1, 1),
    ("wider", 64, 64, 3, 1, 2),
    ("up_4", 64 + 32, 32, 3, 1, 1),
    ("up_2", 32 + 16, 16, 3, 1, 1),
    ("last", 16, 16, 3, 1, 1),
    # Four channels: the four pixels of each pixel at half resolution.
    ("logits", 16, 4, 1, 1, 1),
)
#: Sides of what the network takes are multiples of this.
MULTIPLE = 8
#: No pixel further away than this has a say in a pixel's probability.
REACH = 56
_OPSET = 17


def draw(key: jax.Array) -> Parameters:
    """Weights of a network that has learnt nothing (He's initialisation)."""
    parameters = {}
    for (name, n_in, n_out, side, _, _), own in zip(
        LAYERS, jax.random.split(key, len(LAYERS)), strict=True
    ):
        deviation = np.sqrt(2 / (n_in * side * side))
        parameters[name] = {
            "weight": deviation * jax.random.normal(own, (side, side, n_in, n_out)),
            # Most pixels are no atom: probabilities begin at 0.1.
            "bias": jnp.full(n_out, -2.2 if name == "logits" else 0.0),
        }
    return parameters


def logits(parameters: Parameters, images: jax.Array) -> jax.Array:
    """From normalized images (n, rows, cols) to the logit of an atom at each pixel."""

    def layer(name: str, x: jax.Array) -> jax.Array:
        _, _, _, side, stride, dilation = next(entry for entry in LAYERS if entry[0] == name)
        pad = dilation * (side // 2)
        x = jax.lax.conv_general_dilated(
            x,
            parameters[name]["weight"],
            (stride, stride),
            # A stride keeps the first of each pair of pixels, as ONNX does with these paddings.
            [(pad, pad)] * 2,
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return x + parameters[name]["bias"]

    def doubled(x: jax.Array) -> jax.Array:
        return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)

    relu = jax.nn.relu
    fine = relu(layer("fine", relu(layer("stem", images[..., None]))))
    middle = relu(layer("middle", relu(layer("down_4", fine))))
    coarse = relu(layer("down_8", middle))
    for name in ("wide", "wider"):
        coarse = coarse + relu(layer(name, coarse))
    x = relu(layer("up_4", jnp.concatenate([doubled(coarse), middle], axis=-1)))
    x = relu(layer("up_2", jnp.concatenate([doubled(x), fine], axis=-1)))
    x = layer("logits", relu(layer("last", x)))
    n, rows, cols, _ = x.shape
    return x.reshape(n, rows, cols, 2, 2).transpose(0, 1, 3, 2, 4).reshape(n, 2 * rows, 2 * cols)


def save(parameters: Parameters, path: Path, metadata: dict[str, str]) -> None:
    """Write an ONNX file: input (n, 1, rows, cols) normalized, output probabilities alike.

    Weights are stored with 8 bits and one factor for each output channel, and made 32 bits when the
    file is loaded.
    """
    nodes, stored = [], []

    def constant(name: str, values: NDArray[np.float32]) -> str:
        stored.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def kernel(name: str, values: NDArray[np.float32]) -> str:
        step = np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127
        whole = np.rint(values / np.where(step > 0, step, 1)).astype(np.int8)
        stored.append(numpy_helper.from_array(whole, f"{name}_whole"))
        nodes.append(
            helper.make_node("Cast", [f"{name}_whole"], [f"{name}_real"], to=TensorProto.FLOAT)
        )
        nodes.append(
            helper.make_node("Mul", [f"{name}_real", constant(f"{name}_step", step)], [name])
        )
        return name

    def layer(name: str, source: str, *, activated: bool = True) -> str:
        _, _, _, side, stride, dilation = next(entry for entry in LAYERS if entry[0] == name)
        weight = np.asarray(parameters[name]["weight"]).transpose(3, 2, 0, 1)
        inputs = [
            source,
            kernel(f"{name}_weight", weight),
            constant(f"{name}_bias", np.asarray(parameters[name]["bias"])),
        ]
        result = name if not activated else f"{name}_raw"
        pad = dilation * (side // 2)
        nodes.append(
            helper.make_node(
                "Conv",
                inputs,
                [result],
                kernel_shape=[side, side],
                strides=[stride, stride],
                dilations=[dilation, dilation],
                pads=[pad] * 4,
            )
        )
        if activated:
            nodes.append(helper.make_node("Relu", [result], [name]))
        return name

    def joined(coarse: str, fine: str, name: str) -> str:
        nodes.append(
            helper.make_node(
                "Resize",
                [coarse, "", "twice"],
                [f"{name}_doubled"],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        )
        nodes.append(helper.make_node("Concat", [f"{name}_doubled", fine], [name], axis=1))
        return name

    stored.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"))
    fine = layer("fine", layer("stem", "image"))
    middle = layer("middle", layer("down_4", fine))
    coarse = layer("down_8", middle)
    for name in ("wide", "wider"):
        nodes.append(helper.make_node("Add", [coarse, layer(name, coarse)], [f"{name}_sum"]))
        coarse = f"{name}_sum"
    x = layer("up_4", joined(coarse, middle, "with_middle"))
    x = layer("up_2", joined(x, fine, "with_fine"))
    x = layer("logits", layer("last", x), activated=False)
    nodes.append(helper.make_node("DepthToSpace", [x], ["full"], blocksize=2, mode="DCR"))
    nodes.append(helper.make_node("Sigmoid", ["full"], ["probability"]))
    shape = ["n", 1, "rows", "cols"]
    graph = helper.make_graph(
        nodes,
        "logstar atoms",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, shape)],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = 8
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)
