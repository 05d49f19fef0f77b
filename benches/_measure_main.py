"""Sections of the report on the main job: tuning, prediction, frames, the map of strain."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import _memory
import numpy as np
from _cpu import cpu_seconds, section_by_size
from _inputs import named_scene
from _pairs import Contestant, in_unit, race
from _section import Figure, Plan, Section
from _tuning import expectation, tune_ours
from threadpoolctl import threadpool_limits

from logstar import AtomFinder, Lattice, LoGStarDetector
from logstar.datasets import make_scene
from logstar.fields import strain

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)
#: Of the noisy images that are tuned, by the height of the columns.
NOISES = (0.3, 1.0)


def tuned(plan: Plan) -> Section:
    """One tuning: all ladders, thresholds and overlaps."""
    section = Section(
        "Tuning on one core",
        ["image", "noise", "CPU time, one thread", "a pixel"],
        "As `logstar detect` tunes: ten ladders of sigmas, each with all thresholds and overlaps. "
        "Noise is given by the height of the brightest columns.",
    )
    cases = [(str(size), 0.05) for size in plan.tuned]
    with threadpool_limits(1):
        for name, noise in [*cases, *((str(plan.noisy_size), noise) for noise in NOISES)]:
            size = int(name)
            seconds = cpu_seconds(_tuning(size, noise), plan.side_rounds)
            section.rows.append([
                f"{name} px", f"{noise:g}", in_unit(seconds), f"{1e9 * seconds / size**2:.0f} ns"
            ])  # fmt: skip
            section.figures["tuned", size, noise] = Figure(1e3 * seconds, in_unit(seconds))
    return section


def prediction(plan: Plan) -> Section:
    section = section_by_size(
        "Atoms by a tuned detector",
        "predict",
        "`LoGStarDetector.predict(image)`, float32, settings as tuned on the 512 px image.",
        lambda size: _predicting(size, 1),
        plan.images,
    )
    size = 2 * plan.memory_size
    extra = _memory.extra_bytes(_memory.PREDICT, np.tile(_image(512), (size // 512,) * 2))
    if extra is not None:
        section.rows.append([f"{size} px, memory", f"{extra / 1e6:.0f} MB", "-", "-"])
        section.remark += " Memory is that beyond the image, which is read before."
        section.figures["predict", "memory", size] = Figure(extra / 1e6, f"{extra / 1e6:.0f} MB")
    return section


def frames(plan: Plan) -> Section:
    """Many small images: in a loop, and by two threads."""
    section = Section(
        "Frames of 512 px",
        ["frames", "in a loop, CPU time a frame", "two threads, a frame", "two threads against 1"],
        "A tuned detector on frames in memory, float32, each of other noise; the ratio is of the "
        "clock.",
    )
    stack = [_image(512, seed) for seed in range(4)] * (plan.n_frames // 4)
    one, two = (_detector(n_jobs).fit(stack[0]) for n_jobs in (1, 2))
    start = time.process_time()
    for frame in stack:
        one.predict(frame)
    seconds = (time.process_time() - start) / len(stack)
    result = race(
        [Contestant("1", lambda: one.predict(stack)), Contestant("2", lambda: two.predict(stack))],
        plan.side_rounds,
    )
    ratio = result.ratio("1", "2")
    section.rows.append([
        str(len(stack)), in_unit(seconds), in_unit(result.seconds("2") / len(stack)), str(ratio)
    ])  # fmt: skip
    section.figures["frames", "ms"] = Figure(1e3 * seconds, in_unit(seconds))
    section.figures["frames", "scaling"] = Figure.of(ratio)
    return section


def strain_map(plan: Plan) -> Section:
    return section_by_size(
        "From an image in memory to its map of strain",
        "map",
        "A perovskite, noise 0.1, the crystal told: lattice, tuning, detection, joint fit of all "
        "peaks with errors, quality, indices and strain.",
        _straining,
        plan.strain,
    )


SECTIONS = {"tuned": tuned, "predict": prediction, "frames": frames, "map": strain_map}


def _tuning(size: int, noise: float) -> Callable[[], Any]:
    if noise == 0.05:
        image = named_scene(str(size))
        expected = expectation(image)
        return lambda: tune_ours(image.image, expected, seed=0, n_jobs=1)
    scene = make_scene(CRYSTAL, (size, size), noise=noise, random_state=0)
    finder = AtomFinder(CRYSTAL, refine=None).fit(scene.image)
    expected = finder.expectation_
    return lambda: tune_ours(scene.image, expected, seed=0, n_jobs=1)


def _image(size: int, seed: int = 0) -> np.ndarray:
    scene = make_scene(CRYSTAL, (size, size), noise=0.1, random_state=seed)
    return scene.image.astype(np.float32)


def _detector(n_jobs: int) -> LoGStarDetector:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = AtomFinder(CRYSTAL, refine=None).fit(_image(512))
    return LoGStarDetector(**found.params_, n_jobs=n_jobs)


def _predicting(size: int, n_jobs: int) -> Callable[[], Any]:
    image = _image(size)
    detector = _detector(n_jobs).fit(image)
    return lambda: detector.predict(image)


def _straining(size: int) -> Callable[[], Any]:
    scene = make_scene(CRYSTAL, (size, size), noise=0.1, random_state=0)

    def run() -> None:
        finder = AtomFinder(CRYSTAL).fit(scene.image)
        assert finder.refinement_ is not None
        field = strain(finder.index(), finder.refinement_)
        assert math.isfinite(float(np.nanmedian(field.components)))

    return run
