"""Other packages' trained weights, brought to the ONNX files that `OnnxOracle` runs."""

from ._architectures import ARCHITECTURES
from ._convert import convert_weights

__all__ = ["ARCHITECTURES", "convert_weights"]
