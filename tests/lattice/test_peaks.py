"""Bragg peaks, against transforms and maxima that are computed the long way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.lattice._peaks import (
    _N_SAMPLED,
    _above,
    _noise_of_rings,
    _refined,
    _ring,
    _sample,
    find_peaks,
    flatten,
)

CUBIC = Lattice.perovskite(3.905, 0.2)


@pytest.fixture(scope="module")
def flat():
    return flatten(make_scene(CUBIC, (211, 180), rotation=8, noise=0.3, random_state=3).image)


def transform(windowed, frequencies):
    """The transform at any frequencies, in double precision."""
    rows, cols = (np.arange(size) for size in windowed.shape)
    across = np.exp(-2j * np.pi * np.outer(frequencies[:, 0], rows))
    along = np.exp(-2j * np.pi * np.outer(cols, frequencies[:, 1]))
    return np.einsum("nr,rc,cn->n", across, windowed, along)


def hann(flat):
    return flat * np.outer(*(np.hanning(size + 2)[1:-1] for size in flat.shape))


class TestFlatten:
    @pytest.mark.parametrize("values", ["lattice", "noise"])
    def test_percentiles_of_a_sample_have_the_stated_ranks(self, values, rng):
        if values == "lattice":
            image = make_scene(CUBIC, (1024, 1024), noise=0.05, random_state=0).image
        else:
            image = rng.normal(size=(1024, 1500))
        assert image.size > 10 * _N_SAMPLED
        low, high = np.percentile(_sample(image), [0.1, 99.9])
        for share in ((image < low).mean(), (image > high).mean()):
            assert 0.0006 < share < 0.0014

    def test_few_pixels_are_all_taken(self, rng):
        image = rng.normal(size=(200, 300))
        assert _sample(image) is image

    def test_the_background_and_the_scale_are_taken_off(self, rng):
        image = rng.normal(size=(120, 140))
        rows, cols = np.linspace(-1, 1, 120)[:, None], np.linspace(-1, 1, 140)
        uneven = 1e6 + 1e-3 * (image + 5 * rows**2 * cols - 3 * cols**3 + 40)
        # A change of a thousandth in a million is lost in single precision.
        flat = flatten(uneven)
        assert abs(flat.mean()) < 1e-6
        assert 0.1 < np.ptp(flat) < 2
        assert np.corrcoef(flat.ravel(), image.ravel())[0, 1] > 0.98

    def test_hot_pixels_are_clipped(self, rng):
        image = rng.normal(size=(100, 100))
        image[3, 4] = 1e9
        assert flatten(image).max() < 2.5

    def test_outside_of_the_mask_it_is_zero(self, rng):
        mask = np.zeros((90, 90), dtype=bool)
        mask[10:60, 20:80] = True
        flat = flatten(rng.normal(size=(90, 90)), mask)
        assert not flat[~mask].any()
        assert flat[30:40, 40:60].std() > 0.05


class TestMaxima:
    def test_refined_frequencies_are_maxima_of_the_whole_transform(self, flat):
        # The stated accuracy is 0.01 bins: half of that is left to the interpolation.
        found = find_peaks(flat)
        assert len(found.frequencies) > 8
        windowed = hann(flat.astype(np.float64))
        best = found.frequencies.copy()
        for size in (0.1, 0.02, 0.004, 0.001):
            for axis in (0, 1):
                step = np.zeros(2)
                step[axis] = size / flat.shape[axis]
                trials = np.stack(
                    [np.abs(transform(windowed, best + i * step)) for i in range(-3, 4)]
                )
                best += (trials.argmax(axis=0) - 3)[:, None] * step
        off = np.abs(best - found.frequencies) * flat.shape
        strong = found.heights > 30
        assert strong.sum() > 6
        assert off[strong].max() < 0.005

    def test_one_wave_is_found_where_it_is(self):
        rows, cols = np.mgrid[:128, :160]
        for frequency in ([0.1013, 0.0771], [-0.2107, 0.1502], [0.0, 0.1234], [0.3001, 0.0]):
            wave = np.cos(2 * np.pi * (frequency[0] * rows + frequency[1] * cols) + 1.0)
            found = find_peaks(flatten(wave)).frequencies[0]
            off = min(np.abs(sign * found - frequency).max() for sign in (1, -1))
            assert off * 160 < 0.02

    def test_bins_are_those_of_the_whole_power_spectrum(self, flat):
        shape = flat.shape
        spectrum = np.fft.rfft2(hann(flat)).astype(np.complex64)
        least = 40 * _noise_of_rings(spectrum, shape)
        found = {tuple(place) for place in _above(spectrum, shape, least)}
        power = np.abs(np.fft.fft2(hann(flat))) ** 2
        rows, cols = (np.fft.fftfreq(size, 1 / size).astype(int) for size in shape)
        expected = set()
        for row, col in np.ndindex(shape):
            radius = math.hypot(rows[row] / shape[0], cols[col] / shape[1])
            right = cols[col] > 0 or (cols[col] == 0 and rows[row] >= 0)
            if right and 3 / min(shape) < radius < 0.45:
                ring = int(radius * min(shape) / 2)
                if power[row, col] > least[ring]:
                    expected.add((rows[row], cols[col]))
        # Rings are told in single precision, so a bin at the limit of two may be in either.
        assert len(found ^ expected) <= 2
        assert len(expected) > 20

    @pytest.mark.parametrize("shape", [(256, 256), (300, 128), (512, 500)])
    def test_the_mean_of_noise_is_right(self, shape, rng):
        spectrum = np.fft.rfft2(rng.normal(size=shape)).astype(np.complex64)
        noise = _noise_of_rings(spectrum, shape)
        outer = noise[10 : int(0.45 * min(shape) / 2)]
        ratio = outer / (shape[0] * shape[1])
        assert ratio.mean() == pytest.approx(1.0, abs=0.03)
        assert ratio.std() < 0.08

    def test_at_all_rotations_and_shapes_peaks_are_sorted_and_in_one_half(self):
        for shape in ((32, 33), (509, 120), (131, 257)):
            image = make_scene(CUBIC, shape, rotation=21, noise=0.05, random_state=1).image
            found = find_peaks(flatten(image))
            assert (np.diff(found.powers) <= 0).all()
            assert (found.frequencies[:, 1] > -0.5 / shape[1]).all()

    def test_bins_around_a_peak_may_be_beyond_the_edges_of_the_spectrum(self):
        # The first and the last column of the half that is kept, and the first row.
        rows, cols = np.mgrid[:64, :64]
        for place in ([0.0, 0.44], [0.44, 0.0], [0.05, 0.02]):
            wave = hann(np.cos(2 * np.pi * (place[0] * rows + place[1] * cols)))
            spectrum = np.fft.rfft2(wave).astype(np.complex64)
            start = np.round(np.array([place]) * 64).astype(int)
            found = _refined(spectrum, (64, 64), start)[0] / 64
            reference = np.abs(transform(wave, found[None]))
            for step in ([0.03, 0], [-0.03, 0], [0, 0.03], [0, -0.03]):
                assert reference >= np.abs(transform(wave, (found + np.array(step) / 64)[None]))


def test_a_median_of_three_rings_ignores_a_peak():
    rows, cols = np.mgrid[:200, :200]
    wave = np.cos(2 * np.pi * (0.2 * rows + 0.1 * cols))
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(200, 200)), 0.3)
    with_peak, without = (
        _noise_of_rings(np.fft.rfft2(hann(image)).astype(np.complex64), (200, 200))
        for image in (noise + 5 * wave, noise)
    )
    np.testing.assert_allclose(with_peak[10:80], without[10:80], rtol=0.35)


def test_rings_are_as_wide_along_both_axes_of_an_image_that_is_not_square():
    bins = np.array([[0, 0], [2, 0], [4, 0], [0, 8], [-100, 0], [30, 80]])
    assert_array_equal(_ring(bins, (256, 512)), [0, 1, 2, 2, 50, 25])
