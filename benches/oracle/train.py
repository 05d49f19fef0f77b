"""Train the shipped network on simulated scenes and write it as an ONNX file.

``python benches/oracle/train.py [--out FILE] [--seed N] [--share S]``

Needs jax, optax and onnx beside logstar. Same seed, same network, up to the rounding of the
machine's convolutions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import network
import numpy as np
import onnxruntime
import optax
import scenes
from numpy.typing import NDArray

from logstar.oracle._preparation import SPACING, normalize, scale, scaled_shape, to_scaled

#: Side of what one step sees, in pixels at the network's scale.
CROP = 128
#: Scenes are drawn a little larger than that, so that a crop differs each time it is seen.
SIDE = 176
#: Scenes a step.
BATCH = 8


class Stage(NamedTuple):
    """A part of the training: how many scenes and steps, and with wide atoms or not."""

    n_scenes: int
    n_steps: int
    learning_rate: float
    wide: bool


#: After the first the network misses all atoms of micrographs in which neighbours nearly merge.
STAGES = (Stage(4000, 6500, 3e-3, wide=False), Stage(1600, 1800, 1.5e-3, wide=True))
#: A pixel is an atom up to this far from its centre: a quarter of the nearest distance.
RADIUS = SPACING / 4
#: The spacing that an image is scaled by is mostly right up to a factor of this deviation, but
#: half of the scenes have any factor between these limits. The network should not mind: what it
#: finds at 0.7 and 1.4 of the scale is compared to tell whether to believe it.
USUAL_SCALE_ERROR = 0.08
SCALE_ERRORS = (0.65, 1.5)
#: A pixel of an atom counts as much as this many others. A weak column's place is uncertain by a
#: pixel under noise: with equal weights each of its pixels is likelier not to be part of it, and a
#: threshold of one half would miss what the network sees.
ATOM_WEIGHT = 3.0
#: A maximum this likely is an atom wherever it is. In four million pixels of noise of seven kinds
#: there are a few that are as likely, mostly where the spacing is told too small.
CERTAIN = 0.82
#: A fainter one is an atom if several as likely as this are around it. In noise up to a percent of
#: the places have such a maximum, in crystals under noise half of the atoms are.
LIKELY = 0.75
#: The network is written each time after this many steps, so that it can be measured early.
WRITTEN_EVERY = 1000
#: Mean difference of probabilities between what was trained and what was written, at most.
MOST_DIFFERENCE = 0.02

Float32 = NDArray[np.float32]


def discs(positions: NDArray[np.float64], shape: tuple[int, int]) -> Float32:
    """1 on atoms, 0 elsewhere, with an edge one pixel wide."""
    target = np.zeros(shape, dtype=np.float32)
    reach = int(np.ceil(RADIUS)) + 1
    for row, col in positions:
        middle = round(row), round(col)
        rows = slice(max(middle[0] - reach, 0), middle[0] + reach + 1)
        cols = slice(max(middle[1] - reach, 0), middle[1] + reach + 1)
        part = target[rows, cols]
        if part.size:
            i, j = np.ogrid[
                rows.start : rows.start + part.shape[0], cols.start : cols.start + part.shape[1]
            ]
            inside = (RADIUS + 0.5 - np.hypot(i - row, j - col)).clip(0, 1)
            np.maximum(part, inside, out=part)
    return target


def make_scenes(n: int, seed: int, *, wide: bool) -> tuple[Float32, Float32]:
    """Draw scenes at many spacings and bring them to the network's, as in use."""
    images = np.empty((n, SIDE, SIDE), dtype=np.float32)
    targets = np.empty_like(images)
    for i, rng in enumerate(np.random.default_rng(seed).spawn(n)):
        spacing = float(rng.uniform(*scenes.SPACINGS))
        error = (
            rng.normal(0, USUAL_SCALE_ERROR)
            if rng.random() < 0.5
            else rng.uniform(*np.log(SCALE_ERRORS))
        )
        factor = SPACING / spacing * np.exp(error)
        side = int(np.ceil((SIDE + 1) / factor))
        sample = scenes.draw(side, spacing, rng, wide=wide)
        small = scale(sample.image, factor)
        points = to_scaled(sample.positions, sample.image.shape, scaled_shape((side, side), factor))
        images[i] = normalize(small)[:SIDE, :SIDE]
        targets[i] = discs(points, small.shape)[:SIDE, :SIDE]
    return images, targets


def batches(images: Float32, targets: Float32, n_steps: int, rng: np.random.Generator):
    """Random crops, turned, mirrored, and with other contrast."""
    for _ in range(n_steps):
        x = np.empty((BATCH, CROP, CROP), dtype=np.float32)
        y = np.empty_like(x)
        for k, i in enumerate(rng.integers(len(images), size=BATCH)):
            row, col = rng.integers(SIDE - CROP + 1, size=2)
            window = np.s_[row : row + CROP, col : col + CROP]
            turns, mirrored = rng.integers(4), rng.integers(2)
            for source, into in ((images[i], x), (targets[i], y)):
                turned = np.rot90(source[window], turns)
                into[k] = turned[::-1] if mirrored else turned
            x[k] *= rng.uniform(0.8, 1.25)
        yield x, y


def train(
    parameters: network.Parameters,
    images: Float32,
    targets: Float32,
    stage: Stage,
    seed: int,
    write: Callable[[network.Parameters, int], None],
) -> network.Parameters:
    """Fit the network by binary cross-entropy, and write it now and then and at the end."""
    schedule = optax.cosine_onecycle_schedule(stage.n_steps, stage.learning_rate, pct_start=0.1)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-4)
    )
    state = optimizer.init(parameters)

    def loss(parameters, x, y):
        each = optax.sigmoid_binary_cross_entropy(network.logits(parameters, x), y)
        return (each * (1 + (ATOM_WEIGHT - 1) * y)).mean()

    @jax.jit
    def step(parameters, state, x, y):
        value, gradient = jax.value_and_grad(loss)(parameters, x, y)
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    recent = []
    for i, (x, y) in enumerate(
        batches(images, targets, stage.n_steps, np.random.default_rng(seed))
    ):
        parameters, state, value = step(parameters, state, jnp.asarray(x), jnp.asarray(y))
        recent.append(float(value))
        if (i + 1) % 100 == 0:
            print(
                f"step {i + 1}: loss {np.mean(recent[-100:]):.4f}, {time.process_time():.0f} s",
                flush=True,
            )
        if (i + 1) % WRITTEN_EVERY == 0 or i + 1 == stage.n_steps:
            write(parameters, i + 1)
    return parameters


def save(
    path: Path,
    seed: int,
    stages: list[Stage],
    images: Float32,
    parameters: network.Parameters,
    n_steps: int,
) -> None:
    """Write the network after so many steps of the last of these stages, and check the file."""
    steps = [*(stage.n_steps for stage in stages[:-1]), n_steps]
    metadata = {
        "architecture": "lattice",
        "spacing": str(SPACING),
        "multiple": str(network.MULTIPLE),
        "reach": str(network.REACH),
        "scaling": "contrast",
        "certain": str(CERTAIN),
        "likely": str(LIKELY),
        "seed": str(seed),
        "steps": " + ".join(map(str, steps)),
        "scenes": " + ".join(str(stage.n_scenes) for stage in stages),
        "cpu_seconds": f"{time.process_time():.0f}",
    }
    network.save(parameters, path, metadata)
    check(parameters, path, images)


def check(parameters: network.Parameters, path: Path, images: Float32) -> None:
    """Compare the file, whose weights have 8 bits, with what was trained."""
    trained = np.asarray(jax.nn.sigmoid(network.logits(parameters, jnp.asarray(images))))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    written = session.run(None, {"image": images[:, None]})[0][:, 0]
    differences = np.abs(written - trained)
    print(f"the file differs by {differences.mean():.4f}, at most {differences.max():.3f}")
    if differences.mean() > MOST_DIFFERENCE:
        raise RuntimeError(
            f"{path} is not what was trained: it differs by {differences.mean():.4f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("lattice-v1.onnx"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of scenes and steps, for a trial")
    options = parser.parse_args()

    stages = [
        stage._replace(
            n_scenes=round(options.share * stage.n_scenes),
            n_steps=round(options.share * stage.n_steps),
        )
        for stage in STAGES
    ]
    parameters = network.draw(jax.random.key(options.seed))
    for k, stage in enumerate(stages):
        images, targets = make_scenes(stage.n_scenes, options.seed + k, wide=stage.wide)
        print(f"{stage.n_scenes} scenes drawn after {time.process_time():.0f} s", flush=True)
        write = partial(save, options.out, options.seed, stages[: k + 1], images[: 4 * BATCH])
        parameters = train(parameters, images, targets, stage, options.seed + k, write)
    print(
        f"wrote {options.out}, {options.out.stat().st_size} bytes, "
        f"{time.process_time():.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
