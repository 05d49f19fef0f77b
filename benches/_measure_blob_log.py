"""Sections of the report on `blob_log`: speed, other detectors, growth, memory."""

from __future__ import annotations

import _memory
import numpy as np
from _inputs import Scene, named_scene, scene
from _pairs import Contestant, Race, in_unit, race
from _peers import (
    BLOB_LOG_OPTIONS,
    SKIMAGE,
    FloatArray,
    check_bits,
    other_detectors,
    our_blob_log,
    our_candidates,
    peer_blob_log,
)
from _section import Figure, Plan, Section

from logstar._core import instruction_sets

ONE, TWO, AVX2 = "ours 1t", "ours 2t", "ours avx2 1t"
CORE = "candidates"
#: Large sigmas and a low threshold: overlaps of many candidates, which scikit-image prunes slowly.
WIDE_OPTIONS = {**BLOB_LOG_OPTIONS, "max_sigma": 30, "threshold": 0.005}


def _contestants(image, options, *, avx2: bool = False) -> list[Contestant]:
    """The peer and ours, after their results were found equal to the bit."""
    contestants = [
        peer_blob_log(image, options),
        *(our_blob_log(image, options, n) for n in (1, 2)),
    ]
    if avx2 and "avx2" in instruction_sets():
        contestants.append(our_blob_log(image, options, 1, "avx2"))
    check_bits(contestants)
    return [*contestants, our_candidates(image, options)]


def _a_pixel(result: Race, name: str, image: FloatArray) -> Figure:
    """Nanoseconds a pixel."""
    value = 1e9 * result.seconds(name) / image.size
    return Figure(value, f"{value:.1f} ns")


def _ratios(result: Race, names: tuple[str, ...] = (ONE, TWO)) -> list[str]:
    return [str(result.ratio(SKIMAGE, name)) if name in result.durations else "-" for name in names]


def _speed(plan: Plan) -> Section:
    section = Section(
        "`blob_log` against scikit-image",
        ["image", "type", "scikit-image", "ours, 1 thread", "a pixel", "its candidates, a pixel",
         "1 thread", "2 threads", "AVX2, 1 thread", "2 threads against 1"],
        "sigma 1 to 6 in 10 steps, threshold 0.03, overlap 0.5. All results are equal to the bit, "
        "or the run would have stopped. Candidates are what the core searches, on one thread, "
        'before what overlaps is removed. "256d" is dense and noisy, "256n" very noisy.',
    )  # fmt: skip
    cases = [(str(size), rounds) for size, rounds in plan.blob_log.items()]
    for name, rounds in [*cases, *((name, plan.side_rounds) for name in plan.hard)]:
        for dtype in ("float64", "float32"):
            image = named_scene(name).image.astype(dtype)
            result = race(_contestants(image, BLOB_LOG_OPTIONS, avx2=True), rounds)
            scaling = result.ratio(ONE, TWO)
            whole, core = (_a_pixel(result, which, image) for which in (ONE, CORE))
            section.rows.append([
                f"{name} px", dtype, in_unit(result.seconds(SKIMAGE)),
                in_unit(result.seconds(ONE)), whole.text, core.text,
                *_ratios(result, (ONE, TWO, AVX2)), str(scaling),
            ])  # fmt: skip
            for contestant in result.durations:
                ratio = result.ratio(SKIMAGE, contestant)
                section.figures["blob_log", name, dtype, contestant] = Figure.of(ratio)
            section.figures["blob_log", name, dtype, "core"] = core
            section.figures["scaling", name, dtype] = Figure.of(scaling)
    return section


def _wide_sigmas(plan: Plan) -> Section:
    section = Section(
        "Large sigmas",
        ["image", "scikit-image", "ours, 1 thread", "a pixel", "its candidates, a pixel",
         "1 thread", "2 threads"],
        "sigma 1 to 30, threshold 0.005. Most of what is not the search for candidates replays "
        "the order of the pairs that scikit-image goes through.",
    )  # fmt: skip
    image = scene(plan.wide_size).image
    result = race(_contestants(image, WIDE_OPTIONS), plan.side_rounds)
    whole, core = (_a_pixel(result, which, image) for which in (ONE, CORE))
    section.rows.append([
        f"{plan.wide_size} px", in_unit(result.seconds(SKIMAGE)), in_unit(result.seconds(ONE)),
        whole.text, core.text, *_ratios(result),
    ])  # fmt: skip
    section.figures["wide", plan.wide_size, "core"] = core
    section.figures["wide", plan.wide_size] = Figure.of(result.ratio(SKIMAGE, TWO))
    return section


def _detectors(plan: Plan) -> Section:
    section = Section(
        "Other detectors",
        ["detector", "found", "time", "ours, 1 thread, is faster"],
        "A side note: these look for other things, and their settings were not tuned. The ratio is "
        "to our `blob_log` with the options above.",
    )
    side = scene(512)
    ours = our_blob_log(side.image, BLOB_LOG_OPTIONS, 1)
    contestants = [ours, *other_detectors(side.image)]
    found = {contestant.name: len(contestant()) for contestant in contestants}
    section.remark += f" 512 px, {side.n_atoms} atoms."
    result = race(contestants, plan.side_rounds)
    for name, count in found.items():
        ratio = "" if name == ours.name else str(result.ratio(name, ours.name))
        section.rows.append([name, str(count), in_unit(result.seconds(name)), ratio])
    return section


def _growth(section: Section, case: str, image: Scene, options, plan: Plan) -> None:
    contestants = _contestants(image.image, options)
    n_blobs = len(contestants[1]())
    result = race(contestants, plan.side_rounds)
    section.rows.append([
        case, str(image.n_atoms), str(n_blobs), in_unit(result.seconds(SKIMAGE)),
        in_unit(result.seconds(ONE)), *_ratios(result),
    ])  # fmt: skip


_GROWTH_COLUMNS = ["atoms", "blobs", "scikit-image", "ours, 1 thread", "1 thread", "2 threads"]


def _growth_with_atoms(plan: Plan) -> Section:
    section = Section(
        "Growth with the number of atoms",
        ["pitch", *_GROWTH_COLUMNS],
        f"{plan.growth_size} px, atoms of sigma 1.5 to 2 px at each pitch.",
    )
    for pitch in (24, 12, 6):
        image = scene(plan.growth_size, pitch=pitch, sigmas=(1.5, 2.0))
        _growth(section, f"{pitch} px", image, BLOB_LOG_OPTIONS, plan)
    return section


def _growth_with_sigma(plan: Plan) -> Section:
    section = Section(
        "Growth with sigma", ["largest sigma", *_GROWTH_COLUMNS], f"{plan.growth_size} px."
    )
    for sigma in plan.growth_sigmas:
        options = {**BLOB_LOG_OPTIONS, "max_sigma": sigma}
        _growth(section, f"{sigma} px", scene(plan.growth_size), options, plan)
    return section


def _extra_memory(plan: Plan) -> Section:
    section = Section(
        "Memory",
        ["image", "scikit-image", "ours, 2 threads", "less by"],
        "Largest resident size during the call beyond that before it, in a process of its own; "
        "float64.",
    )
    image = np.ascontiguousarray(scene(plan.memory_size).image)
    ours, peer = (_memory.extra_bytes(side, image) for side in _memory.SIDES)
    if ours is None or peer is None:
        section.remark += " This system does not tell (no /proc/self/status)."
        return section
    cells = [f"{extra / 1e6:.0f} MB" for extra in (peer, ours)]
    section.rows.append([f"{plan.memory_size} px", *cells, f"{peer / max(ours, 1):.1f}x"])
    section.figures["memory", plan.memory_size] = Figure(ours / 1e6, cells[1])
    return section


SECTIONS = {
    "blob_log": _speed,
    "wide": _wide_sigmas,
    "detectors": _detectors,
    "atoms": _growth_with_atoms,
    "sigma": _growth_with_sigma,
    "memory": _extra_memory,
}
