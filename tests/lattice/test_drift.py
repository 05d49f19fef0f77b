"""Maps of bending: inverted, moved, and followed by the lattice of a bent image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.datasets import make_typical_scene
from logstar.lattice import DriftField, ImageLattice
from logstar.metrics import detection_metrics
from logstar.tuning import Expectation, find_atoms


def field_of(amplitude, angle, n=24, spacing=8.0):
    rows, cols = np.indices((n, n)) / n * 2 * np.pi
    wave = amplitude * np.sin(rows + 0.3 * cols + angle)
    return DriftField(np.array([wave, 0.5 * wave[::-1]]), (spacing, spacing), (3.5, 3.5))


@given(st.floats(0, 6), st.floats(0, 6), st.lists(st.floats(-20, 210), min_size=2, max_size=10))
def test_bending_is_undone(amplitude, angle, values):
    drift = field_of(amplitude, angle)
    points = np.array(values[: len(values) // 2 * 2]).reshape(-1, 2)
    np.testing.assert_allclose(drift.bent(drift.straightened(points)), points, atol=1e-6)
    np.testing.assert_allclose(drift.straightened(drift.bent(points)), points, atol=1e-6)


def test_at_its_points_a_field_is_what_was_given():
    drift = field_of(2.0, 0.4)
    points = 3.5 + 8.0 * np.array([[0, 0], [3, 5], [23, 23]])
    expected = [drift.steps[:, r, c] for r, c in ((0, 0), (3, 5), (23, 23))]
    np.testing.assert_allclose(drift.at(points), expected, atol=1e-12)
    # Beyond the outermost points it goes on as at these.
    np.testing.assert_allclose(drift.at([[-50.0, -50.0]]), [drift.steps[:, 0, 0]])
    moved = drift.moved(10.0, -4.0)
    there = points + np.array([10.0, -4.0])
    np.testing.assert_allclose(moved.at(there), drift.at(points), atol=1e-12)
    assert drift.at(np.empty((0, 2))).shape == (0, 2)


def test_words_say_how_far():
    drift = DriftField(np.array([np.full((3, 3), 3.0), np.full((3, 3), -4.0)]), (9, 9), (4, 4))
    assert str(drift) == "bent by 4.0 px (rms)"
    assert repr(drift) == "DriftField(bent by 4.0 px (rms), 3 x 3 points)"
    assert (drift.rms, drift.largest) == (4.0, 5.0)


@pytest.mark.parametrize("seed", range(2))
def test_the_lattice_of_a_bent_image_lies_where_that_shows_it(seed):
    scene = make_typical_scene("bent_drift", (320, 320), random_state=seed)
    found = ImageLattice.from_image(scene.image)
    assert found.drift is not None
    points, kinds = found.positions()
    assert len(kinds) == len(points)
    close = 0.15 * found.nearest_distance
    assert detection_metrics(points, scene.positions, tolerance=close).f1 > 0.97
    assert found.on_lattice(scene.positions).mean() > 0.995
    refined = found.refined(scene.positions)
    assert refined.on_lattice(scene.positions).mean() > 0.995
    assert refined.a == pytest.approx(found.a, rel=2e-3)


def test_within_a_mask_drift_is_counted_from_the_image():
    scene = make_typical_scene("bent_drift", random_state=1)
    mask = np.zeros(scene.image.shape, dtype=bool)
    mask[100:, 60:] = True
    seen = Expectation.from_image(scene.image, mask=mask).image_lattice
    assert seen.drift is not None
    inside = scene.positions[(scene.positions >= [110, 70]).all(axis=1)]
    assert seen.on_lattice(inside).mean() > 0.99


def test_a_bent_crystal_is_believed_and_the_report_says_how_it_is_bent():
    scene = make_typical_scene("bent_drift", (384, 384), random_state=1)
    finder = find_atoms(scene.image)
    assert finder.verdict_.status == "ok"
    assert finder.expectation_.grains is None
    report = finder.report()
    assert "the crystal is bent by" in dict(report.rows)["drift"]
    assert report.as_dict()["lattice"]["bend_px"] > 1
