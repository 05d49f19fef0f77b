"""The table of atoms that detectors, files and displays hand on."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from logstar import AtomTable
from logstar._validation import as_positions
from logstar.units import PixelSize

COLUMNS = {
    "row": [10.0, 20, 30],
    "col": [1.5, 2.5, 3.5],
    "kind": ["Sr", "Ti", "O"],
    "sigma": [2, 3, 4],
    "flagged": [False, True, False],
    "row_error": [0.5, 0.25, np.nan],
}


@pytest.fixture
def table() -> AtomTable:
    return AtomTable(COLUMNS, pixel_size="0.2 A", provenance={"software": "a test"})


def test_columns_keep_order_and_kind(table):
    assert len(table) == 3
    assert table.columns == tuple(COLUMNS)
    assert [table[name].dtype.kind for name in COLUMNS] == list("ffUfbf")
    assert table.pixel_size == PixelSize(0.2, "A")
    assert table.provenance == {"software": "a test"}
    assert "kind" in table
    assert "site" not in table
    with pytest.raises(KeyError, match="no column 'site'; there are row, col, kind"):
        table["site"]


def test_an_array_of_it_has_the_numbers(table):
    expected = np.column_stack([COLUMNS[name] for name in ("row", "col", "sigma", "row_error")])
    np.testing.assert_array_equal(np.asarray(table), expected)
    assert np.asarray(table).dtype == np.float64
    assert np.asarray(table, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(table.positions, expected[:, :2])
    # So it is taken wherever positions are.
    np.testing.assert_array_equal(as_positions(table), expected[:, :2])
    with pytest.raises(ValueError, match="by a copy only"):
        np.asarray(table, copy=False)


def test_lengths_in_units(table):
    assert set(table.lengths_in_units) == {"row_A", "col_A", "sigma_A", "row_error_A"}
    np.testing.assert_array_equal(table.in_units("row"), np.array([10.0, 20, 30]) * 0.2)
    np.testing.assert_array_equal(table.in_units("row_error")[:2], [0.1, 0.05])
    with pytest.raises(ValueError, match="'flagged' is no length"):
        table.in_units("flagged")
    bare = AtomTable(COLUMNS)
    assert bare.lengths_in_units == {}
    with pytest.raises(ValueError, match="the table has no pixel_size"):
        bare.in_units("row")


def test_it_is_not_modified(table):
    source = np.array([1.0, 2.0])
    other = AtomTable({"row": source, "col": [0, 0]})
    source[0] = 99
    assert other["row"][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table["row"][0] = 5
    more = table.with_columns(sigma=[9, 9, 9], site=[1, 2, 3])
    assert more.columns == (*COLUMNS, "site")
    assert more["sigma"].tolist() == [9, 9, 9]
    assert (table["sigma"].tolist(), "site" in table) == ([2, 3, 4], False)
    assert (more.pixel_size, more.provenance) == (table.pixel_size, table.provenance)


def test_selection(table):
    some = table.select(~table["flagged"])
    assert some["kind"].tolist() == ["Sr", "O"]
    assert some.pixel_size == table.pixel_size
    assert table.select([2, 0])["row"].tolist() == [30, 10]
    assert len(table.select([])) == 0
    with pytest.raises(TypeError, match="booleans or integers, got float64"):
        table.select([0.5])
    with pytest.raises(IndexError):
        table.select([True])


def test_a_data_frame_has_what_a_csv_has(table, monkeypatch):
    pytest.importorskip("pandas")
    frame = table.to_frame()
    assert list(frame) == [*COLUMNS, "row_A", "col_A", "sigma_A", "row_error_A"]
    assert frame["flagged"].tolist() == [False, True, False]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        table.to_frame()


def test_words_about_it(table):
    assert repr(table) == (
        "AtomTable(3 atoms: row, col, kind, sigma, flagged, row_error; 0.2 A/px)"
    )
    assert repr(AtomTable.from_array([[1, 2]])) == "AtomTable(1 atom: row, col)"


def test_it_travels_to_other_processes(table):
    other = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(np.asarray(other), np.asarray(table))
    assert (other.columns, other.pixel_size) == (table.columns, table.pixel_size)


def test_arrays_get_the_names_of_detections():
    for width in (2, 3, 4):
        found = AtomTable.from_array(np.ones((5, width)))
        assert found.columns == ("row", "col", "sigma", "response")[:width]
    assert len(AtomTable.from_array(np.empty((0, 3)))) == 0
    with pytest.raises(ValueError, match=r"does not have the columns \('row', 'col'\)"):
        AtomTable.from_array([[1, 2, 3]], ["row", "col"])
    with pytest.raises(ValueError, match="each once"):
        AtomTable.from_array([[1, 2, 3]], ["row", "col", "col"])


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ([[1, 2, 3]], TypeError, "a mapping of names to arrays, got list; AtomTable.from_array"),
        ({"col": [1], "row": [2]}, ValueError, 'must begin with "row" and "col"'),
        ({"row": [1], "col": [1, 2]}, ValueError, "of one length, got {'row': 1, 'col': 2}"),
        ({"row": [1], "col": [np.nan]}, ValueError, r"col\[0\] is nan; positions must be finite"),
        ({"row": [[1]], "col": [1]}, ValueError, r"one-dimensional, got shape \(1, 1\)"),
        ({"row": ["a"], "col": [1]}, TypeError, "'row' must hold numbers, got <U1"),
        ({"row": [1], "col": [1], "a": [1j]}, TypeError, "numbers, booleans or texts, got complex"),
        ({"row": [1], "col": [1], 3: [1]}, TypeError, "named by texts, got 3"),
        ({"row": [1], "col": [1], "row_nm": [1]}, ValueError, "'row_nm' is what files call"),
    ],
)
def test_tables_that_are_none(columns, error, message):
    with pytest.raises(error, match=message):
        AtomTable(columns)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (-1, ValueError, "pixel_size must be"),
        ("1 parsec", ValueError, "unit of pixel_size must be"),
        ("0.2", ValueError, "has no unit"),
        ({}, TypeError, "must be a real number"),
    ],
)
def test_pixel_sizes_that_are_none(size, error, message):
    with pytest.raises(error, match=message):
        AtomTable({"row": [1], "col": [1]}, pixel_size=size)


def test_objects_are_no_column_unless_there_are_none():
    empty = np.empty(0, dtype=object)
    assert AtomTable({"row": empty, "col": empty})["row"].dtype == np.float64
    objects = np.array([1.0, None], dtype=object)
    with pytest.raises(TypeError, match="column 'sigma' must hold numbers, booleans or texts"):
        AtomTable({"row": [1.0, 2.0], "col": [1.0, 2.0], "sigma": objects})
