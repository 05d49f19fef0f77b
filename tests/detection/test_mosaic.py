"""Ladders that are others at each place, against a detector with each of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from logstar import LoGStarDetector
from logstar.datasets import Scene, make_scene
from logstar.detection import DetectionPipeline
from logstar.detection._mosaic import mosaic_of, tables_of_ladders
from logstar.preprocessing import PatchPCADenoiser

LADDERS = [(1.5, 3.0), (2.25, 4.5)]
SHAPE = (96, 120)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(shape=SHAPE, noise=0.1, random_state=0)


def _detector(**told: float) -> LoGStarDetector:
    return LoGStarDetector(**{"min_sigma": 1.5, "max_sigma": 3.0, "sigma_step": 0.25, **told})


def _left_and_right(detector: LoGStarDetector) -> LoGStarDetector:
    which = np.zeros(SHAPE, dtype=np.intp)
    which[:, 60:] = 1
    return detector.set_params(which=which)


def test_each_ladder_finds_what_a_detector_of_that_ladder_does(scene: Scene) -> None:
    mosaic = mosaic_of(_detector().fit(scene.image), LADDERS)
    for (low, high), table in zip(
        LADDERS, tables_of_ladders(mosaic, scene.image, 0.01), strict=True
    ):
        alone = _detector(min_sigma=low, max_sigma=high).find_candidates(scene.image, 0.01)
        np.testing.assert_array_equal(table, alone.table)


def test_candidates_are_those_of_the_ladder_at_their_pixel(scene: Scene) -> None:
    mosaic = _left_and_right(mosaic_of(_detector().fit(scene.image), LADDERS))
    left, right = tables_of_ladders(mosaic, scene.image, 0.01)
    expected = np.vstack([left[left[:, 1] < 60], right[right[:, 1] >= 60]])
    found = mosaic.find_candidates(scene.image, 0.01)
    assert sorted(map(tuple, found.table)) == sorted(map(tuple, expected))
    assert (np.diff(found.table[:, 3]) <= 0).all()
    # All are pruned together.
    atoms = mosaic.set_params(threshold=0.03, overlap=0.1).detect(scene.image)
    np.testing.assert_array_equal(atoms, found.detections(0.03, 0.1))


def test_a_clone_finds_the_same(scene: Scene) -> None:
    mosaic = _left_and_right(mosaic_of(_detector(threshold=0.03).fit(scene.image), LADDERS))
    again = clone(mosaic).fit(scene.image)
    np.testing.assert_array_equal(again.detect(scene.image), mosaic.detect(scene.image))


def test_a_pipeline_finds_what_the_raw_image_supports(scene: Scene) -> None:
    steps = [("denoise", PatchPCADenoiser()), ("detect", _detector())]
    pipeline = DetectionPipeline(steps).fit(scene.image)
    mosaic = mosaic_of(pipeline, LADDERS)
    tables = tables_of_ladders(mosaic, scene.image, 0.01)
    _left_and_right(mosaic.steps[-1][1])
    left, right = tables
    expected = np.vstack([left[left[:, 1] < 60], right[right[:, 1] >= 60]])
    found = mosaic.find_candidates(scene.image, 0.01).table
    assert sorted(map(tuple, found)) == sorted(map(tuple, expected))
    # The pipeline it was made of is as it was.
    assert type(pipeline.steps[-1][1]) is LoGStarDetector


def test_it_has_to_be_told_which_ladder_holds_where(scene: Scene) -> None:
    mosaic = mosaic_of(_detector().fit(scene.image), LADDERS)
    with pytest.raises(ValueError, match="which is None"):
        mosaic.detect(scene.image)
