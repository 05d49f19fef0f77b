"""HDF5 files that keep to themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open a file for reading.

    Raises
    ------
    ImportError
        If h5py is missing.
    ValueError
        If something in it lies in another file.
    """
    import h5py  # noqa: PLC0415 - an extra

    with h5py.File(path, "r") as file:
        _check_links(h5py, file)
        yield file


def check_hdf5(path: Path) -> None:
    """Check that a file, if it is HDF5, has nothing that lies in another file.

    A file that somebody sends could else make an image of any other file that the reader may read.

    Raises
    ------
    ValueError
        If it has.
    """
    with path.open("rb") as file:
        if not file.read(8).startswith(b"\x89HDF\r\n\x1a\n"):
            return
    with open_hdf5(path):
        pass


def _check_links(h5py: Any, file: Any) -> None:
    outside: list[str] = []

    def see_link(name: bytes, info: Any) -> None:
        if info.type == h5py.h5l.TYPE_EXTERNAL:
            outside.append(name.decode(errors="replace"))

    def see_object(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        virtual = item.virtual_sources() if item.is_virtual else ()
        if item.external or any(source.file_name != "." for source in virtual):
            outside.append(name)

    # Neither follows links out of the file.
    file.id.links.visit(see_link, info=True)
    file.visititems(see_object)
    if outside:
        raise ValueError(f"{outside[0]!r} lies in another file, which is not followed")
