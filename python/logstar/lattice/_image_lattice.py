"""A lattice that knows where it lies in an image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, as_image, as_positions, check_integer, check_real
from logstar.exceptions import NotOneLatticeError
from logstar.units import PixelSize, pixel_size_of

from ._columns import Column
from ._counting import Count
from ._drift import DriftField
from ._field_of_view import as_mask, as_shape, in_field
from ._finding import FoundLattice, find_lattice
from ._fitting import PlacedCell, fit_to_atoms, near_points
from ._lattice import Lattice
from ._peaks import Flattened

#: Default of the least confidence: an image whose lattice is less sure is refused.
_LEAST_CONFIDENCE = 0.7


class _NotOffered:
    """Stands where `Lattice` has a constructor that makes no sense for the lattice of an image."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(
            f"{owner.__name__} has no {self._name!r}, since a crystal alone has no place in an "
            f"image: use Lattice.{self._name}, or {owner.__name__}.from_image."
        )


@dataclass(frozen=True, init=False, eq=False, repr=False)
class ImageLattice(Lattice):
    """The lattice of an image, with its place in it.

    Made by `from_image`. Everything that a `Lattice` tells it tells too; in addition it knows
    where each column is, so that counts are exact to the column. The constructors of a crystal
    are not offered here.

    Parameters
    ----------
    a, b : float
        Lengths of the cell's edges as the image shows them, with whatever stretch and shear the
        scan made, in the unit of the pixel size.
    angle : float, default=90.0
        Angle between them in degrees.
    columns : iterable of Column
        The columns of one cell that the image shows.
    pixel_size : PixelSize, str, float or None
        Size of a pixel, as of a `Lattice`.
    origin : tuple of two float
        Row and column of a corner of a cell, in pixels.
    rotation : float
        In degrees, as in `Lattice.positions`.
    shape : tuple of two int
        Rows and columns of the image.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal, as of a `Lattice`.
    tolerance : float, default=0.85
        Share of the smallest distance sum below which an atom counts as an error.
    confidence : float, default=1.0
        Share of the Bragg peaks' power that this one lattice explains, lowered where so few peaks
        might fit by chance, and where parts of the image show different peaks of it, as twins do;
        0 to 1.
    vector_error : float, default=0.0
        Relative standard deviation of the edges, by how well the peaks agree; NaN where too few
        peaks tell.
    n_peaks : int, default=0
        How many Bragg peaks it explains.
    maxima : iterable of tuple of two float, default=()
        Fractional coordinates of the maxima of brightness, where columns are not resolved: halves
        of a pair, or shoulders of brighter ones. Empty where each column is a maximum.
    drift : DriftField, default=None
        How the image is bent, where that smears its Bragg peaks; then origin and edges are those of
        the straightened image. None if it is straight enough.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import ImageLattice, Lattice
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(200, 200), noise=0.2, random_state=0)
    >>> lattice = ImageLattice.from_image(scene.image, "0.2 A")
    >>> round(lattice.a, 2), lattice.unit, len(lattice.columns)
    (4.0, 'A', 2)
    """

    _: dataclasses.KW_ONLY
    origin: tuple[float, float]
    rotation: float
    shape: tuple[int, int]
    confidence: float
    vector_error: float
    n_peaks: int
    maxima: tuple[tuple[float, float], ...]
    drift: DriftField | None

    ybco = _NotOffered()
    perovskite = _NotOffered()
    from_cif = _NotOffered()

    def __init__(
        self,
        a: float,
        b: float,
        angle: float = 90.0,
        *,
        columns: Iterable[Column],
        pixel_size: PixelSize | str | float | None,
        origin: tuple[float, float],
        rotation: float,
        shape: tuple[int, ...],
        mask: ArrayLike | None = None,
        tolerance: float = Lattice.tolerance,
        confidence: float = 1.0,
        vector_error: float = 0.0,
        n_peaks: int = 0,
        maxima: Iterable[tuple[float, float]] = (),
        drift: DriftField | None = None,
    ) -> None:
        super().__init__(
            a, b, angle, columns=columns, pixel_size=pixel_size, mask=mask, tolerance=tolerance
        )
        row, col = (check_real(x, name="origin") for x in origin)
        if not math.isnan(vector_error):
            check_real(vector_error, name="vector_error", low=0)
        self._set(
            origin=(row, col),
            rotation=check_real(rotation, name="rotation"),
            shape=as_shape(shape),
            confidence=check_real(confidence, name="confidence", low=0, high=1),
            vector_error=float(vector_error),
            n_peaks=check_integer(n_peaks, name="n_peaks", low=0),
            maxima=tuple(
                (check_real(u, name="maxima"), check_real(v, name="maxima")) for u, v in maxima
            ),
            drift=drift,
        )

    @classmethod
    def from_image(
        cls,
        image: ArrayLike,
        pixel_size: PixelSize | str | float | None = None,
        *,
        polarity: Literal["bright", "dark"] = "bright",
        mask: ArrayLike | None = None,
        tolerance: float = Lattice.tolerance,
        min_confidence: float = _LEAST_CONFIDENCE,
        faint: bool = False,
    ) -> Self:
        """Find the lattice that an image shows, with no crystal given.

        Bragg peaks of the image's Fourier transform, refined to a hundredth of a bin, give the
        edges of the cell. Where they are smeared, as drift of the sample bends the crystal, the
        image is straightened first, by the local phases of two of them. Then all cells of the image
        are averaged, slow distortions of the scan taken out, and the maxima of this mean cell are
        its columns.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image, also as a `Micrograph`, a HyperSpy signal or an xarray DataArray. It should
            show at least some five cells each way.
        pixel_size : PixelSize, str or float, default=None
            Size of a pixel: "0.2 A", or a number in angstrom. None is that of the image where it
            carries one; else lengths are in pixels.
        polarity : {"bright", "dark"}, default="bright"
            Whether columns are brighter than their surroundings (HAADF) or darker (ABF).
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where in the image there is crystal; the rest is not looked at.
        tolerance : float, default=0.85
            As of a `Lattice`.
        min_confidence : float, default=0.7
            Below this the image is refused.
        faint : bool, default=False
            Whether to look for a lattice by all its peaks together, where so strong noise lies over
            the image that single ones do not tell.

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
        Where Gaussians at the maxima do not explain the mean cell, and one more column does, it is
        counted though it shows as no maximum: one of a pair that is not resolved, or the shoulder
        of a brighter one. `maxima` are what shows then. Columns that are weaker than 0.15 of the
        brightest one beside it, or drown in the noise of the mean cell, are not counted: a crystal,
        where it is known, knows better.

        Examples
        --------
        >>> from logstar.datasets import make_scene
        >>> from logstar.lattice import ImageLattice, Lattice
        >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> scene = make_scene(crystal, shape=(200, 200), noise=0.2, random_state=0)
        >>> lattice = ImageLattice.from_image(scene.image)
        >>> lattice.a, lattice.b, len(lattice.columns)
        (20.0, 20.0, 2)
        """
        pixels = as_image(image)
        least = check_real(min_confidence, name="min_confidence", low=0, high=1)
        if polarity not in {"bright", "dark"}:
            raise ValueError(f"polarity must be 'bright' or 'dark', got {polarity!r}.")
        field = as_mask(mask)
        if field is not None and field.shape != pixels.shape:
            raise ValueError(f"mask has shape {field.shape}, the image {pixels.shape}.")
        if field is not None and not field.any():
            raise ValueError("mask leaves no pixel of the image.")
        size = pixel_size_of(image) if pixel_size is None else PixelSize.of(pixel_size)
        flattened = Flattened(pixels if polarity == "bright" else -pixels, field)
        return lattice_of(
            flattened, kind=cls, pixel_size=size, tolerance=tolerance, least=least, faint=faint
        )

    @classmethod
    def _of_found(
        cls,
        found: FoundLattice,
        *,
        pixel_size: PixelSize | None,
        shape: tuple[int, ...],
        mask: NDArray[np.bool_] | None,
        tolerance: float,
    ) -> Self:
        return cls(
            **_edges(found.vectors, 1.0 if pixel_size is None else pixel_size.value),
            columns=found.columns,
            pixel_size=pixel_size,
            mask=mask,
            tolerance=tolerance,
            origin=found.origin,
            shape=shape,
            confidence=found.confidence,
            vector_error=found.bragg.error,
            n_peaks=len(found.bragg.indices),
            maxima=found.maxima,
            drift=found.drift,
        )

    @property
    def vectors(self) -> FloatArray:  # numpydoc ignore=RT01
        """Edges of the cell as rows (row, col), in pixels."""
        return self._cell(self.rotation)

    def __repr__(self) -> str:
        row, col = self.origin
        return (
            f"ImageLattice({self._description()}, origin=({row:.2f}, {col:.2f}), "
            f"rotation={self.rotation:.2f}, confidence={self.confidence:.2f})"
        )

    def with_pixel_size(self, pixel_size: PixelSize | str | float) -> Self:
        """Give the same lattice of the same image, the pixels being larger or smaller.

        Parameters
        ----------
        pixel_size : PixelSize, str or float
            Size of a pixel: "0.2 A", or a number in angstrom.

        Returns
        -------
        lattice : ImageLattice
            Its edges have as many pixels as before; its lengths are in the pixel size's unit.
        """
        size = PixelSize.of(pixel_size)
        ratio = size.value / self._pixel
        return dataclasses.replace(self, a=self.a * ratio, b=self.b * ratio, pixel_size=size)

    def resolved(self) -> Self:
        """Give the lattice of what shows in the image as maxima of brightness.

        Returns
        -------
        lattice : ImageLattice
            The same where each column is a maximum. Else its columns are the `maxima`: pairs that
            are not resolved are one column, and shoulders are none.
        """
        if not self.maxima:
            return self
        columns = tuple(Column(f"M{i}", "X", u, v) for i, (u, v) in enumerate(self.maxima))
        return dataclasses.replace(self, columns=columns, maxima=())

    def positions(
        self,
        shape: tuple[int, ...] | None = None,
        *,
        origin: tuple[float, float] | None = None,
        rotation: float | None = None,
        margin: float = 0.0,
    ) -> tuple[FloatArray, NDArray[np.str_]]:
        """Lay the lattice over its image.

        Parameters
        ----------
        shape : tuple of two int, default=None
            Rows and columns; None is those of the image.
        origin : (float, float), default=None
            Row and column of a lattice point in pixels; None is where the image shows one.
        rotation : float, default=None
            Angle in degrees as in `Lattice.positions`; None is that of the image.
        margin : float, default=0.0
            How far beyond the field columns are given as well, in pixels.

        Returns
        -------
        positions : ndarray of shape (n, 2), float64
            Row and column of every column of the lattice; of a bent image, where that shows it.
        kinds : ndarray of shape (n,), str
            The kind of each.
        """
        field = self.shape if shape is None else as_shape(shape)
        # Drift is that of the image's own field of view.
        drift = self.drift if shape is None and origin is None and rotation is None else None
        points, kinds = super().positions(
            field,
            origin=self.origin if origin is None else origin,
            rotation=self.rotation if rotation is None else rotation,
            margin=margin if drift is None else margin + drift.largest,
        )
        if drift is None:
            return points, kinds
        points = drift.bent(points)
        shown = in_field(points, field, 0.5 - margin)
        return points[shown], kinds[shown]

    def n_expected(self, shape: tuple[int, ...]) -> float:
        """Count the columns in a field of view.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns. Those of the lattice's own image are counted column by column, with
            a `mask` in its pixels only; of another image it is the mean, as of a `Lattice`.

        Returns
        -------
        n_expected : float
            The number of columns, rarely a whole one.
        """
        mean = super().n_expected(shape)
        return float(self._n_inside(0)) if as_shape(shape) == self.shape else mean

    def expected_count(
        self,
        shape: tuple[int, ...],
        *,
        border: float = 0.0,
        calibration: float = 0.0,
        edge_error: float = 0.5,
    ) -> Count:
        """Count the columns in a field of view, and say how uncertain that is.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns.
        border : float, default=0.0
            Width in pixels of the frame that does not belong to the field.
        calibration : float, default=0.0
            For another image than the lattice's own: relative standard deviation of its scale.
            Here the pixel size plays no part, the lattice was measured in pixels.
        edge_error : float, default=0.5
            How far in pixels from the field's edge a column may be taken to be on the other side;
            half a pixel for atoms found at whole pixels.

        Returns
        -------
        count : Count
            For the lattice's own image the number of columns inside. Its uncertainty is half the
            number of columns within `edge_error` of the edge, together with what the error of the
            vectors makes.
        """
        if as_shape(shape) != self.shape:
            return super().expected_count(shape, border=border, calibration=calibration)
        super().n_expected(shape)
        border = check_real(border, name="border", low=0)
        off = check_real(edge_error, name="edge_error", low=0)
        outer, inner = (self._n_inside(border + step) for step in (-off, off))
        error = 0.0 if math.isnan(self.vector_error) else self.vector_error
        n = self._n_inside(border)
        return Count(float(n), (outer - inner) / 2, 2 * error * n)

    def _n_inside(self, border: float) -> int:
        points, _ = self.positions(margin=1.0 - min(border, 0.0))
        return int(in_field(points, self.shape, border, self.mask).sum())

    def on_lattice(self, detections: ArrayLike, reach: float = 0.25) -> NDArray[np.bool_]:
        """Tell which atoms are on lattice points.

        The scan may have drifted: the median displacement of an atom's twelve nearest neighbours
        is taken off its own.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.
        reach : float, default=0.25
            How far from its point an atom may be, as a share of the nearest distance.

        Returns
        -------
        on : ndarray of shape (n_atoms,), bool
            Whether each atom is near enough to a lattice point.
        """
        atoms = as_positions(detections, name="detections")
        reach = check_real(reach, name="reach", low=0, low_included=False)
        points, _ = self.positions(margin=self.nearest_distance)
        if self.drift is not None:
            points, atoms = self.drift.straightened(points), self.drift.straightened(atoms)
        return near_points(atoms, points, reach * self.nearest_distance)

    def refined(self, detections: ArrayLike) -> Self:
        """Fit the lattice to atoms that were found.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        lattice : ImageLattice
            Edges, origin and columns' places are fitted by least squares to the atoms that are
            nearer to a lattice point than 0.35 of the nearest distance. With fewer than six such
            atoms the lattice is returned unchanged.
        """
        cell = PlacedCell(self.vectors, np.array(self.origin), self._places(), self.vector_error)
        atoms = as_positions(detections, name="detections")
        if self.drift is not None:
            atoms = self.drift.straightened(atoms)
        fitted = fit_to_atoms(cell, atoms)
        if fitted is None:
            return self
        return dataclasses.replace(
            self,
            **_edges(fitted.vectors, self._pixel),
            columns=tuple(
                dataclasses.replace(column, u=float(u), v=float(v))
                for column, (u, v) in zip(self.columns, fitted.places, strict=True)
            ),
            origin=(float(fitted.origin[0]), float(fitted.origin[1])),
            vector_error=fitted.vector_error,
        )


def _edges(vectors: FloatArray, pixel_size: float) -> dict[str, Any]:
    """Edges as rows (row, col) in the terms of a lattice: a, b, angle and rotation."""
    first, second = vectors
    a, b = (float(np.linalg.norm(edge)) for edge in vectors)
    return {
        "a": a * pixel_size,
        "b": b * pixel_size,
        "angle": math.degrees(math.acos(float(np.clip(first @ second / (a * b), -1, 1)))),
        "rotation": math.degrees(math.atan2(-first[0], first[1])),
    }


L = TypeVar("L", bound=ImageLattice)


def lattice_of(
    image: Flattened,
    *,
    kind: type[L] = ImageLattice,  # type: ignore[assignment] # the default of the type variable
    pixel_size: PixelSize | None = None,
    tolerance: float = Lattice.tolerance,
    least: float = _LEAST_CONFIDENCE,
    faint: bool = False,
) -> L:
    """Find the lattice that an image shows; as `ImageLattice.from_image`, of what is flattened.

    Parameters
    ----------
    image : Flattened
        The image, its columns bright, and where there is crystal.
    kind : type, default=ImageLattice
        Of what is made.
    pixel_size, tolerance, least, faint : optional
        As of `ImageLattice.from_image`, where `least` is `min_confidence`.

    Returns
    -------
    lattice : ImageLattice

    Raises
    ------
    NotOneLatticeError
        If the image shows no lattice, or several.
    """
    found = find_lattice(image, faint=faint)
    lattice = kind._of_found(  # noqa: SLF001 - of this module
        found,
        pixel_size=pixel_size,
        shape=image.image.shape,
        mask=image.mask,
        tolerance=tolerance,
    )
    if found.confidence < least:
        raise NotOneLatticeError(found.doubts(least), found.confidence, lattice)
    return lattice
