"""The default engine: expected hypervolume improvement over independent Gaussian processes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Point
from logstar.pareto import is_non_dominated

from ._acquisition import Score
from ._improvement import Boxes, log_expected_improvement
from ._parego import ParEGO
from ._policies import Warp, corner_beyond

#: Greatest number of objectives; with more, the boxes that fill the space beyond a front become too
#: many.
MAX_OBJECTIVES = 4


class EHVI(ParEGO):
    """Expected hypervolume improvement, exact for two to four objectives.

    One Gaussian process a loss; the point of largest expected hypervolume improvement is next.
    With one objective this is expected improvement; with more than four it is its parent ParEGO,
    and a warning says so.

    Parameters
    ----------
    warp : bool, default=True
        Whether losses with heavy tails are compressed (`Warp`).
    alternate : bool, default=True
        Whether every fourth ask looks beyond the front's nadir (`corner_beyond`).
    **kwargs
        As `BaseEngine`.

    References
    ----------
    K. Yang et al., J. Global Optim. 75 (2019) 3, and Efficient computation of expected
    hypervolume improvement; S. Ament et al., NeurIPS 2023.
    """

    def __init__(
        self, *args: Any, warp: bool = True, alternate: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._warps = warp
        self._alternates = alternate
        self._warned = False

    def _prepare(self, rng: np.random.Generator) -> None:
        points, losses = self._valid()
        self._is_exact = losses.shape[1] <= MAX_OBJECTIVES
        if not self._is_exact:
            self._warn_once(losses.shape[1])
            super()._prepare(rng)
            return
        if self._warps:
            losses = Warp.from_losses(losses)(losses)
        # One scale for all: surrogates have their own, but ties and rounding then look the same.
        spread = losses.std(axis=0)
        self._values = (losses - losses.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        encoded = self._space.encode(points)
        refine = self._is_refined()
        self._surrogates = [
            self._fit(str(j), encoded, column, refine=refine)
            for j, column in enumerate(self._values.T)
        ]
        if self._noisy:
            # A lucky draw is not on the front; what is expected there may be.
            self._values = self._predict(encoded)[0]
        on_front = is_non_dominated(self._values)
        self._front = self._values[on_front]
        self._front_points = [p for p, is_on in zip(points, on_front, strict=True) if is_on]
        self._n_believed = 0

    def _score(self, pending: list[Point], rng: np.random.Generator) -> Score:
        if not self._is_exact:
            return super()._score(pending, rng)
        new = pending[self._n_believed :]
        if new:
            encoded = self._space.encode(new)
            self._front = np.vstack([self._front, self._predict(encoded)[0]])
            for surrogate in self._surrogates:
                surrogate.believe(encoded)
            self._n_believed = len(pending)
        if self._values.shape[1] == 1:
            surrogate, best = self._surrogates[0], float(self._front.min())
            return lambda encoded: log_expected_improvement(*surrogate.predict(encoded), best)
        front = self._front[is_non_dominated(self._front)]
        n_before = len(self._points) + len(pending)
        corner = corner_beyond(front, self._values, n_before, alternate=self._alternates)
        boxes = Boxes.beyond(front, corner)
        return lambda encoded: boxes.log_expected_volume(*self._predict(encoded))

    def _predict(self, encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
        means, stds = zip(*(s.predict(encoded) for s in self._surrogates), strict=True)
        return np.column_stack(means), np.column_stack(stds)

    def _warn_once(self, n_objectives: int) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f'engine="ehvi" takes up to {MAX_OBJECTIVES} objectives, got {n_objectives}; with '
                'so many it goes on as engine="parego", which says nothing of hypervolume.',
                UserWarning,
                stacklevel=2,
            )
