"""Sides and units of pixels in a TIFF, as each of the programs of microscopes writes them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, TypeAlias

#: Sides and units along rows and columns, and what could not be used.
Found: TypeAlias = tuple[tuple[float, float], tuple[object, object], tuple[str, ...]]

# Tags that DigitalMicrograph and HyperSpy write: units and sides of a pixel, x before y.
TAG_UNITS = (65004, 65003)
TAG_SIDES = (65010, 65009)
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
#: Zeiss keeps the width of a pixel as it is on a screen of so many columns, in m.
_ZEISS_COLUMNS, _ZEISS_PLACE = 1024, 3
_UNCALIBRATED: Found = ((1.0, 1.0), (None, None), ())


def tiff_calibration(tiff: Any, page: Any, number: int) -> Found:
    """Find the calibration of a series, first as microscopists' programs write it.

    Parameters
    ----------
    tiff : TiffFile
        The file.
    page : TiffPage
        The first page of the series.
    number : int
        Of the series in the file.

    Returns
    -------
    sides, units : tuple
        Along rows and columns; units as they are written.
    notes : tuple of str
        What there is and could not be used.
    """
    notes: tuple[str, ...] = ()
    for name, find in _WRITERS.items():
        try:
            found = find(tiff, page, number)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, ET.ParseError):
            notes += (f"its metadata of {name} could not be understood.",)
            continue
        if found is not None:
            return found[0], found[1], notes + found[2]
    sides, units, _ = _resolution(page)
    return sides, units, notes


def _digital_micrograph(_tiff: Any, page: Any, _number: int) -> Found | None:
    value = {tag.code: tag.value for tag in page.tags.values()}
    if not all(code in value for code in (*TAG_SIDES, *TAG_UNITS)):
        return None
    row, col = (float(value[code]) for code in TAG_SIDES)
    return (row, col), (value[TAG_UNITS[0]], value[TAG_UNITS[1]]), ()


def _thermo_fisher(tiff: Any, _page: Any, _number: int) -> Found | None:
    metadata = tiff.fei_metadata
    if not metadata:
        return None
    scan = metadata.get("Scan", {})
    if "PixelWidth" in scan and "PixelHeight" in scan:
        return (float(scan["PixelHeight"]), float(scan["PixelWidth"])), ("m", "m"), ()
    for beam in ("EBeam", "IBeam", "IRBeam"):
        field = metadata.get(beam, {})
        if "HFW" in field and "VFW" in field:
            image = metadata["Image"]
            row = float(field["VFW"]) / float(image["ResolutionY"])
            col = float(field["HFW"]) / float(image["ResolutionX"])
            return (row, col), ("m", "m"), ()
    return None


def _zeiss(tiff: Any, page: Any, _number: int) -> Found | None:
    metadata = tiff.sem_metadata
    if not metadata:
        return None
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        if name in metadata:
            _, side, unit = metadata[name]
            return (float(side), float(side)), (unit, unit), ()
    side = float(metadata[""][_ZEISS_PLACE]) * _ZEISS_COLUMNS / page.imagewidth
    return (side, side), ("m", "m"), ()


def _olympus(tiff: Any, _page: Any, _number: int) -> Found | None:
    metadata = tiff.sis_metadata
    if not metadata or "pixelsizex" not in metadata:
        return None
    return (float(metadata["pixelsizey"]), float(metadata["pixelsizex"])), ("m", "m"), ()


def _tvips(tiff: Any, _page: Any, _number: int) -> Found | None:
    metadata = tiff.tvips_metadata
    if not metadata or "PixelSizeX" not in metadata:
        return None
    return (float(metadata["PixelSizeY"]), float(metadata["PixelSizeX"])), ("nm", "nm"), ()


def _jeol(_tiff: Any, page: Any, _number: int) -> Found | None:
    """SightX writes the resolution of the camera, and the magnification beside it."""
    if str(page.tags.valueof("Make") or "").strip("\0 ") != "JEOL Ltd.":
        return None
    text = re.sub(r"[\x00-\x08\x0b-\x1f]", "", page.description)
    report = {element.tag: element.text for element in ET.fromstring(text).iter()}
    if (report["EosMode"], report.get("ModeString")) != ("eosTEM", "MAG"):
        mode = " ".join(filter(None, (report["EosMode"], report.get("ModeString"))))
        note = f"JEOL SightX gives a pixel size in its mode TEM MAG alone, this is {mode}."
        return _UNCALIBRATED[0], _UNCALIBRATED[1], (note,)
    (row, col), units, _ = _resolution(page)
    magnification = float(report["SelectorValue"] or "")
    return (row / magnification, col / magnification), units, ()


def _ome(tiff: Any, _page: Any, number: int) -> Found | None:
    text = tiff.ome_metadata
    if not text:
        return None
    elements = [e for e in ET.fromstring(text).iter() if e.tag.rpartition("}")[2] == "Pixels"]
    pixels = elements[number if number < len(elements) else 0].attrib
    given = [name for name in ("PhysicalSizeX", "PhysicalSizeY") if name in pixels]
    if len(given) == 1:
        note = f"its OME-XML gives {given[0]}={pixels[given[0]]} alone, which is no pixel size."
        return _UNCALIBRATED[0], _UNCALIBRATED[1], (note,)
    if not given:
        return None
    row, col = float(pixels["PhysicalSizeY"]), float(pixels["PhysicalSizeX"])
    units = pixels.get("PhysicalSizeYUnit", "µm"), pixels.get("PhysicalSizeXUnit", "µm")
    return (row, col), units, ()


def _imagej(tiff: Any, page: Any, _number: int) -> Found | None:
    metadata = tiff.imagej_metadata or {}
    if "unit" not in metadata:
        return None
    sides = _sides(page)
    if sides is None:
        return None
    return sides, (metadata.get("yunit", metadata["unit"]), metadata["unit"]), ()


def _resolution(page: Any) -> Found:
    """Sides in inch or cm; without a unit a resolution says nothing."""
    sides = _sides(page)
    unit = _RESOLUTION_UNITS.get(int(page.tags.valueof("ResolutionUnit") or 0))
    return _UNCALIBRATED if sides is None or unit is None else (sides, (unit, unit), ())


def _sides(page: Any) -> tuple[float, float] | None:
    """Sides of a pixel, of which the file holds the inverse as fractions."""
    fractions = [page.tags.valueof(name) for name in ("YResolution", "XResolution")]
    if any(fraction is None or 0 in fraction for fraction in fractions):
        return None
    row, col = (below / above for above, below in fractions)
    return row, col


_WRITERS: dict[str, Callable[[Any, Any, int], Found | None]] = {
    "DigitalMicrograph": _digital_micrograph,
    "Thermo Fisher": _thermo_fisher,
    "Zeiss": _zeiss,
    "Olympus": _olympus,
    "TVIPS": _tvips,
    "JEOL": _jeol,
    "OME": _ome,
    "ImageJ": _imagej,
}
