"""Fields that vary, by one setting, by windows, and denoised: `python benches/windows.py`.

F1 by mutually nearest matching within a quarter of the nearest distance, on scenes of 512 px whose
focus, thickness, noise, tilt or dose varies across the field; see `_varying.py`. "ladders" are
windows with ladders and thresholds of their own, by their side in pixels; "field" is one ladder
with a threshold field (windows of about 40 atoms, and of 128 px); "denoised" is one setting in the
image denoised by principal components or in the raw one, whichever rewards choose; "chain" the same
with a threshold field. Last, the most that any image's F1 loses by a field of 128 px against one
setting, the processor time of its fit by that of one setting, and the least distance of two atoms
by the crystal's. Where the image is partly empty, a second line tells where the crystal is.
``--pictures FOLDER`` draws what windows say.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from _varying import CRYSTALS, KINDS, mask_of, varying_scene
from scipy.spatial import KDTree

from logstar import AtomFinder
from logstar.datasets import Scene
from logstar.metrics import detection_metrics

WAYS: dict[str, dict[str, Any]] = {
    "one setting": {},
    "ladders 64": {"window": 64, "window_ladders": True},
    "128": {"window": 128, "window_ladders": True},
    "256": {"window": 256, "window_ladders": True},
    "field": {"window": "auto"},
    "field 128": {"window": 128},
    "denoised": {"denoise": "auto"},
    "chain": {"denoise": "auto", "window": "auto"},
}


def f1_of(finder: AtomFinder, scene: Scene) -> float:
    nearest = scene.lattice.nearest_distance
    return detection_metrics(
        finder.atoms_.positions,
        scene.positions,
        tolerance=nearest / 4,
        shape=scene.image.shape,
        margin=nearest / 2,
    ).f1


def measured(name: str, kind: str, seed: int, mask: Any) -> dict[str, tuple[float, ...]]:
    """F1, processor seconds and least distance of each way in one scene."""
    crystal = CRYSTALS[name]
    scene = varying_scene(kind, crystal, seed=seed)
    found = {}
    for way, told in WAYS.items():
        start = time.process_time()
        finder = AtomFinder(crystal, refine=None, mask=mask, **told).fit(scene.image)
        seconds = time.process_time() - start
        apart = KDTree(finder.atoms_.positions).query(finder.atoms_.positions, k=2)[0][:, 1].min()
        found[way] = f1_of(finder, scene), seconds, apart / crystal.nearest_distance
    return found


def draw(folder: Path, name: str, kind: str) -> None:
    """Draw the atoms and what windows say of them."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only drawing needs it

    from logstar.inspection import WindowMapDisplay  # noqa: PLC0415

    crystal = CRYSTALS[name]
    scene = varying_scene(kind, crystal)
    finder = AtomFinder(crystal, refine=None, window=96).fit(scene.image)
    maps = finder.windows_
    figure, axes = plt.subplots(2, 3, figsize=(15, 9), layout="constrained")
    axes[0, 0].imshow(scene.image, cmap="gray")
    axes[0, 0].plot(*finder.atoms_.positions.T[::-1], "r.", markersize=2)
    axes[0, 0].set_title(f"{name}, {kind}: F1 {f1_of(finder, scene):.3f}")
    for ax, (what, values) in zip(axes.ravel()[1:], maps.display().maps.items(), strict=True):
        WindowMapDisplay(values, maps.rows, maps.cols, name=what).plot(ax)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"windows-{name}-{'-'.join(kind.split())}.png", dpi=60)
    plt.close(figure)


def main() -> None:
    """Print a line for each crystal and kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print("".join(f"{word:<12}" for word in ("crystal", "field")), end=" " * 14)
    print("".join(f"{way:>12}" for way in WAYS), f"{'loses':>8}{'cost':>6}{'apart':>7}")
    for name in CRYSTALS:
        for kind in arguments.kinds:
            told = mask_of(kind)
            for mask in (None,) if told is None else (None, told):
                runs = [measured(name, kind, seed, mask) for seed in range(arguments.seeds)]
                mean = {way: np.mean([run[way] for run in runs], axis=0) for way in WAYS}
                loses = max(run["one setting"][0] - run["field 128"][0] for run in runs)
                cost = mean["field 128"][1] / mean["one setting"][1]
                apart = min(run[way][2] for run in runs for way in WAYS)
                label = kind if mask is None else f"{kind}, told"
                print(f"{name:<12}{label:<26}", end="")
                print("".join(f"{mean[way][0]:12.4f}" for way in WAYS), end=" ")
                print(f"{loses:8.4f}{cost:6.2f}{apart:7.2f}", flush=True)
            if arguments.pictures is not None:
                draw(arguments.pictures, name, kind)


if __name__ == "__main__":
    main()
