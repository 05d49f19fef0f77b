"""Rewards of images alone, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.preprocessing import GaussianDenoiser
from logstar.rewards import ContrastToNoise, FourierSharpness, NormalizedVariance

ALL = [NormalizedVariance(), FourierSharpness(), ContrastToNoise()]


def _waves(frequency: float, amplitude: float, mean: float = 1.0) -> Any:
    return mean + amplitude * np.cos(2 * np.pi * frequency * np.arange(256)) * np.ones((192, 1))


def test_normalized_variance_of_waves_and_of_counts() -> None:
    reward = NormalizedVariance()
    # A cosine of height a has the variance a^2 / 2.
    assert reward.measure(_waves(1 / 16, 0.3, mean=2.0)) == pytest.approx(0.3**2 / 2 / 2.0**2)
    counts = np.random.default_rng(0).poisson(50, (256, 256))
    assert reward.measure(counts) == pytest.approx(1 / 50, rel=0.02)


def test_fourier_sharpness_of_waves_is_that_of_their_gradient() -> None:
    """The mean square of the gradient over (2 pi)^2, by Parseval; not changed by white noise."""
    reward = FourierSharpness()
    clean = _waves(0.1, 0.4, mean=2.0)
    expected = (0.1 * 0.4 / 2.0) ** 2 / 2
    assert reward.measure(clean) == pytest.approx(expected, rel=2e-3)
    rng = np.random.default_rng(0)
    noisy = [reward.measure(clean + rng.normal(0, 0.15, clean.shape)) for _ in range(40)]
    assert np.mean(noisy) == pytest.approx(expected, abs=3 * np.std(noisy) / math.sqrt(40))
    assert np.std(noisy) < 0.3 * expected


def test_fourier_sharpness_of_odd_and_of_narrow_images_equals_the_whole_spectrum() -> None:
    for shape in ((31, 17), (32, 9), (5, 4)):
        image = 1 + np.random.default_rng(1).uniform(size=shape)
        window = np.outer(*(np.hanning(length + 2)[1:-1] for length in shape))
        pixels = image - image.mean()
        pixels = window * (pixels - (window * pixels).sum() / window.sum())
        power = np.abs(np.fft.fft2(pixels)) ** 2 / (pixels.size * (window**2).sum())
        q2 = np.add.outer(np.fft.fftfreq(shape[0]) ** 2, np.fft.fftfreq(shape[1]) ** 2)
        floor = power[q2 > 0.25].mean()
        expected = (q2 * (power - floor))[q2 <= 0.25].sum() / image.mean() ** 2
        assert FourierSharpness().measure(image) == pytest.approx(expected)


def test_contrast_to_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, (192, 256))
    assert ContrastToNoise().measure(noise) < 0.15
    # The rms of the cosine is its height over the root of 2.
    found = ContrastToNoise().measure(_waves(1 / 32, 0.6) + noise)
    assert found == pytest.approx(0.6 / math.sqrt(2) / 0.2, rel=0.02)
    gained = ContrastToNoise().measure(7 * (_waves(1 / 32, 0.6) + noise) - 90)
    assert gained == pytest.approx(found)
    # A plane has no second differences: its noise is the rounding of its numbers, not 0.
    assert np.isfinite(ContrastToNoise().measure(np.add.outer(np.arange(64.0), np.arange(64.0))))


@pytest.mark.parametrize("reward", ALL)
def test_a_sharper_image_is_better(reward: Any) -> None:
    sharp = make_scene(shape=(128, 128), background=0.1, noise=0.02, random_state=0).image
    blurred = ndimage.gaussian_filter(sharp, 1.5)
    rng = np.random.default_rng(0)
    blurred = blurred + rng.normal(0, 0.02, blurred.shape)
    assert reward.measure(sharp) > reward.measure(blurred)
    assert reward.measure([sharp, blurred]).tolist() == [
        reward.measure(sharp),
        reward.measure(blurred),
    ]
    assert reward(None, [sharp, blurred]) == pytest.approx(
        (reward.measure(sharp) + reward.measure(blurred)) / 2
    )
    # Of a transformer it scores what that makes of the image.
    denoiser = GaussianDenoiser(2.0).fit(sharp)
    assert reward(denoiser, sharp) == reward.measure(denoiser.transform(sharp))
    assert reward.greater_is_better
    assert reward.ideal is None


@pytest.mark.parametrize("reward", ALL)
def test_a_blank_frame_has_none(reward: Any) -> None:
    assert reward.measure(np.zeros((32, 32))) == 0.0


@pytest.mark.parametrize("reward", ALL[:2])
def test_refuses_a_mean_that_is_not_above_0(reward: Any) -> None:
    image = np.random.default_rng(0).normal(-1, 1, (32, 32))
    with pytest.raises(ValueError, match="divides by the mean intensity, which must be above 0"):
        reward.measure(image)
