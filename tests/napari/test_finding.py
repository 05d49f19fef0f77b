"""The main job as the viewer asks for it, without a viewer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar import Lattice, find_atoms
from logstar.io import Micrograph
from logstar.napari import _finding
from logstar.units import PixelSize


@pytest.fixture
def told():
    return []


def test_the_same_atoms_as_in_python(scene, told):
    micrograph = Micrograph(scene.image, PixelSize(0.2, "A"))
    lattice = _finding.crystal_of(_finding.PEROVSKITE, a=4.0)
    finder, table = _finding.find(told.append, micrograph, {"lattice": lattice})
    expected = find_atoms(scene.image, lattice=Lattice.perovskite(4.0, pixel_size=0.2))
    assert_array_equal(table.positions, expected.atoms_.positions)
    assert set(np.unique(table["kind"])) == {"A", "B"}
    assert finder.verdict_.status == "ok"


def test_what_is_told_of_progress(scene, told):
    _finding.find(told.append, Micrograph(scene.image), {"lattice": "auto", "n_iter": 4})
    assert [one.text for one in told] == [
        "looking at the lattice", "tuning", "tuning", "tuning", "refining"
    ]  # fmt: skip
    assert [one.n_done for one in told[1:4]] == [1, 2, 3]
    assert {one.n for one in told[1:4]} == {4}


def test_what_was_found_can_be_sent_to_another_process(scene, told):
    found = _finding.find(told.append, Micrograph(scene.image), {"lattice": "auto"})
    finder, table = pickle.loads(pickle.dumps(found))
    assert_array_equal(table.positions, found[1].positions)
    assert len(finder.at(0).atoms_) > 0


def test_another_point_of_the_front(finder, told):
    other, table = _finding.choose(told.append, finder, 0)
    assert other.index_ == 0
    assert_array_equal(table.positions, finder.at(0).atoms_.positions)
    assert "kind" in table


def test_single_atoms_have_no_sites(told):
    image = np.random.default_rng(0).normal(size=(64, 64))
    image[30:33, 40:43] += 12
    finder, table = _finding.find(told.append, Micrograph(image), {"lattice": None})
    assert "kind" not in table
    assert len(table) == len(finder.atoms_) >= 1


@pytest.mark.parametrize(("choice", "lattice"), [(_finding.OWN, "auto"), (_finding.NONE, None)])
def test_choices_without_a_crystal(choice, lattice):
    assert _finding.crystal_of(choice) == lattice


def test_crystals_are_those_of_python(tmp_path):
    assert _finding.crystal_of(_finding.YBCO)(0.2) == Lattice.ybco(0.2)
    assert _finding.crystal_of(_finding.PEROVSKITE, a=3.9)(0.2) == Lattice.perovskite(
        3.9, pixel_size=0.2
    )
    with pytest.raises(ValueError, match="above 0"):
        _finding.crystal_of(_finding.PEROVSKITE, a=0)
    with pytest.raises(FileNotFoundError, match=r"none\.cif"):
        _finding.crystal_of(_finding.CIF, cif=str(tmp_path / "none.cif"))
    (tmp_path / "some.cif").touch()
    with pytest.raises(ValueError, match="zone"):
        _finding.crystal_of(_finding.CIF, cif=str(tmp_path / "some.cif"), zone="sideways")


def test_a_summary_says_whether_to_believe_it(finder):
    text = _finding.summary(finder, finder.atoms_)
    assert text.startswith(f"{len(finder.atoms_)} atoms: ok (72.0 +- ")
    assert " px (" in text
    assert " pm)" in text


def test_a_summary_gives_the_reasons(scene):
    noise = np.random.default_rng(0).normal(size=(128, 128)) + scene.image
    doubtful = find_atoms(noise, lattice=scene.lattice)
    assert doubtful.verdict_.status == "check"
    text = _finding.summary(doubtful, doubtful.atoms_)
    for reason in doubtful.verdict_.reasons:
        assert reason in text


def test_which_image_of_a_stack_is_in_the_provenance(scene, told, tmp_path):
    path = tmp_path / "stack.npy"
    np.save(path, scene.image)
    micrograph = _finding.micrograph_of(scene.image, PixelSize(0.2, "A"), {"path": path})
    _, table = _finding.find(told.append, micrograph, {"lattice": "auto", "n_iter": 2}, 3)
    assert table.provenance["source"]["name"] == "stack.npy"
    assert table.provenance["source"]["dataset"] == 3


def test_the_file_of_an_image_is_in_the_provenance(tmp_path):
    path = tmp_path / "film.npy"
    path.touch()
    micrograph = _finding.micrograph_of(np.eye(8), PixelSize(0.2, "A"), {"path": path})
    assert micrograph.path == path
    assert micrograph.pixel_size == PixelSize(0.2, "A")
    assert _finding.micrograph_of(np.eye(8), None, None).path is None
