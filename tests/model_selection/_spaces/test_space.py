"""Search spaces: what is read from each syntax, and what is refused."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats
from sklearn.preprocessing import StandardScaler
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
        (np.array([0.5, 0.25]), Choice((0.5, 0.25))),
        (range(1, 7, 2), Choice((1, 3, 5))),
        (range(2, 4), Choice((2, 3))),
        ((5,), Choice((5,))),
        ((None, 5), Choice((None, 5))),
        (("l1", 1, 2), Choice(("l1", 1, 2))),
        (deque(["a", "b"]), Choice(("a", "b"))),
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
        ((0.1, 1.0, "loguniform"), "third entry must be one of .* For choices give a list"),
        ((2, 1), r"For choices give a list: \[2, 1\]"),
        ([], "is empty"),
        (range(0), "is empty"),
        (np.ones((2, 2)), r"array of shape \(2, 2\)"),
        (np.array(3.0), r"array of shape \(\)"),
    ],
)
def test_bad_domains_name_the_parameter(domain, words):
    with pytest.raises(ValueError, match=words) as error:
        SearchSpace({"alpha": domain})
    assert "'alpha'" in str(error.value)


@pytest.mark.parametrize("domain", [3.0, "rbf", b"rbf", {1, 2}, None, {"a": 1}])
def test_other_objects_are_no_domains(domain):
    with pytest.raises(TypeError, match=r"'alpha'.* must be \(low, high\).* a list of one"):
        SearchSpace({"alpha": domain})


def test_other_objects_are_no_spaces():
    with pytest.raises(TypeError, match="dict"):
        SearchSpace([("alpha", (0, 1))])
    with pytest.raises(TypeError, match="dict"):
        SearchSpace("alpha")


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


def branches():
    return [
        {"kernel": ["linear"], "C": (1e-2, 1e2, "log-uniform")},
        {"kernel": ["rbf", "poly"], "C": (1e-2, 1e2, "log-uniform"), "gamma": (0.1, 1.0)},
    ]


def test_branches_share_what_is_equal():
    space = SearchSpace(branches())
    assert space.dimension_names == ("branch", "C", "kernel", "gamma")
    assert space.names == ("kernel", "C", "gamma")
    assert space.n_encoded == 2 + 1 + 2 + 1
    assert space.unordered.tolist() == [True, True, False, True, True, False]
    points = space.sample(np.random.default_rng(0), 200)
    settings = [space.decode(point) for point in points]
    assert {setting["kernel"] for setting in settings} == {"linear", "rbf", "poly"}
    assert all(("gamma" in s) == (s["kernel"] != "linear") for s in settings)
    assert list(settings[0]) in (["kernel", "C"], ["kernel", "C", "gamma"])


def test_idle_dimensions_are_canonical():
    space = SearchSpace(branches())
    linear = [space.from_unit([0.0, 0.5, u, v]) for u in (0.0, 0.9) for v in (0.0, 1.0)]
    assert len(set(linear)) == 1
    encoded = space.encode(linear[:1])[0]
    np.testing.assert_allclose(encoded, [1, 0, 0.5, 0.5, 0.5, 0.5], atol=1e-12)
    assert space.nearest([0, 1.0, 1, 0.7]) == linear[0]


def test_settings_that_two_branches_hold_belong_to_the_first():
    space = SearchSpace([{"a": [1, 2]}, {"a": (2, 4)}])
    points = list(space.enumerate())
    assert [space.decode(point)["a"] for point in points] == [1, 2, 3, 4]
    assert space.size == 5
    drawn = set(space.sample(np.random.default_rng(0), 200))
    assert drawn == set(points)


@pytest.mark.parametrize("constraint", [None, lambda s: s["C"] < 1])
@pytest.mark.parametrize("spaces", [branches(), branches()[1]])
def test_settings_and_points_are_one_to_one(spaces, constraint):
    space = SearchSpace(spaces, constraint=constraint)
    rng = np.random.default_rng(1)
    for point in space.sample(rng, 50):
        assert space.encode_params(space.decode(point)) == point
        near = space.neighbours(point, rng, 20, 0.1)
        assert near
        assert point not in near
        for other in near:
            assert space.is_valid(other)
            assert space.encode_params(space.decode(other)) == other
    encoded = space.encode(space.sample(rng, 50))
    assert encoded.shape == (50, space.n_encoded)
    assert encoded.min() >= 0
    assert encoded.max() <= 1


def test_neighbours_are_near():
    space = SearchSpace({"x": (0.0, 1.0), "n": (0, 1000), "k": ["a", "b", "c"]})
    point = space.encode_params({"x": 0.5, "n": 500, "k": "b"})
    near = np.array(space.neighbours(point, np.random.default_rng(0), 4000, 0.01))
    assert np.std(near[near[:, 0] != 0.5, 0]) == pytest.approx(0.01, rel=0.1)
    assert np.abs(near[:, 1] - 500).max() < 60
    assert set(near[:, 2]) == {0, 1, 2}


def test_constraint_holds_wherever_points_are_drawn():
    space = SearchSpace({"low": (1, 9), "high": (1, 9)}, constraint=lambda s: s["low"] < s["high"])
    valid = list(space.enumerate())
    assert len(valid) == 36
    assert set(space.sample(np.random.default_rng(0), 1000)) == set(valid)
    assert not space.is_valid((3, 3))
    real = SearchSpace(
        {"low": (0.0, 1.0), "high": (0.0, 1.0)}, constraint=lambda s: s["low"] < s["high"]
    )
    drawn = np.array(real.sample(np.random.default_rng(0), 500))
    assert (drawn[:, 0] < drawn[:, 1]).all()


def test_constraint_that_can_hardly_be_met():
    space = SearchSpace({"x": (0.0, 1.0)}, constraint=lambda s: s["x"] < 1e-9)
    with pytest.raises(ValueError, match="space_constraint holds for only 0 of"):
        space.sample(np.random.default_rng(0), 1)
    finite = SearchSpace({"x": (0, 9)}, constraint=lambda s: s["x"] > 9)
    with pytest.raises(ValueError, match="none of the 10 settings"):
        finite.sample(np.random.default_rng(0), 1)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"x": 2.0, "n": 1, "k": "a"}, r"x=2\.0 must be a number from 0\.0 to 1\.0"),
        ({"x": True, "n": 1, "k": "a"}, "x=True must be a number"),
        ({"x": 0.5, "n": 1.5, "k": "a"}, r"n=1\.5 must be an integer from 0 to 5"),
        ({"x": 0.5, "n": 1, "k": "c"}, r"k='c' must be one of \['a', 'b'\]"),
        ({"x": 0.5, "n": 1}, r"\['k'\] are missing"),
        ({"x": 0.5, "n": 1, "k": "a", "z": 1}, r"\['z'\] are not searched"),
        ({"x": 0.5, "n": 1, "k": "a", "fixed": 8}, r"fixed=8 must be one of \[7\]"),
    ],
)
def test_settings_outside_are_named(params, words):
    space = SearchSpace({"x": (0.0, 1.0), "n": (0, 5), "k": ["a", "b"], "fixed": [7]})
    with pytest.raises(ValueError, match=words):
        space.encode_params(params)


def test_settings_in_no_branch_say_why_for_each():
    with pytest.raises(ValueError, match=r"none of the search spaces: \[0\] .*gamma.*; \[1\] .*C"):
        SearchSpace(branches()).encode_params({"kernel": "rbf", "C": 1e9, "gamma": 0.5})


def test_settings_of_another_search_are_clipped():
    space = SearchSpace({"x": (0.0, 1.0), "n": (0, 5), "k": [1, 2, "auto"], "fixed": [7]})
    point = space.nearest_params({"x": 7, "n": -2, "k": 9, "other": 1})
    assert space.decode(point) == {"x": 1.0, "n": 0, "k": 2, "fixed": 7}
    with pytest.raises(ValueError, match="k='none' has no counterpart"):
        space.nearest_params({"x": 7, "n": -2, "k": "none"})
    with pytest.raises(ValueError, match="missing"):
        space.nearest_params({"x": 7})
    two = SearchSpace(branches())
    clipped = two.decode(two.nearest_params({"kernel": "rbf", "C": 1e9, "gamma": 0.5}))
    assert clipped == {"kernel": "rbf", "C": 1e2, "gamma": 0.5}


def test_estimators_are_choices():
    space = SearchSpace(
        {"scale": ["passthrough", StandardScaler(), StandardScaler(with_mean=False)]}
    )
    assert space.size == 3
    assert space.encode_params({"scale": StandardScaler()}) == (1,)
    assert space.encode_params({"scale": StandardScaler(with_mean=False)}) == (2,)
    assert space.encode_params({"scale": "passthrough"}) == (0,)
    assert SearchSpace({"a": [1, 1.0, True, 1, "x", "x"]}).dimensions[0].values == (
        1,
        1.0,
        True,
        "x",
    )


@pytest.mark.parametrize(
    ("frozen", "kind"),
    [(stats.expon(scale=100), Real), (stats.norm(3, 2), Real), (stats.poisson(4), Integer)],
)
def test_other_distributions_are_followed(frozen, kind):
    space = SearchSpace({"p": frozen})
    dimension = space.dimensions[0]
    assert isinstance(dimension, kind)
    drawn = np.array(space.sample(np.random.default_rng(0), 4000))[:, 0]
    for share in (0.2, 0.5, 0.8):
        assert np.mean(drawn <= frozen.ppf(share)) == pytest.approx(
            frozen.cdf(frozen.ppf(share)), abs=0.03
        )
    assert dimension.low >= frozen.support()[0]
    assert dimension.high == pytest.approx(frozen.ppf(1 - 1e-4), abs=1)
    assert as_dimension("p", frozen) == as_dimension(
        "p", type(frozen)(frozen.dist, *frozen.args, **frozen.kwds)
    )


@given(u=st.floats(0, 1), log=st.booleans())
def test_unit_numbers_come_back(u, log):
    real = Real(0.1, 10.0, log)
    assert real.to_unit(real.from_unit(u)) == pytest.approx(u, abs=1e-9)
    integer = Integer(1, 9, log)
    value = integer.from_unit(u)
    assert integer.from_unit(integer.to_unit(value)) == value


@pytest.mark.parametrize("spaces", [{}, [{}]])
def test_a_space_of_one_point(spaces):
    space = SearchSpace(spaces)
    rng = np.random.default_rng(0)
    assert space.sample(rng, 2) == [(), ()]
    assert list(space.enumerate()) == [()]
    assert space.neighbours((), rng, 3, 0.1) == []
    assert space.encode([(), ()]).shape == (2, 0)
    assert space.decode(()) == {}


def test_uncountable_spaces_cannot_be_enumerated():
    with pytest.raises(ValueError, match="cannot be enumerated"):
        next(SearchSpace({"x": (0.0, 1.0)}).enumerate())


@pytest.mark.parametrize("spaces", [[], (), [{"a": (0, 1)}, 3], ["a"]])
def test_bad_lists_of_spaces(spaces):
    with pytest.raises((TypeError, ValueError), match="search_spaces"):
        SearchSpace(spaces)
