"""The projected cell of a crystal."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._crystal import Z_EXPONENT, Column, as_columns, atomic_number
from logstar._units import PIXELS, as_pixel_size, convert_length, normalize_unit
from logstar._validation import FloatArray, check_integer, check_real

from ._counting import Count, edge_spread, in_field
from ._periodic import columns_within, covering_radius, neighbor_distances
from ._plane_group import PlaneGroup, plane_group

if TYPE_CHECKING:
    import os

    from ._comparison import LatticeComparison
    from ._image_lattice import ImageLattice

#: More atoms per pixel than this cannot be told apart: the pixel size must be wrong.
_MAX_ATOMS_PER_PIXEL = 0.25
_MIN_ATOMS = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Lattice:
    """Projected cell of a crystal, its visible columns, and the pixel size.

    Parameters
    ----------
    a, b : float
        Lengths of the cell's edges in the image plane, in `unit`.
    angle : float, default=90.0
        Angle between them in degrees.
    columns : iterable of Column
        The columns of one cell that the detector shows; invisible ones (O in HAADF) are left out.
    pixel_size : float
        Size of a pixel in `unit`.
    unit : {"A", "nm", "pm", "px"}, default="A"
        Unit of `a`, `b` and `pixel_size`; "Å" and "angstrom" mean "A". With "px" lengths are in
        pixels, and `pixel_size` is 1.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal, if it is not everywhere. Only counts regard it; see
        `logstar.lattice.estimate_field`.
    tolerance : float, default=0.85
        Share of the smallest distance sum below which an atom counts as an error, in (0, 1].
        Measured on YBa2Cu3O7: true columns rounded to whole pixels keep at least 0.97 of it at
        0.15 angstrom per pixel (0.94 at 0.3), with a thermal spread of 0.1 angstrom rms per axis
        0.92, and a pixel size wrong by 8 %, as in some files, takes that to 0.85. An invented
        atom has at most 0.89, wherever it is, and less than 0.85 in 84 % of all places (in a
        perovskite in all); what escapes lies between Cu1 and Ba, whose sums are the largest.
        Missing atoms only raise sums. Where the calibration is good, 0.9 finds every invented
        atom.

    Attributes
    ----------
    unit_cell_area : float
        Area of the cell in square pixels.
    kinds : tuple of str
        The kinds of columns, in the order of `columns`.
    nearest_distance, nearest_distance_in_units : float
        Smallest distance of two columns, in pixels and in `unit`.
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
        if not isinstance(other, Lattice):
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

    @classmethod
    def ybco(
        cls,
        pixel_size: float,
        unit: str = "A",
        *,
        mask: NDArray[np.bool_] | None = None,
        tolerance: float = 0.85,
    ) -> Lattice:
        """YBa2Cu3O7 in cross-section along [100]: `a` is b = 3.885 Å, `b` is c = 11.680 Å.

        Ba, Y, the chain copper Cu1 and the plane copper Cu2 are visible, six columns a cell.

        Parameters
        ----------
        pixel_size : float
            Size of a pixel in `unit`.
        unit : {"A", "nm", "pm"}, default="A"
            Unit of the pixel size.
        mask, tolerance
            As for the class.

        Returns
        -------
        lattice : Lattice

        References
        ----------
        P. Schweiss et al., Phys. Rev. B 49, 1387 (1994).

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.ybco(pixel_size=0.015, unit="nm").distance_sums()
        {'Y': 68.703, 'Ba': 75.785, 'Cu1': 77.297, 'Cu2': 71.489}
        """
        unit = normalize_unit(unit)
        return cls(
            convert_length(3.885, "A", to=unit),
            convert_length(11.680, "A", to=unit),
            columns=(
                Column("Y", "Y", 0.5, 0.5),
                Column("Ba", "Ba", 0.5, 0.1842),
                Column("Ba", "Ba", 0.5, 0.8158),
                Column("Cu1", "Cu", 0.0, 0.0),
                Column("Cu2", "Cu", 0.0, 0.3551),
                Column("Cu2", "Cu", 0.0, 0.6449),
            ),
            pixel_size=pixel_size,
            unit=unit,
            mask=mask,
            tolerance=tolerance,
        )

    @classmethod
    def perovskite(
        cls,
        a: float,
        pixel_size: float,
        unit: str = "A",
        *,
        a_site: str = "Sr",
        b_site: str = "Ti",
        mask: NDArray[np.bool_] | None = None,
        tolerance: float = 0.85,
    ) -> Lattice:
        """Cubic perovskite ABO3 along [001]: A at the corners, B (with O) in the middle.

        Parameters
        ----------
        a : float
            Edge of the cell, in `unit`.
        pixel_size : float
            Size of a pixel in `unit`.
        unit : {"A", "nm", "pm"}, default="A"
            Unit of `a` and `pixel_size`.
        a_site, b_site : str, default="Sr", "Ti"
            The elements of the kinds "A" and "B".
        mask, tolerance
            As for the class.

        Returns
        -------
        lattice : Lattice

        Examples
        --------
        >>> from logstar.lattice import Lattice
        >>> Lattice.perovskite(3.905, pixel_size=0.1).nearest_distance
        27.61
        """
        columns = (Column("A", a_site, 0.0, 0.0), Column("B", b_site, 0.5, 0.5))
        return cls(
            a, a, columns=columns, pixel_size=pixel_size, unit=unit, mask=mask, tolerance=tolerance
        )

    @classmethod
    def from_cif(
        cls,
        path: str | os.PathLike[str],
        zone_axis: str | Sequence[int],
        pixel_size: Any,
        unit: str | None = None,
        *,
        visible: float | Iterable[str] | None = None,
        exponent: float = Z_EXPONENT,
        mask: NDArray[np.bool_] | None = None,
        tolerance: float = 0.85,
    ) -> Lattice:
        """Project a crystal structure along a direction.

        Atoms less than 0.5 angstrom apart in projection are one column, which stands where its
        strongest element does. The cell is the smallest that repeats the visible columns.

        Parameters
        ----------
        path : path-like
            A CIF (``pip install "logstar[crystal]"``).
        zone_axis : str or sequence of three int
            The direction of view [uvw]: "[1 0 0]", "100", "1,-1,0", "[1-10]" or (1, 0, 0).
        pixel_size : float, str, or two of such
            Size of a pixel: a number in `unit`, or a text with its unit, such as "0.02966 nm".
            Two (height, width) must agree: pixels are square here.
        unit : str, default=None
            Unit of a number: A (the default), nm, pm, um or m.
        visible : float, iterable of str or None, default=None
            Which columns the detector shows: those with at least this share of the intensity of
            the strongest; or those of these elements or atom labels. None is what HAADF shows: a
            share of 0.1 (Ti in PbTiO3 has 0.11 to 0.125), but of 0.5 for columns of elements up
            to Ne alone (O has 0.04 to 0.13 in YBa2Cu3O7 and SrTiO3, up to 0.36 in TiO2).
        exponent : float, default=1.7
            Intensity goes with this power of the atomic number: 1.7 in HAADF.
        mask, tolerance
            As for the class.

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
            For a CIF without cell or atoms, with unknown elements, or with more atoms at a place
            than can be; a zone axis or a pixel size that is none; or where nothing is visible.

        Warns
        -----
        UserWarning
            If the file states no symmetry.
        """
        from ._cif import read_cif  # noqa: PLC0415 - only this needs the extra
        from ._projection import project  # noqa: PLC0415
        from ._zone_axis import parse_zone_axis  # noqa: PLC0415

        size, unit = as_pixel_size(pixel_size, unit)
        axis = parse_zone_axis(zone_axis)
        cell, sites = read_cif(path)
        edges, columns = project(cell, sites, axis, visible, exponent)
        a, b = (float(length) for length in np.linalg.norm(edges, axis=1))
        angle = math.degrees(math.acos(float(edges[0] @ edges[1]) / (a * b)))
        return cls(
            convert_length(a, "A", to=unit),
            convert_length(b, "A", to=unit),
            float(f"{angle:.12g}"),
            columns=columns,
            pixel_size=size,
            unit=unit,
            mask=mask,
            tolerance=tolerance,
        )

    @classmethod
    def from_image(
        cls,
        image: ArrayLike,
        pixel_size: Any = None,
        unit: str | None = None,
        *,
        polarity: Literal["bright", "dark"] = "bright",
        mask: NDArray[np.bool_] | None = None,
        tolerance: float = 0.85,
        min_confidence: float = 0.7,
    ) -> ImageLattice:
        """Find the lattice that an image shows, with no crystal given.

        Bragg peaks of the image's Fourier transform, refined to a hundredth of a bin, give the
        vectors; all cells of the image laid on one another along these, with slow distortions of
        the scan taken out, give the columns of the cell.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image. It should show at least some five cells each way.
        pixel_size : float or str, default=None
            As for `from_cif`; None leaves lengths in pixels.
        unit : str, default=None
            Unit of a number.
        polarity : {"bright", "dark"}, default="bright"
            Whether columns are brighter than their surroundings (HAADF) or darker (ABF).
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where in the image there is crystal; the rest is not looked at.
        tolerance : float, default=0.85
            As for the class.
        min_confidence : float, default=0.7
            Below this the image is refused.

        Returns
        -------
        lattice : ImageLattice
            A lattice that knows where its columns are, and how sure it is. Kinds are "A", "B" and
            so on, the brightest first; the species is unknown, "X".

        Raises
        ------
        NotOneLatticeError
            If the image shows no lattice, or several (a grain boundary, two phases). Its
            attribute `lattice` is the strongest one, if there is any.
        TypeError, ValueError
            For an image or a parameter that cannot be.

        Notes
        -----
        Columns that the detector does not resolve, that show as a mere shoulder of a neighbour or
        drown in the noise of the mean cell, are not counted: a crystal, where it is known, knows
        better.

        Examples
        --------
        >>> from logstar.datasets import make_scene
        >>> from logstar.lattice import Lattice
        >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> scene = make_scene(crystal, shape=(200, 200), noise=0.2, random_state=0)
        >>> lattice = Lattice.from_image(scene.image)
        >>> lattice.a, lattice.b, len(lattice.columns)
        (20.0, 20.0, 2)
        """
        from ._image_lattice import lattice_of_image  # noqa: PLC0415 - it needs this class

        return lattice_of_image(
            image,
            pixel_size,
            unit,
            polarity=polarity,
            mask=mask,
            tolerance=tolerance,
            min_confidence=min_confidence,
        )

    def with_pixel_size(self, pixel_size: float, unit: str | None = None) -> Lattice:
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
            points, _ = Lattice.positions(self, size, origin=corner, margin=0.5)
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

    def compare(self, image_lattice: ImageLattice) -> LatticeComparison:
        """Compare the crystal with the lattice that an image shows.

        Parameters
        ----------
        image_lattice : ImageLattice
            From `from_image`.

        Returns
        -------
        comparison : LatticeComparison
            How far the pixel size is off, what shear and stretch the scan made, in numbers and in
            words.

        Examples
        --------
        A crystal at a pixel size that is 3 % too small for the image.

        >>> from logstar.datasets import make_scene
        >>> from logstar.lattice import Lattice
        >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> image = make_scene(crystal, shape=(200, 200), random_state=0).image
        >>> found = Lattice.from_image(image)
        >>> crystal.with_pixel_size(0.2 / 1.03).compare(found).pixel_size_error
        -0.029
        """
        from ._comparison import compare  # noqa: PLC0415 - it needs this class

        return compare(self, image_lattice)

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
