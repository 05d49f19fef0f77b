"""LoGStarDetector: what it finds, and scikit-learn's contract on images."""

from __future__ import annotations

import pickle
import threading
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage import feature
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from logstar import Lattice, LoGStarDetector
from logstar.datasets import make_scene
from logstar.detection import ScaleSpaceCandidates
from logstar.exceptions import NoAtomsWarning
from logstar.metrics import detection_metrics
from logstar.rewards import CountStability, ErrorRate, QualityCount
from tests.conftest import atoms_image


@pytest.fixture
def image():
    return atoms_image((64, 80), pitch=12, sigma=2.0, noise=0.02)[0]


@pytest.fixture
def detector():
    return LoGStarDetector(min_sigma=1.5, max_sigma=4, num_sigma=6, threshold=0.1)


def places(detections):
    return sorted(map(tuple, detections[:, :2]))


def test_every_atom_is_found_at_its_place():
    image, positions = atoms_image((96, 120), pitch=12, sigma=2.0, noise=0.02)
    detector = LoGStarDetector(min_sigma=1.5, max_sigma=4, num_sigma=6, threshold=0.1)
    found = detector.fit_predict(image)
    assert found.shape == (len(positions), 3)
    assert places(found) == sorted(map(tuple, positions))


def test_detections_are_a_choice_of_scikit_images_candidates(image, detector):
    """Without pruning and scaling, the same maxima as scikit-image's."""
    detector.set_params(overlap=2.0, intensity_range=None, exclude_border=False)
    expected = feature.blob_log(image, 1.5, 4, 6, threshold=0.1, overlap=2.0)
    assert_array_equal(detector.fit_predict(image), expected)


def test_of_overlapping_candidates_the_larger_sigma_is_kept(image):
    everything = LoGStarDetector(1, 6, 10, 0.01, overlap=2.0).fit_predict(image)
    pruned = LoGStarDetector(1, 6, 10, 0.01, overlap=0.0).fit_predict(image)
    assert 0 < len(pruned) < len(everything)
    largest = everything[everything[:, 2] == everything[:, 2].max()]
    assert len(pruned[pruned[:, 2] == largest[0, 2]]) > 0
    radius = np.sqrt(2) * pruned[:, 2]
    distance = np.linalg.norm(pruned[:, None, :2] - pruned[None, :, :2], axis=-1)
    touching = distance < radius[:, None] + radius[None] - 1e-9
    assert touching.sum() == len(pruned)


def test_responses_fall_and_are_half_the_height(detector):
    image, _ = atoms_image((64, 64), pitch=21, sigma=2.0)
    found = detector.set_params(min_sigma=2.0, intensity_range=None).fit(image).detect(image)
    assert (np.diff(found[:, 3]) <= 0).all()
    assert found[0, 3] == pytest.approx(0.5, abs=0.01)


def test_thresholds_mean_the_same_on_every_image(image, detector):
    """Scaling and offset of the intensities change no detection, nor does turning them over."""
    expected = detector.fit_predict(image)
    for other in (1000 * image + 500, (image * 1e4).astype(np.int64)):
        assert places(detector.fit_predict(other)) == places(expected)
    detector.set_params(polarity="dark")
    assert places(detector.fit_predict(-image)) == places(expected)
    detector.set_params(intensity_range=None)
    assert len(detector.fit_predict(-image)) == len(expected)


def test_few_bright_pixels_are_scaled_by_their_range():
    image = np.zeros((200, 200))
    image[100, 100] = 5.0
    found = LoGStarDetector(1, 2, 3, 0.05).fit_predict(image)
    assert_array_equal(found[:, :2], [[100, 100]])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "i4"])
def test_any_type_of_pixels(image, detector, dtype):
    scaled = (image - image.min()) / np.ptp(image)
    levels = scaled * 255 if np.dtype(dtype).kind in "ui" else scaled
    found = detector.fit_predict(levels.astype(dtype))
    assert len(found) == len(detector.fit_predict(image))
    assert found.dtype == np.float64


def test_layout_and_ownership_do_not_matter(image, detector, tmp_path):
    expected = detector.fit_predict(image)
    np.save(tmp_path / "image.npy", image)
    wide = np.empty((64, 160))
    wide[:, ::2] = image
    read_only = image.copy()
    read_only.setflags(write=False)
    others = [
        np.asfortranarray(image),
        wide[:, ::2],
        read_only,
        np.load(tmp_path / "image.npy", mmap_mode="r"),
        image.tolist(),
    ]
    for other in others:
        assert_array_equal(detector.fit_predict(other), expected)


def test_the_image_is_not_modified(image, detector):
    before = image.copy()
    detector.fit_predict(image)
    assert_array_equal(image, before)


def test_stacks_and_lists_give_lists(image, detector):
    one = detector.fit_predict(image)
    for stack in (np.stack([image, image[::-1]]), [image, image[::-1]]):
        found = detector.fit_predict(stack)
        assert isinstance(found, list)
        assert_array_equal(found[0], one)
        assert len(found[1]) == len(one)
    # Images of a list may differ in size.
    assert len(detector.fit_predict([image, image[:40]])) == 2


def test_the_number_of_threads_changes_nothing(image, detector):
    expected = detector.fit(image).detect(image)
    for n_jobs in (1, 2, -1):
        assert_array_equal(detector.set_params(n_jobs=n_jobs).detect(image), expected)


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_frames_that_threads_take_in_turn_are_as_each_alone(image, detector, small, monkeypatch):
    monkeypatch.setattr("logstar.detection._tables.SMALL", small)
    frames = [image, np.zeros_like(image), image[::-1], image.T, image[:, ::-1]]
    asked = []

    def keep(table, index):
        asked.append((threading.get_ident(), index))
        return table[:, 0] > 20

    detector.fit(frames)
    alone = [detector.detect(frames[i]) for i in (0, 2, 3, 4)]
    threads = detector.set_params(n_jobs=2)
    with pytest.warns(NoAtomsWarning, match="image 1: it is constant") as caught:
        found = threads.detect(frames)
    assert caught[0].filename == __file__
    with pytest.warns(NoAtomsWarning, match="image 1"):
        tested = threads.detect(frames, keep=keep)
    assert [len(found[1]), len(tested[1])] == [0, 0]
    for expected, one, other in zip(
        alone, found[:1] + found[2:], tested[:1] + tested[2:], strict=True
    ):
        assert_array_equal(one, expected)
        assert 0 < len(other) < len(one)
    # A test of candidates is asked frame by frame, by the thread that detects.
    assert asked == [(threading.get_ident(), index) for index in range(5)]


def test_nothing_found_is_an_empty_table_and_a_warning(image, detector):
    detector.set_params(threshold=10.0)
    with pytest.warns(NoAtomsWarning, match=r"no atom found in image 0.*threshold=10.0"):
        found = detector.fit_predict(image)
    assert found.shape == (0, 3)


def test_rewards_do_not_warn_of_nothing_found(image, detector):
    detector.set_params(threshold=10.0).fit(image)
    assert QualityCount(30)(detector, image) == -1
    assert ErrorRate(30, n_expected=30)(detector, image) == 0


def test_atoms_beyond_the_edge_are_not_found_at_the_edge():
    """Their tails are brightest in the outermost row, which is left out by default."""
    rows, cols = np.indices((40, 40))
    image = np.exp(-((rows + 2.0) ** 2 + (cols - 20.0) ** 2) / 8)
    image += np.exp(-((rows - 20.0) ** 2 + (cols - 20.0) ** 2) / 8)
    detector = LoGStarDetector(1.5, 3, 4, 0.05)
    assert_array_equal(detector.fit_predict(image)[:, :2], [[20, 20]])
    everywhere = detector.set_params(exclude_border=False).fit_predict(image)
    assert_array_equal(everywhere[:, :2], [[20, 20], [0, 20]])


def test_exclude_border(image, detector):
    found = detector.set_params(exclude_border=8).fit_predict(image)
    assert len(found) > 0
    assert (found[:, :2] >= 8).all()
    assert (found[:, :2] < np.array(image.shape) - 8).all()


def test_log_scale_ladder(image, detector):
    detector.set_params(log_scale=True).fit(image)
    assert detector.sigmas_ == pytest.approx(1.5 * (4 / 1.5) ** (np.arange(6) / 5))


@pytest.mark.parametrize(
    ("ends", "step", "sigmas"),
    [
        ((1.5, 4.0), 0.5, [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]),
        # No multiple of the step apart; less than a step; no distance at all.
        ((1.5, 3.9), 0.5, [1.5, 2.0, 2.5, 3.0, 3.5]),
        ((1.5, 1.9), 0.5, [1.5]),
        ((2, 2), 1, [2.0]),
        # In floating point 0.3 / 0.1 is below 3, and 1.0 + 3 * 0.1 above 1.3.
        ((1.0, 1.3), 0.1, [1.0, 1.1, 1.2, 1.3]),
        ((0.1, 0.4), 0.1, [0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_ladder_of_a_given_step(image, ends, step, sigmas):
    ladder = LoGStarDetector(*ends, num_sigma=3, sigma_step=step).fit(image).sigmas_
    assert ladder == pytest.approx(sigmas, rel=1e-12)
    assert ladder[-1] <= ends[1]


def test_a_step_finds_what_as_many_sigmas_find(image):
    by_step = LoGStarDetector(1.5, 4, sigma_step=0.5, threshold=0.1)
    by_number = LoGStarDetector(1.5, 4, 6, threshold=0.1)
    assert_array_equal(by_step.fit_predict(image), by_number.fit_predict(image))
    for copy in (clone(by_step), pickle.loads(pickle.dumps(by_step))):
        assert copy.sigma_step == 0.5
        assert_array_equal(copy.fit_predict(image), by_number.fit_predict(image))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"sigma_step": 0}, ValueError, "sigma_step must be finite and > 0, got 0"),
        ({"sigma_step": -0.5}, ValueError, "sigma_step must be finite and > 0, got -0.5"),
        ({"sigma_step": np.inf}, ValueError, "sigma_step must be finite"),
        ({"sigma_step": "0.5"}, TypeError, "sigma_step must be a real number"),
        ({"sigma_step": 0.5, "log_scale": True}, ValueError, "sigma_step is a difference"),
        ({"min_sigma": 0}, ValueError, "min_sigma must be finite and > 0, got 0"),
        ({"max_sigma": -1.0}, ValueError, "max_sigma must be finite and > 0"),
        ({"min_sigma": 5, "max_sigma": 2}, ValueError, "min_sigma must not exceed max_sigma"),
        ({"min_sigma": "1"}, TypeError, "min_sigma must be a real number"),
        ({"num_sigma": 0}, ValueError, "num_sigma must be at least 1"),
        ({"num_sigma": 2.5}, TypeError, "num_sigma must be an integer"),
        ({"threshold": np.nan}, ValueError, "threshold must be finite"),
        ({"overlap": -0.1}, ValueError, "overlap must be finite and >= 0"),
        ({"exclude_border": -1}, ValueError, "exclude_border must be at least 0"),
        ({"polarity": "grey"}, ValueError, "polarity must be one of .*got 'grey'"),
        ({"intensity_range": (99, 1)}, ValueError, "intensity_range must rise"),
        ({"intensity_range": (0, 101)}, ValueError, r"intensity_range\[1\] must be finite"),
        ({"intensity_range": 5}, ValueError, "must be two percentiles or None"),
        ({"max_sigma": 20.0}, ValueError, "smaller than the reach of the largest kernel"),
    ],
)
def test_bad_parameters_are_refused_in_fit(image, parameters, error, message):
    detector = LoGStarDetector(**parameters)
    with pytest.raises(error, match=message):
        detector.fit(image)


@pytest.mark.parametrize("value", [0.0, 7])
def test_constant_images_are_refused(detector, value):
    image = np.full((64, 64), value)
    with pytest.raises(ValueError, match=r"image 0 is constant: every pixel is [-0-9.e]+;"):
        detector.fit_predict(image)


@pytest.mark.parametrize("intensity_range", [(0.0, 100.0), None])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_frame_does_not_end_the_others(image, detector, value, intensity_range):
    detector = detector.set_params(intensity_range=intensity_range).fit(image)
    frames = np.stack([image, np.full_like(image, value), image])
    with pytest.warns(NoAtomsWarning, match="no atom found in image 1: it is constant") as caught:
        first, empty, last = detector.detect(frames)
    assert len(caught) == 1
    assert empty.shape == (0, 4)
    np.testing.assert_array_equal(first, detector.detect(image))
    np.testing.assert_array_equal(last, first)
    # A stack of one frame is a stack.
    with pytest.warns(NoAtomsWarning, match="image 0: it is constant"):
        assert [len(found) for found in detector.detect(frames[1:2])] == [0]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda image: image.astype(complex), TypeError, "real numbers"),
        (lambda image: image.astype(object), TypeError, "real numbers"),
        (lambda image: image[0], ValueError, "1-D"),
        (lambda image: image[None, None], ValueError, "4-D"),
        (lambda image: np.where(image > 0.9, np.nan, image), ValueError, "NaN or infinite"),
        (lambda image: image[:0], ValueError, "empty"),
    ],
)
def test_bad_images_are_refused_in_fit_and_predict(image, detector, change, error, message):
    with pytest.raises(error, match=message):
        detector.fit(change(image))
    detector.fit(image)
    with pytest.raises(error, match=message):
        detector.predict(change(image))


def test_pixels_that_are_too_large_once_scaled_are_told_apart_from_infinite_ones(image):
    faint = (image * 1e-30).astype(np.float32)
    faint[3, 5] = 1e38
    detector = LoGStarDetector().fit(faint)
    with pytest.raises(ValueError, match=r"pixel at .* \(3, 5\) is inf"):
        detector.detect(faint)
    faint[4, 7] = np.inf
    with pytest.raises(ValueError, match=r"X holds 1 pixels that are NaN or inf.* \(4, 7\)"):
        detector.detect(faint)


def test_predict_before_fit_is_refused(image, detector):
    with pytest.raises(NotFittedError):
        detector.predict(image)


def test_score_is_f1_against_reference_positions():
    image, positions = atoms_image((96, 96), pitch=12, noise=0.02)
    detector = LoGStarDetector(1.5, 4, 6, 0.1).fit(image)
    assert detector.score(image, positions) == 1
    half = positions[: len(positions) // 2]
    assert detector.score([image, image], [positions, half]) == pytest.approx((1 + 2 / 3) / 2)
    with pytest.raises(ValueError, match="y is None"):
        detector.score(image)


# scikit-learn's contract.

CHECKS = [
    "check_estimator_cloneable",
    "check_no_attributes_set_in_init",
    "check_get_params_invariance",
    "check_set_params",
    "check_parameters_default_constructible",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_repr",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
    "check_mixin_order",
]


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_checks_that_need_no_table(name):
    getattr(estimator_checks, name)("LoGStarDetector", LoGStarDetector())


def test_fitting_twice_gives_the_same(image, detector):
    first = detector.fit(image).predict(image)
    assert_array_equal(detector.fit(image).predict(image), first)
    assert_array_equal(clone(detector).fit(image).predict(image), first)


def test_pickle_and_joblib(image, detector, tmp_path):
    expected = detector.fit_predict(image)
    assert_array_equal(pickle.loads(pickle.dumps(detector)).predict(image), expected)
    joblib.dump(detector, tmp_path / "detector.joblib")
    assert_array_equal(joblib.load(tmp_path / "detector.joblib").predict(image), expected)


def test_last_step_of_a_pipeline(image, detector):
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), detector)
    positive = image - image.min()
    expected = detector.fit_predict(np.sqrt(positive))
    assert_array_equal(pipeline.fit(positive).predict(positive), expected)
    pipeline.set_params(logstardetector__threshold=0.2)
    assert pipeline[-1].threshold == 0.2


@pytest.fixture(scope="module")
def scenes():
    lattice = Lattice.perovskite(a=3.905, pixel_size=0.2)
    return [
        make_scene(lattice, shape=(96, 96), rotation=5 * i, noise=0.01 * i, random_state=i)
        for i in range(4)
    ]


def test_grid_search_on_rewards_agrees_with_hand_evaluation(scenes):
    lattice = scenes[0].lattice
    stack = np.stack([scene.image for scene in scenes])
    grid = {"threshold": [0.02, 0.1, 0.3], "max_sigma": [3.0, 5.0]}
    scoring = {"qc": QualityCount(lattice), "er": ErrorRate(lattice)}
    search = GridSearchCV(LoGStarDetector(), grid, scoring=scoring, refit="qc", cv=2).fit(stack)
    for index, parameters in enumerate(search.cv_results_["params"]):
        for split, frames in enumerate([slice(0, 2), slice(2, 4)]):
            found = LoGStarDetector(**parameters).fit(stack).predict(stack[frames])
            for name, reward in scoring.items():
                by_hand = -np.mean(np.abs(reward.measure(found, stack[frames])))
                assert search.cv_results_[f"split{split}_test_{name}"][index] == by_hand
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert len(search.predict(stack)) == 4


def test_cross_validate_over_a_list_with_references(scenes):
    images = [scene.image for scene in scenes]
    positions = [scene.positions for scene in scenes]
    detector = LoGStarDetector(min_sigma=1.5, max_sigma=4.0, threshold=0.05)
    result = cross_validate(
        detector, images, positions, cv=2, scoring={"qc": QualityCount()}, n_jobs=2
    )
    assert result["test_qc"].shape == (2,)
    assert (result["test_qc"] > -0.2).all()
    assert cross_validate(detector, images, positions, cv=2)["test_score"].min() > 0.9


def test_simulated_crystals_are_found(scenes):
    scene = scenes[0]
    found = LoGStarDetector(max_sigma=4.0, threshold=0.03).fit_predict(scene.image)
    metrics = detection_metrics(found, scene.positions, shape=scene.image.shape, margin=1)
    assert metrics.f1 == 1


def test_no_warning_on_a_plain_run(image, detector):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.fit(image).predict(image)


class TestMask:
    """A mask leaves candidates out, and changes nothing else."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return make_scene(shape=(96, 110), sigma=3, noise=0.1, random_state=0)

    @pytest.fixture(scope="class")
    @classmethod
    def mask(cls):
        mask = np.zeros((96, 110), dtype=bool)
        mask[20:, 30:90] = True
        return mask

    def test_atoms_inside_are_those_of_the_whole_image(self, scene, mask):
        whole = LoGStarDetector(2, 4, 5, overlap=1.0).fit_predict(scene.image)
        part = LoGStarDetector(2, 4, 5, overlap=1.0, mask=mask.tolist()).fit_predict(scene.image)
        rows, cols = whole[:, :2].astype(int).T
        assert 0 < len(part) < len(whole)
        np.testing.assert_array_equal(part, whole[mask[rows, cols]])

    def test_a_sweep_counts_those_inside(self, scene, mask):
        detector = LoGStarDetector(2, 4, 5, mask=mask)
        candidates = detector.find_candidates(scene.image, 0.01)
        rows, cols = candidates.table[:, :2].astype(int).T
        assert mask[rows, cols].all()
        detector.set_params(threshold=0.02, overlap=0.3).fit(scene.image)
        assert len(detector.predict(scene.image)) == candidates.counts([0.02], [0.3])[0, 0]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (np.ones((96, 110)), "mask must be a 2-D array of booleans"),
            (np.ones((9, 9), dtype=bool), r"mask has shape \(9, 9\), image 0 \(96, 110\)"),
        ],
    )
    def test_refused(self, scene, wrong, message):
        with pytest.raises(ValueError, match=message):
            LoGStarDetector(mask=wrong).fit(scene.image)


def test_a_threshold_at_each_pixel():
    """What responds by more at its own place is pruned as one image, like with one number."""
    scene = make_scene(shape=(96, 112), noise=0.3, random_state=0)
    field = np.geomspace(0.02, 0.2, 112) * np.ones((96, 1))
    detector = LoGStarDetector(2, 4, 4, threshold=field, overlap=0.3).fit(scene.image)
    found = detector.detect(scene.image)
    table = detector.find_candidates(scene.image, 0.02).table
    kept = table[table[:, 3] > field[table[:, 0].astype(int), table[:, 1].astype(int)]]
    by_hand = ScaleSpaceCandidates(kept, threshold=0.02).detections(0.02, 0.3)
    assert np.array_equal(found, by_hand)
    same = LoGStarDetector(2, 4, 4, threshold=np.full((96, 112), 0.05)).fit_predict(scene.image)
    one = LoGStarDetector(2, 4, 4, threshold=0.05).fit_predict(scene.image)
    assert np.array_equal(same, one)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (np.ones((10, 20)), r"threshold has shape \(10, 20\), image 0 \(64, 64\)"),
        (np.full((64, 64), np.nan), "threshold must be a number, or finite numbers"),
        (np.ones(64), "in a 2-D array of the image's shape, got an array of shape"),
    ],
)
def test_refuses_thresholds_that_are_no_field(threshold, message):
    image = make_scene(shape=(64, 64), random_state=0).image
    with pytest.raises(ValueError, match=message):
        LoGStarDetector(2, 4, 4, threshold=threshold).fit(image)


def test_one_threshold_is_needed_for_a_plateau():
    image = make_scene(shape=(64, 64), random_state=0).image
    detector = LoGStarDetector(2, 4, 4, threshold=np.ones((64, 64)))
    with pytest.raises(ValueError, match="one number is needed here"):
        CountStability().plateau(detector, image)
