"""Masks of damage and quality reports on simulated scenes, and beside those of another version.

``python benches/damage_accuracy.py [--save FILE] [--against FILE]``

Twelve scenes of YBa2Cu3O7 each, positions given. Of a mask the intersection over union with the
true pockets is printed; of a report, its shares, and how many of five atoms that were taken out
and of three that were invented it shows. ``--save FILE`` keeps masks and reports, and
``--against FILE`` compares with those that another version kept: run it once with ``PYTHONPATH`` at
each.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.lattice import ImageLattice
from logstar.rewards import quality_report
from logstar.segmentation import AmorphousGMMSegmenter

LATTICE = Lattice.ybco(pixel_size=0.2)
SIDE = 384
NOISES = (0.02, 0.1, 0.2)
N_SEEDS = 4
#: How many atoms are taken out, and how many are invented between two others.
N_GAPS, N_PAIRS = 5, 3
#: A place is shown if the report names one this near, in pixels.
REACH = LATTICE.nearest_distance / 2


def overlap(one, other):
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0


def mask_of(noise, seed):
    """Mask of a scene with two pockets, and the true one."""
    rng = np.random.default_rng(seed)
    pockets = [
        (*rng.uniform(0.2 * SIDE, 0.35 * SIDE, 2), rng.uniform(35, 55)),
        (*rng.uniform(0.65 * SIDE, 0.8 * SIDE, 2), rng.uniform(35, 55)),
    ]
    scene = make_scene(
        LATTICE, (SIDE, SIDE), amorphous_pockets=pockets, noise=noise, random_state=seed
    )
    found = AmorphousGMMSegmenter(random_state=0).fit(scene.image, positions=scene.positions)
    return found.mask_, scene.amorphous_mask


def report_of(noise, seed):
    """What a report says, and how many of the gaps and of the pairs that there are it shows."""
    scene = make_scene(LATTICE, (SIDE, SIDE), noise=noise, random_state=seed)
    rng = np.random.default_rng(seed)
    inside = ((scene.positions > 40) & (scene.positions < SIDE - 40)).all(axis=1)
    chosen = rng.permutation(np.flatnonzero(inside))
    gaps, twins = scene.positions[chosen[:N_GAPS]], scene.positions[chosen[N_GAPS:][:N_PAIRS]]
    kept = np.delete(scene.positions, chosen[:N_GAPS], axis=0)
    seen = ImageLattice.from_image(scene.image, LATTICE.pixel_size)
    report = quality_report(scene.image, np.concatenate([kept, twins + np.array([0.0, 3.0])]), seen)
    shown = [
        sum(
            any(
                place.what == what and np.hypot(place.row - row, place.col - col) < REACH
                for place in report.places
            )
            for row, col in truth
        )
        for what, truth in (("gap", gaps), ("short pair", twins))
    ]
    return np.array([report.short_pairs, report.gaps, report.spread, report.on_lattice, *shown])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    kept: dict[str, np.ndarray] = {}
    truths = {}
    for noise in NOISES:
        for seed in range(N_SEEDS):
            name = f"noise {noise}, seed {seed}"
            mask, truths[name] = mask_of(noise, seed)
            kept[f"mask, {name}"] = mask
            kept[f"report, {name}"] = report = report_of(noise, seed)
            print(
                f"{name}: IoU with the truth {overlap(mask, truths[name]):.3f}; short pairs "
                f"{report[0]:.4f}, gaps {report[1]:.4f}, spread {report[2]:.4f}, on the lattice "
                f"{report[3]:.4f}, shown {report[4]:.0f} gaps and {report[5]:.0f} pairs",
                flush=True,
            )
    if args.save is not None:
        np.savez_compressed(args.save, **kept)
    ours = [overlap(kept[f"mask, {name}"], true) for name, true in truths.items()]
    print(f"IoU with the truth: mean {np.mean(ours):.4f}, least {min(ours):.4f}")
    if args.against is None:
        return
    with np.load(args.against) as before:
        theirs = [overlap(before[f"mask, {name}"], true) for name, true in truths.items()]
        both = [overlap(before[f"mask, {name}"], kept[f"mask, {name}"]) for name in truths]
        off = [np.abs(before[f"report, {name}"] - kept[f"report, {name}"]) for name in truths]
    print(f"before: mean {np.mean(theirs):.4f}, least {min(theirs):.4f}")
    print(f"the two masks: IoU mean {np.mean(both):.4f}, least {min(both):.4f}")
    print(f"shares and counts of the reports differ by {np.max(off, axis=0).tolist()} at most")


if __name__ == "__main__":
    main()
