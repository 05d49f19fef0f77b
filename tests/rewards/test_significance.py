"""The share of atoms that noise could explain."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.detection import SignificanceMap
from logstar.rewards import Significance
from tests.detection.noises import noise_image, single_atoms


class Finds:
    """An estimator that finds the same atoms everywhere."""

    def __init__(self, atoms):
        self.atoms = atoms

    def predict(self, X):  # noqa: ARG002
        return self.atoms


@pytest.fixture(scope="module")
def atoms():
    return single_atoms(20, (256, 256), height=3.0)


def test_true_and_false_atoms(atoms):
    image, places = atoms
    false = places[:10] + 9.0
    measure = Significance(size=3.0).measure
    assert measure(places, image) == 0
    assert measure(false, image) == 1
    assert measure(np.concatenate([places, false]), image) == pytest.approx(1 / 3)
    assert Significance(size=3.0)(Finds(false), image) == -1


def test_maxima_of_noise():
    image = noise_image("white", (192, 192), 0)
    maxima = SignificanceMap.of(image, size=2.0).maxima()[:100]
    assert Significance(size=2.0).measure(maxima, image) >= 0.98


def test_size_is_that_of_the_detections(atoms):
    image, places = atoms
    with_sigma = np.column_stack([places, np.full(20, 3.0)])
    assert Significance().measure(with_sigma, image) == 0
    assert Significance().measure(places, image) == 0


def test_dark(atoms):
    image, places = atoms
    assert Significance(3.0, polarity="dark").measure(places, -image) == 0
    assert Significance(3.0, polarity="dark").measure(places, image) == 1


def test_nothing_found_explains_nothing(atoms):
    assert Significance().measure(np.empty((0, 3)), atoms[0]) == 1


def test_each_image_of_a_stack(atoms):
    image, places = atoms
    measures = Significance(3.0).measure([places, places + 9.0], [image, image])
    np.testing.assert_array_equal(measures, [0, 1])


def test_the_image_is_needed(atoms):
    with pytest.raises(ValueError, match="significance is measured in the image"):
        Significance().measure(atoms[1])
