"""Tables of positions in files, by extension."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from numpy.typing import ArrayLike

from logstar._validation import as_image
from logstar.units import PixelSize

from . import _positions_csv, _positions_hdf5, _positions_json, _positions_parquet, _positions_xyz
from ._atom_table import AtomTable, known_extension
from ._isolation import ReaderError, read_isolated
from ._whole_files import whole_file

#: Modules that read, by their extension.
_READERS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".json": "json",
    ".hdf5": "hdf5",
    ".h5": "hdf5",
    ".xyz": "xyz",
}
_WRITERS: dict[str, Callable[[Path, AtomTable], None]] = {
    ".csv": _positions_csv.write,
    ".parquet": _positions_parquet.write,
    ".json": _positions_json.write,
    ".xyz": _positions_xyz.write,
}
#: Formats that hold the image as well.
_WITH_IMAGE = (".hdf5", ".h5")


def write_positions(
    path: str | os.PathLike[str],
    table: AtomTable | ArrayLike,
    *,
    image: ArrayLike | None = None,
) -> None:
    """Write positions of atoms in the format that the extension names.

    ============== ===========================================================================
    .csv           all columns, and lengths in units such as ``row_A``; booleans as 0 and 1, of
                   which ``flagged`` is read back as such; no provenance; rounded, see below
    .json          everything, readable
    .parquet       everything, for data frames; needs the extra ``parquet``
    .hdf5, .h5     everything, with the image; opens in Atomap as a sublattice of sigma_x =
                   sigma_y = sigma, which it does not without an image; needs the extra ``io``
    .xyz           extended XYZ for atomistic programs: x along columns, y against rows, z = 0,
                   in angstrom, or in pixels without a pixel size; no provenance
    ============== ===========================================================================

    Every number is read back to the bit by `read_positions`, except from a csv, which has the
    digits that mean something: of a column with standard deviations two beyond the first digit of
    the least of these, and of lengths in pixels at least four decimals; of standard deviations four
    digits, of "response", "support" and "significance" six. Other columns keep theirs.

    Parameters
    ----------
    path : path-like
        The file to write; an existing one is overwritten.
    table : AtomTable, or array-like of shape (n_atoms, 2 to 4)
        The atoms; an array has row, column, sigma in pixels, and response.
    image : array-like of shape (n_rows, n_cols), default=None
        The micrograph, which Atomap's sublattices hold: written into hdf5 alone. None leaves it
        out, as of an image that is larger than memory.

    Raises
    ------
    ImportError
        If the format needs an extra that is not installed.
    OSError
        If the file cannot be written; what was there before still is.
    ValueError
        For an unknown extension, arrays of another shape, and names or texts that xyz cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from logstar.io import AtomTable, write_positions
    >>> atoms = AtomTable.from_array([[10, 20, 2.5, 0.3]], pixel_size="0.2 A")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "atoms.csv"
    ...     write_positions(path, atoms)
    ...     print(path.read_text())
    row,col,sigma,response,row_A,col_A,sigma_A
    10,20,2.5,0.3,2,4,0.5
    <BLANKLINE>
    """
    path = Path(path)
    extension = known_extension(path, (*_WRITERS, *_WITH_IMAGE), "positions")
    if not isinstance(table, AtomTable):
        table = AtomTable.from_array(table)
    write = _WRITERS.get(extension)
    if write is None:
        pixels = None if image is None else as_image(image)
        write = partial(_positions_hdf5.write, image=pixels)
    with whole_file(path) as part:
        write(part, table)


def read_positions(path: str | os.PathLike[str]) -> AtomTable:
    """Read what `write_positions` wrote; of Atomap's own files also the positions.

    Parameters
    ----------
    path : path-like
        A file with the extension csv, json, parquet, hdf5, h5 or xyz. A csv may also come from
        elsewhere if it has the columns row and col.

    Returns
    -------
    table : AtomTable
        The atoms with pixel size and provenance. A csv gives pixel size and origin as the shortest
        decimal numbers that its lengths in units agree with.

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
    >>> from logstar.io import AtomTable, read_positions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "atoms.json"
    ...     AtomTable.from_array([[10.25, 20, 2.5, 0.3]], pixel_size="0.2 A").save(path)
    ...     atoms = read_positions(path)
    >>> atoms
    AtomTable(1 atom: row, col, sigma, response; 0.2 A/px)
    """
    path = Path(path)
    extension = known_extension(path, tuple(_READERS), "positions")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        found = read_isolated("table", _READERS[extension], path)
    except ReaderError as error:
        if error.missing:
            extra = "parquet" if extension == ".parquet" else "io"
            raise ImportError(f'{path}: {error}: pip install "logstar[{extra}]"') from None
        raise OSError(f"{path} cannot be read as positions: {error}") from None
    size = found["pixel_size"]
    row, col = found["origin"]
    return AtomTable(
        found["columns"],
        pixel_size=None if size is None else PixelSize(*size),
        provenance=found["provenance"],
        origin=(row, col),
    )
