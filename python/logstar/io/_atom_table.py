"""Atoms as a table of named columns: what detectors, files and displays hand on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from logstar._data_frames import import_pandas
from logstar._validation import FloatArray, check_real
from logstar.units import PIXEL_UNITS, PixelSize

if TYPE_CHECKING:
    from pandas import DataFrame

#: Names of the columns of a bare array, in this order.
DETECTION_COLUMNS = ("row", "col", "sigma", "response")
FLAGGED = "flagged"
#: Columns that are lengths in pixels, and so have a value in units as well.
LENGTH = re.compile(r"(row|col|sigma|spacing|(displacement|polarization)_(row|col))(_error)?")
#: Names that files give to lengths in units.
LENGTH_IN_UNITS = re.compile(rf"({LENGTH.pattern})_({'|'.join(PIXEL_UNITS)})")


class AtomTable:
    """Atoms of one image: a row for each, with named columns.

    A table is never modified; its columns are read-only arrays. Wherever positions are taken, so is
    a table.

    Parameters
    ----------
    columns : mapping of str to array-like of shape (n_atoms,)
        The first two are "row" and "col" in pixels, finite; mostly followed by "sigma" (pixels),
        "response" and "flagged" (atoms that break the distance rule). Numbers become float64,
        booleans stay booleans, texts stay texts.
    pixel_size : PixelSize, str, float or None, default=None
        Side of a pixel, such as "0.2 A"; a number is in angstrom.
    provenance : mapping, default=None
        Where the atoms come from, as `logstar.io.provenance` makes it.
    origin : tuple of float, default=(0.0, 0.0)
        Row and column, in pixels, of the image's first pixel as seen from the centre of the
        first pixel of its file's image, as `Micrograph.origin` has it. Rows and columns in units
        are measured from there, so that they stay the same under binning.

    Raises
    ------
    TypeError
        If `columns` is no mapping, or a column holds neither numbers, booleans nor texts.
    ValueError
        If "row" and "col" do not come first or are not finite, if columns differ in length or are
        not one-dimensional, or for a name that files give to lengths in units, such as "row_nm".

    Examples
    --------
    >>> from logstar import AtomTable
    >>> atoms = AtomTable({"row": [10, 20], "col": [5, 15], "sigma": [2.5, 2]}, pixel_size="0.2 A")
    >>> atoms
    AtomTable(2 atoms: row, col, sigma; 0.2 A/px)
    >>> atoms.in_units("sigma")
    array([0.5, 0.4])
    >>> atoms.with_columns(flagged=[False, True]).select([True, False]).columns
    ('row', 'col', 'sigma', 'flagged')
    """

    def __init__(
        self,
        columns: Mapping[str, ArrayLike],
        *,
        pixel_size: PixelSize | str | float | None = None,
        provenance: Mapping[str, Any] | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        if not isinstance(columns, Mapping):
            raise TypeError(
                "columns must be a mapping of names to arrays, got "
                f"{type(columns).__name__}; AtomTable.from_array takes an array."
            )
        _check_names(tuple(columns))
        self._columns = {name: _checked_column(name, values) for name, values in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns must be of one length, got {lengths}.")
        for name in ("row", "col"):
            bad = np.flatnonzero(~np.isfinite(self._columns[name]))
            if len(bad):
                raise ValueError(
                    f"{name}[{bad[0]}] is {self._columns[name][bad[0]]}; positions must be finite."
                )
        self._pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)
        self._provenance = dict(provenance or {})
        row, col = (check_real(place, name="origin") for place in origin)
        self._origin = (row, col)

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        columns: Sequence[str] | None = None,
        *,
        pixel_size: PixelSize | str | float | None = None,
        provenance: Mapping[str, Any] | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
    ) -> Self:
        """Name the columns of an array.

        Parameters
        ----------
        array : array-like of shape (n_atoms, n_columns)
            As detectors give it.
        columns : sequence of str, default=None
            Their names. None is "row", "col", "sigma", "response", as many as there are.
        pixel_size : PixelSize, str, float or None, default=None
            Side of a pixel.
        provenance : mapping, default=None
            Where the atoms come from.
        origin : tuple of float, default=(0.0, 0.0)
            Place of the image's first pixel.

        Returns
        -------
        table : AtomTable
            The rows that are chosen, in their order.

        Raises
        ------
        ValueError
            If the array is no such table; also as the constructor.

        Examples
        --------
        >>> from logstar import AtomTable
        >>> AtomTable.from_array([[10, 20, 2.5]], pixel_size="20 pm")
        AtomTable(1 atom: row, col, sigma; 20 pm/px)
        """
        table = np.asarray(array, dtype=np.float64)
        width = table.shape[1] if table.ndim == 2 else 0
        if columns is None:
            if not 2 <= width <= len(DETECTION_COLUMNS):
                raise ValueError(
                    "array must be a table (row, col), (row, col, sigma) or (row, col, sigma, "
                    f"response), got shape {table.shape}; others need the names of their columns."
                )
            columns = DETECTION_COLUMNS[:width]
        if width != len(columns) or len(set(columns)) < len(columns):
            raise ValueError(
                f"an array of shape {table.shape} does not have the columns {tuple(columns)}, "
                "each once."
            )
        named = dict(zip(columns, table.T, strict=True))
        return cls(named, pixel_size=pixel_size, provenance=provenance, origin=origin)

    @property
    def columns(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """Names of the columns, in their order."""
        return tuple(self._columns)

    @property
    def positions(self) -> FloatArray:  # numpydoc ignore=RT01
        """Row and column of each atom in pixels, of shape (n_atoms, 2)."""
        return np.column_stack([self._columns["row"], self._columns["col"]])

    @property
    def pixel_size(self) -> PixelSize | None:  # numpydoc ignore=RT01
        """Side of a pixel, None if it is unknown."""
        return self._pixel_size

    @property
    def provenance(self) -> dict[str, Any]:  # numpydoc ignore=RT01
        """Where the atoms come from; empty if nobody says."""
        return self._provenance

    @property
    def origin(self) -> tuple[float, float]:  # numpydoc ignore=RT01
        """Row and column of the image's first pixel in its file, in pixels of the image."""
        return self._origin

    @property
    def lengths_in_units(self) -> dict[str, FloatArray]:  # numpydoc ignore=RT01
        """Columns that are lengths, in units, by their name with the unit; empty without a size."""
        if self._pixel_size is None:
            return {}
        return {
            f"{name}_{self._pixel_size.unit}": self.in_units(name)
            for name in self._columns
            if LENGTH.fullmatch(name)
        }

    def __len__(self) -> int:
        return len(self._columns["row"])

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise KeyError(f"there is no column {name!r}; there are {', '.join(self._columns)}")
        return self._columns[name]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Columns of numbers in their order, of shape (n_atoms, n_numbers); no flags, no texts."""
        if copy is False:
            raise ValueError("columns become one array by a copy only; leave out copy=False.")
        numbers = [column for column in self._columns.values() if column.dtype.kind == "f"]
        return np.column_stack(numbers).astype(dtype or np.float64, copy=False)

    def __repr__(self) -> str:
        atoms = "1 atom" if len(self) == 1 else f"{len(self)} atoms"
        size = "" if self._pixel_size is None else f"; {self._pixel_size}"
        return f"AtomTable({atoms}: {', '.join(self._columns)}{size})"

    def in_units(self, name: str) -> FloatArray:
        """Give a column of lengths in the unit of the pixel size.

        Rows and columns are measured from the centre of the first pixel of the file's image.

        Parameters
        ----------
        name : str
            "row", "col" or "sigma", what a field of lengths is called, such as
            "displacement_row", or one of these with "_error".

        Returns
        -------
        lengths : ndarray of shape (n_atoms,), float64
            In the unit of the pixel size.

        Raises
        ------
        KeyError
            If there is no such column.
        ValueError
            If it is no length, or the pixel size is unknown.
        """
        column = self[name]
        if LENGTH.fullmatch(name) is None:
            raise ValueError(
                f"{name!r} is no length: rows, columns, sigmas, displacements, polarizations, "
                "spacings and their errors are."
            )
        if self._pixel_size is None:
            raise ValueError(f"{name!r} has no value in units: the table has no pixel_size.")
        first = dict(zip(("row", "col"), self._origin, strict=True)).get(name, 0.0)
        return np.asarray((column + first) * self._pixel_size.value)

    def with_columns(self, **columns: ArrayLike) -> Self:
        """Add or replace columns.

        Parameters
        ----------
        **columns : array-like of shape (n_atoms,)
            By their names.

        Returns
        -------
        table : AtomTable
            New columns come last; the same pixel size and provenance.

        Raises
        ------
        TypeError, ValueError
            As the constructor.
        """
        return self._like({**self._columns, **columns})

    def select(self, mask: ArrayLike) -> Self:
        """Keep some atoms.

        Parameters
        ----------
        mask : array-like of shape (n_atoms,), bool, or of int
            Which to keep: a truth for each, or their numbers in the order wanted.

        Returns
        -------
        table : AtomTable
            The rows that are chosen, in their order.

        Raises
        ------
        IndexError
            For a mask of another length, or numbers of atoms that there are not.
        TypeError
            If it holds neither booleans nor integers.
        """
        index = np.asarray(mask)
        if index.size == 0 and index.dtype.kind == "f":
            index = index.astype(np.intp)
        if index.dtype.kind not in "biu":
            raise TypeError(f"mask must hold booleans or integers, got {index.dtype}.")
        return self._like({name: column[index] for name, column in self._columns.items()})

    def _like(self, columns: Mapping[str, ArrayLike]) -> Self:
        return type(self)(
            columns,
            pixel_size=self._pixel_size,
            provenance=self._provenance,
            origin=self._origin,
        )

    def to_frame(self) -> DataFrame:
        """Give a pandas DataFrame: all columns, then lengths in units, as a csv has them.

        Returns
        -------
        frame : DataFrame
            A column for each of the table's.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return import_pandas().DataFrame({**self._columns, **self.lengths_in_units})

    def save(self, path: str | os.PathLike[str], image: ArrayLike | None = None) -> None:
        """Write the table in the format that the extension names.

        Parameters
        ----------
        path : path-like
            As `logstar.io.write_positions`.
        image : array-like of shape (n_rows, n_cols), default=None
            The micrograph; hdf5 holds it, so that Atomap opens the file.

        Raises
        ------
        ImportError, OSError, ValueError
            As `logstar.io.write_positions`.
        """
        from ._positions import write_positions  # noqa: PLC0415 - formats are made of tables

        write_positions(path, self, image=image)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AtomTable:
        """Read a table from a file, as `logstar.io.read_positions` does.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        table : AtomTable
            The rows that are chosen, in their order.

        Raises
        ------
        FileNotFoundError, ImportError, OSError, ValueError
            As `logstar.io.read_positions`.
        """
        from ._positions import read_positions  # noqa: PLC0415 - formats are made of tables

        return read_positions(path)


def _check_names(names: tuple[object, ...]) -> None:
    if names[:2] != ("row", "col"):
        raise ValueError(f'columns must begin with "row" and "col", got {names}.')
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"columns must be named by texts, got {name!r}.")
        if LENGTH_IN_UNITS.fullmatch(name):
            raise ValueError(
                f"{name!r} is what files call a length in units; give lengths in pixels, and the "
                "pixel size as pixel_size."
            )


def _checked_column(name: str, values: ArrayLike) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"column {name!r} must be one-dimensional, got shape {column.shape}.")
    if column.dtype.kind in "iuf" or (column.size == 0 and column.dtype.kind == "O"):
        column = column.astype(np.float64)
    elif column.dtype.kind in "bU" and name not in {"row", "col"}:
        column = column.copy()
    else:
        others = "" if name in {"row", "col"} else ", booleans or texts"
        raise TypeError(f"column {name!r} must hold numbers{others}, got {column.dtype}.")
    column.flags.writeable = False
    return column


def known_extension(path: Path, known: Sequence[str], what: str) -> str:
    """Extension of a path in lower case.

    Raises
    ------
    ValueError
        If it is not among the known ones.
    """
    extension = path.suffix.lower()
    if extension not in known:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r} for {what}; known are {', '.join(known)}."
        )
    return extension
