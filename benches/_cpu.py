"""CPU time of one thread by size of image, how it grows with it, and a section that tells both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from _pairs import in_unit
from _section import Figure, Section
from threadpoolctl import threadpool_limits

Prepare = Callable[[int], Callable[[], Any]]


def cpu_seconds(run: Callable[[], Any], rounds: int) -> float:
    """The least of some rounds, after one that pays for imports and first allocations."""
    run()
    durations = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        durations.append(time.process_time() - start)
    return min(durations)


def power_of(seconds: Mapping[int, float]) -> float:
    """The power of the side of the image that times grow with: 2 is with its area."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def section_by_size(
    title: str, key: str, remark: str, prepare: Prepare, sizes: Mapping[int, int]
) -> Section:
    """Measure something on images of several sizes.

    Parameters
    ----------
    title, remark : str
        Of the section.
    key : str
        First part of the keys of its figures; the second one is a size, "ns" and the size for
        nanoseconds a pixel, or "doubling" for the growth when the side is doubled.
    prepare : callable
        Makes of a size in pixels what is measured.
    sizes : mapping of int to int
        Rounds by size.
    """
    section = Section(title, ["image", "CPU time, one thread", "a pixel", "by the size before"])
    section.remark = remark
    seconds: dict[int, float] = {}
    with threadpool_limits(1):
        for size, rounds in sizes.items():
            seconds[size] = cpu_seconds(prepare(size), rounds)
            half = seconds.get(size // 2)
            a_pixel = 1e9 * seconds[size] / size**2
            section.rows.append([
                f"{size} px", in_unit(seconds[size]), f"{a_pixel:.1f} ns",
                "-" if half is None else f"{seconds[size] / half:.1f}x",
            ])  # fmt: skip
            section.figures[key, size] = Figure(1e3 * seconds[size], in_unit(seconds[size]))
            section.figures[key, "ns", size] = Figure(a_pixel, f"{a_pixel:.1f} ns")
    if len(seconds) > 1:
        power = power_of(seconds)
        section.remark += (
            " The time grows as the side of the image to the power that the last line tells: 2 is "
            "with its area."
        )
        section.rows.append(["power", f"{power:.2f}", "-", "-"])
        section.figures[key, "doubling"] = Figure(2**power, f"{2**power:.1f}x")
    return section
