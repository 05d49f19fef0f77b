"""A mixture whose components are told apart by how dispersed they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from logstar._validation import FloatArray

#: Added to the variances of the mixture so that none vanishes, as a share of the points' mean one.
_REGULARIZATION = 1e-6
#: Share of the points, those nearest to 0, that the crystal's component starts from.
_BULK = 0.9


def fit_mixture(
    points: FloatArray, n_components: int, covariance_type: str, random_state: object
) -> tuple[GaussianMixture, NDArray[np.bool_]]:
    """Fit a Gaussian mixture that starts from one tight and some more dispersed components.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_dimensions)
        Residuals: a crystal has them at 0, but for noise.
    n_components : int
        At least 2.
    covariance_type : {"full", "tied", "diag", "spherical"}
        As in `sklearn.mixture.GaussianMixture`.
    random_state : int, RandomState or None
        Handed to scikit-learn's mixture. It changes nothing, as the start is not drawn at random.

    Returns
    -------
    mixture : GaussianMixture
        The fitted mixture.
    is_amorphous : ndarray of shape (n_components,), bool
        Components whose mean square from 0 exceeds the geometric mean of the least and the
        greatest of the components.
    """
    energy = (points**2).sum(axis=1)
    # By rank: where many points are alike, as in an image without noise, quantiles coincide and a
    # component would start from no point at all.
    ranks = energy.argsort(kind="stable").argsort()
    edges = np.linspace(_BULK, 1, n_components)[:-1] * (len(points) - 1)
    strata = np.searchsorted(edges, ranks, side="right")
    scale = float(points.var(axis=0).mean())
    means = [points[strata == k].mean(axis=0) for k in range(n_components)]
    mixture = GaussianMixture(
        n_components,
        covariance_type=covariance_type,
        reg_covar=_REGULARIZATION * scale,
        weights_init=np.bincount(strata, minlength=n_components) / len(points),
        means_init=means,
        precisions_init=_precisions(points, strata, n_components, covariance_type, scale),
        max_iter=300,
        random_state=random_state,
    ).fit(points)
    return mixture, are_dispersed(dispersions(mixture))


def are_dispersed(spread: FloatArray) -> NDArray[np.bool_]:
    """Tell which components are farther from the least dispersed than from the most, by factors."""
    result: NDArray[np.bool_] = spread > np.sqrt(spread.min() * spread.max())
    return result


def dispersions(mixture: GaussianMixture) -> FloatArray:
    """Mean square from 0 of each component, summed over the dimensions."""
    n_components, n_dimensions = mixture.means_.shape
    covariances = mixture.covariances_
    if mixture.covariance_type == "full":
        traces = np.trace(covariances, axis1=1, axis2=2)
    elif mixture.covariance_type == "tied":
        traces = np.full(n_components, np.trace(covariances))
    elif mixture.covariance_type == "diag":
        traces = covariances.sum(axis=1)
    else:
        traces = covariances * n_dimensions
    spread: FloatArray = traces + (mixture.means_**2).sum(axis=1)
    return spread


def _precisions(
    points: FloatArray, strata: NDArray[np.intp], n: int, covariance_type: str, scale: float
) -> FloatArray:
    eye = _REGULARIZATION * scale * np.eye(points.shape[1])
    if covariance_type == "tied":
        return np.asarray(np.linalg.inv(np.cov(points.T, bias=True).reshape(eye.shape) + eye))
    covariances = np.array(
        [np.cov(points[strata == k].T, bias=True).reshape(eye.shape) + eye for k in range(n)]
    )
    if covariance_type == "full":
        return np.asarray(np.linalg.inv(covariances))
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return np.asarray(1 / (variances if covariance_type == "diag" else variances.mean(axis=1)))
