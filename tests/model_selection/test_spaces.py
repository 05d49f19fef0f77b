"""Search spaces: what is read from each syntax, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats
from skopt import space as skopt_space

from logstar.model_selection._spaces import Choice, Integer, Real, SearchSpace, as_dimension


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ((0.1, 2), Real(0.1, 2.0)),
        ((1, 9), Integer(1, 9)),
        ((1e-3, 1.0, "log-uniform"), Real(1e-3, 1.0, log=True)),
        ((1, 100, "log-uniform", 10), Integer(1, 100, log=True)),
        ((np.int64(1), np.int64(9)), Integer(1, 9)),
        ((0.5, 1.5, "uniform"), Real(0.5, 1.5)),
        ([1, 9], Choice((1, 9))),
        (("rbf", "poly"), Choice(("rbf", "poly"))),
        ((True, False), Choice((True, False))),
        ((1, 2, 5), Choice((1, 2, 5))),
        ([None, "sqrt", 0.5], Choice((None, "sqrt", 0.5))),
        (np.array([3, 4]), Choice((3, 4))),
        (skopt_space.Real(0.1, 1.0, prior="log-uniform"), Real(0.1, 1.0, log=True)),
        (skopt_space.Integer(2, 7), Integer(2, 7)),
        (skopt_space.Categorical(["a", "b"], prior=[0.2, 0.8]), Choice(("a", "b"), (0.2, 0.8))),
        (stats.uniform(1, 2), Real(1.0, 3.0)),
        (stats.loguniform(1e-3, 1), Real(1e-3, 1.0, log=True)),
        (stats.randint(2, 9), Integer(2, 8)),
    ],
)
def test_syntax(domain, expected):
    assert as_dimension("p", domain) == expected


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ((2.0, 1.0), "low must be below high"),
        ((1, 1), "low must be below high"),
        ((0.0, 1.0, "log-uniform"), "above 0"),
        ((0.0, np.inf), "finite"),
        ((0.1, 1.0, "loguniform"), "third entry"),
        ([], "empty list"),
        (stats.norm(0, 1), "'norm'"),
    ],
)
def test_bad_domains_name_the_parameter(domain, words):
    with pytest.raises(ValueError, match=words) as error:
        SearchSpace({"alpha": domain})
    assert "'alpha'" in str(error.value)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match=r"'alpha'.* must be \(low, high\)"):
        SearchSpace({"alpha": 3.0})
    with pytest.raises(TypeError, match="dict"):
        SearchSpace([("alpha", (0, 1))])


def test_empty_spaces():
    with pytest.raises(ValueError, match="empty"):
        SearchSpace({})
    with pytest.raises(ValueError, match="only one value"):
        SearchSpace({"alpha": [1.0], "beta": ["x"]})


def test_values_are_plain_python_and_keep_their_order():
    kernel = object()
    space = SearchSpace(
        {
            "n": stats.randint(1, 5),
            "fixed": np.array([7]),
            "mixed": [1, "a", kernel],
            "x": (np.float32(0.5), np.float32(1.5)),
        }
    )
    params = space.decode(space.from_unit([0.99, 0.99, 0.0]))
    assert list(params) == ["n", "fixed", "mixed", "x"]
    assert params["n"] == 4
    assert params["mixed"] is kernel
    assert params["x"] == 0.5
    assert [type(params[name]) for name in ("n", "fixed", "x")] == [int, int, float]


def test_size():
    assert SearchSpace({"a": (1, 3), "b": ["x", "y"], "c": [0]}).size == 6
    assert SearchSpace({"a": (1, 3), "b": (0.0, 1.0)}).size is None


@given(u=st.floats(0, 1), log=st.booleans())
def test_unit_interval_stays_inside(u, log):
    for dimension in (Real(0.1, 10.0, log), Integer(1, 9, log)):
        assert dimension.low <= dimension.from_unit(u) <= dimension.high
    assert Choice(("a", "b", "c")).from_unit(u) in range(3)


def test_unit_interval_is_spread_by_the_prior():
    u = (np.arange(10_000) + 0.5) / 10_000
    uniform = [Integer(1, 4).from_unit(value) for value in u]
    np.testing.assert_allclose(np.bincount(uniform)[1:] / 10_000, 0.25, atol=1e-3)
    log = np.array([Real(1e-2, 1e2, log=True).from_unit(value) for value in u])
    assert np.mean(log < 1.0) == pytest.approx(0.5, abs=1e-3)
    weighted = [Choice(("a", "b"), (0.2, 0.8)).from_unit(value) for value in u]
    assert np.mean(weighted) == pytest.approx(0.8, abs=1e-3)
