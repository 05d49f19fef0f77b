"""Inputs that break things: points, blobs and images drawn from a generator, with their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Factors that take coordinates and intensities to the ends of the floats' range.
FACTORS = (1.0, 1e-3, 1e6, 1e150, 1e300, 1e-160, 1e-300, 1e-320)


def _somewhere(rng: Generator, n: int) -> FloatArray:
    return rng.uniform(0, 10 * np.sqrt(n), (n, 2))


def _on_grid(rng: Generator, n: int) -> FloatArray:
    side = int(np.ceil(np.sqrt(n)))
    steps = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1)
    return rng.permutation(steps.reshape(-1, 2)[:n].astype(float))


def _on_curve(rng: Generator, n: int, turns: float, inner: float) -> FloatArray:
    along = rng.random(n)
    radius, angle = inner + (1 - inner) * along, 2 * np.pi * turns * along
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _one_far(rng: Generator, n: int) -> FloatArray:
    points = _somewhere(rng, n)
    points[rng.integers(n)] = rng.choice([1e9, -1e12, 1e300], 2)
    return points


POINTS: dict[str, Callable[[Generator, int], FloatArray]] = {
    "uniform": _somewhere,
    "grid": _on_grid,
    "one place": lambda _, n: np.full((n, 2), 3.0),
    "few places": lambda rng, n: rng.uniform(0, 9, (4, 2))[rng.integers(0, 4, n)],
    "eight at a place": lambda rng, n: _somewhere(rng, n)[rng.integers(0, 1 + n // 8, n)],
    "half at one place": lambda rng, n: np.where(rng.random((n, 1)) < 0.5, 1.0, _somewhere(rng, n)),
    "row": lambda rng, n: np.outer(rng.uniform(0, n, n), [0.0, 1.0]),
    "column": lambda rng, n: np.outer(rng.integers(0, n, n), [1.0, 0.0]),
    "diagonal": lambda rng, n: np.outer(rng.uniform(0, n, n), [0.6, 0.8]),
    "cross": lambda rng, n: rng.uniform(0, n, (n, 2)) * np.eye(2)[rng.integers(0, 2, n)],
    "clusters": lambda rng, n: (
        1e5 * rng.random((9, 2))[rng.integers(0, 9, n)] + rng.normal(size=(n, 2))
    ),
    "two far clusters": lambda rng, n: 1e9 * rng.integers(0, 2, (n, 1)) + rng.normal(size=(n, 2)),
    "spiral": lambda rng, n: _on_curve(rng, n, 30, 0.0),
    "circle": lambda rng, n: _on_curve(rng, n, 1, 1.0),
    "one far away": _one_far,
    "all magnitudes": lambda rng, n: (
        np.exp(rng.uniform(-700, 700, (n, 1))) * rng.normal(size=(n, 2))
    ),
    "walk": lambda rng, n: np.cumsum(rng.standard_cauchy((n, 2)), axis=0),
    "signed zeros": lambda rng, n: rng.choice([0.0, -0.0, 5e-324, -5e-324], (n, 2)),
    "far from the origin": lambda rng, n: 1e15 + _somewhere(rng, n),
    "ends of the range": lambda rng, n: rng.choice(
        [0.0, 1.0, np.finfo(float).max, np.finfo(float).min, 2.0**63, -(2.0**63)], (n, 2)
    ),
}


def draw_points(rng: Generator, n: int, kind: str | None = None) -> tuple[str, FloatArray]:
    """Draw `n` points of some kind, most at their own scale, some at another."""
    name = kind or str(rng.choice(list(POINTS)))
    points = POINTS[name](rng, n)
    factor = float(rng.choice(FACTORS)) if kind is None and rng.random() < 0.3 else 1.0
    with np.errstate(over="ignore"):
        points = np.clip(points * factor, -np.finfo(float).max, np.finfo(float).max)
    return f"{name} x {factor:g}", points


def _ladder(rng: Generator, n: int) -> FloatArray:
    return rng.choice(np.linspace(1, rng.uniform(1.5, 12), rng.integers(2, 8)), n)


SIGMAS: dict[str, Callable[[Generator, int], FloatArray]] = {
    "ladder": _ladder,
    "equal": lambda rng, n: np.full(n, rng.uniform(0.3, 8)),
    "one giant": lambda rng, n: np.where(np.arange(n) == rng.integers(n), 50.0, 1.0),
    "any ratio": lambda rng, n: 10 ** rng.uniform(-3, 2, n),
    "nearly equal": lambda rng, n: 2 * (1 + 1e-15 * rng.integers(0, 4, n)),
}

#: Where blobs may be; scikit-image's own arithmetic overflows with others.
BLOB_POINTS = (
    "uniform", "grid", "one place", "few places", "eight at a place", "half at one place", "row",
    "column", "diagonal", "cross", "clusters", "spiral", "one far away",
)  # fmt: skip


def draw_blobs(rng: Generator, n: int) -> tuple[str, NDArray[np.floating[Any]]]:
    """Draw blobs (n, 3), row, column and sigma, of one precision or the other."""
    places, sigmas = str(rng.choice(BLOB_POINTS)), str(rng.choice(list(SIGMAS)))
    if n == 0:
        return "none", np.empty((0, 3))
    _, points = draw_points(rng, n, places)
    if places == "one far away":
        points = np.clip(points, -1e6, 1e6)
    dtype = rng.choice([np.float64, np.float64, np.float32])
    if rng.random() < 0.6:
        points = np.round(points)
    table = np.column_stack([points, SIGMAS[sigmas](rng, n)]).astype(dtype)
    return f"{places}, {sigmas}, {table.dtype}", table


def _deltas(rng: Generator, shape: tuple[int, int]) -> FloatArray:
    image = np.zeros(shape)
    image.flat[rng.integers(0, image.size, rng.integers(1, 5))] = rng.choice([1.0, -1.0, 1e-300])
    return image


def _blocks(rng: Generator, shape: tuple[int, int]) -> FloatArray:
    size = int(rng.integers(2, 9))
    coarse = rng.integers(0, 3, [-(-n // size) for n in shape]).astype(float)
    return np.kron(coarse, np.ones((size, size)))[: shape[0], : shape[1]]


def _checkers(rng: Generator, shape: tuple[int, int]) -> FloatArray:
    rows, cols = np.indices(shape) // rng.integers(1, 4)
    return ((rows + cols) % 2).astype(float)


IMAGES: dict[str, Callable[[Generator, tuple[int, int]], FloatArray]] = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "constant": lambda rng, shape: np.full(shape, rng.choice([0.0, 1.0, 1e300, 5e-324, -3.0])),
    "deltas": _deltas,
    "checkers": _checkers,
    "blocks": _blocks,
    "stripes": lambda rng, shape: np.sin(np.indices(shape)[rng.integers(2)] * rng.uniform(0.1, 3)),
    "ramp": lambda rng, shape: np.indices(shape)[rng.integers(2)] * rng.uniform(-3, 3),
    "two levels": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "wide range": lambda rng, shape: rng.normal(size=shape) * 10 ** rng.uniform(-30, 5, shape),
    "pedestal": lambda rng, shape: 1e9 + rng.normal(size=shape),
    "one outlier": lambda rng, shape: np.where(
        np.arange(np.prod(shape)).reshape(shape) == rng.integers(np.prod(shape)),
        1e12,
        rng.normal(size=shape),
    ),
}

IMAGE_FACTORS = (1.0, 1.0, 1.0, 1e-3, 1e30, 1e250, 1e-30, 1e-300, 1e-315)
INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)


def draw_image(rng: Generator, most: int) -> tuple[str, NDArray[Any]]:
    """Draw an image of up to `most` pixels a side, every third thin, of any type of numbers."""
    shape = tuple(int(n) for n in rng.integers(1, most + 1, 2))
    if rng.random() < 0.3:
        shape = (1 + int(rng.integers(2)), shape[1])[:: rng.choice([1, -1])]
    name = str(rng.choice(list(IMAGES)))
    image = IMAGES[name](rng, shape)
    chance = rng.random()
    if chance < 0.25:
        limits = np.iinfo(rng.choice(INTEGERS))
        # The ends of the type's range, and numbers between them.
        low, high = float(image.min()), float(image.max())
        share = (image - low) / max(high - low, 1e-300)
        whole = [int(limits.min) + int(x * (int(limits.max) - int(limits.min))) for x in share.flat]
        numbers = np.array([min(x, int(limits.max)) for x in whole], dtype=limits.dtype)
        return f"{name} {limits.dtype}", numbers.reshape(shape)
    factor = float(rng.choice(IMAGE_FACTORS))
    if chance < 0.5:
        with np.errstate(over="ignore", under="ignore"):
            single = np.clip(image * factor, -1e38, 1e38).astype(np.float32)
        return f"{name} x {factor:g} float32", single
    with np.errstate(over="ignore", under="ignore"):
        return f"{name} x {factor:g}", np.clip(image * factor, -1e307, 1e307)
