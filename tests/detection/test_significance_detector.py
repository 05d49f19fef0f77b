"""The detector of what stands out of noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from logstar.detection import SignificanceDetector
from logstar.exceptions import NoAtomsWarning
from logstar.metrics import detection_metrics
from tests.detection.noises import noise_image, single_atoms


@pytest.fixture(scope="module")
def atoms():
    return single_atoms(40, (320, 320), height=2.0)


def f1(found, places):
    return detection_metrics(found[:, :2], places, tolerance=3).f1


def test_told_their_number(atoms):
    image, places = atoms
    found = SignificanceDetector(n_atoms=40).fit_predict(image)
    assert found.shape == (40, 3)
    assert f1(found, places) > 0.95


def test_told_nothing(atoms):
    image, places = atoms
    found = SignificanceDetector().fit_predict(image)
    assert f1(found, places) > 0.95


def test_fewer_false_atoms_are_fewer_atoms():
    image, _ = single_atoms(40, (320, 320), height=1.5)
    counts = [
        len(SignificanceDetector(3.0, false_alarms=rate).fit_predict(image))
        for rate in (1e-2, 1.0, 1e2)
    ]
    assert counts[0] < counts[1] < counts[2]


def test_threshold_and_plateau_say_when_the_number_changes(atoms):
    image, _ = atoms
    for detector in (SignificanceDetector(3.0), SignificanceDetector(3.0, n_atoms=25)):
        found = detector.fit(image).detect(image)
        low, high = detector.plateau_
        assert low <= detector.threshold_ <= high == found[-1, 3]
        candidates = detector.find_candidates(image, 1e-6)
        assert len(candidates.detections(detector.threshold_, 1.0)) == len(found)
        assert len(candidates.detections(0.999 * low, 1.0)) > len(found)


def test_more_than_there_are():
    image = noise_image("white", (64, 64), 0)
    detector = SignificanceDetector(2.0, n_atoms=10_000).fit(image)
    assert 0 < len(detector.predict(image)) < 200
    assert detector.plateau_[0] == 0


def test_stacks_are_lists(atoms):
    image, _ = atoms
    detector = SignificanceDetector(3.0).fit(image)
    one, two = detector.predict(np.stack([image, image]))
    np.testing.assert_array_equal(one, detector.predict(image))
    np.testing.assert_array_equal(one, two)


def test_nothing():
    with pytest.warns(NoAtomsWarning, match="nothing stands out of noise at 1 false atoms"):
        found = SignificanceDetector().fit_predict(noise_image("white", (128, 128), 1))
    assert found.shape == (0, 3)


@pytest.mark.parametrize("n_atoms", [None, 3])
def test_where_no_pixel_is_looked_at_there_is_nothing(n_atoms):
    image = noise_image("white", (32, 32), 0)
    nowhere = SignificanceDetector(2.0, n_atoms=n_atoms, mask=np.zeros((32, 32), dtype=bool))
    small = SignificanceDetector(2.0, n_atoms=n_atoms)
    for detector, pixels in (
        (nowhere, image),
        (small, image[:2, :2]),
        (small, image[:1]),
        (small, image[:, :1]),
    ):
        detector.fit(pixels)
        assert np.isfinite(detector.threshold_)
        with pytest.warns(NoAtomsWarning):
            assert detector.predict(pixels).shape == (0, 3)


def test_dark_atoms_and_clones(atoms):
    image, _ = atoms
    dark = clone(SignificanceDetector(3.0, polarity="dark")).fit_predict(-image)
    np.testing.assert_array_equal(dark, SignificanceDetector(3.0).fit_predict(image))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"atom_size": 0}, "atom_size must be"),
        ({"n_atoms": 0}, "n_atoms must be"),
        ({"false_alarms": 0}, "false_alarms must be"),
        ({"polarity": "grey"}, "polarity must be 'bright' or 'dark', got 'grey'"),
    ],
)
def test_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SignificanceDetector(**parameters).fit(np.eye(64))
