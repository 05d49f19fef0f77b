"""The display of grains."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from logstar.inspection import GrainMapDisplay
from logstar.lattice import find_grains
from tests.lattice.grain_scenes import compose, half, perovskite

SHAPE = (256, 300)


@pytest.fixture(scope="module")
def bicrystal():
    left = half(SHAPE)
    image = compose(SHAPE, [(perovskite(), 5, left), (perovskite(), 30, ~left)]).image
    return image, find_grains(image)


def test_grains_have_colours_and_numbers_inside(bicrystal):
    image, grains = bicrystal
    display = GrainMapDisplay(image, grains, pixel_size="0.2 A").plot()
    assert display.ax_.get_title() == "2 grains, misorientation 25.0 degrees"
    assert [text.get_text() for text in display.texts_] == ["1", "2"]
    for number, text in enumerate(display.texts_, start=1):
        col, row = text.get_position()
        assert grains.labels[row, col] == number
    colors = display.map_.get_array()
    for number in (1, 2):
        inside = colors[grains.labels == number]
        assert (inside == inside[0]).all()
    assert not np.array_equal(colors[grains.labels == 1][0], colors[grains.labels == 2][0])
    plt.close(display.figure_)


def test_where_no_grain_is_the_image_shows(rng):
    image = rng.normal(size=(96, 96))
    display = GrainMapDisplay(image, find_grains(image)).plot(plt.figure().add_subplot())
    assert display.ax_.get_title() == "none"
    assert not display.map_.get_array()[..., 3].any()
    plt.close(display.figure_)


def test_grains_of_another_image_are_refused(bicrystal):
    image, grains = bicrystal
    with pytest.raises(ValueError, match=r"labels of shape \(256, 300\), the image \(255, 300\)"):
        GrainMapDisplay(image[1:], grains).plot()
