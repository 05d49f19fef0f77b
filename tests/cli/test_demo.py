"""The shipped micrograph, and the truth."""

from __future__ import annotations

import json

import pytest

from logstar import __version__
from logstar.cli import main
from tests.cli.common import N_ITER, read_csv


def test_demo_finds_the_atoms_and_writes_everything(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert main(["demo", "--out", str(folder), "--json", *N_ITER]) == 0
    result = json.loads(capsys.readouterr().out)
    written = {path.name for path in folder.iterdir()}
    assert {"atoms.png", "pareto.csv", "positions.csv", "result.json"} <= written
    assert {path.rpartition("/")[2] for path in result["files"].values()} == written
    assert result["truth"]["n_true"] == 784
    assert result["truth"]["f1"] > 0.96
    # Cu2 shows as one with O.
    by_kind = result["truth"]["rmse_by_kind"]
    assert all(rmse < 0.05 for kind, rmse in by_kind.items() if kind != "Cu2")
    assert by_kind["Cu2"] == pytest.approx(0.53, abs=0.02)
    assert result["qc"] == pytest.approx(result["n_found"] / result["n_expected"] - 1)
    assert result["er"] == pytest.approx(result["n_flagged"] / result["n_expected"])
    assert result["n_ladders"] == 3
    assert result["interrupted"] is False
    assert result["version"] == __version__
    parts = ["start", "read", "lattice", "tune", "detect", "refine", "quality", "write"]
    assert list(result["seconds"]) == parts

    rows = read_csv(result["files"]["positions"])
    assert len(rows) == result["n_found"]
    assert sum(int(row["flagged"]) for row in rows) == result["n_flagged"]
    for row in rows:
        for name in ("row", "col", "sigma"):
            length = result["pixel_size"] * float(row[name])
            assert float(row[f"{name}_A"]) == pytest.approx(length, rel=1e-3)
        assert float(row["response"]) > 0


def test_demo_tells_people(tmp_path, capsys):
    assert main(["demo", "--noisy", "--no-plots", "--out", str(tmp_path), "--n-iter", "4"]) == 0
    text = capsys.readouterr().out
    for part in ("found", "expected", "QC", "ER", "F1", "precision", "recall", "RMSE", "tune"):
        assert part in text
    assert "low dose" in text
    assert str(tmp_path / "positions.csv") in text
    assert not (tmp_path / "atoms.png").exists()
