"""`blob_log` against scikit-image's, to the bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_array_equal
from skimage import feature

import logstar.detection._skimage._blob_log as module
from logstar import _core, blob_log
from tests.conftest import atoms_image


def assert_same(ours, theirs):
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert_array_equal(ours, theirs)


def draw_image(rng):
    """A lattice, noise, plateaus or a constant, of any type and layout scikit-image takes."""
    shape = tuple(rng.integers(1, 300 if rng.random() < 0.1 else 72, 2))
    kind = rng.choice(["atoms", "noise", "plateaus", "constant"], p=[0.5, 0.25, 0.2, 0.05])
    if kind == "atoms":
        rows, cols = np.indices(shape) * (2 * np.pi / rng.uniform(6, 14))
        image = 0.5 + 0.5 * np.cos(rows) * np.cos(cols + 0.1 * rows)
        image += rng.normal(0, rng.choice([0, 0.05, 0.3]), shape)
    elif kind == "noise":
        image = rng.normal(0.3, 0.4, shape)
    elif kind == "plateaus":
        image = rng.integers(0, 3, shape) / 2
    else:
        image = np.full(shape, 0.5)
    types = ["f8", "f8", "f8", "f4", "f4", "f2", "u1", "u2", "u4", "i1", "i2", "i4", "i8", "?"]
    dtype = np.dtype(rng.choice(types))
    if dtype.kind in "ui":
        image = np.clip(image, 0, 1) * (0.99 * np.iinfo(dtype).max)
        if dtype.kind == "i":
            image -= 0.5 * np.iinfo(dtype).max
    elif dtype.kind == "b":
        image = image > 0.5
    layout = rng.choice(["C", "F", "reversed", "strided"])
    image = image.astype(dtype, order="F" if layout == "F" else "C")
    return {"reversed": image[::-1, ::-1], "strided": image[::2]}.get(layout, image)


def draw_options(rng):
    def pick(*values):
        return values[rng.integers(len(values))]

    low, high = rng.uniform(0.3, 3), rng.uniform(2, 9)
    return {
        "min_sigma": pick(low, low, 1, tuple(rng.uniform(0.5, 2, 2))),
        "max_sigma": pick(high, high, 6, tuple(rng.uniform(2, 5, 2))),
        "num_sigma": int(rng.integers(1, 13)),
        "threshold": pick(0.005, 0.02, 0.1, 0.2, 0, None, np.float64(0.03), np.float32(0.03)),
        "overlap": pick(0, 0.1, 0.3, 0.5, 0.7, 0.99, 1.0, 2.0),
        "log_scale": bool(rng.random() < 0.4),
        "threshold_rel": pick(None, None, None, rng.uniform(0, 1)),
        "exclude_border": pick(False, False, 0, 3, True, (2, 5), (0, 1), 200),
    }


@settings(max_examples=220)
@given(st.integers(0, 2**32 - 1))
def test_equals_scikit_image_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    image, options = draw_image(rng), draw_options(rng)
    assert_same(blob_log(image, **options), feature.blob_log(image, **options))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_scikit_image_where_pruning_depends_on_the_order_of_pairs(dtype, monkeypatch):
    """Dense noisy lattices hold chains of overlaps that only scikit-image's own order settles."""
    replays = []

    class Spy:
        def __getattr__(self, name):
            if name == "prune_in_order":
                replays.append(name)
            return getattr(core, name)

    core = module._core
    monkeypatch.setattr(module, "_core", Spy())
    for seed in range(4):
        image, _ = atoms_image((160, 160), pitch=7.5, sigma=2.0, noise=0.15, seed=seed)
        image = image.astype(dtype)
        for overlap in (0.1, 0.3, 0.5):
            arguments = {"min_sigma": 0.8, "max_sigma": 9, "threshold": 0.02, "overlap": overlap}
            assert_same(blob_log(image, **arguments), feature.blob_log(image, **arguments))
    assert replays


def test_defaults_and_positional_arguments_are_those_of_scikit_image():
    image, _ = atoms_image((96, 96), pitch=24, sigma=4)
    assert_same(blob_log(image), feature.blob_log(image))
    arguments = (image, 2, 8, 5, 0.05, 0.4, True)
    assert_same(blob_log(*arguments), feature.blob_log(*arguments))


def test_sigma_zero_filters_nothing():
    image, _ = atoms_image((40, 40), pitch=10)
    for threshold in (0.05, -0.5):
        arguments = {"min_sigma": 0, "max_sigma": 4, "num_sigma": 5, "threshold": threshold}
        assert_same(blob_log(image, **arguments), feature.blob_log(image, **arguments))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ends", [(1e-14, 1e-9), (1e-3, 0.1), (0.1, 0.1), (0.02, 0.3), (0, 0.1)])
def test_kernels_of_one_weight_filter_as_in_scikit_image(dtype, ends, rng):
    image = rng.normal(size=(24, 31)).astype(dtype)
    for threshold in (0.2, None):
        arguments = {"num_sigma": 3, "threshold": threshold}
        assert_same(
            blob_log(image, *ends, **arguments), feature.blob_log(image, *ends, **arguments)
        )


@pytest.mark.parametrize("threshold", [None, 0, -1.0, 0.2])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0])
def test_a_constant_image_has_the_blobs_that_scikit_image_finds(value, threshold):
    image = np.full((20, 23), value)
    arguments = {"max_sigma": 4, "num_sigma": 4, "threshold": threshold}
    ours = blob_log(image, **arguments)
    assert_same(ours, feature.blob_log(image, **arguments))
    assert value == 1.0 or len(ours) == 0


def test_kernels_far_wider_than_the_image_give_what_scikit_image_gives():
    image, _ = atoms_image((48, 40), pitch=10, noise=0.05)
    arguments = {"max_sigma": 2_000, "num_sigma": 2, "threshold": 0.05}
    assert_same(blob_log(image, **arguments), feature.blob_log(image, **arguments))


@pytest.mark.parametrize("num_sigma", [1.0, 2.5, "3"])
def test_a_number_of_scales_that_is_no_integer_is_refused_as_in_scikit_image(num_sigma):
    for function in (blob_log, feature.blob_log):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            function(np.eye(9), num_sigma=num_sigma)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_it_may_be_put_in_the_place_of_scikit_images(ndim, monkeypatch, rng):
    image = rng.random((12,) * ndim)
    arguments = {"max_sigma": 3, "num_sigma": 3, "threshold": 0.05}
    expected = feature.blob_log(image, **arguments)
    monkeypatch.setattr("skimage.feature.blob_log", blob_log)
    assert_same(feature.blob_log(image, **arguments), expected)


def test_in_the_place_of_what_it_hands_over_to_it_says_so(monkeypatch):
    monkeypatch.setattr("skimage.feature.blob.blob_log", blob_log)
    with pytest.raises(RuntimeError, match=r"replace skimage\.feature\.blob_log alone"):
        blob_log(np.zeros((4, 4, 4)))


def test_a_deprecated_argument_is_handed_over_without_a_warning(monkeypatch, rng):
    peer = feature.blob.blob_log
    seen = []

    def warns_of_threshold_rel(*arguments, **options):
        seen.append(options)
        if "threshold_rel" in options:
            warnings.warn("Parameter `threshold_rel` is deprecated since 0.27.", FutureWarning, 2)
        return peer(*arguments, **options)

    monkeypatch.setattr("skimage.feature.blob.blob_log", warns_of_threshold_rel)
    image = rng.random((9, 9, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        blob_log(image, max_sigma=2, num_sigma=2)
        blob_log(image, max_sigma=2, num_sigma=2, threshold_rel=0.5)
    assert ["threshold_rel" in options for options in seen] == [False, True]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8", "?"])
@pytest.mark.parametrize("prescale", ["minmax", "none"])
def test_prescaled_intensities_are_those_that_floats_are_given_as(prescale, dtype, ndim, rng):
    image = (rng.random((14,) * ndim) * 100 - (0 if dtype == "u1" else 50)).astype(dtype)
    image.flat[::3] = 0
    floats = image.astype(np.float32 if dtype == "f4" else np.float64)
    if prescale == "minmax":
        floats = (floats - floats.min()) / (floats.max() - floats.min())
    arguments = {"max_sigma": 2, "num_sigma": 3, "threshold": 0.1}
    assert_same(
        blob_log(image, prescale=prescale, **arguments), feature.blob_log(floats, **arguments)
    )


def test_prescaling_refuses_what_it_cannot_scale():
    with pytest.raises(ValueError, match='prescale must be "legacy", "minmax" or "none", got 3'):
        blob_log(np.eye(4), prescale=3)
    with pytest.raises(ValueError, match="NaN or infinite"):
        blob_log(np.full((4, 4), np.nan), prescale="minmax")
    assert len(blob_log(np.ones((4, 4)), prescale="minmax")) == 0
    widest = np.array([[-1.7e308, 1.7e308]] * 8)
    assert np.isfinite(blob_log(widest, prescale="minmax", max_sigma=2)).all()


def test_masked_pixels_are_refused():
    image = np.ma.masked_greater(np.eye(8), 0.5)
    with pytest.raises(ValueError, match=r"image has 8 masked pixels"):
        blob_log(image)
    # A mask that hides nothing is no reason.
    assert_same(blob_log(np.ma.asarray(np.eye(8))), blob_log(np.eye(8)))


def test_negative_overlap_removes_whatever_is_near():
    image, _ = atoms_image((60, 60), pitch=10, noise=0.05)
    arguments = {"max_sigma": 4, "threshold": 0.02, "overlap": -0.5}
    assert_same(blob_log(image, **arguments), feature.blob_log(image, **arguments))


@pytest.mark.parametrize("ndim", [1, 3])
def test_other_dimensions_go_to_scikit_image(ndim, rng):
    image = rng.random((12,) * ndim)
    arguments = {"max_sigma": 3, "num_sigma": 3, "threshold": 0.05}
    assert_same(blob_log(image, **arguments), feature.blob_log(image, **arguments))


def test_rgb_is_a_volume_as_in_scikit_image(rng):
    image = rng.random((16, 16, 3))
    assert_same(blob_log(image, max_sigma=2), feature.blob_log(image, max_sigma=2))


@pytest.mark.parametrize("name", _core.instruction_sets())
def test_the_instruction_set_changes_nothing(name, monkeypatch):
    image, _ = atoms_image((150, 280), pitch=8, noise=0.2)
    monkeypatch.setenv("LOGSTAR_INSTRUCTION_SET", name)
    for picture in (image, image.astype(np.float32), 1e3 + image, 1e6 * image):
        arguments = {"max_sigma": 5, "threshold": 0.02, "overlap": 2}
        assert_same(blob_log(picture, **arguments), feature.blob_log(picture, **arguments))


def test_an_unknown_instruction_set_is_refused(monkeypatch):
    monkeypatch.setenv("LOGSTAR_INSTRUCTION_SET", "mmx")
    with pytest.raises(ValueError, match=r'instruction set must be one of .*baseline, got "mmx"'):
        blob_log(np.eye(8))


@pytest.mark.parametrize("n_threads", ["1", "2", "5"])
def test_the_number_of_threads_changes_nothing(n_threads, monkeypatch):
    image, _ = atoms_image((120, 90), pitch=8, noise=0.2)
    expected = feature.blob_log(image, max_sigma=5, threshold=0.02)
    monkeypatch.setenv("LOGSTAR_NUM_THREADS", n_threads)
    assert_same(blob_log(image, max_sigma=5, threshold=0.02), expected)


def test_a_senseless_number_of_threads_is_refused(monkeypatch):
    monkeypatch.setenv("LOGSTAR_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="LOGSTAR_NUM_THREADS must be a positive integer"):
        blob_log(np.eye(8))


def test_the_image_is_not_modified_and_may_be_read_only():
    image, _ = atoms_image((50, 50), pitch=10)
    image.setflags(write=False)
    before = image.copy()
    blob_log(image, max_sigma=4)
    assert_array_equal(image, before)


def test_a_memory_mapped_image_is_taken(tmp_path):
    image, _ = atoms_image((50, 50), pitch=10)
    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    assert_same(blob_log(mapped, max_sigma=4), blob_log(image, max_sigma=4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.ones((4, 4), complex)}, "Cannot convert from complex128"),
        ({"image": np.full((4, 4), np.nan)}, r"16 pixels that are NaN or infinite.*\(0, 0\)"),
        ({"image": np.empty((0, 4))}, "image is empty"),
        ({"min_sigma": -1}, "min_sigma must be finite and not negative, got -1"),
        ({"max_sigma": np.inf}, "max_sigma must be finite"),
        ({"min_sigma": (1, 2, 3)}, "min_sigma must be a number or 2 numbers"),
        ({"min_sigma": 0, "log_scale": True}, "with log_scale"),
        ({"num_sigma": 0}, "num_sigma must be at least 1, got 0"),
        ({"exclude_border": -1}, "exclude_border"),
        ({"exclude_border": (1, 2, 3)}, "exclude_border"),
        ({"exclude_border": np.int64(1)}, "exclude_border"),
        ({"exclude_border": None}, "exclude_border"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    arguments = {"image": np.eye(8)} | arguments
    with pytest.raises(ValueError, match=message):
        blob_log(**arguments)


def test_object_arrays_are_refused():
    with pytest.raises(TypeError, match="image must hold real numbers"):
        blob_log(np.array([[None, 1], [2, 3]]))


def test_huge_values_do_not_raise_warnings():
    image, _ = atoms_image((30, 30), pitch=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        blob_log(image * 1e300, max_sigma=3, threshold=1.0)
