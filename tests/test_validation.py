"""What is taken as an image, a stack and a set of positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from logstar._validation import as_image, as_image_list, as_positions, check_integer, check_real
from logstar.detection import LoGStarDetector
from logstar.io import Micrograph
from tests.conftest import atoms_image


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [
        ("u1", "f4"), ("i2", "f4"), ("u2", "f4"), ("?", "f4"), ("f2", "f4"), ("f4", "f4"),
        ("i4", "f8"), ("u4", "f8"), ("i8", "f8"), ("f8", "f8"), (np.longdouble, "f8"),
    ],
)  # fmt: skip
def test_precision_follows_the_input(dtype, computed):
    assert as_image(np.ones((3, 4), dtype)).dtype == np.dtype(computed)


def test_an_image_of_the_right_type_is_not_copied():
    image = np.ones((3, 4))
    assert as_image(image) is image


def test_stacks_may_be_arrays_or_lists_of_different_sizes():
    images, is_stack = as_image_list(np.ones((2, 3, 4)))
    assert is_stack
    assert [image.shape for image in images] == [(3, 4), (3, 4)]
    images, is_stack = as_image_list([np.ones((3, 4)), np.ones((5, 6))])
    assert is_stack
    assert [image.shape for image in images] == [(3, 4), (5, 6)]
    images, is_stack = as_image_list([[1.0, 2.0], [3.0, 4.0]])
    assert not is_stack
    assert images[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(4), ValueError, "X must be one 2-D image, a 3-D stack or a list"),
        (np.ones((2, 2, 2, 2)), ValueError, "4-D array with shape"),
        (np.ones((0, 4)), ValueError, "X is empty"),
        (np.ones((0, 4, 4)), ValueError, "X is an empty stack"),
        ([], ValueError, "X is an empty stack"),
        ([np.ones((2, 2)), np.ones(3)], ValueError, "each entry must be a 2-D image"),
        ([np.ones((2, 2)), np.full((2, 2), np.inf)], ValueError, r"X\[1\] holds 4 pixels"),
        (np.ones((2, 2), complex), TypeError, "X must hold real numbers"),
        (np.array([["a", "b"]]), TypeError, "got dtype <U1"),
        (np.array([[None]]), TypeError, "got dtype object"),
    ],
)
def test_bad_images_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        as_image_list(X)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (2, 3, 4, 5)])
def test_entries_of_a_list_that_are_no_images_are_told(shape):
    message = rf"each entry must be a 2-D image; got entries with \[2, {len(shape)}\]"
    if len(shape) < 3:
        message = r"got entries with \[1, 2\] dimensions"
    with pytest.raises(ValueError, match=message):
        as_image_list([np.ones(shape), np.ones((3, 4))])
    if len(shape) > 2:
        with pytest.raises(ValueError, match=rf"got entries with \[{len(shape)}\] dimensions"):
            as_image_list([np.ones(shape)])


@pytest.mark.parametrize("path", ["film.dm4", Path("film.dm4"), b"film.dm4"])
def test_paths_are_refused_by_name(path):
    message = r"must be an image, got the path b?'film.dm4'; read it with logstar.io.read_image"
    with pytest.raises(TypeError, match=message):
        as_image(path)
    for X in (path, [path], [np.ones((9, 9)), path]):
        with pytest.raises(TypeError, match=message):
            as_image_list(X)


@pytest.mark.parametrize("take", [as_image, as_image_list])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((40, 50, 1), r"\(40, 50, 1\) has a last axis of one entry; take \w+\[..., 0\]"),
        ((40, 50, 3), r"looks like colours \(rows, columns, 3 channels\); take one channel"),
        ((40, 50, 4), r"looks like colours \(rows, columns, 4 channels\).*channel='luminance'"),
    ],
)
def test_channels_last_are_named_as_such(take, shape, message):
    with pytest.raises(ValueError, match=message):
        take(np.ones(shape))
    # Small images may be so narrow.
    images, _ = as_image_list(np.ones((40, 8, shape[2])))
    assert len(images) == 40


def test_micrographs_are_images():
    micrograph = Micrograph(np.ones((9, 12), dtype=np.uint16))
    assert_array_equal(as_image(micrograph), np.ones((9, 12)))
    images, is_stack = as_image_list([micrograph, micrograph])
    assert (len(images), is_stack) == (2, True)
    images, is_stack = as_image_list(micrograph)
    assert (len(images), is_stack) == (1, False)


class MaskedData:
    """What astropy's CCDData has of an array: pixels, and a mask beside them."""

    def __init__(self, mask):
        self.data = np.ones((9, 9))
        self.mask = mask

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype)


def test_masks_beside_the_pixels_are_not_dropped():
    mask = np.zeros((9, 9), dtype=bool)
    for harmless in (None, mask):
        assert as_image(MaskedData(harmless)).shape == (9, 9)
    mask[2, 3] = True
    # Flags of several bits are masks as well.
    for harmful in (mask, mask * np.uint8(4)):
        with pytest.raises(ValueError, match="image has 1 masked pixels, which would be taken as"):
            as_image(MaskedData(harmful))


def test_the_first_bad_pixel_is_named():
    image = np.ones((3, 4))
    image[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"1 pixels.*\(row, col\) = \(1, 2\): nan"):
        as_image(image)


def test_pixels_whose_sum_overflows_are_finite_all_the_same():
    with np.errstate(over="ignore"):
        assert as_image(np.full((2, 2), 1.5e308)).shape == (2, 2)


def test_positions():
    assert_array_equal(as_positions([[1, 2, 3]]), [[1, 2]])
    assert as_positions([]).shape == (0, 2)
    assert as_positions(np.empty((0, 3))).shape == (0, 2)
    assert as_positions([[]]).shape == (0, 2)
    with pytest.raises(ValueError, match=r"positions\[1\].*not finite"):
        as_positions([[0, 0], [np.inf, 0]])


def test_numbers():
    assert check_real(np.float32(0.5), name="x") == 0.5
    assert check_real(0, name="x", low=0, high=0) == 0
    assert check_integer(np.int64(3), name="n", low=1) == 3
    with pytest.raises(TypeError, match="x must be a real number, got '1'"):
        check_real("1", name="x")
    with pytest.raises(TypeError, match="n must be an integer, got True"):
        check_integer(True, name="n", low=0)
    with pytest.raises(ValueError, match="x must be finite and > 0 and <= 2, got 0"):
        check_real(0, name="x", low=0, high=2, low_included=False)


def test_positions_that_would_lose_something_are_refused():
    places = np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(TypeError, match="positions must be real numbers, got dtype complex128"):
        as_positions(places + 1j)
    for made in (sparse.csr_array, sparse.dok_array):
        with pytest.raises(TypeError, match="positions is sparse, which positions are not"):
            as_positions(made(places))
    with pytest.raises(ValueError, match="atoms has masked entries"):
        as_positions(np.ma.masked_equal(places, 3.0), name="atoms")
    assert_array_equal(as_positions(np.ma.masked_equal(places, 9.0)), places)


def foreign(library: str, array: np.ndarray) -> object:
    """An array in the hands of another library, or skip."""
    if library == "dask":
        return pytest.importorskip("dask.array").from_array(array, chunks=4)
    if library == "xarray":
        dims = ("frame", "y", "x")[-array.ndim :]
        return pytest.importorskip("xarray").DataArray(array, dims=dims)
    if library == "xarray on dask":
        return foreign("xarray", array).chunk(4)  # type: ignore[attr-defined]
    signals = pytest.importorskip("hyperspy.api", reason="HyperSpy is not installed").signals
    signal = signals.Signal2D(array)
    return signal.as_lazy() if library == "HyperSpy, lazy" else signal


LIBRARIES = ["dask", "xarray", "xarray on dask", "HyperSpy", "HyperSpy, lazy"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", LIBRARIES)
def test_arrays_of_other_libraries(library):
    stack = np.random.default_rng(0).random((3, 6, 8)).astype(np.float32)
    image = as_image(foreign(library, stack[0]))
    assert (type(image), image.dtype) == (np.ndarray, np.float32)
    np.testing.assert_array_equal(image, stack[0])
    for X in (foreign(library, stack), [foreign(library, frame) for frame in stack]):
        images, is_stack = as_image_list(X)
        assert is_stack
        np.testing.assert_array_equal(images, stack)
    images, is_stack = as_image_list(foreign(library, stack[0]))
    assert not is_stack
    np.testing.assert_array_equal(images[0], stack[0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["xarray on dask", "HyperSpy, lazy"])
def test_a_detector_finds_the_same_in_arrays_of_other_libraries(library):
    image, _ = atoms_image((48, 56), pitch=12)
    detector = LoGStarDetector(max_sigma=3.0)
    expected = detector.fit(image).predict(image)
    X = foreign(library, image)
    np.testing.assert_array_equal(detector.fit(X).predict(X), expected)


class Spectra:
    """As HyperSpy describes a line of spectra."""

    class axes_manager:  # noqa: N801 - as it is called there
        signal_dimension = 1

    def __array__(self, dtype=None, copy=None):
        return np.ones((8, 8))


def test_spectra_are_no_image():
    with pytest.raises(ValueError, match=r"X must be an image .* 1-D spectra .*as_signal2D"):
        as_image_list(Spectra())


def test_masked_pixels_are_not_taken_as_they_are():
    masked = np.ma.masked_greater(np.arange(12.0).reshape(3, 4), 9)
    with pytest.raises(ValueError, match="image has 2 masked pixels"):
        as_image(masked)
    np.testing.assert_array_equal(as_image(masked.filled(0)), masked.filled(0))
    as_image(np.ma.masked_greater(np.ones((3, 3)), 9))
