"""Fields on a regular grid, as other programs take maps."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, check_real
from logstar.lattice._field_of_view import as_shape
from logstar.units import PixelSize

from ._field_table import Field, columns_of

#: No value is given further from an atom than this many median distances to the nearest.
_FAR = 0.9
#: Nodes for each nearest distance of atoms where no step is told: the grid shows each atom's value
#: and not much more.
_NODES = 4.0
#: What names of rotations and of strains begin with; all else are lengths.
_ROTATION, _STRAIN = "rotation", "e_"


@dataclass(frozen=True, eq=False, repr=False)
class FieldGrid:
    """Values of fields, and their standard deviations, at the nodes of a square grid.

    Each node has the value of the nearest atom: nothing is smoothed, and standard deviations are
    those of the atoms.

    Parameters
    ----------
    values : mapping of str to ndarray of shape (n_rows, n_cols)
        By the names of `field_table`; lengths in pixels; NaN far from all atoms, and where the
        nearest has no value.
    origin : tuple of float
        Row and column of the first node, in pixels.
    step : float
        Distance of nodes, in pixels.
    pixel_size : PixelSize or None
        Of the image.

    Examples
    --------
    >>> from logstar.fields import FieldGrid, strain
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> FieldGrid.of(strain(indexer, positions), shape=(200, 200), step=5)
    FieldGrid(40 x 40 nodes, 5 px apart: e_xx, e_yy, e_xy, rotation)
    """

    values: Mapping[str, FloatArray]
    origin: tuple[float, float]
    step: float
    pixel_size: PixelSize | None

    @classmethod
    def of(cls, *fields: Field, shape: tuple[int, ...], step: float | None = None) -> Self:
        """Lay a grid over an image.

        Parameters
        ----------
        *fields : StrainField, VectorField or ScalarField
            Of one image; at least one.
        shape : tuple of two int
            Rows and columns of the image.
        step : float, default=None
            Distance of nodes in pixels, at least 1. None is a quarter of the median distance of
            nearest atoms.

        Returns
        -------
        grid : FieldGrid
            Nodes are in the middles of squares that begin at the image's corner.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it has to be.
        """
        if not fields:
            raise ValueError("fields must be at least one, got none.")
        n_rows, n_cols = as_shape(shape)
        if step is None:
            step = max(1.0, spacing_of(fields[0].positions) / _NODES)
        step = check_real(step, name="step", low=1)
        axes = [np.arange(step / 2 - 0.5, side - 0.5, step) for side in (n_rows, n_cols)]
        values = {}
        for field in fields:
            nearest = nearest_atoms(field.positions, *axes)
            for name, column in columns_of(field).items():
                values[name] = np.where(nearest >= 0, np.append(column, np.nan)[nearest], np.nan)
        size = fields[0].pixel_size
        return cls(values, (float(axes[0][0]), float(axes[1][0])), float(step), size)

    def __repr__(self) -> str:
        n_rows, n_cols = self._shape
        names = ", ".join(name for name in self.values if not name.endswith("_error"))
        return f"FieldGrid({n_rows} x {n_cols} nodes, {self.step:g} px apart: {names})"

    @property
    def _shape(self) -> tuple[int, int]:
        n_rows, n_cols = next(iter(self.values.values())).shape
        return n_rows, n_cols

    @property
    def units(self) -> dict[str, str]:  # numpydoc ignore=RT01
        """Unit of each of the `values`: "px", "degree", or "1" for strains."""

        def unit(name: str) -> str:
            if name.startswith(_ROTATION):
                return "degree"
            return "1" if name.startswith(_STRAIN) else "px"

        return {name: unit(name) for name in self.values}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the grid in the format that the extension names.

        Parameters
        ----------
        path : path-like
            "npz" for NumPy: an array for each of the values, "row" and "col" of the nodes in
            pixels, and "about", a JSON text with units, axes, step and pixel size. "vtk" for
            ParaView and others: x along columns, y along rows, downwards in the image; places and
            lengths in the unit of the pixel size, if it is known.

        Returns
        -------
        path : Path
            The same.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError
            For another extension.
        """
        path = Path(path)
        writers = {".npz": self._save_npz, ".vtk": self._save_vtk}
        writer = writers.get(path.suffix.lower())
        if writer is None:
            raise ValueError(
                f"{path}: unknown extension {path.suffix!r} for grids; known are "
                f"{', '.join(writers)}."
            )
        writer(path)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a grid that was saved as "npz".

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        grid : FieldGrid
            The same as was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        OSError
            If it is broken, or holds no grid.
        """
        path = Path(path)
        try:
            # NumPy leaves a file open that it opened and cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                rows, cols = arrays["row"], arrays["col"]
                values = {name: arrays[name] for name in about["units"]}
                side = about["pixel_size"]
                size = None if side is None else PixelSize(side, about["unit"])
                return cls(values, (float(rows[0]), float(cols[0])), float(about["step"]), size)
        except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise OSError(f"{path} cannot be read as a grid of fields: {error}") from None

    def _save_npz(self, path: Path) -> None:
        size = self.pixel_size
        about = {
            "units": self.units,
            "axes": "x along columns, to the right; y along rows, downwards; rotation "
            "counter-clockwise as displayed",
            "step": self.step,
            "pixel_size": None if size is None else size.value,
            "unit": None if size is None else size.unit,
        }
        arrays = {
            **self.values,
            "row": self.origin[0] + self.step * np.arange(self._shape[0]),
            "col": self.origin[1] + self.step * np.arange(self._shape[1]),
            "about": np.array(json.dumps(about)),
        }
        # Not `numpy.savez`, which writes the time of day: the same grid is the same file.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as file:
                    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)

    def _save_vtk(self, path: Path) -> None:
        size = self.pixel_size
        side, unit = (1.0, "px") if size is None else (size.value, size.unit)
        n_rows, n_cols = self._shape
        row, col = (place * side for place in self.origin)
        step = self.step * side
        head = (
            "# vtk DataFile Version 3.0\n"
            f"logstar: x along columns, y along rows (downwards), lengths in {unit}\n"
            "BINARY\nDATASET STRUCTURED_POINTS\n"
            f"DIMENSIONS {n_cols} {n_rows} 1\n"
            f"ORIGIN {col!r} {row!r} 0\nSPACING {step!r} {step!r} 1\n"
            f"POINT_DATA {n_rows * n_cols}\n"
        )
        with path.open("wb") as file:
            file.write(head.encode("ascii"))
            for name, values in self.values.items():
                scale = side if self.units[name] == "px" else 1.0
                title = f"SCALARS {name} double 1\nLOOKUP_TABLE default\n"
                file.write(title.encode("ascii") + (values * scale).astype(">f8").tobytes() + b"\n")


def spacing_of(positions: FloatArray) -> float:
    """Median distance of atoms, of those with a place, to the nearest; 1 for fewer than two."""
    places = positions[np.isfinite(positions).all(axis=1)]
    if len(places) < 2:
        return 1.0
    distances = np.asarray(KDTree(places).query(places, k=2)[0])
    return float(np.median(distances[:, 1])) or 1.0


def nearest_atoms(positions: FloatArray, rows: FloatArray, cols: FloatArray) -> NDArray[np.intp]:
    """Number of the atom that each node (n_rows, n_cols) is nearest to, -1 far from all.

    Far is further than 0.9 of the median distance of atoms to the nearest.
    """
    placed = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if not len(placed):
        return np.full((len(rows), len(cols)), -1)
    grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    limit = _FAR * spacing_of(positions) if len(placed) > 1 else math.inf
    far, nearest = (np.asarray(x) for x in KDTree(positions[placed]).query(grid))
    return np.where(far <= limit, placed[nearest], -1)
