"""Positions written and read in every format."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from logstar import __version__
from logstar.io import AtomTable, provenance, read_positions, write_positions
from logstar.units import PixelSize
from tests.conftest import atoms_image

FORMATS = (".csv", ".json", ".parquet", ".hdf5", ".h5", ".xyz")
#: These keep every bit; a csv has the digits that mean something.
EXACT = FORMATS[1:]
NEEDS = {".parquet": "pyarrow", ".hdf5": "h5py", ".h5": "h5py"}
#: These keep where positions come from.
WITH_PROVENANCE = (".json", ".parquet", ".hdf5", ".h5")
#: Neighbouring floats, halves of bits, large and small.
AWKWARD = np.array(
    [
        [0.1 + 0.2, 1 / 3, math.pi, 1e-300],
        [np.nextafter(5.0, 6), 0.0, 2.5, -1e-17],
        [511.99999999999994, 123456.789, 1e-9, 1.7976931348623157e308],
    ]
)


def skip_without(extension: str) -> None:
    if extension in NEEDS:
        pytest.importorskip(NEEDS[extension], reason="needs an extra")


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.view(np.int64), expected.view(np.int64))


@pytest.mark.parametrize("extension", EXACT)
@pytest.mark.parametrize("calibrated", [True, False])
def test_round_trip_to_the_bit(tmp_path, extension, calibrated):
    skip_without(extension)
    path = tmp_path / f"atoms{extension}"
    film = tmp_path / "film.npy"
    np.save(film, np.eye(16))
    size = PixelSize(0.14831234567890123, "Å") if calibrated else None
    flagged = np.array([True, False, True])
    source = provenance(film, parameters={"threshold": 0.1}, rewards={"qc": -0.01})
    table = AtomTable.from_array(AWKWARD, pixel_size=size, provenance=source)
    table = table.with_columns(flagged=flagged, kind=["Sr", "Ti", "O"])
    table.save(path, image=np.eye(16, dtype=np.float32))
    found = AtomTable.load(path)
    assert_same_bits(np.asarray(found), AWKWARD)
    assert set(found.columns) == {"row", "col", "sigma", "response", "flagged", "kind"}
    assert found.columns[:4] == ("row", "col", "sigma", "response")
    assert found.pixel_size == size
    assert found["flagged"].dtype == bool
    np.testing.assert_array_equal(found["flagged"], flagged)
    assert found["kind"].tolist() == ["Sr", "Ti", "O"]
    assert found.provenance == (source if extension in WITH_PROVENANCE else {})


@pytest.mark.parametrize("extension", FORMATS)
def test_tables_without_atoms_or_flags(tmp_path, extension):
    skip_without(extension)
    path = tmp_path / f"atoms{extension}"
    write_positions(path, np.empty((0, 3)), image=np.eye(16))
    found = read_positions(path)
    assert np.asarray(found).shape == (0, 3)
    assert found.columns == ("row", "col", "sigma")
    assert found.pixel_size is None


@pytest.mark.parametrize("extension", FORMATS)
def test_columns_of_other_names(tmp_path, extension):
    skip_without(extension)
    path = tmp_path / f"atoms{extension}"
    table = np.array([[1.5, 2.5, 0.25, np.nan], [3.0, 4.0, 0.5, 7.0]])
    columns = ("row", "col", "ellipticity", "sigma")
    atoms = AtomTable.from_array(table, columns, pixel_size="0.2 A")
    write_positions(path, atoms, image=np.eye(8))
    found = read_positions(path)
    for name, column in zip(columns, table.T, strict=True):
        np.testing.assert_array_equal(found[name], column)
    assert found.pixel_size == PixelSize(0.2, "A")


@settings(max_examples=60)
@given(
    table=arrays(np.float64, (5, 3), elements=st.floats(0, 4096)),
    side=st.floats(1e-3, 100),
)
def test_csv_without_errors_gives_back_table_and_a_pixel_size(tmp_path_factory, table, side):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    AtomTable.from_array(table, pixel_size=PixelSize(side, "pm")).save(path)
    found = read_positions(path)
    assert_same_bits(np.asarray(found), table)
    if table.max() > 1:
        assert found.pixel_size.unit == "pm"
        assert found.origin == (0, 0)
        assert found.pixel_size.value == pytest.approx(side, rel=1e-6)
        # A millionth of a pixel, twice.
        off = np.abs(table * found.pixel_size.value - table * side)
        assert (off < 2e-6 * side).all()


def test_csv_has_the_digits_that_mean_something(tmp_path):
    table = AtomTable(
        {
            "row": [1000 + 1 / 3, 2 / 3, 10.0],
            "col": [1 / 7, 1 / 9, 20.0],
            "sigma": [2.123456789, 2.5, 2.0],
            "response": [0.123456789, 1e-7 / 3, 1.0],
            "row_error": [0.00312345678, 0.0212345678, np.nan],
            "col_error": [0.5, 0.25, np.nan],
            "sigma_error": [np.nan, np.nan, np.nan],
            "charge": [1 / 3, 0.1 + 0.2, 2.0],
        },
        pixel_size="0.02 nm",
    )
    path = tmp_path / "a.csv"
    table.save(path)
    with path.open(newline="", encoding="utf-8") as file:
        one, two, last = csv.DictReader(file)
    # Two digits more than the first one of the least error; at least four decimals.
    assert (one["row"], two["row"], last["row"]) == ("1000.33333", "0.66667", "10")
    assert (one["col"], two["col"], last["col"]) == ("0.1429", "0.1111", "20")
    assert (one["row_error"], two["row_error"], last["row_error"]) == ("0.003123", "0.02123", "nan")
    # A pixel is two hundredths of a nanometre: two decimals more are as fine.
    assert (one["row_nm"], two["row_nm"]) == ("20.0066666", "0.0133334")
    assert one["row_error_nm"] == "6.246e-05"
    assert (one["response"], two["response"]) == ("0.123457", "3.33333e-08")
    # Nobody says how well these are known.
    assert one["sigma"] == "2.123456789"
    assert (one["charge"], two["charge"]) == (repr(1 / 3), repr(0.1 + 0.2))
    found = read_positions(path)
    assert found.pixel_size == PixelSize(0.02, "nm")
    assert found.origin == (0, 0)


def test_csv_has_lengths_in_units_and_flags(tmp_path):
    atoms = np.array([[1.25, 2.0, 3.0, 0.125], [10.0, 20.0, 2.0, 0.5]])
    path = tmp_path / "atoms.csv"
    table = AtomTable.from_array(atoms, pixel_size="0.2 A")
    table.with_columns(flagged=[False, True]).save(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("row", "col", "sigma", "response"),
        *("row_A", "col_A", "sigma_A", "flagged"),
    ]
    assert float(rows[0]["row_A"]) == pytest.approx(0.25)
    assert float(rows[1]["sigma"]) == 2
    assert [row["flagged"] for row in rows] == ["0", "1"]
    write_positions(path, np.empty((0, 3)))
    assert path.read_text() == "row,col,sigma\n"


@pytest.mark.parametrize("names", [("row", "col", "sigma"), ("row", "col")])
def test_csv_tells_from_where_rows_and_columns_are_measured(tmp_path, names):
    """From ten pixels below and twenty at the left of the first one; a sigma knows no place."""
    pixels = {"row": [1.5, 30.25, 7.0], "col": [2.0, 9.5, 41.0], "sigma": [2.0, 2.5, 3.0]}
    start = {"row": 10.0, "col": 20.0, "sigma": 0.0}
    lines = [",".join([*names, *(f"{name}_A" for name in names)])]
    for i in range(3):
        lengths = [repr(0.3 * (pixels[name][i] + start[name])) for name in names]
        lines.append(",".join([*(repr(pixels[name][i]) for name in names), *lengths]))
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    found = read_positions(path)
    assert found.pixel_size.value == pytest.approx(0.3)
    assert found.origin == pytest.approx((10, 20))
    np.testing.assert_allclose(found.in_units("row"), 0.3 * (np.array(pixels["row"]) + 10))


@pytest.mark.parametrize("header", ["row,sigma", "row,col,row", "x,y", "row,col,col"])
def test_csv_without_row_and_col_once_each_is_refused(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n" + ",".join("1" for _ in header.split(",")) + "\n")
    with pytest.raises(OSError, match="there must be columns row and col, each once"):
        read_positions(path)


def test_csv_of_other_programs(tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_text("\ufeffname,col,row\r\n", encoding="utf-8")
    path.write_text("\ufeffcol, row,size\r\n2,1,9\r\n\r\n4,3,8\r\n", encoding="utf-8")
    found = read_positions(path)
    assert found.columns == ("row", "col", "size")
    np.testing.assert_array_equal(np.asarray(found), [[1, 2, 9], [3, 4, 8]])


def test_csv_with_comments_before_its_names(tmp_path):
    path = tmp_path / "clicks.csv"
    table = np.array([[1.5, 2, 9], [3, 4, 8]])
    np.savetxt(path, table, delimiter=",", header="by hand, in px\nrow,col,size")
    found = read_positions(path)
    assert found.columns == ("row", "col", "size")
    np.testing.assert_array_equal(np.asarray(found), table)
    path.write_text("# by hand\nrow,col\n1,2\n\n3\n")
    with pytest.raises(OSError, match="positions: line 5 has 1 entries for 2 columns"):
        read_positions(path)
    path.write_text("# 0-based, x=column\nx,y\n1,2\n")
    with pytest.raises(OSError, match=r"there are \['x', 'y'\]; call that which goes down"):
        read_positions(path)


def test_json_tells_where_positions_come_from(tmp_path):
    film = tmp_path / "film.npy"
    film.write_bytes(b"abc")
    source = provenance(
        film,
        dataset=2,
        parameters={"threshold": np.float64(0.1), "n": np.int64(3), "sigmas": np.arange(2)},
        rewards={"qc": float("nan")},
    )
    AtomTable.from_array(AWKWARD, provenance=source).save(tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["provenance"] == {
        "software": f"logstar {__version__}",
        "source": {
            "name": "film.npy",
            "size": 3,
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "dataset": 2,
        },
        "parameters": {"threshold": 0.1, "n": 3, "sigmas": [0, 1]},
        "rewards": {"qc": None},
    }


def test_parquet_reads_as_a_data_frame(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "a.parquet"
    table = AtomTable.from_array(AWKWARD, pixel_size="0.5 A")
    table.with_columns(flagged=[False, True, False]).save(path)
    frame = pandas.read_parquet(path)
    np.testing.assert_array_equal(frame["row_A"], AWKWARD[:, 0] * 0.5)
    assert frame["flagged"].tolist() == [False, True, False]


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "logstar\[parquet\]"'):
        write_positions(tmp_path / "a.parquet", AWKWARD)


def test_hdf5_without_h5py_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "logstar\[io\]"'):
        write_positions(tmp_path / "a.hdf5", AWKWARD, image=np.eye(8))


@pytest.fixture
def lattice() -> tuple[np.ndarray, np.ndarray]:
    image, positions = atoms_image((80, 100), pitch=12)
    rng = np.random.default_rng(3)
    positions = positions + rng.normal(0, 0.05, positions.shape)
    sigmas, responses = rng.uniform(1.8, 2.2, len(positions)), rng.uniform(size=len(positions))
    return image, np.column_stack([positions, sigmas, responses])


@pytest.mark.filterwarnings("ignore")
def test_atomap_opens_ours_and_we_open_atomaps(tmp_path, lattice):
    # Of its modules only this one can be imported first.
    pytest.importorskip("atomap.api", reason="Atomap is not installed")
    atomap = pytest.importorskip("atomap.io")
    image, atoms = lattice
    path = tmp_path / "atoms.hdf5"
    AtomTable.from_array(atoms, pixel_size="0.2 nm").save(path, image)
    opened = atomap.load_atom_lattice_from_hdf5(str(path))
    (sublattice,) = opened.sublattice_list
    np.testing.assert_array_equal(sublattice.x_position, atoms[:, 1])
    np.testing.assert_array_equal(sublattice.y_position, atoms[:, 0])
    np.testing.assert_array_equal(sublattice.sigma_x, atoms[:, 2])
    np.testing.assert_array_equal(sublattice.sigma_y, atoms[:, 2])
    np.testing.assert_array_equal(sublattice.image, image)
    np.testing.assert_array_equal(opened.image, image)
    assert (sublattice.pixel_size, sublattice.units) == (0.2, "nm")
    # Planes of a square lattice of this pitch are found: it works as one of Atomap's own.
    assert sublattice._pixel_separation == pytest.approx(12, abs=0.1)
    lengths = np.hypot(*np.array(sublattice.zones_axis_average_distances[:2]).T)
    np.testing.assert_allclose(lengths, 12, atol=0.1)
    # Atomap refines them, on its own image, to the centres of the Gaussians.
    sublattice.find_nearest_neighbors()
    sublattice.refine_atom_positions_using_2d_gaussian()
    refined = np.column_stack([sublattice.y_position, sublattice.x_position])
    np.testing.assert_allclose(refined, np.round(atoms[:, :2]), atol=0.02)

    atomap.save_atom_lattice_to_hdf5(opened, str(tmp_path / "theirs.hdf5"))
    found = read_positions(tmp_path / "theirs.hdf5")
    np.testing.assert_array_equal(found.positions, refined)
    assert found.pixel_size == PixelSize(0.2, "nm")


def test_the_layout_that_atomap_reads(tmp_path, lattice):
    h5py = pytest.importorskip("h5py", reason="needs the extra io")
    image, atoms = lattice
    write_positions(tmp_path / "a.hdf5", atoms, image=image)
    with h5py.File(tmp_path / "a.hdf5") as file:
        (name,) = [name for name in file if "sublattice" in name]
        group = file[name]
        np.testing.assert_array_equal(group["atom_positions"][:], atoms[:, 1::-1])
        for data in ("modified_image_data", "original_image_data"):
            np.testing.assert_array_equal(group[data][:], image)
        assert {"pixel_size", "units", "name", "plot_color", "sublattice_index"} <= set(group.attrs)
        assert group.attrs["units"] == "pixel"


def test_hdf5_of_several_sublattices_is_one_table(tmp_path, lattice):
    h5py = pytest.importorskip("h5py", reason="needs the extra io")
    image, atoms = lattice
    AtomTable.from_array(atoms, pixel_size="0.2 nm").save(tmp_path / "a.hdf5", image)
    with h5py.File(tmp_path / "a.hdf5", "a") as file:
        file.copy("logstar_sublattice", "B_sublattice")
        file["B_sublattice/sigma_y"][:] = 4 * atoms[:, 2]
    found = read_positions(tmp_path / "a.hdf5")
    assert (len(found), found.columns) == (2 * len(atoms), ("row", "col", "sigma"))
    np.testing.assert_allclose(found["sigma"][: len(atoms)], 2 * atoms[:, 2])


@pytest.mark.filterwarnings("ignore")
def test_ase_reads_xyz(tmp_path):
    ase = pytest.importorskip("ase.io", reason="ASE is not installed")
    path = tmp_path / "a.xyz"
    table = AtomTable.from_array(AWKWARD[:2], pixel_size="0.02 nm")
    table.with_columns(flagged=[True, False]).save(path)
    atoms = ase.read(path)
    expected = np.column_stack([AWKWARD[:2, 1] * 0.2, -AWKWARD[:2, 0] * 0.2, np.zeros(2)])
    np.testing.assert_allclose(atoms.positions, expected)
    np.testing.assert_array_equal(atoms.arrays["row"], AWKWARD[:2, 0])
    np.testing.assert_array_equal(atoms.arrays["flagged"], [True, False])


@pytest.mark.parametrize("atoms", [[1, 2, 3], [[1], [2]], [[1, 2, 3, 4, 5]]])
def test_arrays_that_are_no_table(tmp_path, atoms):
    with pytest.raises(ValueError, match=r"array must be a table .*others need the names"):
        write_positions(tmp_path / "a.csv", atoms)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("unit", "expected"), [("nm", "0.2 nm"), ("Å", "0.2 A"), ("µm", "200 nm"), ("[nm]", "0.2 nm")]
)
def test_units_of_atomap_are_normalised(tmp_path, lattice, unit, expected):
    h5py = pytest.importorskip("h5py", reason="needs the extra io")
    image, atoms = lattice
    path = tmp_path / "a.hdf5"
    AtomTable.from_array(atoms, pixel_size="0.2 nm").save(path, image)
    with h5py.File(path, "a") as file:
        file["logstar_sublattice"].attrs["units"] = unit
    assert AtomTable.load(path).pixel_size == PixelSize.of(expected)


def test_sublattices_of_different_calibration_are_refused(tmp_path, lattice):
    h5py = pytest.importorskip("h5py", reason="needs the extra io")
    image, atoms = lattice
    path = tmp_path / "a.hdf5"
    AtomTable.from_array(atoms, pixel_size="0.2 nm").save(path, image)
    with h5py.File(path, "a") as file:
        file.copy("logstar_sublattice", "B_sublattice")
        # The same length in another unit is the same calibration.
        file["B_sublattice"].attrs["units"] = "A"
        file["B_sublattice"].attrs["pixel_size"] = 2.0
    assert len(read_positions(path)) == 2 * len(atoms)
    with h5py.File(path, "a") as file:
        file["B_sublattice"].attrs["pixel_size"] = 2.1
    with pytest.raises(OSError, match=r"differ in their pixel size \(B_sublattice: 2\.1 A/px"):
        read_positions(path)


def test_hdf5_has_atoms_without_an_image_as_well(tmp_path):
    h5py = pytest.importorskip("h5py")
    atoms = AtomTable.from_array(AWKWARD, pixel_size="0.2 A", provenance={"source": "film.npy"})
    write_positions(tmp_path / "a.hdf5", atoms)
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert "image_data" not in file
    found = read_positions(tmp_path / "a.hdf5")
    np.testing.assert_array_equal(np.asarray(found), np.asarray(atoms))
    assert (found.pixel_size, found.provenance) == (atoms.pixel_size, atoms.provenance)


def test_extensions_that_are_none(tmp_path):
    with pytest.raises(ValueError, match=r"'\.xlsx' for positions; known are \.csv"):
        write_positions(tmp_path / "a.xlsx", AWKWARD)
    with pytest.raises(ValueError, match=r"'' for positions"):
        read_positions(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_positions(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="are words"):
        AtomTable.from_array([[1, 2, 3]], ("row", "col", "a b")).save(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match="texts in xyz are words, got 'a b'"):
        AtomTable({"row": [1], "col": [2], "kind": ["a b"]}).save(tmp_path / "a.xyz")


def test_an_xyz_of_few_bytes_asks_for_few(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("1\nProperties=species:S:1:pos:R:3:row:R:2000000000:col:R:1\nX 0 0 0 1 2\n")
    with pytest.raises(OSError, match="lines of 2000000005 entries"):
        read_positions(path)


@pytest.mark.parametrize("extension", FORMATS)
def test_broken_files_of_positions(tmp_path, extension):
    skip_without(extension)
    path: Path = tmp_path / f"atoms{extension}"
    AtomTable.from_array(AWKWARD, pixel_size="0.1 nm").save(path, np.eye(16))
    content = path.read_bytes()
    foreign = b'{"a": 1}' if extension == ".json" else b"2\nno properties\nX 1 2 3\n"
    for broken in (b"", content[: len(content) - 10], foreign):
        path.write_bytes(broken)
        with pytest.raises(OSError, match="cannot be read as positions"):
            read_positions(path)
