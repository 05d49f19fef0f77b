"""Compromise rules against distances computed by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from logstar.model_selection._compromise import Objective, pick_compromise
from logstar.pareto import is_non_dominated

QC = Objective("qc", greater_is_better=False, ideal=0.0, scale=1.0)
ER = Objective("er", greater_is_better=False, ideal=0.0, scale=1.0)


def test_rules_differ_where_they_should():
    # Euclidean 0.5 against 0.52; Chebyshev 0.5 against 0.4.
    losses = np.array([[0.0, 0.5], [0.4, 0.33], [0.9, 0.9]])
    assert pick_compromise(losses, [QC, ER], "euclidean") == 0
    assert pick_compromise(losses, [QC, ER], "chebyshev") == 1


def test_declared_scale_is_used():
    losses = np.array([[0.0, 0.5], [0.4, 0.0]])
    coarse = Objective("er", greater_is_better=False, ideal=0.0, scale=10.0)
    assert pick_compromise(losses, [QC, ER], "euclidean") == 1
    assert pick_compromise(losses, [QC, coarse], "euclidean") == 0


def test_undeclared_ideal_and_scale_come_from_the_front():
    a, b = Objective("a"), Objective("b")
    # The front spans [0, 100] x [0, 1]: the middle one is at (0.4, 0.4) of it. The dominated
    # outlier must not stretch the scale.
    losses = np.array([[0.0, 1.0], [40.0, 0.4], [100.0, 0.0], [1e6, 1e6]])
    assert pick_compromise(losses, [a, b], "euclidean") == 1
    assert pick_compromise(losses, [a, b], "chebyshev") == 1


def test_ideal_is_in_the_objectives_own_sign():
    # Accuracies: loss is minus the score. With the ideal at 0.9 the second is nearer.
    target = Objective("accuracy", ideal=0.9, scale=1.0)
    other = Objective("time", greater_is_better=False, ideal=0.0, scale=1.0)
    losses = np.array([[-0.99, 0.5], [-0.9, 0.49]])
    assert pick_compromise(losses, [target, other], "euclidean") == 1


def test_ties_go_to_the_other_rule_then_to_the_earlier():
    # All four are 0.5 away by Euclid; Chebyshev prefers the balanced ones.
    losses = np.array([[0.5, 0.0], [0.3, 0.4], [0.4, 0.3], [0.0, 0.5]])
    assert pick_compromise(losses, [QC, ER], "euclidean") == 1
    # Equal by Chebyshev: Euclid prefers the second of these.
    three = [QC, ER, Objective("third", greater_is_better=False, ideal=0.0, scale=1.0)]
    losses = np.array([[0.5, 0.4, 0.0], [0.5, 0.0, 0.3], [0.5, 0.0, 0.3]])
    assert pick_compromise(losses, three, "chebyshev") == 1


@pytest.mark.parametrize("unit", [1.0, 100.0, 0.01])
def test_the_knee_is_farthest_from_the_line_through_the_extremes(unit):
    losses = np.array([[0.0, 1.0], [0.3, 0.3], [1.0, 0.0], [0.05, 0.9]]) * (1.0, unit)
    assert pick_compromise(losses, [QC, ER], "knee") == 1
    # Nor does it depend on where the front lies.
    assert pick_compromise(losses + np.array([3.0, -2.0]), [QC, ER], "knee") == 1


def test_an_undeclared_ideal_is_the_best_of_the_front():
    # The second is the nearest to the worst corner.
    losses = np.array([[0.0, 1.0], [0.9, 0.5], [1.0, 0.0]])
    assert pick_compromise(losses, [Objective("a"), Objective("b")], "euclidean") == 0


def test_ties_by_one_rule_go_to_the_next_in_three_objectives():
    three = [QC, ER, Objective("third", greater_is_better=False, ideal=0.0, scale=1.0)]
    extremes = [[20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 0.0, 20.0]]
    # As far by Euclid (64 + 25 + 25 and 64 + 49 + 1) and by Chebyshev; the knee tells.
    losses = np.array([*extremes, [8.0, 5.0, 5.0], [8.0, 7.0, 1.0]])
    for rule in ("euclidean", "chebyshev"):
        assert pick_compromise(losses, three, rule) == 4
    # As far by the knee; Euclid tells.
    losses = np.array([*extremes, [12.0, 0.0, 4.0], [8.0, 8.0, 0.0]])
    assert pick_compromise(losses, three, "knee") == 4


def test_a_name_that_ties_is_decided_by_the_rules_in_their_order():
    three = [QC, ER, Objective("third", greater_is_better=False, ideal=0.0, scale=1.0)]
    # Equal in qc; by Euclid 0.5 against 0.57, by Chebyshev 0.5 against 0.4.
    losses = np.array([[0.0, 0.4, 0.4], [0.0, 0.5, 0.0]])
    assert pick_compromise(losses, three, "qc") == 1
    # Equal by Euclid as well: 0.5 against 0.4 by Chebyshev.
    losses = np.array([[0.0, 0.5, 0.0], [0.0, 0.3, 0.4]])
    assert pick_compromise(losses, three, "qc") == 1


def test_the_knee_is_the_least_sum_and_no_largest_part():
    losses = np.array([[0.0, 1.0], [0.2, 0.6], [0.45, 0.45], [1.0, 0.0]])
    assert pick_compromise(losses, [QC, ER], "knee") == 1
    assert pick_compromise(losses, [QC, ER], "chebyshev") == 2


def test_a_name_picks_the_best_of_the_front():
    # The first is as good in qc but dominated.
    losses = np.array([[0.0, 0.9], [0.0, 0.5], [0.3, 0.1], [np.nan, np.nan]])
    assert pick_compromise(losses, [QC, ER], "qc") == 1
    assert pick_compromise(losses, [QC, ER], "er") == 2


def test_of_the_best_by_name_the_nearest_to_the_ideal():
    three = [QC, ER, Objective("third", greater_is_better=False, ideal=0.0, scale=1.0)]
    losses = np.array([[0.0, 0.9, 0.1], [0.0, 0.4, 0.3], [0.2, 0.1, 0.1]])
    assert pick_compromise(losses, three, "qc") == 1


def test_an_objective_in_which_all_of_the_front_agrees_decides_nothing():
    objectives = [Objective(name) for name in "abc"]
    losses = np.array([[0.0, 1.0, 7.0], [0.4, 0.4, 7.0], [1.0, 0.0, 7.0]])
    for rule in ("euclidean", "chebyshev", "knee"):
        assert pick_compromise(losses, objectives, rule) == 1


def test_one_point_front_at_the_ideal():
    losses = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    for rule in ("euclidean", "chebyshev", "qc"):
        assert pick_compromise(losses, [QC, ER], rule) == 1


@given(
    arrays(np.float64, (9, 2), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, np.nan])).filter(
        lambda losses: np.isfinite(losses).all(axis=1).any()
    ),
    st.sampled_from(["euclidean", "chebyshev"]),
)
def test_choice_is_on_the_front_and_nearest(losses, rule):
    chosen = pick_compromise(losses, [QC, ER], rule)
    front = np.flatnonzero(is_non_dominated(losses))
    norm = np.linalg.norm if rule == "euclidean" else lambda row: np.max(np.abs(row))
    distances = {index: norm(losses[index]) for index in front}
    assert distances[chosen] == min(distances.values())


@pytest.mark.parametrize(("name", "value"), [("scale", 0.0), ("scale", np.inf), ("ideal", np.nan)])
def test_declarations_that_make_no_sense_are_refused(name, value):
    def scorer(*_):
        return 0.0

    setattr(scorer, name, value)
    with pytest.raises(ValueError, match=f"'qc' declares {name}"):
        Objective.from_scorer("qc", scorer)


def test_quantities_have_no_minus_zero():
    for objective in (QC, Objective("accuracy")):
        values = objective.from_loss(np.array([0.0, -0.0, 1.0]))
        assert not np.signbit(values[:2]).any()
        assert abs(values[2]) == 1.0


def test_plain_scorer_declares_nothing():
    assert Objective.from_scorer("a", lambda *_: 0.0) == Objective("a", True, None, None)
