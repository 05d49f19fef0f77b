"""A network written down layer by layer as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Version of ONNX's operators; onnxruntime knows it since 2022.
_OPSET = 17
_IR_VERSION = 8
#: Of batch normalisation, as PyTorch has it.
_EPSILON = 1e-5

Tensors = Mapping[str, NDArray[Any]]


def import_onnx() -> Any:
    """Import onnx, which is an extra."""
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError(
            "weights are written by onnx, which is missing: "
            f'pip install "logstar[oracle]" ({error})'
        ) from error
    return onnx


class Graph:
    """Layers in the order in which they are applied; each gives the name of its output.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Weights by the names that PyTorch gives them.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._onnx = import_onnx()
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of a weight."""
        return tuple(self._tensor(name).shape)

    def convolution(self, source: str, name: str, *, padding: int = 0, dilation: int = 1) -> str:
        """Convolve with the weight and the bias of this name."""
        return self.convolution_with(
            source,
            self._tensor(f"{name}.weight"),
            self._tensor(f"{name}.bias"),
            padding=padding,
            dilation=dilation,
        )

    def convolution_with(
        self,
        source: str,
        weight: NDArray[Any],
        bias: NDArray[Any],
        *,
        padding: int = 0,
        dilation: int = 1,
    ) -> str:
        """Convolve with a given weight and bias."""
        return self._node(
            "Conv",
            [source, self._constant(weight), self._constant(bias)],
            kernel_shape=list(weight.shape[2:]),
            pads=[padding] * 4,
            dilations=[dilation] * 2,
        )

    def batch_normalization(self, source: str, name: str) -> str:
        """Normalise by the means and variances of training."""
        parts = ("weight", "bias", "running_mean", "running_var")
        inputs = [self._constant(self._tensor(f"{name}.{part}")) for part in parts]
        return self._node("BatchNormalization", [source, *inputs], epsilon=_EPSILON)

    def leaky_relu(self, source: str, slope: float = 0.01) -> str:
        """Multiply what is below 0 by the slope."""
        return self._node("LeakyRelu", [source], alpha=slope)

    def relu(self, source: str) -> str:
        """Set what is below 0 to 0."""
        return self._node("Relu", [source])

    def max_pool(self, source: str) -> str:
        """Take the greatest of two by two pixels."""
        return self._node("MaxPool", [source], kernel_shape=[2, 2], strides=[2, 2])

    def mean_filter(self, source: str, side: int) -> str:
        """Average squares around each pixel that has a whole one."""
        return self._node("AveragePool", [source], kernel_shape=[side, side], strides=[1, 1])

    def pad(self, source: str, width: int) -> str:
        """Surround the image with zeros."""
        pads = np.array([0, 0, width, width] * 2, dtype=np.int64)
        return self._node("Pad", [source, self._constant(pads)], mode="constant")

    def doubled(self, source: str) -> str:
        """Interpolate to twice the pixels a side, bilinearly between their middles."""
        scales = np.array([1, 1, 2, 2], dtype=np.float32)
        return self._node(
            "Resize",
            [source, "", self._constant(scales)],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def joined(self, *sources: str) -> str:
        """Put channels one after the other."""
        return self._node("Concat", list(sources), axis=1)

    def added(self, *sources: str) -> str:
        """Add outputs of the same shape."""
        return self._node("Sum", list(sources))

    def probability(self, source: str, n_classes: int, *, background: int) -> str:
        """Make the probability of any atom out of the classes' logits."""
        if n_classes == 1:
            return self._node("Sigmoid", [source])
        classes = self._node("Softmax", [source], axis=1)
        index = background % n_classes
        picked = self._node(
            "Slice",
            [
                classes,
                self._constant(np.array([index], np.int64)),
                self._constant(np.array([index + 1], np.int64)),
                self._constant(np.array([1], np.int64)),
            ],
        )
        return self._node("Sub", [self._constant(np.array(1.0, np.float32)), picked])

    def save(self, output: str, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the graph that ends with this output."""
        helper, proto = self._onnx.helper, self._onnx.TensorProto
        shape = ["n", 1, "rows", "cols"]
        self._nodes.append(helper.make_node("Identity", [output], ["probability"]))
        graph = helper.make_graph(
            self._nodes,
            "atoms",
            [helper.make_tensor_value_info("image", proto.FLOAT, shape)],
            [helper.make_tensor_value_info("probability", proto.FLOAT, ["n", 1, "r", "c"])],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(model.SerializeToString())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _tensor(self, name: str) -> NDArray[Any]:
        try:
            return self._tensors[name]
        except KeyError:
            raise ValueError(f"the weights have no {name!r}") from None

    def _constant(self, values: NDArray[Any]) -> str:
        if values.dtype.kind == "f":
            values = np.ascontiguousarray(values, dtype=np.float32)
        name = f"constant_{len(self._constants)}"
        self._constants[name] = self._onnx.numpy_helper.from_array(values, name)
        return name

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name
