"""From what people have (arrays, other libraries' objects, files) to one image and its crystal."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar._validation import as_image, check_real, refuse_channels
from logstar.io import Micrograph
from logstar.lattice import ImageLattice, Lattice
from logstar.units import PixelSize

#: What makes a crystal of a pixel size, such as `Lattice.ybco`.
MakesLattice: TypeAlias = Callable[..., Lattice]
Visible: TypeAlias = float | str | Iterable[str] | None
Roi: TypeAlias = tuple[Any, Any]


def as_micrograph(X: Any, *, dataset: int | None = None, average: bool = False) -> Micrograph:
    """Take one image with whatever calibration it carries; of a signal also one of several.

    Raises
    ------
    TypeError
        For a path, which `find_atoms` reads.
    ValueError
        For a stack, and whatever is no image.
    """
    if isinstance(X, (str, os.PathLike)):
        raise TypeError(
            f"X is a path, {os.fspath(X)!r}, and fit takes an image; "
            "logstar.find_atoms(path) reads files."
        )
    if is_signal(X):
        return Micrograph.from_signal(X, dataset=dataset, average=average)
    if dataset is not None or average:
        name = "average" if dataset is None else "dataset"
        raise ValueError(
            f"{name} is for files and signals that hold several images; got {type(X).__name__}."
        )
    if isinstance(X, Micrograph):
        return X
    if isinstance(X, (list, tuple)) and X and np.ndim(X[0]) == 2:
        raise ValueError(
            f"X is a list of {len(X)} images, and a finder is fitted to one: find the atoms of "
            "each, or fit to one and predict the others."
        )
    array = np.asarray(X) if not isinstance(X, np.ndarray) else X
    if array.ndim == 3:
        refuse_channels(array, "X")
        raise ValueError(
            f"X must be one image, got a 3-D array with shape {array.shape}. Of a stack find the "
            "atoms of each image, or fit to one and predict the others."
        )
    return Micrograph(as_image(X, name="X"))


def is_signal(X: Any) -> bool:
    """Tell the objects of HyperSpy and xarray by what they can do."""
    if isinstance(X, Mapping):
        return "data" in X and "axes" in X
    return hasattr(X, "axes_manager") or (hasattr(X, "dims") and hasattr(X, "coords"))


def crystal_at(
    lattice: Lattice | MakesLattice,
    pixel_size: PixelSize | None,
    *,
    visible: Visible,
    polarity: Literal["bright", "dark"],
) -> Lattice:
    """Lay a crystal over an image.

    Parameters
    ----------
    lattice : Lattice or callable
        The crystal, at any pixel size, or what makes it of one.
    pixel_size : PixelSize or None
        The image's. None takes that of the lattice.
    visible : float, str, iterable of str or None
        As of `AtomFinder`.
    polarity : {"bright", "dark"}
        Where atoms are dark, light ones are visible as well.

    Raises
    ------
    TypeError, ValueError
        Where there is no pixel size, or `visible` leaves nothing.
    """
    if isinstance(lattice, ImageLattice):
        # It was measured in pixels, whatever their size.
        return lattice
    if isinstance(lattice, Lattice):
        crystal = lattice if visible is None else _with_visible(lattice, visible)
        if pixel_size is None or crystal.pixel_size is None:
            return crystal
        return crystal.with_pixel_size(pixel_size)
    if pixel_size is None:
        raise ValueError(
            f"lattice={_named(lattice)} needs a pixel size, and the image has none with a unit; "
            "give pixel_size, such as '0.2 A'."
        )
    takes_visible = "visible" in inspect.signature(lattice).parameters
    options: dict[str, Any] = {}
    if takes_visible and visible is not None:
        options["visible"] = visible
    elif takes_visible and polarity == "dark":
        # Every column casts a shadow in ABF, oxygen's included.
        options["visible"] = 0.0
    # Lengths of crystals are in angstrom.
    crystal = lattice(pixel_size.to("A"), **options)
    if not isinstance(crystal, Lattice):
        raise TypeError(
            f"lattice={_named(lattice)} must make a Lattice of a pixel size, got {crystal!r}."
        )
    if visible is not None and not takes_visible:
        crystal = _with_visible(crystal, visible)
    return crystal.with_pixel_size(pixel_size)


def _named(maker: MakesLattice) -> str:
    """What a callable is called where it was written."""
    return getattr(maker, "__qualname__", None) or repr(maker)


def _with_visible(crystal: Lattice, visible: Visible) -> Lattice:
    """The crystal without the columns that are not seen."""
    if isinstance(visible, str):
        visible = [visible]
    if isinstance(visible, Iterable):
        names = set(visible)
        known = {name for column in crystal.columns for name in (column.kind, column.species)}
        if not names or names - known:
            raise ValueError(
                f"visible must name columns of the crystal, {sorted(known)}, or be a share of the "
                f"strongest intensity, got {sorted(names)}."
            )
        seen = tuple(c for c in crystal.columns if {c.kind, c.species} & names)
    else:
        share = check_real(visible, name="visible", low=0, high=1)
        intensities = crystal.relative_intensities()
        seen = tuple(c for c in crystal.columns if intensities[c.kind] >= share)
    return dataclasses.replace(crystal, columns=seen)


def as_atom_size(
    size: float | str | PixelSize | None, pixel_size: PixelSize | None
) -> float | None:
    """Give the sigma of atoms in pixels.

    Raises
    ------
    TypeError, ValueError
        For what is no length above 0, and a length with a unit where pixels have none.
    """
    if size is None:
        return None
    if not isinstance(size, (str, PixelSize)):
        return check_real(size, name="atom_size", low=0, low_included=False)
    if pixel_size is None:
        raise ValueError(
            f"atom_size={size!r} needs a pixel size, and the image has none with a unit; give "
            "pixel_size, or atom_size in pixels."
        )
    # A length with a unit reads like the side of a pixel.
    return PixelSize.of(size).to("A").value / pixel_size.to("A").value


def as_field(mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Check where to look; None is everywhere.

    Raises
    ------
    ValueError
        For a mask of another shape or type, or one that leaves nothing.
    """
    if mask is None:
        return None
    field = np.asarray(mask)
    if field.dtype != np.bool_ or field.shape != shape:
        raise ValueError(
            f"mask must be booleans of the image's shape {tuple(shape)}, got {field.dtype} of "
            f"shape {field.shape}."
        )
    if not field.any():
        raise ValueError("mask must leave something to look at; no pixel of it is true.")
    return None if field.all() else field


def field_of_roi(roi: Roi, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Make the mask of a rectangle; parameters and errors as of `slices_of_roi`."""
    field = np.zeros(shape, dtype=bool)
    field[slices_of_roi(roi, shape)] = True
    return field


def slices_of_roi(roi: Roi, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Read which rows and columns a rectangle has.

    Parameters
    ----------
    roi : tuple of two (start, stop) or slice
        Rows and columns.
    shape : tuple of two int
        Rows and columns of the image.

    Raises
    ------
    ValueError
        If it is no rectangle within the image.
    """
    try:
        rows, cols = (_as_slice(part) for part in roi)
    except (TypeError, ValueError):
        raise ValueError(
            f"roi must be two pairs (start, stop), of rows and of columns, got {roi!r}."
        ) from None
    for name, part, size in zip(("rows", "columns"), (rows, cols), shape, strict=True):
        start, stop, step = part.indices(size)
        if stop <= start or step != 1 or (part.stop is not None and part.stop > size):
            raise ValueError(
                f"roi={roi!r}: {name} must begin before they end and lie within the image, which "
                f"has {size}."
            )
    (top, bottom, _), (left, right, _) = (
        part.indices(size) for part, size in zip((rows, cols), shape, strict=True)
    )
    return slice(top, bottom), slice(left, right)


def _as_slice(part: Any) -> slice:
    if isinstance(part, slice):
        return part
    start, stop = part
    return slice(None if start is None else int(start), None if stop is None else int(stop))
