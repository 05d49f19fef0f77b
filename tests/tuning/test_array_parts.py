"""Parts of arrays, here and where they are sent."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from logstar.tuning._array_parts import opened, part_of, travelling

PLACE = (slice(2, 9), slice(3, 11))


@pytest.fixture
def image(rng):
    return rng.random((12, 13)).astype(np.float32)


def test_mapped_files_travel_by_name(tmp_path, image):
    np.save(tmp_path / "c.npy", image)
    np.save(tmp_path / "f.npy", np.asfortranarray(image))
    for name in ("c.npy", "f.npy"):
        mapped = np.load(tmp_path / name, mmap_mode="r")
        sent = pickle.dumps(travelling(mapped))
        assert len(sent) < 500
        np.testing.assert_array_equal(part_of(opened(pickle.loads(sent)), PLACE), image[PLACE])
    # Where a view begins in its file, nothing tells.
    assert travelling(mapped[1:]) is None
    assert travelling(image) is None


def test_data_sets_of_h5py_travel_by_name(tmp_path, image):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "image.h5", "w") as file:
        file["a/image"] = image
    with h5py.File(tmp_path / "image.h5", "r") as file:
        sent = pickle.dumps(travelling(file["a/image"]))
    array = opened(pickle.loads(sent))
    np.testing.assert_array_equal(part_of(array, PLACE), image[PLACE])
    array.file.close()


@pytest.mark.parametrize("kind", ["f2", ">f8", ">u2", "f4", "u1"])
def test_parts_can_be_computed_with(image, kind):
    array = (100 * image).astype(kind)
    part = part_of(array, PLACE)
    np.testing.assert_array_equal(part, array[PLACE])
    assert part.dtype.isnative
    assert part.dtype.itemsize == max(array.dtype.itemsize, 4 if kind == "f2" else 1)


def test_a_private_copy_of_a_file_keeps_what_was_written_into_it(tmp_path, image):
    np.save(tmp_path / "image.npy", image)
    private = np.load(tmp_path / "image.npy", mmap_mode="c")
    private[:] = 7
    assert (part_of(private, PLACE) == 7).all()
    assert (private == 7).all()


def test_pixels_that_are_no_numbers_are_refused_with_their_part(image):
    image[5, 6] = np.nan
    with pytest.raises(ValueError, match=r"array\[2:9, 3:11\] holds 1 pixels that are NaN"):
        part_of(image, PLACE)
