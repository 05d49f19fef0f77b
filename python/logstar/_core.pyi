"""Types of the Rust core; its functions take checked arrays and are called by the estimators."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "__version__",
    "distance_sums",
    "find_candidates",
    "instruction_sets",
    "order_statistics",
    "prune_by_scale",
    "prune_compatible",
    "prune_in_order",
]

__version__: str

_Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_HalfKernel: TypeAlias = NDArray[np.float64]
_Scale: TypeAlias = tuple[_HalfKernel, _HalfKernel, _HalfKernel, _HalfKernel, float]

def find_candidates(
    image: _Floats,
    ladder: Sequence[_Scale],
    threshold: float | None,
    border: tuple[int, int],
    n_threads: int,
    instruction_set: str | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
def instruction_sets() -> list[str]: ...
def order_statistics(image: _Floats, ranks: Sequence[int]) -> list[float]: ...
def prune_by_scale(
    blobs: NDArray[np.float64], responses: NDArray[np.float64], max_overlap: float
) -> NDArray[np.bool_]: ...
def prune_compatible(blobs: _Floats, max_overlap: float) -> tuple[NDArray[np.bool_], int]: ...
def prune_in_order(
    blobs: _Floats, pairs: Sequence[tuple[int, int]], max_overlap: float
) -> NDArray[np.bool_]: ...
def distance_sums(
    points: NDArray[np.float64], n_neighbors: int, n_threads: int
) -> NDArray[np.float64]: ...
