"""The map of amorphous regions, those that were rejected, and what its axes are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from logstar import LoGStarDetector
from logstar.datasets import make_scene
from logstar.inspection import AmorphousMapDisplay
from logstar.segmentation import KINDS, AmorphousGMMSegmenter
from logstar.units import PixelSize

NOTHING = np.zeros((32, 40))


@pytest.fixture(scope="module")
def scene():
    pockets = [(100, 100, 45), (205, 205, 16)]
    return make_scene(shape=(256, 256), amorphous_pockets=pockets, noise=0.05, random_state=0)


@pytest.fixture(scope="module")
def segmenter(scene):
    return AmorphousGMMSegmenter(
        LoGStarDetector(3.0, 4.5), threshold=0.5, min_atoms=12, pixel_size="0.2 A", random_state=0
    ).fit(scene.image)


def styles(ax):
    return [str(collection.get_linestyle()[0][1] is None) for collection in contours(ax)]


def contours(ax):
    return [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]


def test_a_clean_map_draws_no_contour():
    display = AmorphousMapDisplay(
        NOTHING + np.arange(40), NOTHING > 0, NOTHING, [[3, 4], [20, 20]], [0, 0], [[0.1], [0.2]]
    ).plot()
    assert display.axes_[0].get_title() == "no region"
    assert "0, as no region" in display.axes_[1].get_title()
    assert not display.axes_[0].collections
    assert display.figure_.legends == []


def test_rejected_regions_are_drawn_as_such(scene, segmenter):
    assert len(segmenter.regions_) == len(segmenter.rejected_) == 1
    display = AmorphousMapDisplay.from_estimator(segmenter, scene.image)
    for ax in display.axes_[:3]:
        assert styles(ax) == ["True", "False"]  # solid, dashed
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "amorphous",
        "looked at and rejected: too small, or too little disordered",
    ]
    kept, rejected = (
        np.concatenate([path.vertices for path in contour.get_paths()]).mean(axis=0)
        for contour in contours(display.axes_[0])
    )
    assert np.abs(kept - [100, 100]).max() < 10
    assert np.abs(rejected - [205, 205]).max() < 10


def test_kinds_have_colours_of_their_own_and_names():
    kinds = np.zeros(NOTHING.shape, dtype=np.uint8)
    kinds[2:9, 2:9] = KINDS.index("vacuum")
    kinds[20:30, 20:30] = KINDS.index("contamination")
    mask = np.zeros(NOTHING.shape, dtype=bool)
    mask[12:18, 2:9] = True
    kinds[mask] = KINDS.index("amorphous")
    display = AmorphousMapDisplay(
        NOTHING + np.arange(40), mask, mask * 1.0, [[3, 4], [9, 9]], [0, 1], [[0], [1]], kinds=kinds
    ).plot()
    (legend,) = display.figure_.legends
    lines = {
        text.get_text(): line
        for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert list(lines) == ["amorphous", "vacuum", "contamination"]
    drawn = contours(display.axes_[0])
    middles = {
        to_hex(contour.get_edgecolor()[0]): np.concatenate(
            [path.vertices for path in contour.get_paths()]
        ).mean(axis=0)
        for contour in drawn
    }
    assert middles[to_hex(lines["vacuum"].get_color())] == pytest.approx([5, 5], abs=1)
    assert middles[to_hex(lines["contamination"].get_color())] == pytest.approx([24.5, 24.5], abs=1)
    assert len(middles) == 3
    title = display.axes_[0].get_title()
    assert title == "amorphous 3.28 %, vacuum 3.83 %, contamination 7.81 %"


def test_the_axes_are_named_with_their_share(scene, segmenter):
    display = AmorphousMapDisplay.from_estimator(segmenter, scene.image)
    share = segmenter.pca_.explained_variance_ratio_[1]
    expected = f"principal component 2 of the residual around the atom ({share:.0%})"
    assert display.axes_[3].get_ylabel() == expected
    assert "crystal" in display.axes_[3].get_title()


def test_the_pixel_size_is_the_segmenters(scene, segmenter):
    display = AmorphousMapDisplay.of(segmenter, scene.image)
    assert display.pixel_size == PixelSize(0.2, "A")
    assert AmorphousMapDisplay.of(segmenter, scene.image, pixel_size=3).pixel_size.value == 3
    with pytest.raises(ValueError, match=r"shape \(256, 256\), got \(9, 9\)"):
        AmorphousMapDisplay.of(segmenter, np.eye(9))


def test_file_and_figure(scene, segmenter, tmp_path):
    display = AmorphousMapDisplay.of(segmenter, scene.image)
    with Image.open(display.save(tmp_path / "map.png")) as picture:
        assert picture.width > 1500
    figure = plt.figure()
    assert display.plot(figure).figure_ is figure
    assert len(display.axes_) == 4


@pytest.mark.parametrize("shape", [(64, 64), (20, 200), (200, 20)])
def test_panels_do_not_meet_whatever_the_shape(shape):
    image = np.random.default_rng(0).normal(size=shape)
    mask = np.zeros(shape, dtype=bool)
    mask[4:9, 4:9] = True
    display = AmorphousMapDisplay(
        image,
        mask,
        mask * 1.0,
        [[3, 4], [10, 10]],
        [0, 1],
        [[0.1, 2e4], [0.2, 3e4]],
        rejected=np.roll(mask, 8, axis=(0, 1)),
    ).plot()
    display.figure_.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in display.axes_]
    boxes += [legend.get_window_extent() for legend in display.figure_.legends]
    for i, one in enumerate(boxes):
        assert one.x0 >= 0
        assert one.x1 <= display.figure_.bbox.x1
        for other in boxes[:i]:
            assert not one.shrunk(0.99, 0.99).overlaps(other)
