"""What kind a region is: a table of confusion over scenes with exact truth.

``python benches/damage_kinds.py [KIND ...] [--seeds 3] [--first-seed 0] [--found] [--side 512]``

Pixels of scenes are counted by what they are and by what `AmorphousGMMSegmenter` tells. Which of
several grains is the crystal is a matter of taste: it is the one that most of what is told to be
crystal lies in.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator

import numpy as np

from logstar import AtomFinder
from logstar.datasets import make_typical_scene
from logstar.segmentation import KINDS, AmorphousGMMSegmenter

#: Those with regions of a kind, then those that are one crystal.
SCENES = (
    "amorphous", "particle", "five_fold_particle", "supported_particle", "flake_edge", "holes",
    "contaminated", "saturated", "streaks", "twin", "grains", "interface",
    "defects", "affine_drift", "bent_drift", "low_dose", "dumbbells", "shoulders", "dark_atoms",
)  # fmt: skip


def truth(scene, told):
    """Kinds of the scene's pixels, where the crystal is the grain that was taken for it."""
    kinds = scene.regions.copy()
    labels = scene.grain_labels
    is_grain = kinds <= KINDS.index("other grain")
    if labels is not None and labels.any():
        main = np.bincount(labels[is_grain & (told == 0)], minlength=2)[1:].argmax() + 1
        kinds[is_grain] = labels[is_grain] != main
    return kinds


def positions(scene, found):
    if not found:
        return scene.positions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AtomFinder("auto").fit(scene.image).atoms_.positions


def confusion(name, seed, side=512, found=False):
    """Pixels by what they are (rows) and what they are told to be (columns)."""
    scene = make_typical_scene(name, (side, side), random_state=seed)
    image = scene.image if scene.polarity == "bright" else -scene.image
    segmenter = AmorphousGMMSegmenter(random_state=0)
    told = segmenter.fit(image, positions=positions(scene, found)).kinds_
    table = np.zeros((len(KINDS), len(KINDS)), dtype=int)
    np.add.at(table, (truth(scene, told).ravel(), told.ravel()), 1)
    return table, segmenter.regions_


def show(title, table) -> None:
    print(f"\n{title}: % of the pixels of each kind (rows), by what they are told to be (columns)")
    print(f"{'':>14}" + "".join(f"{kind:>15}" for kind in KINDS) + f"{'pixels':>12}")
    for kind, row in zip(KINDS, table, strict=True):
        shares = 100 * row / max(row.sum(), 1)
        print(f"{kind:>14}" + "".join(f"{share:>15.1f}" for share in shares) + f"{row.sum():>12,}")


def lines(names, args) -> Iterator[np.ndarray]:
    print(f"{'scene':<20}{'right':>8}  told")
    for name in names:
        total, regions, failed = np.zeros((len(KINDS), len(KINDS)), dtype=int), [], []
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            try:
                table, own = confusion(name, seed, args.side, args.found)
            except ValueError as error:
                failed.append(str(error)[:60])
                continue
            total += table
            regions += [(region.kind, region.confidence) for region in own]
        told = {
            kind: [confidence for other, confidence in regions if other == kind]
            for kind in dict.fromkeys(kind for kind, _ in regions)
        }
        words = ", ".join(f"{len(c)} {kind} ({np.mean(c):.2f})" for kind, c in told.items())
        right = 100 * np.trace(total) / max(total.sum(), 1)
        print(f"{name:<20}{right:>7.1f}%  {words or 'no region'}", *failed, flush=True)
        yield total


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="KIND", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument(
        "--found", action="store_true", help="atoms as found unaided, not the true ones"
    )
    args = parser.parse_args()
    show("All scenes", sum(lines(args.scenes or SCENES, args)))


if __name__ == "__main__":
    main()
