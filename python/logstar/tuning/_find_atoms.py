"""The main job as one call: from a file, or what is in memory, to atoms."""

from __future__ import annotations

import os
import time
from typing import Any, Literal

from logstar.io import read_image

from ._finder import AtomFinder
from ._source import Roi, as_field, as_micrograph, field_of_roi


def find_atoms(
    source: Any,
    *,
    roi: Roi | None = None,
    dataset: int | None = None,
    average: bool = False,
    channel: int | Literal["luminance"] | None = None,
    resample: bool = False,
    binning: int = 1,
    **parameters: Any,
) -> AtomFinder:
    """Find the atoms of a micrograph, in a file or in memory.

    Parameters
    ----------
    source : path-like, or what `AtomFinder.fit` takes
        A file of any format of `logstar.io.read_image`; an array, a `Micrograph`, a HyperSpy signal
        or an xarray DataArray.
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
    **parameters : dict
        Of `AtomFinder`. A `pixel_size` is that of the file's pixels, and grows with `binning`.

    Returns
    -------
    finder : AtomFinder
        Fitted: `atoms_`, `verdict_`, `report()`, `plot()`, `save(folder)` and more.

    Raises
    ------
    FileNotFoundError, ImportError, OSError
        If the file cannot be read.
    TypeError, ValueError
        As `logstar.io.read_image` and `AtomFinder.fit`.

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
    if roi is not None:
        shape = micrograph.image.shape
        field = field_of_roi(roi, shape)
        mask = as_field(finder.mask, shape)
        finder.set_params(mask=field if mask is None else field & mask)
    read = time.perf_counter()
    finder._fit(micrograph, dataset)  # noqa: SLF001 - of this package
    finder.seconds_ = {"read": read - start, **finder.seconds_}
    return finder
