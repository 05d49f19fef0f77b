"""A crystal seen in projection."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, check_integer, check_real
from logstar.units import PIXELS, PixelSize, convert_length, parse_length

from ._columns import Column, as_columns
from ._comparison import LatticeComparison, SeenLattice, compare_cells
from ._counting import Count, count_columns
from ._crystals import YBCO_100, Crystal, crystal_of_cif, perovskite_001
from ._elements import Z_EXPONENT, atomic_number
from ._field_of_view import area_of_field, as_mask, as_shape
from ._periodic import columns_within, covering_radius, neighbor_distances
from ._plane_group import PlaneGroup, plane_group
from ._zone_axis import parse_zone_axis

#: More atoms per pixel than this cannot be told apart: the pixel size must be wrong.
_MAX_ATOMS_PER_PIXEL = 0.25
#: A field that holds less than half an atom is that of a wrong pixel size as well.
_MIN_ATOMS = 0.5
#: What a lattice remembers once it was asked for it.
_REMEMBERED = ("_nearest_distance", "_covering_radius")
#: Default of `tolerance`; the class says why.
_TOLERANCE = 0.85


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Lattice:
    """Projected cell of a crystal, its visible columns, and the pixel size.

    Parameters
    ----------
    a, b : float
        Lengths of the cell's edges in the image plane, in the unit of the pixel size.
    angle : float, default=90.0
        Angle between them in degrees.
    columns : iterable of Column
        The columns of one cell that the detector shows; invisible ones (O in HAADF) are left out.
    pixel_size : PixelSize, str, float or None
        Size of a pixel: a text with its unit such as "0.2 A" or "20 pm", or a number in angstrom.
        None says that `a` and `b` are in pixels.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal, if it is not everywhere. Only counts regard it; see
        `logstar.lattice.estimate_field`.
    tolerance : float, default=0.85
        An atom counts as an error if its distance sum is less than this share of the lattice's
        smallest one; in (0, 1]. Measured on YBa2Cu3O7: true columns have at least 0.97 of the
        smallest sum when rounded to whole pixels at 0.15 angstrom per pixel (0.94 at 0.3), 0.92
        with a thermal spread of 0.1 angstrom rms per axis besides, and 0.85 if moreover the pixel
        size is wrong by 8 %, as in some files. An invented atom has less than 0.85 in 84 % of all
        places, in a perovskite in all. In the other places, between Cu1 and Ba, whose sums are the
        largest, it has at most 0.89. Missing atoms only raise sums. Where the calibration is good,
        0.9 finds every invented atom.

    Attributes
    ----------
    pixel_size : PixelSize or None
        Size of a pixel with its unit.
    unit : str
        Unit of `a` and `b`: that of the pixel size, "px" where there is none.
    vectors : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col), in pixels.
    unit_cell_area : float
        Area of the cell in square pixels.
    kinds : tuple of str
        The kinds of columns, in the order of `columns`.
    nearest_distance, nearest_distance_in_units : float
        Smallest distance of two columns, in pixels and in `unit`.
    covering_radius : float
        How far in pixels one can get from any column.
    sigma_range : tuple of float
        Smallest and largest sigma in pixels for a search by Laplacians of Gaussians.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be, or two columns are at the same place.

    Examples
    --------
    >>> from logstar.lattice import Lattice
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> lattice.n_expected((100, 200))
    100.0
    >>> lattice.distance_sum()
    56.568
    >>> lattice.nearest_distance_in_units
    2.828
    """

    a: float
    b: float
    angle: float
    _: dataclasses.KW_ONLY
    columns: tuple[Column, ...]
    pixel_size: PixelSize | None
    mask: NDArray[np.bool_] | None
    tolerance: float = _TOLERANCE

    def __init__(
        self,
        a: float,
        b: float,
        angle: float = 90.0,
        *,
        columns: Iterable[Column],
        pixel_size: PixelSize | str | float | None,
        mask: ArrayLike | None = None,
        tolerance: float = _TOLERANCE,
    ) -> None:
        angle = check_real(angle, name="angle", low=0, high=180, low_included=False)
        if angle == 180:
            raise ValueError("angle must be between 0 and 180 degrees, both excluded, got 180.")
        self._set(
            a=check_real(a, name="a", low=0, low_included=False),
            b=check_real(b, name="b", low=0, low_included=False),
            angle=angle,
            columns=as_columns(columns),
            pixel_size=None if pixel_size is None else PixelSize.of(pixel_size),
            mask=as_mask(mask),
            tolerance=check_real(tolerance, name="tolerance", low=0, high=1, low_included=False),
        )

    def _set(self, **values: object) -> None:
        """Set attributes while the lattice is made; later it cannot be changed."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def ybco(
        cls,
        pixel_size: PixelSize | str | float,
        *,
        mask: ArrayLike | None = None,
        tolerance: float = _TOLERANCE,
    ) -> Self:
        """YBa2Cu3O7 in cross-section along [100]: `a` is b = 3.885 Å, `b` is c = 11.680 Å.

        Ba, Y, the chain copper Cu1 and the plane copper Cu2 are visible, six columns a cell.

        Parameters
        ----------
        pixel_size : PixelSize, str or float
            Size of a pixel: "0.2 A", or a number in angstrom.
        mask : ndarray of shape (n_rows, n_cols), bool, default=None
            Where in the image there is crystal; see the class.
        tolerance : float, default=0.85
            Share of the smallest distance sum below which an atom counts as an error.

        Returns
        -------
        lattice : Lattice
            The same crystal.

        References
        ----------
        P. Schweiss et al., Phys. Rev. B 49, 1387 (1994).

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.ybco("0.015 nm").distance_sums()
        {'Y': 68.703, 'Ba': 75.785, 'Cu1': 77.297, 'Cu2': 71.489}
        """
        return cls._of_crystal(YBCO_100, pixel_size, mask, tolerance)

    @classmethod
    def perovskite(
        cls,
        a: float | str,
        pixel_size: PixelSize | str | float,
        *,
        a_site: str = "Sr",
        b_site: str = "Ti",
        mask: ArrayLike | None = None,
        tolerance: float = _TOLERANCE,
    ) -> Self:
        """Cubic perovskite ABO3 along [001]: A at the corners, B (with O) in the middle.

        Parameters
        ----------
        a : float or str
            Edge of the cell: a number in angstrom, whatever the unit of the pixel size, or a text
            with its unit.
        pixel_size : PixelSize, str or float
            Size of a pixel: "0.2 A", or a number in angstrom.
        a_site, b_site : str, default="Sr", "Ti"
            The elements of the kinds "A" and "B".
        mask : ndarray of shape (n_rows, n_cols), bool, default=None
            Where in the image there is crystal; see the class.
        tolerance : float, default=0.85
            Share of the smallest distance sum below which an atom counts as an error.

        Returns
        -------
        lattice : Lattice
            The same crystal.

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.perovskite(3.905, pixel_size=0.1).nearest_distance
        27.61
        """
        edge = convert_length(*parse_length(a, name="a"), to="A")
        crystal = perovskite_001(edge, a_site, b_site)
        return cls._of_crystal(crystal, pixel_size, mask, tolerance)

    @classmethod
    def from_cif(
        cls,
        path: str | os.PathLike[str],
        zone_axis: str | Sequence[int],
        pixel_size: PixelSize | str | float | Sequence[str | float],
        *,
        visible: float | Iterable[str] | None = None,
        exponent: float = Z_EXPONENT,
        mask: ArrayLike | None = None,
        tolerance: float = _TOLERANCE,
    ) -> Self:
        """Project a crystal structure along a direction.

        Atoms less than 0.5 angstrom apart in projection are one column, which stands where its
        strongest element does. The cell is the smallest that repeats the visible columns. Neither
        depends on the order of the atoms, or on which of several equivalent zone axes is given.

        Parameters
        ----------
        path : path-like
            A CIF (``pip install "logstar[crystal]"``).
        zone_axis : str or sequence of three int
            The direction of view [uvw]: "[1 0 0]", "100", "1,-1,0", "[1-10]" or (1, 0, 0).
        pixel_size : PixelSize, str, float, or two of such
            Size of a pixel: "0.02966 nm", or a number in angstrom. Two (height, width) must agree:
            pixels are square here.
        visible : float, iterable of str or None, default=None
            Which columns the detector shows: those with at least this share of the intensity of
            the strongest; or those of these elements or atom labels. None is what HAADF shows: a
            share of 0.1 (Ti in PbTiO3 has 0.11 to 0.125), but of 0.5 for columns of elements up
            to Ne alone (O has 0.04 to 0.13 in YBa2Cu3O7 and SrTiO3, up to 0.36 in TiO2).
        exponent : float, default=1.7
            Intensity goes with this power of the atomic number: 1.7 in HAADF.
        mask : ndarray of shape (n_rows, n_cols), bool, default=None
            Where in the image there is crystal; see the class.
        tolerance : float, default=0.85
            Share of the smallest distance sum below which an atom counts as an error.

        Returns
        -------
        lattice : Lattice
            In the unit of the pixel size. Kinds are named by the atoms' labels in the file, by
            several where a column holds several; weights are relative to the strongest column.

        Raises
        ------
        ImportError
            Without the extra ``crystal``.
        OSError
            If the file is missing, or no CIF.
        TypeError, ValueError
            For a CIF without cell or atoms, with unknown elements, with more atoms at a place than
            can be, or with a symmetry that is unknown or does not fit its cell; a zone axis or a
            pixel size that is none; or where nothing is visible.

        Warns
        -----
        UserWarning
            If the file states no symmetry, states it incompletely, or contradicts itself. The
            warning says what is taken.
        """
        size = PixelSize.of(pixel_size)
        crystal = crystal_of_cif(path, parse_zone_axis(zone_axis), visible, exponent)
        return cls._of_crystal(crystal, size, mask, tolerance)

    @classmethod
    def _of_crystal(
        cls,
        crystal: Crystal,
        pixel_size: PixelSize | str | float,
        mask: ArrayLike | None,
        tolerance: float,
    ) -> Self:
        size = PixelSize.of(pixel_size)
        a, b = (convert_length(edge, "A", to=size.unit) for edge in (crystal.a, crystal.b))
        return cls(
            a,
            b,
            crystal.angle,
            columns=crystal.columns,
            pixel_size=size,
            mask=mask,
            tolerance=tolerance,
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        if self.mask is None or other.mask is None:
            return self.mask is other.mask and self._key() == other._key()
        return np.array_equal(self.mask, other.mask) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Lattice({self._description()})"

    def _description(self) -> str:
        kinds = Counter(column.kind for column in self.columns)
        columns = " ".join(kind if n == 1 else f"{kind}*{n}" for kind, n in kinds.items())
        size = "None" if self.pixel_size is None else f"'{self._size_in_words()}'"
        mask = "" if self.mask is None else f", mask={self.mask.shape[0]}x{self.mask.shape[1]}"
        return (
            f"a={self.a:g}, b={self.b:g}, angle={self.angle:g}, columns=<{columns}>, "
            f"pixel_size={size}{mask}, tolerance={self.tolerance:g}"
        )

    def _key(self) -> tuple[object, ...]:
        fields = (field.name for field in dataclasses.fields(self))
        return tuple(getattr(self, name) for name in fields if name != "mask")

    def with_pixel_size(self, pixel_size: PixelSize | str | float) -> Self:
        """Give the same crystal at another pixel size.

        Parameters
        ----------
        pixel_size : PixelSize, str or float
            Size of a pixel: "0.2 A", or a number in angstrom.

        Returns
        -------
        lattice : Lattice
            Its lengths are in the unit of the new pixel size.

        Raises
        ------
        TypeError, ValueError
            For a pixel size that is none, or a lattice whose lengths are in pixels.
        """
        size = PixelSize.of(pixel_size)
        if self.pixel_size is None:
            raise ValueError(
                "the lattice has lengths in pixels, so its size is unknown; make it anew with a "
                "pixel size and lengths in its unit."
            )
        a, b = (convert_length(x, self.unit, to=size.unit) for x in (self.a, self.b))
        return dataclasses.replace(self, a=a, b=b, pixel_size=size)

    def with_mask(self, mask: ArrayLike | None) -> Self:
        """Give the same lattice with another field of view.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool, or None
            Where in the image there is crystal; None is everywhere.

        Returns
        -------
        lattice : Lattice
            The same crystal.
        """
        return dataclasses.replace(self, mask=as_mask(mask))

    @property
    def unit(self) -> str:  # numpydoc ignore=RT01
        """Unit of `a` and `b`: that of the pixel size, "px" where there is none."""
        return PIXELS if self.pixel_size is None else self.pixel_size.unit

    @property
    def vectors(self) -> FloatArray:  # numpydoc ignore=RT01
        """Edges of the cell as rows (row, col), in pixels."""
        return self._cell()

    @property
    def unit_cell_area(self) -> float:  # numpydoc ignore=RT01
        """Area of the cell in square pixels."""
        return self.a * self.b * math.sin(math.radians(self.angle)) / self._pixel**2

    @property
    def kinds(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """The kinds of columns, each once, in the order of `columns`."""
        return tuple(dict.fromkeys(column.kind for column in self.columns))

    @property
    def nearest_distance(self) -> float:  # numpydoc ignore=RT01
        """Smallest distance of two columns in pixels."""
        return self._nearest_distance

    @property
    def nearest_distance_in_units(self) -> float:  # numpydoc ignore=RT01
        """Smallest distance of two columns in `unit`."""
        return self.nearest_distance * self._pixel

    @property
    def covering_radius(self) -> float:  # numpydoc ignore=RT01
        """How far in pixels one can get from any column: no gap of the lattice is wider."""
        return self._covering_radius

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
            Columns of a cell, times the area of the field over that of the cell. The true count
            differs from it by what the edges cut off or let in; see `expected_count`.

        Raises
        ------
        ValueError
            If the mask has another shape, or the number is absurd: below half an atom, or above
            one atom per four pixels.
        """
        size = as_shape(shape)
        n_pixels = area_of_field(size, 0, self.mask)
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
            The expected number, with its standard deviation due to the edges and that due to the
            pixel size. The former is measured: columns are counted with the lattice at 64 places.
            There `a` lies along the rows, where the deviation is largest, since whole rows of
            columns come and go at once.

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
        # An absurd number is refused before as many columns are laid out.
        self.n_expected(size)
        return count_columns(
            self._cell(),
            self._places(),
            size,
            border=border,
            calibration=calibration,
            mask=self.mask,
        )

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
            In pixels.
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
            Columns up to this many pixels beyond the image are given; below 0 a frame is left out.

        Returns
        -------
        positions : ndarray of shape (n, 2), float64
            Row and column of every column of the lattice with ``-margin <= row <= n_rows - 1 +
            margin`` and likewise for its column, whatever the mask.
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

    def relative_intensities(self) -> dict[str, float]:
        """How bright the kinds of columns are in HAADF, the brightest being 1.

        Returns
        -------
        intensities : dict of str to float
            By the columns' weights, else by Z^1.7 of their species.

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.perovskite(3.905, pixel_size=0.1).relative_intensities()
        {'A': 1.0, 'B': 0.395}
        """
        weights = {
            column.kind: (
                atomic_number(column.species) ** Z_EXPONENT
                if column.weight is None
                else column.weight
            )
            for column in self.columns
        }
        strongest = max(weights.values())
        return {kind: weight / strongest for kind, weight in weights.items()}

    def plane_group(self) -> PlaneGroup:
        """Find the symmetry of the visible columns, those of one kind being alike.

        Returns
        -------
        group : PlaneGroup
            Symbol, order of rotation, mirrors and glides.

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.perovskite(3.905, pixel_size=0.1).plane_group().symbol
        'p4mm'
        """
        return plane_group(self._cell(), self.columns)

    def compare(self, image_lattice: SeenLattice) -> LatticeComparison:
        """Compare the crystal with the lattice that an image shows.

        Parameters
        ----------
        image_lattice : ImageLattice
            From `ImageLattice.from_image`.

        Returns
        -------
        comparison : LatticeComparison
            How far the pixel size is off, what shear and stretch the scan made, in numbers and in
            words.

        Raises
        ------
        TypeError
            If it is not the lattice of an image.
        ValueError
            If this crystal has no pixel size.

        Examples
        --------
        A crystal at a pixel size that is 3 % too small for the image.

        >>> from logstar.datasets import make_scene
        >>> from logstar.lattice import ImageLattice, Lattice
        >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> image = make_scene(crystal, shape=(200, 200), random_state=0).image
        >>> found = ImageLattice.from_image(image)
        >>> crystal.with_pixel_size(0.2 / 1.03).compare(found).pixel_size_error
        -0.029
        """
        if not isinstance(image_lattice, SeenLattice):
            raise TypeError(f"image_lattice must be an ImageLattice, got {image_lattice!r}.")
        if self.pixel_size is None:
            raise ValueError(
                "a crystal with lengths in pixels has no pixel size to compare; give it one."
            )
        return compare_cells(
            self._cell(),
            image_lattice.vectors,
            n_columns=(len(self.columns), len(image_lattice.columns)),
            pixel_size=self.pixel_size,
            vector_error=image_lattice.vector_error,
        )

    @property
    def _pixel(self) -> float:
        """Size of a pixel in `unit`."""
        return 1.0 if self.pixel_size is None else self.pixel_size.value

    def _cell(self, rotation: float = 0.0) -> FloatArray:
        """Edges `a` and `b` as the rows of a matrix, each (row, col) in pixels."""
        angle, turn = math.radians(self.angle), math.radians(rotation)
        edges = np.array([[0.0, self.a], [self.b * math.sin(angle), self.b * math.cos(angle)]])
        cosine, sine = math.cos(turn), math.sin(turn)
        return np.asarray(edges @ np.array([[cosine, sine], [-sine, cosine]]) / self._pixel)

    def _places(self) -> FloatArray:
        """Fractional coordinates (n_columns, 2) of the columns."""
        return np.array([[column.u, column.v] for column in self.columns])

    def __getstate__(self) -> dict[str, Any]:
        # What is remembered is no part of it: equal lattices have equal fingerprints.
        return {name: value for name, value in vars(self).items() if name not in _REMEMBERED}

    # Lattices do not change, and every part of a run asks them for these two.

    @cached_property
    def _nearest_distance(self) -> float:
        return float(self._neighbor_distances(1).min())

    @cached_property
    def _covering_radius(self) -> float:
        return covering_radius(self._cell(), self._places())

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
        if self.pixel_size is None:
            return f"Check the cell of {self.a:g} x {self.b:g} px."
        return (
            f"Check pixel_size='{self._size_in_words()}' against the cell of {self.a:g} x "
            f"{self.b:g} {self.unit}: is the unit right, is it per pixel?"
        )

    def _size_in_words(self) -> str:
        return "" if self.pixel_size is None else f"{self.pixel_size.value:g} {self.unit}"
