"""Any array that NumPy can hold gives the result of its contiguous copy, or an error."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.testing import assert_array_equal

from logstar import LoGStarDetector, _core, blob_log
from logstar._validation import as_image, as_positions
from logstar.detection import ScaleSpaceCandidates
from logstar.metrics import detection_metrics, match_positions
from logstar.neighbors import distance_sums
from logstar.preprocessing import GaussianDenoiser
from logstar.segmentation import extract_patches

TYPES = ["f8", "f4", "f2", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "?"]


def positions_of(array):
    """Some positions that lie in an image of any size."""
    return np.argwhere(np.ones(array.shape))[:: max(1, array.size // 9)][:9].astype(float)


def detect(array):
    detector = LoGStarDetector(min_sigma=0.5, max_sigma=1.0, num_sigma=3, threshold=0.01)
    return detector.fit(array).predict(array)


def candidates(array):
    found = ScaleSpaceCandidates.from_image(array, [0.5, 1.0], threshold=0.01)
    return found.table


def patches(array):
    return extract_patches(array, positions_of(array), 1, border="reflect")


#: What takes an image.
OF_IMAGES = {
    "blob_log": lambda array: blob_log(array, 0.5, 1.5, 3, threshold=0.01),
    "detector": detect,
    "candidates": candidates,
    "patches": patches,
    "denoiser": lambda array: GaussianDenoiser(sigma=1.0).fit_transform(array),
    "as_image": as_image,
}

#: What takes a table of positions.
OF_TABLES = {
    "distance_sums": lambda array: distance_sums(array, 2),
    "match": lambda array: match_positions(array, array[::-1], tolerance=0.5),
    "metrics": lambda array: detection_metrics(array, array[:5], tolerance=0.5),
    "patches": lambda array: extract_patches(np.eye(40), array, 3),
    "as_positions": as_positions,
    "table": lambda array: _core.distance_sums(array[:, :2], 2, 1),
}


def packed_field(values, offset):
    """The same values as a field of a packed structure."""
    padding = [("before", "V", offset)] if offset else []
    record = np.zeros(values.shape, dtype=[*padding, ("value", values.dtype), ("flag", "u1")])
    record["value"] = values
    return record["value"]


def packed_rows(values, offset):
    """The same values, each row a field of a packed structure."""
    field = ("value", values.dtype, values.shape[1:])
    padding = [("before", "V", offset)] if offset else []
    record = np.zeros(len(values), dtype=[*padding, field, ("flag", "u1")])
    record["value"] = values
    return record["value"]


def at_offset(values, offset):
    """The same values, contiguous from an odd place on."""
    memory = np.zeros(values.nbytes + offset, dtype=np.uint8)
    memory[offset:] = np.frombuffer(values.tobytes(), dtype=np.uint8)
    return memory[offset:].view(values.dtype).reshape(values.shape)


def swapped(values, _):
    return values.astype(values.dtype.newbyteorder())


LAYOUTS = {
    "packed": packed_field,
    "packed rows": packed_rows,
    "offset": at_offset,
    "byte order": swapped,
    "Fortran": lambda values, _: np.asfortranarray(values),
    "reversed": lambda values, _: values[::-1, ::-1].copy()[::-1, ::-1],
    "every other": lambda values, step: np.repeat(values, step + 1, axis=0)[:: step + 1],
    "overlapping": lambda values, _: np.lib.stride_tricks.sliding_window_view(
        values.ravel(), max(1, values.size // 2)
    ),
    "zero strides": lambda values, _: np.broadcast_to(values[:1], values.shape),
    "read only": lambda values, _: np.frombuffer(values.tobytes(), values.dtype).reshape(
        values.shape
    ),
}


@st.composite
def strange_arrays(draw, shapes, dtype=None):
    dtype = np.dtype(dtype or draw(st.sampled_from(TYPES)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.uniform(0, 39, draw(shapes)).astype(dtype)
    layout, offset = draw(st.sampled_from(sorted(LAYOUTS))), draw(st.integers(0, 9))
    array = LAYOUTS[layout](values, offset)
    return array.T if draw(st.booleans()) else array


def outcome(function, array):
    """What a function gives, as arrays, or its error."""
    try:
        result = function(array)
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part, dtype=object if np.ndim(part) == 0 else None) for part in parts]


def assert_same_outcome(function, array, copy):
    got, expected = outcome(function, array), outcome(function, copy)
    assert type(got) is type(expected), (got, expected)
    if isinstance(got, tuple):
        assert got == expected
        return
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(OF_IMAGES))
@settings(max_examples=60, deadline=None)
@given(array=strange_arrays(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)))
def test_an_image_in_any_layout_is_its_contiguous_copy(name, array):
    assert_same_outcome(OF_IMAGES[name], array, array.astype(array.dtype.newbyteorder("="), "C"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(OF_TABLES) - {"table"}))
@settings(max_examples=60, deadline=None)
@given(array=strange_arrays(st.tuples(st.integers(1, 40), st.integers(2, 5))))
def test_a_table_in_any_layout_is_its_contiguous_copy(name, array):
    assert_same_outcome(OF_TABLES[name], array, array.astype(array.dtype.newbyteorder("="), "C"))


@settings(max_examples=100, deadline=None)
@given(strange_arrays(st.tuples(st.integers(2, 40), st.integers(2, 5)), "f8"))
def test_the_core_reads_an_array_right_or_refuses_it(array):
    for function in (
        OF_TABLES["table"],
        lambda image: np.array(_core.order_statistics(image, [0, 1, 7])),
        lambda image: _core.extract_patches(image, np.zeros((1, 2)), 1, True, "drop", "none", 1),
    ):
        got = outcome(function, array)
        if isinstance(got, tuple):
            unaligned, foreign = not array.flags.aligned, not array.dtype.isnative
            assert unaligned or foreign or array.shape[1] < 2, got
            continue
        copy = np.ascontiguousarray(array)
        for ours, theirs in zip(got, outcome(function, copy), strict=True):
            assert_array_equal(ours, theirs)


def test_fields_of_packed_structures_that_were_misread():
    points = np.random.default_rng(0).uniform(0, 50, (30, 2))
    record = np.zeros(30, dtype=[("id", "u1"), ("pos", "f8", (2,))])
    record["pos"] = points
    assert_array_equal(distance_sums(record["pos"]), distance_sums(points))
    with pytest.raises(ValueError, match=r"points is not aligned.*numpy\.require"):
        _core.distance_sums(record["pos"], 4, 1)


def test_a_memory_map_at_an_odd_place_is_read_right(tmp_path):
    image = np.random.default_rng(0).random((40, 50))
    path = tmp_path / "image.raw"
    path.write_bytes(b"header." + image.tobytes())
    mapped = np.memmap(path, dtype=np.float64, mode="r", offset=7, shape=image.shape)
    assert not mapped.flags.aligned
    assert_array_equal(blob_log(mapped, max_sigma=3), blob_log(image, max_sigma=3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_that_another_thread_changes_meanwhile_end_in_a_result_or_an_error(dtype):
    rng = np.random.default_rng(0)
    image = rng.random((200, 200)).astype(dtype)
    stop, messages = threading.Event(), set()

    def scribble():
        while not stop.is_set():
            image[50:150, 50:150] = np.nan
            image[50:150, 50:150] = 0.25

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        kernels = [np.array([0.25, 0.5])] * 2
        for _ in range(60):
            for function in (
                lambda: _core.find_candidates_of_parts(
                    image, [(*kernels, *kernels, 1.0)] * 3, [(0, 3)], 0.0, (0, 0), 2
                )[0][1],
                lambda: _core.order_statistics(image, [0, 17_000, 39_999]),
            ):
                try:
                    numbers = function()
                except ValueError as error:
                    messages.add(str(error).partition(" is ")[2])
                else:
                    assert np.isfinite(numbers).all()
    finally:
        stop.set()
        writer.join()
    assert all("pixels must be finite" in message for message in messages)
