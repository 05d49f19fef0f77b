"""A crystal seen in projection."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar.units import as_pixel_size, convert_length, normalize_unit

from ._columns import Z_EXPONENT, Column, atomic_number
from ._geometry import ProjectedCell
from ._plane_group import PlaneGroup, plane_group

if TYPE_CHECKING:
    from ._comparison import LatticeComparison
    from ._image_lattice import ImageLattice


@dataclass(frozen=True, eq=False, repr=False)
class Lattice(ProjectedCell):
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
