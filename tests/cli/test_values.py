"""Readers of single values."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from logstar.cli._values import (
    crystal_of_cif,
    integer_from,
    number_between,
    parse_channel,
    parse_crystal,
    parse_dataset,
    parse_elements,
    parse_pixel_size,
    parse_roi,
    parse_tolerance,
    parse_window,
    parse_zone,
)
from logstar.lattice import Lattice
from logstar.units import PixelSize


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("0.2966A", 0.2966, "A"), ("2.966e-2 nm", 0.02966, "nm"), ("29.66pm", 29.66, "pm"),
     ("0.3Å", 0.3, "A")],
)  # fmt: skip
def test_pixel_sizes(text, value, unit):
    assert parse_pixel_size(text) == PixelSize(value, unit)


def test_crystals(tmp_path):
    assert parse_crystal("YBCO").lattice(0.15) == Lattice.ybco(0.15)
    perovskite = parse_crystal("perovskite:a=3.99")
    assert perovskite.name == "perovskite:a=3.99"
    assert perovskite.lattice(0.3).a == 3.99
    Path(tmp_path / "po.cif").touch()
    assert crystal_of_cif(tmp_path / "po.cif", (1, -1, 0)).name == "po [1 -1 0]"
    with pytest.raises(FileNotFoundError, match=r"no\.cif: no such file"):
        crystal_of_cif(Path("no.cif"), (1, 0, 0))


@pytest.mark.parametrize(
    ("text", "roi"),
    [
        ("100:600,0:512", ((100, 600), (0, 512))),
        (":600, 7:", ((None, 600), (7, None))),
        (":,:", ((None, None), (None, None))),
    ],
)
def test_parts_of_images(text, roi):
    assert parse_roi(text) == roi


def test_distances():
    assert parse_tolerance("2.5") == parse_tolerance("2.5px") == 2.5
    assert parse_tolerance("0.5A") == PixelSize(0.5, "A")


def test_names_and_numbers():
    assert parse_elements("Sr,Ti, O") == ("Sr", "Ti", "O")
    assert parse_dataset("all") == "all"
    assert parse_dataset("3") == parse_channel("3") == 3
    assert parse_channel("luminance") == "luminance"
    assert parse_window("auto") == "auto"
    assert parse_window("96") == 96
    assert parse_zone("1 -1 0") == (1, -1, 0)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        # What no microscope has is a slip, however it is written.
        (parse_pixel_size, "1e-300A", "must be from 0.0001 to 1000 A, got '1e-300A'"),
        (parse_pixel_size, "1e300nm", "must be from 0.0001 to 1000 A"),
        (parse_pixel_size, "1e999nm", "must be a number above 0"),
        (parse_pixel_size, "0nm", "must be a number above 0"),
        (parse_pixel_size, "1.2.3nm", "must be a number above 0"),
        (parse_pixel_size, "0.2", "number above 0 with its unit, such as 0.2A, got '0.2'"),
        (parse_pixel_size, "0.2inch", "must be from 0.0001 to 1000 A, got '0.2inch'"),
        (parse_pixel_size, "0.2yd", "number above 0 with its unit"),
        (parse_pixel_size, "wide", "must be a number above 0 with its unit, such as 0.2A"),
        (parse_tolerance, "1e-300", "must be from 1e-06 to 1e[+]06 px"),
        (parse_tolerance, "nan", "must be from 1e-06"),
        (number_between(1, 1e9), "1e-300", "must be a number from 1 to 1e[+]09, got '1e-300'"),
        (number_between(1, 1e9), "inf", "must be a number from 1"),
        (number_between(1, 1e9), "nan", "must be a number from 1"),
        (number_between(1, 1e9), "many", "must be a number from 1"),
        (parse_crystal, "perovskite:a=1e-300", "from 1 to 100 A, perovskite:a=ANGSTROM, got"),
        (parse_crystal, "perovskite:a=0.3905", "if that is in nm, give perovskite:a=3.905"),
        (parse_crystal, "perovskite:a=wide", "ANGSTROM, got 'wide'$"),
        (parse_crystal, "perovskite", "perovskite:a=3.905"),
        (parse_crystal, "gold", "unknown crystal 'gold'; known are ybco, perovskite"),
        (integer_from(1), "0", "must be an integer above 0"),
        (integer_from(0), "-1", "must be an integer from 0"),
        (integer_from(0), "9" * 5000, "must be an integer from 0"),
        (parse_dataset, "some", "must be an integer from 0, got 'some'; or all of them: all"),
        (parse_channel, "red", "must be an integer from 0 or luminance"),
        (parse_window, "wide", "must be a number of pixels or auto, got 'wide'"),
        (parse_window, "-3", "must be a number of pixels or auto"),
        (parse_roi, "1:2", "must be rows and columns such as 100:600,0:512"),
        (parse_roi, "1:2,3:4,5:6", "must be rows and columns"),
        (parse_roi, "a:b,1:2", "must be rows and columns"),
        (parse_roi, "1:" + "9" * 35 + ",1:2", "must be rows and columns"),
        (parse_roi, "5:5,1:2", "5:5 of '5:5,1:2' holds nothing"),
        (parse_elements, "Sr,,O", "element symbols such as Sr,Ti,O, not ''"),
        (parse_elements, "Sr,Sr", "each once"),
        (parse_zone, "abc", "zone_axis must be three integers"),
    ],
)
def test_what_is_refused_by_name(read, text, message):
    with pytest.raises(ArgumentTypeError, match=message) as error:
        read(text)
    # Whatever was typed, the sentence is short.
    assert len(str(error.value)) < 200
