"""Trained networks as oracles: a second opinion on where the atoms are.

A network is an ONNX file that gives each pixel the probability of an atom. One is shipped,
"lattice-v1", which learnt from simulated lattices alone; weights of other packages can be
converted. They run on onnxruntime: ``pip install "logstar[oracle]"``.
"""

from ._conversion import convert_weights
from ._oracle import OnnxOracle

__all__ = ["OnnxOracle", "convert_weights"]
