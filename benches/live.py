"""Frames as they come: latency, steps and quiet frames. `python benches/live.py [--frames 200]`.

``--picture FILE`` draws the histograms of the latency beside printing them. Latency is the time of
`LiveFinder.process` at 512 x 512 px, quiet and while another process tunes anew without pause: wall
time, in which whatever else runs on the machine shows (its load is printed), and processor time of
this process, which is what a frame takes on cores of its own. A step is another focus at a lower
dose (or the dose alone); F1 two frames later is compared with that of the frame's own tuning.
Needless are the times that new settings took over in quiet frames, also of a specimen that drifts.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene, make_scene
from logstar.metrics import detection_metrics
from logstar.tuning import LiveFinder
from logstar.tuning._retuning import Retuner, template_of

CRYSTALS = {
    "SrTiO3": Lattice.perovskite(3.905, pixel_size=0.2),
    "YBa2Cu3O7": Lattice.ybco(pixel_size=0.2),
}
SHAPE = (512, 512)
#: Edges of the histogram of latencies, in ms; what is beyond the last is in its last class.
EDGES = np.array([0, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
#: Refinement, and whether it is tuned beside.
CASES = [(refine, busy) for refine in (None, "window") for busy in (False, True)]


class AtOnce(Executor):
    """Runs a job where it is submitted: what counts is after how many frames, not how long."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


def scene(crystal: Lattice, seed: int, **given: Any) -> Scene:
    return make_scene(
        crystal, SHAPE, **{"origin": (3.0, 4.0), "noise": 0.02, "random_state": seed, **given}
    )


def latencies(n_frames: int, refine: Any, *, busy: bool) -> np.ndarray:
    crystal = CRYSTALS["SrTiO3"]
    images = [scene(crystal, seed, noise=0.1).image for seed in range(8)]
    finder = AtomFinder(crystal, refine=refine).fit(images[0])
    retuner = Retuner(template_of(finder)) if busy else None
    walls, cpus = [], []
    with LiveFinder(finder, retune="never") as live:
        if retuner is not None:
            _keep_busy(retuner, images[0])
            time.sleep(3.0)  # the process starts once, before anything is measured
        for i in range(n_frames):
            if retuner is not None:
                _keep_busy(retuner, images[i % 8])
            cpu, wall = time.process_time(), time.perf_counter()
            live.process(images[i % 8])
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    if retuner is not None:
        retuner.close()
    return np.array([walls, cpus])


def _keep_busy(retuner: Retuner, image: Any) -> None:
    from logstar.io import Micrograph  # noqa: PLC0415 - of this function alone

    if retuner.is_ready:
        retuner.take()
    retuner.consider(Micrograph(image), wanted=True)


def step(name: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[float, ...]:
    crystal = CRYSTALS[name]
    live = LiveFinder(
        AtomFinder(crystal, refine=None).fit(scene(crystal, 0, **before).image), executor=AtOnce()
    )
    for seed in range(1, 4):
        live.process(scene(crystal, seed, **before).image)
    frames = [scene(crystal, 10 + i, **after) for i in range(3)]
    results = [live.process(frame.image) for frame in frames]
    own = AtomFinder(crystal, refine=None).fit(frames[2].image)

    def f1(atoms: Any, frame: Scene) -> float:
        return detection_metrics(atoms, frame.positions, shape=SHAPE, margin=2).f1

    return (
        *(f1(result.atoms, frame) for result, frame in zip(results, frames, strict=True)),
        f1(own.atoms_, frames[2]),
        float(results[0].trusted),
        float(live.n_retuned_),
    )


def quiet(name: str, n_frames: int, drift: float) -> tuple[int, int]:
    crystal = CRYSTALS[name]
    rng = np.random.default_rng(0)
    origin, live, trusted = np.array([3.0, 4.0]), None, 0
    for seed in range(n_frames):
        image = scene(crystal, seed, origin=tuple(origin), noise=0.1).image
        if live is None:
            live = LiveFinder(AtomFinder(crystal, refine=None).fit(image), executor=AtOnce())
        trusted += live.process(image).trusted
        origin = origin + rng.normal(drift, drift, 2)
    assert live is not None
    return live.n_retuned_, trusted


def label_of(refine: Any, busy: bool) -> str:
    return f"refine={refine!r}, {'tuning beside' if busy else 'quiet'}"


def print_histograms(walls: dict[str, np.ndarray]) -> None:
    """Shares of frames by their latency."""
    print("frames by latency (wall), ms")
    heads = [f"{low}-{high}" for low, high in pairwise(EDGES)]
    print(" " * 32 + "".join(f"{head:>8}" for head in [*heads[:-1], f"{EDGES[-2]}-"]))
    for label, times in walls.items():
        counts = np.histogram(np.minimum(times, EDGES[-1]), EDGES)[0]
        print(f"{label:32}" + "".join(f"{count:8}" for count in counts))


def draw_histograms(walls: dict[str, np.ndarray], path: Path) -> None:
    """Draw how many frames took how long, quiet and while it is tuned beside."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only drawing needs it

    figure, axes = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
    edges = np.linspace(0, max(60.0, *(times.max() for times in walls.values())), 121)
    for ax, refine in zip(axes, (None, "window"), strict=True):
        for busy in (False, True):
            times = walls[label_of(refine, busy)]
            name = (
                f"{'tuning beside' if busy else 'quiet'}, 99 %: {np.percentile(times, 99):.0f} ms"
            )
            ax.hist(times, edges, histtype="stepfilled", alpha=0.6, label=name)
        ax.axvline(50, color="0.4", linestyle="--")
        ax.set(title=f"refine={refine!r}", ylabel="frames")
        ax.legend(frameon=False)
    axes[-1].set_xlabel("latency (ms)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--latency-only", action="store_true")
    parser.add_argument("--steps-only", action="store_true")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    parser.add_argument("--quiet", type=int, default=40, help="quiet frames of each kind")
    arguments = parser.parse_args()
    if not arguments.steps_only:
        _measure_latency(arguments.frames, arguments.picture)
    if arguments.latency_only:
        return
    print("step: F1 of frames 0, 1, 2 after it, of own tuning; frame 0 trusted, times tuned anew")
    for name in CRYSTALS:
        for label, before, after in (
            ("dose", {"noise": 0.02}, {"noise": 0.3}),
            ("focus and dose", {"sigma": 3.6, "noise": 0.02}, {"sigma": 2.0, "noise": 0.25}),
        ):
            found = step(name, before, after)
            print(f"{name:10} {label:15}", " ".join(f"{value:.3f}" for value in found), flush=True)
    print("quiet frames: times tuned anew, trusted")
    for name in CRYSTALS:
        for drift in (0.0, 0.3):
            print(f"{name:10} drift {drift} px a frame:", *quiet(name, arguments.quiet, drift),
                  "of", arguments.quiet, flush=True)  # fmt: skip


def _measure_latency(n_frames: int, picture: Path | None) -> None:
    print("latency, ms: median, 90 %, 99 %, greatest")
    walls = {}
    for refine, busy in CASES:
        found = 1e3 * latencies(n_frames, refine, busy=busy)
        label = label_of(refine, busy)
        walls[label] = found[0]
        for name, times in zip(("wall", "processor"), found, strict=True):
            cells = "".join(f"{t:8.1f}" for t in np.percentile(times, [50, 90, 99, 100]))
            print(f"{label:32}{name:10}{cells}", flush=True)
        print(f"{'':32}load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print_histograms(walls)
    if picture is not None:
        draw_histograms(walls, picture)


if __name__ == "__main__":
    main()
