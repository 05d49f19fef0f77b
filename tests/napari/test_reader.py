"""Files as layers."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from numpy.testing import assert_array_equal

import logstar.napari
from logstar import AtomTable, Lattice
from logstar.fields import FieldGrid, strain
from logstar.io import EXTENSIONS, write_mask
from logstar.lattice import LatticeIndexer
from logstar.napari import _reader
from logstar.napari._layers import KEY

MANIFEST = Path(logstar.napari.__file__).with_name("napari.yaml")


def read(path):
    return _reader.get_reader(str(path))(str(path))


@pytest.fixture
def table():
    return AtomTable(
        {"row": [10.5, 20], "col": [5, 15], "sigma": [2, 3], "kind": ["Sr", ""]},
        pixel_size="0.2 A",
    )


@pytest.mark.parametrize("extension", ["csv", "json", "hdf5", "xyz"])
def test_atoms_of_each_format(table, tmp_path, extension):
    path = tmp_path / f"positions.{extension}"
    if extension == "xyz":  # which knows no empty text
        table = table.with_columns(kind=["Sr", "Ti"])
    table.save(path, image=np.zeros((32, 32)))
    ((data, properties, what),) = read(path)
    assert what == "points"
    assert_array_equal(data, table.positions)
    assert properties["name"] == "positions"
    assert properties["scale"] == pytest.approx((0.02, 0.02))
    assert_array_equal(properties["features"]["kind"], table["kind"])
    assert properties["metadata"][KEY].table.columns == table.columns


def test_atoms_lie_over_the_image_that_is_open(table, tmp_path, monkeypatch, viewer, add):
    """Their pixel size may be corrected by the lattice, that of the image is the file's."""
    table.save(tmp_path / "positions.csv")
    np.save(tmp_path / "film.npy", np.zeros((32, 32), np.uint16))
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    (image,) = add(read(tmp_path / "film.npy"))
    image.scale, image.units = (0.0207, 0.0207), ("nm", "nm")
    (atoms,) = add(read(tmp_path / "positions.csv"))
    assert_array_equal(atoms.scale, image.scale)
    assert atoms.metadata[KEY].table.pixel_size == table.pixel_size


def test_several_files_at_once(table, tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.json"]
    for path in paths:
        table.save(path)
    names = list(map(str, paths))
    layers = _reader.get_reader(names)(names)
    assert [properties["name"] for _, properties, _ in layers] == ["a", "b"]


def test_a_grid_of_fields(tmp_path):
    lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    positions, kinds = lattice.positions((100, 100))
    indexer = LatticeIndexer(lattice).fit(positions, kinds)
    grid = FieldGrid.of(strain(indexer, positions), shape=(100, 100))
    layers = read(grid.save(tmp_path / "fields.npz"))
    assert [what for *_, what in layers] == 4 * ["image"]
    assert_array_equal(layers[0][0], 100 * grid.values["e_xx"])


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_masks_and_maps_of_kinds_are_labels(tmp_path, dtype):
    np.save(tmp_path / "kinds.npy", np.eye(16).astype(dtype))
    ((data, properties, what),) = read(tmp_path / "kinds.npy")
    assert what == "labels"
    assert data.dtype == np.uint8
    assert properties["name"] == "kinds"


def test_an_image_with_its_scale(tmp_path):
    write_mask(tmp_path / "film.tif", np.eye(16, dtype=bool), pixel_size="0.2 A")
    ((data, properties, what),) = read(tmp_path / "film.tif")
    assert what == "image"
    assert data.shape == (16, 16)
    assert properties["scale"] == pytest.approx((0.02, 0.02))
    assert properties["units"] == ("nm", "nm")
    assert properties["metadata"][KEY]["path"] == tmp_path / "film.tif"


def test_a_stack_is_read_image_by_image(tmp_path):
    frames = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)
    np.save(tmp_path / "stack.npy", frames)
    ((data, _, what),) = read(tmp_path / "stack.npy")
    assert what == "image"
    assert not isinstance(data, np.ndarray)
    assert_array_equal(data[1], frames[1])
    assert_array_equal(data, frames)


def test_colours_become_grey(tmp_path):
    colors = np.zeros((8, 9, 3), np.uint8)
    colors[..., 0] = 100
    tifffile.imwrite(tmp_path / "colours.tif", colors, photometric="rgb")
    ((data, *_),) = read(tmp_path / "colours.tif")
    assert data.shape == (8, 9)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("points.csv", b"index,axis-0,axis-1\n0,1,2\n"),
        ("empty.csv", b""),
        ("settings.json", b'{"a": 1}'),
        ("arrays.npz", b"PK\x03\x04"),
        ("film.xyzzy", b""),
    ],
)
def test_what_is_not_ours_is_left_to_others(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert _reader.get_reader(str(tmp_path / name)) is None


def test_a_broken_table_is_told(tmp_path):
    (tmp_path / "atoms.csv").write_text("row,col\n1,x\n")
    with pytest.raises(OSError, match="cannot be read as positions"):
        read(tmp_path / "atoms.csv")


def test_the_manifest_has_the_extensions_that_are_read():
    (reader,) = yaml.safe_load(MANIFEST.read_text())["contributions"]["readers"]
    patterns = reader["filename_patterns"]
    known = {*EXTENSIONS, *_reader.TABLES, _reader.GRID}
    assert patterns == sorted(f"*{extension}" for extension in known)
    assert any(fnmatch("positions.csv", pattern) for pattern in patterns)
