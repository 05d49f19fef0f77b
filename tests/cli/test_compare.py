"""Two tables of positions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logstar.cli import main
from logstar.io import AtomTable
from logstar.units import PixelSize
from tests.cli.common import assert_one_line_error


@pytest.fixture
def tables(tmp_path, monkeypatch) -> None:
    """Ten of twelve reference positions, all off by 0.3 and 0.4 px, and one that is not there."""
    monkeypatch.chdir(tmp_path)
    rows, cols = np.divmod(np.arange(12), 4)
    reference = {"row": 10.0 * rows, "col": 10.0 * cols}
    AtomTable(reference, pixel_size=PixelSize(0.2)).save("reference.csv")
    row = np.append(reference["row"][:10] + 0.3, 35.0)
    col = np.append(reference["col"][:10] + 0.4, 5.0)
    AtomTable({"row": row, "col": col}, pixel_size=PixelSize(0.02, "nm")).save("found.csv")
    AtomTable({"row": row, "col": col}).save("pixels.csv")


def compare(capsys, *args: str) -> dict:
    assert main(["compare", *args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("tables")
class TestCompare:
    def test_what_was_found_missed_and_invented(self, capsys):
        found = compare(capsys, "found.csv", "reference.csv")
        assert (found["n_matched"], found["n_missing"], found["n_extra"]) == (10, 2, 1)
        assert found["rmse"] == pytest.approx(0.5)
        assert (found["rmse_in_units"], found["unit"]) == (pytest.approx(0.1), "A")
        assert found["precision"] == pytest.approx(10 / 11)
        # The other way round what was missing is extra.
        other = compare(capsys, "reference.csv", "found.csv")
        assert (other["n_missing"], other["n_extra"]) == (1, 2)

    def test_people_are_told(self, capsys):
        assert main(["compare", "found.csv", "reference.csv"]) == 0
        text = capsys.readouterr().out
        for part in ("found.csv, 11 positions", "10 within a quarter", "2 of the reference",
                     "1 of those found", "0.500 px (0.1 A)"):  # fmt: skip
            assert part in text

    @pytest.mark.parametrize(("tolerance", "n"), [("0.49px", 0), ("0.51", 10), ("0.098A", 0),
                                                  ("0.0102nm", 10)])  # fmt: skip
    def test_the_tolerance(self, capsys, tolerance, n):
        found = compare(capsys, "found.csv", "reference.csv", "--tolerance", tolerance)
        assert found["n_matched"] == n
        assert (found["rmse"] is None) == (n == 0)

    def test_a_length_needs_a_pixel_size(self, capsys):
        assert main(["compare", "pixels.csv", "pixels.csv", "--tolerance", "0.1A"]) == 2
        assert_one_line_error(
            capsys, "--tolerance 0.1A needs a pixel size, which neither table has"
        )
        assert compare(capsys, "pixels.csv", "pixels.csv")["rmse_in_units"] is None
        # One of them is enough.
        found = compare(capsys, "found.csv", "pixels.csv", "--tolerance", "0.1A")
        assert (found["tolerance"], found["unit"]) == (pytest.approx(0.5), "nm")

    def test_pixel_sizes_that_differ_are_told_of(self, capsys):
        table = AtomTable.load("found.csv")
        AtomTable({"row": table["row"], "col": table["col"]}, pixel_size=PixelSize(0.3)).save(
            "b.csv"
        )
        note = compare(capsys, "found.csv", "b.csv")["note"]
        assert note.startswith("the pixel sizes differ, 0.02 nm/px and 0.3 A/px")
        assert compare(capsys, "found.csv", "reference.csv")["note"] == ""

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            (["found.csv", "missing.csv"], "missing.csv: no such file"),
            (["found.csv", "film.docx"], "unknown extension"),
            (["found.csv"], "the following arguments are required: REFERENCE"),
            (["found.csv", "reference.csv", "--tolerance", "1e-300"], "must be from 1e-06"),
        ],
    )
    def test_what_cannot_be_compared(self, capsys, files, message):
        assert main(["compare", *files]) == 2
        assert_one_line_error(capsys, message)
