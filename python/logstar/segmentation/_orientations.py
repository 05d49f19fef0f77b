"""Whether the surroundings of one type of atom come in two orientations."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orth
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from ._features import Windows, odd_moment, odd_part

#: Of a type with fewer atoms than this, one orientation is assumed.
_MIN_ATOMS = 10
#: Two equal Gaussians have two maxima if their means are more than two standard deviations apart.
_MIN_SEPARATION = 2.0
#: Least share of the atoms in each orientation, since a few displaced atoms are none.
_MIN_SHARE = 0.1
#: How many principal components may tell orientations apart. Where atoms are displaced, these make
#: the first one.
_N_COMPONENTS = 3
#: Least variance of a component that may tell orientations apart, as a share of the mean square of
#: the windows. In simulated YBa2Cu3O7 without noise, orientations have 2e-3 at least; components
#: that come of windows not centred exactly have 3e-5 at most.
_MIN_CONTRAST = 2.5e-4


@dataclass(frozen=True)
class OrientationAxis:
    """The difference of two orientations of the same surroundings.

    Attributes
    ----------
    direction : ndarray of shape (size ** 2 // 2,)
        The odd part by which they differ, of unit length.
    middle : float
        Where atoms are as likely of one as of the other, along it.
    separation : float
        Distance of the two means, by the standard deviation around each.
    """

    direction: NDArray[np.float64]
    middle: float
    separation: float

    def label(self, windows: Windows) -> NDArray[np.int64]:
        """Tell which orientation windows have, 1 or 2."""
        along = odd_part(windows) @ self.direction
        return np.where(along > self.middle, 1, 2)


def find_orientations(windows: Windows) -> OrientationAxis | None:
    """Find out whether windows of one type are of two orientations.

    A half turn takes one orientation to the other, so they differ by the sign of what it reverses:
    a principal component of the odd parts. It also reverses what comes of windows that are not
    centred exactly; to first order these are the slopes of the mean window, which are taken out.
    Two orientations are accepted if the atoms' places along a component are told better by two
    Gaussians of one deviation than by one (BIC), with two maxima, and a tenth of the atoms in
    each. Of several such components, that with the farthest maxima is taken.

    Parameters
    ----------
    windows : ndarray of shape (n_atoms, size ** 2)
        Normalised windows.

    Returns
    -------
    axis : OrientationAxis or None
        None if there is one orientation. The first of two is the one that is brighter towards row
        0, or towards column 0 if the brighter sides are rather left and right.
    """
    size = math.isqrt(windows.shape[1])
    if len(windows) < _MIN_ATOMS or size < 2:
        return None
    odd: NDArray[Any] = odd_part(windows)
    slopes: NDArray[Any] = _slopes(windows.mean(axis=0).reshape(size, size)).astype(odd.dtype)
    odd -= (odd @ slopes) @ slopes.T
    n_components = min(_N_COMPONENTS, *odd.shape)
    pca = PCA(n_components, svd_solver="randomized", iterated_power=4, random_state=0).fit(odd)
    energy = float(np.einsum("ij,ij->i", windows, windows).mean())
    axes = [
        _split(odd, direction.astype(np.float64), size)
        for direction, variance in zip(pca.components_, pca.explained_variance_, strict=True)
        if variance > _MIN_CONTRAST * energy
    ]
    return max(
        (axis for axis in axes if axis is not None),
        key=lambda axis: axis.separation,
        default=None,
    )


def _slopes(mean: NDArray[np.floating]) -> NDArray[np.float64]:
    """Orthonormal odd parts (n, 2) along which windows differ that are not centred exactly."""
    even = (mean + mean[::-1, ::-1]).astype(np.float64) / 2
    slopes = np.array([slope.ravel() for slope in np.gradient(even)])
    basis: NDArray[np.float64] = orth(odd_part(slopes).T.astype(np.float64))
    return basis


def _split(odd: NDArray[Any], direction: NDArray[np.float64], size: int) -> OrientationAxis | None:
    moment = odd_moment(direction, size)
    if moment[np.abs(moment).argmax()] > 0:
        direction = -direction
    along = (odd @ direction)[:, None]
    starts = np.quantile(along, [0.1, 0.9])[:, None]
    with warnings.catch_warnings():
        # One Gaussian split in two is found slowly; it is refused below, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two = (
            GaussianMixture(
                len(means), covariance_type="tied", means_init=means, init_params="random",
                random_state=0, reg_covar=1e-6 * float(along.var()),
            ).fit(along)
            for means in (along.mean(keepdims=True), starts)
        )  # fmt: skip
    low, high = np.sort(two.means_[:, 0])
    separation = float((high - low) / math.sqrt(two.covariances_[0, 0]))
    if (
        two.bic(along) >= one.bic(along)
        or separation <= _MIN_SEPARATION
        or two.weights_.min() < _MIN_SHARE
    ):
        return None
    return OrientationAxis(direction, float(low + high) / 2, separation)
