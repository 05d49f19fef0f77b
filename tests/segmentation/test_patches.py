"""Windows against SciPy's interpolation and slices of the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from scipy.interpolate import CubicHermiteSpline
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from logstar import LoGStarDetector
from logstar.datasets import make_scene
from logstar.exceptions import NoAtomsWarning
from logstar.segmentation import AtomPatches, extract_patches
from tests.conftest import atoms_image


def hermite_window(image, position, size):
    """Keys' kernel is the cubic Hermite spline whose slopes are central differences."""

    def along_first_axis(values, places):
        slopes = (values[2:] - values[:-2]) / 2
        inside = np.arange(1, len(values) - 1)
        return CubicHermiteSpline(inside, values[1:-1], slopes)(places)

    padded = np.pad(image, 8, mode="symmetric")
    rows, cols = (x + 8 - (size - 1) / 2 + np.arange(size) for x in position)
    return along_first_axis(along_first_axis(padded, rows).T, cols).T


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 9),
    border=st.sampled_from(["drop", "reflect"]),
    normalize=st.sampled_from([None, "mean", "zscore"]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_interpolated_windows_are_hermite_splines(seed, size, border, normalize, dtype):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(12, 10)).astype(dtype)
    positions = rng.uniform(-0.5, [11.5, 9.5], (20, 2))
    windows, kept = extract_patches(image, positions, size, border=border, normalize=normalize)
    first = positions - (size - 1) / 2
    inside = ((first >= 0) & (first + size - 1 <= [11, 9])).all(axis=1)
    assert_array_equal(kept, inside if border == "drop" else True)
    for window, position in zip(windows, positions[kept], strict=True):
        expected = hermite_window(image, position, size)
        if normalize is not None:
            expected = expected - expected.mean()
        if normalize == "zscore":
            expected = expected / expected.std() if size > 1 else 0 * expected
        assert_allclose(window, expected, atol=5e-5)


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 12))
def test_whole_pixel_windows_are_slices(seed, size):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(15, 13))
    # Halves too: of two equally near windows the later one.
    positions = rng.integers(-2, 30, (20, 2)) / 2
    windows, kept = extract_patches(image, positions, size, subpixel=False)
    slices, expected_kept = [], []
    for row, col in positions:
        i, j = (int(np.floor(x - (size - 1) / 2 + 0.5)) for x in (row, col))
        atom_inside = -0.5 <= row < 14.5 and -0.5 <= col < 12.5
        expected_kept.append(
            atom_inside and i >= 0 and i + size <= 15 and j >= 0 and j + size <= 13
        )
        if expected_kept[-1]:
            slices.append(image[i : i + size, j : j + size])
    assert_array_equal(kept, expected_kept)
    assert_array_equal(windows, np.array(slices, np.float32).reshape(-1, size, size))


def test_reflection_is_that_of_scipy(rng):
    image = rng.normal(size=(11, 14))
    positions = np.argwhere(np.ones_like(image)).astype(float)
    windows, kept = extract_patches(image, positions, 9, subpixel=False, border="reflect")
    padded = np.pad(image, 4, mode="symmetric")
    expected = np.lib.stride_tricks.sliding_window_view(padded, (9, 9)).reshape(-1, 9, 9)
    assert kept.all()
    assert_array_equal(windows, expected.astype(np.float32))


def test_smooth_atoms_are_centred_as_by_map_coordinates():
    image, positions = atoms_image((96, 96), pitch=16, sigma=2.5)
    image = ndimage.shift(image, (0.3, -0.45), order=5)
    positions = positions + np.array([0.3, -0.45])
    windows, kept = extract_patches(image, positions, 15)
    offsets = np.indices((15, 15)) - 7.0
    for window, position in zip(windows, positions[kept], strict=True):
        expected = ndimage.map_coordinates(image, offsets + position[:, None, None], order=5)
        assert np.abs(window - expected).max() < 0.01
        # The window is the same turned by half a turn: the atom is in the middle.
        assert np.abs(window - window[::-1, ::-1]).max() < 0.02


def test_layout_and_threads_change_nothing(rng, tmp_path):
    image = rng.normal(size=(120, 100)).astype(np.float32)
    positions = rng.uniform(0, 99, (3000, 2))
    expected = extract_patches(image, positions, 16, normalize="zscore")
    path = tmp_path / "image.npy"
    np.save(path, image)
    read_only = image.copy()
    read_only.setflags(write=False)
    strided = np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3]
    for other in (np.asfortranarray(image), read_only, strided, np.load(path, mmap_mode="r")):
        found = extract_patches(other, positions, 16, normalize="zscore", n_jobs=2)
        assert_array_equal(found.windows, expected.windows)
        assert_array_equal(found.kept, expected.kept)


def test_constant_windows_become_zero():
    for value in (0.1, 1e6):
        windows, _ = extract_patches(np.full((9, 9), value), [[4.2, 4.7]], 5, normalize="zscore")
        assert_array_equal(windows, np.zeros((1, 5, 5)))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"window_size": 0}, ValueError, "window_size must be at least 1, got 0"),
        ({"window_size": 2.5}, TypeError, "window_size must be an integer"),
        ({"window_size": 10}, ValueError, "window_size=10 is larger than image of 9 x 12 px"),
        ({"border": "wrap"}, ValueError, 'border must be "drop" or "reflect", got \'wrap\''),
        ({"normalize": "max"}, ValueError, "normalize must be None"),
        ({"positions": [[0, np.inf]]}, ValueError, r"positions\[0\]"),
        ({"image": np.full((9, 12), np.nan)}, ValueError, "image holds 108 pixels"),
    ],
)
def test_bad_input_is_refused(changed, error, message):
    arguments = {"image": np.eye(9, 12), "positions": [[4, 4]], "window_size": 3} | changed
    with pytest.raises(error, match=message):
        extract_patches(**arguments)


class Known(BaseEstimator):
    """A detector that knows where the atoms are."""

    def __init__(self, positions):
        self.positions = positions

    def fit(self, X, y=None):  # noqa: ARG002
        self.fitted_ = True
        return self

    def predict(self, X):
        return self.positions if np.ndim(X) == 2 else [self.positions] * len(X)


@pytest.fixture(scope="module")
def scene():
    return make_scene(shape=(96, 96), random_state=0)


def test_a_detector_finds_the_atoms(scene):
    detector = LoGStarDetector(min_sigma=2.0, max_sigma=4.0)
    patches = AtomPatches(detector, window_size=17)
    windows = patches.fit_transform(scene.image)
    atoms = detector.fit_predict(scene.image)
    expected = extract_patches(scene.image, atoms, 17)
    assert_array_equal(windows, expected.windows.reshape(len(windows), -1))
    assert_array_equal(patches.kept_, expected.kept)
    assert_array_equal(patches.positions_, atoms[expected.kept, :2])
    assert_array_equal(patches.transform(scene.image), windows)
    found, positions = patches.extract(scene.image)
    assert_array_equal(found.windows, expected.windows)
    assert_array_equal(positions, atoms[:, :2])
    assert not hasattr(detector, "sigmas_") or patches.detector_ is not detector


def test_the_default_window_follows_the_lattice(scene):
    patches = AtomPatches().fit(scene.image, positions=scene.positions)
    assert patches.window_size_ % 2 == 1
    assert abs(patches.window_size_ - 2.5 * scene.lattice.nearest_distance) < 2
    assert patches.detector_ is None


def test_stacks_give_one_table(scene):
    stack = np.stack([scene.image, scene.image[::-1]])
    positions = [scene.positions, scene.positions * [-1, 1] + [95, 0]]
    patches = AtomPatches(window_size=15, border="reflect")
    windows = patches.fit_transform(stack, positions=positions)
    n_atoms = len(scene.positions)
    assert_array_equal(patches.image_indices_, np.repeat([0, 1], n_atoms))
    assert [kept.all() for kept in patches.kept_] == [True, True]
    flipped = windows[n_atoms:].reshape(-1, 15, 15)[:, ::-1]
    assert_allclose(flipped, windows[:n_atoms].reshape(-1, 15, 15), atol=1e-6)


def test_it_composes(scene):
    pipeline = make_pipeline(AtomPatches(Known(scene.positions), window_size=15), PCA(2))
    embedding = clone(pipeline).fit_transform(scene.image)
    assert embedding.shape[1] == 2
    assert len(embedding) < len(scene.positions)


def test_what_it_cannot_do(scene):
    with pytest.raises(ValueError, match=r"none of 1 atoms has a window of 95 px.*reflect"):
        AtomPatches(window_size=95).fit(scene.image, positions=[[3, 3]])
    with pytest.raises(ValueError, match="no image has two atoms"):
        AtomPatches().fit(scene.image, positions=[[3, 3]])
    with pytest.raises(ValueError, match="positions holds 1 tables for 2 images"):
        AtomPatches(window_size=3).fit([scene.image] * 2, positions=[[[3, 3]]])
    fitted = AtomPatches(window_size=3).fit(scene.image, positions=scene.positions)
    with pytest.raises(ValueError, match="give positions here too"):
        fitted.transform(scene.image)
    with pytest.warns(NoAtomsWarning, match="image 0 has no atom with a window of 3 px"):
        assert fitted.transform(scene.image, positions=[]).shape == (0, 9)


def test_warnings_name_the_line_of_the_caller(scene):
    patches, images, positions = AtomPatches(window_size=3), [scene.image] * 2, scene.positions
    for call in (
        lambda: patches.fit(images, positions=[positions, []]),
        lambda: patches.fit_transform(images, positions=[positions, []]),
        lambda: patches.transform(scene.image, positions=[]),
        lambda: patches.extract(scene.image, positions=[]),
    ):
        with pytest.warns(NoAtomsWarning) as caught:
            call()
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_set_params,
        check_parameters_default_constructible,
    ],
)
def test_scikit_learn_checks(check):
    check("AtomPatches", AtomPatches())
