"""Where an image differs from the crystal that most of it is.

Every atom is judged against its own kind: the mean of the windows that look most like its own is
what its surroundings should be. What a window differs by is its vote on every pixel that it covers,
and the median of a pixel's votes is the residual there. In a crystal the residual is noise. Beside
a damaged region most windows are centred on sound atoms: so the residual ends where the damage
does, though windows reach into it. Pixels without any atom near them are judged as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray, Image

from ._patches import extract_patches

#: Side of the windows, and sigma that the image is smoothed with before they are cut, both in units
#: of the median distance to the nearest atom. On simulated YBa2Cu3O7 with noise 0.05 to 0.2, the
#: best overlap with the true regions is 0.73, 0.82 and 0.83 for windows of 2.1, 2.7 and 3.3
#: distances. At noise 0.2, smoothing raises it from 0.40 to 0.54.
_WINDOW = 3.0
_SMOOTHING = 0.155
#: The residual is kept on a coarser grid than the image's: as coarse as leaves this many of its
#: points between nearest atoms.
_PIXELS_BETWEEN = 6
#: How many windows the one of an atom is compared with: those most like it in this many principal
#: components.
_N_SIMILAR = 25
_N_COMPONENTS = 20
#: Least number of windows that lie wholly inside the image; fewer do not show the crystal.
_MIN_WINDOWS = 8


class Residual(NamedTuple):
    """The image less the crystal, on a grid of every `step`-th pixel.

    Parameters
    ----------
    values : ndarray of shape (n_coarse_rows, n_coarse_cols), float64
        Smoothed intensity less that of the crystal; 0 where no window reaches.
    step : int
        Distance of grid points, in pixels.
    contrast : float
        Root of the mean square of what the crystal's windows have about their means: how large
        the residual would be if its atoms were elsewhere.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AmorphousGMMSegmenter
    >>> scene = make_scene(shape=(192, 192), random_state=0)
    >>> segmenter = AmorphousGMMSegmenter(random_state=0)
    >>> segmenter = segmenter.fit(scene.image, positions=scene.positions)
    >>> residual = segmenter.residual(scene.image)
    >>> residual.step, residual.values.shape
    (2, (96, 96))
    """

    values: FloatArray
    step: int
    contrast: float


def crystal_residual(
    image: Image, positions: FloatArray, spacing: float, n_jobs: int | None = None
) -> Residual:
    """Compare each atom's surroundings with those of its own kind, and vote.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols), float32 or float64
        The image.
    positions : ndarray of shape (n_atoms, 2)
        Row and column of the atoms in pixels that have a say.
    spacing : float
        Median distance of an atom to its nearest neighbour, of all atoms, in pixels.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Returns
    -------
    residual : Residual

    Raises
    ------
    ValueError
        If too few atoms have their whole window inside the image.
    """
    step = max(1, int(spacing // _PIXELS_BETWEEN))
    smooth = ndimage.gaussian_filter(image, _SMOOTHING * spacing)
    centres = _refined(smooth, positions) / step
    coarse = np.ascontiguousarray(smooth[::step, ::step])
    size = 2 * round(_WINDOW * spacing / step / 2) + 1
    if min(coarse.shape) < size:
        raise ValueError(_too_few(0, len(positions), size * step, image.shape))
    windows, kept = extract_patches(coarse, centres, size, border="reflect", n_jobs=n_jobs)
    centres = centres[kept]
    windows = windows.reshape(len(windows), -1)
    rows, cols = _pixels(centres, size)
    last = np.array(coarse.shape) - 1
    inside = (rows >= 0) & (rows <= last[0]) & (cols >= 0) & (cols <= last[1])
    whole = np.flatnonzero(inside.all(axis=1))
    if len(whole) < _MIN_WINDOWS:
        raise ValueError(_too_few(len(whole), len(positions), size * step, image.shape))

    centred = windows - windows.mean(axis=1, keepdims=True)
    contrast = float(np.median(centred[whole].std(axis=1)))
    if contrast <= 16 * np.finfo(np.float32).eps * float(np.abs(coarse).max()):
        raise ValueError(
            "windows about the atoms are constant, so there is no crystal to compare with; is the "
            "image constant?"
        )
    residuals = centred - _own_kind(centred, windows, inside, whole)
    # By the median, which a damaged region does not move while it covers less than half a window.
    residuals -= np.nanmedian(np.where(inside, residuals, np.nan), axis=1, keepdims=True)
    values = _vote(residuals[inside], (rows * coarse.shape[1] + cols)[inside], coarse.size)
    return Residual(values.reshape(coarse.shape), step, contrast)


def _too_few(n_whole: int, n_atoms: int, size: int, shape: tuple[int, ...]) -> str:
    return (
        f"{n_whole} of {n_atoms} atoms have a window of {size} px inside the image of shape "
        f"{tuple(shape)}; at least {_MIN_WINDOWS} are needed to know the crystal. Use a larger "
        "field, or a detector that finds the right atoms: windows are three times the distance "
        "of nearest atoms."
    )


def _refined(image: Image, positions: FloatArray) -> FloatArray:
    """Move positions to the nearby maximum, by a parabola along each axis."""
    last = np.array(image.shape) - 1
    places = np.clip(np.rint(positions).astype(np.intp), 0, last)
    padded = np.pad(image, 1, mode="edge")
    offsets = np.indices((3, 3)).reshape(2, 9)
    for _ in range(2):
        around = padded[places[:, :1] + offsets[0], places[:, 1:] + offsets[1]]
        best = around.argmax(axis=1)
        places = np.clip(places + offsets[:, best].T - 1, 0, last)
    around = padded[places[:, :1] + offsets[0], places[:, 1:] + offsets[1]].astype(np.float64)
    middle = around[:, 4]
    vertices = [
        parabola_vertex(around[:, before], middle, around[:, after])
        for before, after in ((1, 7), (3, 5))
    ]
    return np.asarray(places + np.clip(np.column_stack(vertices), -0.5, 0.5))


def _pixels(centres: FloatArray, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the pixel nearest to each of a window, (n_atoms, size ** 2) each."""
    offsets = np.arange(size) - (size - 1) / 2
    rows = np.rint(centres[:, :1] + offsets).astype(np.intp)
    cols = np.rint(centres[:, 1:] + offsets).astype(np.intp)
    return np.repeat(rows, size, axis=1), np.tile(cols, (1, size))


def _own_kind(
    centred: NDArray[np.float32],
    windows: NDArray[np.float32],
    inside: NDArray[np.bool_],
    whole: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Mean of the whole windows that are most like each; as bright as it, in its variation."""
    n_similar = min(_N_SIMILAR, len(whole) - 1)
    n_components = min(_N_COMPONENTS, *centred[whole].shape)
    pca = PCA(n_components, svd_solver="covariance_eigh").fit(centred[whole])
    places = pca.transform(centred[whole])
    neighbors = NearestNeighbors(n_neighbors=n_similar).fit(places)
    # Called without windows, scikit-learn leaves out each window as its own neighbour.
    graph = neighbors.kneighbors_graph(mode="connectivity")
    kind = np.zeros_like(centred)
    kind[whole] = (sparse.csr_array(graph) @ centred[whole]) / n_similar

    bodies = windows[whole]
    for atom in np.flatnonzero(~inside.all(axis=1)):
        seen = inside[atom]
        others = bodies[:, seen] - bodies[:, seen].mean(axis=1, keepdims=True)
        own = windows[atom, seen] - windows[atom, seen].mean()
        distances = ((others - own) ** 2).sum(axis=1)
        nearest = np.argpartition(distances, n_similar - 1)[:n_similar]
        kind[atom, seen] = others[nearest].mean(axis=0)
    power = (kind**2 * inside).sum(axis=1)
    gain = (kind * centred * inside).sum(axis=1) / np.where(power > 0, power, 1)
    kind *= np.clip(gain, 0.5, 2.0)[:, None].astype(kind.dtype)
    return kind


def _vote(values: NDArray[np.float32], pixels: NDArray[np.intp], n_pixels: int) -> FloatArray:
    """Median of the values of each pixel; 0 where there is none."""
    order = np.lexsort((values, pixels))
    values = values[order]
    counts = np.bincount(pixels, minlength=n_pixels)
    starts = np.cumsum(counts) - counts
    covered = np.flatnonzero(counts)
    low = starts[covered] + (counts[covered] - 1) // 2
    high = starts[covered] + counts[covered] // 2
    medians = np.zeros(n_pixels)
    medians[covered] = (values[low].astype(np.float64) + values[high]) / 2
    return medians
