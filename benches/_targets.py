"""What was to be reached, and whether it was."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from _inputs import POINT_SETS
from _measure_blob_log import AVX2, ONE
from _measure_main import NOISES
from _measure_rest import REGULAR
from _section import Figure

from logstar._core import instruction_sets


@dataclass(frozen=True)
class Target:
    """A bound on a figure: from below, or with `at_most` from above."""

    what: str
    key: Hashable
    bound: float
    unit: str = "x"
    at_most: bool = False

    def row(self, figures: Mapping[Hashable, Figure]) -> list[str]:
        """What, the target, what was measured, and the verdict."""
        sign = "<=" if self.at_most else ">="
        target = f"{sign} {self.bound:g}{self.unit}"
        figure = figures.get(self.key)
        if figure is None:
            return [self.what, target, "-", "not measured"]
        hit = figure.value <= self.bound if self.at_most else figure.value >= self.bound
        return [self.what, target, figure.text, "hit" if hit else "**miss**"]


_LEAST_BY_SIZE = {256: 35, 512: 35, 1024: 45, 2048: 60, 4096: 60}


def targets() -> Iterator[Target]:
    """All of them, in the order of the table."""
    widest = instruction_sets()[0]
    for size, least in _LEAST_BY_SIZE.items():
        what = f"`blob_log` float64, one thread, {widest}, {size} px"
        yield Target(what, ("blob_log", str(size), "float64", ONE), least)
    for size in _LEAST_BY_SIZE:
        what = f"`blob_log` float64, one thread, avx2, {size} px"
        yield Target(what, ("blob_log", str(size), "float64", AVX2), 20)
    # The peer takes half the time of float64 for float32, and ours takes as much for both.
    for size in _LEAST_BY_SIZE:
        for dtype in ("float64", "float32"):
            what = f"its candidates, {dtype}, one thread, {widest}, {size} px, a pixel"
            yield Target(what, ("blob_log", str(size), dtype, "core"), 15, " ns", at_most=True)
    for size in (1024, 2048, 4096):
        what = f"`blob_log` float64, two threads against one, {size} px"
        yield Target(what, ("scaling", str(size), "float64"), 1.75 if size == 4096 else 1.7)
    yield Target("extra memory, float64, 4096 px", ("memory", 4096), 200, " MB", at_most=True)
    yield Target("max_sigma 30, threshold 0.005, 512 px, two threads", ("wide", 512), 120)
    what = "its candidates, one thread, a pixel"
    yield Target(what, ("wide", 512, "core"), 80, " ns", at_most=True)
    for n in (5_000, 50_000, 500_000):
        what = f"distance sums of {n:,} points, two threads, worst of {' and '.join(REGULAR)}"
        yield Target(what, ("sums", n), 15)
    what = f"distance sums, one thread, worst of all sizes and {len(POINT_SETS)} kinds of points"
    yield Target(what, ("sums", "worst"), 1)
    yield Target("one (QC, ER) evaluation, 256 px", ("evaluation", 256), 5, " us", at_most=True)
    yield Target("64 x 64 grid, 256 px", ("grid", 256), 6, " ms", at_most=True)
    yield Target("64 x 64 grid, 2048 px", ("grid", 2048), 2000, " ms", at_most=True)
    yield Target("tuning, 256 px, one core", ("tuned", 256, 0.05), 10, " ms", at_most=True)
    for noise in NOISES:
        what = f"tuning, 512 px, noise {noise:g}, one core"
        yield Target(what, ("tuned", 512, noise), 100, " ms", at_most=True)
    yield Target("the paper's loop against it, 256 px", ("tuning", "256", "ratio"), 200)
    for name in ("256", "256d", "256n"):
        what = f"gain of hypervolume over the paper's loop, {name} px"
        yield Target(what, ("tuning", name, "gain"), 0, "")
    for size in (512, 2048):
        what = f"atoms by a tuned detector, {size} px, a pixel"
        yield Target(what, ("predict", "ns", size), 22, " ns", at_most=True)
    yield Target(
        "its memory beyond an image of 8192 px", ("predict", "memory", 8192), 100, " MB", True
    )
    yield Target("frames of 512 px in a loop, each", ("frames", "ms"), 5.5, " ms", at_most=True)
    yield Target("frames, two threads against one", ("frames", "scaling"), 1.8)
    yield from _of_images()
    yield Target("image in memory to map of strain, 512 px", ("map", 512), 150, " ms", at_most=True)
    yield Target("the command, pictures", ("command", "pictures"), 2.0, " s", at_most=True)
    yield Target("the same, no pictures", ("command", "no pictures"), 1.5, " s", at_most=True)
    yield Target("pictures, beyond scikit-learn's import", ("command", "rest"), 0.9, " s", True)


def _of_images() -> Iterator[Target]:
    goals = {
        "lattice of an image": ("lattice", {512: 25, 1024: 50, 2048: 150}),
        "significance of its atoms": ("significance", {512: 30, 1024: 100, 2048: 400}),
        "map of damage": ("damage", {512: 200, 1024: 600, 2048: 2500}),
        "quality report": ("quality", {512: 20, 1024: 50, 2048: 250}),
    }
    for what, (key, bounds) in goals.items():
        for size, bound in bounds.items():
            yield Target(f"{what}, {size} px", (key, size), bound, " ms", at_most=True)
    yield Target("growth of the map of damage a doubling", ("damage", "doubling"), 5, "x", True)
