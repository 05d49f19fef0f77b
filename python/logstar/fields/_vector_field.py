"""A vector at each of some atoms, with its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from logstar._validation import FloatArray, check_real
from logstar.units import PIXELS, PixelSize

#: Errors are taken for too small if what vectors of a group scatter says so by this many of its own
#: standard deviations: below, it would be made of chance alone.
_CERTAIN = 2.0
#: Standard deviation of a median of normal values, in that of their mean.
_OF_MEDIAN = 1.25
#: Vectors of a group whose mean is tested: a domain of four by four cells shows.
_GROUP = 16


class ZeroTest(NamedTuple):
    """Whether a field differs from zero anywhere.

    Parameters
    ----------
    consistent : bool
        Whether it does not, at the level asked for.
    p_value : float
        Probability that zero, measured with these errors, looks as far from zero or further; NaN
        where no vector has an error.
    n_groups : int
        Groups of neighbours whose means were tested, and the mean of all.
    scatter : float
        By what factor vectors of a group differ from their mean more than their errors say; NaN
        where no group has two. About 1 where all is well; more says that errors are too small, or
        that vectors differ from one cell to the next. Of less than 1 nothing is made.
    center : ndarray of shape (2,)
        Row and column of the middle of the group that differs most.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.fields import polarization
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> from logstar import AtomTable
    >>> row, col = positions.T
    >>> error = np.full(len(row), 0.1)
    >>> columns = {"row": row, "col": col, "row_error": error, "col_error": error}
    >>> polarization(indexer, AtomTable(columns)).zero_test().consistent
    True
    """

    consistent: bool
    p_value: float
    n_groups: int
    scatter: float
    center: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class VectorField:
    """Vectors (row, col) at atoms.

    Parameters
    ----------
    name : str
        What they are.
    atoms : ndarray of shape (n,), intp
        Numbers of the atoms that they belong to, among those given.
    positions : ndarray of shape (n, 2)
        Row and column of these atoms.
    vectors : ndarray of shape (n, 2)
        Along rows (y, downwards) and columns (x, to the right), in pixels; NaN where not defined.
    covariances : ndarray of shape (n, 2, 2)
        Of the two, in square pixels; NaN where those of the atoms are not known.
    pixel_size : PixelSize or None
        Of the image.
    weights : sparse array of shape (n, n_atoms)
        What each vector is made of: the field is ``weights @ positions`` of all atoms, but for what
        is constant. By them the errors of means follow, of vectors that share atoms as well.
    atom_covariances : ndarray of shape (n_atoms, 2, 2)
        Of the positions of all atoms.

    Examples
    --------
    >>> from logstar.fields import displacements
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> displacements(indexer, positions)
    VectorField(displacement: 200 of 200 defined)
    """

    name: str
    atoms: NDArray[np.intp]
    positions: FloatArray
    vectors: FloatArray
    covariances: FloatArray
    pixel_size: PixelSize | None
    weights: sparse.csr_array
    atom_covariances: FloatArray

    def __repr__(self) -> str:
        known = int(np.isfinite(self.vectors).all(axis=1).sum())
        return f"VectorField({self.name}: {known} of {len(self.vectors)} defined)"

    @property
    def errors(self) -> FloatArray:  # numpydoc ignore=RT01
        """Standard deviations (n, 2) along rows and columns, in pixels."""
        return np.asarray(np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2)))

    @property
    def magnitudes(self) -> FloatArray:  # numpydoc ignore=RT01
        """Lengths in pixels. Noise alone gives them a mean above 0."""
        return np.asarray(np.hypot(*self.vectors.T))

    @property
    def angles(self) -> FloatArray:  # numpydoc ignore=RT01
        """Directions in degrees: 0 to the right, 90 upwards as displayed."""
        return np.degrees(np.arctan2(-self.vectors[:, 0], self.vectors[:, 1]))

    @property
    def unit(self) -> str:  # numpydoc ignore=RT01
        """Unit of `in_units`: that of the pixel size, "px" where there is none."""
        return PIXELS if self.pixel_size is None else self.pixel_size.unit

    @property
    def in_units(self) -> FloatArray:  # numpydoc ignore=RT01
        """The vectors in `unit`."""
        return self.vectors * (1.0 if self.pixel_size is None else self.pixel_size.value)

    def zero_test(self, level: float = 0.05) -> ZeroTest:
        """Tell whether the field is consistent with zero: whether there are no domains.

        Neighbouring vectors, up to 16, form groups. The mean of each, and that of all, is compared
        with its own covariance, which knows that vectors share atoms: for zero, its square by the
        inverse of the covariance has the chi-squared distribution of two degrees of freedom. The
        smallest p of the probabilities counts, as ``1 - (1 - p)**n`` of their number n (Sidak).

        Covariances are enlarged by `scatter` squared where vectors of a group certainly differ by
        more than their errors, as where the noise is not what was taken for it. So a field that
        alternates from cell to cell is consistent with zero, and has a large `scatter`.

        Parameters
        ----------
        level : float, default=0.05
            How often a field of zero may be said to differ.

        Returns
        -------
        test : ZeroTest
            Whether it is consistent, and by what probability.

        Raises
        ------
        TypeError, ValueError
            If the level is not between 0 and 1.
        """
        level = check_real(level, name="level", low=0, high=1)
        known = np.flatnonzero(
            np.isfinite(self.vectors).all(axis=1) & np.isfinite(self.covariances).all(axis=(1, 2))
        )
        if not len(known):
            return ZeroTest(
                consistent=False,
                p_value=np.nan,
                n_groups=0,
                scatter=np.nan,
                center=np.full(2, np.nan),
            )
        groups = [known[group] for group in _groups(self.positions[known])]
        scatter = self._scatter(groups)
        n_free = 2 * (len(known) - len(groups))
        if len(groups) > 1:
            groups.append(known)
        chance = _OF_MEDIAN / np.sqrt(2 * max(n_free, 1))
        larger = scatter**2 if scatter > 1 + _CERTAIN * chance else 1.0
        probabilities = [self._p_of_mean(group, larger) for group in groups]
        least = int(np.argmin(probabilities))
        p_value = -float(np.expm1(len(groups) * np.log1p(-min(probabilities[least], 1 - 1e-16))))
        center = self.positions[groups[least]].mean(axis=0)
        return ZeroTest(p_value >= level, p_value, len(groups), scatter, center)

    def _covariance_of_mean(self, members: NDArray[np.intp]) -> FloatArray:
        shares = self.weights[members].sum(axis=0) / len(members)
        used = np.flatnonzero(shares)
        return np.asarray(np.einsum("n,nij->ij", shares[used] ** 2, self.atom_covariances[used]))

    def _p_of_mean(self, members: NDArray[np.intp], larger: float) -> float:
        mean = self.vectors[members].mean(axis=0)
        covariance = larger * self._covariance_of_mean(members)
        return float(np.exp(-mean @ np.linalg.solve(covariance, mean) / 2))

    def _scatter(self, groups: list[NDArray[np.intp]]) -> float:
        """Root of how much more vectors of a group vary than expected, the median of all groups.

        A border of two domains goes through few groups, so that the median hardly knows of it.
        """
        ratios, freedoms = [], []
        for group in groups:
            expected = float(np.trace(self.covariances[group], axis1=1, axis2=2).sum())
            expected -= len(group) * float(np.trace(self._covariance_of_mean(group)))
            if len(group) < 2 or expected <= 0:
                continue
            rest = self.vectors[group] - self.vectors[group].mean(axis=0)
            ratios.append(float((rest**2).sum()) / expected)
            freedoms.append(2 * (len(group) - 1))
        if not ratios:
            return float("nan")
        # By how much the median of a chi-squared distribution is less than its mean.
        below = (1 - 2 / (9 * float(np.median(freedoms)))) ** 3
        return float(np.sqrt(np.median(ratios) / below))


def vector_field(
    name: str,
    atoms: NDArray[np.intp],
    positions: FloatArray,
    vectors: FloatArray,
    pixel_size: PixelSize | None,
    weights: sparse.csr_array,
    covariances: FloatArray,
) -> VectorField:
    """Make a field whose covariances follow from what its vectors are made of."""
    squares = weights.multiply(weights).tocsr()
    # Atoms without a covariance spoil the vectors that are made of them, and no others.
    flat = np.nan_to_num(covariances.reshape(-1, 4))
    unknown = ~np.isfinite(covariances).all(axis=(1, 2))
    summed = (squares @ flat).reshape(-1, 2, 2)
    bad = (squares @ unknown.astype(np.float64) > 0) | ~np.isfinite(vectors).all(axis=1)
    summed[bad] = np.nan
    return VectorField(
        name, atoms, positions[atoms], vectors, summed, pixel_size, weights, covariances
    )


def _groups(positions: FloatArray) -> list[NDArray[np.intp]]:
    """Split along the longer side in halves until groups are small enough."""
    pending, groups = [np.arange(len(positions))], []
    while pending:
        group = pending.pop()
        if len(group) <= _GROUP:
            groups.append(group)
            continue
        axis = int(np.argmax(np.ptp(positions[group], axis=0)))
        order = group[np.argsort(positions[group, axis], kind="stable")]
        pending += [order[: len(order) // 2], order[len(order) // 2 :]]
    return groups
