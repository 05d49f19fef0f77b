"""Atom types and orientations against the truth, over scenes and seeds.

    python benches/atom_types_study.py [--seeds 5]

Prints a table: the share of atoms whose type is right, beside the paper's steps by plain
scikit-learn (two principal components of the same windows, a mixture of four); the share of Ba
whose orientation is right; and the number of types that "auto" chooses.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from _segmentation import accuracy, micrograph, scene_of, types_by_hand, windows_and_kinds
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from logstar.datasets import Scene
from logstar.segmentation import AtomTypeGMM

SCENES: dict[str, dict[str, Any]] = {
    "noise 0": {},
    "noise 0.1": {"noise": 0.1},
    "noise 0.2": {"noise": 0.2},
    "noise 0.3": {"noise": 0.3},
    "rotated by 17 degrees, noise 0.1": {"noise": 0.1, "rotation": 17.0},
    "gradient 0.5, noise 0.1": {"noise": 0.1, "gradient": 0.5},
    "gradient 1, noise 0.1": {"noise": 0.1, "gradient": 1.0},
    "1 % vacancies, noise 0.1": {"noise": 0.1, "vacancy_fraction": 0.01},
    "displaced by 0.5 px rms, noise 0.1": {"noise": 0.1, "jitter": 0.5},
    "displaced by 1 px rms, noise 0.1": {"noise": 0.1, "jitter": 1.0},
    "a pocket of radius 70, noise 0.1": {"noise": 0.1, "amorphous_pockets": [(256, 256, 70)]},
    "three pockets, noise 0.2": {"noise": 0.2, "amorphous_pockets": 3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a scene's name")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| scene | types | by hand | least of types | Ba_1 / Ba_2 | least | auto |")
    print("|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for name, changes in SCENES.items():
            if options.only in name:
                row(name, [scene_of(seed, **changes) for seed in range(options.seeds)])
        if not options.only:
            row("multislice, no noise", [micrograph(False)])
            row("multislice, counted electrons", [micrograph(True)])


def row(name: str, scenes: list[Scene]) -> None:
    right, by_hand, oriented, chosen = [], [], [], []
    for seed, scene in enumerate(scenes):
        windows, named, is_atom = windows_and_kinds(scene)
        kinds = np.array([kind.split("_")[0] for kind in named])
        types = AtomTypeGMM(random_state=seed).fit(windows)
        right.append(accuracy(types.labels_[is_atom], kinds[is_atom]))
        by_hand.append(accuracy(types_by_hand(windows, 4, seed)[is_atom], kinds[is_atom]))
        barium = is_atom & (kinds == "Ba")
        if len(np.unique(named[barium])) == 2:
            # An atom that is called by no orientation is wrong.
            first, second = (
                np.mean(types.orientations_[barium] == np.where(named[barium] == kind, 1, 2))
                for kind in ("Ba_1", "Ba_2")
            )
            oriented.append(max(first, second))
        chosen.append(AtomTypeGMM("auto", random_state=seed).fit(windows).n_types_)
    ba = f"{np.mean(oriented):.4f} | {min(oriented):.4f}" if oriented else "- | -"
    counts = ", ".join(map(str, chosen))
    print(
        f"| {name} | {np.mean(right):.4f} | {np.mean(by_hand):.4f} | {min(right):.4f} | {ba} | "
        f"{counts} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
