"""Section of the report on candidates that are kept and asked at many settings."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from _inputs import named_scene
from _pairs import in_unit
from _section import Figure, Plan, Section
from _tuning import expectation

from logstar.detection import ScaleSpaceCandidates

SIGMAS = np.linspace(1, 6, 10)
_FLOOR = 0.01
_THRESHOLDS = np.geomspace(_FLOOR, 0.4, 64)
_OVERLAPS = np.linspace(0.01, 0.9, 64)
#: Threshold and overlap at which the 256 px image shows its atoms, and those at which noise passes
#: for atoms as well.
_TYPICAL, _NOISY = (0.1, 0.5), (0.03, 0.5)


def sweep(plan: Plan) -> Section:
    section = Section(
        "`ScaleSpaceCandidates`: QC and ER at many settings",
        [
            "image",
            "candidates",
            "finding them",
            "one evaluation",
            "with false atoms",
            "64 x 64 grid",
            "exact front",
        ],
        "Two threads for what can use them; one evaluation at threshold 0.1 and overlap 0.5, where "
        "the atoms of the 256 px image are found, and at threshold 0.03, where noise passes for "
        "atoms as well and more distances are summed. The front is over all distinct thresholds "
        "and overlaps, 64 of these at 2048 px. Medians.",
    )
    for name in (str(size) for size in (256, 2048) if size in plan.blob_log):
        section.rows.append(_row(name, section))
    return section


def _row(name: str, section: Section) -> list[str]:
    scene = named_scene(name)
    expected = expectation(scene)
    rule = {"n_expected": expected.n_expected, "distance_sum": expected.distance_sum}
    small = scene.image.size < 1_000_000

    def find() -> ScaleSpaceCandidates:
        return ScaleSpaceCandidates.from_image(scene.image, SIGMAS, threshold=_FLOOR, n_jobs=2)

    found = find()
    finding = _median(find, 5)
    # A thousand calls a round: one takes as long as reading the clock.
    calls = 1000 if small else 20
    evaluation, noisy = (
        _median(lambda s=setting: [found.objectives(*s, **rule) for _ in range(calls)], 5) / calls
        for setting in (_TYPICAL, _NOISY)
    )
    grid = _median(lambda: found.objective_grid(_THRESHOLDS, _OVERLAPS, **rule), 5 if small else 3)
    ranges = {"threshold_range": (_FLOOR, 0.4), "max_overlaps": None if small else 64}
    front = _median(lambda: found.pareto_front(**rule, **ranges), 3)
    section.figures["evaluation", int(name)] = Figure(1e6 * evaluation, in_unit(evaluation))
    section.figures["grid", int(name)] = Figure(1e3 * grid, in_unit(grid))
    times = [in_unit(seconds) for seconds in (finding, evaluation, noisy, grid, front)]
    return [f"{name} px", f"{len(found):,}", *times]


def _median(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


SECTIONS = {"sweep": sweep}
