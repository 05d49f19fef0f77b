"""Names of parameters that are looked up once."""

import pytest
from sklearn.base import BaseEstimator, clone

from logstar import LoGStarDetector, MOBOSearchCV
from logstar._estimator import KeptParameterNames


class Shift(KeptParameterNames, BaseEstimator):
    def __init__(self, by=1):
        self.by = by


class Turned(Shift):
    def __init__(self, by=1, angle=0):
        super().__init__(by)
        self.angle = angle


class OfAnyNumber(KeptParameterNames, BaseEstimator):
    def __init__(self, *numbers):
        self.numbers = numbers


@pytest.mark.parametrize("kind", [LoGStarDetector, MOBOSearchCV, Shift, Turned])
def test_names_are_those_of_scikit_learn(kind):
    expected = BaseEstimator._get_param_names.__func__(kind)
    for _ in range(2):
        names = kind._get_param_names()
        assert names == expected
        # Whoever changes the list changes nobody else's.
        names.clear()


def test_a_subclass_has_its_own():
    assert Shift(3).get_params() == {"by": 3}
    assert clone(Turned(3, angle=4)).get_params() == {"angle": 4, "by": 3}


def test_what_scikit_learn_refuses_is_refused():
    for _ in range(2):
        with pytest.raises(RuntimeError, match="varargs"):
            OfAnyNumber(1).get_params()
