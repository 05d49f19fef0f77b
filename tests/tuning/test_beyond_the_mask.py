"""Atoms beyond a mask are fitted together with those inside, and are not told of."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder
from logstar.metrics import match_positions
from logstar.tuning._beyond_the_mask import atoms_beyond
from tests.tuning.common import CRYSTAL


@pytest.fixture(scope="module", params=["rectangle", "disc"])
def mask(request, scene):
    rows, cols = np.indices(scene.image.shape)
    if request.param == "disc":
        return np.hypot(rows - 75, cols - 80) < 55
    return (rows > 30) & (rows < 125) & (cols > 25) & (cols < 131)


@pytest.fixture(scope="module")
def part(scene, mask):
    return AtomFinder(CRYSTAL, mask=mask).fit(scene.image)


def test_in_white_noise_errors_hold(scene, part, mask):
    assert mask[tuple(np.round(part.atoms_.positions).astype(int).T)].mean() > 0.97
    assert len(part.refinement_.atoms) == len(part.atoms_) > 40
    assert not part.refinement_.errors_are_doubtful
    assert "errors may be too small" not in str(part.report())
    assert (part.atoms_["status"] == "ok").all()
    match = match_positions(part.atoms_, scene.positions, tolerance=3.0)
    off = part.atoms_.positions[match.found_indices] - scene.positions[match.true_indices]
    sds = np.column_stack([part.atoms_["row_error"], part.atoms_["col_error"]])
    # Of some hundred coordinates, to three standard deviations.
    assert 0.54 < (np.abs(off) < sds[match.found_indices]).mean() < 0.82


def test_positions_are_those_of_the_whole_image(finder, part):
    match = match_positions(part.atoms_, finder.atoms_, tolerance=1.0)
    assert len(match.found_indices) == len(part.atoms_)
    apart = part.atoms_.positions[match.found_indices]
    apart = apart - finder.atoms_.positions[match.true_indices]
    assert np.sqrt((apart**2).mean()) < 0.2 * np.median(part.atoms_["row_error"])
    # So are errors.
    ratio = part.atoms_["row_error"][match.found_indices]
    ratio = ratio / finder.atoms_["row_error"][match.true_indices]
    assert 0.9 < np.median(ratio) < 1.1


def test_those_beyond_are_others(scene, part, mask):
    detections = np.column_stack([part.atoms_[name] for name in ("row", "col", "sigma")])
    beyond, pixels = atoms_beyond(part, part.image_, detections)
    assert not mask[tuple(beyond[:, :2].astype(int).T)].any()
    assert len(match_positions(beyond, detections, tolerance=4.0).distances) == 0
    # Each is an atom, and a row of them is all around.
    match = match_positions(beyond, scene.positions, tolerance=3.0)
    assert len(match.distances) == len(beyond) > 20
    assert pixels[mask].all()
    assert pixels.sum() > mask.sum()


def test_what_is_predicted_is_what_was_fitted(scene, part):
    np.testing.assert_array_equal(part.predict(scene.image)[:, :2], part.atoms_.positions)


def test_without_a_mask_there_is_nothing_beyond(finder):
    detections = np.column_stack([finder.atoms_[name] for name in ("row", "col", "sigma")])
    beyond, pixels = atoms_beyond(finder, finder.image_, detections)
    assert beyond.shape == (0, 3)
    assert pixels is None
