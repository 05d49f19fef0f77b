"""The atoms of a stack: in memory, or in a file of which few frames are in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from logstar._data_frames import import_pandas
from logstar.io import AtomTable
from logstar.io._frame_tables import FramesOnFile, write_frames
from logstar.units import PixelSize

from ._stack_run import FrameRecord

if TYPE_CHECKING:
    from pandas import DataFrame

#: Columns of the table of frames.
_PER_FRAME = ("n_atoms", "qc", "er", "tuned_on", "state", "trusted")


class StackAtoms:
    """The atoms of each frame of a stack, and what became of the frames.

    Made by `find_atoms_in_stack`, or `load`. It is a sequence of `AtomTable`.

    Parameters
    ----------
    store : FramesOnFile or sequence of FrameRecord
        Where the atoms are.
    header : mapping
        Plain values: pixel size, origin, provenance.

    Attributes
    ----------
    frames : dict of str to ndarray of shape (n_frames,)
        "n_atoms"; "qc" and "er", NaN where nothing is expected; "tuned_on", the number of the frame
        whose settings were used; "state": "tuned" on itself, "within" or "outside" the bands of
        quiet frames, "left" if two of three were outside and no better settings were found, "again"
        if it was done with the settings of the next, "untuned" for constant frames at the
        beginning; and "trusted", whether the frame agrees with what is expected.
    header : dict
        What the file says of all.

    See Also
    --------
    logstar.tracking.link_atoms : From frames to trajectories.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_in_stack
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> clear = make_scene(crystal, (96, 96), random_state=0).image
    >>> movie = clear + 0.05 * np.random.default_rng(0).standard_normal((3, 96, 96))
    >>> found = find_atoms_in_stack(movie, lattice=crystal)
    >>> found
    StackAtoms(3 frames, 120 atoms, 1 tuning)
    >>> found[2]
    AtomTable(40 atoms: row, col, sigma, response, flagged; 0.2 A/px)
    >>> found.frames["state"].tolist()
    ['tuned', 'within', 'within']
    """

    def __init__(
        self, store: FramesOnFile | Sequence[FrameRecord], header: Mapping[str, Any]
    ) -> None:
        self._store = store
        self.header = dict(header)
        self.frames: dict[str, NDArray[Any]]
        if isinstance(store, FramesOnFile):
            self.frames = {name: store.frames[name] for name in _PER_FRAME}
        else:
            self.frames = frames_of_records(store, [len(one.columns["row"]) for one in store])
        self._ends = np.cumsum(self.frames["n_atoms"], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[AtomTable]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> AtomTable:
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}.")
        index %= len(self)
        if isinstance(self._store, FramesOnFile):
            stop = int(self._ends[index])
            columns = self._store.rows(stop - int(self.frames["n_atoms"][index]), stop)
            columns.pop("frame")
        else:
            columns = self._store[index].columns
        size = self.header.get("pixel_size")
        return AtomTable(
            columns,
            pixel_size=None if size is None else PixelSize(size[0], size[1]),
            provenance=self.header.get("provenance"),
            origin=tuple(self.header.get("origin", (0.0, 0.0))),
        )

    def __repr__(self) -> str:
        n_tuned = int((self.frames["state"] == "tuned").sum())
        n_atoms = int(self._ends[-1])
        tunings = "1 tuning" if n_tuned == 1 else f"{n_tuned} tunings"
        return f"{type(self).__name__}({len(self)} frames, {n_atoms} atoms, {tunings})"

    @property
    def pixel_size(self) -> PixelSize | None:  # numpydoc ignore=RT01
        """Side of a pixel; None if nobody says."""
        size = self.header.get("pixel_size")
        return None if size is None else PixelSize(size[0], size[1])

    def to_frame(self) -> DataFrame:
        """Give the atoms of all frames as one pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            "frame", then the atoms' columns; "row" and "col" as "y" and "x" as well, as trackpy
            names them.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_pandas()
        numbers = np.repeat(np.arange(len(self)), self.frames["n_atoms"])
        kinds = kinds_of(self._tables_with_rows())
        tables = [_aligned({name: one[name] for name in one.columns}, kinds) for one in self]
        columns = {name: np.concatenate([table[name] for table in tables]) for name in kinds}
        places = {"y": columns["row"], "x": columns["col"]}
        return pandas.DataFrame({"frame": numbers, **columns, **places})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all frames into one file.

        Parameters
        ----------
        path : path-like
            Of the extension h5 or hdf5, which need the extra ``io``, or parquet, which needs
            ``parquet``.

        Raises
        ------
        ImportError, OSError, ValueError
            If it cannot be written, or has another extension.
        """
        tables = ({name: table[name] for name in table.columns} for table in self)
        write_atoms(
            Path(path), tables, kinds_of(self._tables_with_rows()), self.frames, self.header
        )

    def _tables_with_rows(self) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Columns of the first frames of each kind: enough to know all names."""
        if isinstance(self._store, FramesOnFile):
            table = self[0]
            yield {name: table[name] for name in table.columns}
        else:
            yield from (record.columns for record in self._store)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Open a file of all frames, whose atoms are read when they are asked for.

        Parameters
        ----------
        path : path-like
            As `find_atoms_in_stack` or `save` wrote it.

        Returns
        -------
        atoms : StackAtoms
            Backed by the file.

        Raises
        ------
        FileNotFoundError, ImportError, OSError, ValueError
            If it cannot be read, or holds something else.
        """
        found = FramesOnFile(Path(path))
        return cls(found, found.header)


def frames_of_records(
    records: Sequence[FrameRecord], counts: Sequence[int]
) -> dict[str, NDArray[Any]]:
    """A row for each frame, with the number of its atoms."""
    return {
        "n_atoms": np.array(counts, dtype=np.int64),
        "qc": np.array([one.rewards.qc for one in records], dtype=np.float64),
        "er": np.array([one.rewards.er for one in records], dtype=np.float64),
        "tuned_on": np.array([one.tuned_on for one in records], dtype=np.int64),
        "state": np.array([one.state for one in records], dtype=str),
        "trusted": np.array([one.trusted for one in records], dtype=bool),
    }


def kinds_of(tables: Iterable[Mapping[str, NDArray[Any]]]) -> dict[str, str]:
    """Names of all columns, in the order of the table with most of them, and their kinds."""
    most: dict[str, str] = {}
    for columns in tables:
        if len(columns) > len(most):
            most = {name: column.dtype.kind for name, column in columns.items()}
    return most


def _aligned(
    table: Mapping[str, NDArray[Any]], kinds: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """Give a table all columns; those that it does not have are NaN, False or ""."""
    n_atoms, missing = len(table["row"]), {"f": np.nan, "b": False, "U": ""}
    return {
        name: table[name] if name in table else np.full(n_atoms, missing[kind])
        for name, kind in kinds.items()
    }


def write_atoms(
    path: Path,
    tables: Iterable[Mapping[str, NDArray[Any]]],
    kinds: Mapping[str, str],
    frames: Mapping[str, NDArray[Any]],
    header: Mapping[str, Any],
) -> None:
    """Write the atoms of each frame, a frame in memory at a time."""

    def numbered() -> Iterator[dict[str, NDArray[Any]]]:
        for number, table in enumerate(tables):
            frame = np.full(len(table["row"]), number, dtype=np.int64)
            yield {"frame": frame, **_aligned(table, kinds)}

    write_frames(path, numbered(), frames, {**header, "columns": ["frame", *kinds]})
