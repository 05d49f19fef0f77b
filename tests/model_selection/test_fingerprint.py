"""What tells one search problem from another."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from logstar import Lattice, LoGStarDetector
from logstar.model_selection._fingerprint import digest, fingerprint
from logstar.rewards import ErrorRate, QualityCount

LATTICE = Lattice.perovskite(4.0, 0.2)
CHANGES = [
    (SVC(C=1.0), SVC(C=2.0)),
    (SVC(), StandardScaler()),
    (Pipeline([("svc", SVC(C=1.0))]), Pipeline([("svc", SVC(C=2.0))])),
    (QualityCount(100), QualityCount(101)),
    (ErrorRate(LATTICE), ErrorRate(Lattice.perovskite(4.1, 0.2))),
    (LoGStarDetector(mask=np.eye(3) > 0), LoGStarDetector(mask=np.eye(3) == 0)),
    (np.mean, np.median),
    ({"C": [1, 2]}, {"C": [1, 3]}),
    ([1, 2], (1, 2)),
    (1, 1.0),
    (None, "None"),
]


@pytest.mark.parametrize(("one", "other"), CHANGES, ids=repr)
def test_what_differs_is_told_apart(one, other):
    assert fingerprint({"part": one}, {}) != fingerprint({"part": other}, {})


@pytest.mark.parametrize("make", [lambda: SVC(C=3.0), lambda: QualityCount(100), object], ids=str)
def test_another_object_of_the_same_kind_is_the_same(make):
    """No address is part of it: another process must recognise the problem."""
    assert fingerprint({"part": make()}, {}) == fingerprint({"part": make()}, {})


def test_the_order_of_names_is_of_no_matter():
    parts = {"a": {"x": 1, "y": 2}, "b": SVC()}
    turned = {"b": SVC(), "a": {"y": 2, "x": 1}}
    assert fingerprint(parts, {}) == fingerprint(turned, {})


def test_names_say_where_a_parameter_is():
    found = fingerprint({"estimator": Pipeline([("svc", SVC(C=2.0))])}, {})
    assert found["estimator"] == "Pipeline"
    assert found["estimator.steps.0.1.C"] == "2.0"


def test_what_holds_itself_ends():
    loop: list[object] = []
    loop.append(loop)
    assert fingerprint({"part": loop}, {})["part"] == "list of 1"


def test_data_go_by_their_contents():
    image = np.arange(12.0).reshape(3, 4)
    found = fingerprint({}, {"X": image, "y": None})
    assert found["X"].startswith("(3, 4) ")
    assert found["y"] == "None"
    assert digest(image.copy()) == digest(image)
    assert digest(image + 1) != digest(image)
    assert digest(image.reshape(4, 3)) != digest(image)
