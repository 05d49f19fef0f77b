"""TIFF: compressions, palettes, white as 0, stacks; and what each program says of pixel sizes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar.io import list_images, read_image
from logstar.io._tiff import open_tiff
from logstar.units import PixelSize

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(40, 56), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lossless_compressions(tmp_path, compression, dtype):
    pixels = PIXELS.astype(dtype) * (1 if dtype == np.uint8 else 257)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    found = read_image(tmp_path / "a.tif").image
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pixels)


def test_jpeg_compression(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    np.testing.assert_allclose(read_image(tmp_path / "a.tif").image.astype(int), SMOOTH, atol=4)


def test_compressed_stacks_and_colours(tmp_path):
    frames = [Image.fromarray(PIXELS // n) for n in (1, 2, 3)]
    path = tmp_path / "a.tif"
    frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(path, dataset=2).image, PIXELS // 3)
    colours = RNG.integers(0, 256, size=(20, 30, 3), dtype=np.uint8)
    Image.fromarray(colours).save(path, compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(path, channel=1).image, colours[..., 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_white_as_zero_is_inverted(tmp_path, dtype, compression):
    stored = PIXELS.astype(dtype)
    path = tmp_path / "a.tif"
    if compression is None:
        tifffile.imwrite(path, stored, photometric="miniswhite")
    else:
        # Pillow has no way to write it: the tag is turned over.
        Image.fromarray(stored).save(path, compression=compression)
        set_tag(path, 262, 0)
    np.testing.assert_array_equal(read_image(path).image, np.iinfo(dtype).max - stored)


def test_measurements_are_not_inverted(tmp_path):
    stored = RNG.normal(size=(20, 30)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").image, stored)


def set_tag(path: Path, code: int, value: int) -> None:
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags[code].overwrite(value)


@pytest.mark.parametrize("factor", [256, 257])
def test_palettes_are_looked_up(tmp_path, factor):
    levels = np.arange(256, dtype=np.uint16)[::-1]
    colormap = np.stack([levels * factor] * 3)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="palette", colormap=colormap)
    found = read_image(tmp_path / "a.tif").image
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, 255 - PIXELS)
    colormap[1] = colormap[1][::-1]
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="palette", colormap=colormap)
    with pytest.raises(ValueError, match="the image has colours"):
        read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channel=1).image, PIXELS)


def test_palettes_of_sixteen_bits_keep_them(tmp_path):
    levels = np.sort(RNG.integers(0, 65536, size=256, dtype=np.uint16))
    colormap = np.stack([levels] * 3)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").image, levels[PIXELS])


def stack_of(kind: str, path: Path) -> np.ndarray:
    stack = np.stack([PIXELS.astype(np.uint16) * n for n in range(1, 8)])
    match kind:
        case "pages":
            with tifffile.TiffWriter(path) as tiff:
                for frame in stack:
                    tiff.write(frame, contiguous=False)
        case "one block":
            tifffile.imwrite(path, stack, photometric="minisblack")
        case "ImageJ":
            tifffile.imwrite(path, stack, imagej=True)
        case "deflated":
            tifffile.imwrite(path, stack, photometric="minisblack", compression="zlib")
        case "planes":
            tifffile.imwrite(path, np.stack([stack] * 3, axis=1), photometric="rgb",
                             planarconfig="separate")  # fmt: skip
    return stack


@pytest.mark.parametrize("kind", ["pages", "one block", "ImageJ", "deflated", "planes"])
def test_one_frame_of_a_series(tmp_path, kind):
    path = tmp_path / "a.tif"
    stack = stack_of(kind, path)
    n_images = sum(entry.n_frames for entry in list_images(path))
    assert n_images == len(stack)
    for index in (0, 3, 6):
        np.testing.assert_array_equal(read_image(path, dataset=index).image, stack[index])
    with open_tiff(path) as signals:
        # The others are not loaded.
        loaded = []
        for signal in signals:
            load = signal.frames.load
            signal.frames.load = lambda index, load=load: loaded.append(index) or load(index)
        _ = signals[0].frames[0]
    assert loaded == [0]


RATIONAL = {"resolution": (0.5e8, 0.5e8), "resolutionunit": "CENTIMETER"}  # .2 nm


def thermo_fisher(section: str) -> dict:
    text = f"[User]\r\nDate=1\r\n[{section}]\r\n"
    if section == "Scan":
        text += "PixelWidth=2e-11\r\nPixelHeight=2e-11\r\n"
    else:
        text += "HFW=1.12e-09\r\nVFW=8e-10\r\n[Image]\r\nResolutionX=56\r\nResolutionY=40\r\n"
    return {"extratags": [(34682, "s", 0, text + "\0", False)], **RATIONAL}


def older_thermo_fisher() -> dict:
    options = thermo_fisher("Scan")
    code, *rest = options["extratags"][0]
    return {**options, "extratags": [(code - 2, *rest)]}


def zeiss(text: str) -> dict:
    return {"extratags": [(34118, "s", 0, text, False)], **RATIONAL}


def jeol(mode: str = "eosTEM") -> dict:
    text = (
        f"<TemReporter><Eos><EosMode>{mode}</EosMode></Eos><ImageFormingSystem>"
        "<ModeString>MAG</ModeString><SelectorValue>1000000</SelectorValue>"
        "</ImageFormingSystem></TemReporter>"
    )
    # Of the camera: 20 um, at a magnification of a million.
    return {
        "description": text,
        "metadata": None,
        "resolution": (500, 500),
        "resolutionunit": "CENTIMETER",
        "extratags": [(271, "s", 0, "JEOL Ltd.", False)],
    }


def ome(unit: str | None, size: float) -> dict:
    metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    if unit is not None:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    return {"ome": True, "metadata": metadata}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(thermo_fisher("Scan"), id="Thermo Fisher, tag 34682"),
        pytest.param(thermo_fisher("EBeam"), id="Thermo Fisher, width of the field"),
        pytest.param(older_thermo_fisher(), id="FEI, tag 34680"),
        pytest.param(zeiss("AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 20.00 pm\r\n"), id="Zeiss"),
        pytest.param(zeiss("AP_PIXEL_SIZE\r\nPixel Size = 0.02 nm\r\n"), id="Zeiss, older"),
        pytest.param(jeol(), id="JEOL SightX"),
        pytest.param(ome("nm", 0.02), id="OME"),
        pytest.param(ome("Å", 0.2), id="OME in angstrom"),
        pytest.param(ome(None, 2e-5), id="OME, whose unit is um by default"),
        pytest.param(
            {"imagej": True, "resolution": (50, 50), "metadata": {"unit": "nm"}}, id="ImageJ"
        ),
        pytest.param(
            {
                "imagej": True,
                "resolution": (50, 5),
                "metadata": {"unit": "nm", "yunit": "angstrom"},
            },
            id="ImageJ with a unit of rows",
        ),
        pytest.param({"resolution": (5e8, 5e8), "resolutionunit": "CENTIMETER"}, id="resolution"),
    ],
)
def test_pixel_sizes_of_programs(tmp_path, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, **options)
    micrograph = read_image(path)
    assert micrograph.notes == ()
    assert micrograph.pixel_size.to("nm").value == pytest.approx(0.02, rel=1e-9)
    np.testing.assert_array_equal(micrograph.image, PIXELS)


def test_sides_that_differ_in_imagej(tmp_path):
    options = {"imagej": True, "resolution": (50, 25), "metadata": {"unit": "nm"}}
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
    (entry,) = list_images(tmp_path / "a.tif")
    assert entry.pixel_size == pytest.approx((0.04, 0.02))


@pytest.mark.parametrize("side", ["PhysicalSizeX", "PhysicalSizeY"])
def test_one_side_of_ome_is_noted(tmp_path, side):
    metadata = {"axes": "YX", side: 0.02, f"{side}Unit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, ome=True, metadata=metadata)
    micrograph = read_image(tmp_path / "a.tif")
    assert micrograph.pixel_size is None
    assert micrograph.notes == (f"its OME-XML gives {side}=0.02 alone, which is no pixel size.",)


def test_zeiss_without_names(tmp_path):
    # As many numbers as tifffile takes for the values without names; the width is the fourth.
    numbers = [0.0] * 70
    numbers[3] = 2e-11 * PIXELS.shape[1] / 1024
    text = "".join(f"{number!r}\r\n" for number in numbers)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **zeiss(text + "DP_X\r\nX = 1\r\n"))
    assert read_image(tmp_path / "a.tif").pixel_size.to("nm").value == pytest.approx(0.02)


def test_other_modes_of_jeol_are_noted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **jeol("modeASID"))
    micrograph = read_image(tmp_path / "a.tif")
    assert micrograph.pixel_size is None
    assert micrograph.notes == (
        "JEOL SightX gives a pixel size in its mode TEM MAG alone, this is modeASID MAG.",
    )


def test_metadata_that_cannot_be_understood_are_noted(tmp_path):
    options = thermo_fisher("Scan")
    code, kind, count, text, once = options["extratags"][0]
    broken = text.replace("=2e-11", "=wide")
    tifffile.imwrite(tmp_path / "a.tif", PIXELS,
                     **{**options, "extratags": [(code, kind, count, broken, once)]})  # fmt: skip
    micrograph = read_image(tmp_path / "a.tif")
    assert micrograph.notes == ("its metadata of Thermo Fisher could not be understood.",)
    # What is left is the resolution.
    assert micrograph.pixel_size.to("nm").value == pytest.approx(0.2)


def test_series_have_a_calibration_each(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tiff:
        for size in (0.02, 0.05):
            metadata = ome("nm", size)["metadata"]
            tiff.write(PIXELS, metadata=metadata, photometric="minisblack")
    sizes = [read_image(tmp_path / "a.ome.tif", dataset=i).pixel_size for i in (0, 1)]
    assert sizes == [PixelSize(0.02, "nm"), PixelSize(0.05, "nm")]


def test_a_page_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((100, 100), np.uint8), compression="zlib")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        places = [tiff.pages.first.tags[code].valueoffset for code in (256, 257, 278)]
    for place in places:
        content[place : place + 2] = struct.pack("<H", 60000)
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"a\.tif cannot be read"):
        read_image(path)


def entry_of(path, code):
    with tifffile.TiffFile(path) as tiff:
        return tiff.pages.first.tags[code].offset


@pytest.mark.parametrize(("code", "dtype"), [(262, np.uint16), (339, np.float32)])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_damaged_tag_that_tells_how_pixels_are_stored_is_refused(tmp_path, code, dtype, bigtiff):
    """tifffile passes over it: the image would be inverted, or its numbers read as others."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS.astype(dtype), bigtiff=bigtiff)
    content = bytearray(path.read_bytes())
    # A type that there is not.
    content[entry_of(path, code) + 2] = 99
    path.write_bytes(content)
    with pytest.raises(OSError, match=rf"its tag {code}, which tells how pixels .* is damaged"):
        read_image(path)


def test_without_a_word_on_it_0_is_black(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS)
    content = bytearray(path.read_bytes())
    # A private tag in its place.
    content[entry_of(path, 262) : entry_of(path, 262) + 2] = struct.pack("<H", 65000)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path).image, PIXELS)


def test_the_shared_cases(shared_cases):
    for name in ("tif_ome_0.02nm.ome.tif", "tif_fei_tag34682_2e-11m.tif"):
        assert read_image(shared_cases / name).pixel_size == PixelSize(0.02, "nm")
    for name in ("tif_lzw.tif", "tif_miniswhite.tif"):
        micrograph = read_image(shared_cases / name)
        with Image.open(shared_cases / name) as image:
            np.testing.assert_array_equal(micrograph.image, np.asarray(image))
        assert (micrograph.image.shape, micrograph.image.dtype) == ((40, 50), np.uint8)
