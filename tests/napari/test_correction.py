"""Atoms corrected by hand, without a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from logstar import AtomTable, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.napari._correction import Changes, apply, correct
from logstar.napari._finding import table_with_sites

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


def told(_):
    """Nobody listens."""


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, shape=(200, 200), noise=0.05, random_state=1)


@pytest.fixture(scope="module")
def finder(scene):
    return find_atoms(scene.image, lattice=CRYSTAL)


@pytest.fixture(scope="module")
def table(finder):
    return table_with_sites(finder)


def changes(removed=(), moved=(), moved_to=(), added=()):
    return Changes(
        np.array(removed, dtype=np.intp),
        np.array(moved, dtype=np.intp),
        np.array(moved_to, dtype=float).reshape(-1, 2),
        np.array(added, dtype=float).reshape(-1, 2),
    )


def nearest(table, place):
    """The row of the atom nearest to a place."""
    return int(np.hypot(*(table.positions - place).T).argmin())


class TestChanges:
    ATOMS = AtomTable({"row": [10.0, 20, 30], "col": [5.0, 15, 25]})

    def test_nothing_was_done(self):
        found = Changes.of(self.ATOMS, self.ATOMS.positions, [0, 1, 2])
        assert len(found) == 0
        assert apply(self.ATOMS, found) is self.ATOMS

    def test_in_any_order(self):
        places = [[30, 25], [1, 2], [10, 6]]
        found = Changes.of(self.ATOMS, places, [2, -1, 0])
        assert_array_equal(found.removed, [1])
        assert_array_equal(found.moved, [0])
        assert_array_equal(found.moved_to, [[10, 6]])
        assert_array_equal(found.added, [[1, 2]])
        assert str(found) == "1 added, 1 removed, 1 moved by hand"

    @pytest.mark.parametrize("number", [-1, np.nan, 0, 3])
    def test_what_is_no_atom_of_the_table_was_added(self, number):
        """Also a copy of an atom, as napari makes it of a selected one."""
        places = [*self.ATOMS.positions, [1, 2]]
        found = Changes.of(self.ATOMS, places, [0, 1, 2, number])
        assert_array_equal(found.added, [[1, 2]])
        assert len(found) == 1

    def test_all_is_gone(self):
        found = Changes.of(self.ATOMS, np.empty((0, 2)), [])
        assert_array_equal(found.removed, [0, 1, 2])
        assert len(apply(self.ATOMS, found)) == 0


class TestApply:
    def test_what_is_known_of_each_atom(self):
        atoms = AtomTable(
            {
                "row": [10.0, 20, 30], "col": [5.0, 15, 25], "sigma": [2.0, 2, 2],
                "response": [0.5, 0.4, 0.3], "flagged": [True, True, True],
                "kind": ["A", "B", "A"],
            },
            pixel_size="0.2 A",
            provenance={"software": "logstar"},
            origin=(1.0, 1.0),
        )  # fmt: skip
        done = changes(removed=[0], moved=[1], moved_to=[[21, 15]], added=[[3, 4]])
        after = apply(atoms, done)
        assert_array_equal(after.positions, [[21, 15], [30, 25], [3, 4]])
        assert_array_equal(after["by_hand"], ["moved", "", "added"])
        assert_array_equal(after["response"], [np.nan, 0.3, np.nan])
        assert_array_equal(after["flagged"], [False, True, False])
        assert_array_equal(after["sigma"], [2, 2, np.nan])
        assert_array_equal(after["kind"], ["B", "A", ""])
        assert (after.pixel_size, after.origin) == (atoms.pixel_size, atoms.origin)
        assert after.provenance == {
            "software": "logstar",
            "corrections": [
                {
                    "added": [[3.0, 4.0]],
                    "removed": [[10.0, 5.0]],
                    "moved": [{"from": [20.0, 15.0], "to": [21.0, 15.0]}],
                }
            ],
        }
        assert "corrections" not in atoms.provenance

    def test_steps_add_up(self):
        atoms = TestChanges.ATOMS
        first = apply(atoms, changes(added=[[3, 4]]))
        second = apply(first, changes(moved=[3], moved_to=[[3.5, 4]], removed=[0]))
        # An atom that was added and then moved is one that was added.
        assert_array_equal(second["by_hand"], ["", "", "added"])
        assert len(second.provenance["corrections"]) == 2

    @pytest.mark.parametrize("extension", ["json", "hdf5"])
    def test_a_file_tells_what_was_done(self, tmp_path, extension):
        after = apply(TestChanges.ATOMS, changes(removed=[1], added=[[3, 4]]))
        path = tmp_path / f"positions.{extension}"
        after.save(path, image=np.zeros((40, 40)))
        again = AtomTable.load(path)
        assert again.provenance == after.provenance
        assert_array_equal(again["by_hand"], ["", "", "added"])

    def test_a_csv_tells_which_atoms_were_set_by_hand(self, tmp_path):
        after = apply(TestChanges.ATOMS, changes(moved=[1], moved_to=[[20, 16]]))
        after.save(tmp_path / "positions.csv")
        assert_array_equal(AtomTable.load(tmp_path / "positions.csv")["by_hand"], ["", "moved", ""])


class TestRefining:
    PLACES = ((100.0, 100.0), (12.0, 150.0))

    def test_an_atom_that_is_put_back_is_where_it_was(self, scene, finder, table):
        """The window gives what the whole image gave, far below the errors."""
        chosen = [nearest(table, place) for place in self.PLACES]
        without = apply(table, changes(removed=chosen))
        put = changes(added=table.positions[chosen] + [(0.7, -0.6), (-0.5, 0.8)])
        back, n_refined = correct(told, scene.image, without, put, finder, "bright")
        assert len(back) == len(table)
        assert 2 < n_refined < 30
        assert_array_equal(back["by_hand"][-2:], ["added", "added"])
        assert_array_equal(back["kind"][-2:], table["kind"][chosen])
        assert_array_equal(back["status"][-2:], "ok")
        before = table.positions[chosen]
        errors = np.column_stack([table["row_error"], table["col_error"]])[chosen]
        assert (np.abs(back.positions[-2:] - before) < 0.1 * errors).all()
        assert_allclose(back["row_error"][-2:], errors[:, 0], rtol=0.25)
        assert_allclose(back["intensity"][-2:], table["intensity"][chosen], rtol=0.02)

    def test_what_is_far_from_a_change_stays_to_the_bit(self, scene, finder, table):
        place = self.PLACES[0]
        done = changes(removed=[nearest(table, place)])
        after, n_refined = correct(told, scene.image, table, done, finder, "bright")
        spacing = CRYSTAL.nearest_distance
        far = np.hypot(*(table.positions - table.positions[done.removed[0]]).T) > 1.7 * spacing
        rest = np.hypot(*(after.positions - table.positions[done.removed[0]]).T) > 1.7 * spacing
        assert far.sum() == rest.sum() > 100
        for name in table.columns:
            assert_array_equal(after[name][rest], table[name][far], err_msg=name)
        assert n_refined == len(after) - rest.sum() > 0
        assert (after.provenance["corrections"][-1]["n_refined"]) == n_refined

    def test_a_moved_atom_is_found_again(self, scene, finder, table):
        row = nearest(table, self.PLACES[0])
        done = changes(moved=[row], moved_to=[table.positions[row] + (1.2, 1.0)])
        after, _ = correct(told, scene.image, table, done, finder, "bright")
        assert after["by_hand"][row] == "moved"
        error = np.hypot(table["row_error"][row], table["col_error"][row])
        assert np.hypot(*(after.positions[row] - table.positions[row])) < 0.1 * error

    def test_many_changes_are_one_fit_of_the_whole_image(self, scene, finder, table):
        """As good as the first one."""
        rng = np.random.default_rng(0)
        rows = np.arange(0, len(table), 3)
        by = rng.normal(0, 0.5, (len(rows), 2))
        done = changes(moved=rows, moved_to=table.positions[rows] + by)
        after, n_refined = correct(told, scene.image, table, done, finder, "bright")
        assert n_refined > 0.8 * len(table)
        errors = np.column_stack([table["row_error"], table["col_error"]])
        # The first fit began at whole pixels, and ended where an atom moves by 0.001 px a step.
        assert (np.abs(after.positions - table.positions) < 0.2 * errors).all()

    def test_an_atom_on_top_of_another_is_flagged(self, scene, finder, table):
        row = nearest(table, self.PLACES[0])
        done = changes(added=[table.positions[row] + (0, 5.0)])
        after, _ = correct(told, scene.image, table, done, finder, "bright")
        assert after["flagged"][[row, -1]].all()
        assert not table["flagged"][row]

    def test_dark_atoms(self, scene):
        found = find_atoms(-scene.image, lattice=CRYSTAL, polarity="dark")
        atoms = table_with_sites(found)
        row = nearest(atoms, self.PLACES[0])
        done = changes(moved=[row], moved_to=[atoms.positions[row] + (1.2, 1.0)])
        after, _ = correct(told, -scene.image, atoms, done, found, "dark")
        assert np.hypot(*(after.positions[row] - atoms.positions[row])) < 0.02
        assert after["amplitude"][row] < 0

    def test_atoms_that_nobody_refined_are_refined_all(self, scene, table):
        bare = AtomTable({"row": table["row"].round(), "col": table["col"].round()})
        done = changes(removed=[0])
        after, n_refined = correct(told, scene.image, bare, done, None, "bright")
        assert n_refined == len(after) == len(bare) - 1
        assert_allclose(after.positions, table.positions[1:], atol=0.05)
        assert np.isfinite(after["row_error"]).mean() > 0.95

    def test_whoever_asked_for_no_refinement_gets_none(self, scene):
        found = find_atoms(scene.image, lattice=CRYSTAL, refine=None)
        done = changes(added=[[100.0, 105.0]])
        after, n_refined = correct(told, scene.image, found.atoms_, done, found, "bright")
        assert n_refined == 0
        assert_array_equal(after.positions[-1], [100, 105])
        assert "row_error" not in after

    def test_all_atoms_are_removed(self, scene, finder, table):
        done = changes(removed=np.arange(len(table)))
        after, n_refined = correct(told, scene.image, table, done, finder, "bright")
        assert (len(after), n_refined) == (0, 0)
