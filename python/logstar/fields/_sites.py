"""Statistics of a crystal's sites, kind by kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logstar._validation import FloatArray, check_real
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement
from logstar.units import PIXELS, PixelSize

from ._atoms import Atoms, measured
from ._reference import Reference, reference_places
from ._vacancies import VacancyEvidence


@dataclass(frozen=True, eq=False, repr=False)
class SiteStatistics:
    """Occupancy, brightness and disorder of each kind of site, with intervals.

    Parameters
    ----------
    kinds : tuple of str
        Those of the lattice, in its order; all arrays are in this order as well.
    n_atoms, n_vacancies : ndarray of shape (n_kinds,), int64
        Sites with an atom, and empty ones: those of the indexer that no atom was found at, or those
        that the image shows to be empty.
    occupancy : ndarray of shape (n_kinds,)
        Share of sites with an atom; NaN where there are no sites.
    occupancy_interval : ndarray of shape (n_kinds, 2)
        Wilson's interval.
    intensity_ratio : ndarray of shape (n_kinds,)
        Mean intensity, by that of the kind with the greatest; NaN where intensities are not known.
    intensity_ratio_interval : ndarray of shape (n_kinds, 2)
        By the scatter of the intensities of both kinds.
    displacement : ndarray of shape (n_kinds,)
        Root mean square displacement from the reference lattice along an axis, in pixels, once the
        mean displacement of each column and the variance of the atoms' errors are taken off; 0
        where errors explain all, NaN where there are no errors, or no two atoms of a column.
    displacement_interval : ndarray of shape (n_kinds, 2)
        By the chi-squared distribution of the squares, as of normal displacements.
    level : float
        Coverage of the intervals.
    pixel_size : PixelSize or None
        Of the image.

    Examples
    --------
    >>> from logstar.fields import SiteStatistics
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> SiteStatistics.of(indexer, positions)
    SiteStatistics(A: 100 of 100 sites, B: 100 of 100 sites)
    """

    kinds: tuple[str, ...]
    n_atoms: NDArray[np.int64]
    n_vacancies: NDArray[np.int64]
    occupancy: FloatArray
    occupancy_interval: FloatArray
    intensity_ratio: FloatArray
    intensity_ratio_interval: FloatArray
    displacement: FloatArray
    displacement_interval: FloatArray
    level: float
    pixel_size: PixelSize | None

    @classmethod
    def of(
        cls,
        indexer: LatticeIndexer,
        atoms: Atoms,
        *,
        reference: Reference = "fit",
        level: float = 0.95,
        vacancies: VacancyEvidence | None = None,
    ) -> Self:
        """Count and average over all sites of each kind.

        Parameters
        ----------
        indexer : LatticeIndexer
            Fitted to the same atoms, in the same order.
        atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
            Positions; a refinement, or a table with "row_error", "col_error" and "intensity", also
            gives errors and intensities.
        reference : "fit", "crystal", or array-like of shape (n_atoms,), bool
            What displacement is measured from, as of `logstar.fields.displacements`.
        level : float, default=0.95
            Coverage of the intervals, between 0 and 1.
        vacancies : VacancyEvidence, default=None
            What the image says of these sites: atoms that were not found are none of the vacancies,
            and noise that was taken for an atom is no atom. None believes what was found.

        Returns
        -------
        statistics : SiteStatistics
            A number for each kind of the lattice.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it has to be.

        Examples
        --------
        >>> import numpy as np
        >>> from logstar.fields import SiteStatistics
        >>> from logstar.lattice import Lattice, LatticeIndexer
        >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> positions, kinds = lattice.positions((200, 200))
        >>> middle = np.hypot(*(positions - 100).T).argmin()
        >>> keep = np.arange(len(kinds)) != middle
        >>> indexer = LatticeIndexer(lattice).fit(positions[keep], kinds[keep])
        >>> statistics = SiteStatistics.of(indexer, positions[keep])
        >>> statistics.kinds, statistics.n_vacancies.tolist()
        (('A', 'B'), [1, 0])
        """
        known = measured(indexer, atoms)
        level = check_real(level, name="level", low=0, high=1, low_included=False)
        if level == 1:
            raise ValueError("level must be below 1, got 1.")
        kinds = indexer.lattice_.kinds
        names = np.array([column.kind for column in indexer.lattice_.columns])
        present = indexer.components_ >= 0
        n_atoms = np.array([(present & (indexer.kinds_ == kind)).sum() for kind in kinds])
        missing = names[indexer.vacancy_columns_]
        n_sites = n_atoms + np.array([(missing == kind).sum() for kind in kinds])
        if vacancies is not None:
            missing = _empty_sites(vacancies, int(n_sites.sum()))
        n_vacancies = np.array([(missing == kind).sum() for kind in kinds])
        n_atoms = n_sites - n_vacancies
        with np.errstate(invalid="ignore", divide="ignore"):
            occupancy = n_atoms / n_sites
        off = known.positions - reference_places(known, reference)
        ratios = _ratios(indexer, known.usable, _intensities(atoms), level)
        spread = [
            _displacement(
                off, known.covariances, indexer, known.usable & (indexer.kinds_ == kind), level
            )
            for kind in kinds
        ]
        return cls(
            kinds,
            n_atoms.astype(np.int64),
            n_vacancies.astype(np.int64),
            occupancy,
            np.array([_wilson(*x, level) for x in zip(n_atoms, n_sites, strict=True)]),
            ratios[:, 0],
            ratios[:, 1:],
            np.array([x[0] for x in spread]),
            np.array([x[1:] for x in spread]),
            level,
            known.pixel_size,
        )

    @property
    def unit(self) -> str:  # numpydoc ignore=RT01
        """Unit of `displacement_in_units`: that of the pixel size, "px" where there is none."""
        return PIXELS if self.pixel_size is None else self.pixel_size.unit

    @property
    def displacement_in_units(self) -> FloatArray:  # numpydoc ignore=RT01
        """The displacements in `unit`."""
        return self.displacement * (1.0 if self.pixel_size is None else self.pixel_size.value)

    def __repr__(self) -> str:
        parts = [
            f"{kind}: {n} of {n + gone} sites"
            for kind, n, gone in zip(self.kinds, self.n_atoms, self.n_vacancies, strict=True)
        ]
        return f"SiteStatistics({', '.join(parts)})"


def _empty_sites(vacancies: VacancyEvidence, n_sites: int) -> NDArray[np.str_]:
    """Kinds of the sites that the image shows to be empty."""
    if not isinstance(vacancies, VacancyEvidence):
        raise TypeError(f"vacancies must be a VacancyEvidence, got {type(vacancies).__name__}.")
    if vacancies.n_sites != n_sites:
        raise ValueError(
            f"vacancies tells of {vacancies.n_sites} sites, and indexer has {n_sites}; give what "
            "vacancy_evidence says of the same indexer."
        )
    return vacancies.kinds[vacancies.empty()]


def _wilson(n: int, n_sites: int, level: float) -> tuple[float, float]:
    if not n_sites:
        return math.nan, math.nan
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = n / n_sites
    middle = (share + z**2 / (2 * n_sites)) / (1 + z**2 / n_sites)
    half = z * math.sqrt(share * (1 - share) / n_sites + z**2 / (4 * n_sites**2))
    half /= 1 + z**2 / n_sites
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _intensities(atoms: Atoms) -> FloatArray | None:
    if isinstance(atoms, Refinement):
        return atoms.intensities
    if isinstance(atoms, AtomTable) and "intensity" in atoms.columns:
        return np.asarray(atoms["intensity"], dtype=np.float64)
    return None


def _ratios(
    indexer: LatticeIndexer,
    usable: NDArray[np.bool_],
    intensities: FloatArray | None,
    level: float,
) -> FloatArray:
    """Ratio, low and high end (n_kinds, 3)."""
    kinds = indexer.lattice_.kinds
    if intensities is None:
        return np.full((len(kinds), 3), np.nan)
    means, errors = np.full(len(kinds), np.nan), np.full(len(kinds), np.nan)
    for i, kind in enumerate(kinds):
        values = intensities[usable & (indexer.kinds_ == kind)]
        values = values[np.isfinite(values)]
        if len(values):
            means[i] = values.mean()
        if len(values) > 1:
            errors[i] = values.std(ddof=1) / math.sqrt(len(values))
    if not np.isfinite(means).any():
        return np.full((len(kinds), 3), np.nan)
    brightest = int(np.nanargmax(means))
    ratios = means / means[brightest]
    relative = np.hypot(errors / means, errors[brightest] / means[brightest])
    relative[brightest] = 0.0
    half = float(stats.norm.ppf(0.5 + level / 2)) * np.abs(ratios) * relative
    return np.column_stack([ratios, ratios - half, ratios + half])


def _displacement(
    off: FloatArray,
    covariances: FloatArray,
    indexer: LatticeIndexer,
    members: NDArray[np.bool_],
    level: float,
) -> tuple[float, float, float]:
    """Root mean square along an axis beyond errors, and the ends of its interval."""
    squares, variances, freedom = [], [], 0
    sites = np.column_stack([indexer.components_, indexer.columns_])
    usable = members & np.isfinite(off).all(axis=1)
    usable &= np.isfinite(covariances).all(axis=(1, 2))
    for site in np.unique(sites[usable], axis=0):
        mine = usable & (sites == site).all(axis=1)
        rest = off[mine] - off[mine].mean(axis=0)
        squares.append((rest**2).sum())
        variances.append(np.trace(covariances[mine], axis1=1, axis2=2).sum() / 2)
        freedom += 2 * (int(mine.sum()) - 1)
    if freedom <= 0:
        return math.nan, math.nan, math.nan
    total = float(np.sum(squares))
    error = float(np.sum(variances)) / int(usable.sum())
    ends = np.atleast_1d(stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], freedom))
    values = [total / freedom, *(total / float(end) for end in ends)]
    root, low, high = (math.sqrt(max(value - error, 0.0)) for value in values)
    return root, low, high
