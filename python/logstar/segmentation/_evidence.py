"""From the residual of an image to the probability that a place is amorphous."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from logstar._validation import FloatArray

from ._patches import extract_patches
from ._regions import label_regions
from ._residual import Residual

#: Votes of neighbouring points are averaged under a Gaussian of this sigma, in units of the spacing
#: of atoms. On simulated YBa2Cu3O7 (spacing 12.9 px; noise 0.05, 0.1 and 0.2) the best overlap with
#: the true regions is the same for sigmas of 9 and 12 px, and up to 0.02 less for 8 px.
_COMBINING = 0.93
_MAX_ITERATIONS = 50


class Features(NamedTuple):
    """Principal components of windows of the residual.

    Attributes
    ----------
    pca : PCA
        Fitted to the windows on atoms.
    atoms : ndarray of shape (n_atoms, n_components)
        Those of the atoms.
    everywhere : ndarray of shape (n_coarse_rows * n_coarse_cols, n_components)
        Those of windows on every point of the grid.
    """

    pca: PCA
    atoms: FloatArray
    everywhere: FloatArray


class Levels(NamedTuple):
    """Mean share of dispersed windows in the crystal and in amorphous regions."""

    crystal: float
    amorphous: float


def project(
    residual: Residual, positions: FloatArray, size: int, n_components: int, n_jobs: int | None
) -> Features:
    """Cut windows of the residual on the atoms and reduce them.

    Parameters
    ----------
    residual : Residual
        Of the image.
    positions : ndarray of shape (n_atoms, 2)
        Row and column of atoms in pixels of the image.
    size : int
        Side of a window in points of the grid; odd.
    n_components : int
        Of the principal components.
    n_jobs : int or None
        Threads.

    Returns
    -------
    features : Features
    """
    windows = _cut(residual, positions, size, n_jobs)
    pca = PCA(n_components, svd_solver="full" if size == 1 else "covariance_eigh").fit(windows)
    return Features(pca, pca.transform(windows), embed_everywhere(residual, pca, size))


def _cut(
    residual: Residual, positions: FloatArray, size: int, n_jobs: int | None
) -> NDArray[np.float64]:
    last = np.array(residual.values.shape) - 1
    centres = np.clip(positions / residual.step, 0, last)
    windows = extract_patches(residual.values, centres, size, border="reflect", n_jobs=n_jobs)
    return windows.windows.reshape(len(centres), -1).astype(np.float64)


def embed_everywhere(residual: Residual, pca: PCA, size: int) -> FloatArray:
    """Principal components of the windows on all points, by correlation with each."""
    padded = np.pad(residual.values, size // 2, mode="reflect")
    kernels = pca.components_.reshape(-1, size, size)
    maps = [signal.oaconvolve(padded, kernel[::-1, ::-1], mode="valid") for kernel in kernels]
    embedding: FloatArray = np.stack(maps, axis=-1).reshape(-1, len(kernels))
    embedding -= pca.components_ @ pca.mean_
    return embedding


def dispersed_share(
    everywhere: FloatArray,
    mixture: GaussianMixture,
    is_amorphous: NDArray[np.bool_],
    residual: Residual,
    spacing: float,
) -> FloatArray:
    """Mean posterior of the dispersed components about each point of the grid."""
    posterior = mixture.predict_proba(everywhere)[:, is_amorphous].sum(axis=1)
    votes = posterior.reshape(residual.values.shape)
    share: FloatArray = ndimage.gaussian_filter(votes, _COMBINING * spacing / residual.step)
    return share


def find_levels(share: FloatArray) -> Levels:
    """Find the share in the crystal and in amorphous regions: medians of two classes.

    The two are parted halfway between their medians, which is repeated until it stands.
    """
    levels = Levels(float(np.median(share)), float(np.quantile(share, 0.995)))
    for _ in range(_MAX_ITERATIONS):
        above = share > (levels.crystal + levels.amorphous) / 2
        if not above.any():
            break
        moved = Levels(float(np.median(share[~above])), float(np.median(share[above])))
        if moved == levels:
            break
        levels = moved
    return levels


class Disorder(NamedTuple):
    """How far places and regions are from the crystal.

    Attributes
    ----------
    labels : ndarray of shape (n_coarse_rows, n_coarse_cols), int64
        Regions from 1.
    of_regions : ndarray of shape (n_regions,)
        Root of the mean square of the residual about a point, the median over the region, beyond
        that outside all regions, by the contrast of the crystal. Medians, since the residual of a
        few vacancies is as large as that of many displaced atoms, but in few places.
    local : ndarray of shape (n_coarse_rows, n_coarse_cols)
        The same of each point.
    """

    labels: NDArray[np.int64]
    of_regions: FloatArray
    local: FloatArray


def measure_disorder(mask: NDArray[np.bool_], residual: Residual, spacing: float) -> Disorder:
    """Number the regions of a mask, and measure how far each is from the crystal.

    Parameters
    ----------
    mask : ndarray of shape (n_coarse_rows, n_coarse_cols), bool
        Where windows are dispersed.
    residual : Residual
        Of the image.
    spacing : float
        Of atoms in pixels.

    Returns
    -------
    disorder : Disorder
    """
    labels, n_regions = label_regions(mask)
    energy = ndimage.gaussian_filter(residual.values**2, _COMBINING * spacing / residual.step)
    outside = float(np.median(energy[~mask])) if not mask.all() else 0.0
    local = np.sqrt(np.maximum(energy - outside, 0)) / residual.contrast
    of_regions = np.zeros(n_regions)
    order = labels.ravel().argsort(kind="stable")
    ends = np.bincount(labels.ravel(), minlength=n_regions + 1).cumsum()
    for number in range(n_regions):
        inside = energy.ravel()[order[ends[number] : ends[number + 1]]]
        of_regions[number] = math.sqrt(max(float(np.median(inside)) - outside, 0))
    return Disorder(labels, of_regions / residual.contrast, local)
