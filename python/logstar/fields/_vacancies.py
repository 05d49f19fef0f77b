"""What the image says about sites without an atom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, as_image
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement

from ._atoms import measured

#: Half width of the window that a peak is looked for in, in sigmas: beyond, nothing of it is left.
_WINDOW = 3.0
#: Peaks shine as far as this, in sigmas: there they are 4e-6 of their height.
_REACH = 5.0
#: Median absolute deviation of normal noise, in standard deviations.
_MAD = 0.6745


@dataclass(frozen=True, eq=False, repr=False)
class VacancyEvidence:
    """How empty sites are.

    Parameters
    ----------
    amplitudes : ndarray of shape (n_vacancies,)
        Height of the peak that fits best at each site, of the width of its kind, once the other
        atoms are taken off; in units of the image.
    errors : ndarray of shape (n_vacancies,)
        Standard deviations, by the noise in the windows of all sites.
    expected : ndarray of shape (n_vacancies,)
        Median amplitude of the kind's atoms.
    spreads : ndarray of shape (n_vacancies,)
        Standard deviation of these amplitudes.

    Examples
    --------
    >>> from logstar.fields import vacancy_evidence
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> from logstar.refinement import GaussianRefiner
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(lattice, (200, 200), noise=0.1, vacancy_fraction=0.02, random_state=2)
    >>> inner = ((scene.positions > 4) & (scene.positions < 195)).all(axis=1)
    >>> kinds = scene.kinds[inner]
    >>> atoms = GaussianRefiner().refine(scene.image, scene.positions[inner].round())
    >>> indexer = LatticeIndexer(lattice).fit(atoms.atoms, kinds)
    >>> evidence = vacancy_evidence(scene.image, indexer, atoms)
    >>> bool(evidence.empty().all())
    True
    """

    amplitudes: FloatArray
    errors: FloatArray
    expected: FloatArray
    spreads: FloatArray

    def __repr__(self) -> str:
        return f"VacancyEvidence({len(self.amplitudes)} sites, {int(self.empty().sum())} empty)"

    @property
    def missing(self) -> FloatArray:  # numpydoc ignore=RT01
        """Standard deviations by which each site is darker than an atom of its kind."""
        return np.asarray((self.expected - self.amplitudes) / np.hypot(self.errors, self.spreads))

    def empty(self, level: float = 4.0) -> NDArray[np.bool_]:
        """Tell which sites are empty: darker than an atom, and nearer to nothing than to one.

        Parameters
        ----------
        level : float, default=4.0
            By how many standard deviations darker at least.

        Returns
        -------
        empty : ndarray of shape (n_vacancies,), bool
            Whether each is.
        """
        return np.asarray((self.missing >= level) & (self.amplitudes < self.expected / 2))


def vacancy_evidence(
    image: ArrayLike, indexer: LatticeIndexer, refinement: Refinement
) -> VacancyEvidence:
    """Look in the image for what may be at the sites of `indexer.vacancies_`.

    A matched filter: of what refined atoms leave in a window of three sigmas around each site, a
    peak of the kind's median sigma and a constant are fitted by least squares.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image that was refined, atoms bright; negated, where they are dark.
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    refinement : Refinement
        The atoms.

    Returns
    -------
    evidence : VacancyEvidence
        A number for each vacancy, NaN for kinds of which no atom was refined, or where the window
        is not in the image.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be.

    Examples
    --------
    >>> from logstar.fields import vacancy_evidence
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> from logstar.refinement import GaussianRefiner
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(lattice, (200, 200), noise=0.1, vacancy_fraction=0.02, random_state=2)
    >>> inner = ((scene.positions > 4) & (scene.positions < 195)).all(axis=1)
    >>> kinds = scene.kinds[inner]
    >>> atoms = GaussianRefiner().refine(scene.image, scene.positions[inner].round())
    >>> indexer = LatticeIndexer(lattice).fit(atoms.atoms, kinds)
    >>> evidence = vacancy_evidence(scene.image, indexer, atoms)
    >>> bool(evidence.empty().all())
    True
    """
    pixels = np.asarray(as_image(image), dtype=np.float64)
    if not isinstance(refinement, Refinement):
        raise TypeError(f"refinement must be a Refinement, got {type(refinement).__name__}.")
    known = measured(indexer, refinement)
    n = len(indexer.vacancies_)
    sigmas, expected, spreads = (np.full(n, np.nan) for _ in range(3))
    names = np.array([column.kind for column in indexer.lattice_.columns])
    kinds = names[indexer.vacancy_columns_]
    for kind in np.unique(kinds):
        of_kind = known.usable & (indexer.kinds_ == kind)
        if not of_kind.any():
            continue
        heights = refinement.amplitudes[of_kind]
        sigmas[kinds == kind] = np.median(refinement.atoms[of_kind, 2])
        expected[kinds == kind] = np.median(heights)
        spread = np.median(np.abs(heights - np.median(heights))) / _MAD
        spreads[kinds == kind] = spread
    converged = refinement.converged
    atoms, heights = refinement.atoms[converged], refinement.amplitudes[converged]
    shapes = refinement.precisions[converged]
    tree = KDTree(atoms[:, :2]) if len(atoms) else None
    amplitudes, unit_errors = np.full(n, np.nan), np.full(n, np.nan)
    left: list[FloatArray] = []
    for site, (place, sigma) in enumerate(zip(indexer.vacancies_, sigmas, strict=True)):
        if not math.isfinite(sigma) or tree is None:
            continue
        rows, cols = _window(place, _WINDOW * sigma, pixels.shape)
        rest = pixels[rows, cols].copy()
        if rest.size < 4:
            continue
        grid = np.stack(
            np.meshgrid(
                np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop), indexing="ij"
            ),
            axis=-1,
        )
        far = _WINDOW * sigma * math.sqrt(2) + _REACH * float(atoms[:, 2].max())
        for atom in tree.query_ball_point(place, far):
            off = grid - atoms[atom, :2]
            square = np.einsum("rci,ij,rcj->rc", off, shapes[atom], off)
            rest -= heights[atom] * np.exp(-square / 2)
        peak = np.exp(-((grid - place) ** 2).sum(axis=-1) / (2 * sigma**2)).ravel()
        centered = peak - peak.mean()
        size = centered @ centered
        amplitudes[site] = centered @ rest.ravel() / size
        unit_errors[site] = 1 / math.sqrt(size)
        residual = rest.ravel() - rest.mean() - amplitudes[site] * centered
        left.append(residual * math.sqrt(rest.size / (rest.size - 2)))
    noise = float(np.median(np.abs(np.concatenate(left))) / _MAD) if left else math.nan
    return VacancyEvidence(amplitudes, noise * unit_errors, expected, spreads)


def _window(place: FloatArray, half: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    low = np.maximum(np.ceil(place - half), 0).astype(int)
    high = np.minimum(np.floor(place + half) + 1, shape).astype(int)
    return slice(low[0], max(high[0], low[0])), slice(low[1], max(high[1], low[1]))
