"""The panel that maps damage."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from logstar import Lattice, find_atoms
from logstar.napari import DamagePanel, _sample_data, add_finder


@pytest.fixture
def irradiated(viewer):
    image = _sample_data.irradiated()[0][0]
    found = find_atoms(image, lattice=Lattice.perovskite(3.905, pixel_size=0.2))
    return add_finder(viewer, found, name="film")


def test_regions_are_shown_and_listed(panel, irradiated, viewer, wait):
    one = panel(DamagePanel)
    one.map.click()
    wait(one)
    layer = viewer.layers["damage of film"]
    assert isinstance(layer, Labels)
    truth = _sample_data.irradiated()[1][0] > 0
    found = layer.data > 0
    assert (truth & found).sum() / (truth | found).sum() > 0.85
    np.testing.assert_array_equal(layer.scale, irradiated.scale)
    assert one.regions.rowCount() == 2
    assert one.regions.item(0, 0).text() == "amorphous"
    # A click at the smaller region looks at it; its middle is told to the sample's simulator.
    one.regions.cellClicked.emit(1, 0)
    center = getattr(viewer, "scene", viewer).camera.center
    assert center[-2:] == pytest.approx((270 * 0.02, 280 * 0.02), abs=0.1)


def test_a_second_map_takes_the_place_of_the_first(panel, atoms, viewer, wait):
    one = panel(DamagePanel)
    for _ in range(2):
        one.map.click()
        wait(one)
    assert one.status.text() == "crystal everywhere"
    assert [layer.name for layer in viewer.layers] == ["image", atoms.name, "damage of image"]


def test_without_atoms(panel):
    one = panel(DamagePanel)
    one.map.click()
    assert "find the atoms of an image first" in one.status.text()
