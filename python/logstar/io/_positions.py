"""Tables of positions in files, by extension."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from logstar._validation import as_image

from . import _positions_csv, _positions_hdf5, _positions_json, _positions_parquet, _positions_xyz
from ._table import Positions, as_table, known_extension

_READERS: dict[str, Callable[[Path], Positions]] = {
    ".csv": _positions_csv.read,
    ".parquet": _positions_parquet.read,
    ".json": _positions_json.read,
    ".hdf5": _positions_hdf5.read,
    ".h5": _positions_hdf5.read,
    ".xyz": _positions_xyz.read,
}
_WRITERS: dict[str, Callable[[Path, Positions], None]] = {
    ".csv": _positions_csv.write,
    ".parquet": _positions_parquet.write,
    ".json": _positions_json.write,
    ".xyz": _positions_xyz.write,
}
#: Formats that hold the image as well.
_WITH_IMAGE = (".hdf5", ".h5")


def write_positions(
    path: str | os.PathLike[str],
    detections: ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    pixel_size: float | None = None,
    unit: str | None = None,
    flagged: ArrayLike | None = None,
    provenance: Mapping[str, Any] | None = None,
    image: ArrayLike | None = None,
) -> None:
    """Write positions of atoms in the format that the extension names.

    ============== ===========================================================================
    .csv           row, col, sigma, response, and the lengths in units; no provenance
    .json          everything, readable
    .parquet       everything, for data frames; needs the extra ``parquet``
    .hdf5, .h5     everything, with the image; opens in Atomap as a sublattice of sigma_x =
                   sigma_y = sigma; needs the extra ``io``
    .xyz           extended XYZ for atomistic programs: x along columns, y against rows, z = 0,
                   in angstrom, or in pixels without a pixel size; no provenance
    ============== ===========================================================================

    Every number of `detections` is read back to the bit by `read_positions`.

    Parameters
    ----------
    path : path-like
        The file to write; an existing one is overwritten.
    detections : array-like of shape (n_atoms, n_columns)
        Row, column, sigma in pixels, and response; or as `columns` says.
    columns : sequence of str, default=None
        Names of the columns, beginning with "row" and "col". None is "row", "col", "sigma" and,
        if there are four, "response".
    pixel_size : float, default=None
        Side of a pixel in `unit`; adds the columns ``row_<unit>``, ``col_<unit>`` and
        ``sigma_<unit>`` to csv and parquet.
    unit : str, default=None
        Unit of `pixel_size`; both or neither.
    flagged : array-like of shape (n_atoms,), default=None
        Atoms that break the distance rule; adds a column.
    provenance : mapping, default=None
        Where the positions come from, as `provenance` makes it.
    image : array-like of shape (n_rows, n_cols), default=None
        The micrograph; needed for hdf5, as Atomap's sublattices hold it, else not written.

    Raises
    ------
    ImportError
        If the format needs an extra that is not installed.
    ValueError
        For an unknown extension, tables of another shape, a pixel size without unit, hdf5 without
        image.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from logstar.io import write_positions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "atoms.csv"
    ...     write_positions(path, [[10, 20, 2.5, 0.3]], pixel_size=0.2, unit="A")
    ...     print(path.read_text())
    row,col,sigma,response,row_A,col_A,sigma_A
    10,20,2.5,0.3,2,4,0.5
    """
    path = Path(path)
    extension = known_extension(path, (*_WRITERS, *_WITH_IMAGE), "positions")
    table = as_table(detections, columns, pixel_size, unit, flagged, provenance)
    if extension in _WRITERS:
        _WRITERS[extension](path, table)
        return
    if image is None:
        raise ValueError(f"{path}: a sublattice holds its image; give it as image=.")
    _positions_hdf5.write(path, table, as_image(image))


def read_positions(path: str | os.PathLike[str]) -> Positions:
    """Read what `write_positions` wrote; of Atomap's own files also the positions.

    Parameters
    ----------
    path : path-like
        A file with the extension csv, json, parquet, hdf5, h5 or xyz. A csv may also come from
        elsewhere if it has the columns row and col.

    Returns
    -------
    positions : Positions
        The table with its columns, pixel size, flags and provenance. A csv gives the pixel size
        as the shortest decimal number that its lengths in units agree with.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the format needs an extra that is not installed.
    OSError
        If the file is broken or not what its extension says.
    ValueError
        For an unknown extension.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from logstar.io import read_positions, write_positions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "atoms.json"
    ...     write_positions(path, [[10.25, 20, 2.5, 0.3]], pixel_size=0.2, unit="A")
    ...     atoms = read_positions(path)
    >>> atoms.detections, atoms.pixel_size, atoms.unit
    (array([[10.25, 20.  ,  2.5 ,  0.3 ]]), 0.2, 'A')
    """
    path = Path(path)
    extension = known_extension(path, tuple(_READERS), "positions")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        return _READERS[extension](path)
    except ImportError:
        raise
    except Exception as error:
        # Whatever a library says about a broken file, it is one.
        raise OSError(f"{path} cannot be read as positions: {error}") from error
