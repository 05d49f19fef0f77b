"""BoTorch's noisy expected hypervolume improvement: the reference that ours is held against."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Choice, Point
from logstar.pareto import is_non_dominated

from ._base import BaseEngine
from ._policies import Warp, corner_beyond

_N_SAMPLES, _N_RAW, _N_RESTARTS, _MAX_STEPS = 64, 128, 4, 60


class BoTorchSearch(BaseEngine):
    """qLogNEHVI over independent Gaussian processes.

    Categories are one-hot columns to it, relaxed to [0, 1]; the best points of the relaxation are
    brought to the nearest settings and the best of these is taken. With one objective this is
    qLogNEI.

    Parameters
    ----------
    warp : bool, default=False
        Whether losses with heavy tails are compressed, as in the engine ``"ehvi"``.
    alternate : bool, default=False
        Whether every fourth ask looks beyond the front's nadir, likewise.
    **kwargs
        As `BaseEngine`.

    References
    ----------
    S. Daulton et al., NeurIPS 2021; S. Ament et al., NeurIPS 2023.
    """

    def __init__(
        self, *args: Any, warp: bool = False, alternate: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._warps = warp
        self._alternates = alternate

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        import torch  # noqa: PLC0415 - late, as the package is an extra

        points, losses = self._valid()
        if not points:
            return self._unseen(rng, n_points)
        found: list[Point] = []
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with (
                torch.random.fork_rng(devices=[]),
                self._threads.limit(limits=1),
                warnings.catch_warnings(),
            ):
                # On scaling of inputs, on jitter, on experimental parts: none can be acted on.
                warnings.simplefilter("ignore")
                seed = int(rng.integers(2**31))
                torch.manual_seed(seed)
                values = self._standardised(losses)
                model = self._fit(points, values)
                while len(found) < n_points:
                    pending = [*self._pending, *found]
                    acquisition = self._acquisition(model, points, values, pending, seed)
                    point = self._best(acquisition, rng, self._known().union(found))
                    if point is None:
                        break
                    found.append(point)
        finally:
            torch.set_num_threads(n_threads)
        return found

    def _standardised(self, losses: FloatArray) -> FloatArray:
        """Return losses with mean 0 and variance 1, for BoTorch to maximise."""
        if self._warps:
            losses = Warp.from_losses(losses)(losses)
        spread = losses.std(axis=0)
        values: FloatArray = -(losses - losses.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        return values

    def _fit(self, points: list[Point], values: FloatArray) -> Any:
        from botorch.fit import fit_gpytorch_mll  # noqa: PLC0415
        from botorch.models import ModelListGP, SingleTaskGP  # noqa: PLC0415
        from gpytorch.mlls import SumMarginalLogLikelihood  # noqa: PLC0415

        inputs = self._tensor(self._space.encode(points))
        model = ModelListGP(
            *(
                SingleTaskGP(inputs, self._tensor(column[:, np.newaxis]), outcome_transform=None)
                for column in values.T
            )
        )
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        return model

    def _acquisition(
        self, model: Any, points: list[Point], values: FloatArray, pending: list[Point], seed: int
    ) -> Any:
        import torch  # noqa: PLC0415
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement  # noqa: PLC0415
        from botorch.acquisition.multi_objective.logei import (  # noqa: PLC0415
            qLogNoisyExpectedHypervolumeImprovement,
        )
        from botorch.sampling import SobolQMCNormalSampler  # noqa: PLC0415

        shared = {
            "model": model,
            "X_baseline": self._tensor(self._space.encode(points)),
            "sampler": SobolQMCNormalSampler(torch.Size([_N_SAMPLES]), seed=seed),
            "X_pending": self._tensor(self._space.encode(pending)) if pending else None,
            "prune_baseline": True,
        }
        if values.shape[1] == 1:
            return qLogNoisyExpectedImprovement(**shared)
        corner = -corner_beyond(
            -values[is_non_dominated(-values)],
            -values,
            len(self._points) + len(pending),
            alternate=self._alternates,
        )
        return qLogNoisyExpectedHypervolumeImprovement(ref_point=corner.tolist(), **shared)

    def _best(
        self, acquisition: Any, rng: np.random.Generator, excluded: set[Point]
    ) -> Point | None:
        import torch  # noqa: PLC0415
        from botorch.optim import optimize_acqf  # noqa: PLC0415

        if self._is_small():
            candidates = [point for point in self._space.enumerate() if point not in excluded]
        else:
            relaxed, _ = optimize_acqf(
                acquisition,
                bounds=self._tensor(np.array([[0.0], [1.0]]).repeat(self._space.n_encoded, axis=1)),
                q=1,
                num_restarts=_N_RESTARTS,
                raw_samples=_N_RAW,
                options={"maxiter": _MAX_STEPS, "batch_limit": _N_RESTARTS},
                return_best_only=False,
            )
            rows = relaxed.reshape(-1, self._space.n_encoded).cpu().numpy()
            near = [self._allowed(self._nearest(row), rng, excluded) for row in rows]
            candidates = [point for point in dict.fromkeys(near) if point is not None]
        if not candidates:
            return None
        inputs = self._tensor(self._space.encode(candidates)).unsqueeze(1)
        with torch.no_grad():
            scores = torch.cat([acquisition(block) for block in inputs.split(_N_RAW)])
        return candidates[int(scores.argmax())]

    def _nearest(self, row: FloatArray) -> Point:
        """Turn an encoded row back into a point."""
        numbers = [
            int(np.argmax(row[columns]))
            if isinstance(dimension, Choice)
            else dimension.from_unit(row[columns.start]).item()
            for dimension, columns in zip(self._space.dimensions, self._space.columns, strict=True)
        ]
        return self._space.nearest(numbers)

    @staticmethod
    def _tensor(values: FloatArray) -> Any:
        import torch  # noqa: PLC0415

        return torch.as_tensor(values, dtype=torch.float64)

    @cached_property
    def _threads(self) -> ThreadpoolController:
        return ThreadpoolController()
