"""What napari's layers are made of: from atoms and maps to data and properties, and back.

Nothing here needs napari or Qt: layers are triples of data, properties and the name of their kind,
as its readers give them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray
from logstar.fields import FieldGrid, VectorField
from logstar.fields._field_grid import spacing_of
from logstar.io import AtomTable
from logstar.segmentation import KINDS
from logstar.units import PixelSize

if TYPE_CHECKING:
    from logstar.tuning import AtomFinder

#: Data, properties, and "image", "labels", "points" or "vectors".
LayerData: TypeAlias = tuple[Any, dict[str, Any], str]

#: Under which key of a layer's metadata what this package knows of it is kept.
KEY = "logstar"
#: The feature that tells which row of the table a point is; -1 for a point added by hand.
ATOM = "atom"
#: The unit that layers are given in: layers of one viewer are to agree on it.
UNIT = "nm"
#: Lengths in nanometres by the names that napari gives to units.
_NANOMETERS = {
    "picometer": 1e-3, "angstrom": 0.1, "nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6,
}  # fmt: skip
#: Two calibrations of one image differ by less than this factor; see `scale_beside`.
_ONE_IMAGE = 1.2
#: Of the colours of directions: 0 would be white, and of 1 blue is too dark to see.
_SATURATION = 0.65
#: Diameter of the circle around an atom, in its sigmas, and where no sigma is known, in pixels.
_DIAMETER, _UNKNOWN = 3.0, 6.0
#: Circles are at most this many times as large as most, or as small: where there is no crystal fits
#: give any sigma.
_MOST = 2.0
#: Colours of kinds of columns, of the palette of Okabe and Ito, told apart on grey.
_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#0072b2")
#: Colours of atoms of no kind, of those that are too close to others, and of those set by hand.
_PLAIN, _FLAGGED, BY_HAND_COLOR = "#56b4e9", "#ff4040", "#ff00ff"
BY_HAND = "by_hand"
#: Colours of what places of an image can be, by their names; crystal is not coloured.
_COLORS_OF_KINDS = {
    "crystal": "#00000000",
    "other grain": "#56b4e9",
    "amorphous": "#d55e00",
    "vacuum": "#0072b2",
    "contamination": "#f0e442",
}


@dataclass(frozen=True)
class Known:
    """What a layer of atoms knows beyond its points.

    Parameters
    ----------
    table : AtomTable
        The atoms as they were found, or last corrected.
    finder : AtomFinder or None, default=None
        What found them.
    image : str, default=""
        Name of the layer of their image.
    before : Known or None, default=None
        What it knew before the last correction.
    """

    table: AtomTable
    finder: AtomFinder | None = None
    image: str = ""
    before: Known | None = None


def world(pixel_size: PixelSize | None) -> dict[str, Any]:
    """Properties that put pixels to scale; none where the scale is unknown."""
    if pixel_size is None:
        return {}
    side = pixel_size.to(UNIT).value
    return {"scale": (side, side), "units": (UNIT, UNIT)}


def pixel_size_of(scale: Sequence[float], units: Sequence[object]) -> PixelSize | None:
    """Tell the size of a layer's pixels.

    Parameters
    ----------
    scale : sequence of float
        Of the layer, the last two of rows and columns.
    units : sequence of object
        Their units by name, as the layer has them.

    Returns
    -------
    pixel_size : PixelSize or None
        None where units are no lengths, or pixels are not square.
    """
    factors = [_NANOMETERS.get(str(unit)) for unit in units[-2:]]
    if len(factors) < 2 or None in factors:
        return None
    height, width = (float(s) * f for s, f in zip(scale[-2:], factors, strict=True) if f)
    if not math.isclose(height, width, rel_tol=1e-6) or not height > 0:
        return None
    return PixelSize(height, UNIT)


def scale_beside(own: PixelSize | None, others: Sequence[PixelSize | None]) -> PixelSize | None:
    """Choose the scale of atoms that come into a viewer with images.

    Atoms may have a pixel size that was corrected by the lattice that their image shows; drawn by
    it they would be off their image, whose layer has the file's.

    Parameters
    ----------
    own : PixelSize or None
        That of the atoms.
    others : sequence of PixelSize or None
        Those of the images.

    Returns
    -------
    pixel_size : PixelSize or None
        That of the image that is most alike, if it is within a factor of 1.2; else their own.
    """
    if own is None:
        return others[0] if len(others) == 1 else None
    side = own.to(UNIT).value
    ratios = [
        (abs(math.log(other.to(UNIT).value / side)), i)
        for i, other in enumerate(others)
        if other is not None
    ]
    if not ratios or min(ratios)[0] > math.log(_ONE_IMAGE):
        return own
    return others[min(ratios)[1]]


def points(
    table: AtomTable,
    *,
    name: str,
    pixel_size: PixelSize | None = None,
    finder: AtomFinder | None = None,
    image: str = "",
) -> LayerData:
    """Make a layer of points of atoms.

    Parameters
    ----------
    table : AtomTable
        The atoms.
    name : str
        Of the layer.
    pixel_size : PixelSize or None, default=None
        Of the image that they are drawn over; None is pixels without a size.
    finder : AtomFinder, default=None
        What found them.
    image : str, default=""
        Name of the layer of their image.

    Returns
    -------
    layer : tuple
        Of open circles, whose features are all columns of the table but row and column.
    """
    properties = {
        "name": name,
        "features": features_of(table),
        "size": sizes_of(table),
        "border_color": colors_of(table),
        "border_width": 0.12,
        "face_color": "transparent",
        "metadata": {KEY: Known(table, finder, image)},
        **world(pixel_size),
    }
    return table.positions, properties, "points"


def features_of(table: AtomTable) -> dict[str, NDArray[Any]]:
    """Columns of a table but row and column, and which row each point is."""
    rest = {name: np.array(table[name]) for name in table.columns if name not in ("row", "col")}
    # What one looks for first comes first where napari shows them.
    first = {name: rest.pop(name) for name in ("kind",) if name in rest}
    return {**first, **rest, ATOM: np.arange(len(table))}


def sizes_of(table: AtomTable) -> FloatArray:
    """Diameters of the circles around atoms, in pixels."""
    if "sigma" not in table:
        return np.full(len(table), _UNKNOWN)
    sigmas = np.array(table["sigma"])
    known = np.isfinite(sigmas) & (sigmas > 0)
    typical = float(np.median(sigmas[known])) if known.any() else _UNKNOWN / _DIAMETER
    return np.asarray(
        _DIAMETER * np.clip(np.where(known, sigmas, typical), typical / _MOST, typical * _MOST)
    )


def colors_of(table: AtomTable) -> FloatArray:
    """Colours (n_atoms, 4) of the circles: by kind, but for flagged atoms and those set by hand."""
    colors = np.tile(color_of(_PLAIN), (len(table), 1))
    if "kind" in table:
        names = [name for name in np.unique(table["kind"]) if name]
        for i, kind in enumerate(names):
            colors[table["kind"] == kind] = color_of(_COLORS[i % len(_COLORS)])
    if "flagged" in table and len(table):
        colors[np.asarray(table["flagged"], dtype=bool)] = color_of(_FLAGGED)
    if BY_HAND in table:
        colors[table[BY_HAND] != ""] = color_of(BY_HAND_COLOR)
    return colors


def color_of(text: str) -> FloatArray:
    """Read "#rrggbb" or "#rrggbbaa" as four numbers from 0 to 1."""
    digits = text.removeprefix("#").ljust(8, "f")
    return np.array([int(digits[i : i + 2], 16) / 255 for i in range(0, 8, 2)])


def image(
    pixels: Any,
    *,
    name: str,
    pixel_size: PixelSize | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> LayerData:
    """Make a layer of a micrograph, or of a stack of them."""
    properties: dict[str, Any] = {"name": name, "metadata": dict(metadata or {})}
    properties |= world(pixel_size)
    if "scale" in properties and pixels.ndim > 2:
        extra = pixels.ndim - 2
        properties["scale"] = (1.0,) * extra + properties["scale"]
        properties["units"] = ("pixel",) * extra + properties["units"]
    return pixels, properties, "image"


def labels(kinds: ArrayLike, *, name: str, pixel_size: PixelSize | None = None) -> LayerData:
    """Make a layer of what each pixel shows.

    Parameters
    ----------
    kinds : array-like of shape (n_rows, n_cols), bool or uint8
        Places in `logstar.segmentation.KINDS`, or where it is amorphous.
    name : str
        Of the layer.
    pixel_size : PixelSize or None, default=None
        Of the image.

    Returns
    -------
    layer : tuple
        Of labels, whose features name them.
    """
    numbers = np.asarray(kinds)
    if numbers.dtype == bool:
        numbers = numbers * np.uint8(KINDS.index("amorphous"))
    colors: dict[int | None, Any] = {
        i: color_of(_COLORS_OF_KINDS[kind]) for i, kind in enumerate(KINDS)
    }
    colors[None] = color_of("#ffffff")
    properties = {
        "name": name,
        "opacity": 0.45,
        "colormap": colors,
        "features": {"index": np.arange(len(KINDS)), "kind": np.array(KINDS)},
        **world(pixel_size),
    }
    return numbers, properties, "labels"


def field_images(
    grid: FieldGrid, names: Sequence[str] | None = None, *, pixel_size: PixelSize | None = None
) -> list[LayerData]:
    """Make a layer of each component of fields on a grid.

    Parameters
    ----------
    grid : FieldGrid
        The fields.
    names : sequence of str, default=None
        Components to take; None is all but standard deviations.
    pixel_size : PixelSize or None, default=None
        Of the image that they are drawn over; None is that of the grid.

    Returns
    -------
    layers : list of tuple
        Images with colours that are white at 0; strains in per cent, lengths in picometres if
        the size of pixels is known, else in pixels. All but the first are hidden.
    """
    size = grid.pixel_size if pixel_size is None else pixel_size
    if names is None:
        names = [name for name in grid.values if not name.endswith("_error")]
    side = 1.0 if size is None else size.to(UNIT).value
    layers = []
    for i, name in enumerate(names):
        values, unit = _in_units(grid.values[name], grid.units[name], size)
        known = np.abs(values[np.isfinite(values)])
        # A few atoms at a defect would leave the rest of the map white.
        limit = float(np.quantile(known, 0.98)) if known.size else 1.0
        limit = limit or 1.0
        properties = {
            "name": f"{name} ({unit})",
            "colormap": "coolwarm",
            "contrast_limits": (-limit, limit),
            "interpolation2d": "nearest",
            "opacity": 0.7,
            "visible": i == 0,
            **world(size),
            "scale": (grid.step * side, grid.step * side),
            "translate": tuple(place * side for place in grid.origin),
        }
        layers.append((values, properties, "image"))
    return layers


def _in_units(values: FloatArray, unit: str, size: PixelSize | None) -> tuple[FloatArray, str]:
    if unit == "1":
        return 100 * values, "%"
    if unit == "px" and size is not None:
        return values * size.to("pm").value, "pm"
    return values, unit


def vectors(
    field: VectorField, *, pixel_size: PixelSize | None = None, length: float | None = None
) -> LayerData:
    """Make a layer of a field of vectors.

    Parameters
    ----------
    field : VectorField
        Displacements or polarisation.
    pixel_size : PixelSize or None, default=None
        Of the image that they are drawn over; None is that of the field.
    length : float, default=None
        Factor by which they are drawn longer. None makes the longest, but for 2 % of them, as
        long as atoms are apart.

    Returns
    -------
    layer : tuple
        Of arrows where the field is defined, coloured by their direction, whose features are their
        lengths, directions and standard deviations.
    """
    size = field.pixel_size if pixel_size is None else pixel_size
    known = np.flatnonzero(np.isfinite(field.vectors).all(axis=1))
    steps = field.vectors[known]
    lengths = np.hypot(*steps.T) if len(known) else np.empty(0)
    spacing = spacing_of(field.positions)
    if length is None:
        longest = float(np.quantile(lengths, 0.98)) if len(lengths) else 0.0
        length = spacing / longest if longest > 0 else 1.0
    picometers = 1.0 if size is None else size.to("pm").value
    unit = "px" if size is None else "pm"
    properties = {
        "name": field.name,
        "length": length,
        "vector_style": "arrow",
        "edge_width": 0.1 * spacing,
        "edge_color": _colors_of_angles(field.angles[known]),
        "features": {
            f"length_{unit}": lengths * picometers,
            "angle": field.angles[known],
            f"row_error_{unit}": field.errors[known, 0] * picometers,
            f"col_error_{unit}": field.errors[known, 1] * picometers,
            ATOM: field.atoms[known],
        },
        **world(size),
    }
    return np.stack([field.positions[known], steps], axis=1), properties, "vectors"


def _colors_of_angles(angles: FloatArray) -> FloatArray:
    """Colours (n, 4) of directions in degrees: once around the circle of hues, light on grey."""
    hues = (angles[:, None] / 360 + [0, 2 / 3, 1 / 3]) % 1
    # Of a hue, red, green and blue are three times the same hill, a third of the circle apart.
    hills = np.clip(np.abs(6 * hues - 3) - 1, 0, 1)
    return np.column_stack([1 - _SATURATION * (1 - hills), np.ones(len(angles))])
