"""What sizes of pixels in files mean."""

from __future__ import annotations

import pytest

from logstar.exceptions import ChoiceNeededError
from logstar.io._calibration import calibration, is_reciprocal
from logstar.units import PixelSize


@pytest.mark.parametrize(
    ("sides", "units", "expected"),
    [
        ((0.02, 0.02), ("nm", "nm"), PixelSize(0.02, "nm")),
        ((0.2, 0.2), ("Å", "Å"), PixelSize(0.2, "A")),
        ((30, 30), ("pm", "pm"), PixelSize(30, "pm")),
        ((2e-5, 2e-5), ("µm", "µm"), PixelSize(0.02, "nm")),
        ((2e-11, 2e-11), ("m", "m"), PixelSize(0.02, "nm")),
        # The direction in which an axis counts is no matter of length.
        ((-0.02, 0.02), ("nm", "nm"), PixelSize(0.02, "nm")),
        # One unit may stand for both.
        ((0.02, 0.02), ("nm", None), PixelSize(0.02, "nm")),
        ((0.02, 0.02), ("", "nm"), PixelSize(0.02, "nm")),
        ((0.02, 0.2), ("nm", "Å"), PixelSize(0.2, "A")),
        # The largest and the least.
        ((1000, 1000), ("nm", "nm"), PixelSize(1000, "nm")),
        ((1e-5, 1e-5), ("nm", "nm"), PixelSize(1e-5, "nm")),
        # Square within .1 %.
        ((0.02, 0.02 * 1.0009), ("nm", "nm"), PixelSize(0.02, "nm")),
    ],
)
def test_pixel_sizes(sides, units, expected):
    found = calibration(sides, units)
    assert found.pixel_size.unit == expected.unit
    assert found.pixel_size.value == pytest.approx(expected.value, rel=1e-12)
    assert (found.note, found.is_lost) == ("", False)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        *((unit, "A") for unit in ("Angström", "ångström", "Angstroem", "angstrom", "\u212b")),
        *((unit, "nm") for unit in ("[nm]", "n_m", "[n_m]", "nm\0\0", " nm ", "(nm)", "nanometre")),
    ],
)
def test_spellings_of_units(unit, expected):
    assert calibration((0.5, 0.5), (unit, unit)).pixel_size == PixelSize(0.5, expected)


@pytest.mark.parametrize(
    ("sides", "units", "note", "is_lost"),
    [
        ((1, 1), (None, None), "", False),
        ((1, 1), ("<undefined>", ""), "", False),
        ((0, 0), ("px", "pixels"), "", False),
        ((0.5, 1), (None, None), "the file gives 0.5 x 1 per pixel without a unit.", False),
        ((1, 2), ("px", ""), "the file gives 1 x 2 per pixel without a unit.", False),
        ((-0.5, -0.5), ("", ""), "the file gives 0.5 per pixel without a unit.", False),
        ((0.5, 0.5), ("None", "none"), "the file gives 0.5 per pixel without a unit.", False),
        ((0, 0), ("nm", "nm"), "the pixel size is ignored: 0 nm is no length.", True),
        ((float("inf"),) * 2, ("nm", "nm"), "the pixel size is ignored: inf nm is no", True),
        ((float("nan"), 1), ("nm", "nm"), "the pixel size is ignored: nan x 1 nm is no", True),
        ((1, 1), ("1/nm", "1/nm"), "1 1/nm is reciprocal", True),
        ((1, 1), ("deg", "deg"), "is reciprocal", True),
        ((1, 1), ("nm", "s"), "1 nm has a unit that is no known length", True),
        ((1, 1), ("furlong", "furlong"), "1 furlong has a unit that is no known length", True),
        ((0.35, 0.35), ("mm", "mm"), "0.35 mm is too large for a micrograph", False),
        ((1000.1, 1), ("nm", "nm"), "is too large", False),
        ((9e-6, 9e-6), ("nm", "nm"), "is too small", False),
    ],
)
def test_what_is_no_pixel_size_is_noted(sides, units, note, is_lost):
    found = calibration(sides, units)
    assert found.is_square or note
    assert found.unit is None
    assert note in found.note
    assert bool(found.note) == bool(note)
    assert found.is_lost == is_lost


@pytest.mark.parametrize("ratio", [1.0011, 1.009, 1.011, 2])
def test_pixels_that_are_not_square(ratio):
    for sides in ((0.02, 0.02 * ratio), (0.02 * ratio, 0.02)):
        found = calibration(sides, ("nm", "nm"))
        assert not found.is_square
        with pytest.raises(ChoiceNeededError, match="pixels are not square") as caught:
            _ = found.pixel_size
        assert caught.value.choices == {"resample": True}
        # The same rule as for a size that is given.
        with pytest.raises(ValueError, match="pixels must be square"):
            PixelSize.of(sides, "nm")


@pytest.mark.parametrize("unit", ["1/nm", "1 / Å", "nm^-1", "nm⁻¹", "nm-1", "mrad", "deg", "°"])
def test_reciprocal_units(unit):
    assert is_reciprocal(unit)


@pytest.mark.parametrize("unit", ["nm", "A", "µm", "m", "furlong", ""])
def test_units_that_are_not_reciprocal(unit):
    assert not is_reciprocal(unit)
