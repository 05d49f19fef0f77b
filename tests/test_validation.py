"""What is taken as an image, a stack and a set of positions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar._validation import as_image, as_image_list, as_positions, check_integer, check_real


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
    with pytest.raises(ValueError, match=r"positions\[1\].*not finite"):
        as_positions([[0, 0], [np.inf, 0]])


def test_numbers():
    assert check_real(np.float32(0.5), name="x") == 0.5
    assert check_integer(np.int64(3), name="n", low=1) == 3
    with pytest.raises(TypeError, match="x must be a real number, got '1'"):
        check_real("1", name="x")
    with pytest.raises(TypeError, match="n must be an integer, got True"):
        check_integer(True, name="n", low=0)
    with pytest.raises(ValueError, match="x must be finite and > 0 and <= 2, got 0"):
        check_real(0, name="x", low=0, high=2, low_included=False)
