"""Gaussian processes; the only module that imports scikit-optimize.

Its `GaussianProcessRegressor` and kernels are used, and nothing else of it: they adapt scikit-
learn's, and pass with current releases what other parts of scikit-optimize do not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from logstar._validation import FloatArray

#: Bounds of the kernel's hyper-parameters, for inputs in [0, 1] and standardised outputs.
_AMPLITUDES = (1e-2, 1e3)
_LENGTHS = (5e-2, 2e1)
_NOISE = (1e-6, 1e-1)
#: With noisy losses anything up to nothing but noise.
_NOISE_IF_NOISY = (1e-4, 1.0)
#: Steps of the optimiser from the last hyper-parameters, and from the default ones.
_WARM_STEPS, _COLD_STEPS = 10, 40
_LEAST_STD = 1e-9


class Surrogate:
    """A Gaussian process of one loss: Matérn 5/2 with a length for each input, and noise.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_inputs)
        Inputs in [0, 1].
    values : ndarray of shape (n_points,)
        The loss; any scale.
    theta : sequence of float or None
        Logarithms of hyper-parameters to start from; None starts from scratch.
    noisy : bool, default=False
        Whether the same point may give different losses.
    refine : bool, default=True
        Whether to improve on `theta`.

    Attributes
    ----------
    theta : list of float
        Logarithms of the hyper-parameters: amplitude, lengths, noise.
    """

    def __init__(
        self,
        points: FloatArray,
        values: FloatArray,
        theta: Sequence[float] | None = None,
        *,
        noisy: bool = False,
        refine: bool = True,
    ) -> None:
        # Late: importing scikit-optimize takes half a second, which only a search should pay.
        from skopt.learning import GaussianProcessRegressor  # noqa: PLC0415
        from skopt.learning.gaussian_process.kernels import (  # noqa: PLC0415
            ConstantKernel,
            Matern,
            WhiteKernel,
        )

        n_inputs = points.shape[1]
        lengths = np.full(n_inputs, 0.5 * np.sqrt(n_inputs))
        kernel = ConstantKernel(1.0, _AMPLITUDES) * Matern(lengths, _LENGTHS, nu=2.5)
        kernel += WhiteKernel(1e-3, _NOISE_IF_NOISY if noisy else _NOISE)
        starts = [kernel.theta] if theta is None else [np.asarray(theta)]
        if theta is not None:
            kernel.theta = np.clip(starts[0], *kernel.bounds.T)
        steps = _COLD_STEPS if theta is None else _WARM_STEPS
        process = GaussianProcessRegressor(
            kernel,
            optimizer=_optimizer(steps) if refine else None,
            normalize_y=True,
            noise="gaussian",
        )
        with warnings.catch_warnings():
            # Hyper-parameters at their bounds: an input or the noise that does not matter.
            warnings.filterwarnings("ignore", message="The optimal value found for")
            process.fit(points, values)
        # The rest of the sum is the noise, which the fit sets to zero for predictions.
        self._kernel: Any = process.kernel_.k1
        self._mean = float(process.y_train_mean_)
        self._std = float(process.y_train_std_)
        noise = float(process.noise_)
        self.theta: list[float] = [*self._kernel.theta.tolist(), float(np.log(noise))]
        self._noise = noise + process.alpha
        self._points = points
        self._targets = (values - self._mean) / self._std
        self._factor: FloatArray = process.L_
        self._weights: FloatArray = process.alpha_

    def predict(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the loss without its noise, each of shape (n,)."""
        covariance = self._kernel(points, self._points)
        mean = self._mean + self._std * (covariance @ self._weights)
        rest = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        variance = self._kernel.diag(points) - np.einsum("ij,ij->j", rest, rest)
        return mean, self._std * np.sqrt(np.maximum(variance, _LEAST_STD**2))

    def believe(self, points: FloatArray) -> None:
        """Take what is predicted at points that are being evaluated for their losses.

        Hyper-parameters and scale stay; the factorisation is extended by the new rows.
        """
        mean = (self.predict(points)[0] - self._mean) / self._std
        cross = solve_triangular(
            self._factor, self._kernel(self._points, points), lower=True, check_finite=False
        )
        own = self._kernel(points) + self._noise * np.eye(len(points)) - cross.T @ cross
        n, m = cross.shape
        factor = np.zeros((n + m, n + m))
        factor[:n, :n] = self._factor
        factor[n:, :n] = cross.T
        factor[n:, n:] = cholesky(own, lower=True)
        self._factor = factor
        self._points = np.vstack([self._points, points])
        self._targets = np.concatenate([self._targets, mean])
        self._weights = cho_solve((factor, True), self._targets)


def _optimizer(n_steps: int) -> Callable[..., tuple[FloatArray, float]]:
    """Make the optimiser of hyper-parameters: few steps, and lengths near what is usual.

    A log-normal prior on lengths that grows with the number of inputs (Hvarfner et al., ICML 2024)
    keeps a handful of points from switching inputs off.
    """

    def optimise(
        objective: Callable[[FloatArray], tuple[float, FloatArray]],
        start: FloatArray,
        bounds: FloatArray,
    ) -> tuple[FloatArray, float]:
        usual = np.log(0.5 * np.sqrt(len(start) - 2))

        def posterior(theta: FloatArray) -> tuple[float, FloatArray]:
            value, gradient = objective(theta)
            off = theta[1:-1] - usual
            gradient = np.array(gradient)
            gradient[1:-1] += off / _LENGTH_VARIANCE
            return value + 0.5 * float(off @ off) / _LENGTH_VARIANCE, gradient

        found = minimize(  # type: ignore[call-overload] # no pair of value and slope
            posterior,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": n_steps},
        )
        return found.x, float(found.fun)

    return optimise


#: Of the logarithm of a length, under its prior.
_LENGTH_VARIANCE = 1.0
