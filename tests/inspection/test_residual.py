"""An image, the peaks fitted to it, and what they leave."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from logstar.datasets import make_scene
from logstar.inspection import ResidualDisplay
from logstar.lattice import Lattice
from logstar.refinement import GaussianRefiner


@pytest.fixture(scope="module")
def scene():
    lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    return make_scene(lattice, (120, 140), noise=0.03, random_state=0)


@pytest.mark.filterwarnings("ignore::logstar.exceptions.CorrelatedNoiseWarning")
def test_what_is_not_fitted_is_seen(scene, tmp_path):
    middle = int(np.hypot(*(scene.positions - (60, 70)).T).argmin())
    starts = np.delete(scene.positions, middle, axis=0)
    # An atom that is not there: its fit fails, and is marked.
    starts = np.concatenate([starts, scene.positions[:1] + 5.0])
    refined = GaussianRefiner().refine(scene.image, starts)
    display = ResidualDisplay(refined, scene.image)
    path = display.save(tmp_path / "residual.png")
    assert np.asarray(Image.open(path)).std() > 10
    np.testing.assert_array_equal(display.residual_, refined.residual_image(scene.image))
    brightest = np.unravel_index(display.residual_.argmax(), display.residual_.shape)
    assert np.hypot(*(brightest - scene.positions[middle])) < 2
    assert display.limit_ < display.residual_.max()
    raw, fitted, left = display.axes_
    assert raw.images[0].get_clim() == fitted.images[0].get_clim()
    assert left.images[0].get_clim() == (-display.limit_, display.limit_)
    failed = int((~refined.converged).sum())
    assert failed
    assert left.get_legend().get_texts()[0].get_text() == f"{failed} not fitted"


def test_its_range_of_colors_can_be_chosen(scene):
    refined = GaussianRefiner().refine(scene.image, scene.positions)
    display = ResidualDisplay(refined, scene.image).plot(limit=0.5)
    assert display.limit_ == 0.5
    with pytest.raises(TypeError, match="refinement must be a Refinement"):
        ResidualDisplay(scene.positions, scene.image).plot()
