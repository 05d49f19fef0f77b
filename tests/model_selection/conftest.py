"""An estimator and rewards whose front is known in closed form."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from logstar.model_selection import MOBOSearchCV


class Valley(BaseEstimator):
    """Predicts its own two losses, (a - 0.2)^2 + b^2 and (a - 0.8)^2 + b^2.

    Its front is b = 0 with a from 0.2 to 0.8.
    """

    def __init__(self, a=0.0, b=0.0, fails=None):
        self.a = a
        self.b = b
        self.fails = fails

    def fit(self, X, _=None):
        if self.fails is not None and self.fails(self.a):
            raise RuntimeError(f"a={self.a} does not work")
        self.fitted_on_ = X
        return self

    def predict(self, _):
        return np.array([(self.a - 0.2) ** 2 + self.b**2, (self.a - 0.8) ** 2 + self.b**2])


class Loss:
    """One of the valley's losses, as a reward that declares what it is."""

    greater_is_better = False
    ideal = 0.0
    scale = 1.0

    def __init__(self, column):
        self.column = column

    def __call__(self, estimator, X, _=None):
        return -float(estimator.predict(X)[self.column])


@pytest.fixture
def valley():
    return Valley()


@pytest.fixture
def losses():
    return {"left": Loss(0), "right": Loss(1)}


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(size=(12, 7))


@pytest.fixture
def make_search(losses):
    """Make a short search of the valley; keywords replace what it is made of."""

    def make(estimator=None, **changes):
        settings = {
            "scoring": losses,
            "search_spaces": {"a": (0.0, 1.0), "b": (0.0, 1.0)},
            "n_iter": 9,
            "n_initial_points": 6,
            "random_state": 0,
        }
        return MOBOSearchCV(Valley() if estimator is None else estimator, **settings | changes)

    return make
