"""The geometry of a cell with its visible columns, in pixels, and what it counts."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, check_integer, check_real
from logstar.units import PIXELS, convert_length, normalize_unit

from ._columns import Column, as_columns
from ._counting import Count, edge_spread, in_field
from ._periodic import columns_within, covering_radius, neighbor_distances

#: More atoms per pixel than this cannot be told apart: the pixel size must be wrong.
_MAX_ATOMS_PER_PIXEL = 0.25
_MIN_ATOMS = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class ProjectedCell:
    """What `Lattice`, which documents the fields, has of geometry and counts."""

    a: float
    b: float
    angle: float = 90.0
    _: dataclasses.KW_ONLY
    columns: tuple[Column, ...]
    pixel_size: float
    unit: str = "A"
    mask: NDArray[np.bool_] | None = None
    tolerance: float = 0.85

    def __post_init__(self) -> None:
        def store(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        for name in ("a", "b", "pixel_size"):
            store(name, check_real(getattr(self, name), name=name, low=0, low_included=False))
        store("angle", check_real(self.angle, name="angle", low=0, high=180, low_included=False))
        if self.angle == 180:
            raise ValueError("angle must be between 0 and 180 degrees, both excluded, got 180.")
        store(
            "tolerance",
            check_real(self.tolerance, name="tolerance", low=0, high=1, low_included=False),
        )
        store("unit", PIXELS if self.unit == PIXELS else normalize_unit(self.unit))
        if self.unit == PIXELS and self.pixel_size != 1:
            raise ValueError(f"with unit='px' pixel_size is 1, got {self.pixel_size!r}.")
        store("mask", as_mask(self.mask))
        store("columns", as_columns(self.columns))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProjectedCell):
            return NotImplemented
        if (self.mask is None) != (other.mask is None):
            return False
        same_mask = self.mask is None or np.array_equal(self.mask, other.mask)  # type: ignore[arg-type] # neither is None
        return bool(same_mask) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        kinds = Counter(column.kind for column in self.columns)
        columns = " ".join(kind if n == 1 else f"{kind}*{n}" for kind, n in kinds.items())
        mask = "" if self.mask is None else f", mask={self.mask.shape[0]}x{self.mask.shape[1]}"
        return (
            f"Lattice(a={self.a:g}, b={self.b:g}, angle={self.angle:g}, columns=<{columns}>, "
            f"pixel_size={self.pixel_size:g}, unit={self.unit!r}{mask}, "
            f"tolerance={self.tolerance:g})"
        )

    def with_pixel_size(self, pixel_size: float, unit: str | None = None) -> Self:
        """Give the same crystal at another pixel size.

        Parameters
        ----------
        pixel_size : float
            Size of a pixel in `unit`.
        unit : {"A", "nm", "pm"}, default=None
            Unit of the pixel size; None is the lattice's own, which the result keeps.

        Returns
        -------
        lattice : Lattice
        """
        size = check_real(pixel_size, name="pixel_size", low=0, low_included=False)
        if unit is not None:
            size = convert_length(size, normalize_unit(unit), to=self.unit)
        return dataclasses.replace(self, pixel_size=size)

    def with_mask(self, mask: ArrayLike | None) -> Self:
        """Give the same lattice with another field of view.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool, or None
            Where in the image there is crystal; None is everywhere.

        Returns
        -------
        lattice : Lattice
        """
        return dataclasses.replace(self, mask=as_mask(mask))

    @property
    def unit_cell_area(self) -> float:  # numpydoc ignore=RT01
        """Area of the cell in square pixels."""
        return self.a * self.b * math.sin(math.radians(self.angle)) / self.pixel_size**2

    @property
    def kinds(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """The kinds of columns, each once, in the order of `columns`."""
        return tuple(dict.fromkeys(column.kind for column in self.columns))

    @property
    def nearest_distance(self) -> float:  # numpydoc ignore=RT01
        """Smallest distance of two columns in pixels."""
        return float(self._neighbor_distances(1).min())

    @property
    def nearest_distance_in_units(self) -> float:  # numpydoc ignore=RT01
        """Smallest distance of two columns in `unit`."""
        return self.nearest_distance * self.pixel_size

    @property
    def covering_radius(self) -> float:  # numpydoc ignore=RT01
        """How far in pixels one can get from any column: no gap of the lattice is wider."""
        return covering_radius(self._cell(), self._places())

    @property
    def sigma_range(self) -> tuple[float, float]:  # numpydoc ignore=RT01
        """Smallest and largest sigma in pixels that an atom can have in a search by LoG.

        A blob's radius is ``sqrt(2) * sigma``. At the largest sigma the blobs of nearest
        neighbours touch, at the smallest they are a third of that: 0.118 to 0.354 of the nearest
        distance. Gaussians fitted to YBa2Cu3O7 (simulated), SrTiO3 and BaTiO3 (real) have medians
        of 0.17 to 0.32.
        """
        largest = self.nearest_distance / (2 * math.sqrt(2))
        return largest / 3, largest

    def n_expected(self, shape: tuple[int, ...]) -> float:
        """Count the columns that a field of view holds on average.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image. With a `mask` only its pixels count.

        Returns
        -------
        n_expected : float
            Area over area of the cell, times the columns of a cell. The true count differs from
            it by those columns that the edges cut off or let in; see `expected_count`.

        Raises
        ------
        ValueError
            If the mask has another shape, or the number is absurd: below half an atom, or above
            one atom per four pixels.
        """
        size = as_shape(shape)
        n_pixels = self._n_pixels(size, 0)
        expected = n_pixels * self._density()
        if expected < _MIN_ATOMS:
            raise ValueError(
                f"The lattice expects {expected:.3g} atoms in {n_pixels:g} px of an image of "
                f"{size[0]} x {size[1]} px. {self._what_to_check()}"
            )
        return expected

    def expected_count(
        self, shape: tuple[int, ...], *, border: float = 0.0, calibration: float = 0.0
    ) -> Count:
        """Count the columns of a field of view, and say how uncertain that is.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image. With a `mask` only its pixels count.
        border : float, default=0.0
            Width in pixels of the frame that does not belong to the field; with a mask, to the
            nearest whole one.
        calibration : float, default=0.0
            Relative standard deviation of the pixel size; the count is uncertain by twice that.

        Returns
        -------
        count : Count
            The expected number; its standard deviation by the edges, measured over 64 places of
            the lattice with `a` along the rows, where it is largest (whole rows of columns come
            and go at once); and that by the pixel size.

        Raises
        ------
        ValueError
            As `n_expected`; also for a border that leaves nothing.

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> print(lattice.expected_count((105, 205), calibration=0.01))
        107.6 +- 6.1
        """
        size = as_shape(shape)
        border = check_real(border, name="border", low=0)
        calibration = check_real(calibration, name="calibration", low=0)
        if 2 * border >= min(size):
            raise ValueError(f"border={border:g} leaves nothing of {size[0]} x {size[1]} px.")
        self.n_expected(shape)
        n = self._n_pixels(size, border) * self._density()

        def count(origin: FloatArray) -> int:
            corner = tuple(origin @ self._cell())
            points, _ = ProjectedCell.positions(self, size, origin=corner, margin=0.5)
            return int(in_field(points, size, border, self.mask).sum())

        return Count(n, edge_spread(count), 2 * calibration * n)

    def distance_sums(self, n_neighbors: int = 4) -> dict[str, float]:
        """Sum of the distances to the nearest neighbours, for each kind of column.

        Parameters
        ----------
        n_neighbors : int, default=4
            How many neighbours are summed over.

        Returns
        -------
        sums : dict of str to float
            In pixels, exact for the endless lattice, by kind; the smallest where columns of one
            kind differ.
        """
        check_integer(n_neighbors, name="n_neighbors", low=1)
        sums: dict[str, float] = {}
        distances = self._neighbor_distances(n_neighbors).sum(axis=1)
        for column, total in zip(self.columns, distances, strict=True):
            sums[column.kind] = min(float(total), sums.get(column.kind, math.inf))
        return sums

    def distance_sum(self, n_neighbors: int = 4) -> float:
        """Smallest of the `distance_sums`, in pixels.

        Parameters
        ----------
        n_neighbors : int, default=4
            How many neighbours are summed over.

        Returns
        -------
        distance_sum : float
        """
        return min(self.distance_sums(n_neighbors).values())

    def distance_sum_threshold(self, n_neighbors: int = 4) -> float:
        """DS of eq. 2: the distance sum in pixels below which an atom is an error.

        Parameters
        ----------
        n_neighbors : int, default=4
            How many neighbours are summed over.

        Returns
        -------
        threshold : float
            `tolerance` times `distance_sum`. The smallest sum is taken, not the mean: kinds of
            columns differ (by 12.5 % in YBa2Cu3O7), and the mean would leave the closest kind 7 %
            less room.
        """
        return self.tolerance * self.distance_sum(n_neighbors)

    def positions(
        self,
        shape: tuple[int, ...],
        *,
        origin: tuple[float, float] = (0.0, 0.0),
        rotation: float = 0.0,
        margin: float = 0.0,
    ) -> tuple[FloatArray, NDArray[np.str_]]:
        """Lay the lattice over an image.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        origin : tuple of two float, default=(0.0, 0.0)
            Row and column of a corner of a cell, in pixels.
        rotation : float, default=0.0
            In degrees, counter-clockwise as displayed with row 0 at the top. Unrotated, `a` points
            along the columns (to the right) and `b` to greater rows (down).
        margin : float, default=0.0
            How many pixels beyond the image columns are given; less than 0 leaves out a frame.

        Returns
        -------
        positions : ndarray of shape (n, 2), float64
            Row and column of every column of the lattice with ``-margin <= row <= n_rows - 1 +
            margin`` and likewise for its column. The mask has no say in it.
        kinds : ndarray of shape (n,), str
            The kind of each.

        Raises
        ------
        TypeError, ValueError
            For parameters that are not finite numbers, or a lattice with more than one atom per
            four pixels.
        """
        n_rows, n_cols = as_shape(shape)
        margin = check_real(margin, name="margin")
        start = np.array([check_real(x, name="origin") for x in origin])
        self._density()
        cell = self._cell(check_real(rotation, name="rotation"))
        low = np.array([-margin, -margin])
        high = np.array([n_rows - 1 + margin, n_cols - 1 + margin])
        points, indices = columns_within(cell, self._places(), start, low, high)
        return points, np.array([column.kind for column in self.columns])[indices]

    def _n_pixels(self, size: tuple[int, int], border: float) -> float:
        """Area of the field in pixels."""
        if self.mask is None:
            return (size[0] - 2 * border) * (size[1] - 2 * border)
        if self.mask.shape != size:
            raise ValueError(
                f"The lattice's mask has shape {self.mask.shape}, the image {size}; "
                "they must be the same."
            )
        frame = round(border)
        inner = slice(frame, -frame or None)
        return int(np.count_nonzero(self.mask[inner, inner]))

    def _key(self) -> tuple[object, ...]:
        fields = (field.name for field in dataclasses.fields(self))
        return tuple(getattr(self, name) for name in fields if name != "mask")

    def _cell(self, rotation: float = 0.0) -> FloatArray:
        """Edges `a` and `b` as the rows of a matrix, each (row, col) in pixels."""
        angle, turn = math.radians(self.angle), math.radians(rotation)
        edges = np.array([[0.0, self.a], [self.b * math.sin(angle), self.b * math.cos(angle)]])
        cosine, sine = math.cos(turn), math.sin(turn)
        return np.asarray(edges @ np.array([[cosine, sine], [-sine, cosine]]) / self.pixel_size)

    def _places(self) -> FloatArray:
        """Fractional coordinates (n_columns, 2) of the columns."""
        return np.array([[column.u, column.v] for column in self.columns])

    def _neighbor_distances(self, n_neighbors: int) -> FloatArray:
        return neighbor_distances(self._cell(), self._places(), n_neighbors)

    def _density(self) -> float:
        """Columns per pixel, checked to be possible."""
        density = len(self.columns) / self.unit_cell_area
        if density > _MAX_ATOMS_PER_PIXEL:
            raise ValueError(
                f"The lattice has {density:.3g} atoms per pixel; above {_MAX_ATOMS_PER_PIXEL} they "
                f"cannot be told apart. {self._what_to_check()}"
            )
        return density

    def _what_to_check(self) -> str:
        return (
            f"Check pixel_size={self.pixel_size:g} {self.unit}/px against the cell of {self.a:g} x "
            f"{self.b:g} {self.unit}: is the unit right, is it per pixel?"
        )


def as_mask(mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    # A copy that nobody can write to: the lattice is a value.
    array = np.array(mask)
    if array.dtype != np.bool_ or array.ndim != 2:
        raise ValueError(
            f"mask must be a 2-D array of booleans, got {array.ndim}-D with dtype {array.dtype}."
        )
    array.flags.writeable = False
    return array


def as_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise ValueError(f"shape must be (n_rows, n_cols) of one image, got {tuple(shape)}.")
    n_rows, n_cols = (check_integer(n, name="each of shape", low=1) for n in shape)
    return n_rows, n_cols
