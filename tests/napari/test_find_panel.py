"""The panel that finds atoms."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Points
from numpy.testing import assert_array_equal

from logstar.napari import FindAtomsPanel, _finding, atoms_of
from logstar.napari._layers import image


@pytest.fixture
def picture(add, scene):
    (layer,) = add([image(scene.image, name="film", pixel_size=scene.pixel_size)])
    return layer


def test_atoms_are_found_and_shown(panel, picture, viewer, finder, wait):
    one = panel(FindAtomsPanel)
    assert one.images.layer is picture
    assert one.pixel_size.text() == "0.02 nm"
    one.crystal.setCurrentText(_finding.PEROVSKITE)
    one.edge.setValue(4.0)
    one.find.click()
    wait(one)
    layer = viewer.layers["atoms of film"]
    assert isinstance(layer, Points)
    assert_array_equal(layer.data, finder.atoms_.positions)
    assert_array_equal(layer.scale, picture.scale)
    assert {"kind", "sigma", "row_error", "col_error", "intensity"} <= set(layer.features)
    assert atoms_of(layer).columns[:3] == ("row", "col", "sigma")
    assert one.status.text().startswith("72 atoms: ok")


def test_cancel_leaves_no_layer(panel, picture, viewer, wait, qtbot):
    one = panel(FindAtomsPanel)
    one.find.click()
    qtbot.waitUntil(one.cancel.isEnabled)
    one.cancel.click()
    wait(one)
    assert list(viewer.layers) == [picture]
    assert one.status.text() == "cancelled"
    # And it can be begun again.
    one.find.click()
    wait(one)
    assert len(viewer.layers) == 2


def test_atoms_are_looked_for_where_labels_are(panel, picture, viewer, wait):
    where = np.zeros(picture.data.shape, dtype=np.uint8)
    where[:64] = 1
    labels = viewer.add_labels(where, scale=picture.scale)
    one = panel(FindAtomsPanel)
    one.within.choose(labels)
    one.find.click()
    wait(one)
    rows = viewer.layers["atoms of film"].data[:, 0]
    assert 20 < len(rows) < 50
    assert rows.max() < 66


def test_what_cannot_be_is_told(panel, picture, viewer, wait):
    one = panel(FindAtomsPanel)
    one.pixel_size.setText("0.2 parsec")
    one.find.click()
    assert "parsec" in one.status.text()
    one.pixel_size.setText("0.5 A")  # for which the image shows another crystal
    one.crystal.setCurrentText(_finding.PEROVSKITE)
    one.edge.setValue(4.0)
    one.find.click()
    wait(one)
    assert list(viewer.layers) == [picture]
    assert "pixel size" in one.status.text()


def test_without_an_image(panel):
    one = panel(FindAtomsPanel)
    one.find.click()
    assert one.status.text() == "open an image first: there is none."


@pytest.mark.parametrize(
    ("choice", "shown"),
    [(_finding.OWN, set()), (_finding.PEROVSKITE, {"edge"}), (_finding.CIF, {"cif", "zone"})],
)
def test_it_asks_for_what_the_crystal_needs(panel, choice, shown):
    one = panel(FindAtomsPanel)
    one.crystal.setCurrentText(choice)
    rows = {"edge": one.edge, "cif": one._cif_row, "zone": one.zone}
    assert {name for name, row in rows.items() if one.form.isRowVisible(row)} == shown
