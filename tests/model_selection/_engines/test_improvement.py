"""Expected improvement against integrals, sampling and the hypervolume itself."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm

from logstar.model_selection._engines._improvement import (
    Boxes,
    _log_side,
    log_expected_improvement,
    log_h,
)
from logstar.pareto import hypervolume


def expected_improvement_by_integral(mean, std, best):
    return quad(lambda y: (best - y) * norm.pdf(y, mean, std), -np.inf, best, epsabs=0)[0]


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.9, 1.0, 1.1, 3.0, 6.0])
def test_expected_improvement_is_the_integral(mean):
    value = log_expected_improvement(np.array([mean]), np.array([0.7]), 1.0)
    assert np.exp(value[0]) == pytest.approx(
        expected_improvement_by_integral(mean, 0.7, 1.0), rel=1e-8
    )


def test_log_h_keeps_its_slope_where_everything_underflows():
    z = -np.geomspace(1e-3, 1e8, 4000)
    values = log_h(z)
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()
    # h' = Phi: the derivative of the logarithm is Phi / h.
    for point in (-0.5, -1.0, -5.0, -30.0, -499.0, -501.0, -1e4):
        step = 1e-4 * abs(point)
        slope = np.diff(log_h(np.array([point - step, point + step])))[0] / (2 * step)
        expected = np.exp(log_ndtr(point) - log_h(np.array([point]))[0])
        assert slope == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("z", [-300.0, -501.0, -1e4])
def test_log_h_far_below_is_its_series(z):
    # h(z) = phi(z) * (z**-2 - 3 z**-4 + 15 z**-6 - ...)
    beside_phi = log_h(np.array([z]))[0] + z**2 / 2 + np.log(2 * np.pi) / 2
    series = -2 * np.log(-z) + np.log1p(-3 / z**2 + 15 / z**4)
    assert beside_phi == pytest.approx(series, abs=1e-16 * z**2 + 2e-8)


@pytest.mark.parametrize("mean", [-3.0, 0.3, 4.0])
def test_a_narrow_interval_is_as_high_as_its_middle(mean):
    # The integral of Phi((y - mean) / std) over y from 0 to 1e-6.
    side = _log_side(np.array([[0.0, 1e-6]]), np.array([mean]), np.array([0.7]))
    assert side[0, 0] == pytest.approx(np.log(1e-6) + log_ndtr(-mean / 0.7), abs=1e-5)


def test_log_h_far_above():
    np.testing.assert_allclose(log_h(np.array([50.0, 1e8])), np.log([50.0, 1e8]), rtol=1e-14)


fronts = st.integers(1, 4).flatmap(
    lambda n: arrays(
        np.float64, st.tuples(st.integers(0, 8), st.just(n)), elements=st.integers(0, 9).map(float)
    )
)


@given(fronts)
def test_boxes_fill_what_the_front_leaves(front):
    """Their volumes above a floor, which is below all points, add up to the rest of a cube."""
    corner, floor = np.full(front.shape[1], 8.0), -1.0
    boxes = Boxes.beyond(front, corner)
    lower = np.maximum(boxes.lower, floor)
    volume = np.prod(np.maximum(boxes.upper - lower, 0), axis=1).sum()
    assert volume + hypervolume(front, corner) == pytest.approx(9.0 ** front.shape[1])
    # Disjoint: no two of them share an inner point.
    for i in range(len(lower)):
        meets = (
            np.maximum(lower[i], lower[i + 1 :]) < np.minimum(boxes.upper[i], boxes.upper[i + 1 :])
        ).all(axis=1)
        assert not meets.any()


def test_two_objectives_give_one_box_more_than_points():
    x = np.linspace(0, 1, 40)
    assert len(Boxes.beyond(np.column_stack([x, 1 - x]), np.array([2.0, 2.0])).upper) == 41


def random_front(rng, n_objectives, n_points=12):
    points = np.abs(rng.normal(size=(n_points, n_objectives)))
    return 1 - points / np.linalg.norm(points, axis=1, keepdims=True)


def test_one_objective_is_expected_improvement():
    mean, std = np.linspace(-1, 2, 7), np.full(7, 0.3)
    boxes = Boxes.beyond(np.array([[0.5], [0.7]]), np.array([1.1]))
    np.testing.assert_allclose(
        boxes.log_expected_volume(mean[:, None], std[:, None]),
        log_expected_improvement(mean, std, 0.5),
    )


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_expected_volume_is_that_of_samples(n_objectives, rng):
    front = random_front(rng, n_objectives, n_points=14 - 2 * n_objectives)
    corner = np.full(n_objectives, 1.1)
    boxes = Boxes.beyond(front, corner)
    before = hypervolume(front, corner)
    for scale in (0.15, 0.6):
        mean = rng.uniform(0.2, 0.8, n_objectives)
        std = scale * rng.uniform(0.5, 1.0, n_objectives)
        samples = rng.normal(mean, std, (400, n_objectives))
        gains = [hypervolume(np.vstack([front, row]), corner) - before for row in samples]
        error = np.std(gains) / np.sqrt(len(gains))
        value = np.exp(boxes.log_expected_volume(mean[None], std[None])[0])
        assert value == pytest.approx(np.mean(gains), abs=4 * error)


def test_expected_volume_of_two_objectives_is_the_integral(rng):
    """Strip by strip: over each the gain is a product of two one-dimensional integrals."""
    front = np.array([[0.1, 0.9], [0.4, 0.5], [0.8, 0.2]])
    corner = np.array([1.2, 1.0])
    mean, std = rng.uniform(0, 1, 2), np.array([0.3, 0.2])
    edges = [-np.inf, 0.1, 0.4, 0.8, 1.2]
    tops = [1.0, 0.9, 0.5, 0.2]
    total = 0.0
    for low, high, top in zip(edges[:-1], edges[1:], tops, strict=True):
        wide = quad(lambda x: norm.cdf(x, mean[0], std[0]), max(low, -3.0), high)[0]
        total += wide * expected_improvement_by_integral(mean[1], std[1], top)
    value = Boxes.beyond(front, corner).log_expected_volume(mean[None], std[None])[0]
    assert np.exp(value) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_one_objective_more_that_never_matters(n_objectives, rng):
    """With a last objective that is certain, the volume is that of the others times its gain."""
    front = random_front(rng, n_objectives)
    corner = np.full(n_objectives, 1.1)
    mean, std = rng.uniform(0.2, 0.8, (5, n_objectives)), np.full((5, n_objectives), 0.2)
    expected = Boxes.beyond(front, corner).log_expected_volume(mean, std)
    lifted = np.column_stack([front, np.zeros(len(front))])
    longer = Boxes.beyond(lifted, np.append(corner, 1.0)).log_expected_volume(
        np.column_stack([mean, np.zeros(5)]), np.column_stack([std, np.full(5, 1e-9)])
    )
    np.testing.assert_allclose(longer, expected, atol=1e-4)


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_far_from_the_front_the_logarithm_still_falls(n_objectives, rng):
    boxes = Boxes.beyond(random_front(rng, n_objectives), np.full(n_objectives, 1.1))
    away = np.geomspace(1, 1e4, 50)[:, None] * np.ones(n_objectives)
    values = boxes.log_expected_volume(away, np.full_like(away, 0.05))
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()
    assert values[-1] < -1e8


def test_arms_far_apart_do_not_underflow():
    """No box is near the best side of both objectives; the sum falls back on logarithms."""
    front = np.array([[0.0, 1000.0], [500.0, 500.0], [1000.0, 0.0]])
    boxes = Boxes.beyond(front, np.array([1100.0, 1100.0]))
    values = boxes.log_expected_volume(np.array([[800.0, 800.0]]), np.array([[1.0, 1.0]]))
    # Nearest gain: below 500 in either objective while the other is better than 1000: z = -300.
    single = log_expected_improvement(np.array([800.0]), np.array([1.0]), 500.0)[0]
    assert values[0] == pytest.approx(single + np.log(200.0) + np.log(2), rel=1e-3)


def test_thin_boxes_lose_no_digits():
    mean, std = np.array([[0.3, 0.2]]), np.array([[0.5, 0.5]])
    corner = np.array([1.0, 1.0])
    one = Boxes.beyond(np.array([[0.5, 0.5]]), corner).log_expected_volume(mean, std)
    # The same region, of which a sliver is cut apart by a point next to the first.
    for gap in (1e-3, 1e-6, 1e-9, 1e-12):
        front = np.array([[0.5, 0.5], [0.5 - gap, 0.5 + gap]])
        two = Boxes.beyond(front, corner).log_expected_volume(mean, std)
        assert abs(two - one) < 2 * gap + 1e-13
