"""`ImageLattice.from_image` on simulated scenes and real micrographs: spacing error, confidence.

Scenes: four lattices, any rotation, noise up to 0.5, shear of 5 % in any direction. Run as
``python benches/lattice_from_image.py [FOLDER OF MICROGRAPHS]``; ``--quick`` takes four scenes.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logstar.datasets import make_scene
from logstar.exceptions import NotOneLatticeError
from logstar.io import EXTENSIONS, read_image
from logstar.lattice import Column, ImageLattice, Lattice

SHEAR = 0.05
NOISES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5)
SHAPE = (256, 256)
LATTICES = {
    "YBCO [100]": Lattice.ybco(0.2),
    "perovskite": Lattice.perovskite(3.905, 0.2),
    "MoSe2": Lattice(
        3.16,
        3.16,
        120,
        columns=(Column("Mo", "Mo", 1 / 3, 2 / 3), Column("Se", "Se", 2 / 3, 1 / 3)),
        pixel_size=0.15,
    ),
    "oblique": Lattice(4.2, 5.1, 75, columns=(Column("A", "Au", 0, 0),), pixel_size=0.25),
}


@dataclass(frozen=True)
class Outcome:
    """One scene; errors are relative, None where the image was refused."""

    name: str
    noise: float
    spacing_error: float | None
    confidence: float
    columns_found: int
    columns_true: int


def sheared(lattice: Lattice, shear: float, direction: float) -> Lattice:
    """The lattice after a simple shear along a direction, in radians."""
    angle = math.radians(lattice.angle)
    edges = np.array([[lattice.a, 0], [lattice.b * math.cos(angle), lattice.b * math.sin(angle)]])
    along = np.array([math.cos(direction), math.sin(direction)])
    across = np.array([-along[1], along[0]])
    edges = edges + shear * np.outer(edges @ across, along)
    a, b = np.linalg.norm(edges, axis=1)
    angle = math.degrees(math.acos(edges[0] @ edges[1] / (a * b)))
    return Lattice(a, b, angle, columns=lattice.columns, pixel_size=lattice.pixel_size)


def spacing_error(found: ImageLattice, true: Lattice, rotation: float) -> float:
    """Greatest relative error of the true cell's edges, by the nearest vectors of the found."""
    edges = true._cell(rotation)  # noqa: SLF001 - no user needs it
    steps = np.round(edges @ np.linalg.inv(found.vectors))
    off = np.linalg.norm(steps @ found.vectors - edges, axis=1) / np.linalg.norm(edges, axis=1)
    same_size = abs(abs(np.linalg.det(steps)) - 1) < 0.5
    return float(off.max()) if same_size else math.inf


def study_scenes(
    names: dict[str, Lattice] = LATTICES, noises: tuple[float, ...] = NOISES, seed: int = 0
) -> Iterator[Outcome]:
    """Yield the outcome of each scene."""
    rng = np.random.default_rng(seed)
    for name, lattice in names.items():
        for index, noise in enumerate(noises):
            rotation = float(rng.uniform(0, 90))
            true = sheared(lattice, SHEAR, float(rng.uniform(0, math.pi)))
            image = make_scene(
                true, SHAPE, rotation=rotation, noise=noise, random_state=index
            ).image
            n_true = len(lattice.columns)
            try:
                found = ImageLattice.from_image(image)
            except NotOneLatticeError as error:
                yield Outcome(name, noise, None, error.confidence, 0, n_true)
                continue
            error = spacing_error(found, true, rotation)
            yield Outcome(name, noise, error, found.confidence, len(found.columns), n_true)


def study_files(folder: Path) -> Iterator[str]:
    """Yield a line for each micrograph of a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in EXTENSIONS:
            continue
        micrograph = read_image(path)
        start = time.perf_counter()
        polarity = "dark" if "ABF" in path.name else "bright"
        try:
            lattice = ImageLattice.from_image(micrograph.image, polarity=polarity)
        except NotOneLatticeError as error:
            yield f"{path.name}: refused, confidence {error.confidence:.2f}: {error}"
            continue
        seconds = time.perf_counter() - start
        count = lattice.expected_count(micrograph.image.shape, border=1)
        yield (
            f"{path.name}: a {lattice.a:.2f} b {lattice.b:.2f} px, {lattice.angle:.2f} degrees, "
            f"error {lattice.vector_error:.2%}, nearest {lattice.nearest_distance:.2f} px, "
            f"{len(lattice.columns)} columns a cell, confidence {lattice.confidence:.2f}, "
            f"{count} columns in the field, {seconds:.2f} s"
        )


def main() -> None:
    """Print the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="micrographs")
    parser.add_argument("--quick", action="store_true", help="one scene of each lattice")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes = []
    for outcome in study_scenes(noises=NOISES[3:4] if args.quick else NOISES):
        error = "refused" if outcome.spacing_error is None else f"{outcome.spacing_error:.3%}"
        print(
            f"{outcome.name}, noise {outcome.noise}: spacing error {error}, confidence "
            f"{outcome.confidence:.2f}, {outcome.columns_found} of {outcome.columns_true} columns"
        )
        outcomes.append(outcome)
    errors = [o.spacing_error for o in outcomes if o.spacing_error is not None]
    right = [o.columns_found == o.columns_true for o in outcomes]
    print(
        f"{len(outcomes)} scenes: {len(outcomes) - len(errors)} refused, median spacing error "
        f"{np.median(errors):.3%}, greatest {max(errors):.3%}, columns right in {sum(right)}"
    )
    if args.folder is not None:
        for line in study_files(args.folder):
            print(line)


if __name__ == "__main__":
    main()
