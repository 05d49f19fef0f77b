"""The panel that maps strain and vectors."""

from __future__ import annotations

from napari.layers import Image, Vectors

from logstar.napari import FieldsPanel, _maps


def test_strain_as_images(panel, atoms, viewer, wait):
    one = panel(FieldsPanel)
    one.map.click()
    wait(one)
    layers = list(viewer.layers)[2:]
    assert all(isinstance(layer, Image) for layer in layers)
    assert [layer.name for layer in layers] == [
        "e_xx (%)", "e_yy (%)", "e_xy (%)", "rotation (degree)"
    ]  # fmt: skip
    assert [layer.visible for layer in layers] == [True, False, False, False]
    # It ends where the image ends, to a step of the grid.
    world = layers[0].extent.world[1]
    assert abs(world - viewer.layers["image"].extent.world[1]).max() < layers[0].scale.max()
    assert "72 of 72 atoms have a site" in one.status.text()
    assert atoms in viewer.layers


def test_polarisation_as_vectors(panel, atoms, viewer, wait):
    one = panel(FieldsPanel)
    assert not one.form.isRowVisible(one.kind)
    one.what.setCurrentText(_maps.POLARIZATION)
    assert one.form.isRowVisible(one.kind)
    assert (one.kind.currentText(), one.neighbors.currentText()) == ("B", "A")
    one.map.click()
    wait(one)
    layer = viewer.layers["polarization"]
    assert isinstance(layer, Vectors)
    assert 0 < len(layer.data) < len(atoms.data)
    assert {"length_pm", "angle", "row_error_pm"} <= set(layer.features)
    assert "consistent with zero" in one.status.text()


def test_what_cannot_be_is_told(panel, atoms, wait):
    one = panel(FieldsPanel)
    one.what.setCurrentText(_maps.POLARIZATION)
    one.kind.addItem("Xx")
    one.kind.setCurrentText("Xx")
    one.map.click()
    wait(one)
    assert "'Xx'" in one.status.text()
    assert len(atoms.data) == 72


def test_without_atoms(panel):
    one = panel(FieldsPanel)
    one.map.click()
    assert "find the atoms of an image first" in one.status.text()
