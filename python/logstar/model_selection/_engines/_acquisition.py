"""The search for the point that promises most: a broad pool, then local refinement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import numpy as np

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Point, SearchSpace

#: Given encoded points, says what each promises; larger is better.
Score: TypeAlias = Callable[[FloatArray], FloatArray]

_N_POOL = 600
#: Number of neighbours of each incumbent that join the pool at each scale, and these scales, as
#: shares of a dimension's range.
_N_AROUND, _POOL_SCALES = 10, (0.2, 0.05, 0.01)
_MAX_INCUMBENTS = 8
#: Number of the pool's best points that are refined, and of steps, which shrink.
_N_REFINED, _N_STEPS = 4, 20
_SCALES = (0.1, 0.05, 0.02, 0.01, 0.004, 0.0015)


def most_promising(
    space: SearchSpace,
    score: Score,
    incumbents: Sequence[Point],
    excluded: Collection[Point],
    rng: np.random.Generator,
) -> Point | None:
    """Find the point with the largest score.

    Parameters
    ----------
    space : SearchSpace
        Where to look.
    score : callable
        What is maximised, over blocks of encoded points.
    incumbents : sequence of points
        Good points, around which to look closely.
    excluded : collection of points
        Never returned.
    rng : Generator
        Source of randomness.

    Returns
    -------
    point : tuple or None
        None if only excluded points were found.
    """
    pool = space.sample(rng, _N_POOL)
    if len(incumbents) > _MAX_INCUMBENTS:
        chosen = rng.choice(len(incumbents), _MAX_INCUMBENTS, replace=False)
        incumbents = [incumbents[index] for index in chosen]
    for incumbent in incumbents:
        for scale in _POOL_SCALES:
            pool += space.neighbours(incumbent, rng, _N_AROUND, scale)
    pool = _new(pool, excluded)
    if not pool:
        return None
    values = score(space.encode(pool))
    order = np.argsort(-values, kind="stable")[:_N_REFINED]
    best: list[tuple[float, Point]] = [(float(values[i]), pool[i]) for i in order]
    for scale in _SCALES:
        around = [_new(space.neighbours(p, rng, _N_STEPS, scale), excluded) for _, p in best]
        flat = [point for points in around for point in points]
        if not flat:
            continue
        values = score(space.encode(flat))
        start = 0
        for i, points in enumerate(around):
            if points:
                local = values[start : start + len(points)]
                top = int(np.argmax(local))
                if local[top] > best[i][0]:
                    best[i] = (float(local[top]), points[top])
                start += len(points)
    scores = [value for value, _ in best]
    return best[scores.index(max(scores))][1]


def best_of_all(
    space: SearchSpace, score: Score, points: Sequence[Point], excluded: Collection[Point]
) -> Point | None:
    """Find the point with the largest score among all of a small space."""
    left = _new(points, excluded)
    if not left:
        return None
    return left[int(np.argmax(score(space.encode(left))))]


def _new(points: Sequence[Point], excluded: Collection[Point]) -> list[Point]:
    """Drop excluded and repeated points."""
    return [point for point in dict.fromkeys(points) if point not in excluded]
