"""MRC in both byte orders, with signed and unsigned bytes."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.io import read_image

RNG = np.random.default_rng(0)
KINDS = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def write(path, data, mode, order="<", *, cell=(9.6, 4.8), axes=(1, 2, 3), words=(), extended=b""):
    """`cell` is that of x and y in angstrom; `words` are further entries of the header."""
    n_frames, n_rows, n_cols = data.shape
    header = np.zeros(256, dtype=f"{order}i4")
    header[[0, 1, 2, 3]] = n_cols, n_rows, n_frames, mode
    header[[7, 8, 9]] = n_cols, n_rows, n_frames
    header[10:13] = np.array([*cell, 1.0], dtype=f"{order}f4").view(f"{order}i4")
    header[16:19] = axes
    header[23] = len(extended)
    for place, value in words:
        header[place] = value
    path.write_bytes(header.tobytes() + extended + data.tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", KINDS)
def test_modes_in_both_byte_orders(tmp_path, order, mode):
    data = RNG.integers(-100, 100, size=(3, 24, 48)).astype(f"{order}{KINDS[mode]}")
    path = write(tmp_path / "a.mrc", data, mode, order, extended=b"\1" * 96)
    found = read_image(path, dataset=1)
    assert found.image.dtype == np.dtype(KINDS[mode])
    np.testing.assert_array_equal(found.image, data[1])
    assert found.pixel_size.unit == "A"
    assert found.pixel_size.value == pytest.approx(0.2)


def as_word(number: float) -> int:
    return int(np.array(number, "<f4").view("<i4"))


IMOD = (38, 1146047817)


@pytest.mark.parametrize(
    ("words", "signed"),
    [
        # The standard of 2014.
        ([], True),
        # IMOD says it itself.
        ([IMOD, (39, 1)], True),
        ([IMOD, (39, 0)], False),
        # Least and greatest as the header has them.
        ([(19, as_word(0)), (20, as_word(250))], False),
        ([(19, as_word(-100)), (20, as_word(120))], True),
        ([(19, as_word(0)), (20, as_word(120))], True),
    ],
)
def test_bytes_are_signed_unless_the_file_says_otherwise(tmp_path, words, signed):
    data = RNG.integers(0, 256, size=(1, 24, 48)).astype(np.uint8)
    image = read_image(write(tmp_path / "a.mrc", data, 0, words=words)).image
    np.testing.assert_array_equal(image, data[0].view(np.int8) if signed else data[0])


def test_axes_that_are_exchanged(tmp_path):
    data = RNG.integers(0, 99, size=(1, 24, 24)).astype("<u2")
    # Columns run along y: its edge of the cell is that of a pixel's width.
    path = write(tmp_path / "a.mrc", data, 6, cell=(9.6, 4.8), axes=(2, 1, 3))
    with pytest.raises(ValueError, match=r"not square: 0\.4 high, 0\.2 wide"):
        read_image(path)


def test_the_pixel_size_in_an_extended_header_of_fei(tmp_path):
    extended = np.zeros(1024 * 32, dtype="<f4")
    extended[11] = 2e-11
    data = np.ones((1, 24, 48), dtype="<u2")
    path = write(tmp_path / "a.mrc", data, 6, cell=(0, 0), extended=extended.tobytes())
    found = read_image(path).pixel_size
    assert found.to("nm").value == pytest.approx(0.02)


@pytest.mark.parametrize("cell", [(0, 0), (48, 24)])
def test_files_that_know_no_size(tmp_path, cell):
    path = write(tmp_path / "a.mrc", np.ones((1, 24, 48), dtype="<u2"), 6, cell=cell)
    assert read_image(path).pixel_size is None


def test_transforms_and_unknown_modes(tmp_path):
    path = write(tmp_path / "a.mrc", np.ones((1, 24, 48), dtype="<c8"), 4)
    with pytest.raises(ValueError, match="holds no 2-D image"):
        read_image(path)
    path = write(tmp_path / "a.mrc", np.ones((1, 24, 48), dtype="<u1"), 101)
    with pytest.raises(OSError, match="pixels of mode 101"):
        read_image(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_files_that_are_too_short(tmp_path, order):
    path = write(tmp_path / "a.mrc", np.ones((2, 24, 48), dtype=f"{order}u2"), 6, order)
    content = path.read_bytes()
    for size in (1, 500, 1024, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(OSError, match=r"a\.mrc cannot be read"):
            read_image(path)


def test_the_shared_case(shared_cases):
    image = read_image(shared_cases / "mrc_mode0_int8.mrc").image
    assert (image.dtype, image.min(), image.max()) == (np.int8, -123, 97)
    found = read_image(shared_cases / "mrc_mode0_int8.mrc").pixel_size
    assert found.to("nm").value == pytest.approx(0.02)
