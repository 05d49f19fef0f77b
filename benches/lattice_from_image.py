"""`ImageLattice.from_image` on simulated scenes and real micrographs: accuracy and time.

Scenes: four lattices, any rotation, noise up to 0.5, shear of 5 % in any direction, several shapes,
distorted scans, and images without one lattice, which have to be refused. Run as
``python benches/lattice_from_image.py [FOLDER OF MICROGRAPHS]``; ``--quick`` takes four scenes.
``--save FILE`` keeps the outcomes, and ``--against FILE`` compares with kept ones of another
version: decisions and columns that differ, and the spacing errors of both. ``--times`` prints the
CPU time by size of image and how it grows; set OPENBLAS_NUM_THREADS=1 for times of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _lattice_scenes import LATTICES, NOISES, LatticeScene, further_scenes, scenes

from logstar.datasets import make_scene
from logstar.exceptions import NotOneLatticeError
from logstar.io import EXTENSIONS, read_image
from logstar.lattice import ImageLattice, Lattice

SIDES = (256, 512, 1024, 2048)
REPEATS = 3


@dataclass(frozen=True)
class Outcome:
    """One image; what is measured is None where it was refused, and errors where truth is unknown.

    The spacing error is relative. Lengths of the edges are in pixels.
    """

    name: str
    confidence: float
    edges: tuple[float, float] | None = None
    columns_found: int | None = None
    columns_true: int | None = None
    spacing_error: float | None = None

    def __str__(self) -> str:
        if self.edges is None:
            return f"{self.name}: refused, confidence {self.confidence:.2f}"
        error = "" if self.spacing_error is None else f", spacing error {self.spacing_error:.3%}"
        of = "" if self.columns_true is None else f" of {self.columns_true}"
        return (
            f"{self.name}: edges {self.edges[0]:.3f} and {self.edges[1]:.3f} px{error}, confidence "
            f"{self.confidence:.2f}, {self.columns_found}{of} columns"
        )


def spacing_error(found: ImageLattice, true: Lattice, rotation: float) -> float:
    """Greatest relative error of the true cell's edges, by the nearest vectors of the found."""
    edges = true._cell(rotation)  # noqa: SLF001 - no user needs it
    steps = np.round(edges @ np.linalg.inv(found.vectors))
    off = np.linalg.norm(steps @ found.vectors - edges, axis=1) / np.linalg.norm(edges, axis=1)
    same_size = abs(abs(np.linalg.det(steps)) - 1) < 0.5
    return float(off.max()) if same_size else math.inf


def outcome_of(scene: LatticeScene, polarity: str = "bright") -> Outcome:
    """What `from_image` makes of a scene."""
    true = scene.lattice
    n_true = None if true is None else len(true.columns)
    try:
        found = ImageLattice.from_image(scene.image, polarity=polarity)
    except NotOneLatticeError as error:
        return Outcome(scene.name, error.confidence, columns_true=n_true)
    edges = float(np.linalg.norm(found.vectors[0])), float(np.linalg.norm(found.vectors[1]))
    error = None if true is None else spacing_error(found, true, scene.rotation)
    return Outcome(scene.name, found.confidence, edges, len(found.columns), n_true, error)


def micrographs(folder: Path) -> Iterator[Outcome]:
    """Yield the outcome of each micrograph of a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in EXTENSIONS:
            continue
        try:
            image = read_image(path).image
        except ValueError as error:
            print(f"{path.name}: not read: {error}")
            continue
        polarity = "dark" if "ABF" in path.name else "bright"
        yield outcome_of(LatticeScene(path.name, image, None), polarity)


def summary(outcomes: Iterable[Outcome]) -> str:
    """Sentence of all scenes whose lattice is known."""
    known = [o for o in outcomes if o.columns_true is not None]
    errors = [o.spacing_error for o in known if o.spacing_error is not None]
    right = sum(o.columns_found == o.columns_true for o in known)
    return (
        f"{len(known)} scenes of one lattice: {len(known) - len(errors)} refused, median spacing "
        f"error {np.median(errors):.4%}, greatest {max(errors):.3%}, columns right in {right}"
    )


def compared(before: list[Outcome], after: list[Outcome]) -> Iterator[str]:
    """Yield what differs between two versions, image by image, then a summary of each."""
    kept = {outcome.name: outcome for outcome in before}
    for now in after:
        then = kept.get(now.name)
        if then is None:
            yield f"new: {now}"
        elif (then.edges is None) != (now.edges is None):
            yield f"DECISION: {then}  ->  {now}"
        elif then.edges is not None and now.edges is not None:
            off = max(abs(b / a - 1) for a, b in zip(then.edges, now.edges, strict=True))
            if off > 5e-3 or then.columns_found != now.columns_found:
                yield f"DIFFERENT: {then}  ->  {now}"
    yield f"before: {summary(before)}"
    yield f"after: {summary(after)}"


def times(sides: Iterable[int] = SIDES) -> Iterator[str]:
    """Yield the CPU time of each size of image, and the power of the side with which it grows."""
    taken = []
    for side in sides:
        lattice = LATTICES["perovskite"]
        image = make_scene(lattice, (side, side), rotation=11, noise=0.2, random_state=0).image
        best = math.inf
        for _ in range(REPEATS):
            start = time.process_time()
            ImageLattice.from_image(image)
            best = min(best, time.process_time() - start)
        taken.append(best)
        yield f"{side} px: {1e3 * best:.0f} ms, {1e9 * best / side**2:.0f} ns a pixel"
    growth = np.polyfit(np.log(list(sides)), np.log(taken), 1)[0]
    yield f"grows with the side to the power {growth:.2f}"


def main() -> None:
    """Print the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="micrographs")
    parser.add_argument("--quick", action="store_true", help="one scene of each lattice")
    parser.add_argument("--times", action="store_true", help="CPU time by size, and no accuracy")
    parser.add_argument("--save", type=Path, help="file that keeps the outcomes")
    parser.add_argument("--against", type=Path, help="kept outcomes to compare with")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.times:
        for line in times():
            print(line)
        return
    outcomes = []
    for scene in scenes(noises=NOISES[3:4] if args.quick else NOISES):
        outcomes.append(outcome_of(scene))
        print(outcomes[-1])
    for scene in () if args.quick else further_scenes():
        outcomes.append(outcome_of(scene))
        print(outcomes[-1])
    for outcome in () if args.folder is None else micrographs(args.folder):
        outcomes.append(outcome)
        print(outcome)
    print(summary(outcomes))
    if args.save is not None:
        args.save.write_text(json.dumps([asdict(o) for o in outcomes], indent=1))
    if args.against is not None:
        kept = [Outcome(**fields) for fields in json.loads(args.against.read_text())]
        for line in compared(kept, outcomes):
            print(line)


if __name__ == "__main__":
    main()
