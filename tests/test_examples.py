"""The gallery's examples run as they stand, and find what they say they find."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def finds_every_atom(names):
    assert names["found"].verdict_.status == "ok"
    assert names["scores"].f1 > 0.98


def denoising_finds_more(names):
    # The last scores are those of the denoised image.
    assert names["scores"].f1 > 0.95
    assert names["denoised"].verdict_.status != "failed"


def oxygen_is_found(names):
    # Some of the truth is cut by the edge.
    of_oxygen = np.count_nonzero(names["scene"].kinds == "O")
    assert np.count_nonzero(names["kinds"] == "O") == pytest.approx(of_oxygen, rel=0.1)
    assert names["scores"].f1 > 0.97


def no_crystal_is_needed(names):
    assert names["scores"].f1 > 0.98
    missing, true = names["missing"], names["scene"].vacancies
    assert len(missing) >= 4
    off = np.hypot(*(missing[:, None, :2] - true[:, :2]).transpose(2, 0, 1)).min(axis=1)
    assert (off < 2).all()


def each_type_is_one_kind(names):
    labels, true = names["labels"], names["true"]
    assert len(set(labels)) == len(set(true)) == len(set(zip(labels, true, strict=True))) == 4
    assert sorted(names["types"].n_orientations_) == [1, 1, 2, 2]


def damage_is_found(names):
    assert names["overlap"] > 0.85


def area_is_right(names):
    assert names["damaged"] == pytest.approx(names["true"], rel=0.1)


def own_detector_is_tuned(names):
    assert len(names["search"].pareto_indices_) >= 3
    assert names["scores"].f1 > 0.95


def dislocation_is_seen(names):
    conflicts = np.abs(names["indexer"].conflict_cells_)
    assert sorted(np.unique(conflicts, axis=0).tolist()[0]) == [0, 1]
    field, rows = names["field"], names["found"].atoms_["row"]
    near = np.abs(rows - 164) < 60
    assert np.nanmean(field.e_xx[near & (rows < 164)]) < -0.005
    assert np.nanmean(field.e_xx[near & (rows > 164)]) > 0.005


def frames_are_in_one_table(names):
    assert names["status"] == 2
    assert [frame["verdict"] for frame in names["frames"]][-1] == "failed"
    assert all(int(frame["n_found"]) > 170 for frame in names["frames"][:-1])


CHECKS = {
    "plot_01_first_atoms": finds_every_atom,
    "plot_02_low_dose": denoising_finds_more,
    "plot_03_oxygen": oxygen_is_found,
    "plot_04_no_crystal": no_crystal_is_needed,
    "plot_05_kinds": each_type_is_one_kind,
    "plot_06_damage": damage_is_found,
    "plot_07_damage_area": area_is_right,
    "plot_08_own_detector": own_detector_is_tuned,
    "plot_09_hyperspy": dislocation_is_seen,
    "plot_10_folder": frames_are_in_one_table,
}


def test_every_example_is_checked():
    assert sorted(CHECKS) == sorted(path.stem for path in FOLDER.glob("plot_*.py"))


@pytest.mark.parametrize("name", CHECKS)
def test_example(name, monkeypatch, tmp_path):
    if "hyperspy" in name:
        pytest.importorskip("hyperspy")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(FOLDER / f"{name}.py"))
    plt.close("all")
    CHECKS[name](names)
