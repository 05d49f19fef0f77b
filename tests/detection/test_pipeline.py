"""DetectionPipeline: a Pipeline that tests what it finds and sweeps exactly."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from logstar import DetectionPipeline, Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.exceptions import NoAtomsWarning
from logstar.metrics import match_positions
from logstar.model_selection.protocols import Interval
from logstar.preprocessing import GaussianDenoiser, PatchPCADenoiser
from logstar.rewards import ErrorRate, QualityCount

LATTICE = Lattice.ybco(pixel_size=0.2)
SHAPE = (128, 128)


def scene(noise=0.3, seed=0, **options):
    return make_scene(LATTICE, SHAPE, sigma=3.0, noise=noise, random_state=seed, **options)


def pipeline(denoiser=None, **options):
    steps = [
        ("denoise", PatchPCADenoiser(32) if denoiser is None else denoiser),
        ("detect", LoGStarDetector(2.0, 4.0, 5, threshold=0.02, overlap=0.2)),
    ]
    return DetectionPipeline(steps, **options)


def rewards():
    n_expected = LATTICE.n_expected((126, 126))
    return {"qc": QualityCount(n_expected), "er": ErrorRate(LATTICE, n_expected=n_expected)}


def filled(atoms, scene):
    inside = ((scene.vacancies > 6) & (scene.vacancies < 121)).all(axis=1)
    empty = scene.vacancies[inside]
    return len(match_positions(atoms, empty, tolerance=4.5).distances), len(empty)


def test_flagged_or_dropped():
    crystal = scene(0.15, vacancy_fraction=0.1)
    flagging = pipeline(unsupported="flag").fit(crystal.image)
    everything = flagging.detect(crystal.image)
    flagged = flagging.flag_unsupported(crystal.image)
    n_filled, n_empty = filled(everything, crystal)
    assert n_empty >= 4
    assert n_filled > n_empty / 2
    assert filled(everything[~flagged], crystal)[0] <= n_empty / 5
    dropping = pipeline().fit(crystal.image)
    kept = dropping.detect(crystal.image)
    assert filled(kept, crystal)[0] <= n_empty / 5
    assert not dropping.flag_unsupported(crystal.image).any()
    assert everything.shape[1] == kept.shape[1] == 5
    assert kept[:, 4].min() > -1
    assert_array_equal(dropping.predict(crystal.image), kept[:, :3])


@pytest.mark.parametrize("unsupported", ["drop", "flag"])
@pytest.mark.parametrize("denoiser", [PatchPCADenoiser(32), "passthrough"], ids=str)
def test_a_sweep_tells_what_detection_gives(denoiser, unsupported):
    """Every setting of the front, set and detected, has the scores that the sweep told."""
    image = scene(0.4).image
    model = pipeline(denoiser, unsupported=unsupported)
    search = MOBOSearchCV(
        model,
        {"detect__threshold": (0.01, 0.3, "log-uniform"), "detect__overlap": (0.01, 0.5)},
        scoring=rewards(),
        n_iter=1,
        n_initial_points=1,
        sweep=["detect__threshold", "detect__overlap"],
        random_state=0,
    ).fit(image)
    assert len(search.pareto_params_) > 0
    for index in search.pareto_indices_[:6]:
        fitted = clone(model).set_params(**search.cv_results_["params"][index]).fit(image)
        for name, reward in rewards().items():
            told = search.cv_results_[f"mean_test_{name}"][index]
            assert reward(fitted, image) == pytest.approx(told, abs=1e-12)


def test_a_sweep_over_a_stack():
    images = np.stack([scene(0.3, seed).image for seed in (1, 2)])
    (front,) = pipeline().sweep(
        images,
        settings=[{}],
        ranges={"detect__threshold": Interval(0.01, 0.3), "detect__overlap": Interval(0.01, 0.5)},
        scorers=rewards(),
    )
    setting, scores = (
        {name: v[0] for name, v in part.items()} for part in (front.settings, front.scores)
    )
    fitted = pipeline().set_params(**setting).fit(images)
    assert rewards()["qc"](fitted, images) == pytest.approx(scores["qc"], abs=1e-9)


class CountingDenoiser(PatchPCADenoiser):
    fits: ClassVar[list[int]] = []

    def fit(self, X, y=None):
        self.fits.append(self.window_size)
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_images_are_denoised_once_for_many_settings(monkeypatch, n_jobs):
    fits = []
    monkeypatch.setattr(CountingDenoiser, "fits", fits)
    image = scene(0.3).image
    wide, narrow = CountingDenoiser(32), CountingDenoiser(24)
    settings = [
        {"denoise": wide, "detect__max_sigma": 4.5},
        {"denoise": wide, "detect__max_sigma": 5.0},
        {"denoise": narrow, "unsupported": "flag"},
        {"denoise": wide, "detect__min_sigma": 2.5},
    ]
    given = {
        "ranges": {
            "detect__threshold": Interval(0.01, 0.3),
            "detect__overlap": Interval(0.01, 0.5),
        },
        "scorers": rewards(),
    }
    model = pipeline().set_params(detect__n_jobs=n_jobs)
    fronts = list(model.sweep(image, settings=settings, **given))
    assert fits == [32, 24]
    assert not hasattr(wide, "window_size_")
    for setting, front in zip(settings, fronts, strict=True):
        (alone,) = clone(model).set_params(**setting).sweep(image, settings=[{}], **given)
        for part in ("settings", "scores", "details"):
            columns, expected = getattr(front, part), getattr(alone, part)
            assert list(columns) == list(expected)
            for name, column in columns.items():
                assert_array_equal(column, expected[name])


def test_steps_are_chosen_with_their_parameters():
    """Presence of steps and parameters that apply in some branches only."""
    image = scene(0.3).image
    model = DetectionPipeline(
        [
            ("blur", GaussianDenoiser()),
            ("denoise", PatchPCADenoiser()),
            ("detect", LoGStarDetector(2.0, 4.0, 5, 0.03, 0.2)),
        ]
    )
    threshold = {"detect__threshold": (0.01, 0.2, "log-uniform")}
    search = MOBOSearchCV(
        model,
        [
            {"blur": ["passthrough"], "denoise": ["passthrough"], **threshold},
            {"denoise": ["passthrough"], "blur__sigma": (0.5, 3.0), **threshold},
            {"blur": ["passthrough"], "denoise__window_size": [24, 32], **threshold},
        ],
        scoring=rewards(),
        n_iter=12,
        n_initial_points=9,
        random_state=0,
        error_score="raise",
    ).fit(image)
    tried = search.cv_results_["params"]
    assert {"blur__sigma" in params for params in tried} == {True, False}
    assert {"denoise__window_size" in params for params in tried} == {True, False}
    assert all(np.isfinite(search.cv_results_["mean_fit_time"]))
    assert search.best_estimator_.predict(image).shape[1] == 3


class Counting(TransformerMixin, BaseEstimator):
    """Writes a line each time that it is fitted."""

    def __init__(self, path=None):
        self.path = path

    def fit(self, _X, _y=None):
        with Path(self.path).open("a") as file:
            file.write("fitted\n")
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_memory_keeps_first_steps_that_did_not_change(tmp_path):
    log, image = tmp_path / "log", scene().image
    model = pipeline(Counting(str(log)), memory=joblib.Memory(tmp_path / "cache", verbose=0))
    MOBOSearchCV(
        model,
        {
            "detect__min_sigma": [1.5, 2.0, 2.5],
            "detect__threshold": (0.01, 0.3),
            "detect__overlap": (0.01, 0.5),
        },
        scoring=rewards(),
        n_iter=3,
        n_initial_points=3,
        sweep=["detect__threshold", "detect__overlap"],
        refit=False,
    ).fit(image)
    assert log.read_text().count("fitted") == 1


def test_candidates_answer_as_detection_does():
    image = scene(0.4).image
    model = pipeline().fit(image)
    candidates = model.find_candidates(image, 0.01)
    assert_allclose(candidates.detections(0.02, 0.2), model.detect(image)[:, :4])
    with pytest.raises(ValueError, match="one image"):
        model.find_candidates([image, image], 0.01)


def test_dark_atoms_are_tested_as_bright_ones_are():
    image = scene(0.3).image
    bright = pipeline().fit(image).detect(image)
    dark = pipeline().set_params(detect__polarity="dark").fit(-image).detect(-image)
    assert_allclose(dark, bright, rtol=1e-5, atol=1e-5)


def test_scikit_learns_contract():
    crystal = scene(0.3)
    image = crystal.image
    model = pipeline(min_evidence=-2.5, memory=None)
    with pytest.raises(NotFittedError):
        model.predict(image)
    expected = model.fit_predict(image)
    assert_array_equal(clone(model).fit_predict(image), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(image), expected)
    stack = model.predict([image, image])
    assert isinstance(stack, list)
    assert_array_equal(stack[1], expected)
    params = model.get_params()
    assert params["min_evidence"] == -2.5
    assert params["denoise__window_size"] == 32
    model.set_params(denoise="passthrough", detect__threshold=0.1, unsupported="flag")
    assert model.named_steps["denoise"] == "passthrough"
    assert model.fit(image).score(image, crystal.positions) > 0.5
    grid = GridSearchCV(
        model, {"detect__threshold": [0.05, 0.1]}, cv=2, scoring=rewards()["qc"]
    ).fit(np.stack([image, image]))
    assert grid.best_params_["detect__threshold"] in {0.05, 0.1}


def test_nothing_found_is_said_and_is_a_table():
    image = scene(0.3).image
    model = pipeline(min_evidence=1e12).fit(image)
    with pytest.warns(NoAtomsWarning, match="passes the test"):
        atoms = model.detect(image)
    assert atoms.shape == (0, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rewards()["qc"](model, image) == -1.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"unsupported": "keep"}, ValueError, "unsupported must be one of"),
        ({"min_evidence": np.nan}, ValueError, "min_evidence must be finite"),
        ({"detect": GaussianDenoiser()}, TypeError, "last step must be a LoGStarDetector"),
        ({"denoise__window_size": 500}, ValueError, "window_size=500 exceeds"),
    ],
)
def test_what_cannot_be_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        pipeline().set_params(**change).fit(scene().image)


def test_only_the_detectors_parameters_are_swept():
    with pytest.raises(ValueError, match="only parameters of 'detect' are swept"):
        pipeline().sweep(
            scene().image,
            settings=[],
            ranges={"denoise__window_size": Interval(8, 20)},
            scorers=rewards(),
        )
    with pytest.raises(ValueError, match="y is None"):
        pipeline().fit(scene().image).score(scene().image)
    with pytest.raises(TypeError, match="no further parameters"):
        pipeline().fit(scene().image).predict(scene().image, return_std=True)
