"""What the image says about sites without an atom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray, Image, check_real
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement
from logstar.refinement._finite_pixels import finite_pixels
from logstar.refinement._model_image import PEAK_REACH, background_image, peaks_image
from logstar.units import PixelSize

from ._atoms import measured
from ._matched_filter import Heights, Place, away_from_the_frame, heights_at

#: What was taken for an atom is looked at again if it is fainter than its kind by this many
#: standard deviations, or was not fitted: detectors find noise where an atom is missing, and the
#: brightest noise within reach at that. One true atom of 44 is looked at as well.
_SUSPECT = 2.0
#: And if it is brighter than nothing by fewer standard deviations than this: the brightest noise
#: within reach of a site is as bright as three or four.
_CERTAIN = 5.0
#: Of each kind, this many sites tell what is usual.
_SAMPLE = 100
#: Where the share of empty sites is learnt, this many further sites are taken to have been seen,
#: one of them empty.
_BEFORE = 100
#: Rounds by which that share is learnt; it hardly changes after ten.
_ROUNDS = 30
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
        atoms are taken off; in units of the image. Of dark atoms it is their depth.
    errors : ndarray of shape (n_sites,)
        Standard deviations, by the noise in the windows of all sites.
    expected : ndarray of shape (n_sites,)
        Median amplitude of the kind's sites, measured in the same way.
    spreads : ndarray of shape (n_sites,)
        Standard deviation of these amplitudes beyond that of their errors.
    n_sites : int
        Sites of the crystal in the image, those with atoms that nobody doubts included.
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
    n_sites: int
    pixel_size: PixelSize | None

    def __repr__(self) -> str:
        return f"VacancyEvidence({len(self.amplitudes)} sites, {int(self.empty().sum())} empty)"

    @property
    def missing(self) -> FloatArray:  # numpydoc ignore=RT01
        """Standard deviations by which each site is darker than an atom of its kind."""
        return np.asarray((self.expected - self.amplitudes) / np.hypot(self.errors, self.spreads))

    def probabilities(self, prior: float | None = None) -> FloatArray:
        """Give the probability that each site is empty.

        By Bayes' rule: of an empty site, amplitudes are normal about 0; of an atom, about those of
        its kind, and as much wider as these differ.

        Parameters
        ----------
        prior : float, default=None
            What share of sites is expected to be empty, between 0 and 1. None is the share that is
            found by it (expectation maximisation), as if a hundred more sites had been seen of
            which one is empty.

        Returns
        -------
        probabilities : ndarray of shape (n_sites,)
            NaN where nothing was measured.

        Raises
        ------
        TypeError, ValueError
            If the prior is not between 0 and 1.
        """
        if prior is None:
            return self._probabilities(self._learnt_prior())
        prior = check_real(prior, name="prior", low=0, high=1, low_included=False)
        if prior == 1:
            raise ValueError("prior must be below 1, got 1.")
        return self._probabilities(prior)

    def _learnt_prior(self) -> float:
        share = 1 / _BEFORE
        for _ in range(_ROUNDS):
            found = float(np.nansum(self._probabilities(share)))
            share = (found + 1) / (self.n_sites + _BEFORE)
        return share

    def _probabilities(self, prior: float) -> FloatArray:
        wide = np.hypot(self.errors, self.spreads)
        # What is brighter than an atom is no vacancy, however unlike an atom it is.
        bright = np.minimum(self.amplitudes, self.expected)
        odds = (bright - self.expected) ** 2 / wide**2 - self.amplitudes**2 / self.errors**2
        odds = odds / 2 + np.log(wide / self.errors) + math.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(np.clip(-odds, -700, 700))))

    def empty(self, prior: float | None = None) -> NDArray[np.bool_]:
        """Tell which sites are empty: those of a probability above 0.5.

        Parameters
        ----------
        prior : float, default=None
            As of `probabilities`.

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

    def to_table(self, prior: float | None = None) -> AtomTable:
        """Give all of it as a table, the most probable vacancies first.

        Parameters
        ----------
        prior : float, default=None
            As of `probabilities`.

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
    image: Any, indexer: LatticeIndexer, refinement: Refinement | AtomTable
) -> VacancyEvidence:
    """Look in the image for what may be at the sites of `indexer.vacancies_`, and at faint atoms'.

    A matched filter: to what atoms that nobody doubts leave, peaks of the kinds' median sigmas are
    fitted by least squares, at all sites of a window together. Atoms whose fit failed, that are
    fainter than their kind by two standard deviations, or brighter than nothing by fewer than five,
    are looked at again where their neighbours expect them: detectors find noise where an atom is
    missing. What is usual for a kind tells a sample of its sites, measured in the same way.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image that was refined; NaN pixels are left out. Of one that need not fit into memory,
        such as a memory-mapped one, a part at a time is looked at.
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    refinement : Refinement or AtomTable
        The atoms, refined. A table is that of an image that was found by tiles, with "sigma",
        "amplitude" and "amplitude_error"; it tells no background, so that where that bends errors
        are larger, by up to a fifth.

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
    fitted = _Fitted.of(refinement)
    known = measured(indexer, refinement)
    sign = 1
    if fitted.good.any() and np.median(fitted.amplitudes[fitted.good]) < 0:
        # Dark atoms: the negated image is looked at, where they are bright.
        sign = -1
        fitted = fitted._replace(amplitudes=-fitted.amplitudes, background=-fitted.background)
    if not hasattr(image, "shape"):
        image = np.asarray(image)
    usual = {
        kind: _usual(fitted, known.usable & (indexer.kinds_ == kind))
        for kind in indexer.lattice_.kinds
    }
    faint = _faint(indexer, fitted, usual)
    names = np.array([column.kind for column in indexer.lattice_.columns])
    of_vacancies = names[indexer.vacancy_columns_]
    like = _sample(indexer, of_vacancies, faint)
    # Atoms that are looked at: those that may be noise, then those that tell what is usual.
    looked_at = np.concatenate([faint, like[~np.isin(like, faint) & (like >= 0)]])
    places = np.concatenate(
        [indexer.vacancies_, _expected_places(indexer, known.positions, looked_at)]
    )
    kinds = np.concatenate([of_vacancies, indexer.kinds_[looked_at]])
    certain = fitted.good.copy()
    certain[looked_at] = False
    sigmas = np.array([usual[kind].sigma for kind in kinds])
    peaks = np.concatenate([fitted.atoms[:, :2], places])
    typical_sigma = float(np.median(fitted.atoms[certain, 2])) if certain.any() else math.nan
    nearest = indexer.lattice_.nearest_distance

    def seen(part: Place) -> tuple[FloatArray, NDArray[np.bool_]]:
        pixels, counted = _pixels(image, part)
        trusted = away_from_the_frame(image.shape, peaks, typical_sigma, nearest, part)
        rest = sign * pixels - fitted.drawn(part, certain)
        return rest, trusted if counted is None else trusted & counted

    heights = heights_at(seen, image.shape, places, sigmas)
    n = len(indexer.vacancies_) + len(faint)
    numbers = np.concatenate([-1 - np.arange(len(indexer.vacancies_)), looked_at])
    expected, spreads = np.full(n, np.nan), np.full(n, np.nan)
    for kind in np.unique(kinds[:n]):
        typical = _typical(heights, np.isin(numbers, like) & (kinds == kind))
        expected[kinds[:n] == kind], spreads[kinds[:n] == kind] = typical
    return VacancyEvidence(
        places[:n],
        kinds[:n],
        np.concatenate([indexer.vacancy_components_, indexer.components_[faint]]),
        np.concatenate([indexer.vacancy_columns_, indexer.columns_[faint]]),
        np.concatenate([indexer.vacancy_indices_, indexer.indices_[faint]]),
        np.concatenate([np.full(len(indexer.vacancies_), -1), faint]),
        heights.values[:n],
        heights.errors[:n],
        expected,
        spreads,
        len(indexer.vacancies_) + int((indexer.components_ >= 0).sum()),
        known.pixel_size,
    )


class _Fitted(NamedTuple):
    """Peaks of atoms; `background` is NaN where it is not known."""

    atoms: FloatArray
    amplitudes: FloatArray
    errors: FloatArray
    precisions: FloatArray
    background: FloatArray
    good: NDArray[np.bool_]

    @classmethod
    def of(cls, atoms: object) -> Self:
        if isinstance(atoms, Refinement):
            return cls(
                atoms.atoms,
                atoms.amplitudes,
                atoms.amplitude_errors,
                atoms.precisions,
                atoms.background,
                atoms.converged,
            )
        needed = ("sigma", "amplitude", "amplitude_error")
        if not isinstance(atoms, AtomTable):
            raise TypeError(
                f"refinement must be a Refinement, or a table of refined atoms, got "
                f"{type(atoms).__name__}."
            )
        missing = [name for name in needed if name not in atoms.columns]
        if missing:
            raise ValueError(
                f"refinement is a table without {', '.join(map(repr, missing))}; its atoms have to "
                "be refined."
            )
        sigma, amplitudes, errors = (atoms[name] for name in needed)
        with np.errstate(divide="ignore"):
            precisions = np.eye(2) / sigma[:, None, None] ** 2
        unknown = np.full(len(sigma), np.nan)
        table = np.column_stack([atoms.positions, sigma])
        good = np.isfinite(amplitudes) & np.isfinite(errors)
        return cls(table, amplitudes, errors, precisions, unknown, good)

    def drawn(self, part: Place, which: NDArray[np.bool_]) -> FloatArray:
        """Peaks of some atoms and the background, in a part of the image."""
        shape = part[0].stop - part[0].start, part[1].stop - part[1].start
        places = self.atoms - np.array([part[0].start, part[1].start, 0])
        widest = float(self.atoms[which, 2].max()) if which.any() else 0.0
        # Of elliptical peaks sigma is a mean.
        reach = 3 * PEAK_REACH * widest
        near = ((places[:, :2] > -reach) & (places[:, :2] < np.array(shape) + reach)).all(axis=1)
        some, known = which & near, np.isfinite(self.background) & near
        image = peaks_image(places[some], self.amplitudes[some], self.precisions[some], shape)
        return image + background_image(places[known], self.background[known], shape)


def _pixels(image: Any, part: Place) -> tuple[Image, NDArray[np.bool_] | None]:
    """Pixels of a part, and which are known; None where that is all of them."""
    pixels = np.asarray(image[part])
    if pixels.dtype.kind == "f" and np.isnan(pixels).all():
        return np.zeros(pixels.shape), np.zeros(pixels.shape, dtype=bool)
    return finite_pixels(pixels, None)


class _Usual(NamedTuple):
    """What atoms of a kind are like: medians, and the spread of amplitudes beyond their errors."""

    sigma: float
    amplitude: float
    spread: float


def _usual(fitted: _Fitted, members: NDArray[np.bool_]) -> _Usual:
    if not members.any():
        return _Usual(math.nan, math.nan, math.nan)
    heights = fitted.amplitudes[members]
    middle = float(np.median(heights))
    spread = float(np.median(np.abs(heights - middle))) * MAD_TO_SIGMA
    error = float(np.nanmedian(fitted.errors[members]))
    beyond = math.sqrt(max(spread**2 - error**2, 0.0)) if math.isfinite(error) else spread
    return _Usual(float(np.median(fitted.atoms[members, 2])), middle, beyond)


def _faint(indexer: LatticeIndexer, fitted: _Fitted, usual: dict[str, _Usual]) -> NDArray[np.intp]:
    """Numbers of atoms with a site that may be noise."""
    like = np.array([usual.get(kind, (math.nan,) * 3) for kind in indexer.kinds_.tolist()])
    like = like.reshape(-1, 3)
    off = (like[:, 1] - fitted.amplitudes) / np.hypot(fitted.errors, like[:, 2])
    weak = fitted.amplitudes < _CERTAIN * fitted.errors
    # An atom whose fit failed has no amplitude, or no error.
    suspect = (off > _SUSPECT) | weak | ~fitted.good
    return np.flatnonzero((indexer.components_ >= 0) & suspect)


def _sample(
    indexer: LatticeIndexer, of_vacancies: NDArray[np.str_], faint: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Sites that tell what each kind is like: numbers of atoms, or -1 - i for vacancy i.

    Evenly from all sites of a kind that is asked about, those without an atom included: where faint
    atoms are not found, the found ones are those that noise made brighter.
    """
    chosen = [np.empty(0, dtype=np.intp)]
    for kind in np.unique(np.concatenate([of_vacancies, indexer.kinds_[faint]])):
        atoms = np.flatnonzero((indexer.components_ >= 0) & (indexer.kinds_ == kind))
        sites = np.concatenate([-1 - np.flatnonzero(of_vacancies == kind), atoms])
        chosen.append(sites[:: -(-len(sites) // _SAMPLE)])
    return np.concatenate(chosen)


def _typical(heights: Heights, sites: NDArray[np.bool_]) -> tuple[float, float]:
    """Median height of some sites, and their standard deviation beyond that of errors."""
    values, errors = heights.values[sites], heights.errors[sites]
    known = np.isfinite(values)
    if not known.any():
        return math.nan, math.nan
    middle = float(np.median(values[known]))
    spread = float(np.median(np.abs(values[known] - middle))) * MAD_TO_SIGMA
    return middle, math.sqrt(max(spread**2 - float(np.median(errors[known])) ** 2, 0.0))


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
