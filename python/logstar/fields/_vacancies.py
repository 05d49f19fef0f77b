"""What the image says about sites without an atom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, as_image, check_real
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement
from logstar.units import PixelSize

from ._atoms import measured

#: Half width of the window that a peak is looked for in, in sigmas: beyond, nothing of it is left.
_WINDOW = 3.0
#: Peaks shine as far as this, in sigmas: there they are 4e-6 of their height.
_REACH = 5.0
#: Median absolute deviation of normal noise, in standard deviations.
_MAD = 0.6745
#: What was taken for an atom is looked at again if it is fainter than its kind by this many
#: standard deviations, or was not fitted: detectors find noise where an atom is missing, and the
#: brightest noise within reach at that. One true atom of 44 is looked at as well.
_SUSPECT = 2.0
#: A site is called empty if that is more probable than not.
_MORE_PROBABLE = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class VacancyEvidence:
    """How empty sites are: those without an atom, and those whose atom may be noise.

    Parameters
    ----------
    positions : ndarray of shape (n_sites, 2)
        Row and column where neighbours expect an atom.
    kinds : ndarray of shape (n_sites,), str
        Of which kind it would be.
    components, columns : ndarray of shape (n_sites,), int64
        Grain and column, as `LatticeIndexer` has them.
    cells : ndarray of shape (n_sites, 2), int64
        Cell, likewise.
    atoms : ndarray of shape (n_sites,), int64
        Number of the atom that was found there, which may be noise; -1 for none.
    amplitudes : ndarray of shape (n_sites,)
        Height of the peak that fits best at each site, of the width of its kind, once the other
        atoms are taken off; in units of the image.
    errors : ndarray of shape (n_sites,)
        Standard deviations, by the noise in the windows of all sites.
    expected : ndarray of shape (n_sites,)
        Median amplitude of the kind's atoms.
    spreads : ndarray of shape (n_sites,)
        Standard deviation of these amplitudes beyond that of their errors.
    pixel_size : PixelSize or None
        Of the image.

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
    >>> int(evidence.empty().sum()) == len(indexer.vacancies_)
    True
    """

    positions: FloatArray
    kinds: NDArray[np.str_]
    components: NDArray[np.int64]
    columns: NDArray[np.int64]
    cells: NDArray[np.int64]
    atoms: NDArray[np.int64]
    amplitudes: FloatArray
    errors: FloatArray
    expected: FloatArray
    spreads: FloatArray
    pixel_size: PixelSize | None

    def __repr__(self) -> str:
        return f"VacancyEvidence({len(self.amplitudes)} sites, {int(self.empty().sum())} empty)"

    @property
    def missing(self) -> FloatArray:  # numpydoc ignore=RT01
        """Standard deviations by which each site is darker than an atom of its kind."""
        return np.asarray((self.expected - self.amplitudes) / np.hypot(self.errors, self.spreads))

    def probabilities(self, prior: float = 0.01) -> FloatArray:
        """Give the probability that each site is empty.

        By Bayes' rule: of an empty site, amplitudes are normal about 0; of an atom, about those of
        its kind, and as much wider as these differ.

        Parameters
        ----------
        prior : float, default=0.01
            What share of sites is expected to be empty, between 0 and 1.

        Returns
        -------
        probabilities : ndarray of shape (n_sites,)
            NaN where nothing was measured.

        Raises
        ------
        TypeError, ValueError
            If the prior is not between 0 and 1.
        """
        prior = check_real(prior, name="prior", low=0, high=1, low_included=False)
        if prior == 1:
            raise ValueError("prior must be below 1, got 1.")
        wide = np.hypot(self.errors, self.spreads)
        # What is brighter than an atom is no vacancy, however unlike an atom it is.
        bright = np.minimum(self.amplitudes, self.expected)
        odds = (bright - self.expected) ** 2 / wide**2 - self.amplitudes**2 / self.errors**2
        odds = odds / 2 + np.log(wide / self.errors) + math.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(np.clip(-odds, -700, 700))))

    def empty(self, prior: float = 0.01) -> NDArray[np.bool_]:
        """Tell which sites are empty: those of a probability above 0.5.

        Parameters
        ----------
        prior : float, default=0.01
            What share of sites is expected to be empty, between 0 and 1.

        Returns
        -------
        empty : ndarray of shape (n_sites,), bool
            Whether each is.

        Raises
        ------
        TypeError, ValueError
            If the prior is not between 0 and 1.
        """
        return np.asarray(self.probabilities(prior) > _MORE_PROBABLE)

    def to_table(self, prior: float = 0.01) -> AtomTable:
        """Give all of it as a table, the most probable vacancies first.

        Parameters
        ----------
        prior : float, default=0.01
            As of `empty`.

        Returns
        -------
        table : AtomTable
            "row" and "col" in pixels; "kind", "grain", "cell_a", "cell_b"; "amplitude",
            "amplitude_error", "expected_amplitude"; "probability", and "empty".

        Raises
        ------
        TypeError, ValueError
            If the prior is not between 0 and 1.
        """
        probability = self.probabilities(prior)
        row, col = self.positions.T
        table = AtomTable(
            {
                "row": row,
                "col": col,
                "kind": self.kinds.astype(np.str_),
                "grain": self.components,
                "cell_a": self.cells[:, 0],
                "cell_b": self.cells[:, 1],
                "amplitude": self.amplitudes,
                "amplitude_error": self.errors,
                "expected_amplitude": self.expected,
                "probability": probability,
                "empty": self.empty(prior),
            },
            pixel_size=self.pixel_size,
        )
        # NaN last.
        return table.select(np.argsort(-probability, kind="stable"))


def vacancy_evidence(
    image: ArrayLike, indexer: LatticeIndexer, refinement: Refinement
) -> VacancyEvidence:
    """Look in the image for what may be at the sites of `indexer.vacancies_`, and at faint atoms'.

    A matched filter: of what refined atoms leave in a window of three sigmas around each site, a
    peak of the kind's median sigma and a constant are fitted by least squares. Atoms whose fit
    failed, or that are fainter than their kind by two standard deviations, are looked at again
    where their neighbours expect them: detectors find noise where an atom is missing.

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
        A number for each site: the indexer's vacancies in their order, then the faint atoms; NaN
        for kinds of which no atom was refined, or where the window is not in the image.

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
    >>> int(evidence.empty().sum()) == len(indexer.vacancies_)
    True
    """
    pixels = np.asarray(as_image(image), dtype=np.float64)
    if not isinstance(refinement, Refinement):
        raise TypeError(f"refinement must be a Refinement, got {type(refinement).__name__}.")
    known = measured(indexer, refinement)
    usual = {
        kind: _usual(refinement, known.usable & (indexer.kinds_ == kind))
        for kind in indexer.lattice_.kinds
    }
    faint = _faint(indexer, refinement, usual)
    places = np.concatenate([indexer.vacancies_, _expected_places(indexer, known.positions, faint)])
    columns = np.concatenate([indexer.vacancy_columns_, indexer.columns_[faint]])
    names = np.array([column.kind for column in indexer.lattice_.columns])
    kinds = names[columns]
    sigmas, expected, spreads = np.array([usual[kind] for kind in kinds]).reshape(-1, 3).T
    others = refinement.converged.copy()
    others[faint] = False
    amplitudes, errors = _amplitudes(pixels, places, sigmas, refinement, others)
    return VacancyEvidence(
        places,
        kinds,
        np.concatenate([indexer.vacancy_components_, indexer.components_[faint]]),
        columns,
        np.concatenate([indexer.vacancy_indices_, indexer.indices_[faint]]),
        np.concatenate([np.full(len(indexer.vacancies_), -1), faint]),
        amplitudes,
        errors,
        expected,
        spreads,
        known.pixel_size,
    )


class _Usual(NamedTuple):
    """What atoms of a kind are like: medians, and the spread of amplitudes beyond their errors."""

    sigma: float
    amplitude: float
    spread: float


def _usual(refinement: Refinement, members: NDArray[np.bool_]) -> _Usual:
    if not members.any():
        return _Usual(math.nan, math.nan, math.nan)
    heights = refinement.amplitudes[members]
    middle = float(np.median(heights))
    spread = float(np.median(np.abs(heights - middle))) / _MAD
    error = float(np.nanmedian(refinement.amplitude_errors[members]))
    beyond = math.sqrt(max(spread**2 - error**2, 0.0)) if math.isfinite(error) else spread
    return _Usual(float(np.median(refinement.atoms[members, 2])), middle, beyond)


def _faint(
    indexer: LatticeIndexer, refinement: Refinement, usual: dict[str, _Usual]
) -> NDArray[np.intp]:
    """Numbers of atoms with a site that may be noise."""
    like = np.array([usual.get(kind, (math.nan,) * 3) for kind in indexer.kinds_.tolist()])
    like = like.reshape(-1, 3)
    off = (like[:, 1] - refinement.amplitudes) / np.hypot(refinement.amplitude_errors, like[:, 2])
    # An atom whose fit failed has no amplitude, or no error.
    suspect = (off > _SUSPECT) | ~refinement.converged
    return np.flatnonzero((indexer.components_ >= 0) & suspect)


def _expected_places(
    indexer: LatticeIndexer, positions: FloatArray, atoms: NDArray[np.intp]
) -> FloatArray:
    """Mean of where the neighbours of each atom expect it; without neighbours, where it is."""
    row = np.full(len(positions), -1)
    row[atoms] = np.arange(len(atoms))
    start, end = indexer.bonds_[row[indexer.bonds_[:, 1]] >= 0].T
    step = indexer.references_[end] - indexer.references_[start]
    seen = positions[start] + np.einsum("nij,nj->ni", indexer.deformations_[start], step)
    count = np.bincount(row[end], minlength=len(atoms))
    sums = np.column_stack(
        [np.bincount(row[end], seen[:, axis], minlength=len(atoms)) for axis in (0, 1)]
    )
    with np.errstate(invalid="ignore"):
        means = sums / count[:, None]
    return np.where(count[:, None] > 0, means, positions[atoms])


def _amplitudes(
    pixels: FloatArray,
    places: FloatArray,
    sigmas: FloatArray,
    refinement: Refinement,
    others: NDArray[np.bool_],
) -> tuple[FloatArray, FloatArray]:
    """Height of the peak at each place once the other atoms are taken off, and its error."""
    atoms, heights = refinement.atoms[others], refinement.amplitudes[others]
    shapes = refinement.precisions[others]
    n = len(places)
    amplitudes, unit_errors = np.full(n, np.nan), np.full(n, np.nan)
    if not len(atoms):
        return amplitudes, unit_errors
    tree = KDTree(atoms[:, :2])
    left: list[FloatArray] = []
    for site, (place, sigma) in enumerate(zip(places, sigmas, strict=True)):
        if not math.isfinite(sigma):
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
    return amplitudes, noise * unit_errors


def _window(place: FloatArray, half: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    low = np.maximum(np.ceil(place - half), 0).astype(int)
    high = np.minimum(np.floor(place + half) + 1, shape).astype(int)
    return slice(low[0], max(high[0], low[0])), slice(low[1], max(high[1], low[1]))
