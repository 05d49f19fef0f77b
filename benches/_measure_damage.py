"""Sections of the report on the map of damage and on the quality report; there is no peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _pairs import in_unit
from _section import Figure, Plan, Section
from threadpoolctl import threadpool_limits

from logstar import Lattice
from logstar.datasets import Scene, make_scene
from logstar.lattice import ImageLattice
from logstar.rewards import quality_report
from logstar.segmentation import AmorphousGMMSegmenter

PIXEL_SIZE = 0.2


def measure(plan: Plan) -> Iterator[Section]:
    yield _section(
        "Map of damage, the atoms given",
        "damage",
        "YBa2Cu3O7 with two amorphous pockets, noise 0.05; "
        "`AmorphousGMMSegmenter.fit(image, positions=...)`.",
        _mapping,
        plan,
    )
    yield _section(
        "Quality report",
        "quality",
        "YBa2Cu3O7, noise 0.05, the image's lattice and all atoms but four given.",
        _reporting,
        plan,
    )


def _section(
    title: str, key: str, remark: str, prepare: Callable[[int], Callable[[], Any]], plan: Plan
) -> Section:
    section = Section(
        title,
        ["image", "CPU time, one thread", "a pixel", "by the size before"],
        f"{remark} The time grows as the side of the image to the power that the last line tells: "
        "2 is with its area.",
    )
    seconds: dict[int, float] = {}
    with threadpool_limits(1):
        for size, rounds in plan.maps.items():
            run = prepare(size)
            run()  # imports and first allocations
            seconds[size] = min(_cpu_seconds(run) for _ in range(rounds))
            half = seconds.get(size // 2)
            section.rows.append([
                f"{size} px", in_unit(seconds[size]), f"{1e9 * seconds[size] / size**2:.0f} ns",
                "-" if half is None else f"{seconds[size] / half:.1f}x",
            ])  # fmt: skip
            section.figures[key, size] = Figure(1e3 * seconds[size], in_unit(seconds[size]))
    power = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0]
    section.rows.append(["power", f"{power:.2f}", "-", "-"])
    section.figures[key, "doubling"] = Figure(2**power, f"{2**power:.1f}x")
    return section


def _cpu_seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _scene(size: int, **parameters: Any) -> Scene:
    lattice = Lattice.ybco(PIXEL_SIZE)
    return make_scene(lattice, (size, size), noise=0.05, random_state=0, **parameters)


def _mapping(size: int) -> Callable[[], Any]:
    pockets = [(0.3 * size, 0.3 * size, 0.12 * size), (0.65 * size, 0.7 * size, 0.09 * size)]
    scene = _scene(size, amorphous_pockets=pockets)
    segmenter = AmorphousGMMSegmenter(random_state=0)
    return lambda: segmenter.fit(scene.image, positions=scene.positions)


def _reporting(size: int) -> Callable[[], Any]:
    scene = _scene(size)
    lattice = ImageLattice.from_image(scene.image, PIXEL_SIZE)
    found = np.delete(scene.positions, [10, 40, 41, 60], axis=0)
    return lambda: quality_report(scene.image, found, lattice)
