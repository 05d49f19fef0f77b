"""Atoms of many frames on file: one table with the number of the frame, written bit by bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._hdf5 import open_hdf5
from ._positions_hdf5 import import_h5py
from ._positions_parquet import import_pyarrow
from ._whole_files import whole_file

Columns: TypeAlias = Mapping[str, NDArray[Any]]

#: Rows that are written at a time, and rows of a row group of parquet.
_ROWS = 2**18
_ATOMS, _FRAMES, _HEADER = "atoms", "frames", "logstar_stack"
#: Extensions of formats that hold all frames in one file.
FRAME_FORMATS = (".h5", ".hdf5", ".parquet")


class ColumnReader(Protocol):
    """Reads rows of the columns of a file."""

    def rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Give some rows of a column."""


def write_frames(
    path: Path,
    tables: Iterable[Columns],
    frames: Columns,
    header: Mapping[str, Any],
) -> None:
    """Write the atoms of frames; the file has its name only once it is whole.

    Parameters
    ----------
    path : Path
        Its extension names the format: h5, hdf5 or parquet.
    tables : iterable of mapping of str to ndarray
        The columns of each frame's atoms, which begin with "frame"; all have the same names.
    frames : mapping of str to ndarray
        A row for each frame.
    header : mapping
        Plain values.

    Raises
    ------
    ImportError
        If the format needs a package that is missing.
    OSError
        If it cannot be written.
    ValueError
        For another extension.
    """
    check_format(path)
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_hdf5
    with whole_file(path) as part:
        write(part, _batches(tables), frames, header)


def check_format(path: Path) -> None:
    """Check that a file for many frames can be written, before there are any.

    Raises
    ------
    ImportError
        If the format needs a package that is missing.
    ValueError
        If its extension is no such format's.
    """
    extension = path.suffix.lower()
    if extension not in FRAME_FORMATS:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r} of a file for many frames; known are "
            f"{', '.join(FRAME_FORMATS)}."
        )
    if extension == ".parquet":
        import_pyarrow()
    else:
        import_h5py()


def _batches(tables: Iterable[Columns]) -> Iterator[Columns]:
    """Join the tables of frames to some that are worth writing."""
    waiting: list[Columns] = []
    n_rows = 0
    for table in tables:
        waiting.append(table)
        n_rows += len(table["frame"])
        if n_rows >= _ROWS:
            yield _joined(waiting)
            waiting, n_rows = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(tables: list[Columns]) -> Columns:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _write_hdf5(
    path: Path, batches: Iterator[Columns], frames: Columns, header: Mapping[str, Any]
) -> None:
    h5py = import_h5py()

    def stored(column: NDArray[Any]) -> NDArray[Any]:
        return column.astype(h5py.string_dtype()) if column.dtype.kind == "U" else column

    with h5py.File(path, "w") as file:
        file.attrs[_HEADER] = json.dumps(header)
        atoms = file.create_group(_ATOMS)
        for batch in batches:
            for name, column in batch.items():
                values = stored(column)
                if name not in atoms:
                    atoms.create_dataset(
                        name, data=values, maxshape=(None,), chunks=(2**14,),
                        compression="gzip", compression_opts=1, shuffle=True,
                    )  # fmt: skip
                else:
                    data, n_before = atoms[name], len(atoms[name])
                    data.resize((n_before + len(values),))
                    data[n_before:] = values
        group = file.create_group(_FRAMES)
        for name, column in frames.items():
            group[name] = stored(column)


def _write_parquet(
    path: Path, batches: Iterator[Columns], frames: Columns, header: Mapping[str, Any]
) -> None:
    pyarrow = import_pyarrow()
    plain = {name: column.tolist() for name, column in frames.items()}
    text = json.dumps({**header, _FRAMES: plain}).encode()
    writer = None
    try:
        for batch in batches:
            rows = pyarrow.table({name: np.ascontiguousarray(x) for name, x in batch.items()})
            rows = rows.replace_schema_metadata({_HEADER.encode(): text})
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(path, rows.schema)
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()


class FramesOnFile:
    """The atoms of many frames in a file, of which few are in memory.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    header : dict
        Plain values.
    frames : dict of str to ndarray
        A row for each frame.
    columns : tuple of str
        Names of the atoms' columns, the first of which is "frame".

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file.")
        self._is_parquet = path.suffix.lower() == ".parquet"
        if self._is_parquet:
            self._open_parquet()
        else:
            self._open_hdf5()

    def _open_hdf5(self) -> None:
        import_h5py()
        with open_hdf5(self.path) as file:
            if _HEADER not in file.attrs:
                raise ValueError(f"{self.path} holds no atoms of a stack.")
            self.header = json.loads(file.attrs[_HEADER])
            self.columns = tuple(self.header["columns"])
            self.frames = {name: _values(data) for name, data in file[_FRAMES].items()}

    def _open_parquet(self) -> None:
        with self._parquet() as file:
            metadata = file.schema_arrow.metadata or {}
            if _HEADER.encode() not in metadata:
                raise ValueError(f"{self.path} holds no atoms of a stack.")
            self.header = json.loads(metadata[_HEADER.encode()])
            self.columns = tuple(self.header["columns"])
            # JSON knows NaN as Python writes it.
            self.frames = {name: np.array(x) for name, x in self.header.pop(_FRAMES).items()}
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            self._ends = np.cumsum(sizes)

    @contextmanager
    def _parquet(self) -> Iterator[Any]:
        # Not by the path: a folder would be a data set.
        with self.path.open("rb") as content:
            yield import_pyarrow().parquet.ParquetFile(content)

    def rows(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Read some rows of all columns.

        Parameters
        ----------
        start, stop : int
            The first, and the one after the last.

        Returns
        -------
        columns : dict of str to ndarray
        """
        if not self._is_parquet:
            with open_hdf5(self.path) as file:
                atoms = file[_ATOMS]
                return {name: _values(atoms[name], start, stop) for name in self.columns}
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._ends, stop, side="left"))
        last = min(last, len(self._ends) - 1)
        groups = list(range(min(first, last), last + 1))
        before = int(self._ends[groups[0] - 1]) if groups[0] else 0
        with self._parquet() as file:
            table = file.read_row_groups(groups)
        found = {}
        for name in self.columns:
            column = table[name].to_numpy()[start - before : stop - before]
            found[name] = column.astype(str) if column.dtype.kind == "O" else column
        return found


def _values(data: Any, start: int = 0, stop: int | None = None) -> NDArray[Any]:
    is_text = data.dtype.kind == "O"
    found = data.asstr()[start:stop] if is_text else data[start:stop]
    return np.array(found, dtype=str) if is_text else np.asarray(found)
