"""What the figures share: where they go, and what the paper says beside what is measured."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from logstar.datasets import Scene, load_ybco
from logstar.lattice import Lattice
from logstar.oracle import OnnxOracle

mpl.use("Agg")

FOLDER = Path(__file__).parent
#: Of the micrographs that are simulated for the figures, in angstrom.
PIXEL_SIZE = 0.2
LATTICE = Lattice.ybco(PIXEL_SIZE)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and what is measured here.

    Parameters
    ----------
    figure, paper, here : str
        Which figure, what it says, what was measured.
    why : str, default=""
        Where they differ, the reason.
    """

    figure: str
    paper: str
    here: str
    why: str = ""


def folder_of(argv: list[str] | None, description: str) -> Path:
    """Read ``--out FOLDER`` and make the folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out: Path = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    return out


def as_table(claims: list[Claim]) -> str:
    """Claims as Markdown."""
    lines = ["| figure | paper says | we measure | where it differs, why |", "|---|---|---|---|"]
    lines += [f"| {c.figure} | {c.paper} | {c.here} | {c.why} |" for c in claims]
    return "\n".join(lines)


def inner_count(scene: Scene) -> int:
    """True atoms that a detector can find: none in the outermost row or column of pixels."""
    pixels = np.rint(scene.positions)
    inside = (pixels >= 1) & (pixels <= np.array(scene.image.shape) - 2)
    return int(inside.all(axis=1).sum())


def micrograph(noisy: bool = False) -> Scene:
    """The shipped simulated micrograph of YBa2Cu3O7."""
    return load_ybco(noisy=noisy)


def oracle_at(spacing: float, model: str | Path = "lattice-v1") -> OnnxOracle:
    """A network that sees neighbours at its own scale if they are `spacing` pixels apart."""
    return OnnxOracle(model, spacing=spacing)


def as_floats(values: list[float]) -> NDArray[np.float64]:
    """A column."""
    return np.asarray(values, dtype=np.float64)
