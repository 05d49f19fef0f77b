"""Fields on grids, and the files of these."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar.fields import FieldGrid, displacements, spacings, strain
from logstar.lattice import Lattice, LatticeIndexer

LATTICE = Lattice.perovskite(4.0, pixel_size=0.2)
SHAPE = (120, 160)


@pytest.fixture(scope="module")
def fields():
    positions, kinds = LATTICE.positions(SHAPE)
    moved = positions * (1.0, 1.01) + 0.3 * np.sin(positions / 30)
    keep = np.hypot(*(positions - (60, 40)).T) > 30  # a hole
    indexer = LatticeIndexer(LATTICE).fit(moved[keep], kinds[keep])
    atoms = moved[keep]
    return strain(indexer, atoms), displacements(indexer, atoms), spacings(indexer, atoms)


def test_nodes_have_the_value_of_the_nearest_atom(fields):
    grid = FieldGrid.of(*fields[:2], shape=SHAPE, step=4)
    assert grid.values["e_xx"].shape == (30, 40)
    assert grid.origin == (1.5, 1.5)
    rows, cols = (1.5 + 4 * np.arange(n) for n in (30, 40))
    nodes = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    far, nearest = KDTree(fields[0].positions).query(nodes)
    near = far < 10
    np.testing.assert_array_equal(grid.values["e_xx"][near], fields[0].e_xx[nearest][near])
    np.testing.assert_array_equal(
        grid.values["displacement_col"][near], fields[1].vectors[nearest, 1][near]
    )
    assert np.isnan(grid.values["e_xx"][far > 20]).all()
    assert (far > 20).any()


def test_npz_says_what_it_holds_and_is_the_same_each_time(fields, tmp_path):
    grid = FieldGrid.of(*fields, shape=SHAPE)
    first, second = (grid.save(tmp_path / f"{i}.npz").read_bytes() for i in range(2))
    assert first == second
    with np.load(tmp_path / "0.npz") as file:
        about = json.loads(str(file["about"]))
        for name, values in grid.values.items():
            np.testing.assert_array_equal(file[name], values)
        assert file["row"].shape + file["col"].shape == file["e_xx"].shape
        assert np.diff(file["row"]) == pytest.approx(grid.step)
    assert about["units"]["e_xx_error"] == "1"
    assert about["units"]["rotation"] == "degree"
    assert about["units"]["spacing"] == "px"
    assert (about["pixel_size"], about["unit"]) == (0.2, "A")


@pytest.mark.parametrize("step", [None, 2.7, 200.0])
def test_npz_is_read_back_to_the_bit(fields, tmp_path, step):
    grid = FieldGrid.of(*fields, shape=SHAPE, step=step)
    again = FieldGrid.load(grid.save(tmp_path / "map.npz"))
    assert list(again.values) == list(grid.values)
    for name, values in grid.values.items():
        np.testing.assert_array_equal(again.values[name], values)
    assert (again.origin, again.step, again.pixel_size) == (
        grid.origin,
        grid.step,
        grid.pixel_size,
    )


def test_what_holds_no_grid_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", row=np.arange(3))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut off")
    for name in ("other.npz", "broken.npz"):
        with pytest.raises(OSError, match=rf"{name} cannot be read as a grid of fields"):
            FieldGrid.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        FieldGrid.load(tmp_path / "none.npz")


def read_vtk(path):
    """Title, header and arrays of a legacy file of structured points, by the format's rules."""
    head, _, rest = path.read_bytes().partition(b"POINT_DATA ")
    lines = head.decode("ascii").splitlines()
    number, _, rest = rest.partition(b"\n")
    arrays, n = {}, int(number)
    while rest:
        line, _, rest = rest.partition(b"\n")
        table, _, rest = rest.partition(b"\n")
        assert table == b"LOOKUP_TABLE default"
        _, name, kind, components = line.decode("ascii").split()
        assert (kind, components) == ("double", "1")
        arrays[name] = np.frombuffer(rest[: 8 * n], ">f8")
        assert rest[8 * n : 8 * n + 1] == b"\n"
        rest = rest[8 * n + 1 :]
    return lines, arrays


def test_vtk_is_in_units(fields, tmp_path):
    grid = FieldGrid.of(*fields, shape=SHAPE, step=5)
    lines, arrays = read_vtk(grid.save(tmp_path / "map.VTK"))
    assert lines[0] == "# vtk DataFile Version 3.0"
    assert "y along rows (downwards), lengths in A" in lines[1]
    assert lines[2:5] == ["BINARY", "DATASET STRUCTURED_POINTS", "DIMENSIONS 32 24 1"]
    assert [float(x) for x in lines[5].split()[1:]] == pytest.approx([0.4, 0.4, 0])
    assert [float(x) for x in lines[6].split()[1:]] == pytest.approx([1, 1, 1])
    assert set(arrays) == set(grid.values)
    np.testing.assert_array_equal(arrays["e_xy"], grid.values["e_xy"].ravel())
    np.testing.assert_allclose(arrays["spacing"], 0.2 * grid.values["spacing"].ravel())


def test_arguments_that_cannot_be(fields, tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        FieldGrid.of(shape=SHAPE)
    with pytest.raises(ValueError, match="step"):
        FieldGrid.of(fields[0], shape=SHAPE, step=0.5)
    with pytest.raises(ValueError, match=r"known are \.npz, \.vtk"):
        FieldGrid.of(fields[0], shape=SHAPE).save(tmp_path / "map.tif")
