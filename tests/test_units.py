"""Pixel sizes in the spellings of people, files and other libraries' images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.units import (
    PixelSize,
    convert_length,
    is_no_unit,
    is_square,
    parse_length,
    pixel_size_of,
    unit_name,
)


@pytest.mark.parametrize(
    ("given_size", "unit", "expected"),
    [
        ("0.2A", None, (0.2, "A")),
        ("0.2 \u212b", None, (0.2, "A")),
        ("2e-1 Angstrom", None, (0.2, "A")),
        (".02 nm", None, (0.02, "nm")),
        ("20", "pm", (20.0, "pm")),
        (2e-5, "\u00b5m", (0.02, "nm")),
        (np.float32(0.5), "nm", (0.5, "nm")),
        (["0.2 A", "20 pm"], None, (0.2, "A")),
        (np.array([0.2, 0.2]), "A", (0.2, "A")),
        (PixelSize(0.02, "nm"), None, (0.02, "nm")),
        ([PixelSize(0.02, "nm"), "0.2 A"], None, (0.02, "nm")),
    ],
)
def test_spellings(given_size, unit, expected):
    size = PixelSize.of(given_size, unit)
    assert size.unit == expected[1]
    assert size.value == pytest.approx(expected[0])


@given(st.floats(1e-3, 1e3), st.sampled_from(["A", "nm", "pm", "m", "um"]))
def test_text_and_number_agree(size, unit):
    by_text, by_number = PixelSize.of(f"{size!r} {unit}"), PixelSize.of(size, unit)
    assert by_text == by_number
    assert convert_length(by_number.value, by_number.unit, to=unit) == pytest.approx(size)


@pytest.mark.parametrize("wrong", ["", "A", "-0.2 A", "0 A", "1.2.3 A", "0.2 A A", [], object()])
def test_what_is_none(wrong):
    with pytest.raises((TypeError, ValueError), match="pixel_size"):
        PixelSize.of(wrong)


@pytest.mark.parametrize(
    ("unit", "meters"),
    [("A", 1e-10), ("pm", 1e-12), ("nm", 1e-9), ("um", 1e-6), ("mm", 1e-3), ("cm", 1e-2),
     ("inch", 0.0254), ("m", 1.0)],
)  # fmt: skip
def test_units_in_meters(unit, meters):
    assert convert_length(3.0, unit, to="m") == pytest.approx(3 * meters, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["nm", "[nm]", "(nm)", "[n_m]", " NM ", "nanometre", "nm\0\0", "nm/px", "nm / pixel",
     "[nm/Pixels]", "nm per pixel"],
)  # fmt: skip
def test_names_of_units_as_files_write_them(text):
    assert unit_name(text) == "nm"


@pytest.mark.parametrize("text", ["/px", "1/px", "px", "px/nm", "per pixel", "nmpx"])
def test_what_is_no_length_for_each_pixel(text):
    assert unit_name(text) is None


@pytest.mark.parametrize("size", [PixelSize(0.02, "nm"), PixelSize(0.25), PixelSize(31.5, "pm")])
def test_a_size_is_read_as_it_is_printed(size):
    assert PixelSize.of(str(size)) == size


def test_sides_may_differ_by_a_thousandth():
    assert is_square(1.0, 1.001)
    assert is_square(1.001, 1.0)
    assert not is_square(1.0, 1.0011)
    assert PixelSize.of(("0.2 A", "0.2001 A")).value == 0.2
    with pytest.raises(ValueError, match=r"pixels must be square.*to 0\.200499 A both ways"):
        PixelSize.of(("0.2 A", "0.201 A"))


def test_a_length_that_is_no_pixel_size_is_named():
    assert parse_length("0.39 nm", name="a") == (0.39, "nm")
    assert parse_length("39 um", name="a") == (39.0, "um")
    with pytest.raises(ValueError, match="a must be a number with a unit"):
        parse_length("wide", name="a")


def test_units_that_say_that_there_is_none():
    blank = (None, "", " ", "None", "<undefined>", "px", "Pixel", "pixels", "\0")
    assert all(map(is_no_unit, blank))
    assert not any(map(is_no_unit, ("nm", "p", "1/nm")))


def axis(index, scale, units):
    return SimpleNamespace(index_in_array=index, scale=scale, units=units)


def hyperspy_like(*axes, n_signal=2):
    # HyperSpy lists the columns' axis before the rows'.
    manager = SimpleNamespace(
        navigation_axes=axes[:-n_signal], signal_axes=tuple(reversed(axes[-n_signal:]))
    )
    return SimpleNamespace(axes_manager=manager)


class Coordinate(np.ndarray):
    attrs: dict


def coordinate(values, unit):
    result = np.asarray(values).view(Coordinate)
    result.attrs = {"units": unit}
    return result


class TestImagesThatCarryTheirPixelSize:
    def test_micrographs(self):
        known = SimpleNamespace(pixel_size=PixelSize(0.2))
        assert pixel_size_of(known) == PixelSize(0.2)
        assert pixel_size_of(SimpleNamespace(pixel_size=None)) is None

    @pytest.mark.parametrize(
        ("scales", "units", "expected"),
        [
            ((0.02, 0.02), ("nm", "nm"), PixelSize(0.02, "nm")),
            ((-0.02, 0.02), ("nm", "nm"), PixelSize(0.02, "nm")),
            ((0.2, 0.02), ("Å", "nm"), PixelSize(0.2, "A")),
            ((1.0, 1.0), ("<undefined>", "<undefined>"), None),
            ((0.02, 0.02), ("nm", ""), PixelSize(0.02, "nm")),
        ],
    )
    def test_signals(self, scales, units, expected):
        rows, cols = (axis(i + 1, *both) for i, both in enumerate(zip(scales, units, strict=True)))
        assert pixel_size_of(hyperspy_like(axis(0, 3.0, "s"), rows, cols)) == expected

    def test_signals_that_are_not_square_are_refused(self):
        with pytest.raises(ValueError, match="pixels must be square"):
            pixel_size_of(hyperspy_like(axis(0, 0.02, "nm"), axis(1, 0.03, "nm")))

    @pytest.mark.parametrize(
        ("scale", "unit", "given"),
        [
            (0.1, "1/nm", "0.1 1/nm x 0.1 1/nm"),
            (2.0, "s", "2.0 s x 2.0 s"),
            (0.0, "nm", r"\? nm x \? nm"),
            (float("nan"), "nm", r"\? nm x \? nm"),
        ],
    )
    def test_what_is_no_length_is_warned_of(self, scale, unit, given):
        image = hyperspy_like(axis(0, scale, unit), axis(1, scale, unit))
        with pytest.warns(UserWarning, match=f"the pixel size is ignored: {given} is no length"):
            assert pixel_size_of(image) is None

    @pytest.mark.parametrize(
        "rows", [np.array([0.0, 0.2, 0.5]), np.array(["a", "b"]), np.array([0.0])]
    )
    def test_steps_that_are_not_even_are_warned_of(self, rows):
        uneven = SimpleNamespace(index_in_array=0, axis=rows, units="nm")
        if rows.dtype.kind == "f":
            with pytest.warns(UserWarning, match=r"ignored: \? nm x 0\.2 nm is no length"):
                assert pixel_size_of(hyperspy_like(uneven, axis(1, 0.2, "nm"))) is None
        array = SimpleNamespace(
            dims=("y", "x"), coords={"y": coordinate(rows, "nm"), "x": coordinate([0, 0.2], "nm")}
        )
        with pytest.warns(UserWarning, match=r"ignored: \? nm x 0\.2 nm is no length"):
            assert pixel_size_of(array) is None

    def test_the_real_hyperspy(self):
        hyperspy = pytest.importorskip("hyperspy.api")
        signal = hyperspy.signals.Signal2D(np.zeros((2, 4, 6)))
        for side in signal.axes_manager.signal_axes:
            side.scale, side.units = 0.02, "nm"
        assert pixel_size_of(signal) == PixelSize(0.02, "nm")

    @pytest.mark.parametrize(
        ("rows", "unit", "expected"),
        [
            (3 - 0.2 * np.arange(5), "angstrom", PixelSize(0.2)),
            (0.2 * np.arange(5), "", PixelSize(0.2)),
        ],
    )
    def test_xarray(self, rows, unit, expected):
        coords = {"y": coordinate(rows, unit), "x": coordinate(0.2 * np.arange(7), "Å")}
        array = SimpleNamespace(dims=("t", "y", "x"), coords=coords)
        assert pixel_size_of(array) == expected
