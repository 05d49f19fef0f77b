"""How strong noise is, against noise whose maxima are known or counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from logstar.detection import (
    NoiseTail,
    SignificanceDetector,
    SignificanceMap,
    estimate_atom_size,
)
from logstar.detection._significance import _variance_of_noise
from tests.detection.noises import KINDS, noise_image, single_atoms


class TestNoiseTail:
    def test_of_maxima_whose_distribution_is_known(self):
        # Squares of a Rayleigh distribution's values fall off exponentially.
        rng = np.random.default_rng(0)
        n = 20_000
        tail = NoiseTail.of(np.sqrt(2 * rng.exponential(size=n)))
        assert tail.n == 400
        for z in (3.5, 4.0, 5.0):
            expected = n * math.exp(-(z**2) / 2)
            assert float(tail.expected_false(z)) == pytest.approx(expected, rel=0.6)
            assert tail.threshold(expected) == pytest.approx(z, abs=0.15)

    def test_threshold_and_number_are_inverse(self):
        tail = NoiseTail(300, 2.5, 1.3)
        for n_false in (100.0, 1.0, 1e-9):
            assert float(tail.expected_false(tail.threshold(n_false))) == pytest.approx(n_false)
        assert tail.threshold(1e9) == 0

    def test_significance_is_finite(self):
        tail = NoiseTail.of([1.0, 1.0, 1.0])
        assert float(tail.significance(1e200)) == 300
        assert np.isfinite(tail.significance([0.0, -3.0])).all()

    @pytest.mark.parametrize("maxima", [[], [2.0]])
    def test_of_hardly_any_maxima(self, maxima):
        assert NoiseTail.of(maxima) == (1, 0.0, 1.0, 0.0)


class TestFalseAtoms:
    @pytest.mark.parametrize("kind", KINDS)
    def test_are_as_rare_as_asked_for(self, kind):
        # 0.4 million pixels: with 1.2 false atoms a million, more than 3 come in 1 of 600 tests.
        n_false = 0
        for seed in range(6):
            image = noise_image(kind, (256, 256), seed)
            found = SignificanceMap.of(image, size=estimate_atom_size(image))
            n_false += int((found.maxima()[:, 3] > found.threshold(1.0)).sum())
        assert n_false <= 3

    def test_of_few_electrons_are_simulated(self):
        few = SignificanceMap.of(noise_image("poisson-1", (256, 256), 0), size=2.0)
        mirrored, simulated = few.tails
        # Bright maxima of such noise are stronger than dark ones.
        assert simulated.threshold(0.1) > 1.1 * mirrored.threshold(0.1)
        assert len(SignificanceMap.of(noise_image("white", (256, 256), 0), size=2.0).tails) == 1
        many = 1e4 + noise_image("white", (256, 256), 0)
        assert len(SignificanceMap.of(many, size=2.0).tails) == 1


class TestMap:
    def test_single_atoms_are_the_strongest_maxima(self):
        image, places = single_atoms(20, (256, 256))
        maxima = SignificanceMap.of(image, size=3.0).maxima()
        assert (np.diff(maxima[:, 3]) <= 0).all()
        distances = np.linalg.norm(maxima[:20, None, :2] - places, axis=2)
        assert (distances.min(axis=1) < 3).all()
        assert (maxima[:20, 4] > 0).all()
        assert not (maxima[20:, 4] > 1).any()

    def test_no_two_are_close(self):
        maxima = SignificanceMap.of(noise_image("white", (128, 128), 0), size=2.0).maxima()
        gaps = np.linalg.norm(maxima[:, None, :2] - maxima[:, :2], axis=2)
        assert gaps[gaps > 0].min() >= 7.0

    def test_units_do_not_matter(self):
        image, _ = single_atoms(8, (192, 192))
        one = SignificanceMap.of(image, size=3.0).maxima()
        other = SignificanceMap.of(-250 * image - 77, size=3.0, polarity="dark").maxima()
        np.testing.assert_allclose(one[:, :4], other[:, :4], rtol=1e-6)

    def test_mask(self):
        image, places = single_atoms(12, (192, 192))
        mask = np.zeros(image.shape, dtype=bool)
        mask[:, :96] = True
        maxima = SignificanceMap.of(image, size=3.0, mask=mask).maxima()
        assert (maxima[:, 1] < 96).all()
        assert (maxima[:, 4] > 0).sum() == (places[:, 1] < 96).sum()

    def test_what_atoms_have_beside_their_maximum(self):
        image, places = single_atoms(6, (192, 192))
        found = SignificanceMap.of(image, size=3.0)
        maxima = found.maxima()[:6]
        np.testing.assert_array_equal(found.at(maxima + 0.9), found.at(maxima))
        np.testing.assert_array_equal(found.at(maxima), maxima[:, 3])
        assert found.at(places).shape == (6,)

    def test_an_image_smaller_than_its_surroundings(self):
        image, _ = single_atoms(1, (40, 40), sigma=2.0, height=6.0)
        assert SignificanceMap.of(image, size=2.0).maxima()[0, 4] > 0


@pytest.mark.parametrize("sigma", [1.4, 2.8, 4.0])
def test_size_of_atoms_is_estimated(sigma):
    image, _ = single_atoms(25, (320, 320), sigma=sigma, height=6.0 / sigma)
    assert estimate_atom_size(image) == pytest.approx(sigma, rel=0.45)


def test_size_where_there_are_none():
    assert estimate_atom_size(noise_image("white", (128, 128), 1)) == 1.4


@pytest.mark.parametrize("size", [0, -1, math.nan])
def test_refused_sizes(size):
    with pytest.raises(ValueError, match="size must be"):
        SignificanceMap.of(np.eye(64), size=size)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (30, 8000)])
def test_the_variance_of_noise_is_that_of_mixed_differences(shape):
    image = np.random.default_rng(0).poisson(3.0, shape).astype(float)
    kernel = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0]) / 6
    expected = float(np.mean(ndimage.convolve(image, kernel) ** 2))
    assert _variance_of_noise(image) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_strengths_have_no_unit(unit):
    image = np.random.default_rng(0).normal(0, 1, (96, 96))
    found = SignificanceMap.of(unit * image, size=2.0)
    same = SignificanceMap.of(image, size=2.0)
    np.testing.assert_allclose(found.strengths, same.strengths, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.spreads, unit * same.spreads, rtol=1e-4)


def test_the_tail_of_skewed_noise_is_that_of_bernstein():
    maxima = np.linspace(1, 6, 300)
    tail = NoiseTail.of(maxima, skewness=0.4)
    squares = maxima[::-1] ** 2 / (1 + 0.4 * maxima[::-1] / 3)
    assert tail.n == 150
    assert tail.start == maxima[::-1][150]
    assert tail.scale == pytest.approx(np.mean(squares[:150] - squares[150]) / 2)
    strengths = np.array([4.0, 7.0, 12.0])
    expected = 150 * np.exp(
        -(strengths**2 / (1 + 0.4 * strengths / 3) - squares[150]) / (2 * tail.scale)
    )
    np.testing.assert_allclose(tail.expected_false(strengths), expected)
    for strength, n_false in zip(strengths, expected, strict=True):
        assert tail.threshold(n_false) == pytest.approx(strength)
    # What is skewed to the dark side has no strong bright maxima.
    assert NoiseTail.of(maxima, skewness=-0.4) == NoiseTail.of(maxima)


@pytest.mark.filterwarnings("ignore::logstar.exceptions.NoAtomsWarning")
def test_noise_of_a_third_of_an_electron_has_few_false_atoms():
    n_false = sum(
        len(
            SignificanceDetector(atom_size=1.4).fit_predict(
                noise_image("poisson-0.3", (512, 512), seed)
            )
        )
        for seed in range(7000, 7006)
    )
    # In 1.6 million pixels, at a nominal rate of one.
    assert n_false <= 4
