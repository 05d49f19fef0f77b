"""Files as layers: atoms, maps and micrographs."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar.fields import FieldGrid
from logstar.io import EXTENSIONS, NOT_SQUARE, AtomTable, list_images, read_image
from logstar.io._listing import ImageEntry
from logstar.segmentation import KINDS
from logstar.units import PixelSize

from ._layers import (
    KEY,
    LayerData,
    field_images,
    image,
    labels,
    pixel_size_of,
    points,
    scale_beside,
)

Reader: TypeAlias = Callable[[str | Sequence[str]], list[LayerData]]

#: Extensions of tables of atoms; of those, these may hold an image as well.
TABLES = (".csv", ".json", ".parquet", ".xyz", ".hdf5", ".h5")
_MAYBE_IMAGES = (".hdf5", ".h5")
GRID = ".npz"


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Tell napari who reads a file.

    Parameters
    ----------
    path : str or sequence of str
        A file, or several of one kind.

    Returns
    -------
    reader : callable or None
        None if it is none of ours: a csv or json of something else, an npz that holds no grid.
    """
    paths = [Path(one) for one in _listed(path)]
    return read if paths and all(map(_is_ours, paths)) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read files.

    Parameters
    ----------
    path : str or sequence of str
        A table of atoms, a grid of fields, a map of kinds or a micrograph; or several of these.

    Returns
    -------
    layers : list of tuple
        Data, properties and kind of each layer.

    Raises
    ------
    ImportError, OSError, ValueError
        As the readers of `logstar.io`.
    """
    return [layer for one in _listed(path) for layer in _read(Path(one))]


def _listed(path: str | Sequence[str]) -> list[str]:
    return [path] if isinstance(path, (str, os.PathLike)) else list(path)


def _is_ours(path: Path) -> bool:
    extension = path.suffix.lower()
    if extension == ".csv":
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            head = next(csv.reader(file), [])
        return {"row", "col"} <= set(head)
    if extension == ".json":
        return '"logstar' in path.read_text(encoding="utf-8", errors="replace")[:4096]
    if extension == GRID:
        return zipfile.is_zipfile(path) and "about.npy" in zipfile.ZipFile(path).namelist()
    return extension in TABLES or extension in EXTENSIONS


def _read(path: Path) -> list[LayerData]:
    extension = path.suffix.lower()
    if extension == GRID:
        return field_images(FieldGrid.load(path))
    if extension in TABLES:
        try:
            return [_points(AtomTable.load(path), path)]
        except OSError:
            if extension not in _MAYBE_IMAGES:
                raise
    if extension == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if _is_map(array):
            return [labels(array, name=path.stem)]
    entries = list_images(path)
    alone = sum(entry.n_frames for entry in entries) == 1
    return [_image(path, entry, alone=alone) for entry in entries]


def _is_map(array: NDArray[Any]) -> bool:
    """Whether it is a map of kinds, or a mask: as no image has so few grey levels."""
    if array.ndim != 2 or array.dtype not in (np.bool_, np.uint8):
        return False
    return array.dtype == np.bool_ or bool(array.max(initial=0) < len(KINDS))


def _points(table: AtomTable, path: Path) -> LayerData:
    size = scale_beside(table.pixel_size, _sizes_in_viewer())
    return points(table, name=path.stem, pixel_size=size)


def _sizes_in_viewer() -> list[PixelSize | None]:
    """Sizes of the pixels of the images that are open, if there is a viewer."""
    from napari import current_viewer  # noqa: PLC0415 - files are read without a viewer as well
    from napari.layers import Image  # noqa: PLC0415

    viewer = current_viewer()
    layers = [] if viewer is None else viewer.layers
    return [pixel_size_of(layer.scale, layer.units) for layer in layers if isinstance(layer, Image)]


def _image(path: Path, entry: ImageEntry, *, alone: bool) -> LayerData:
    """One data set: an image, or a stack whose images are read when they are looked at."""
    # As of a file with one image nobody has to say which.
    dataset = None if alone else entry.dataset
    options: dict[str, Any] = {
        "channel": "luminance" if entry.n_channels > 1 else None,
        "resample": entry.note.endswith(NOT_SQUARE),
    }
    first = read_image(path, dataset=entry.dataset, **options)
    known = {"path": path, "dataset": dataset, "notes": first.notes, **options}
    pixels: Any = first.image
    if entry.n_frames > 1:
        import dask.array as da  # noqa: PLC0415 - it comes with napari
        from dask import delayed  # noqa: PLC0415

        def frame(i: int) -> NDArray[Any]:
            return read_image(path, dataset=entry.dataset + i, **options).image

        pixels = da.stack(
            [
                da.from_delayed(delayed(frame, pure=True)(i), pixels.shape, pixels.dtype)
                for i in range(entry.n_frames)
            ]
        )
    name = path.stem if not entry.title else f"{path.stem}: {entry.title}"
    return image(pixels, name=name, pixel_size=first.pixel_size, metadata={KEY: known})
