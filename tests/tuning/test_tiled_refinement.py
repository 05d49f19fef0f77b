"""Positions refined tile by tile, beside those of the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from logstar._validation import as_image
from logstar.metrics import detection_metrics
from logstar.tuning import _tiled_refinement, find_atoms_tiled
from logstar.tuning._refining import refine_atoms

from .large_scene import OPTIONS, SHAPE, large_scene


@pytest.fixture
def scene():
    return large_scene()


@pytest.mark.parametrize("how", ["window", "joint"])
def test_atoms_are_refined_as_in_the_whole_image(scene, monkeypatch, how):
    monkeypatch.setattr(_tiled_refinement, "_SIDE", 250)
    found = find_atoms_tiled(scene.image, **OPTIONS, n_parts=1, refine=how).atoms_
    raw = find_atoms_tiled(scene.image, **OPTIONS, n_parts=1, refine=None).atoms_
    whole = refine_atoms(as_image(scene.image), np.asarray(raw), how=how, polarity="bright")
    expected = whole.atoms[:, :2]
    np.testing.assert_array_equal(found["response"], raw["response"])
    assert (found["status"] == whole.status).mean() > 0.99
    apart = np.hypot(*(found.positions - expected).T)
    # Far less than what noise leaves uncertain of each.
    by_error = apart / found["row_error"]
    assert np.nanmedian(by_error) < 0.01
    assert np.nanquantile(by_error, 0.99) < 0.2
    exact, rough = (
        detection_metrics(one, scene.positions, shape=SHAPE, margin=8).rmse for one in (found, raw)
    )
    assert exact < 0.9 * rough
