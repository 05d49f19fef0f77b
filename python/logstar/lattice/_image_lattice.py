"""A lattice that knows where it lies in an image."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._validation import (
    FloatArray,
    Image,
    as_image,
    as_positions,
    check_real,
)
from logstar.exceptions import NotOneLatticeError
from logstar.units import PIXELS, as_pixel_size, normalize_unit

from ._bragg import BraggLattice, find_basis, find_peaks, flatten
from ._columns import Column
from ._counting import Count, in_field
from ._geometry import as_mask, as_shape
from ._lattice import Lattice
from ._mean_cell import local_phases, mean_cell, straighten

#: Smaller images hold no Bragg peaks.
_LEAST_SIDE = 32
#: An atom belongs to a lattice point within this share of the nearest distance.
_REACH = 0.35
#: Atoms around one whose displacement tells how the scan drifted there.
_N_AROUND = 12
#: Fewer atoms do not tell where a lattice lies.
_LEAST_ATOMS = 6


@dataclass(frozen=True, eq=False, repr=False)
class ImageLattice(Lattice):
    """The lattice of an image, with its place in it.

    Made by `Lattice.from_image`. Everything that a `Lattice` tells it tells too; in addition it
    knows where each column is, so that counts are exact to the column.

    Parameters
    ----------
    a, b, angle, columns, pixel_size, unit, mask, tolerance
        As of a `Lattice`; edges as the image shows them, with whatever stretch and shear the scan
        made.
    origin : tuple of two float
        Row and column of a corner of a cell, in pixels.
    rotation : float
        In degrees, as in `Lattice.positions`.
    shape : tuple of two int
        Rows and columns of the image.
    confidence : float
        Share of the Bragg peaks' power that this one lattice explains, lowered where so few peaks
        might fit by chance; 0 to 1.
    vector_error : float
        Relative standard deviation of the edges, by how well the peaks agree.
    n_peaks : int
        How many Bragg peaks it explains.

    Attributes
    ----------
    vectors : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col), in pixels.
    """

    _: dataclasses.KW_ONLY
    origin: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    shape: tuple[int, int] = (0, 0)
    confidence: float = 1.0
    vector_error: float = 0.0
    n_peaks: int = 0

    @property
    def vectors(self) -> FloatArray:  # numpydoc ignore=RT01
        """Edges of the cell as rows (row, col), in pixels."""
        return self._cell(self.rotation)

    def __repr__(self) -> str:
        inner = super().__repr__().removeprefix("Lattice(").removesuffix(")")
        row, col = self.origin
        return (
            f"ImageLattice({inner}, origin=({row:.2f}, {col:.2f}), rotation={self.rotation:.2f}, "
            f"confidence={self.confidence:.2f})"
        )

    def with_pixel_size(self, pixel_size: float, unit: str | None = None) -> Self:
        """Give the same lattice of the same image, the pixels being larger or smaller.

        Parameters
        ----------
        pixel_size : float
            Size of a pixel in `unit`.
        unit : {"A", "nm", "pm"}, default=None
            Unit of the pixel size, and of the result's lengths; None is the lattice's own.

        Returns
        -------
        lattice : ImageLattice
            Its edges have as many pixels as before.
        """
        size = check_real(pixel_size, name="pixel_size", low=0, low_included=False)
        unit = self.unit if unit is None else normalize_unit(unit)
        ratio = size / self.pixel_size
        return dataclasses.replace(
            self, a=self.a * ratio, b=self.b * ratio, pixel_size=size, unit=unit
        )

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
        origin, rotation, margin
            As in `Lattice.positions`; None is where the lattice lies in the image.

        Returns
        -------
        positions : ndarray of shape (n, 2), float64
            Row and column of every column of the lattice.
        kinds : ndarray of shape (n,), str
            The kind of each.
        """
        return super().positions(
            self.shape if shape is None else shape,
            origin=self.origin if origin is None else origin,
            rotation=self.rotation if rotation is None else rotation,
            margin=margin,
        )

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
            For the lattice's own image the number of columns inside. It is uncertain by half of
            those within `edge_error` of the edge, and by the vectors' error.
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

        Where the scan drifted, points are displaced by the median of what the twelve nearest
        other atoms are displaced by.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.
        reach : float, default=0.25
            How far from its point an atom may be, as a share of the nearest distance.

        Returns
        -------
        on : ndarray of shape (n_atoms,), bool
        """
        atoms = as_positions(detections, name="detections")
        reach = check_real(reach, name="reach", low=0, low_included=False)
        if len(atoms) == 0:
            return np.zeros(0, dtype=bool)
        points, _ = self.positions(margin=self.nearest_distance)
        _, nearest = KDTree(points).query(atoms)
        off = atoms - points[nearest]
        if len(atoms) > _N_AROUND:
            _, around = KDTree(atoms).query(atoms, k=_N_AROUND + 1)
            off = off - np.median(off[np.asarray(around)[:, 1:]], axis=1)
        return np.asarray(np.linalg.norm(off, axis=1) < reach * self.nearest_distance)

    def refined(self, detections: ArrayLike) -> Self:
        """Fit the lattice to atoms that were found.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        lattice : ImageLattice
            With edges, origin and columns' places of least squares to the atoms within 0.35 of
            the nearest distance of a lattice point. Itself, where fewer than six atoms are so near.
        """
        atoms = as_positions(detections, name="detections")
        lattice = self
        for _ in range(4):
            again = lattice._fit_once(atoms)
            if again is None:
                return lattice
            lattice = again
        return lattice

    def _fit_once(self, atoms: FloatArray) -> Self | None:
        places, vectors = self._places(), self.vectors
        fractions = (atoms - self.origin) @ np.linalg.inv(vectors)
        # The lattice point nearest to each atom: over columns, the nearest cell of each.
        cells = np.round(fractions[:, None, :] - places)
        off = np.linalg.norm((fractions[:, None, :] - places - cells) @ vectors, axis=2)
        nearest = off.argmin(axis=1) if len(atoms) else np.empty(0, dtype=int)
        rows = np.arange(len(atoms))
        good = off[rows, nearest] < _REACH * self.nearest_distance
        if good.sum() < _LEAST_ATOMS:
            return None
        columns, which = np.unique(nearest[good], return_inverse=True)
        # Two edges, and where each column of the cell is.
        table = np.column_stack([cells[rows, nearest][good], np.eye(len(columns))[which]])
        if np.linalg.matrix_rank(table) < table.shape[1]:
            return None
        fit = np.linalg.lstsq(table, atoms[good], rcond=None)[0]
        residuals = atoms[good] - table @ fit
        error = math.sqrt(
            float((residuals**2).mean() * np.linalg.inv(table.T @ table)[:2, :2].diagonal().max())
        )
        lengths = np.linalg.norm(fit[:2], axis=1)
        moved = places.copy()
        origin = fit[2] - places[columns[0]] @ fit[:2]
        moved[columns] = (fit[2:] - origin) @ np.linalg.inv(fit[:2])
        return dataclasses.replace(
            self,
            **_edges(fit[:2], self.pixel_size),
            columns=tuple(
                dataclasses.replace(column, u=float(u), v=float(v))
                for column, (u, v) in zip(self.columns, moved, strict=True)
            ),
            origin=(float(origin[0]), float(origin[1])),
            vector_error=error / float(lengths.min()),
        )


def lattice_of_image(
    image: ArrayLike,
    pixel_size: Any,
    unit: str | None,
    *,
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    tolerance: float,
    min_confidence: float,
) -> ImageLattice:
    """Find the lattice of an image; `Lattice.from_image` documents it."""
    pixels = as_image(image)
    least = check_real(min_confidence, name="min_confidence", low=0, high=1)
    if polarity not in {"bright", "dark"}:
        raise ValueError(f"polarity must be 'bright' or 'dark', got {polarity!r}.")
    field = as_mask(mask)
    if field is not None and field.shape != pixels.shape:
        raise ValueError(f"mask has shape {field.shape}, the image {pixels.shape}.")
    if field is not None and not field.any():
        raise ValueError("mask leaves no pixel of the image.")
    size, unit = (1.0, PIXELS) if pixel_size is None else as_pixel_size(pixel_size, unit)
    if min(pixels.shape) < _LEAST_SIDE:
        raise NotOneLatticeError(
            f"no lattice: an image of {pixels.shape[0]} x {pixels.shape[1]} px is too small to "
            f"tell, {_LEAST_SIDE} px each way are needed."
        )
    flat = flatten(pixels if polarity == "bright" else -pixels, field)
    seen = pixels if field is None else pixels[field]
    peaks = find_peaks(flat) if seen.min() < seen.max() else None
    bragg = None
    if peaks is not None and len(peaks.frequencies) > 2:
        bragg = find_basis(peaks, pixels.shape)
    if bragg is None:
        n = 0 if peaks is None else len(peaks.frequencies)
        raise NotOneLatticeError(
            f"no lattice: {n} Bragg peaks stand out of the image's spectrum, and they span no "
            "lattice."
        )
    by_chance = math.exp(-max(bragg.odds, 0.0))
    confidence = bragg.share * (1 - by_chance)
    lattice = _build(pixels, flat, bragg, field, tolerance, confidence, size, unit)
    if confidence < least:
        raise NotOneLatticeError(_why_not(bragg, by_chance, least), confidence, lattice)
    return lattice


def _build(
    pixels: Image,
    flat: FloatArray,
    bragg: BraggLattice,
    field: NDArray[np.bool_] | None,
    tolerance: float,
    confidence: float,
    pixel_size: float,
    unit: str,
) -> ImageLattice:
    distortion = local_phases(flat, bragg)
    cell = mean_cell(flat, bragg.vectors, distortion, field)
    vectors, corner = straighten(bragg.vectors, distortion)
    # The brightest column makes the corner of the cell.
    places = np.round((cell.places - cell.places[0]) % 1.0, 6) % 1.0
    names = _names(len(places))
    columns = tuple(
        Column(name, "X", float(u), float(v), weight=float(height))
        for name, (u, v), height in zip(names, places, cell.heights, strict=True)
    )
    row, col = _central((cell.places[0] - corner) @ vectors, vectors, pixels.shape)
    return ImageLattice(
        **_edges(vectors, pixel_size),
        columns=columns,
        pixel_size=pixel_size,
        unit=unit,
        mask=field,
        tolerance=tolerance,
        origin=(row, col),
        shape=(pixels.shape[0], pixels.shape[1]),
        confidence=float(confidence),
        vector_error=bragg.error,
        n_peaks=len(bragg.indices),
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


def _central(
    origin: FloatArray, vectors: FloatArray, shape: tuple[int, ...]
) -> tuple[float, float]:
    """The corner of a cell nearest to the middle of the image."""
    middle = (np.array(shape) - 1) / 2
    steps = np.round((middle - origin) @ np.linalg.inv(vectors))
    row, col = origin + steps @ vectors
    return float(row), float(col)


def _names(n: int) -> list[str]:
    letters = len(ascii_uppercase)
    return [
        ascii_uppercase[i % letters] + (str(i // letters) if i >= letters else "") for i in range(n)
    ]


def _why_not(bragg: BraggLattice, by_chance: float, least: float) -> str:
    if bragg.share < least:
        return (
            f"not one lattice: the strongest explains {bragg.share:.0%} of the Bragg peaks' "
            "power, the rest belongs to another grain or phase, or to a strong distortion. Give a "
            "mask of one grain, or crop."
        )
    return (
        f"no lattice: the {len(bragg.indices)} Bragg peaks that fit one may do so by chance "
        f"({by_chance:.0%})."
    )
