"""`find_atoms` and peers on the typical scenes: what is found, and whether wrong answers say so.

``python benches/scenes.py [--seeds 5] [--kinds twin holes ...] [--only auto told] [--reasons]``

"auto" is told nothing but the polarity, "told" the crystal of the first grain (the count and the
least distance where there is none). F1 counts all that was found in the image, so also what was
invented in vacuum. An answer is wrong if its F1 is below 0.9. Peers know the
true spacing; theirs is the mean F1 over the seeds, as they give no verdict that could be right.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _peers import quiet_import
from numpy.typing import NDArray
from skimage import feature, filters

from logstar.datasets import Scene, make_typical_scene, typical_scene_kinds
from logstar.metrics import detection_metrics
from logstar.tuning import find_atoms

FloatArray = NDArray[np.float64]

WRONG_BELOW = 0.9
#: Of single atoms, where there is no lattice: the least distance in the scenes, in pixels.
SINGLE_SPACING = 9.0
#: Peers take what is above this share of the greatest response.
THRESHOLD_REL = 0.2


@dataclass(frozen=True)
class Answer:
    """What a method says about a scene; `status` is "refused" where it gave no atoms."""

    positions: FloatArray
    expected: float = float("nan")
    status: str = "-"
    reason: str = ""


def spacing(scene: Scene) -> float:
    if scene.lattice is None:
        return SINGLE_SPACING
    lattices = [grain.lattice for grain in scene.grains] or [scene.lattice]
    return min(lattice.nearest_distance for lattice in lattices)


def bright(scene: Scene) -> FloatArray:
    """Scaled to [0, 1], atoms bright, as peers want it."""
    image = scene.image.astype(np.float64) * (1 if scene.polarity == "bright" else -1)
    low, high = np.percentile(image, (0.1, 99.9))
    return ((image - low) / (high - low)).clip(0, 1)


def by_finder(scene: Scene, **told: Any) -> Answer:
    try:
        finder = find_atoms(scene.image, polarity=scene.polarity, n_jobs=1, **told)
    except ValueError as error:
        return Answer(np.empty((0, 2)), status="refused", reason=str(error))
    verdict = finder.verdict_
    return Answer(
        finder.atoms_.positions,
        float(finder.expectation_.n_expected),
        verdict.status,
        "; ".join(verdict.reasons),
    )


def unaided(scene: Scene) -> Answer:
    return by_finder(scene, lattice="auto")


def told_crystal(scene: Scene) -> Answer:
    if scene.lattice is None:
        distance_sum = 4 * 0.85 * SINGLE_SPACING
        return by_finder(
            scene, lattice=None, expected=len(scene.positions), distance_sum=distance_sum
        )
    return by_finder(scene, lattice=scene.lattice.with_mask(None))


def by_blob_log(scene: Scene) -> Answer:
    low, high = spacing(scene) * 0.118, spacing(scene) * 0.354
    blobs = feature.blob_log(
        bright(scene), low, high, 5, threshold=None, threshold_rel=THRESHOLD_REL
    )
    return Answer(blobs[:, :2])


def by_maxima(scene: Scene) -> Answer:
    smooth = filters.gaussian(bright(scene), 0.1 * spacing(scene))
    apart = max(1, round(spacing(scene) / 2))
    peaks = feature.peak_local_max(smooth, min_distance=apart, threshold_rel=THRESHOLD_REL)
    return Answer(peaks.astype(np.float64))


def by_hyperspy(scene: Scene) -> Answer:
    hs = quiet_import("hyperspy.api")
    hs.preferences.General.show_progressbar = False
    apart = max(1, round(spacing(scene) / 2))
    peaks = hs.signals.Signal2D(bright(scene)).find_peaks(
        method="local_max", min_distance=apart, threshold_rel=THRESHOLD_REL, interactive=False
    )
    return Answer(np.asarray(peaks.data[0], dtype=np.float64))


def by_atomap(scene: Scene) -> Answer:
    hs = quiet_import("hyperspy.api")
    finding = quiet_import("atomap.atom_finding_refining")
    apart = max(1, round(spacing(scene) / 2))
    signal = hs.signals.Signal2D(bright(scene))
    found = finding.get_atom_positions(signal, separation=apart, pca=True)
    return Answer(np.asarray(found, dtype=np.float64)[:, ::-1])


def methods() -> dict[str, Callable[[Scene], Answer]]:
    """Who takes part."""
    known: dict[str, Callable[[Scene], Answer]] = {
        "auto": unaided,
        "told": told_crystal,
        "blob_log": by_blob_log,
        "maxima": by_maxima,
    }
    if quiet_import("hyperspy.api") is not None:
        known["HyperSpy"] = by_hyperspy
        if quiet_import("atomap.api") is not None:
            known["Atomap"] = by_atomap
    return known


def f1_of(answer: Answer, scene: Scene) -> float:
    return detection_metrics(
        answer.positions,
        scene.positions,
        tolerance=spacing(scene) / 4 if scene.lattice is not None else SINGLE_SPACING / 2,
        shape=scene.image.shape,
        margin=spacing(scene) / 2,
    ).f1


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=list(typical_scene_kinds()))
    parser.add_argument("--only", nargs="+", help="who takes part; all that are installed")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--reasons", action="store_true", help="say why on stderr")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    takers = methods()
    if args.only:
        takers = {name: takers[name] for name in args.only}
    ours = [name for name in ("auto", "told") if name in takers]
    head = ["scene"]
    for name in ours:
        head += [f"{name}: F1", "expected / true", "verdict", "s"]
    head += [name for name in takers if name not in ours]
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    tally = {name: {"right": 0, "refused": 0, "wrong": 0, "wrong, ok": 0} for name in takers}
    for kind in args.kinds:
        results: dict[str, list[tuple[Answer, float, float, int]]] = {name: [] for name in takers}
        for seed in range(args.seeds):
            scene = make_typical_scene(kind, (args.size, args.size), random_state=seed)
            for name, method in takers.items():
                start = time.perf_counter()
                answer = method(scene)
                seconds = time.perf_counter() - start
                f1 = f1_of(answer, scene)
                results[name].append((answer, f1, seconds, len(scene.positions)))
                counts = tally[name]
                is_wrong = f1 < WRONG_BELOW and answer.status != "refused"
                counts["refused"] += answer.status == "refused"
                counts["right"] += f1 >= WRONG_BELOW
                counts["wrong"] += is_wrong
                counts["wrong, ok"] += is_wrong and answer.status == "ok"
                if args.reasons and answer.reason:
                    words = f"{kind} {seed} {name}: F1 {f1:.3f} {answer.status}: {answer.reason}"
                    print(words, file=sys.stderr)
        print("| " + " | ".join([kind, *_cells(results, ours)]) + " |", flush=True)
    print()
    for name, counts in tally.items():
        # Peers never say that an answer is to be checked, so that none of theirs says "ok" either.
        shown = counts if name in ours else {key: counts[key] for key in ("right", "wrong")}
        print(f"{name}: " + ", ".join(f"{key} {n}" for key, n in shown.items()))


def _cells(
    results: dict[str, list[tuple[Answer, float, float, int]]], ours: list[str]
) -> list[str]:
    cells = []
    for name in ours:
        rows = results[name]
        cells.append(" ".join(f"{f1:.3f}" for _, f1, _, _ in rows))
        cells.append(" ".join(_ratio(answer.expected / n) for answer, _, _, n in rows))
        cells.append(" ".join(answer.status for answer, *_ in rows))
        cells.append(f"{np.mean([seconds for _, _, seconds, _ in rows]):.1f}")
    for name, rows in results.items():
        if name not in ours:
            cells.append(f"{np.mean([f1 for _, f1, _, _ in rows]):.3f}")
    return cells


def _ratio(ratio: float) -> str:
    return "-" if np.isnan(ratio) else f"{ratio:.2f}"


if __name__ == "__main__":
    main()
