"""Tuning a simulated column by rewards of its frames: `python benches/instrument.py`.

Focus, two components of two-fold astigmatism and two of coma are off. Each search asks for settings
frame by frame; what it would choose after 10, 20, 40 and 60 frames is shown by how sharp a frame
without counting is there, as a share of the sharpness at the known optimum: the lower of
`NormalizedVariance` and `FourierSharpness`. Mean over seeds, and the worst. ``--picture FILE``
draws the traces, and the best of each objective that any frame had until then.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from logstar.datasets import SimulatedColumn
from logstar.model_selection import Optimizer
from logstar.rewards import ContrastToNoise, FourierSharpness, NormalizedVariance

RANGES = {
    "defocus": (-12.0, 12.0),
    "astigmatism_x": (-6.0, 6.0),
    "astigmatism_y": (-6.0, 6.0),
    "coma_x": (-300.0, 300.0),
    "coma_y": (-300.0, 300.0),
}
REWARDS: Mapping[str, Any] = {
    "variance": NormalizedVariance(),
    "sharpness": FourierSharpness(),
    "contrast": ContrastToNoise(),
}
SEARCHES = {
    "random": ("random", ["variance", "sharpness"]),
    "Sobol": ("sobol", ["variance", "sharpness"]),
    "one objective, variance": ("ehvi", ["variance"]),
    "one objective, sharpness": ("ehvi", ["sharpness"]),
    "two objectives": ("ehvi", ["variance", "sharpness"]),
    "three objectives": ("ehvi", ["variance", "sharpness", "contrast"]),
    "two objectives, ParEGO": ("parego", ["variance", "sharpness"]),
}
SHOWN = (10, 20, 40, 60)
#: After how many frames each the choice is judged.
EVERY, N_FRAMES = 5, 60


def trace(
    engine: str, names: list[str], dose: float, seed: int
) -> tuple[list[float], list[tuple[float, float]]]:
    """Follow one search.

    Returns
    -------
    shares : list of float
        Share of the sharpness at the optimum that the choice has, after every `EVERY` frames.
    objectives : list of tuple of two float
        Variance and sharpness of each frame, by those of a frame of the same dose at the optimum.
    """
    column = SimulatedColumn(dose=dose, random_state=seed)
    noiseless = SimulatedColumn(random_state=seed)
    tuned = {name: -off for name, off in column.misalignment.items()}
    judges = [REWARDS["variance"], REWARDS["sharpness"]]
    best = [float(judge.measure(noiseless.acquire(tuned))) for judge in judges]
    counted = SimulatedColumn(dose=dose, random_state=seed).acquire(tuned)
    best_counted = [float(judge.measure(counted)) for judge in judges]
    rewards = {name: REWARDS[name] for name in names}
    optimizer = Optimizer(RANGES, rewards, engine=engine, random_state=seed)
    shares, objectives = [], []
    while column.n_frames < N_FRAMES:
        (setting,) = optimizer.ask()
        frame = column.acquire(setting)
        optimizer.tell(setting, {name: each(None, frame) for name, each in rewards.items()})
        objectives.append(
            tuple(float(j.measure(frame)) / b for j, b in zip(judges, best_counted, strict=True))
        )
        if column.n_frames % EVERY == 0:
            chosen = noiseless.acquire(optimizer.compromise())
            shares.append(
                min(float(j.measure(chosen)) / b for j, b in zip(judges, best, strict=True))
            )
    return shares, objectives


def draw(traces: Mapping[str, Any], objectives: Mapping[str, Any], path: Path) -> None:
    """Draw the traces of all searches, the mean over seeds."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only drawing needs it

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    frames = np.arange(EVERY, N_FRAMES + 1, EVERY)
    for index, (label, rows) in enumerate(traces.items()):
        color = f"C{index}"
        axes[0].plot(frames, rows.mean(axis=0), color=color, marker=".", label=label)
        running = np.maximum.accumulate(objectives[label], axis=1).mean(axis=0)
        for ax, values in zip(axes[1:], running.T, strict=True):
            ax.plot(np.arange(1, N_FRAMES + 1), values, color=color)
    axes[0].axhline(0.95, color="0.5", linestyle="--")
    axes[0].set(title="sharpness of the choice", ylabel="share of that at the optimum")
    axes[1].set(title="best normalised variance so far", ylabel="share of that at the optimum")
    axes[2].set(title="best Fourier sharpness so far", ylabel="share of that at the optimum")
    for ax in axes:
        ax.set(xlabel="frames", ylim=(0, 1.08))
    axes[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dose", type=float, default=300.0, help="electrons a pixel")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    print(f"{'mean (worst) of ' + str(arguments.seeds) + ' seeds':28}", end="")
    print("".join(f"{n:>8} frames" for n in SHOWN), "  CPU s a run")
    traces, objectives = {}, {}
    for label, (engine, names) in SEARCHES.items():
        start = time.process_time()
        runs = [trace(engine, names, arguments.dose, seed) for seed in range(arguments.seeds)]
        seconds = (time.process_time() - start) / arguments.seeds
        traces[label] = np.array([shares for shares, _ in runs])
        objectives[label] = np.array([values for _, values in runs])
        rows = traces[label][:, [n // EVERY - 1 for n in SHOWN]]
        cells = "".join(
            f"   {mean:.3f} ({worst:.3f})"
            for mean, worst in zip(rows.mean(axis=0), rows.min(axis=0), strict=True)
        )
        print(f"{label:28}{cells}   {seconds:.1f}", flush=True)
    if arguments.picture is not None:
        draw(traces, objectives, arguments.picture)


if __name__ == "__main__":
    main()
