"""The paper's Fig. 5: times of the network and of LoG*, on the same cores in the same run.

    python benches/paper/fig5.py [--out FOLDER] [--repeats N]

Writes ``fig5.png`` and ``fig5.md``. Ten images of 256 x 256 px: inference of the shipped network
(resampling, network, maxima), of a U-Net of the size of AtomAI's with random weights, tuned
detection, and tuning with detection, as `logstar detect` does it. Beside them the training of the
shipped network, as its file tells it. One thread each; times of the process, in turns, so that
whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from _common import FOLDER, LATTICE, Claim, oracle_at
from matplotlib import pyplot as plt

from logstar.datasets import make_scene
from logstar.oracle._conversion._architectures import ARCHITECTURES
from logstar.oracle._conversion._graph import Graph
from logstar.oracle._network import Network
from logstar.tuning import make_logstar_workflow

SHAPE = (256, 256)
N_IMAGES = 10
NOISE = 0.2


def unet_weights(n_filters: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of AtomAI's U-Net with layers 1, 2, 2, 3, with batch normalisation."""
    rng = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {}

    def convolution(name: str, n_in: int, n_out: int, side: int = 3) -> None:
        deviation = (n_in * side**2) ** -0.5
        weights[f"{name}.weight"] = rng.normal(0, deviation, (n_out, n_in, side, side))
        weights[f"{name}.bias"] = np.zeros(n_out)

    def block(name: str, n_in: int, n_out: int, n_layers: int) -> None:
        for layer in range(n_layers):
            convolution(f"{name}.block.{3 * layer}", n_in if layer == 0 else n_out, n_out)
            normalized = f"{name}.block.{3 * layer + 2}"
            for part, value in (
                ("weight", 1),
                ("bias", 0),
                ("running_mean", 0),
                ("running_var", 1),
            ):
                weights[f"{normalized}.{part}"] = np.full(n_out, float(value))

    n = n_filters
    for name, n_in, n_out, layers in (
        ("c1", 1, n, 1), ("c2", n, 2 * n, 2), ("c3", 2 * n, 4 * n, 2), ("bn", 4 * n, 8 * n, 3),
        ("c4", 8 * n, 4 * n, 2), ("c5", 4 * n, 2 * n, 2), ("c6", 2 * n, n, 1),
    ):  # fmt: skip
        block(name, n_in, n_out, layers)
    for i, n_in in ((1, 8 * n), (2, 4 * n), (3, 2 * n)):
        convolution(f"upsample_block{i}.conv", n_in, n_in // 2, side=1)
    convolution("px", n, 1, side=1)
    return {name: w.astype(np.float32) for name, w in weights.items()}


def large_unet(path: Path) -> int:
    """Write a U-Net of AtomAI's usual size; gives the number of its parameters."""
    weights = unet_weights(16)
    graph = Graph(weights)
    output = ARCHITECTURES["atomai-unet"].build(graph, weights, {})
    graph.save(output, path, {"multiple": "8", "reach": "176", "scaling": "min-max"})
    return sum(w.size for name, w in weights.items() if "running" not in name)


def timed(job: Callable[[Any], Any], images: list[Any]) -> list[float]:
    """CPU time of a job on each image, in ms."""
    times = []
    for image in images:
        start = time.process_time()
        job(image)
        times.append(1e3 * (time.process_time() - start))
    return times


def main(argv: list[str] | None = None) -> list[Claim]:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    images = [
        make_scene(LATTICE, SHAPE, noise=NOISE, random_state=seed).image for seed in range(N_IMAGES)
    ]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n_parameters = large_unet(Path(folder) / "unet.onnx")
        own = oracle_at(LATTICE.nearest_distance).fit(images[0])
        full = oracle_at(8.0).fit(images[0])
        large = oracle_at(8.0, Path(folder) / "unet.onnx").fit(images[0])
        detector = make_logstar_workflow(LATTICE, SHAPE, denoise="none").fit(images[0])

        def tune_and_detect(image: Any) -> Any:
            return make_logstar_workflow(LATTICE, SHAPE, denoise="none").fit(image).predict(image)

        jobs = {
            "LoG*, tuned": detector.predict,
            "LoG*, tuning and detecting": tune_and_detect,
            "shipped network, its scale": own.predict,
            "shipped network, all pixels": full.predict,
            f"U-Net, {n_parameters / 1e6:.2f} M parameters": large.predict,
        }
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for job in jobs.values():
            job(images[0])
        for _ in range(args.repeats):
            for name, job in jobs.items():
                times[name] += timed(job, images)
    draw(times, args.out / "fig5.png")
    medians = {name: float(np.median(values)) for name, values in times.items()}
    lines = ["| what | median ms | fastest | slowest |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {medians[name]:.1f} | {min(values):.1f} | {max(values):.1f} |"
        for name, values in times.items()
    ]
    (args.out / "fig5.md").write_text(
        f"CPU time for an image of 256 x 256 px, one thread, {args.repeats} times ten images\n\n"
        + "\n".join(lines) + "\n"
    )  # fmt: skip
    print("\n".join(lines))
    detect, tune, scaled, whole, unet = medians.values()
    training = training_seconds()
    return [
        Claim(
            "5",
            "the network infers faster than LoG* (on a GPU); LoG* needs no training",
            f"tuned LoG* {detect:.1f} ms; tuning and detecting {tune:.1f} ms; our network "
            f"{scaled:.1f} ms at its scale, {whole:.1f} ms on all pixels; a U-Net of the usual "
            f"size {unet:.0f} ms: {unet / detect:.0f} times detection, {unet / tune:.1f} times "
            "tuning with detection",
            "same core for all, and no GPU; where atoms are wide the network sees a smaller image",
        ),
        Claim(
            "5",
            "training takes 1,656 labelled images, tuning none",
            f"training {training / 60:.0f} minutes of CPU, without labelled images; tuning "
            f"{tune:.1f} ms: {1e3 * training / tune:,.0f} times less",
            "scenes are drawn instead of labelled",
        ),
    ]


def training_seconds() -> float:
    """CPU time that the training of the shipped network took, drawing of scenes included."""
    model = onnx.load(Network.load("lattice-v1").path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    return float(said.get("cpu_seconds", 882))


def draw(times: dict[str, list[float]], path: Path) -> None:
    """Distributions of times."""
    figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
    ax.boxplot(list(times.values()), orientation="horizontal", tick_labels=list(times))
    ax.set(xscale="log", xlabel="CPU time for an image of 256 x 256 px, ms")
    ax.invert_yaxis()
    ax.grid(alpha=0.3, axis="x", which="both")
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    for claim in main():
        print(claim)
