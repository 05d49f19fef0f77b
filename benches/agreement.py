"""The command beside `find_atoms`: equal atoms, equal verdicts, and a choice on the front.

    python benches/agreement.py [--data FOLDER]

Twelve images: the shipped micrograph clean and at low dose, three simulated scenes, and seven real
micrographs, which need FOLDER (default: `shared/data` beside the project). Each is found by the
command in a process of its own, and from Python.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from logstar import AtomFinder, AtomTable, Lattice, find_atoms
from logstar.datasets import load_ybco, make_scene
from logstar.pareto import is_non_dominated

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_YBCO, _PEROVSKITE = Lattice.ybco("0.2 A"), Lattice.perovskite(3.905, "0.2 A")
#: Real micrographs: options of the command, and parameters of `find_atoms` that mean the same.
_REAL: dict[str, tuple[list[str], dict[str, Any]]] = {
    "baghizadeh_BTO_crystal_1.dm4": (["--average"], {"average": True}),
    "ncem_16_STOimage_1.ser": ([], {}),
    "atomap_test_ADF_cropped.hdf5": ([], {}),
    "atomap_test_ABF_cropped.hdf5": (["--polarity", "dark"], {"polarity": "dark"}),
    "scilink_MoS2_stem_Exp-000-2.npy": ([], {}),
    "asn_Si110_5nmX25us_03_none_none.png": (["--channel", "0"], {"channel": 0}),
    "asn_11133.png": (["--channel", "0"], {"channel": 0}),
}
#: Simulated scenes: crystal, noise, whether to denoise.
_SCENES: dict[str, tuple[Lattice, float, str]] = {
    "perovskite.npy": (_PEROVSKITE, 0.1, "none"),
    "ybco.npy": (_YBCO, 0.3, "none"),
    "noisy.npy": (_PEROVSKITE, 0.7, "auto"),
}


class Case(NamedTuple):
    """One image: its file, options of the command, parameters of `find_atoms`."""

    path: Path
    options: list[str]
    parameters: dict[str, Any]


def cases(data: Path, folder: Path) -> list[Case]:
    """Write what is simulated into a folder, and list everything that is there."""
    found = []
    ybco = ["--crystal", "ybco", "--pixel-size", "0.15A"]
    for noisy in (False, True):
        path = folder / f"shipped_{'noisy' if noisy else 'clean'}.npy"
        np.save(path, load_ybco(noisy).image)
        found.append(Case(path, ybco, {"lattice": Lattice.ybco, "pixel_size": "0.15 A"}))
    for name, (lattice, noise, denoise) in _SCENES.items():
        scene = make_scene(lattice, (256, 250), rotation=8, noise=noise, random_state=1)
        np.save(folder / name, scene.image)
        crystal = "ybco" if lattice is _YBCO else "perovskite:a=3.905"
        options = ["--crystal", crystal, "--pixel-size", "0.2A", "--denoise", denoise]
        found.append(Case(folder / name, options, {"lattice": lattice, "denoise": denoise}))
    for name, (options, parameters) in _REAL.items():
        path = data / "real" / name
        if path.is_file():
            found.append(Case(path, ["--lattice", "auto", *options], parameters))
    return found


def by_command(case: Case, out: Path) -> tuple[AtomTable, dict[str, Any]]:
    """What the command finds, as it is read back, and what it says."""
    command = [sys.executable, "-m", "logstar", "detect", str(case.path), *case.options]
    run = subprocess.run(
        [*command, "--out", str(out), "--format", "json", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    # A csv is rounded.
    return AtomTable.load(out / "positions.json"), json.loads(run.stdout)


def is_equal(one: AtomTable, other: AtomTable) -> bool:
    """Whether two tables are equal to the bit; errors of atoms that were not refined are NaN."""
    return one.columns == other.columns and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        for name in one.columns
    )


def is_on_front(finder: AtomFinder, out: Path) -> bool:
    """Whether the chosen setting is dominated by none, in the search and in the file."""
    names = finder.search_.objective_names_
    scores = [finder.search_.cv_results_[f"mean_test_{name}"] for name in names]
    chosen = finder.front_[finder.index_]
    on_front = bool(is_non_dominated(-np.column_stack(scores))[chosen])
    with (out / "pareto.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {"qc": "qc_beyond"} if finder.expectation_.uncertainty > 0 else {}
    signs = [-1.0 if name == "stability" else 1.0 for name in names]
    losses = np.array(
        [
            [
                sign * abs(float(row[columns.get(name, name)]))
                for name, sign in zip(names, signs, strict=True)
            ]
            for row in rows
        ]
    )
    return on_front and bool(is_non_dominated(losses).all())


def main() -> int:
    """Print a line for each image; 1 if any disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=_DATA)
    data = parser.parse_args().data
    print(f"{'image':<38}{'atoms':>6}  {'equal':<6}{'verdict':<16}{'on front':<9}seconds")
    n_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(data, Path(folder)):
            out = Path(folder) / f"out-{case.path.name}"
            table, result = by_command(case, out)
            start = time.perf_counter()
            finder = find_atoms(case.path, **case.parameters)
            seconds = time.perf_counter() - start
            equal = is_equal(table, finder.atoms_)
            verdicts = result["verdict"]["status"], finder.verdict_.status
            same_reasons = list(finder.verdict_.reasons) == result["verdict"]["reasons"]
            on_front = is_on_front(finder, out)
            n_wrong += not (equal and same_reasons and on_front)
            print(
                f"{case.path.name:<38}{len(finder.atoms_):>6}  {'yes' if equal else 'NO':<6}"
                f"{' = '.join(verdicts) if same_reasons else ' / '.join(verdicts):<16}"
                f"{'yes' if on_front else 'NO':<9}{seconds:.1f}",
                flush=True,
            )
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
