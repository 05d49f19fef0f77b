"""The scale of losses, and the corner that their hypervolume ends at."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from logstar.model_selection._engines._policies import Warp, corner_beyond
from logstar.pareto import is_non_dominated

HEAVY = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 40.0])


def test_heavy_tails_alone_are_compressed():
    losses = np.column_stack([HEAVY, np.linspace(5, 6, len(HEAVY))])
    warp = Warp.from_losses(losses)
    warped = warp(losses)
    np.testing.assert_array_equal(warped[:, 1], losses[:, 1])
    # Linear up to the median excess of 0.25, then its logarithm.
    np.testing.assert_array_equal(warped[:3, 0], losses[:3, 0])
    np.testing.assert_allclose(warped[3:, 0], 0.25 * (1 + np.log(HEAVY[3:] / 0.25)))
    assert warped[-1, 0] < 2


def test_plateaus_of_the_best_do_not_make_the_unit_zero():
    warp = Warp.from_losses(np.array([[0.0]] * 9 + [[0.5], [0.6], [90.0]]))
    assert warp.unit[0] == pytest.approx(0.6)


def test_a_front_as_wide_as_the_losses_is_not_compressed():
    # Most points gather at one end of the front, so the median excess is small beside the range.
    rise = np.concatenate([np.full(9, 0.01), np.linspace(0.1, 1, 10)]) * np.linspace(1, 1.001, 19)
    losses = np.column_stack([rise, 1 - rise])
    assert np.isinf(Warp.from_losses(losses).unit).all()
    # Nor a worst that lies some extents away, as g does in the problems of Zitzler.
    far = np.vstack([losses, [[10.0, 10.0]]])
    assert np.isinf(Warp.from_losses(far).unit).all()
    assert np.isfinite(Warp.from_losses(np.vstack([losses, [[40.0, 40.0]]])).unit).all()


@pytest.mark.parametrize(("worst", "is_heavy"), [(19.0, False), (21.0, True)])
def test_tails_are_heavy_from_twenty_extents_of_the_front_on(worst, is_heavy):
    losses = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [worst, 1.0]])
    assert np.isfinite(Warp.from_losses(losses).unit).tolist() == [is_heavy, False]


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300])
def test_constant_losses_stay(value):
    losses = np.full((4, 2), value)
    np.testing.assert_array_equal(Warp.from_losses(losses)(losses), losses)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.one_of(st.floats(0, 1, width=32), st.floats(1, 1e6, width=32)),
    )
)
def test_no_front_changes(losses):
    warped = Warp.from_losses(losses)(losses)
    assert np.isfinite(warped).all()
    for before, after in zip(losses.T, warped.T, strict=True):
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= 0).all()
    assert (is_non_dominated(losses) <= is_non_dominated(warped)).all()


def test_three_asks_near_the_front_one_far():
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [5.0, 9.0]])
    corners = [corner_beyond(losses[:2], losses, n, alternate=True) for n in range(4)]
    np.testing.assert_allclose(corners[0], [5.5, 9.9])
    for corner in corners[1:]:
        np.testing.assert_allclose(corner, [1.1, 1.1])
    np.testing.assert_allclose(corner_beyond(losses[:2], losses, 0, alternate=False), [1.1, 1.1])


def test_a_front_of_one_point_has_a_corner():
    losses = np.array([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(corner_beyond(losses[:1], losses, 1, alternate=True), [0.2, 0.4])
    corner = corner_beyond(losses[:1], losses[:1], 1, alternate=True)
    assert (corner > 0).all()
