"""Types of atoms against the truth of simulated scenes."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import cKDTree
from sklearn.base import clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import BayesianGaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)
from threadpoolctl import threadpool_limits

from logstar import Lattice, LoGStarDetector
from logstar.datasets import load_ybco, make_scene
from logstar.segmentation import AtomPatches, AtomTypeGMM

#: As types are ordered: brightness of Ba, Y, and of Cu with Y or with Ba around it.
KINDS = ["Ba", "Y", "Cu2", "Cu1"]


def ybco_of_two_orientations():
    """The lattice, with names that tell the two Ba of a cell apart."""
    lattice = Lattice.ybco(pixel_size=0.2)
    names = iter(["Ba_1", "Ba_2"])
    columns = [
        dataclasses.replace(column, kind=next(names)) if column.kind == "Ba" else column
        for column in lattice.columns
    ]
    return dataclasses.replace(lattice, columns=tuple(columns))


def windows_and_kinds(scene, **parameters):
    """Windows of atoms that a detector finds, and their true kinds."""
    detector = LoGStarDetector(min_sigma=2.0, max_sigma=4.5)
    patches = AtomPatches(detector, **parameters)
    windows = patches.fit_transform(scene.image)
    distances, nearest = cKDTree(scene.positions).query(patches.positions_)
    found = distances < scene.lattice.nearest_distance / 4
    return windows[found], scene.kinds[nearest[found]]


@pytest.fixture(scope="module")
def ybco():
    scene = make_scene(ybco_of_two_orientations(), (320, 320), noise=0.1, random_state=0)
    return windows_and_kinds(scene)


def without_orientation(kinds):
    return np.array([kind.split("_")[0] for kind in kinds])


def share_of_right(labels, kinds):
    """How many have the label of their kind, where labels are ordered as KINDS."""
    return np.mean(np.append(KINDS, "none")[labels] == without_orientation(kinds))


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": 0.1},
        {"noise": 0.1, "rotation": 30.0},
        {"noise": 0.1, "gradient": 0.5},
        {"noise": 0.1, "vacancy_fraction": 0.01},
    ],
    ids=str,
)
def test_types_and_orientations_of_ybco(changes):
    scene = make_scene(ybco_of_two_orientations(), (384, 384), random_state=1, **changes)
    windows, kinds = windows_and_kinds(scene)
    types = AtomTypeGMM(random_state=0).fit(windows)
    assert share_of_right(types.labels_, kinds) >= 0.98
    assert_array_equal(types.n_orientations_, [2, 1, 2, 1])
    barium = np.char.startswith(kinds, "Ba")
    right = np.mean((types.orientations_[barium] == 1) == (kinds[barium] == "Ba_1"))
    assert max(right, 1 - right) >= 0.98
    assert not types.orientations_[np.isin(types.labels_, [1, 3])].any()


@pytest.mark.parametrize("noisy", [False, True])
def test_types_of_the_multislice_micrograph(noisy):
    windows, kinds = windows_and_kinds(load_ybco(noisy))
    types = AtomTypeGMM(random_state=0).fit(windows)
    assert share_of_right(types.labels_, kinds) == 1
    assert_array_equal(types.n_orientations_, [2, 1, 2, 1])
    assert (np.diff(types.brightness_) < 0).all()


def test_damage_does_not_take_a_type():
    scene = make_scene(
        shape=(384, 384), noise=0.1, amorphous_pockets=[(200, 200, 60)], random_state=0
    )
    windows, kinds = windows_and_kinds(scene)
    types = AtomTypeGMM(random_state=0).fit(windows)
    assert share_of_right(types.labels_, kinds) > 0.95


def test_orientation_is_where_it_is_bright(ybco):
    windows, _ = ybco
    types = AtomTypeGMM(random_state=0).fit(windows)
    size = types.window_size_
    of_barium = types.labels_ == 0
    up, down = (
        windows[of_barium & (types.orientations_ == i)].mean(axis=0).reshape(size, size)
        for i in (1, 2)
    )
    half = size // 2
    assert up[:half].mean() > up[-half:].mean()
    assert down[:half].mean() < down[-half:].mean()
    # One is the other, turned by half a turn.
    assert np.abs(up - down[::-1, ::-1]).max() < 0.2 * np.ptp(up)


def test_without_the_half_turn_windows_are_compared_whole(ybco):
    windows, kinds = ybco
    types = AtomTypeGMM(5, twofold=False, random_state=0).fit(windows)
    # The planes, whose two orientations differ most, are two types then.
    counts = np.bincount(types.labels_[kinds == "Cu2"])
    assert np.sort(counts)[-2:].sum() > 0.95 * counts.sum()
    assert np.sort(counts)[-2] > 0.4 * counts.sum()
    assert not types.orientations_.any()


def test_numbers_of_types_by_bic(ybco):
    windows, _ = ybco
    types = AtomTypeGMM("auto", random_state=0).fit(windows)
    assert types.n_types_ == 4
    assert len(types.bic_) == 8
    perovskite = make_scene(Lattice.perovskite(3.905, 0.2), (256, 256), noise=0.1, random_state=0)
    windows, kinds = windows_and_kinds(perovskite)
    types = AtomTypeGMM("auto", random_state=0).fit(windows)
    assert types.n_types_ == 2
    assert np.mean((types.labels_ == 0) == (kinds == "A")) == 1
    assert_array_equal(types.n_orientations_, [1, 1])


def test_prediction_continues_the_fit(ybco):
    windows, kinds = ybco
    fitted = windows[::2].copy()
    types = AtomTypeGMM(random_state=0).fit(fitted)
    assert_array_equal(types.predict(fitted), types.labels_)
    assert_array_equal(types.predict_orientation(fitted), types.orientations_)
    assert_allclose(types.transform(fitted), types.embedding_, atol=1e-4)
    assert share_of_right(types.predict(windows[1::2]), kinds[1::2]) >= 0.98
    probabilities = types.predict_proba(windows)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(probabilities.argmax(axis=1), types.predict(windows))
    size = types.window_size_
    assert_array_equal(types.predict(windows.reshape(-1, size, size)), types.predict(windows))


def test_the_same_seed_gives_the_same_on_any_number_of_threads(ybco):
    windows, _ = ybco
    types = AtomTypeGMM(random_state=3)
    with threadpool_limits(1):
        first = clone(types).fit(windows)
    with threadpool_limits(2):
        second = clone(types).fit(windows)
    assert_array_equal(first.embedding_, second.embedding_)
    assert_array_equal(first.predict_proba(windows), second.predict_proba(windows))
    again = pickle.loads(pickle.dumps(first))
    assert_array_equal(again.predict_orientation(windows), first.orientations_)


@pytest.mark.parametrize(
    "clusterer", [KMeans(random_state=0), BayesianGaussianMixture(random_state=0)], ids=str
)
def test_other_clusterers(ybco, clusterer):
    windows, kinds = ybco
    types = AtomTypeGMM(clusterer=clusterer).fit(windows)
    assert share_of_right(types.labels_, kinds) >= 0.95
    assert_array_equal(types.predict(windows), types.labels_)
    assert hasattr(types, "predict_proba") == hasattr(clusterer, "predict_proba")


def test_a_clusterer_without_prediction_or_number(ybco):
    windows, _ = ybco
    types = AtomTypeGMM(clusterer=DBSCAN(eps=1.5, min_samples=10))
    labels = types.fit_predict(windows)
    assert set(np.unique(labels)) <= set(range(-1, types.n_types_))
    assert types.n_types_ >= 2
    assert not types.orientations_[labels == -1].any()
    assert not hasattr(types, "predict")


def test_it_composes():
    scene = make_scene(shape=(256, 256), noise=0.05, random_state=0)
    detector = LoGStarDetector(min_sigma=2.0, max_sigma=4.5)
    pipeline = make_pipeline(AtomPatches(detector), AtomTypeGMM(random_state=0))
    labels = pipeline.fit_predict(scene.image)
    assert len(labels) == len(pipeline[0].positions_)
    assert_array_equal(pipeline.predict(scene.image), labels)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"n_types": 0}, ValueError, "n_types must be at least 1, got 0"),
        ({"n_types": "many"}, TypeError, "n_types must be an integer or \"auto\", got 'many'"),
        ({"n_types": 101}, ValueError, "100 atoms cannot be of n_types=101; use fewer types"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 42}, ValueError, "n_components=42 is too large.*at most 41"),
        ({"covariance_type": "round"}, ValueError, "covariance_type must be one of full, tied"),
        ({"normalize": "max"}, ValueError, "normalize must be None"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"X": np.ones((100, 81))}, ValueError, "all windows are constant"),
        ({"X": np.tile(np.arange(81.0) ** 2, (100, 1))}, ValueError, "1 different windows among"),
        ({"X": np.ones((100, 80))}, ValueError, "X must hold square windows"),
        ({"X": np.full((100, 81), np.nan)}, ValueError, "contains NaN"),
    ],
)
def test_bad_input_is_refused(rng, changed, error, message):
    arguments = dict(changed)
    windows = arguments.pop("X", rng.normal(size=(100, 81)))
    with pytest.raises(error, match=message):
        AtomTypeGMM(**arguments).fit(windows)


def test_what_it_warns_of(rng, ybco):
    windows, _ = ybco
    some_constant = windows.copy()
    some_constant[:3] = 0.25
    with pytest.warns(UserWarning, match=f"3 of {len(windows)} windows are constant"):
        types = AtomTypeGMM(random_state=0).fit(some_constant)
    assert np.isfinite(types.embedding_).all()
    noise = rng.normal(size=(200, 81))
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=1"):
        AtomTypeGMM(max_iter=1, random_state=0).fit(noise)


def test_it_must_be_fitted_to_windows_of_that_size(ybco):
    windows, _ = ybco
    with pytest.raises(NotFittedError):
        AtomTypeGMM().predict(windows)
    types = AtomTypeGMM(random_state=0).fit(windows)
    with pytest.raises(ValueError, match=r"has 81 features, but AtomTypeGMM is expecting"):
        types.predict(windows[:, :81])


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_set_params,
        check_parameters_default_constructible,
    ],
)
def test_scikit_learn_checks(check):
    check("AtomTypeGMM", AtomTypeGMM())
