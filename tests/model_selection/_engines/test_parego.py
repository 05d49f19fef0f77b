"""The norm that ParEGO makes of several losses."""

import numpy as np

from logstar.model_selection._engines._parego import scalarise


def test_outliers_do_not_flatten_what_matters(rng):
    front = np.array([[0.0, 0.3], [0.1, 0.1], [0.3, 0.0]])
    outliers = np.array([[40.0, 7.0], [0.5, 40.0]])
    for _ in range(20):
        values = scalarise(np.vstack([front, outliers]), rng)
        assert np.isfinite(values).all()
        assert values[:3].max() <= values[3:].max()
        # Two decades away, but not two decades larger.
        assert values[3:].max() < 10


def test_with_one_loss_the_typical_excess_is_the_unit(rng):
    # Over the best of -1: 0, 1, 3; of those above 0 the median is 2.
    values = scalarise(np.array([[-1.0], [0.0], [2.0]]), rng)
    np.testing.assert_allclose(values, 1.05 * np.array([0.0, 0.5, 1 + np.log(1.5)]))
    np.testing.assert_array_equal(scalarise(np.full((3, 1), 7.0), rng), 0.0)


def test_norm_is_the_augmented_chebyshev_norm():
    class Weights:
        def dirichlet(self, alpha):
            assert list(alpha) == [1, 1]
            return np.array([0.25, 0.75])

    # Ideal (0, 0), front ranges 2 and 4; the third is at 0.5 and 0.5 of them.
    values = scalarise(np.array([[0.0, 4.0], [2.0, 0.0], [1.0, 2.0]]), Weights())
    expected = [0.75 + 0.05 * 0.75, 0.25 + 0.05 * 0.25, 0.375 + 0.05 * 0.5]
    np.testing.assert_allclose(values, expected)
