"""The main job as one call: from a file, or what is in memory, to atoms."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from logstar.io import Micrograph, read_image
from logstar.io._formats import PICTURES
from logstar.io._isolation import size_of

from ._finder import AtomFinder
from ._large_images import LARGEST_WHOLE, tile_for
from ._long_run import TellsProgress
from ._source import Roi, as_field, as_micrograph, field_of_roi, is_signal

if TYPE_CHECKING:
    from ._tiled_atoms import TiledAtoms


def find_atoms(
    source: Any,
    *,
    roi: Roi | None = None,
    dataset: int | None = None,
    average: bool = False,
    channel: int | Literal["luminance"] | None = None,
    resample: bool = False,
    binning: int = 1,
    tile: int | Literal["auto"] | None = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
    **parameters: Any,
) -> AtomFinder | TiledAtoms:
    """Find the atoms of a micrograph, in a file or in memory.

    An image of more than 4096 x 4096 pixels, however it is held, is tuned on in parts that
    represent it, and found by tiles: it need not fit into memory. See `find_atoms_tiled`.

    Parameters
    ----------
    source : path-like, or what `AtomFinder.fit` takes
        A file of any format of `logstar.io.read_image`; an array, a `Micrograph`, a HyperSpy signal
        or an xarray DataArray. Of what is found by tiles, parts are loaded: of a file, of an array
        of dask, zarr or h5py or a memory-mapped one, of a lazy signal.
    roi : tuple of two (start, stop) or slice, default=None
        Rows and columns to look at; positions stay those in the whole image. None is everywhere.
    dataset : int, default=None
        Which image of a file, a HyperSpy signal or an xarray DataArray, from 0.
    average : bool, default=False
        Whether to take the mean of a stack.
    channel : int or "luminance", default=None
        Channel to take of a file with colours; "luminance" is the grey value.
    resample : bool, default=False
        Whether to interpolate a file's image whose pixels are not square onto square ones.
    binning : int, default=1
        Take the mean of blocks of this many of a file's pixels each way.
    tile : int, "auto" or None, default="auto"
        Side in pixels of the tiles that an image is found by; None finds it as a whole. "auto" is
        tiles of 2048 for more than 4096 x 4096 pixels. `average`, `resample` and `binning` load the
        image of a file before.
    checkpoint : path-like, default=None
        Of an image that is found by tiles: as of `detect_tiled`.
    progress : callable, default=None
        Likewise called with a `RunProgress` after each part, and after each tile of either pass.
    **parameters : dict
        Of `AtomFinder`. A `pixel_size` is that of the file's pixels, and grows with `binning`.

    Returns
    -------
    finder : AtomFinder or TiledAtoms
        `atoms_`, `verdict_`, `report()`, `plot()`, `save(folder)`, `index()` and more; by tiles it
        is a `TiledAtoms`, which has these as well, and in `finder` the part that was tuned on.

    Raises
    ------
    FileNotFoundError, ImportError, OSError
        If the file cannot be read.
    TypeError, ValueError
        As `logstar.io.read_image` and `AtomFinder.fit`; for a large image with a parameter that
        is about an image as a whole (`denoise`, `expected`, `distance_sum`, `grain`, `oracle`,
        `window`, ``lattice=None``), unless ``tile=None``.

    Examples
    --------
    >>> from logstar import Lattice, find_atoms
    >>> from logstar.datasets import make_scene
    >>> scene = make_scene(Lattice.perovskite(4.0, pixel_size=0.2), (128, 128), random_state=0)
    >>> found = find_atoms(scene.image, lattice="auto")
    >>> found.verdict_.status, len(found.atoms_)
    ('ok', 72)
    """
    finder = AtomFinder(**parameters)
    start = time.perf_counter()
    of_tiles: dict[str, Any] = {"roi": roi, "checkpoint": checkpoint, "progress": progress}
    side = None
    if not (average or resample or binning > 1):
        shape = shape_of_parts(source, dataset, channel)
        side = None if shape is None else tile_for(shape, tile, parameters)
    if side is not None:
        from ._find_atoms_tiled import find_atoms_tiled  # noqa: PLC0415 - most images are whole

        return find_atoms_tiled(
            source, dataset=dataset, channel=channel, tile=side, **of_tiles, **parameters
        )
    if isinstance(source, (str, os.PathLike)):
        micrograph = read_image(
            source,
            pixel_size=finder.pixel_size,
            dataset=dataset,
            average=average,
            channel=channel,
            resample=resample,
            binning=binning,
        )
        # What was given is that of the file's pixels; binned ones are larger.
        finder.set_params(pixel_size=micrograph.pixel_size)
    else:
        micrograph = as_micrograph(source, dataset=dataset, average=average)
        given = {"channel": channel, "resample": resample or None, "binning": binning - 1 or None}
        refused = [name for name, value in given.items() if value is not None]
        if refused:
            raise ValueError(f"{refused[0]} is for files; prepare an image in memory before.")
    side = tile_for(micrograph.image.shape, tile, parameters)
    if side is not None:
        from ._find_atoms_tiled import find_atoms_tiled  # noqa: PLC0415 - likewise

        own = {**parameters, "pixel_size": finder.pixel_size}
        return find_atoms_tiled(micrograph, tile=side, **of_tiles, **own)
    if roi is not None:
        field = field_of_roi(roi, micrograph.image.shape)
        mask = as_field(finder.mask, micrograph.image.shape)
        finder.set_params(mask=field if mask is None else field & mask)
    read = time.perf_counter()
    finder._fit(micrograph, dataset)  # noqa: SLF001 - of this package
    finder.seconds_ = {"read": read - start, **finder.seconds_}
    return finder


def shape_of_parts(
    source: Any, dataset: int | None, channel: int | Literal["luminance"] | None
) -> tuple[int, int] | None:
    """Rows and columns of an image of which parts can be taken; None where it is to be loaded.

    Raises
    ------
    ImportError, OSError, ValueError
        For a file that cannot be read, or of which something has to be chosen.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        # One that is compressed further than to a byte a pixel is loaded, as pictures are, which
        # have no parts.
        is_small = not path.exists() or size_of(path) < LARGEST_WHOLE
        if is_small or path.suffix.lower() in PICTURES:
            return None
        from ._find_atoms_tiled import opened_image  # noqa: PLC0415 - likewise

        return opened_image(path, dataset=dataset, channel=channel, pixel_size=None).shape
    if is_signal(source):
        from ._find_atoms_tiled import opened_image  # noqa: PLC0415 - likewise

        # What is wrong with it is said where it is loaded.
        with suppress(TypeError, ValueError):
            return opened_image(source, dataset=dataset, channel=None, pixel_size=None).shape
        return None
    image = source.image if isinstance(source, Micrograph) else source
    shape: tuple[int, ...] = getattr(image, "shape", ())
    return (int(shape[0]), int(shape[1])) if len(shape) == 2 else None
