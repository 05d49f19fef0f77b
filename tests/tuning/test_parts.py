"""Parts that represent a large image."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder
from logstar.tuning._looked_at import LookedAt
from logstar.tuning._parts import representative_parts, tune_on_parts

from .large_scene import CRYSTAL, large_scene


@pytest.fixture
def scene():
    return large_scene()


def test_parts_are_where_the_image_varies(scene):
    image = np.zeros((2000, 2000))
    image[1000:1640, 1100:1800] = scene.image
    for rows, cols in representative_parts(image, LookedAt.of(image.shape, None, None), 4, 256):
        assert image[rows, cols].any()
        assert (rows.stop - rows.start, cols.stop - cols.start) == (256, 256)
        assert rows.start >= 0
        assert cols.stop <= 2000


def test_parts_without_the_lattice_that_others_show_are_not_tuned_on(scene):
    image = scene.image.copy()
    image[:, 350:] = 0.2 * np.random.default_rng(0).standard_normal((len(image), 350))
    places = [(slice(40, 200), slice(col, col + 160)) for col in (20, 150, 400)]
    everywhere = LookedAt.of(image.shape, None, None)
    finder = AtomFinder(CRYSTAL, n_iter=2, refine=None)
    tuned = tune_on_parts(image, places, finder, everywhere, None, None)
    assert [one.place for one in tuned.parts] == places[:2]
    assert len(tuned.empty) == 1
    assert not tuned.are_full
    assert np.abs(tuned.quality).max() < 0.03
    tuned = tune_on_parts(image, places[:2], finder, everywhere, None, None)
    assert tuned.are_full
