"""PatchPCADenoiser: what it removes, what it keeps, and its rules of thumb."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.preprocessing import GaussianDenoiser, PatchPCADenoiser, WienerDenoiser
from logstar.preprocessing._spacing import _autocorrelation, _central_radius, image_spacing
from logstar.preprocessing._votes import with_even_votes

LATTICE = Lattice.ybco(pixel_size=0.2)


def scene(noise=0.0, seed=0, shape=(128, 128), **options):
    return make_scene(LATTICE, shape, sigma=3.1, noise=noise, random_state=seed, **options)


def rms(difference):
    return float(np.sqrt(np.mean(difference**2)))


@pytest.mark.parametrize("noise", [0.25, 1.0])
def test_noise_falls_further_than_without_a_crystal_in_mind(noise):
    clean, noisy = scene().image, scene(noise).image
    errors = [
        rms(denoiser.fit_transform(noisy) - clean)
        for denoiser in (PatchPCADenoiser(), WienerDenoiser(), GaussianDenoiser(3.0))
    ]
    assert errors[0] < 0.25 * noise
    assert errors[0] < 0.75 * min(errors[1:])


def test_a_clean_image_stays_as_it_is():
    image = scene().image
    assert rms(PatchPCADenoiser().fit_transform(image) - image) < 0.01


def test_edges_are_as_good_as_the_middle():
    clean, noisy = scene().image, scene(0.5).image
    error = PatchPCADenoiser(24).fit_transform(noisy) - clean
    frame = np.ones(error.shape, dtype=bool)
    frame[12:-12, 12:-12] = False
    assert rms(error[frame]) < 1.25 * rms(error[~frame])


def test_choices_follow_spacing_and_noise():
    spacing = LATTICE.a / LATTICE.pixel_size.value
    few, many = (PatchPCADenoiser().fit(scene(noise, shape=(256, 256)).image) for noise in (1, 0.2))
    for denoiser, noise in ((few, 1), (many, 0.2)):
        assert denoiser.spacing_ == pytest.approx(spacing, abs=1)
        assert denoiser.window_size_ == round(2.5 * denoiser.spacing_)
        assert denoiser.noise_ == pytest.approx(noise, rel=0.05)
    assert 4 <= few.n_components_ < many.n_components_ < 150


@pytest.mark.parametrize("pixel_size", [0.1, 0.3])
def test_spacing_scales_with_the_pixel(pixel_size):
    lattice = Lattice.perovskite(3.905, pixel_size)
    image = make_scene(lattice, (200, 200), noise=0.5, random_state=1).image
    # The B column is as good a repetition of the A column as A itself is, nearly.
    found = image_spacing(image) / lattice.nearest_distance
    assert min(abs(found - 1), abs(found - np.sqrt(2))) < 0.08


def test_spacing_of_an_image_without_contrast_is_a_guess():
    assert image_spacing(np.zeros((64, 64))) == pytest.approx(0.08 * 64)
    assert image_spacing(np.zeros((300, 100))) == pytest.approx(0.08 * 100)
    # It is at least two pixels.
    assert image_spacing(np.zeros((8, 8))) == 2


def test_the_autocorrelation_of_a_point_is_the_smoothing():
    # A Gaussian of 1.5 px correlated with itself: exp(-r**2 / (4 * 1.5**2)), less a slow part.
    found = _autocorrelation(np.pad([[1.0]], 200), 8)
    for lag in (1, 2, 3):
        expected = np.exp(-(lag**2) / 9)
        assert found[8, 8 + lag] / found[8, 8] == pytest.approx(expected, rel=0.03)
        assert found[8 + lag, 8] == pytest.approx(found[8, 8 - lag], rel=1e-6)


@pytest.mark.parametrize(
    ("profile", "radius"),
    [([5, 3, 1, -1, -2, -2], 3), ([5, 3, 2, 3, 2, 1], 3), ([5, 4, 3, 2, 1, 0.5], 5)],
)
def test_the_central_peak_ends_at_zero_or_where_it_rises_again(profile, radius):
    rows, cols = np.indices((11, 11)) - 5
    rings = np.minimum(np.rint(np.hypot(rows, cols)).astype(int), 5)
    assert _central_radius(np.array(profile, dtype=float)[rings], 5) == radius


@pytest.mark.parametrize("period", [5, 12, 30])
def test_spacing_of_a_grid(period):
    rows, cols = np.indices((160, 200))
    image = np.cos(2 * np.pi * rows / period) + np.cos(2 * np.pi * cols / period)
    # Its highest places are a period apart along rows and columns.
    assert image_spacing(image) == pytest.approx(period, abs=0.5)


def test_learnt_on_one_image_used_on_another():
    frames = [scene(0.5, seed).image for seed in (1, 2)]
    clean = scene(0.0, 2).image
    other = PatchPCADenoiser(32).fit(frames[0]).transform(frames[1])
    own = PatchPCADenoiser(32).fit_transform(frames[1])
    assert rms(other - clean) < 1.25 * rms(own - clean)


def test_one_component_more_never_fits_worse():
    image = scene(0.3).image
    errors = [rms(PatchPCADenoiser(16, n).fit_transform(image) - image) for n in (1, 4, 16)]
    assert errors == sorted(errors, reverse=True)


def test_blocks_overlap_by_half_and_share_without_a_step(rng):
    image = rng.normal(size=(70, 45)) + 100
    blocks = list(PatchPCADenoiser(block_size=32)._blocks(image.shape))
    total = np.zeros(image.shape)
    for block in blocks:
        total[block.rows, block.cols] += block.weights
        # Where another block goes on, this one fades out.
        if block.rows.start > 0:
            assert block.weights[0].max() < 0.01
        if block.rows.stop < 70:
            assert block.weights[-1].max() < 0.01
    assert_allclose(total, 1)
    starts = sorted({block.rows.start for block in blocks})
    assert starts[0] == 0
    assert starts[-1] == 70 - 32
    assert max(np.diff(starts)) <= 16
    # No more of them than that takes.
    assert len(starts) == 4
    assert {block.rows.stop - block.rows.start for block in blocks} == {32}
    denoised = PatchPCADenoiser(8, block_size=32).fit_transform(image)
    assert abs(denoised.mean() - 100) < 0.2


class TestStacks:
    def test_the_order_of_images_is_of_no_matter(self):
        small, large = scene(0.3, 0, (64, 80)).image, scene(0.3, 1, (160, 130)).image
        one, other = (PatchPCADenoiser(16).fit(X) for X in ([small, large], [large, small]))
        assert_allclose(one.eigenvalues_, other.eigenvalues_, rtol=1e-9)
        assert one.noise_ == pytest.approx(other.noise_, rel=1e-9)
        assert_allclose(one.transform(large), other.transform(large), atol=1e-5)
        # Nor is the larger one cropped: it tells nearly all.
        alone = PatchPCADenoiser(16, one.n_components_).fit(large)
        assert_allclose(one.eigenvalues_[:4], alone.eigenvalues_[:4], rtol=0.1)

    def test_images_count_by_their_pixels(self):
        quiet, loud = scene(0.2, 0, (96, 96)).image, scene(0.8, 1, (96, 288)).image
        fitted = PatchPCADenoiser(16, 8).fit([quiet, loud])
        assert fitted.noise_ == pytest.approx(np.sqrt((0.2**2 + 3 * 0.8**2) / 4), rel=0.03)
        twice = PatchPCADenoiser(16, 8).fit([quiet, quiet])
        once = PatchPCADenoiser(16, 8).fit(quiet)
        assert_allclose(twice.eigenvalues_, once.eigenvalues_, rtol=1e-6)

    def test_the_spacing_is_the_median(self):
        images = [
            make_scene(Lattice.perovskite(3.905, size), (160, 160), random_state=0).image
            for size in (0.3, 0.2, 0.1)
        ]
        spacings = [image_spacing(image) for image in images]
        assert spacings[0] < spacings[1] < spacings[2]
        assert PatchPCADenoiser(16).fit(images).spacing_ == spacings[1]

    def test_of_blocks_the_one_with_most_components_is_told(self):
        noise = 0.3 * np.random.default_rng(0).normal(size=(128, 64))
        image = np.hstack([scene(0.3).image, noise])
        fitted = PatchPCADenoiser(16, block_size=64).fit(image)
        counts = [len(values) for values in fitted.eigenvalues_]
        assert fitted.n_components_ == max(counts) > 2 * min(counts)


@pytest.mark.parametrize(("cycles", "low", "high"), [(3, 0.9, 1.1), (5, -0.1, 0.1)])
def test_nothing_finer_than_atoms_is_kept(cycles, low, high):
    # Fringes of 3 cycles per spacing might be atoms; 5 cannot.
    image = scene(0.05, shape=(256, 256)).image
    spacing = PatchPCADenoiser().fit(image).spacing_
    fringes = np.cos(2 * np.pi * cycles * np.arange(256) / spacing)
    added = PatchPCADenoiser().fit_transform(image + 0.15 * fringes)
    left = added - PatchPCADenoiser().fit_transform(image)
    assert low < 2 * np.mean(left * fringes) / 0.15 < high


def test_windows_are_at_most_half_of_the_image():
    narrow = scene(0.3, shape=(40, 200)).image
    fitted = PatchPCADenoiser().fit(narrow)
    assert 2.5 * fitted.spacing_ > 20
    assert fitted.window_size_ == 20


@pytest.mark.parametrize("block_size", [None, 64])
def test_of_noise_beside_a_crystal_no_crystal_is_made(block_size):
    noisy, noise = (
        scene(0.3, shape=(128, 256)).image,
        0.3 * np.random.default_rng(0).normal(size=(128, 128)),
    )
    image = np.hstack([noisy[:, :128], noise.astype(np.float32)])
    denoiser = PatchPCADenoiser(32, block_size=block_size)
    shown = denoiser.fit_transform(image)
    assert rms(shown[:, 200:]) < 0.15 * 0.3
    # Columns are 1 high.
    assert np.abs(shown[:, 200:]).max() < 0.15
    assert rms(shown[:, :100] - scene(shape=(128, 256)).image[:, :100]) < 0.25 * 0.3


def contaminated(height, noise=0.3, saturation=None):
    """A crystal, in the middle of which lies something bright; where that is, and the crystal."""
    clean = scene(shape=(256, 256)).image
    far = np.hypot(*(np.indices(clean.shape) - 128.0))
    blob = height * np.exp(-((far / 60) ** 4))
    image = clean + blob + noise * np.random.default_rng(1).normal(size=clean.shape)
    if saturation is not None:
        image = np.minimum(image, saturation)
    return image, clean, far


def test_contamination_has_no_say_in_what_the_crystal_is_like():
    alone, clean, far = contaminated(0.0)
    usual = PatchPCADenoiser().fit(alone)
    for height in (8.0, 20.0):
        image, _, _ = contaminated(height)
        denoiser = PatchPCADenoiser().fit(image)
        # The lattice repeats along the diagonals as well, nearly.
        ratio = usual.spacing_ / denoiser.spacing_
        assert min(abs(ratio - 1), abs(ratio - np.sqrt(2))) < 0.03
        beside = far > 90
        error = denoiser.transform(image) - clean
        assert rms(error[beside]) < 1.4 * rms((usual.transform(alone) - clean)[beside])


def test_columns_that_are_seen_through_contamination_are_kept():
    image, clean, far = contaminated(8.0)
    below = far < 25
    shown = PatchPCADenoiser().fit_transform(image)[below]
    assert np.corrcoef(shown, clean[below])[0, 1] > 0.85


def test_where_the_detector_is_saturated_nothing_is_painted():
    image, clean, far = contaminated(8.0, saturation=3.0)
    core = far < 25
    assert np.ptp(image[core]) == 0
    shown = PatchPCADenoiser().fit_transform(image)
    assert np.ptp(shown[core]) < 0.05 * np.ptp(clean)
    assert rms((shown - clean)[far > 90]) < 0.25 * 0.3


def test_what_varies_as_noise_and_thickness_do_is_taken_as_it_is():
    # Variances that differ by a factor of 3.6 at the most have the votes that they have.
    clean = scene(shape=(256, 256)).image
    noise = np.random.default_rng(0).normal(size=clean.shape) * np.linspace(0.02, 1.3, 256)
    detail = (clean - clean.mean() + noise).astype(np.float32)
    assert with_even_votes(detail, 50) is detail


def test_the_input_may_be_anything_that_is_an_image():
    image = scene(0.3, shape=(64, 80)).image
    expected = PatchPCADenoiser(12).fit_transform(image)
    locked = image.copy()
    locked.setflags(write=False)
    for same in (locked, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
        assert_array_equal(PatchPCADenoiser(12).fit_transform(same), expected)
    threaded = PatchPCADenoiser(12, n_jobs=2).fit_transform(image)
    assert_array_equal(threaded, expected)
    counts = np.round(1000 * image).astype(np.int16)
    double = PatchPCADenoiser(12).fit_transform(counts.astype(np.float64))
    single = PatchPCADenoiser(12).fit_transform(counts)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert_allclose(single, double, atol=0.5)


def test_a_constant_image_stays_constant():
    assert_allclose(PatchPCADenoiser().fit_transform(np.full((32, 32), 7.0)), 7.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_size": 1}, "window_size must be at least 2"),
        ({"window_size": 65}, "exceeds the shorter side of an image, 64"),
        ({"window_size": 4, "n_components": 17}, r"exceeds the number of pixels .* 16"),
        ({"n_components": 0}, "n_components must be at least 1"),
        ({"block_size": 3}, "block_size must be at least 4"),
        ({"window_size": 20, "block_size": 32}, "needs blocks of at least 40"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PatchPCADenoiser(**options).fit(np.eye(64))


def test_blocks_belong_to_a_shape():
    denoiser = PatchPCADenoiser(8, block_size=32).fit(np.eye(64))
    with pytest.raises(ValueError, match=r"must have the shape .* \(64, 64\), got \(64, 66\)"):
        denoiser.transform(np.eye(64, 66))
    with pytest.raises(ValueError, match="needs images of one shape"):
        denoiser.fit([np.eye(64), np.eye(66)])
