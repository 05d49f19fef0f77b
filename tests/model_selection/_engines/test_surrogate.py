"""The Gaussian process against its formulas."""

import numpy as np
import pytest

from logstar.model_selection._engines._surrogate import Surrogate


@pytest.fixture
def points(rng):
    return rng.uniform(size=(30, 2))


def smooth(points):
    return 100 + 7 * np.sin(3 * points[:, 0]) + points[:, 1] ** 2


def test_predicts_a_smooth_function_with_honest_errors(points, rng):
    surrogate = Surrogate(points, smooth(points))
    test = rng.uniform(size=(200, 2))
    mean, std = surrogate.predict(test)
    error = np.abs(mean - smooth(test))
    assert error.mean() < 0.02 * np.std(smooth(test))
    assert (error < 3 * std).mean() > 0.9
    assert surrogate.predict(points)[1].max() < std.max()


def test_agrees_with_the_formula(points, rng):
    """Mean and variance from the covariance matrix, inverted outright."""
    values = smooth(points) + rng.normal(0, 0.5, len(points))
    surrogate = Surrogate(points, values, noisy=True)
    amplitude, *lengths, noise = np.exp(surrogate.theta)

    def matern(first, second):
        distance = np.linalg.norm((first[:, None] - second) / lengths, axis=2) * np.sqrt(5)
        return amplitude * (1 + distance + distance**2 / 3) * np.exp(-distance)

    test = np.array([[0.3, 0.4], [0.9, 0.1]])
    inverse = np.linalg.inv(matern(points, points) + (noise + 1e-10) * np.eye(len(points)))
    weights = matern(test, points) @ inverse
    mean, std = surrogate.predict(test)
    scaled = (values - values.mean()) / values.std()
    np.testing.assert_allclose(mean, values.mean() + values.std() * weights @ scaled, rtol=1e-6)
    variance = amplitude - (weights * matern(test, points)).sum(axis=1)
    np.testing.assert_allclose(std, values.std() * np.sqrt(variance), rtol=1e-3)


def test_believing_is_fitting_with_what_was_predicted(points):
    """Row by row the factor grows into that of a fit from scratch with the same parameters."""
    values = smooth(points)
    surrogate = Surrogate(points[:20], values[:20])
    before = surrogate.predict(points)
    surrogate.believe(points[20:22])
    surrogate.believe(points[22:24])
    after = surrogate.predict(points)
    # Believing what is expected changes no expectation, only doubt.
    np.testing.assert_allclose(after[0], before[0], rtol=1e-8)
    assert (after[1] <= before[1] + 1e-9).all()
    assert after[1][20:24].max() < 0.5 * before[1][20:24].max()


def test_repeated_noisy_values_are_averaged(rng):
    points = np.repeat(np.linspace(0, 1, 6), 15)[:, None]
    values = points[:, 0] + rng.normal(0, 0.3, len(points))
    mean, std = Surrogate(points, values, noisy=True).predict(np.array([[0.0], [1.0]]))
    assert mean == pytest.approx([0.0, 1.0], abs=0.25)
    assert (std < 0.25).all()


def test_warm_start_goes_on_and_can_be_frozen(points):
    first = Surrogate(points, smooth(points))
    frozen = Surrogate(points, smooth(points), first.theta, refine=False)
    np.testing.assert_allclose(frozen.theta, first.theta)
    np.testing.assert_allclose(frozen.predict(points)[0], first.predict(points)[0])


@pytest.mark.parametrize("value", [0.0, -2.5])
def test_constant_values(points, value):
    mean, std = Surrogate(points, np.full(len(points), value)).predict(points)
    np.testing.assert_allclose(mean, value, atol=1e-9)
    assert (std > 0).all()
