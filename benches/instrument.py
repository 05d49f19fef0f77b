"""Tuning a simulated column by rewards of its frames: `python benches/instrument.py`.

Focus, two components of two-fold astigmatism and two of coma are off. Each search asks for settings
frame by frame; what it would choose after 10, 20, 40 and 60 frames is shown by how sharp a frame
without counting is there, as a share of the sharpness at the known optimum: the lower of
`NormalizedVariance` and `FourierSharpness`. Mean over seeds, and the worst.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
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


def trace(engine: str, names: list[str], dose: float, seed: int) -> list[float]:
    """Share of the sharpness at the optimum that the choice after each of `SHOWN` frames has."""
    column = SimulatedColumn(dose=dose, random_state=seed)
    noiseless = SimulatedColumn(random_state=seed)
    best = noiseless.acquire({name: -off for name, off in column.misalignment.items()})
    judges = [REWARDS["variance"], REWARDS["sharpness"]]
    rewards = {name: REWARDS[name] for name in names}
    optimizer = Optimizer(RANGES, rewards, engine=engine, random_state=seed)
    shares = []
    while column.n_frames < SHOWN[-1]:
        (setting,) = optimizer.ask()
        frame = column.acquire(setting)
        optimizer.tell(setting, {name: each(None, frame) for name, each in rewards.items()})
        if column.n_frames in SHOWN:
            chosen = noiseless.acquire(optimizer.compromise())
            shares.append(min(float(j.measure(chosen)) / float(j.measure(best)) for j in judges))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dose", type=float, default=300.0, help="electrons a pixel")
    arguments = parser.parse_args()
    print(f"{'mean (worst) of ' + str(arguments.seeds) + ' seeds':28}", end="")
    print("".join(f"{n:>8} frames" for n in SHOWN), "  CPU s a run")
    for label, (engine, names) in SEARCHES.items():
        start = time.process_time()
        rows = np.array(
            [trace(engine, names, arguments.dose, seed) for seed in range(arguments.seeds)]
        )
        seconds = (time.process_time() - start) / arguments.seeds
        cells = "".join(
            f"   {mean:.3f} ({worst:.3f})"
            for mean, worst in zip(rows.mean(axis=0), rows.min(axis=0), strict=True)
        )
        print(f"{label:28}{cells}   {seconds:.1f}", flush=True)


if __name__ == "__main__":
    main()
