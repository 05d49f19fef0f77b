"""Indices, fields and vacancies against simulated truth, and how long they take.

Run ``python benches/fields.py [indexing | calibration | vacancies | time ...]``; without an
argument all of it. Times are processor time of one thread.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.optimize import linear_sum_assignment

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.fields import polarization, strain, vacancy_evidence
from logstar.lattice import LatticeIndexer
from logstar.refinement import GaussianRefiner

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.lattice.crystals_in_images import CRYSTALS, Crystal, crystal, share_right
from tests.lattice.test_indexer import SIDE, dislocated, drifting, strained, turned, wavy

PEROVSKITE = Lattice.perovskite(3.905, pixel_size=0.2)
N_SEEDS = 5


def holed(truth: Crystal, seed: int) -> Crystal:
    """5 % of the atoms are missing."""
    rng = np.random.default_rng(seed)
    return truth.kept(rng.random(len(truth.positions)) > 0.05)


def indexing() -> None:
    """Share of atoms with the right index, up to one translation, and microseconds an atom."""
    bends = {
        "noise .1 of the nearest distance": (lambda x: x, 0.1),
        "strain 3 %, noise .03": (strained, 0.03),
        "rotation by 8 degrees, noise .03": (lambda x: turned(x, 8), 0.03),
        "wave of 10 px, noise .03": (wavy, 0.03),
        "scan drift, noise .03": (drifting, 0.03),
    }
    print(f"{'':42}" + "".join(f"{name:>12}" for name in CRYSTALS))
    for title, (bend, noise) in bends.items():
        for holes in (False, True) if bend in (wavy, strained) else (False,):
            shares = []
            for name in CRYSTALS:
                whole = crystal(name, SIDE)
                whole = whole.moved(bend(whole.positions))
                shares.append(
                    np.mean([
                        _share(holed(whole, s) if holes else whole, noise, s, invented=holes)
                        for s in range(N_SEEDS)
                    ])
                )  # fmt: skip
            name = f"{title}{', 5 % missing, 2 % invented' if holes else ''}"
            print(f"{name:42}" + "".join(f"{share:12.4f}" for share in shares), flush=True)
    truth = dislocated(crystal("perovskite", SIDE), np.array([251.3, 247.1]))
    found = LatticeIndexer(truth.lattice).fit(truth.positions, truth.kinds)
    steps = sorted({tuple(map(int, np.abs(step))) for step in found.conflict_cells_})
    print(f"dislocation: {len(found.conflicts_)} conflicts, by {steps} cells")
    costs = []
    for name in CRYSTALS:
        truth = crystal(name, 2000).noisy(0.05)
        start = time.process_time()
        for _ in range(3):
            LatticeIndexer(truth.lattice).fit(truth.positions, truth.kinds)
        costs.append((time.process_time() - start) / 3 / len(truth.positions) * 1e6)
    print(f"{'microseconds an atom, 2000 px':42}" + "".join(f"{cost:12.2f}" for cost in costs))


def _share(truth: Crystal, noise: float, seed: int, *, invented: bool) -> float:
    truth = truth.noisy(noise, seed)
    positions, kinds = truth.positions, truth.kinds
    if invented:
        rng = np.random.default_rng(seed + 100)
        more = rng.uniform(0, SIDE, (len(positions) // 50, 2))
        positions = np.concatenate([positions, more])
        kinds = np.concatenate([kinds, np.full(len(more), "")])
    found = LatticeIndexer(truth.lattice).fit(positions, kinds)
    n = len(truth.positions)
    # `share_right` looks at atoms with a truth alone.
    for name in ("indices_", "columns_", "components_"):
        setattr(found, name, getattr(found, name)[:n])
    return share_right(found, truth)


def calibration() -> None:
    """Spread of fields that are zero, in their standard deviations; coverage; the test of zero."""
    heads = f"{'spread':>28} {'68 %':>7} {'95 %':>7} {'p < .05':>8} {'uniform':>8}"
    print(f"{'noise':>6} {'':13} {heads}")
    for noise in (0.02, 0.05, 0.1, 0.2, 0.3):
        parts: dict[str, list[np.ndarray]] = {"strain": [], "polarization": []}
        values = []
        for seed in range(40):
            scene = make_scene(PEROVSKITE, (256, 256), noise=noise, random_state=seed)
            inner = ((scene.positions > 4) & (scene.positions < 251)).all(axis=1)
            kinds = scene.kinds[inner]
            refined = GaussianRefiner().refine(
                scene.image, scene.positions[inner].round(), kinds=kinds
            )
            indexer = LatticeIndexer(PEROVSKITE).fit(refined.atoms, kinds)
            tensor, vectors = strain(indexer, refined), polarization(indexer, refined)
            parts["strain"].append(tensor.components / tensor.errors)
            parts["polarization"].append(vectors.vectors / vectors.errors)
            values.append(vectors.zero_test().p_value)
        for name, ratios in parts.items():
            z = np.concatenate(ratios)
            z = z[np.isfinite(z).all(axis=1)]
            spread = " ".join(f"{x:.3f}" for x in z.std(axis=0))
            text = f"{noise:6g} {name:13} {spread:>28}"
            text += f" {(np.abs(z) < 1).mean():7.3f} {(np.abs(z) < 1.96).mean():7.3f}"
            if name == "polarization":
                below = np.mean(np.array(values) < 0.05)
                text += f" {below:8.3f} {stats.kstest(values, 'uniform').pvalue:8.3f}"
            print(text, flush=True)


def vacancies() -> None:
    """Vacancies found from the image, 2 % missing; those a nearest distance from the edge count."""
    crystals = {"perovskite": PEROVSKITE, "YBCO": Lattice.ybco(0.2)}
    print(f"{'':24} {'found':>6} {'false':>6} {'missed':>6} {'F1':>6}")
    for name, lattice in crystals.items():
        for noise in (0.1, 0.2, 0.3):
            right = false = missed = 0
            for seed in range(N_SEEDS):
                scene = make_scene(
                    lattice, (384, 384), noise=noise, vacancy_fraction=0.02, rotation=7 * seed,
                    random_state=seed,
                )  # fmt: skip
                finder = AtomFinder(lattice).fit(scene.image)
                assert finder.refinement_ is not None
                evidence = vacancy_evidence(scene.image, finder.index(), finder.refinement_)
                found = evidence.positions[evidence.empty()]
                a, b, c = _compared(found, scene.vacancies, lattice.nearest_distance, 384)
                right, false, missed = right + a, false + b, missed + c
            score = 2 * right / (2 * right + false + missed)
            print(f"{name + f', noise {noise}':24} {right:6} {false:6} {missed:6} {score:6.3f}",
                  flush=True)  # fmt: skip


def _compared(
    found: np.ndarray, truth: np.ndarray, nearest: float, side: int
) -> tuple[int, int, int]:
    apart = np.linalg.norm(found[:, None] - truth[None], axis=2)
    near = apart < nearest / 2
    rows, cols = linear_sum_assignment(~near)
    matched = near[rows, cols]
    inner = ((truth >= nearest) & (truth <= side - 1 - nearest)).all(axis=1)
    inner[cols[matched]] = False
    return int(matched.sum()), len(found) - int(matched.sum()), int(inner.sum())


def duration() -> None:
    """Parts of the way from a 512 px image in memory to its map of strain, in milliseconds."""
    scene = make_scene(PEROVSKITE, (512, 512), noise=0.1, random_state=0)
    runs = []
    for _ in range(5):
        start = time.process_time()
        finder = AtomFinder(PEROVSKITE).fit(scene.image)
        fitted = time.process_time()
        indexer = finder.index()
        indexed = time.process_time()
        strain(indexer, finder.refinement_)
        end = time.process_time()
        parts = {name: 1e3 * finder.seconds_[name] for name in finder.seconds_}
        runs.append({
            **parts, "all of the finder": 1e3 * (fitted - start),
            "index": 1e3 * (indexed - fitted), "strain": 1e3 * (end - indexed),
            "image to map": 1e3 * (end - start),
        })  # fmt: skip
    print(f"{len(finder.atoms_)} atoms; parts of the finder by the clock, the rest of processors")
    for name in runs[0]:
        print(f"  {name:20} {np.median([run[name] for run in runs]):8.1f} ms")


def main() -> None:
    warnings.simplefilter("ignore")
    parts = {
        "indexing": indexing,
        "calibration": calibration,
        "vacancies": vacancies,
        "time": duration,
    }
    for name in sys.argv[1:] or parts:
        print(f"\n{name}: {(parts[name].__doc__ or '').strip()}\n")
        parts[name]()


if __name__ == "__main__":
    main()
