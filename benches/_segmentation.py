"""What the benches of atom types share: scenes with named orientations, a detector, the peer."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from logstar import Lattice, LoGStarDetector
from logstar.datasets import Scene, load_ybco, make_scene
from logstar.segmentation import AtomPatches

FloatArray = NDArray[np.floating[Any]]


def ybco(pixel_size: float = 0.2) -> Lattice:
    """YBa2Cu3O7, with names that tell the two Ba of a cell apart."""
    lattice = Lattice.ybco(pixel_size=pixel_size)
    names = iter(["Ba_1", "Ba_2"])
    columns = [
        dataclasses.replace(column, kind=next(names)) if column.kind == "Ba" else column
        for column in lattice.columns
    ]
    return dataclasses.replace(lattice, columns=tuple(columns))


def scene_of(seed: int, size: int = 512, **changes: Any) -> Scene:
    return make_scene(ybco(), (size, size), random_state=seed, **changes)


def micrograph(noisy: bool) -> Scene:
    return load_ybco(noisy)


def detector() -> LoGStarDetector:
    """A detector for atoms with sigmas of 2 to 4.5 px, whose threshold is above the noise."""
    return LoGStarDetector(min_sigma=2.0, max_sigma=4.5)


def windows_and_kinds(
    scene: Scene, **parameters: Any
) -> tuple[FloatArray, NDArray[np.str_], NDArray[np.bool_]]:
    """Windows of all detections, the true kind of each, and whether it is an atom."""
    patches = AtomPatches(detector(), **parameters)
    windows = patches.fit_transform(scene.image)
    distances, nearest = cKDTree(scene.positions).query(patches.positions_)
    return windows, scene.kinds[nearest], distances < scene.lattice.nearest_distance / 4


def accuracy(labels: NDArray[Any], kinds: NDArray[Any]) -> float:
    """Share of atoms with the label of their kind, under the best one-to-one naming of labels."""
    names, places = np.unique(kinds, return_inverse=True)
    own, labels = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(own), len(names)), dtype=int)
    np.add.at(counts, (labels, places), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(kinds))


def types_by_hand(windows: FloatArray, n_types: int, seed: int) -> NDArray[np.int64]:
    """The paper's steps by plain scikit-learn: two principal components, then a mixture."""
    embedding = PCA(2).fit_transform(windows)
    mixture = GaussianMixture(n_types, random_state=seed)
    labels: NDArray[np.int64] = mixture.fit_predict(embedding)
    return labels


def windows_by_hand(image: FloatArray, positions: FloatArray, size: int) -> FloatArray:
    """Windows by NumPy alone: a strided view, indexed by the first pixels."""
    first = np.floor(positions - (size - 1) / 2 + 0.5).astype(int)
    inside = ((first >= 0) & (first + size <= np.array(image.shape))).all(axis=1)
    rows, cols = first[inside].T
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))[rows, cols]
