"""Lengths under binning and resampling: each option means the same, whatever the others are."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.io import AtomTable, Micrograph, read_image, read_positions
from logstar.io._resampling import bin_pixels, to_square_pixels
from logstar.units import PixelSize

from .files import signal, write_hspy

FORMATS = (".csv", ".json", ".parquet", ".hdf5", ".xyz")
#: Row and column of one bright spot in pixels of the file, on edges of blocks and off them.
SPOT = (37.0, 58.0)


def spot(shape=(96, 120), center=SPOT, stretch=1.0):
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    r2 = (rows - center[0]) ** 2 + ((cols - center[1]) * stretch) ** 2
    return np.exp(-r2 / (2 * 6.0**2))


def center_of_mass(image):
    rows, cols = np.ogrid[: image.shape[0], : image.shape[1]]
    return [float((image * place).sum() / image.sum()) for place in (rows, cols)]


@pytest.mark.parametrize("binning", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("extension", FORMATS)
def test_places_in_units_stay_under_binning(tmp_path, binning, extension):
    for extra, formats in (("h5py", (".hdf5",)), ("pyarrow", (".parquet",))):
        if extension in formats:
            pytest.importorskip(extra)
    path = write_hspy(tmp_path / "a.hspy", spot(), (0.02, 0.02), "nm")
    micrograph = read_image(path, binning=binning)
    place = center_of_mass(micrograph.image)
    table = AtomTable(
        {"row": [place[0], 0.0], "col": [place[1], 1.0], "sigma": [6 / binning, 1.0]},
        pixel_size=micrograph.pixel_size,
        origin=micrograph.origin,
    )
    table.save(tmp_path / f"atoms{extension}", micrograph)
    found = read_positions(tmp_path / f"atoms{extension}")
    assert found.pixel_size.value == pytest.approx(0.02 * binning, rel=1e-9)
    assert found.in_units("row")[0] == pytest.approx(SPOT[0] * 0.02, abs=1e-5)
    assert found.in_units("col")[0] == pytest.approx(SPOT[1] * 0.02, abs=1e-5)
    assert found.in_units("sigma")[0] == pytest.approx(0.12, abs=1e-9)
    np.testing.assert_array_equal(found.positions, table.positions)
    assert found.origin == pytest.approx(micrograph.origin, abs=1e-6)


def test_a_csv_without_sigma_keeps_places_in_units(tmp_path):
    table = AtomTable.from_array(
        [[3.0, 5.0], [10.5, 7.25]], pixel_size="0.04 nm", origin=(0.25, 0.25)
    )
    table.save(tmp_path / "a.csv")
    found = read_positions(tmp_path / "a.csv")
    assert found.pixel_size.value == pytest.approx(0.04, rel=1e-9)
    np.testing.assert_allclose(found.in_units("row"), [0.13, 0.43], rtol=1e-9)


def test_an_xyz_measures_from_the_same_place(tmp_path):
    table = AtomTable.from_array([[3, 5]], pixel_size="0.4 A", origin=(0.25, 0.5))
    table.save(tmp_path / "a.xyz")
    x, y = map(float, (tmp_path / "a.xyz").read_text().splitlines()[2].split()[1:3])
    assert (x, y) == pytest.approx((5.5 * 0.4, -3.25 * 0.4))


@pytest.mark.parametrize("binning", [1, 2, 4])
def test_a_pixel_size_that_is_given_is_that_of_the_file(tmp_path, binning):
    path = write_hspy(tmp_path / "a.hspy", spot(), (0.02, 0.02), "nm")
    of_file = read_image(path, binning=binning)
    for given in ("0.02 nm", "0.2 A", PixelSize(20, "pm")):
        same = read_image(path, binning=binning, pixel_size=given)
        assert same.pixel_size.to("nm") == of_file.pixel_size
        np.testing.assert_array_equal(same.image, of_file.image)
    # It stands in for what the file does not say, or says wrongly; nothing of that is told then.
    other = write_hspy(tmp_path / "b.hspy", spot(), (0.02, 0.02), "1/nm")
    found = read_image(other, binning=binning, pixel_size="0.05 nm")
    assert found.pixel_size.value == pytest.approx(0.05 * binning)
    assert found.notes == ()
    described = signal(spot(), (0.02, 0.02), "nm")
    found = Micrograph.from_signal(described, binning=binning, pixel_size=0.5)
    assert found.pixel_size == PixelSize(0.5 * binning, "A")


@pytest.mark.parametrize("binning", [1, 2, 3])
def test_resampling_before_binning(tmp_path, binning):
    # Columns of 0.03 nm: the same spot, in fewer columns.
    image = spot((96, 80), (SPOT[0], SPOT[1] / 1.5), stretch=1.5)
    path = write_hspy(tmp_path / "a.hspy", image, (0.02, 0.03), "nm")
    for given in (None, "0.02 nm"):
        micrograph = read_image(path, resample=True, binning=binning, pixel_size=given)
        size = micrograph.pixel_size
        assert size.value == pytest.approx(0.02 * binning)
        row, col = center_of_mass(micrograph.image)
        table = AtomTable({"row": [row], "col": [col]}, pixel_size=size, origin=micrograph.origin)
        assert table.in_units("row")[0] == pytest.approx(SPOT[0] * 0.02, abs=1e-4)
        assert table.in_units("col")[0] == pytest.approx(SPOT[1] * 0.02, abs=1e-4)
    with pytest.raises(ValueError, match="pixels are not square"):
        read_image(path, pixel_size="0.02 nm")


def test_means_of_blocks():
    image = np.arange(48, dtype=np.uint16).reshape(6, 8)
    found = bin_pixels(image, 3)
    assert (found.shape, found.dtype) == ((2, 2), np.float64)
    assert found[1, 1] == image[3:6, 3:6].mean()
    assert bin_pixels(image.astype(np.float32), 2).dtype == np.float32


@pytest.mark.parametrize("sides", [(0.02, 0.03), (0.03, 0.02)])
def test_the_first_pixel_stays_where_it_is(sides):
    image = spot()
    found = to_square_pixels(image, *sides)
    assert found[0, 0] == pytest.approx(image[0, 0], abs=1e-12)
    longer = int(np.argmax(sides))
    assert found.shape[1 - longer] == image.shape[1 - longer]
    assert found.shape[longer] == int((image.shape[longer] - 1) * 1.5 + 1e-9) + 1
