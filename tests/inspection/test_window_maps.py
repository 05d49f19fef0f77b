"""Several maps of windows beside one another."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from logstar.inspection import WindowMapsDisplay

MAPS = {name: np.arange(6.0).reshape(2, 3) for name in ("threshold", "qc", "er", "significance")}
CENTRES = [10.0, 30.0], [10.0, 30.0, 50.0]


def test_each_map_has_axes_and_its_name() -> None:
    display = WindowMapsDisplay(MAPS, *CENTRES).plot()
    assert [ax.get_title() for ax in display.axes_] == list(MAPS)
    for name, one in display.displays_.items():
        assert np.array_equal(one.image_.get_array(), MAPS[name])
    # Four maps, each with its bar of colours; what is left of the second row is blank.
    assert len(display.figure_.axes) == 8
    plt.close(display.figure_)


def test_a_file_is_as_wide_as_its_maps(tmp_path: Path) -> None:
    sizes = []
    for n in (1, 2, 4):
        some = dict(list(MAPS.items())[:n])
        path = WindowMapsDisplay(some, *CENTRES).save(tmp_path / f"{n}.png")
        with Image.open(path) as picture:
            sizes.append(picture.size)
    (width, height), two, four = sizes
    assert two == (2 * width, height)
    assert four == (3 * width, 2 * height)


def test_there_has_to_be_a_map() -> None:
    with pytest.raises(ValueError, match="maps is empty"):
        WindowMapsDisplay({}, *CENTRES).plot()
