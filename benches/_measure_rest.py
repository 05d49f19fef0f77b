"""Sections of the report on distance sums and on tuning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from _inputs import POINT_SETS, named_scene, points
from _pairs import Contestant, Ratio, in_unit, race
from _peers import N_NEIGHBORS, check_sums, our_sums, peer_sums
from _section import Figure, Plan, Section
from _tuning import N_EVALUATIONS, REF_POINT, Outcome, expectation, tune_ours, tune_paper

TREE = "cKDTree"
#: Point sets that look like detections; the others are there to break a search for neighbours.
REGULAR = ("lattice", "uniform")


def _distance_sums(plan: Plan) -> Section:
    section = Section(
        "`distance_sums` against k-d trees",
        ["points", "kind", TREE, "ours, 1 thread", f"{TREE}, 1 thread", f"{TREE}, 2 threads",
         "pykdtree, 1 thread", "sklearn, 1 thread"],
        f"{N_NEIGHBORS} neighbours, trees built anew; sums agree to 1e-9. Peers run on one thread; "
        "the ratios are to ours on one thread or two.",
    )  # fmt: skip
    every: list[Ratio] = []
    for n, rounds in plan.points.items():
        regular: list[Ratio] = []
        for kind in POINT_SETS:
            table = points(kind, n)
            contestants = [*peer_sums(table), our_sums(table, 1), our_sums(table, 2)]
            check_sums(contestants)
            result = race(contestants, rounds)
            one, two = (result.ratio(TREE, f"ours {threads}t") for threads in (1, 2))
            others = [
                str(result.ratio(peer, "ours 1t")) if peer in result.durations else "-"
                for peer in ("pykdtree", "sklearn")
            ]
            section.rows.append([
                f"{n:,}", kind, in_unit(result.seconds(TREE)), in_unit(result.seconds("ours 1t")),
                str(one), str(two), *others,
            ])  # fmt: skip
            every.append(one)
            if kind in REGULAR:
                regular.append(two)
        section.figures["sums", n] = Figure.of(_worst(regular))
    section.figures["sums", "worst"] = Figure.of(_worst(every))
    return section


def _worst(ratios: list[Ratio]) -> Ratio:
    return min(ratios, key=lambda ratio: ratio.median)


class _Tuner:
    """A way of tuning that takes the next seed with each call and keeps what came of it."""

    def __init__(self, tune: Callable[[int], Outcome]) -> None:
        self.tune = tune
        self.outcomes: list[Outcome] = []

    def __call__(self) -> None:
        self.outcomes.append(self.tune(len(self.outcomes)))

    def hypervolumes(self) -> np.ndarray:
        return np.array([outcome.hypervolume for outcome in self.outcomes])


def _tuning(plan: Plan) -> Section:
    section = Section(
        "Tuning, from the image in memory to positions",
        ["image", "paper's loop", "of that evaluations", "ours", "ours, uncertain count", "ratio",
         "ratio to its evaluations alone", "hypervolume, paper's", "hypervolume, ours"],
        f"The paper's loop is {plan.n_evaluations} evaluations of scikit-image's `blob_log` and "
        "sklearn's `NearestNeighbors`, driven by scikit-optimize's `gp_minimize` on |QC| + ER; "
        "ours is what `logstar detect` does. Same box of parameters, same reference point "
        f"{REF_POINT}, a new seed each round. Where the count is uncertain, as one that is typed "
        "in, the most stable setting is sought as well.",
    )  # fmt: skip
    for name, rounds in plan.tuning.items():
        image = named_scene(name)
        expected = expectation(image)
        paper = _Tuner(partial(tune_paper, image.image, expected, n_evaluations=plan.n_evaluations))
        ours = _Tuner(partial(tune_ours, image.image, expected))
        uncertain = _Tuner(partial(tune_ours, image.image, expectation(image, 0.03)))
        # One untimed call each for imports and first allocations, the peer's a short one.
        tune_paper(image.image, expected, seed=0, n_evaluations=10)
        tune_ours(image.image, expected, seed=0)
        result = race(
            [
                Contestant("paper", paper),
                Contestant("ours", ours),
                Contestant("uncertain", uncertain),
            ],
            rounds,
            batch_seconds=0.0,
        )
        ratio = result.ratio("paper", "ours")
        evaluating = np.array([outcome.evaluation_seconds for outcome in paper.outcomes])
        volumes = [tuner.hypervolumes() for tuner in (paper, ours)]
        section.rows.append([
            f"{name} px", in_unit(result.seconds("paper")), in_unit(float(np.median(evaluating))),
            in_unit(result.seconds("ours")), in_unit(result.seconds("uncertain")), str(ratio),
            str(Ratio.of(evaluating, result.durations["ours"])),
            *(f"{np.median(volume):.5f}" for volume in volumes),
        ])  # fmt: skip
        if plan.n_evaluations == N_EVALUATIONS:
            # The same front has the same volume but for the last digit.
            gain = round(float(np.median(volumes[1] - volumes[0])), 12) + 0.0
            section.figures["tuning", name, "ratio"] = Figure.of(ratio)
            section.figures["tuning", name, "ms"] = Figure(
                1e3 * result.seconds("ours"), in_unit(result.seconds("ours"))
            )
            section.figures["tuning", name, "gain"] = Figure(gain, f"{gain:+.1e}")
    return section


SECTIONS = {
    "sums": _distance_sums,
    "tuning": _tuning,
}
