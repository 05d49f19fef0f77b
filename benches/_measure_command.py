"""Sections of the report on the command `logstar detect`, beside what peers take to start."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from _pairs import in_unit
from _section import Figure, Plan, Section
from PIL import Image

from logstar import Lattice
from logstar.datasets import make_scene

#: One thread, whatever a process imports.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LOGSTAR_NUM_THREADS": "1"}
#: What is done with an image in HyperSpy and Atomap: columns of a separation that is told, refined,
#: and their picture. There is no lattice, no tuning, no error and no verdict.
_BY_ATOMAP = """
import sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
import numpy as np
import hyperspy.api as hs
import atomap.api as am
signal = hs.signals.Signal2D(np.load(sys.argv[1]))
columns = am.Sublattice(am.get_atom_positions(signal, separation=int(sys.argv[2])), signal)
columns.find_nearest_neighbors()
columns.refine_atom_positions_using_center_of_mass()
columns.plot()
matplotlib.pyplot.savefig(sys.argv[3])
"""
_STARTS = {
    "scikit-learn": "import sklearn.base",
    "HyperSpy": "import hyperspy.api",
    "Atomap": "import atomap.api",
}


def command(plan: Plan) -> Section:
    """The whole command in a process of its own, with pictures and without."""
    section = Section(
        "The command",
        ["what", "CPU time"],
        "`logstar detect IMAGE --lattice auto` in a process of its own, one thread, the reader's "
        "process included; the least of some runs. Peers are started alike.",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = plan.files[0] if plan.files else _write_image(folder / "image.tif")
        run = [sys.executable, "-m", "logstar", "detect", str(image), "--lattice", "auto"]
        for key, options in {"pictures": [], "no pictures": ["--no-plots"]}.items():
            seconds = _least([*run, *options, "--out", str(folder / "out")], plan.side_rounds)
            section.rows.append([f"{image.name}, {key}", in_unit(seconds)])
            section.figures["command", key] = Figure(seconds, in_unit(seconds))
        for who, statement in _STARTS.items():
            python = sys.executable if who == "scikit-learn" else plan.peers
            seconds = _least([python, "-c", statement], plan.side_rounds)
            section.rows.append([f"`{statement}`", _cell(seconds)])
            if who == "scikit-learn":
                rest = section.figures["command", "pictures"].value - seconds
                section.rows.append(["pictures, beyond that", in_unit(rest)])
                section.figures["command", "rest"] = Figure(rest, in_unit(rest))
        np.save(folder / "image.npy", _image())
        atomap = [plan.peers, "-c", _BY_ATOMAP, str(folder / "image.npy"), "11"]
        seconds = _least([*atomap, str(folder / "atoms.png")], 1)
        section.rows.append(["columns and picture by Atomap, 1024 px, separation told",
                             _cell(seconds)])  # fmt: skip
    return section


def parts(plan: Plan) -> Section:
    """What the command itself says of its parts, of each file."""
    section = Section(
        "Parts of the command",
        ["file"],
        "Seconds by the clock, as `logstar detect FILE --lattice auto` tells them, of the quickest "
        "of some runs; start is processor time.",
    )
    rows: dict[str, Mapping[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = plan.files or [_write_image(folder / "image.tif")]
        for file in files:
            run = [sys.executable, "-m", "logstar", "detect", str(file), "--lattice", "auto"]
            run += ["--json", "--out", str(folder / "out")]
            told = [json.loads(_said_by(run)) for _ in range(plan.side_rounds)]
            best = min(told, key=lambda one: sum(one["seconds"].values()))
            rows[file.name] = best["seconds"]
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    section.columns = ["file", *names, "all"]
    for file_name, row in rows.items():
        cells = [f"{row[name]:.2f}" if name in row else "-" for name in names]
        section.rows.append([file_name, *cells, f"{sum(row.values()):.2f}"])
    return section


SECTIONS = {"command": command, "parts": parts}


def _image() -> np.ndarray:
    crystal = Lattice.perovskite(3.905, pixel_size=0.2)
    scene = make_scene(crystal, (1024, 1024), rotation=5, noise=0.1, random_state=0)
    return scene.image.astype(np.float32)


def _write_image(path: Path) -> Path:
    Image.fromarray(_image()).save(path)
    return path


def _environment() -> dict[str, str]:
    """That of this process, but modules are kept compiled, as `pip` does: the first run does so."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _said_by(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment())
    return done.stdout


def _least(command: Sequence[str | None], rounds: int) -> float | None:
    """Least CPU time of a process and its children; None if there is no such program."""
    if command[0] is None:
        return None
    environment = {**_environment(), **_ONE_THREAD}
    taken = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def _cell(seconds: float | None) -> str:
    return "not installed" if seconds is None else in_unit(seconds)
