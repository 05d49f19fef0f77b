"""A small crystal, and its atoms found: what most tests of the main job begin with."""

from __future__ import annotations

import pytest

from logstar import AtomFinder
from logstar.datasets import Scene, make_scene
from tests.tuning.common import CRYSTAL


@pytest.fixture(scope="session")
def scene() -> Scene:
    return make_scene(CRYSTAL, (150, 170), rotation=11, noise=0.05, random_state=0)


@pytest.fixture(scope="session")
def finder(scene: Scene) -> AtomFinder:
    return AtomFinder(CRYSTAL).fit(scene.image)
