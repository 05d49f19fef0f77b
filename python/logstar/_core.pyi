"""Types of the Rust core; its functions take checked arrays and are called by the estimators."""

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CandidateSet",
    "__version__",
    "distance_sums",
    "extract_patches",
    "find_candidates_of_parts",
    "find_tables_of_parts",
    "fit_peaks",
    "fold_cells",
    "gather_points",
    "index_atoms",
    "instruction_sets",
    "non_dominated",
    "order_statistics",
    "prune_by_scale",
    "prune_compatible",
    "prune_in_order",
    "prune_largest_first",
    "set_order",
    "spread_points",
]

__version__: str

_Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_HalfKernel: TypeAlias = NDArray[np.float64]
_Scale: TypeAlias = tuple[_HalfKernel, _HalfKernel, _HalfKernel, _HalfKernel, float]

def find_candidates_of_parts(
    image: _Floats,
    ladder: Sequence[_Scale],
    parts: Sequence[tuple[int, int]],
    threshold: float | None,
    border: tuple[int, int],
    n_threads: int,
    instruction_set: str | None = None,
    scaling: tuple[float, float] | None = None,
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]: ...
def find_tables_of_parts(
    image: _Floats,
    ladder: Sequence[_Scale],
    of_scales: NDArray[np.float64],
    parts: Sequence[tuple[int, int]],
    threshold: float | None,
    border: tuple[int, int],
    n_threads: int,
    instruction_set: str | None = None,
    scaling: tuple[float, float] | None = None,
) -> list[NDArray[np.float64]]: ...
def extract_patches(
    image: _Floats,
    positions: NDArray[np.float64],
    size: int,
    subpixel: bool,
    border: Literal["drop", "reflect"],
    normalization: Literal["none", "mean", "zscore"],
    n_threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]: ...
def instruction_sets() -> list[str]: ...
def non_dominated(losses: NDArray[np.float64]) -> NDArray[np.bool_]: ...
def order_statistics(
    image: _Floats,
    ranks: Sequence[int],
    n_threads: int = ...,
    instruction_set: str | None = None,
) -> list[float]: ...
def prune_by_scale(
    blobs: NDArray[np.float64],
    responses: NDArray[np.float64],
    max_overlap: float,
    n_threads: int = ...,
) -> NDArray[np.bool_]: ...
def prune_compatible(
    blobs: _Floats, max_overlap: float, n_threads: int = ...
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]: ...
def prune_in_order(
    blobs: _Floats, pairs: NDArray[np.int64], max_overlap: float
) -> NDArray[np.bool_]: ...
def prune_largest_first(
    blobs: _Floats, max_overlap: float, n_threads: int = ...
) -> NDArray[np.bool_]: ...
def set_order(
    pairs: NDArray[np.int64], marked: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]: ...
def distance_sums(
    points: NDArray[np.float64],
    n_neighbors: int,
    n_threads: int,
    instruction_set: str | None = None,
) -> NDArray[np.float64]: ...

@final
class CandidateSet:
    def __new__(
        cls,
        blobs: NDArray[np.float64],
        responses: NDArray[np.float64],
        n_threads: int,
    ) -> Self: ...
    def __len__(self) -> int: ...
    def kept(self, threshold: float, overlap: float) -> NDArray[np.int64]: ...
    def evaluate(
        self, threshold: float, overlap: float, n_neighbors: int, distance_sum: float
    ) -> tuple[int, int]: ...
    def grid(
        self,
        thresholds: NDArray[np.float64],
        overlaps: NDArray[np.float64],
        n_neighbors: int,
        distance_sum: float,
        n_threads: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    def kept_counts(
        self,
        thresholds: NDArray[np.float64],
        overlaps: NDArray[np.float64],
        n_threads: int,
    ) -> NDArray[np.int64]: ...
    def overlap_breakpoints(self) -> NDArray[np.float64]: ...
    def overlaps_within(
        self, low: float, high: float, at_most: int | None = None
    ) -> NDArray[np.float64]: ...
    def front_and_grid(
        self,
        overlaps: NDArray[np.float64],
        threshold_range: tuple[float, float],
        thresholds: NDArray[np.float64],
        n_neighbors: int,
        distance_sum: float,
        n_expected: float,
        n_threads: int,
    ) -> tuple[
        tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]],
        tuple[NDArray[np.int64], NDArray[np.int64]],
    ]: ...

def index_atoms(
    points: NDArray[np.float64],
    kinds: NDArray[np.int32],
    first: NDArray[np.uint32],
    edge_columns: NDArray[np.uint32],
    edge_cells: NDArray[np.int32],
    edge_vectors: NDArray[np.float64],
    column_kinds: NDArray[np.int32],
    nearest: float,
    tolerance: float,
    is_oriented: bool,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]: ...
def gather_points(
    image: NDArray[np.float64],
    places: NDArray[np.int64],
    kernel: NDArray[np.float64],
    side: int | None = None,
) -> NDArray[np.float64]: ...
def spread_points(
    places: NDArray[np.int64],
    heights: NDArray[np.float64],
    kernel: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float64]: ...
def fit_peaks(
    image: NDArray[np.float32] | NDArray[np.float64],
    mask: NDArray[np.bool_] | None,
    starts: NDArray[np.float64],
    kinds: NDArray[np.uint32],
    ghosts: NDArray[np.bool_],
    elliptical: bool,
    poisson: bool,
    reach: float,
    background_step: float,
    share_shape: bool,
    edge: float | None,
    window: float | None,
    max_iter: int,
    tolerance: float,
    n_threads: int,
    instruction_set: str | None,
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.uint8],
    int,
    float,
]: ...
def fold_cells(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_] | None,
    grid: NDArray[np.float64],
    spacing: tuple[float, float],
    gradients: list[list[float]],
    bins: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]: ...
