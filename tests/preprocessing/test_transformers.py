"""What every transformer does, and what each is for."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from logstar import LoGStarDetector, preprocessing
from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.preprocessing import (
    BackgroundSubtractor,
    GaussianDenoiser,
    LocalContrast,
    NonLocalMeansDenoiser,
    PatchPCADenoiser,
    ScanDistortionCorrector,
    ScanLineCorrector,
    WienerDenoiser,
)
from logstar.preprocessing._noise import noise_level

ALL = [
    BackgroundSubtractor(),
    BackgroundSubtractor("rolling_ball", size=8),
    BackgroundSubtractor("morphological"),
    BackgroundSubtractor("polynomial"),
    GaussianDenoiser(),
    LocalContrast(),
    NonLocalMeansDenoiser(3, 4),
    PatchPCADenoiser(12),
    ScanDistortionCorrector(),
    ScanLineCorrector(),
    WienerDenoiser(),
]
CHECKS = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_mixin_order,
]
each = pytest.mark.parametrize("transformer", ALL, ids=repr)


@pytest.fixture
def image():
    return make_scene(shape=(64, 72), sigma=3.0, noise=0.2, random_state=0).image


def shown_to(transformer, image):
    """What corrects by the crystal needs some cells of it."""
    if isinstance(transformer, ScanDistortionCorrector):
        return make_scene(Lattice.perovskite(4.0, 0.2), (128, 136), noise=0.1, random_state=0).image
    return image


def test_all_are_here():
    assert {type(transformer).__name__ for transformer in ALL} == set(preprocessing.__all__)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@each
def test_scikit_learns_checks_without_data(check, transformer):
    check(type(transformer).__name__, clone(transformer))


@each
def test_images_and_stacks(transformer, image):
    image = shown_to(transformer, image)
    single = clone(transformer).fit_transform(image)
    assert single.shape == image.shape
    assert single.dtype == np.float32
    before = image.copy()
    fitted = clone(transformer).fit(image)
    stack = fitted.transform(np.stack([image, image]))
    listed = fitted.transform([image, image])
    assert isinstance(listed, list)
    for result in (*stack, *listed, pickle.loads(pickle.dumps(fitted)).transform(image)):
        assert_array_equal(result, single)
    assert_array_equal(image, before)
    assert clone(transformer).fit_transform(image.astype(np.float64)).dtype == np.float64


@each
def test_scale_and_offset_change_nothing_else(transformer, image):
    """Denoisers commute with both; background and contrast take off one or both."""
    image = shown_to(transformer, image)
    plain = clone(transformer).fit_transform(image.astype(np.float64))
    other = clone(transformer).fit_transform(50.0 * image.astype(np.float64) + 300)
    if isinstance(transformer, LocalContrast):
        expected = plain
    elif isinstance(transformer, BackgroundSubtractor):
        expected = 50 * plain
    else:
        expected = 50 * plain + 300
    # Rounding may put pixels into other bins of its mean cell, which shifts rows by 0.003 px.
    tolerance = 0.1 if isinstance(transformer, ScanDistortionCorrector) else 1e-3
    assert_allclose(other, expected, atol=tolerance)


@each
def test_what_is_no_image_is_refused(transformer):
    bad = np.ones((32, 32))
    bad[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        clone(transformer).fit(bad)
    with pytest.raises(ValueError, match="2-D"):
        clone(transformer).fit(np.ones(5))


@each
def test_before_a_detector(transformer, image):
    image = shown_to(transformer, image)
    atoms = make_pipeline(clone(transformer), LoGStarDetector(2, 4, 4, 0.05)).fit_predict(image)
    assert atoms.shape[1] == 3
    assert len(atoms) > 5


def test_only_what_learns_has_to_be_fitted(image):
    with pytest.raises(NotFittedError):
        PatchPCADenoiser().transform(image)
    assert GaussianDenoiser().transform(image).shape == image.shape


@pytest.mark.parametrize(
    "bad",
    [
        BackgroundSubtractor("median"),
        BackgroundSubtractor(size=0.5),
        BackgroundSubtractor("polynomial", degree=-1),
        GaussianDenoiser(0.0),
        LocalContrast(size=0.0),
        NonLocalMeansDenoiser(0),
        NonLocalMeansDenoiser(strength=0.0),
        NonLocalMeansDenoiser(noise=-1.0),
        ScanDistortionCorrector(polarity="grey"),
        ScanDistortionCorrector(bending="columns"),
        ScanDistortionCorrector(scale="crystal"),
        ScanDistortionCorrector(max_shift=0.0),
        ScanLineCorrector(0.0),
        ScanLineCorrector(n_iter=0),
    ],
    ids=repr,
)
def test_parameters_are_named_when_refused(bad, image):
    names = bad.get_params()
    with pytest.raises(ValueError, match=" must be ") as error:
        bad.fit(image)
    assert str(error.value).split()[0] in names


def test_a_gaussian_is_scipys(image):
    expected = ndimage.gaussian_filter(image, 1.7)
    assert_array_equal(GaussianDenoiser(1.7).fit_transform(image), expected)


@pytest.mark.parametrize("noise", [0.1, 2.0])
def test_noise_is_measured(noise, rng):
    image = make_scene(shape=(128, 128), sigma=3.0, random_state=0).image
    noisy = image + noise * rng.normal(size=image.shape)
    assert noise_level(noisy) == pytest.approx(noise, rel=0.05)


def test_the_noise_of_three_by_three_pixels():
    # One second difference, of four times the middle less what the corners have of it.
    assert noise_level(np.pad([[6.0]], 1)) == 4
    assert noise_level(np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]])) == pytest.approx(1 / 6)
    assert noise_level(np.ones((2, 9))) == 0


def test_a_background_of_degree_0_is_the_mean(rng):
    image = rng.random((20, 30))
    flat = BackgroundSubtractor("polynomial", degree=0).fit_transform(image)
    assert_allclose(flat, image - image.mean(), atol=1e-12)


@pytest.mark.parametrize("method", ["gaussian", "rolling_ball", "morphological", "polynomial"])
def test_background_goes_and_atoms_stay(method):
    flat = make_scene(shape=(160, 160), sigma=3.0, random_state=0).image.astype(np.float64)
    slope = np.add.outer(np.linspace(0, 3, 160), np.linspace(0, 2, 160))
    result = BackgroundSubtractor(method, size=15).fit_transform(flat + slope)
    inner = (slice(40, -40),) * 2
    left = result[inner] - flat[inner]
    assert abs(left[-40:, -40:].mean() - left[:40, :40].mean()) < 0.1
    assert np.corrcoef(result[inner].ravel(), flat[inner].ravel())[0, 1] > 0.95


def test_polynomials_are_those_of_least_squares(rng):
    image = rng.normal(size=(20, 30))
    rows, cols = np.indices(image.shape) / 10
    columns = [rows**i * cols**j for i in range(3) for j in range(3 - i)]
    design = np.stack(columns, axis=-1).reshape(-1, len(columns))
    fitted = design @ np.linalg.lstsq(design, image.ravel(), rcond=None)[0]
    found = BackgroundSubtractor("polynomial", degree=2).fit_transform(image)
    assert_allclose(found, image - fitted.reshape(image.shape), atol=1e-9)


def test_wiener_leaves_vacancies_as_empty_as_they_are():
    """The filter is the same in all directions: it carries nothing from cell to cell."""
    impulse = np.zeros((65, 65))
    impulse[32, 32] = 1.0
    noisy = make_scene(shape=(65, 65), sigma=3.0, noise=0.5, random_state=0).image
    with_, without = (WienerDenoiser().fit_transform(noisy + x) for x in (5 * impulse, 0))
    response = np.abs(with_ - without)
    far = np.hypot(*(np.indices((65, 65)) - 32)) > 14
    # What the impulse changes of the filter itself is included.
    assert response[far].max() < 0.1 * response.max()


def test_scan_lines_are_straightened():
    truth = make_scene(shape=(96, 96), sigma=3.0, random_state=0).image
    shaky = make_scene(shape=(96, 96), sigma=3.0, scan_jitter=0.7, random_state=0).image
    rms = [
        np.sqrt(np.mean((image - truth) ** 2))
        for image in (shaky, ScanLineCorrector().fit_transform(shaky))
    ]
    assert rms[1] < 0.6 * rms[0]


def test_known_shifts_are_found():
    truth = make_scene(shape=(80, 96), sigma=3.0, random_state=0).image
    shifts = np.zeros(80)
    shifts[[20, 41, 63]] = 1.5, -1.0, 0.4
    moved = np.stack(
        [
            ndimage.shift(row, s, order=3, mode="nearest")
            for row, s in zip(truth, shifts, strict=True)
        ]
    )
    found = ScanLineCorrector().shifts(moved)
    assert_allclose(found[[20, 41, 63]], [1.5, -1.0, 0.4], atol=0.25)
    assert np.median(np.abs(found)) < 0.1
