"""`distance_sums` beside k-d trees: every sum equal to rounding, then times and ratios."""

from __future__ import annotations

import pytest
from _inputs import POINT_SETS, points
from _peers import check_sums, our_sums, peer_sums, quiet_import

LARGE = 500_000
CASES = [(kind, n) for kind in POINT_SETS for n in (5_000, 50_000)] + [("lattice", LARGE)]
WHO = ["cKDTree", "pykdtree", "sklearn", "ours 1t", "ours 2t"]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request, smoke):
    if smoke and request.param[1] == LARGE:
        pytest.skip("takes long; runs where benchmarks are enabled")
    return request.param


def contestants(kind, n):
    table = points(kind, n)
    return {c.name: c for c in [*peer_sums(table), our_sums(table, 1), our_sums(table, 2)]}


@pytest.mark.parametrize("who", WHO)
def test_distance_sums(benchmark, case, who):
    if who == "pykdtree" and quiet_import("pykdtree.kdtree") is None:
        pytest.skip("pykdtree is not installed")
    kind, n = case
    everyone = contestants(kind, n)
    benchmark.group = f"distance_sums {kind} {n}"
    benchmark.pedantic(everyone[who], rounds=5, warmup_rounds=1)
    check_sums([everyone["cKDTree"], everyone[who]])


def test_ratio(case, race_of):
    kind, n = case
    everyone = list(contestants(kind, n).values())
    check_sums(everyone)
    race_of(f"distance_sums {kind} {n}", everyone, rounds=3)
