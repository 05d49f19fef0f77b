"""Counts over thresholds, and what is chosen where the expected one is uncertain."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.cli._tuning import tune_and_detect
from logstar.datasets import make_scene
from logstar.detection import LoGStarDetector, ScaleSpaceCandidates
from logstar.detection._plateaus import CountCurves
from logstar.lattice import Lattice
from logstar.metrics import detection_metrics
from logstar.rewards import ErrorRate, QualityCount
from logstar.tuning._expectation import Expectation

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def ladder():
    """Isolated candidates: 20 strong atoms, 20 weak ones, and 40 grains of noise below."""
    rng = np.random.default_rng(0)
    places = np.argwhere(np.ones((8, 10))) * 30.0
    responses = np.concatenate(
        [np.linspace(0.5, 0.4, 20), np.linspace(0.2, 0.18, 20), 0.03 * rng.uniform(0.2, 1, 40)]
    )
    responses = np.sort(responses)[::-1]
    table = np.column_stack([places, np.full(80, 2.0), responses])
    return ScaleSpaceCandidates(table, threshold=0.005)


def curves(ladder, n_expected):
    return CountCurves(ladder, np.array([0.1, 0.5]), (0.0051, 0.4), n_expected)


def test_the_plateau_of_a_setting(ladder):
    plateau = curves(ladder, 40).around(np.array([0.1]), np.array([0.5]))
    assert plateau.qc == 0
    assert plateau.low == pytest.approx(0.03, rel=0.06)
    assert plateau.high == pytest.approx(0.18, rel=0.06)
    assert plateau.threshold == pytest.approx(np.sqrt(0.03 * 0.18), rel=0.06)
    assert plateau.width == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize(
    ("n_expected", "uncertainty", "qc"),
    [
        (40, 0.0, 0.0),
        # Counts that are a little wrong: the plateau within their uncertainty.
        (37, 0.1, 3 / 37),
        (43, 0.1, -3 / 43),
        # The strong atoms alone, on the plateau between 0.2 and 0.4.
        (20, 0.05, 0.0),
    ],
)
def test_the_most_stable_within_the_uncertainty(ladder, n_expected, uncertainty, qc):
    widest = curves(ladder, n_expected).widest(uncertainty)
    # No two of these candidates overlap.
    assert widest.overlap.tolist() == [0.1, 0.5]
    assert widest.qc == pytest.approx([qc, qc])


def test_no_count_is_within_the_uncertainty(ladder):
    assert len(curves(ladder, 500).widest(0.1).qc) == 0


def test_a_sweep_adds_the_stable_setting_where_the_count_is_uncertain():
    scene = make_scene(CRYSTAL, (100, 110), rotation=5, noise=0.1, random_state=0)
    detector = LoGStarDetector(1.5, 3.5)
    wrong = 0.95 * len(scene.positions)

    class Range:
        def __init__(self, low, high):
            self.low, self.high = low, high

    ranges = {"threshold": Range(0.005, 0.4), "overlap": Range(0.01, 0.5)}
    scorers = {"qc": QualityCount(wrong), "er": ErrorRate(CRYSTAL, wrong)}
    exact = detector.sweep(scene.image, ranges=ranges, scorers=scorers)
    scorers["qc"] = QualityCount(wrong, uncertainty=0.08)
    more = detector.sweep(scene.image, ranges=ranges, scorers=scorers)
    for columns, more_columns in zip(exact, more, strict=True):
        for name, column in columns.items():
            np.testing.assert_array_equal(more_columns[name][:-1], column)
    setting, scores = ({name: v[-1] for name, v in part.items()} for part in more[:2])
    # Scores are the paper's, uncertainty or not.
    fitted = LoGStarDetector(1.5, 3.5, **setting).fit(scene.image)
    for name, scorer in scorers.items():
        assert scorer(fitted, scene.image) == pytest.approx(scores[name], abs=1e-12)
    found = detection_metrics(fitted.predict(scene.image), scene.positions)
    assert found.precision == 1
    scorers["qc"] = QualityCount(wrong, uncertainty=-1)
    with pytest.raises(ValueError, match="uncertainty must be"):
        detector.sweep(scene.image, ranges=ranges, scorers=scorers)


class TestChoice:
    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)

    @pytest.mark.parametrize("error", [-0.05, -0.02, 0.02, 0.05])
    def test_a_wrong_count_no_longer_costs_atoms(self, scene, error):
        """Threshold would be raised until true atoms drop out, or lowered into noise."""
        limit = CRYSTAL.distance_sum_threshold()
        n = (1 + error) * len(scene.positions)
        met = Expectation.from_numbers(n, limit, scene.image.shape)
        stable = Expectation.from_numbers(n, limit, scene.image.shape, uncertainty=0.08)
        f1 = [
            detection_metrics(
                tune_and_detect(scene.image, e, n_iter=9, random_state=0).detections,
                scene.positions,
            ).f1
            for e in (met, stable)
        ]
        right = Expectation.from_image(scene.image, CRYSTAL)
        tuned = tune_and_detect(scene.image, right, n_iter=9, random_state=0)
        best = detection_metrics(tuned.detections, scene.positions).f1
        assert f1[1] >= f1[0]
        assert f1[1] == pytest.approx(best, abs=0.005)
        assert tuned.is_stable

    def test_the_image_corrects_the_calibration(self, scene):
        wrong = CRYSTAL.with_pixel_size(0.25 * 1.034)
        expectation = Expectation.from_image(scene.image, wrong)
        assert expectation.pixel_size == pytest.approx(0.25, rel=0.003)
        assert "calibration is 3.4% too large" in expectation.calibration
        right = Expectation.from_image(scene.image, CRYSTAL)
        assert expectation.n_expected == right.n_expected
        assert expectation.distance_sum == pytest.approx(right.distance_sum, rel=0.005)
        alone = Expectation.from_image(scene.image)
        assert alone.n_expected == right.n_expected
        assert alone.distance_sum == pytest.approx(right.distance_sum, rel=0.005)

    def test_an_image_without_lattice_leaves_the_count_uncertain(self, rng):
        expectation = Expectation.from_image(rng.normal(size=(160, 170)), CRYSTAL)
        assert expectation.lattice is None
        assert expectation.pixel_size is None
        assert expectation.uncertainty > 0.06
        assert expectation.calibration.startswith("not confirmed by the image, which shows no")

    def test_another_crystal_is_said(self, scene):
        other = Lattice(6.0, 8.4, columns=CRYSTAL.columns, pixel_size=0.25)
        expectation = Expectation.from_image(scene.image, other)
        assert "not that of the crystal" in expectation.calibration
        assert expectation.uncertainty > 0.06

    def test_holes_are_left_out(self):
        mask = np.ones((200, 200), dtype=bool)
        mask[:, 130:] = False
        crystal = Lattice.perovskite(4.0, 0.2, mask=mask)
        scene = make_scene(crystal, (200, 200), noise=0.05, rotation=4, random_state=0)
        expectation = Expectation.from_image(scene.image, Lattice.perovskite(4.0, 0.2))
        assert expectation.field_share == pytest.approx(0.65, abs=0.04)
        assert expectation.n_expected == pytest.approx(len(scene.positions), rel=0.1)
