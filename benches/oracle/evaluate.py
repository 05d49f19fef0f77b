"""Measure the shipped network on what training never saw, and write its model card.

``python benches/oracle/evaluate.py [--model FILE] [--card FILE] [--seeds 5]``
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import scenes
from scipy import ndimage

from logstar.exceptions import OracleScaleWarning
from logstar.metrics import detection_metrics
from logstar.oracle import OnnxOracle
from logstar.oracle._network import Network
from logstar.tuning import make_logstar_workflow

NOISES = (0.0, 0.3, 0.5, 0.7)
#: By how much the spacing that the network is told may be wrong.
WRONG_BY = (0.7, 0.85, 1.0, 1.2, 1.4)
#: Side and number of images of noise: some four million pixels of each kind.
NOISE_SIDE, N_NOISE = 1024, 4
#: Spacings at which the network looks at them, in pixels.
NOISE_SPACINGS = (6.0, 8.0, 13.0)

CARD = """\
# lattice-v1

A network of {n_parameters:,} parameters that gives each pixel the probability of an atom. It
works on images whose nearest neighbours are {spacing:g} px apart; `logstar.oracle.OnnxOracle`
scales images so.

- **Learnt from** simulated scenes alone, drawn by `benches/oracle/scenes.py`: random lattices
  of one to six columns a cell, in grains, particles, flakes and films with holes, single
  atoms; noise up to 0.7 of the range, 1 to 300 electrons a pixel, blur, drift, contamination,
  uneven supports. A third of the scenes hold no atom. None is of YBa2Cu3O7 or SrTiO3.
- **Recipe**: `python benches/oracle/train.py`, {recipe};
  AdamW, one cycle of the learning rate in each of two stages, binary cross-entropy on discs of a
  quarter of the spacing, whose pixels count three times.
- **Limits**: one scale (see below what a wrong spacing costs); atoms brighter than their
  surroundings (`polarity="dark"` negates); columns less than a quarter of the strongest may be
  missed; positions are good to some tenths of a pixel, and `logstar.refinement` makes them
  better.
- **Licence**: BSD-3-Clause, as the package.

Measured by `benches/oracle/evaluate.py` on crystals that it never saw, {side} x {side} px,
{seeds} seeds each, a pair within a quarter of the nearest distance, away from the edge by as much:

{f1}

F1 of LoG* on the same scenes; it is told the crystal, and does not denoise:

{tuned}

F1 at noise 0.3 where the spacing is told wrong by a factor:

{wrong}

False atoms per million pixels on noise without atoms ({megapixels:.1f} million pixels of each
kind), by the spacing that the network is told, in pixels:

{false}

CPU time of `predict` for 256 x 256 px on one core, median of 20: {at_scale:.1f} ms at a spacing
of 13 px, {full:.1f} ms at {spacing:g} px, where no pixel is lost.
"""


def scores_of(found, scene) -> tuple[float, float, float]:
    """F1, precision and recall; whether an atom that the edge cuts counts is a convention."""
    near = scene.lattice.nearest_distance / 4
    scores = detection_metrics(
        found, scene.positions, tolerance=near, shape=scene.image.shape, margin=near
    )
    return scores.f1, scores.precision, scores.recall


def f1_of(oracle: OnnxOracle, scene) -> tuple[float, float, float]:
    return scores_of(told(oracle, scene.image).predict(scene.image), scene)


def told(oracle: OnnxOracle, image) -> OnnxOracle:
    """Fit an oracle that is told the spacing: nothing is left to learn of the rest of the image."""
    return oracle.fit(image[:64, :64])


def f1_of_tuned(scene) -> float:
    """F1 of LoG*, which is told the crystal, by the bare detector."""
    search = make_logstar_workflow(scene.lattice, scene.image.shape, denoise="none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scores_of(search.fit(scene.image).predict(scene.image), scene)[0]


def noises(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shape = (NOISE_SIDE, NOISE_SIDE)
    white = rng.normal(size=shape)
    return {
        "white": white,
        "smooth (sigma 2 px)": ndimage.gaussian_filter(white, 2),
        "f^-1": scenes.colored_noise(shape, 1.0, rng),
        "f^-0.5": scenes.colored_noise(shape, 0.5, rng),
        "Poisson, 3 electrons": rng.poisson(3, shape).astype(float),
        "row offsets": white + rng.normal(size=(NOISE_SIDE, 1)),
        "ramp": white + np.linspace(0, 10, NOISE_SIDE),
    }


def table(head: list[str], rows: dict[str, list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + [f"| {name} | {' | '.join(row)} |" for name, row in rows.items()])


def milliseconds(oracle: OnnxOracle, image: np.ndarray) -> float:
    times = []
    for _ in range(21):
        start = time.process_time()
        oracle.predict(image)
        times.append(1e3 * (time.process_time() - start))
    return float(np.median(times[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lattice-v1")
    parser.add_argument("--card", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore", OracleScaleWarning)
    f1, wrong, tuned = {}, {}, {}
    for kind, make in scenes.HELD_OUT.items():
        nearest = make().nearest_distance
        means = {}
        for noise in NOISES:
            scores = [
                f1_of(
                    OnnxOracle(options.model, spacing=nearest), scenes.held_out(kind, noise, seed)
                )
                for seed in range(options.seeds)
            ]
            means[noise] = np.mean(scores, axis=0)
        f1[kind] = [f"{m[0]:.3f} ({m[1]:.3f} / {m[2]:.3f})" for m in means.values()]
        wrong[kind] = []
        for by in WRONG_BY:
            oracle = OnnxOracle(options.model, spacing=nearest * by)
            each = [f1_of(oracle, scenes.held_out(kind, 0.3, n))[0] for n in range(options.seeds)]
            wrong[kind].append(f"{np.mean(each):.3f}")
        tuned[kind] = []
        for noise in NOISES:
            each = [f1_of_tuned(scenes.held_out(kind, noise, n)) for n in range(options.seeds)]
            tuned[kind].append(f"{np.mean(each):.3f}")
        print(kind, *f1[kind], "| wrong by", *wrong[kind], "| LoG*", *tuned[kind], flush=True)
    false = {kind: np.zeros(len(NOISE_SPACINGS)) for kind in noises(np.random.default_rng(0))}
    for seed in range(N_NOISE):
        for kind, image in noises(np.random.default_rng(100 + seed)).items():
            for i, spacing in enumerate(NOISE_SPACINGS):
                false[kind][i] += told(OnnxOracle(options.model, spacing=spacing), image).count(
                    image
                )
    megapixels = N_NOISE * NOISE_SIDE**2 / 1e6
    rates = {kind: [f"{n / megapixels:.2f}" for n in counts] for kind, counts in false.items()}
    for kind, row in rates.items():
        print(kind, *row, flush=True)
    image = scenes.held_out("ybco", 0.2, 0, side=256).image
    at_scale, full = (
        milliseconds(told(OnnxOracle(options.model, spacing=s), image), image) for s in (13.0, 8.0)
    )
    print(f"{at_scale:.1f} ms, {full:.1f} ms")
    if options.card is None:
        return
    import onnx  # noqa: PLC0415 - only for the card

    model = onnx.load(Network.load(options.model).path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    # Weights are whole numbers with a step for each output channel, which is no parameter.
    n_parameters = sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if not tensor.name.endswith("_step") and tensor.name != "twice"
    )
    options.card.write_text(
        CARD.format(
            n_parameters=n_parameters,
            spacing=float(said["spacing"]),
            recipe=f"{said['steps']} steps on {said['scenes']} scenes, seed {said['seed']}, "
            f"{float(said['cpu_seconds']) / 60:.0f} minutes of CPU",
            side=384,
            seeds=options.seeds,
            f1=table(["F1 (precision / recall)", *(f"noise {noise:g}" for noise in NOISES)], f1),
            tuned=table(["F1", *(f"noise {noise:g}" for noise in NOISES)], tuned),
            wrong=table(["", *(f"{by:g}" for by in WRONG_BY)], wrong),
            megapixels=megapixels,
            false=table(["", *(f"{spacing:g}" for spacing in NOISE_SPACINGS)], rates),
            at_scale=at_scale,
            full=full,
        )
    )


if __name__ == "__main__":
    main()
