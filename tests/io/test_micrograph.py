"""Reading micrographs of every format, and writing positions."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar.io import EXTENSIONS, Micrograph, read_image
from logstar.io._formats import READERS
from logstar.units import PixelSize, convert_length

from .files import DISTINCT, WRITABLE, save_any, signal, write_hspy, write_mrc


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60000, size=(24, 36), dtype=np.uint16)


@pytest.mark.parametrize("extension", WRITABLE)
def test_pixels_come_back_as_they_were(tmp_path, pixels, extension):
    micrograph = read_image(save_any(tmp_path / f"image{extension}", pixels))
    assert micrograph.image.dtype == np.uint16
    assert micrograph.image.flags.c_contiguous
    np.testing.assert_array_equal(micrograph.image, pixels)
    assert micrograph.path == tmp_path / f"image{extension}"


@pytest.mark.parametrize("extension", [".hspy", ".hdf5", ".h5", ".emd", ".mrc"])
def test_pixel_size_of_electron_microscopy_formats(tmp_path, pixels, extension):
    micrograph = read_image(save_any(tmp_path / f"image{extension}", pixels))
    assert micrograph.pixel_size.to("nm").value == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("side", "unit", "expected"),
    [
        (0.3, "Å", (0.3, "A")),
        (0.3, "\N{ANGSTROM SIGN}", (0.3, "A")),
        (0.3, "angstroms", (0.3, "A")),
        (3e-5, "µm", (0.03, "nm")),
        (3e-5, "\N{GREEK SMALL LETTER MU}m", (0.03, "nm")),
        (3e-11, "m", (0.03, "nm")),
        (30.0, "pm", (30.0, "pm")),
    ],
)
def test_units_are_normalised(tmp_path, pixels, side, unit, expected):
    micrograph = read_image(write_hspy(tmp_path / "a.hspy", pixels, (side, side), unit))
    assert micrograph.pixel_size.unit == micrograph.unit == expected[1]
    assert micrograph.pixel_size.value == pytest.approx(expected[0])
    assert micrograph.notes == ()


def test_axes_that_count_downwards_are_noted(tmp_path, pixels):
    path = write_hspy(tmp_path / "a.hspy", pixels, (-0.1, 0.1), "nm")
    micrograph = read_image(path)
    assert micrograph.pixel_size == PixelSize(0.1, "nm")
    assert micrograph.notes == ("its rows count downwards; pixels are taken as they are stored.",)
    np.testing.assert_array_equal(micrograph.image, pixels)


@pytest.mark.parametrize(
    ("side", "unit", "note"),
    [
        (0.03, "", "the file gives 0.03 per pixel without a unit"),
        (1.0, "", None),
        (0.5, "mm", "0.5 mm is too large for a micrograph of atoms"),
    ],
)
def test_sizes_that_are_none_are_noted(tmp_path, pixels, side, unit, note):
    micrograph = read_image(write_hspy(tmp_path / "a.hspy", pixels, (side, side), unit))
    assert micrograph.pixel_size is None
    assert len(micrograph.notes) == (note is not None)
    assert note is None or note in micrograph.notes[0]


@pytest.mark.parametrize(
    ("side", "unit", "why"),
    [
        (0.0, "nm", "0 nm is no length"),
        (0.2, "furlong", "0.2 furlong has a unit that is no known length"),
    ],
)
def test_a_calibration_that_is_lost_is_warned_of(tmp_path, pixels, side, unit, why):
    path = write_hspy(tmp_path / "a.hspy", pixels, (side, side), unit)
    with pytest.warns(UserWarning, match=why):
        micrograph = read_image(path)
    assert micrograph.pixel_size is None
    assert why in micrograph.notes[0]


@pytest.mark.parametrize("unit", ["1/nm", "nm^-1", "1 / Å", "mrad"])
def test_reciprocal_units_are_no_pixel_size(tmp_path, pixels, unit):
    path = write_hspy(tmp_path / "a.hspy", pixels, (0.03, 0.03), unit)
    with pytest.warns(UserWarning, match="is reciprocal, as of a diffraction pattern"):
        micrograph = read_image(path)
    assert micrograph.pixel_size is None
    assert "is reciprocal" in micrograph.notes[0]


def test_pixels_that_are_not_square_are_refused_or_resampled(tmp_path):
    # A wave that is 24 x 10 pixels of 0.02 nm long, whatever the pixels are.
    rows, cols = np.ogrid[:60, :40]
    wave = np.cos(2 * np.pi * (rows * 0.02 / 0.48 + cols * 0.03 / 0.6)).astype(np.float32)
    path = write_hspy(tmp_path / "a.hspy", wave, (0.02, 0.03), "nm")
    with pytest.raises(ValueError, match=r"not square: 0\.02 high, 0\.03 wide; resample=True m"):
        read_image(path)
    micrograph = read_image(path, resample=True)
    assert micrograph.pixel_size == PixelSize(0.02, "nm")
    assert micrograph.image.shape == (60, 59)
    rows, cols = np.ogrid[:60, :59]
    expected = np.cos(2 * np.pi * (rows * 0.02 / 0.48 + cols * 0.02 / 0.6))
    np.testing.assert_allclose(micrograph.image[:, 8:-8], expected[:, 8:-8], atol=1e-3)
    # Pixels that are square already stay as they are.
    path = write_hspy(tmp_path / "b.hspy", wave, (0.02, 0.02), "nm")
    np.testing.assert_array_equal(read_image(path, resample=True).image, wave)


def test_sides_of_pixels_in_two_units(pixels):
    described = signal(pixels, (0.02, 0.2), "nm")
    described["axes"][1]["units"] = "Å"
    micrograph = Micrograph.from_signal(described)
    assert micrograph.pixel_size.unit == "A"
    assert micrograph.pixel_size.value == pytest.approx(0.2)


def test_binning_takes_means_and_enlarges_the_pixel(tmp_path, pixels):
    path = write_hspy(tmp_path / "a.hspy", pixels, (0.02, 0.02), "nm")
    micrograph = read_image(path, binning=5)
    assert micrograph.pixel_size.value == pytest.approx(0.1)
    assert micrograph.image.shape == (4, 7)
    assert micrograph.image[3, 6] == pytest.approx(pixels[15:20, 30:35].mean())
    with pytest.raises(ValueError, match="binning=25 is larger than the image of 24 x 36 px"):
        read_image(path, binning=25)
    with pytest.raises(ValueError, match="binning must be at least 1"):
        read_image(path, binning=0)


def test_tiff_of_imagej(tmp_path, pixels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(40, 40), metadata={"unit": "nm"})
    micrograph = read_image(path)
    assert micrograph.pixel_size.unit == "nm"
    assert micrograph.pixel_size.value == pytest.approx(0.025)
    assert micrograph.metadata["imagej"]["unit"] == "nm"


def test_tiff_of_imagej_escapes_its_unit(tmp_path, pixels):
    path = tmp_path / "a.tif"
    unit = "\\u00B5m"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(40e3, 40e3), metadata={"unit": unit})
    assert read_image(path).pixel_size.value == pytest.approx(0.025)


def test_tiff_of_hyperspy_and_digitalmicrograph(tmp_path, pixels):
    path = tmp_path / "a.tif"
    tags = [(65003, "s", 3, "nm", False), (65004, "s", 3, "nm", False)]
    tags += [(65009, "d", 1, 0.0125, False), (65010, "d", 1, 0.0125, False)]
    tifffile.imwrite(path, pixels, extratags=tags)
    assert read_image(path).pixel_size == PixelSize(0.0125, "nm")


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [((72, 72), "INCH", None), ((5e8, 5e8), "CENTIMETER", 0.02), ((34, 34), "NONE", None)],
)
def test_tiff_resolution_for_printing_is_no_calibration(tmp_path, pixels, resolution, unit, size):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, resolution=resolution, resolutionunit=unit)
    micrograph = read_image(path)
    if size is None:
        assert micrograph.pixel_size is None
    else:
        assert micrograph.pixel_size.to("nm").value == pytest.approx(size)


@pytest.mark.parametrize("extension", [".png", ".tif", ".npy"])
@pytest.mark.parametrize("n_channels", [3, 4])
def test_grey_saved_in_colours_is_grey(tmp_path, pixels, extension, n_channels):
    grey = (pixels >> 8).astype(np.uint8)
    channels = np.repeat(grey[..., np.newaxis], n_channels, axis=-1)
    channels[..., 3:] = 255
    path = tmp_path / f"a{extension}"
    write = {".png": lambda: Image.fromarray(channels).save(path)}
    write[".tif"] = lambda: tifffile.imwrite(path, channels, photometric="rgb")
    write[".npy"] = lambda: np.save(path, channels)
    write[extension]()
    np.testing.assert_array_equal(read_image(path).image, grey)
    channels[5, 6, 1] ^= 255
    write[extension]()
    with pytest.raises(ValueError, match=r"the image has colours .*channel='luminance' takes"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, channel=0).image, grey)
    np.testing.assert_array_equal(read_image(path, channel=1).image, channels[..., 1])
    luminance = read_image(path, channel="luminance").image
    expected = channels[..., :3] @ [0.2126, 0.7152, 0.0722]
    np.testing.assert_allclose(luminance, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="channel must be 0 to 2, got 3"):
        read_image(path, channel=3)
    with pytest.raises(ValueError, match='an integer, "luminance" or None'):
        read_image(path, channel="red")


def test_channels_of_a_grey_image(tmp_path, pixels):
    path = save_any(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_image(path, channel=0).image, pixels)
    with pytest.raises(ValueError, match="the image is grey; channel must be 0 or left out, got 1"):
        read_image(path, channel=1)


def test_alpha_is_ignored(tmp_path, pixels):
    grey = (pixels >> 8).astype(np.uint8)
    alpha = 255 - grey
    Image.fromarray(np.stack([grey, alpha], axis=-1), mode=None).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").image, grey)
    channels = np.stack([grey, alpha], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", channels, photometric="minisblack", extrasamples=[2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").image, grey)


def test_png_palettes_are_looked_up(tmp_path, pixels):
    grey = (pixels >> 8).astype(np.uint8)
    inverted = Image.fromarray(255 - grey).convert("P")
    inverted.putpalette([255 - level for level in range(256) for _ in range(3)])
    inverted.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").image, grey)


def save_stack(path: Path, stack: np.ndarray) -> Path:
    match path.suffix:
        case ".hspy":
            return write_hspy(path, stack, (1, 0.02, 0.02), "nm", navigate=[True, False, False])
        case ".mrc":
            return write_mrc(path, stack, 0.2)
        case ".tif":
            tifffile.imwrite(path, stack, photometric="minisblack")
        case ".npy":
            np.save(path, stack)
    return path


@pytest.mark.parametrize("extension", [".hspy", ".mrc", ".tif", ".npy"])
def test_of_several_images_one_is_chosen(tmp_path, pixels, extension):
    stack = np.stack([pixels, pixels // 2, pixels // 3])
    path = save_stack(tmp_path / f"stack{extension}", stack)
    with pytest.raises(ValueError, match=r"3 images \(0-2: 24 x 36 px.*dataset=0 or average=True"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, dataset=1).image, stack[1])
    micrograph = read_image(path, average=True)
    np.testing.assert_allclose(micrograph.image, stack.mean(axis=0), rtol=1e-12)
    for dataset in (3, -1):
        with pytest.raises(ValueError, match=f"dataset must be 0 to 2, got {dataset}"):
            read_image(path, dataset=dataset)


def test_scans_of_images_are_stacks(tmp_path, pixels):
    scan = np.arange(6, dtype=np.uint16).reshape(2, 3, 1, 1) + pixels
    np.save(tmp_path / "scan.npy", scan)
    np.testing.assert_array_equal(read_image(tmp_path / "scan.npy", dataset=4).image, scan[1, 1])


def test_pictures_of_many_frames(tmp_path, pixels):
    frames = [Image.fromarray((pixels >> shift).astype(np.uint8)) for shift in (8, 9, 10)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif", dataset=2).image, pixels >> 10)


def test_spectra_are_no_image(tmp_path, pixels):
    path = write_hspy(tmp_path / "line.hspy", pixels, (1, 0.1), "eV", navigate=[True, False])
    with pytest.raises(ValueError, match="holds no 2-D image"):
        read_image(path)
    np.save(tmp_path / "one.npy", np.arange(5))
    with pytest.raises(ValueError, match="holds no 2-D image"):
        read_image(tmp_path / "one.npy")


def test_complex_numbers_are_no_image(tmp_path, pixels):
    np.save(tmp_path / "wave.npy", pixels * 1j)
    with pytest.raises(ValueError, match="holds no 2-D image"):
        read_image(tmp_path / "wave.npy")


def test_files_that_do_not_exist_or_have_unknown_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_image(tmp_path / "nothing.dm3")
    with pytest.raises(FileNotFoundError, match="a directory"):
        read_image(tmp_path)
    (tmp_path / "table.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"unknown extension '\.xlsx'; known are \.dm3, \.dm4"):
        read_image(tmp_path / "table.xlsx")


@pytest.mark.parametrize("extension", DISTINCT)
def test_files_that_were_cut_off(tmp_path, extension):
    noise = np.random.default_rng(1).integers(0, 60000, size=(80, 80), dtype=np.uint16)
    path = save_any(tmp_path / f"image{extension}", noise)
    data = path.with_suffix(".raw") if extension == ".rpl" else path
    content = data.read_bytes()
    for share in (0.0, 0.05, 0.5, 0.95):
        data.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(OSError, match=f"{path.name} cannot be read: it is"):
            read_image(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_files_of_another_kind(tmp_path, extension, monkeypatch):
    # RosettaSciIO's reader of .wdf never ends on zeros.
    monkeypatch.setenv("LOGSTAR_READ_SECONDS", "3")
    if extension in READERS:
        pytest.importorskip("rsciio", reason="needs the extra io")
    path = tmp_path / f"image{extension}"
    path.touch()
    with pytest.raises(OSError, match=r"cannot be read: it is empty \(0 bytes\)"):
        read_image(path)
    for content in (b"\0" * 4000, b"not an image at all" * 100):
        path.write_bytes(content)
        # Some readers hand over nothing at all, some need a package that is not there.
        with pytest.raises((OSError, ValueError, ImportError), match=path.name) as caught:
            read_image(path)
        assert any(
            words in str(caught.value)
            for words in ("cannot be read", "holds no 2-D image", "are read by RosettaSciIO with")
        )


def test_without_the_extra_the_error_says_what_to_install(tmp_path, pixels, monkeypatch):
    (tmp_path / "a.dm3").write_bytes(b"\0" * 100)
    for module in [m for m in sys.modules if m.startswith("rsciio")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "rsciio", None)
    with pytest.raises(ImportError, match=r'pip install "logstar\[io\]"'):
        read_image(tmp_path / "a.dm3")
    for extension in (".npy", ".png", ".tif"):
        path = save_any(tmp_path / f"image{extension}", pixels)
        assert read_image(path).image.shape == pixels.shape


@pytest.mark.parametrize(
    ("name", "shape", "size", "unit"),
    [
        ("baghizadeh_BTO_crystal_1.dm4", (413, 469), 0.02966, "nm"),
        ("ncem_16_STOimage_1.ser", (1024, 1024), 0.010013, "nm"),
        ("atomap_test_ADF_cropped.hdf5", (400, 380), None, "per pixel without a unit"),
        ("atomap_test_ABF_cropped.hdf5", (400, 380), None, "per pixel without a unit"),
        ("scilink_MoS2_stem_Exp-000-2.npy", (512, 512), None, None),
        ("temul_example_Se_implanted_MoS2.dm3", (1024, 1024), 0.012695, "nm"),
        ("hpai_066_PtNC_15nm.tif", (512, 512), 0.0293, "nm"),
        ("atomsegnet_Grain_boundry_gold_512px.png", (512, 512), None, None),
    ],
)
def test_real_micrographs(shared_data, name, shape, size, unit):
    if not name.endswith((".npy", ".tif", ".png")):
        pytest.importorskip("rsciio", reason="needs the extra io")
    micrograph = read_image(shared_data / "real" / name)
    assert micrograph.image.shape == shape
    if size is None:
        assert micrograph.pixel_size is None
        assert (unit or "") in " ".join(micrograph.notes)
    else:
        assert micrograph.pixel_size.unit == unit
        assert micrograph.pixel_size.value == pytest.approx(size, rel=1e-3)


def test_convert_length():
    assert convert_length(0.2966, "Å", to="nm") == 0.02966
    assert convert_length(1, "inch", to="mm") == 25.4
    assert convert_length(0.1 + 0.2, "pm", to="pm") == 0.1 + 0.2
    with pytest.raises(ValueError, match="unknown unit 'parsec'; known are A, nm"):
        convert_length(1, "A", to="parsec")
