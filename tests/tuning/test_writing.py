"""What a finder leaves in a folder."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from logstar import AtomFinder
from logstar.datasets import make_scene
from logstar.io import AtomTable
from logstar.pareto import is_non_dominated
from tests.tuning.common import CRYSTAL


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_atoms_are_read_back(finder, tmp_path):
    files = finder.save(tmp_path / "a" / "b", formats=("csv", "json", "hdf5"), plots=False)
    assert set(files) == {"positions", "positions_json", "positions_hdf5", "pareto_front"}
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [
        "pareto.csv",
        "positions.csv",
        "positions.hdf5",
        "positions.json",
    ]
    for name in ("positions", "positions_json", "positions_hdf5"):
        again = AtomTable.load(files[name])
        # A csv has four decimals.
        off = np.abs(again.positions - finder.atoms_.positions).max()
        assert off <= (6e-5 if name == "positions" else 0)
        np.testing.assert_array_equal(again["flagged"], finder.atoms_["flagged"])
        assert again.pixel_size.unit == finder.pixel_size_.unit
        assert again.pixel_size.value == pytest.approx(finder.pixel_size_.value, rel=1e-6)
    provenance = AtomTable.load(files["positions_json"]).provenance
    assert provenance["parameters"]["threshold"] == finder.params_["threshold"]
    assert provenance["rewards"]["qc"] == finder.qc_
    assert finder.seconds_["write"] > 0


@pytest.mark.parametrize("expected", [None, 125])
def test_the_front_is_that_which_was_chosen_from(scene, tmp_path, expected):
    finder = AtomFinder(CRYSTAL, expected=expected).fit(scene.image)
    rows = rows_of(finder.save(tmp_path, plots=False)["pareto_front"])
    names = ("qc_beyond", "er", "stability")
    losses = np.array([[float(row[name]) for name in names] for row in rows]) * (1, 1, -1)
    assert is_non_dominated(losses).all()
    assert [row["chosen"] for row in rows].index("1") == finder.index_
    chosen = rows[finder.index_]
    assert int(chosen["n_atoms"]) == len(finder.atoms_)
    assert float(chosen["qc"]) == pytest.approx(finder.qc_)
    assert float(chosen["threshold"]) == pytest.approx(finder.params_["threshold"])
    other = finder.at(0)
    again = rows_of(other.save(tmp_path / "other", plots=False)["pareto_front"])
    assert [row["chosen"] for row in again].index("1") == 0
    assert int(again[0]["n_atoms"]) == len(other.atoms_)


def test_windows_are_written_and_drawn(scene, tmp_path):
    finder = AtomFinder(CRYSTAL, refine=None, window=80).fit(scene.image)
    files = finder.save(tmp_path)
    rows, maps = rows_of(files["windows"]), finder.windows_
    assert len(rows) == maps.verdict.size
    for i, row in enumerate(rows):
        place = divmod(i, len(maps.cols))
        assert float(row["row"]) == maps.rows[place[0]]
        assert float(row["col"]) == maps.cols[place[1]]
        assert float(row["threshold"]) == pytest.approx(maps.threshold[place])
        assert float(row["qc"]) == pytest.approx(maps.qc[place])
        assert row["verdict"] == maps.verdict[place]
    with Image.open(files["window_maps"]) as picture:
        assert picture.size[0] > 1000
    assert "windows" not in AtomFinder(CRYSTAL, refine=None).fit(scene.image).save(tmp_path)


def test_a_window_without_atoms_has_no_numbers(tmp_path):
    crystal = CRYSTAL.with_mask(np.arange(220)[:, None] + np.zeros(160) < 110)
    scene = make_scene(crystal, (220, 160), noise=0.05, random_state=0)
    finder = AtomFinder(crystal, refine=None, window=64).fit(scene.image)
    rows = rows_of(finder.save(tmp_path, plots=False)["windows"])
    empty = [row for row in rows if row["verdict"] == "empty"]
    assert empty
    assert all(row["qc"] == row["er"] == "" for row in empty)


def test_pictures(finder, scene, tmp_path):
    files = finder.save(tmp_path)
    # Nothing is to be doubted, so there is no picture of it.
    assert set(files) == {"positions", "pareto_front", "picture"}
    with Image.open(files["picture"]) as picture:
        assert picture.size[0] > 1000
    wrong = AtomFinder(CRYSTAL, expected=150).fit(scene.image)
    assert "quality" in wrong.save(tmp_path / "wrong")


def test_plot_gives_the_figure(finder):
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the conftest has chosen the backend

    figure = finder.plot(crystal="SrTiO3")
    assert len(figure.axes) >= 2
    assert any("SrTiO3" in text.get_text() for text in figure.texts)
    plt.close(figure)


def test_without_plots_nothing_is_imported_that_is_not_used(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from logstar import AtomFinder, Lattice\n"
        "from logstar.datasets import make_scene\n"
        "scene = make_scene(Lattice.perovskite(4.0, 0.2), (100, 100), random_state=0)\n"
        f"AtomFinder(n_iter=1).fit(scene.image).save({str(tmp_path)!r}, plots=False)\n"
        "heavy = ('matplotlib', 'skopt', 'logstar.segmentation._segmenter', 'h5py', 'rsciio')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
