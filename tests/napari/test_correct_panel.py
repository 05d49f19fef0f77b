"""The panel for atoms that are corrected by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar import AtomTable
from logstar.napari import CorrectPanel, atoms_of


@pytest.fixture
def one(panel, atoms):
    made = panel(CorrectPanel)
    assert made.atoms.layer is atoms
    return made


def by_hand(atoms):
    """Remove an atom, move one, and add one while another is selected."""
    before = atoms.data.copy()
    atoms.selected_data = {5}
    atoms.remove_selected()
    atoms.data[10] += (1.0, 0.8)
    atoms.events.data(value=atoms.data, action="changed", data_indices=(10,), vertex_indices=((),))
    atoms.selected_data = {20}
    atoms.add([before[5] + (0.6, -0.7)])
    return before


def test_what_is_done_by_hand_is_counted(one, atoms):
    assert one.changes.text() == "0 added, 0 removed, 0 moved"
    by_hand(atoms)
    assert one.changes.text() == "1 added, 1 removed, 1 moved"


def test_a_point_that_is_added_is_no_copy_of_the_selected_one(one, atoms):
    assert one.isEnabled()
    by_hand(atoms)
    last = atoms.features.iloc[-1]
    assert last["atom"] == -1
    assert np.isnan(last["sigma"])
    assert last["kind"] == ""
    assert_array_equal(atoms.border_color[-1], [1, 0, 1, 1])


def test_the_only_point_may_be_one_that_was_added(one, atoms):
    n = len(atoms.data)
    atoms.selected_data = {3}
    atoms.selected_data = set(range(n))
    atoms.remove_selected()
    atoms.add([[60.0, 60.0]])
    assert one.changes.text() == f"1 added, {n} removed, 0 moved"
    one.undo.click()
    assert one.changes.text() == "0 added, 0 removed, 0 moved"
    assert (atoms.features["kind"] != "").all()


def test_refined_again(one, atoms, finder, wait):
    before = by_hand(atoms)
    one.refine.click()
    wait(one)
    table = atoms_of(atoms)
    assert len(table) == len(finder.atoms_)
    assert one.changes.text() == "0 added, 0 removed, 0 moved"
    # Both are back where they were found, far within their errors.
    assert np.hypot(*(atoms.data[10] - before[11])) < 0.02
    assert np.hypot(*(atoms.data[-1] - before[5])) < 0.02
    assert_array_equal(table["by_hand"][[0, 10, -1]], ["", "moved", "added"])
    assert "1 added, 1 removed, 1 moved by hand" in one.status.text()
    (step,) = table.provenance["corrections"]
    assert step["removed"] == [before[5].tolist()]


def test_undo_takes_back_what_is_not_refined_and_then_the_last_step(one, atoms, wait):
    before = atoms.data.copy()
    by_hand(atoms)
    one.undo.click()
    assert_array_equal(atoms.data, before)
    by_hand(atoms)
    one.refine.click()
    wait(one)
    refined = atoms.data.copy()
    atoms.add([[3.0, 3.0]])
    one.undo.click()
    assert_array_equal(atoms.data, refined)
    one.undo.click()
    assert_array_equal(atoms.data, before)
    assert "by_hand" not in atoms_of(atoms)
    one.undo.click()
    assert_array_equal(atoms.data, before)


def test_what_is_saved(one, atoms, tmp_path, monkeypatch, finder):
    by_hand(atoms)
    path = tmp_path / "positions.json"
    monkeypatch.setattr(
        "logstar.napari._correct_panel.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    one.save.click()
    table = AtomTable.load(path)
    assert_array_equal(table.positions, atoms.data)
    assert sorted(set(table["by_hand"])) == ["", "added", "moved"]
    assert table.provenance["parameters"] == finder.atoms_.provenance["parameters"]
    assert len(table.provenance["corrections"]) == 1
    assert str(path) in one.status.text()


def test_atoms_of_a_file_are_saved_with_their_image(one, atoms, tmp_path):
    pytest.importorskip("h5py")
    one.write(str(tmp_path / "positions.hdf5"))
    assert_array_equal(AtomTable.load(tmp_path / "positions.hdf5").positions, atoms.data)


def test_nothing_to_do_is_told(one, viewer):
    one.refine.click()
    assert "nothing was changed" in one.status.text()
    viewer.layers.clear()
    one.refine.click()
    assert "must be a layer of atoms" in one.status.text()
    one.save.click()
    assert "no layer of atoms" in one.status.text()
    one.undo.click()
    assert one.changes.text() == ""
