"""Images and points to run on; seeds are fixed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PITCH = 12.0
_ANGLE = np.deg2rad(7.0)
#: Heights of two kinds of atoms, which alternate as on a checkerboard.
_AMPLITUDES = (1.0, 0.6)


class Scene(NamedTuple):
    """An image and how many atoms are in it."""

    image: FloatArray
    n_atoms: int
    pitch: float


@lru_cache(maxsize=4)
def scene(
    size: int,
    *,
    pitch: float = PITCH,
    sigmas: tuple[float, float] = (3.0, 4.0),
    noise: float = 0.05,
) -> Scene:
    """Gaussian atoms on a square lattice rotated by 7 degrees, none on a pixel's centre."""
    rng = np.random.default_rng([size, round(10 * pitch), round(100 * noise)])
    reach = int(np.ceil(size / pitch)) + 1
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1)
    steps = steps.reshape(-1, 2)
    rotation = np.array([[np.cos(_ANGLE), -np.sin(_ANGLE)], [np.sin(_ANGLE), np.cos(_ANGLE)]])
    places = steps @ rotation.T * pitch + (size - 1) / 2 + 0.25
    inside = ((places >= 0) & (places <= size - 1)).all(axis=1)
    places, heights = places[inside], np.take(_AMPLITUDES, steps[inside].sum(axis=1) % 2)
    image = rng.normal(0.0, noise, (size, size))
    for place, height, sigma in zip(
        places, heights, rng.uniform(*sigmas, len(places)), strict=True
    ):
        (rows, profile), (cols, across) = (_profile(x, sigma, size) for x in place)
        image[rows, cols] += height * np.outer(profile, across)
    image.setflags(write=False)
    return Scene(image, len(places), pitch)


def _profile(center: float, sigma: float, size: int) -> tuple[slice, FloatArray]:
    """A Gaussian along one axis, cut at four standard deviations and at the image's edges."""
    first = max(0, int(center - 4 * sigma))
    last = min(size, int(center + 4 * sigma) + 2)
    return slice(first, last), np.exp(-((np.arange(first, last) - center) ** 2) / (2 * sigma**2))


def named_scene(name: str) -> Scene:
    """A size in pixels, or one of two hard images of 256 px.

    "256d" is dense and noisy, with atoms as wide for its pitch as in the others; "256n" is very
    noisy.
    """
    if name == "256d":
        return scene(256, pitch=7.5, sigmas=(1.9, 2.5), noise=0.15)
    if name == "256n":
        return scene(256, noise=0.3)
    return scene(int(name))


def _lattice(n: int, rng: np.random.Generator) -> FloatArray:
    side = int(np.ceil(np.sqrt(n)))
    steps = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    return PITCH * steps[:n] + rng.normal(0.0, 0.05 * PITCH, (n, 2))


def _uniform(n: int, rng: np.random.Generator) -> FloatArray:
    return rng.uniform(0.0, PITCH * np.sqrt(n), (n, 2))


def _clustered(n: int, rng: np.random.Generator) -> FloatArray:
    """A hundred dense clusters far apart: a grid of one cell size suits nowhere."""
    centers = rng.uniform(0.0, 1e5, (100, 2))
    return centers[rng.integers(0, 100, n)] + rng.normal(0.0, 1.0, (n, 2))


def _line(n: int, rng: np.random.Generator) -> FloatArray:
    return np.outer(rng.uniform(0.0, PITCH * n, n), [0.6, 0.8])


def _duplicates(n: int, rng: np.random.Generator) -> FloatArray:
    """About eight points at each place."""
    return _uniform(max(1, n // 8), rng)[rng.integers(0, max(1, n // 8), n)]


#: Point sets by name. On the first two a grid or a tree is at its best; the others are there to
#: break it.
POINT_SETS: dict[str, Callable[[int, np.random.Generator], FloatArray]] = {
    "lattice": _lattice,
    "uniform": _uniform,
    "clustered": _clustered,
    "line": _line,
    "duplicates": _duplicates,
}


@lru_cache(maxsize=4)
def points(kind: str, n: int) -> FloatArray:
    """Draw points in random order: detections are sorted by response, not by place."""
    rng = np.random.default_rng([n, list(POINT_SETS).index(kind)])
    table: Any = rng.permutation(POINT_SETS[kind](n, rng))
    table.setflags(write=False)
    return table
