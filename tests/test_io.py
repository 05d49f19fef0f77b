"""Reading micrographs of every format, and writing positions."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar.io import EXTENSIONS, convert_length, read_image, write_positions


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60000, size=(24, 36), dtype=np.uint16)


def signal(data, sides, units, *, navigate=None, title="a film"):
    """What RosettaSciIO's writers take."""
    navigate = navigate or [False] * data.ndim
    names = "zyx"[3 - data.ndim :]
    return {
        "data": data,
        "axes": [
            {
                "_type": "UniformDataAxis",
                "name": names[i],
                "units": units,
                "navigate": navigate[i],
                "is_binned": False,
                "size": data.shape[i],
                "scale": sides[i],
                "offset": 0.0,
                "index_in_array": i,
            }
            for i in range(data.ndim)
        ],
        "metadata": {"General": {"title": title}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "tmp_parameters": {},
        "package_info": {},
        "models": {},
    }


def write_hspy(path, *args, **kwargs):
    hspy = pytest.importorskip("rsciio.hspy", reason="needs the extra io")
    # The writer picks its layout by the extension; the content is the same under any name.
    target = path.with_suffix(".hspy")
    hspy.file_writer(str(target), signal(*args, **kwargs), show_progressbar=False)
    return target.rename(path)


def write_emd(path, *args, **kwargs):
    emd = pytest.importorskip("rsciio.emd", reason="needs the extra io")
    emd.file_writer(str(path), signal(*args, **kwargs))
    return path


def write_mrc(path, data, side):
    pytest.importorskip("rsciio.mrc", reason="needs the extra io")
    header = np.zeros(256, dtype="<i4")
    n_rows, n_cols = data.shape[-2:]
    n_frames = 1 if data.ndim == 2 else len(data)
    header[[0, 1, 2, 3]] = n_cols, n_rows, n_frames, 6  # 6 is uint16
    header[[7, 8, 9]] = n_cols, n_rows, n_frames
    header[10:13] = np.array([n_cols * side, n_rows * side, 1.0], dtype="<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52] = int.from_bytes(b"MAP ", "little")
    path.write_bytes(header.tobytes() + data.astype("<u2").tobytes())
    return path


def save_any(path: Path, pixels: np.ndarray) -> Path:
    """Write an image in the format of the extension."""
    match path.suffix:
        case ".hspy" | ".hdf5" | ".h5":
            return write_hspy(path, pixels, (0.02, 0.02), "nm")
        case ".emd":
            return write_emd(path, pixels, (0.02, 0.02), "nm")
        case ".mrc":
            return write_mrc(path, pixels, 0.2)
        case ".tif" | ".tiff":
            tifffile.imwrite(path, pixels)
        case ".png":
            Image.fromarray(pixels).save(path)
        case ".npy":
            np.save(path, pixels)
    return path


WRITABLE = [e for e in EXTENSIONS if e not in {".dm3", ".dm4", ".ser"}]


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
    assert micrograph.unit == "nm"
    assert micrograph.pixel_size == pytest.approx(0.02)


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
        (0.03, "", (0.03, None)),
        (1.0, "", (None, None)),
        (0.03, "1/nm", (None, None)),
        (0.5, "mm", (None, None)),
        (0.0, "nm", (None, None)),
        (-0.1, "nm", (None, None)),
    ],
)
def test_units_are_normalised(tmp_path, pixels, side, unit, expected):
    micrograph = read_image(write_hspy(tmp_path / "a.hspy", pixels, (side, side), unit))
    assert micrograph.unit == expected[1]
    assert micrograph.pixel_size == pytest.approx(expected[0])


def test_pixels_that_are_not_square_are_refused(tmp_path, pixels):
    path = write_hspy(tmp_path / "a.hspy", pixels, (0.02, 0.03), "nm")
    with pytest.raises(ValueError, match=r"not square: 0\.02 high, 0\.03 wide"):
        read_image(path)


def test_tiff_of_imagej(tmp_path, pixels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(40, 40), metadata={"unit": "nm"})
    micrograph = read_image(path)
    assert (micrograph.pixel_size, micrograph.unit) == (pytest.approx(0.025), "nm")
    assert micrograph.metadata["imagej"]["unit"] == "nm"


def test_tiff_of_imagej_escapes_its_unit(tmp_path, pixels):
    path = tmp_path / "a.tif"
    unit = "\\u00B5m"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(40e3, 40e3), metadata={"unit": unit})
    assert read_image(path).pixel_size == pytest.approx(0.025)


def test_tiff_of_hyperspy_and_digitalmicrograph(tmp_path, pixels):
    path = tmp_path / "a.tif"
    tags = [(65003, "s", 3, "nm", False), (65004, "s", 3, "nm", False)]
    tags += [(65009, "d", 1, 0.0125, False), (65010, "d", 1, 0.0125, False)]
    tifffile.imwrite(path, pixels, extratags=tags)
    assert read_image(path).pixel_size == 0.0125


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [((72, 72), "INCH", None), ((5e8, 5e8), "CENTIMETER", 0.02), ((34, 34), "NONE", None)],
)
def test_tiff_resolution_for_printing_is_no_calibration(tmp_path, pixels, resolution, unit, size):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, resolution=resolution, resolutionunit=unit)
    micrograph = read_image(path)
    assert micrograph.pixel_size == pytest.approx(size)
    assert micrograph.unit == ("nm" if size else None)


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
    with pytest.raises(ValueError, match="the image has colours"):
        read_image(path)


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
    with pytest.raises(ValueError, match=r"3 images \(0-2: 24 x 36 px.*dataset=0 to 2"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, dataset=1).image, stack[1])
    for dataset in (3, -1):
        with pytest.raises(ValueError, match=f"dataset must be 0 to 2, got {dataset}"):
            read_image(path, dataset=dataset)


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


@pytest.mark.parametrize("extension", WRITABLE)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_files_that_were_cut_off(tmp_path, extension, share):
    noise = np.random.default_rng(1).integers(0, 60000, size=(80, 80), dtype=np.uint16)
    path = save_any(tmp_path / f"image{extension}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(OSError, match=f"{path.name} cannot be read: it is broken, cut off"):
        read_image(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("content", [b"", b"\0" * 4000, b"not an image at all" * 100])
def test_files_of_another_kind(tmp_path, extension, content):
    if extension not in {".tif", ".tiff", ".png", ".npy"}:
        pytest.importorskip("rsciio", reason="needs the extra io")
    path = tmp_path / f"image{extension}"
    path.write_bytes(content)
    with pytest.raises(OSError, match="cannot be read"):
        read_image(path)


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
        ("atomap_test_ADF_cropped.hdf5", (400, 380), 0.00933, None),
        ("atomap_test_ABF_cropped.hdf5", (400, 380), 0.00933, None),
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
    assert micrograph.unit == unit
    if size is None:
        assert micrograph.pixel_size is None
    else:
        assert micrograph.pixel_size == pytest.approx(size, rel=1e-3)


def test_convert_length():
    assert convert_length(0.2966, "Å", to="nm") == 0.02966
    assert convert_length(1, "inch", to="mm") == 25.4
    assert convert_length(0.1 + 0.2, "pm", to="pm") == 0.1 + 0.2
    with pytest.raises(ValueError, match="unknown unit 'parsec'; known are A, nm"):
        convert_length(1, "A", to="parsec")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_positions_in_pixels_and_units(tmp_path):
    atoms = np.array([[1.25, 2.0, 3.0, 0.125], [10.0, 20.0, 2.0, 0.5]])
    path = tmp_path / "atoms.csv"
    write_positions(path, atoms, pixel_size=0.2, unit="A", flagged=[False, True])
    rows = read_csv(path)
    assert list(rows[0]) == [
        *("row", "col", "sigma", "response"),
        *("row_A", "col_A", "sigma_A", "flagged"),
    ]
    assert float(rows[0]["row_A"]) == pytest.approx(0.25)
    assert float(rows[1]["sigma"]) == 2
    assert [row["flagged"] for row in rows] == ["0", "1"]


def test_positions_without_calibration_or_atoms(tmp_path):
    write_positions(tmp_path / "a.csv", np.empty((0, 3)))
    assert (tmp_path / "a.csv").read_text() == "row,col,sigma\n"


@pytest.mark.parametrize(
    ("detections", "options", "message"),
    [
        ([[1, 2]], {}, r"shape \(1, 2\)"),
        ([1, 2, 3], {}, r"shape \(3,\)"),
        ([[1, 2, 3]], {"pixel_size": 0.2}, "pixel_size and unit go together"),
        ([[1, 2, 3]], {"unit": "A"}, "pixel_size and unit go together"),
        ([[1, 2, 3]], {"pixel_size": -1, "unit": "A"}, "pixel_size must be"),
        ([[1, 2, 3]], {"flagged": [True, False]}, "for each of the 1 atoms"),
    ],
)
def test_positions_that_are_none(tmp_path, detections, options, message):
    with pytest.raises(ValueError, match=message):
        write_positions(tmp_path / "a.csv", detections, **options)
    assert not (tmp_path / "a.csv").exists()
