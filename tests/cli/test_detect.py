"""The command detect for one image: what is found, printed and written."""

from __future__ import annotations

import inspect
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar import AtomFinder, find_atoms
from logstar.cli import main
from logstar.cli._arguments import build_parser
from logstar.cli._detect import refine_of, request_of
from logstar.cli._inputs import Input
from logstar.detection import LoGStarDetector
from logstar.io import read_positions, write_mask
from logstar.io._calibration import Calibration
from logstar.metrics import detection_metrics
from logstar.pareto import is_non_dominated
from logstar.tuning import find_atoms_in_stack
from tests.cli.common import (
    N_ITER,
    NUMBERS,
    PITCH,
    assert_one_line_error,
    detect,
    interrupt_after,
    positions_of,
    read_csv,
)
from tests.detection.noises import single_atoms

QUICK = [*N_ITER, "--no-plots"]


def test_the_picture_shows_the_atoms(film):
    assert detect(film, *NUMBERS, *N_ITER, "--out", "out") == 0
    with Image.open("out/atoms.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    n_rows, n_cols, _ = pixels.shape
    assert n_cols > 1000
    assert n_rows > 500
    cyan = (pixels[..., 2] > 200) & (pixels[..., 0] < 90) & (pixels[..., 1] > 150)
    # 64 rings on the left, none on the right.
    assert cyan[:, : n_cols // 2].sum() > 64 * 50
    assert cyan[:, 3 * n_cols // 4 :].sum() < 50


def test_front_is_written_with_the_chosen_point(film, capsys):
    assert detect(film, *NUMBERS, *QUICK, "--out", "out", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    rows = read_csv("out/pareto.csv")
    objectives = ("qc_beyond", "er", "stability")
    assert list(rows[0]) == [
        *("n_atoms", "qc", *objectives),
        *("min_sigma", "max_sigma", "threshold", "overlap", "sigma_step", "chosen"),
    ]
    assert len({tuple(row[name] for name in objectives) for row in rows}) == result["n_pareto"]
    front = np.array([[float(row[name]) for name in objectives] for row in rows])
    assert is_non_dominated(front * (1, 1, -1)).all()
    (chosen,) = [row for row in rows if row["chosen"] == "1"]
    assert float(chosen["qc"]) == pytest.approx(result["qc"], abs=1e-9)
    assert float(chosen["er"]) == pytest.approx(result["er"], abs=1e-9)
    assert int(chosen["n_atoms"]) == result["n_found"]
    for name, value in result["params"].items():
        assert float(chosen[name]) == pytest.approx(value)
    # They make the detector that found the atoms.
    detector = LoGStarDetector(**result["params"], exclude_border=1)
    assert len(detector.fit_predict(np.load(film))) == result["n_found"]


def test_detect_by_numbers_needs_no_pixel_size(film, atoms, capsys):
    assert detect(film, *NUMBERS, *QUICK, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pixel_size"], result["unit"], result["crystal"]) == (None, None, None)
    found = positions_of("logstar-film/positions.csv")
    assert detection_metrics(found, atoms[1]).f1 == 1
    assert "row_A" not in read_csv("logstar-film/positions.csv")[0]


@pytest.fixture
def calibrated(film, atoms) -> tuple[Path, list[str]]:
    """The micrograph with 0.02 nm/px, and options that say its crystal."""
    # Neighbours of a perovskite are a / sqrt(2) apart, here one pitch; turned by 45 degrees.
    a = PITCH * np.sqrt(2) * 0.2
    path = film.with_suffix(".tif")
    tifffile.imwrite(
        path,
        atoms[0].astype(np.float32),
        imagej=True,
        resolution=(50, 50),
        metadata={"unit": "nm"},
    )
    return path, ["--crystal", f"perovskite:a={a}"]


def test_detect_by_crystal_takes_the_pixel_size_of_the_file(calibrated, capsys):
    film, crystal = calibrated
    assert detect(film, *crystal, *QUICK, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pixel_size"], result["unit"]) == (pytest.approx(0.02, rel=0.002), "nm")
    # The image shows the lattice: expected are its columns, counted one by one.
    assert result["n_expected"] == result["n_found"] == 64
    assert result["calibration"].startswith("calibration is right within")
    assert "row_nm" in read_csv("logstar-film/positions.csv")[0]


def test_a_pixel_size_that_the_image_contradicts_is_refused(calibrated, capsys):
    film, crystal = calibrated
    options = [*crystal, "--pixel-size", "40pm", *QUICK]
    assert detect(film, *options) == 2
    assert_one_line_error(capsys, "did you mean 20 pm/px")
    assert not Path("logstar-film").exists()
    assert detect(film, *options, "--force", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["verdict"]["status"], result["unit"]) == ("check", "pm")
    assert detect(film, *options, "--force", "--strict") == 3


@pytest.mark.parametrize(("calibration", "size"), [("keep", 0.0205), ("correct", 0.02)])
def test_which_pixel_size_the_results_have(calibrated, capsys, calibration, size):
    film, crystal = calibrated
    options = ["--pixel-size", "0.0205nm", "--calibration", calibration]
    assert detect(film, *crystal, *options, *QUICK, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["pixel_size"] == pytest.approx(size, rel=0.002)
    row = read_csv("logstar-film/positions.csv")[0]
    assert float(row["row_nm"]) == pytest.approx(size * float(row["row"]), rel=0.002)


def test_dark_atoms(film, atoms):
    np.save(film, 5 - atoms[0])
    assert detect(film, *NUMBERS, *QUICK, "--polarity", "dark") == 0
    assert detection_metrics(positions_of("logstar-film/positions.csv"), atoms[1]).f1 == 1


def test_columns_that_are_visible(calibrated, capsys):
    film, crystal = calibrated
    assert detect(film, *crystal, "--visible", "A", *QUICK, "--json", "--force") == 0
    half = json.loads(capsys.readouterr().out)["n_expected"]
    assert 20 < half < 45
    assert detect(film, *crystal, "--visible", "Xe", *QUICK) == 2
    assert_one_line_error(capsys, "--visible must name columns of the crystal")


def test_one_image_of_a_stack(film, atoms, capsys):
    np.save(film, np.stack([np.ones_like(atoms[0]), atoms[0]]))
    assert detect(film, *NUMBERS, *QUICK) == 2
    assert_one_line_error(capsys, "holds 2 images")
    assert detect(film, *NUMBERS, *QUICK, "--dataset", "1") == 0
    assert len(positions_of("logstar-film/positions.csv")) == 64


def test_errors_name_options(film, atoms, capsys):
    np.save(film, np.stack([atoms[0], atoms[0]]))
    assert detect(film, *NUMBERS) == 2
    message = capsys.readouterr().err
    assert "--dataset 0 or --average" in message
    assert "=" not in message


def test_a_part_of_the_image(film, atoms):
    half = ["--expected", "32", "--distance-sum", NUMBERS[-1]]
    middle = 4 * PITCH
    assert detect(film, *half, *QUICK, "--roi", f":,{middle}:", "--out", "roi") == 0
    found = positions_of("roi/positions.csv")
    # Where they are in the whole image.
    assert detection_metrics(found, atoms[1][atoms[1][:, 1] >= middle]).f1 == 1
    mask = np.zeros(atoms[0].shape, dtype=bool)
    mask[:, middle:] = True
    write_mask("mask.png", mask)
    assert detect(film, *half, *QUICK, "--mask", "mask.png", "--out", "mask") == 0
    np.testing.assert_array_equal(positions_of("mask/positions.csv"), found)


def test_parts_that_are_none(film, capsys):
    assert detect(film, *NUMBERS, "--roi", "0:5000,0:10") == 2
    assert_one_line_error(
        capsys, "--roi 0:5000,0:10: rows must begin before they end and lie within"
    )
    assert detect(film, *NUMBERS, "--mask", "missing.png") == 2
    assert_one_line_error(capsys, "missing.png: no such file")
    write_mask("mask.png", np.ones((5, 5), dtype=bool))
    assert detect(film, *NUMBERS, "--mask", "mask.png") == 2
    assert_one_line_error(capsys, "--mask must be")


def test_windows_have_a_table_and_maps(film, capsys):
    assert detect(film, *NUMBERS, *N_ITER, "--window", "48", "--out", "out", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["params"]["window"] == 48
    rows = read_csv("out/windows.csv")
    thresholds = [float(row["threshold"]) for row in rows]
    assert result["params"]["threshold"] == pytest.approx(np.median(thresholds))
    assert {"windows.csv", "windows.png"} <= {path.name for path in Path("out").iterdir()}
    assert detect(film, *NUMBERS, *N_ITER, "--window", "8") == 2
    assert_one_line_error(capsys, "window must be at least 16, got 8")


def test_the_same_seed_gives_the_same(film):
    for folder in ("a", "b"):
        assert detect(film, *NUMBERS, *QUICK, "--out", folder) == 0
    for name in ("positions.csv", "pareto.csv"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()


def test_command_and_python_agree_to_the_bit(film, capsys):
    installed = {"hdf5": "h5py", "parquet": "pyarrow"}
    formats = ["json", *(name for name, needs in installed.items() if find_spec(needs))]
    given = [option for name in formats for option in ("--format", name)]
    assert detect(film, "--lattice", "auto", "--no-plots", *given, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    # All ladders that there are.
    assert result["n_ladders"] == 10
    finder = find_atoms(film)
    for name in formats:
        table = read_positions(f"logstar-film/positions.{name}")
        np.testing.assert_array_equal(np.asarray(table), np.asarray(finder.atoms_))
        np.testing.assert_array_equal(table["status"], finder.atoms_["status"])
    plain = finder.report().as_dict()
    for name in ("verdict", "n_found", "n_expected", "qc", "er", "params", "stable_thresholds"):
        assert json.loads(json.dumps(plain[name])) == result[name]
    finder.save("python", plots=False)
    for name in ("positions.csv", "pareto.csv"):
        assert Path("python", name).read_bytes() == Path("logstar-film", name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crystal", "ybco"], "film.npy gives no pixel size; --crystal needs one"),
        (["--crystal", "ybco", "--pixel-size", "2nm"], "no pixel size makes one of the other"),
        (["--crystal", "ybco", "--pixel-size", "0.02pm"], "no pixel size makes one of the other"),
        (["--expected", "9999", "--distance-sum", "50"], "cannot be told apart"),
        ([*NUMBERS, "--dataset", "7"], "--dataset must be 0 to 0, got 7"),
        (["--expected", "4", "--distance-sum", "3000"], "too small for what is expected"),
        ([*NUMBERS, "--binning", "1000"], "binning"),
    ],
)
def test_what_an_image_refuses(film, capsys, options, message):
    assert detect(film, *options) == 2
    assert_one_line_error(capsys, message)
    assert not Path("logstar-film").exists()


def test_a_pixel_size_without_unit_is_not_guessed(film, capsys, monkeypatch):
    note = "the file gives 0.0093 per pixel without a unit."
    without_unit = Calibration(0.0093, 0.0093, None, note)
    monkeypatch.setattr("logstar.io._micrograph.calibration", lambda *_: without_unit)
    assert detect(film, "--crystal", "ybco") == 2
    assert_one_line_error(capsys, "gives no pixel size; --crystal needs one")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((64, 64)), "the image is constant"),
        (np.where(np.eye(64) > 0, np.nan, 0), "NaN or infinite, the first at (row, col) = (0, 0)"),
        (np.ones(64), "holds no 2-D image"),
        # A slope has no maximum inside.
        (np.add.outer(np.arange(112.0), np.arange(112.0)), "error: no atom was found"),
    ],
)
def test_images_that_hold_no_atoms(film, capsys, image, message):
    np.save(film, image)
    assert detect(film, *NUMBERS, *QUICK) == 2
    assert_one_line_error(capsys, message)
    assert not Path("logstar-film").exists()


def test_files_that_cannot_be_read(film, capsys):
    assert main(["detect", "missing.dm3", *NUMBERS]) == 2
    assert_one_line_error(capsys, "missing.dm3: no such file")
    film.write_bytes(film.read_bytes()[:1000])
    assert detect(film, *NUMBERS) == 2
    assert_one_line_error(capsys, "broken, cut off")
    Path("film.docx").touch()
    assert main(["detect", "film.docx", *NUMBERS]) == 2
    assert_one_line_error(capsys, "unknown extension")


def test_output_that_cannot_be_written_is_known_before_the_search(film, capsys, monkeypatch):
    monkeypatch.setattr("logstar.tuning.find_atoms", lambda *_, **__: pytest.fail("searched"))
    Path("taken").touch()
    assert detect(film, *NUMBERS, "--out", "taken") == 2
    assert_one_line_error(capsys, "taken: Not a directory")


def test_interruption_keeps_what_was_evaluated(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 5)
    assert detect(film, *NUMBERS, "--no-plots", "--json") == 130
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert result["interrupted"] is True
    assert result["n_ladders"] == 5
    assert len(read_csv("logstar-film/positions.csv")) == result["n_found"]
    assert output.err == ""


def test_interruption_says_what_there_is(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 5)
    assert detect(film, *NUMBERS, "--no-plots") == 130
    text = capsys.readouterr().out
    assert "INTERRUPTED before the end of the search" in text
    assert "logstar-film/positions.csv" in text


def test_interruption_before_anything_was_evaluated(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 0)
    assert detect(film, *NUMBERS) == 130
    assert_one_line_error(capsys, "interrupted before anything was evaluated; nothing was written")
    assert not Path("logstar-film").exists()


def test_interruption_while_drawing_keeps_the_atoms(film, capsys, monkeypatch):
    save = AtomFinder.save

    def interrupted(self, folder, *, plots: bool, **options) -> dict[str, Path]:
        files = save(self, folder, plots=False, **options)
        if plots:
            raise KeyboardInterrupt
        return files

    monkeypatch.setattr(AtomFinder, "save", interrupted)
    assert detect(film, *NUMBERS, *N_ITER) == 130
    text = capsys.readouterr().out
    assert "INTERRUPTED while it was drawn; the pictures are missing" in text
    assert len(positions_of("logstar-film/positions.csv")) == 64
    assert sorted(path.name for path in Path("logstar-film").iterdir()) == [
        "pareto.csv", "positions.csv", "result.json",
    ]  # fmt: skip


def test_warnings_are_one_line(film, capsys, monkeypatch):
    sweep = LoGStarDetector.sweep
    calls = iter(range(100))

    def fails_once(self, *args, **options):
        for front in sweep(self, *args, **options):
            if next(calls) == 2:
                raise RuntimeError("out of paper")
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweep", fails_once)
    assert detect(film, *NUMBERS, *QUICK) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("logstar: warning: 1 of ")


def test_a_request_knows_the_files_that_a_reader_reads_as_well(film):
    args = build_parser("0").parse_args(["detect", "a[1].emi", *NUMBERS])
    for name in ("a[1].emi", "a[1]_1.ser", "a1_1.ser"):
        Path(name).write_bytes(film.read_bytes())
    before = request_of(args, Input(Path("a[1].emi")))
    assert [source["name"] for source in before["companions"]] == ["a[1]_1.ser"]
    Path("a1_1.ser").write_bytes(b"of another")
    assert request_of(args, Input(Path("a[1].emi"))) == before
    Path("a[1]_1.ser").write_bytes(b"changed")
    assert request_of(args, Input(Path("a[1].emi"))) != before


def test_positions_in_other_formats(film, capsys):
    pytest.importorskip("h5py", reason="needs the extra io")
    formats = ["--format", "json", "--format", "hdf5", "--format", "csv", "--format", "json"]
    assert detect(film, *NUMBERS, *QUICK, *formats, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    written = {kind: path for kind, path in result["files"].items() if "positions" in kind}
    assert list(written) == ["positions", "positions_json", "positions_hdf5"]
    tables = [read_positions(path).positions for path in written.values()]
    for table in tables[:2]:
        # A csv has four decimals.
        np.testing.assert_allclose(table, tables[2], rtol=0, atol=6e-5)
    where = read_positions(written["positions_json"]).provenance
    assert where["source"]["name"] == "film.npy"
    assert where["parameters"] == result["params"]
    assert where["rewards"] == {"qc": result["qc"], "er": result["er"]}


@pytest.mark.parametrize(
    ("name", "options", "low", "high"),
    [
        # Calibrations are off by 3 to 4 %: sizes are those that the spacing in the image gives.
        ("baghizadeh_BTO_crystal_1.dm4", ["--crystal", "perovskite:a=3.99",
         "--pixel-size", "0.3069A"], 2150, 2350),
        ("ncem_16_STOimage_1.ser", ["--crystal", "perovskite:a=3.905",
         "--pixel-size", "0.0964A", "--n-iter", "10"], 1200, 1320),
        # Along [110]: 2.761 x 3.905 angstrom with two columns, nearest 1.953 and 2.761.
        ("atomap_test_ADF_cropped.hdf5", ["--expected", "245", "--distance-sum", "85.9"],
         215, 260),
    ],
)  # fmt: skip
def test_real_micrographs(shared_data, tmp_path, capsys, name, options, low, high):
    pytest.importorskip("rsciio", reason="needs the extra io")
    path = str(shared_data / "real" / name)
    args = ["detect", path, *QUICK, *options, "--out", str(tmp_path), "--json"]
    assert main(args) == 0
    result = json.loads(capsys.readouterr().out)
    assert low < result["n_found"] < high
    assert result["er"] < 0.06


class TestLattices:
    """The ways to say what physics expects that need a lattice."""

    def test_auto_needs_nothing_else(self, film, atoms, capsys):
        assert detect(film, "--lattice", "auto", *QUICK, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["n_expected"], result["n_found"]) == (64, 64)
        assert result["verdict"] == {"status": "ok", "reasons": [], "remarks": []}
        assert result["quality"]["concerns"] == []
        low, high = result["stable_thresholds"]
        assert high > 1.5 * low
        assert detection_metrics(positions_of("logstar-film/positions.csv"), atoms[1]).f1 == 1

    def test_a_crystal_from_a_file(self, film, capsys):
        # Po is simple cubic: neighbours of the columns at the edge of the cell, here one pitch.
        side = PITCH * 0.2
        Path("po.cif").write_text(
            f"data_po\n_cell_length_a {side}\n_cell_length_b {side}\n_cell_length_c {side}\n"
            "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
            "_symmetry_space_group_name_H-M 'P m -3 m'\nloop_\n_atom_site_label\n"
            "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nPo 0 0 0\n",
            encoding="utf-8",
        )
        options = ["--cif", "po.cif", "--zone", "[0 0 1]", "--pixel-size", "0.205A"]
        assert detect(film, *options, *QUICK, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert result["crystal"] == "po [0 0 1]"
        assert result["n_found"] == 64
        assert "too large: 0.20" in result["calibration"]
        assert result["pixel_size"] == pytest.approx(0.2, rel=0.002)
        assert detect(film, *options, *QUICK) == 0
        text = capsys.readouterr().out
        for part in (
            "verdict     ",
            "calibration 2.",
            "stable",
            "start 0.",
            "read 0.",
        ):
            assert part in text

    def test_no_lattice_is_said(self, film, capsys, rng):
        np.save(film, rng.normal(size=(96, 96)))
        assert detect(film, "--lattice", "auto") == 2
        assert_one_line_error(capsys, "no lattice")

    def test_a_count_that_hangs_on_the_threshold_is_to_check(self, film, capsys, rng):
        # Noise alone: there are as many atoms as the threshold lets through.
        np.save(film, rng.normal(size=(96, 96)))
        assert detect(film, *NUMBERS, *QUICK) == 0
        assert "verdict     check: " in capsys.readouterr().out
        assert detect(film, *NUMBERS, *QUICK, "--strict") == 3


def test_single_atoms(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image, places = single_atoms(30, (256, 256))
    np.save("atoms.npy", image)
    options = ["--lattice", "none", "--no-plots", "--json", "--out"]
    assert main(["detect", "atoms.npy", *options, "untold"]) == 0
    untold = json.loads(capsys.readouterr().out)
    assert untold["n_expected"] is None
    assert untold["verdict"]["status"] == "ok"
    found = positions_of("untold/positions.csv")
    assert detection_metrics(found, places, tolerance=3).f1 > 0.95
    assert all(float(row["significance"]) > 0 for row in read_csv("untold/positions.csv"))
    told = ["--expected", "20", "--atom-size", "3px"]
    assert main(["detect", "atoms.npy", *options, "told", *told]) == 0
    assert json.loads(capsys.readouterr().out)["n_found"] == 20
    np.save("again.npy", image)
    assert main(["detect", "atoms.npy", "again.npy", *options, "both"]) == 0


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([], {}),
        (["--refine", "window"], {"refine": "window"}),
        (["--refine", "none"], {"refine": None}),
    ],
)
@pytest.mark.parametrize("command", ["detect", "watch"])
def test_whether_positions_are_refined_is_left_to_the_library(command, given, taken):
    args = build_parser("1").parse_args([command, "x", "--lattice", "auto", *given])
    assert refine_of(args) == taken


def test_the_help_tells_what_the_library_does_where_refine_is_not_given(capsys):
    assert main(["detect", "--help"]) == 0
    of_movies = inspect.signature(find_atoms_in_stack).parameters["refine"].default
    told = f"(default {AtomFinder().refine}; of movies {str(of_movies).lower()})"
    assert told in " ".join(capsys.readouterr().out.split())
