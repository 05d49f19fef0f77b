"""The command line: exit codes, what is printed, what is written."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar import __version__
from logstar.cli import main
from logstar.cli._arguments import PixelSize, parse_crystal, parse_pixel_size
from logstar.cli._progress import describe
from logstar.detection import LoGStarDetector
from logstar.io._calibration import Calibration
from logstar.lattice import Lattice
from logstar.metrics import detection_metrics
from logstar.model_selection import SearchProgress
from logstar.pareto import is_non_dominated
from logstar.tuning import Expectation
from tests.conftest import atoms_image

PITCH = 14
N_ITER = ["--n-iter", "3"]
# A primitive square lattice: four neighbours at the pitch each.
NUMBERS = ["--expected", "64", "--distance-sum", str(0.85 * 4 * PITCH)]


@pytest.fixture
def atoms() -> tuple[np.ndarray, np.ndarray]:
    return atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05)


@pytest.fixture
def film(tmp_path, atoms, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "film.npy", atoms[0])
    return tmp_path / "film.npy"


def detect(film: Path, *options: str) -> int:
    return main(["detect", film.name, *options])


def read_csv(path: Path | str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def positions_of(path: Path | str) -> np.ndarray:
    return np.array([[float(row["row"]), float(row["col"])] for row in read_csv(path)])


def assert_one_line_error(capsys, message: str) -> None:
    output = capsys.readouterr()
    assert output.out == ""
    last = output.err.splitlines()[-1]
    assert last.startswith("logstar")
    assert "error: " in last
    assert message in last
    assert "Traceback" not in output.err


def test_demo_finds_the_atoms_and_writes_everything(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert main(["demo", "--out", str(folder), "--json", *N_ITER]) == 0
    result = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in folder.iterdir()) == [
        "atoms.png",
        "pareto.csv",
        "positions.csv",
    ]
    assert result["truth"]["n_true"] == 784
    assert result["truth"]["f1"] > 0.96
    assert result["qc"] == pytest.approx(result["n_found"] / result["n_expected"] - 1)
    assert result["er"] == pytest.approx(result["n_flagged"] / result["n_expected"])
    assert result["n_ladders"] == 3
    assert result["interrupted"] is False
    assert result["version"] == __version__
    assert list(result["seconds"]) == ["read", "lattice", "tune", "detect", "quality", "write"]

    rows = read_csv(result["files"]["positions"])
    assert len(rows) == result["n_found"]
    assert sum(int(row["flagged"]) for row in rows) == result["n_flagged"]
    for row in rows:
        for name in ("row", "col", "sigma"):
            assert float(row[f"{name}_A"]) == pytest.approx(result["pixel_size"] * float(row[name]))
        assert float(row["response"]) > 0


def test_demo_tells_people(tmp_path, capsys):
    assert main(["demo", "--noisy", "--out", str(tmp_path), "--n-iter", "4"]) == 0
    text = capsys.readouterr().out
    for part in ("found", "expected", "QC", "ER", "F1", "precision", "recall", "RMSE", "tune"):
        assert part in text
    assert "low dose" in text
    assert str(tmp_path / "atoms.png") in text


def test_the_picture_shows_the_atoms(film):
    assert detect(film, *NUMBERS, *N_ITER, "--out", "out") == 0
    with Image.open("out/atoms.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    n_rows, n_cols, _ = pixels.shape
    assert n_cols > 1500
    assert n_rows > 700
    cyan = (pixels[..., 2] > 200) & (pixels[..., 0] < 90) & (pixels[..., 1] > 150)
    # 64 rings on the left; on the right, where the counts are, a few pixels of another blue.
    assert cyan[:, : n_cols // 2].sum() > 64 * 50
    assert cyan[:, 2 * n_cols // 3 :].sum() < 50
    assert len(np.unique(pixels[:, 2 * n_cols // 3 :].reshape(-1, 3), axis=0)) > 50


def test_front_is_written_with_the_chosen_point(film, capsys):
    assert detect(film, *NUMBERS, *N_ITER, "--out", "out", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    rows = read_csv("out/pareto.csv")
    assert list(rows[0]) == [
        *("n_atoms", "qc", "qc_beyond", "er", "stability"),
        *("min_sigma", "max_sigma", "threshold", "overlap", "sigma_step", "chosen"),
    ]
    objectives = ("qc_beyond", "er", "stability")
    assert len({tuple(row[name] for name in objectives) for row in rows}) == result["n_pareto"]
    (chosen,) = [row for row in rows if row["chosen"] == "1"]
    assert float(chosen["qc"]) == pytest.approx(result["qc"])
    assert int(chosen["n_atoms"]) == result["n_found"]
    assert float(chosen["er"]) == pytest.approx(result["er"])
    for name, value in result["params"].items():
        assert float(chosen[name]) == pytest.approx(value)
    # They make the detector that found the atoms.
    detector = LoGStarDetector(**result["params"], exclude_border=1)
    assert len(detector.fit_predict(np.load(film))) == result["n_found"]
    front = np.array([[float(row[name]) for name in objectives] for row in rows])
    assert is_non_dominated(front * (1, 1, -1)).all()
    assert (np.diff(front[:, 0]) >= 0).all()


def test_detect_by_numbers_needs_no_pixel_size(film, atoms, capsys):
    assert detect(film, *NUMBERS, *N_ITER, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pixel_size"], result["unit"], result["crystal"]) == (None, None, None)
    found = positions_of("logstar-film/positions.csv")
    assert detection_metrics(found, atoms[1]).f1 == 1
    assert "row_A" not in read_csv("logstar-film/positions.csv")[0]


def test_detect_by_crystal_takes_the_pixel_size_of_the_file(film, atoms, capsys):
    # Neighbours of a perovskite are a / sqrt(2) apart, here one pitch; turned by 45 degrees.
    a = PITCH * np.sqrt(2) * 0.2
    film = film.with_suffix(".tif")
    tifffile.imwrite(
        film,
        atoms[0].astype(np.float32),
        imagej=True,
        resolution=(50, 50),
        metadata={"unit": "nm"},
    )
    crystal = ["--crystal", f"perovskite:a={a}"]
    assert detect(film, *crystal, *N_ITER, "--json") == 0
    from_file = json.loads(capsys.readouterr().out)
    assert (from_file["pixel_size"], from_file["unit"]) == (pytest.approx(0.02), "nm")
    # The image shows the lattice: expected are its columns, counted one by one.
    assert from_file["n_expected"] == 64
    assert from_file["calibration"].startswith("calibration is right within")
    assert len(from_file["lattice"]["vectors_px"]) == 2
    assert abs(from_file["n_found"] - from_file["n_expected"]) < 1
    assert "row_nm" in read_csv("logstar-film/positions.csv")[0]

    # At twice the pixel size the image's lattice is not that of the crystal.
    assert detect(film, *crystal, "--pixel-size", "40pm", *N_ITER) == 2
    assert_one_line_error(capsys, "did you mean 20 pm/px")


def test_dark_atoms(film, atoms):
    np.save(film, 5 - atoms[0])
    assert detect(film, *NUMBERS, *N_ITER, "--polarity", "dark") == 0
    assert detection_metrics(positions_of("logstar-film/positions.csv"), atoms[1]).f1 == 1


def test_one_image_of_a_stack(film, atoms, capsys):
    np.save(film, np.stack([np.ones_like(atoms[0]), atoms[0]]))
    assert detect(film, *NUMBERS, *N_ITER) == 2
    assert_one_line_error(capsys, "holds 2 images")
    assert detect(film, *NUMBERS, *N_ITER, "--dataset", "1") == 0
    assert len(positions_of("logstar-film/positions.csv")) == 64


def test_the_same_seed_gives_the_same(film):
    for folder in ("a", "b"):
        assert detect(film, *NUMBERS, *N_ITER, "--out", folder) == 0
    for name in ("positions.csv", "pareto.csv"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say what physics expects: --crystal"),
        (["--expected", "64"], "--expected needs --distance-sum as well"),
        (["--distance-sum", "50"], "--distance-sum needs --expected as well"),
        (["--crystal", "ybco", *NUMBERS], "not both"),
        (["--crystal", "ybco"], "film.npy gives no pixel size; --crystal needs one"),
        (["--crystal", "gold"], "unknown crystal 'gold'; known are ybco, perovskite"),
        (["--crystal", "perovskite"], "perovskite:a=3.905"),
        (["--crystal", "perovskite:a=big"], "must be a number above 0, got 'big'"),
        (["--crystal", "ybco", "--pixel-size", "0.2"], "no unit; write 0.2A, 0.2nm or 0.2pm"),
        (["--crystal", "ybco", "--pixel-size", "0.2inch"], "must be A, nm or pm, got 'inch'"),
        (["--crystal", "ybco", "--pixel-size", "0nm"], "must be a number above 0"),
        (["--crystal", "ybco", "--pixel-size", "wide"], "must be a number with a unit"),
        (["--crystal", "ybco", "--pixel-size", "2nm"], "no pixel size makes one of the other"),
        (["--crystal", "ybco", "--pixel-size", "0.001pm"], "no pixel size makes one of the other"),
        (["--expected", "9999", "--distance-sum", "50"], "cannot be told apart"),
        (["--expected", "-5", "--distance-sum", "50"], "must be a number above 0"),
        ([*NUMBERS, "--n-iter", "0"], "must be an integer above 0"),
        ([*NUMBERS, "--random-state", "-1"], "must be an integer from 0"),
        ([*NUMBERS, "--dataset", "7"], "dataset must be 0 to 0, got 7"),
        (["--expected", "4", "--distance-sum", "3000"], "smaller than the reach"),
    ],
)
def test_wrong_usage(film, capsys, options, message):
    assert detect(film, *options) == 2
    assert_one_line_error(capsys, message)
    assert not list(Path().glob("logstar-film/*"))


def test_a_pixel_size_without_unit_is_not_guessed(film, capsys, monkeypatch):
    note = "the file gives 0.0093 per pixel without a unit."
    without_unit = Calibration(0.0093, 0.0093, None, note)
    monkeypatch.setattr("logstar.io._micrograph.calibration", lambda *_: without_unit)
    assert detect(film, "--crystal", "ybco") == 2
    assert_one_line_error(capsys, f"gives no pixel size ({note})")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((64, 64)), "the image is constant"),
        (np.where(np.eye(64) > 0, np.nan, 0), "NaN or infinite, the first at (row, col) = (0, 0)"),
        (np.ones(64), "holds no 2-D image"),
    ],
)
def test_images_that_hold_no_atoms(film, capsys, image, message):
    np.save(film, image)
    assert detect(film, *NUMBERS) == 2
    assert_one_line_error(capsys, message)


def test_files_that_cannot_be_read(film, capsys):
    assert main(["detect", "missing.dm3", *NUMBERS]) == 1
    assert_one_line_error(capsys, "missing.dm3: no such file")
    film.write_bytes(film.read_bytes()[:1000])
    assert detect(film, *NUMBERS) == 1
    assert_one_line_error(capsys, "broken, cut off")
    Path("film.docx").touch()
    assert main(["detect", "film.docx", *NUMBERS]) == 2
    assert_one_line_error(capsys, "unknown extension")


def test_output_that_cannot_be_written_is_known_before_the_search(film, capsys, monkeypatch):
    monkeypatch.setattr("logstar.tuning.AtomFinder._fit", lambda *_, **__: pytest.fail("searched"))
    Path("taken").touch()
    assert detect(film, *NUMBERS, "--out", "taken") == 1
    assert_one_line_error(capsys, "taken")


def test_nothing_found(film, capsys):
    # A slope has no maximum inside.
    np.save(film, np.add.outer(np.arange(112.0), np.arange(112.0)))
    assert detect(film, *NUMBERS, "--n-iter", "4") == 1
    assert_one_line_error(capsys, "no atom was found with 4 ladders of sigmas")


def test_debug_shows_where(tmp_path, capsys):
    assert main(["detect", str(tmp_path / "missing.dm3"), *NUMBERS, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def interrupt_after(monkeypatch, n_calls: int) -> None:
    sweeps = LoGStarDetector.sweeps
    calls = iter(range(n_calls))

    def interrupted(self, *args, **options):
        for front in sweeps(self, *args, **options):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweeps", interrupted)


def test_interruption_keeps_what_was_evaluated(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 5)
    assert detect(film, *NUMBERS, "--json") == 130
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert result["interrupted"] is True
    assert result["n_ladders"] == 5
    assert len(read_csv("logstar-film/positions.csv")) == result["n_found"]
    assert output.err == ""


def test_interruption_is_told_in_the_summary(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 5)
    assert detect(film, *NUMBERS) == 130
    assert "INTERRUPTED before its end" in capsys.readouterr().out


def test_interruption_before_anything_was_evaluated(film, capsys, monkeypatch):
    interrupt_after(monkeypatch, 0)
    assert detect(film, *NUMBERS) == 130
    assert_one_line_error(capsys, "interrupted before anything was evaluated")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_qc_and_er_of_the_compromise_on_a_terminal(film, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    assert detect(film, *NUMBERS, *N_ITER, "--json") == 0
    shown = terminal.getvalue()
    assert "tuning" in shown
    assert "QC 0." in shown
    assert "ER 0." in shown
    json.loads(capsys.readouterr().out)


def test_progress_before_any_success_shows_no_numbers():
    state = SearchProgress(1, 9, {}, {"qc": np.nan}, None, None)
    assert describe(state) == ""


def test_warnings_are_one_line(film, capsys, monkeypatch):
    sweeps = LoGStarDetector.sweeps
    calls = iter(range(100))

    def fails_once(self, *args, **options):
        for front in sweeps(self, *args, **options):
            if next(calls) == 2:
                raise RuntimeError("out of paper")
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweeps", fails_once)
    assert detect(film, *NUMBERS, *N_ITER) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("logstar: warning: 1 of ")


def test_numbers_expect_what_a_square_lattice_does():
    lattice = Lattice.perovskite(4.0, pixel_size=0.1)
    known = Expectation.from_lattice(lattice, (200, 200))
    typed = Expectation.from_numbers(known.n_expected, known.distance_sum, (200, 200))
    assert typed.sigma_range == pytest.approx(known.sigma_range, rel=0.01)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("0.2966A", 0.2966, "A"), ("2.966e-2 nm", 0.02966, "nm"), ("29.66pm", 29.66, "pm"),
     ("0.3Å", 0.3, "A")],
)  # fmt: skip
def test_pixel_sizes(text, value, unit):
    assert parse_pixel_size(text) == PixelSize(value, unit)


def test_crystals():
    assert parse_crystal("YBCO").lattice(0.15).kinds == Lattice.ybco(0.15).kinds
    perovskite = parse_crystal("perovskite:a=3.99")
    assert perovskite.name == "perovskite:a=3.99"
    assert perovskite.lattice(0.3).a == 3.99


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False
    )


def test_help_teaches_and_is_quick():
    code = (
        "import sys; from logstar.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'numpy', 'scipy', 'sklearn', 'matplotlib', 'rich'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    result = run_python(code, "--help")
    assert result.returncode == 0
    for part in ("examples:", "exit codes:", "logstar detect film.dm4 --crystal ybco", "QC", "ER"):
        assert part in result.stdout
    assert result.stderr.strip() == "[]"
    result = run_python(code, "detect", "--help")
    for part in ("crystals:", "formats:", "dm3 dm4 ser", "positions.csv", "logstar[io]"):
        assert part in result.stdout


def test_version_and_no_command():
    code = "import sys; from logstar.cli import main; sys.exit(main())"
    result = run_python(code, "--version")
    assert (result.returncode, result.stdout) == (0, f"logstar {__version__}\n")
    result = run_python(code)
    assert result.returncode == 2
    assert "required: COMMAND" in result.stderr


def test_the_whole_in_a_process_of_its_own(film):
    code = "import sys; from logstar.cli import main; sys.exit(main())"
    result = run_python(code, "detect", film.name, *NUMBERS, *N_ITER)
    assert (result.returncode, result.stderr) == (0, "")
    assert "found       64 atoms" in result.stdout


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
    args = ["detect", path, *N_ITER, *options, "--out", str(tmp_path), "--json"]
    assert main(args) == 0
    result = json.loads(capsys.readouterr().out)
    assert low < result["n_found"] < high
    assert result["er"] < 0.06


def test_a_reader_that_stops_reading_is_no_error(film):
    command = [sys.executable, "-m", "logstar", "detect", str(film), *NUMBERS, *N_ITER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        error = process.stderr.read()
    assert (process.returncode, error) == (0, b"")
    assert Path("logstar-film/positions.csv").exists()


class TestLattices:
    """The ways to say what physics expects that need a lattice."""

    def test_auto_needs_nothing_else(self, film, atoms, capsys):
        assert detect(film, "--lattice", "auto", *N_ITER, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["n_expected"], result["n_found"]) == (64, 64)
        assert result["crystal"] == "its own lattice"
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
        assert detect(film, *options, *N_ITER, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert result["crystal"] == "po [0 0 1]"
        assert result["n_found"] == 64
        assert "too large: 0.20" in result["calibration"]
        assert result["pixel_size"] == pytest.approx(0.2, rel=0.002)
        assert detect(film, *options, *N_ITER) == 0
        text = capsys.readouterr().out
        for part in ("lattice     2.", "calibration is 2.", "stable", "nothing to doubt"):
            assert part in text

    def test_no_lattice_is_said(self, film, capsys, rng):
        np.save(film, rng.normal(size=(96, 96)))
        assert detect(film, "--lattice", "auto") == 2
        assert_one_line_error(capsys, "no lattice")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--cif", "x.cif"], "--cif needs --zone as well"),
            (["--zone", "100"], "--zone needs --cif as well"),
            (["--cif", "x.cif", "--zone", "abc"], "zone_axis must be three integers"),
            (["--cif", "x.cif", "--zone", "100"], "--cif needs one: pass --pixel-size"),
            (["--lattice", "auto", *NUMBERS], "not both or several"),
            (["--lattice", "auto", "--crystal", "ybco"], "not both or several"),
            (["--lattice", "cubic"], "invalid choice: 'cubic'"),
        ],
    )
    def test_wrong_usage(self, film, capsys, options, message):
        Path("x.cif").touch()
        assert detect(film, *options) == 2
        assert_one_line_error(capsys, message)

    def test_a_missing_structure(self, film, capsys):
        options = ["--cif", "x.cif", "--zone", "100", "--pixel-size", "0.2A"]
        assert detect(film, *options) == 1
        assert_one_line_error(capsys, "x.cif: no such file")

    def test_a_count_that_hangs_on_the_threshold_is_said(self, film, capsys, rng):
        # Noise alone: there are as many atoms as the threshold lets through.
        np.save(film, rng.normal(size=(96, 96)))
        assert detect(film, *NUMBERS, *N_ITER) == 0
        assert "NO: the count hangs on the threshold" in capsys.readouterr().out
