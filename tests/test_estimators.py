"""scikit-learn's own checks, on every estimator that is not a search.

They pass tables of a few columns as `X`. To an estimator of images such a table is an image of
30 x 3 pixels, to one of windows a list of windows that are no squares; what cannot hold for that
reason is listed here, each check with its reason. Searches have `model_selection/
test_sklearn_checks.py`.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import logstar
from logstar import (
    AmorphousGMMSegmenter,
    AtomPatches,
    AtomTypeGMM,
    DetectionPipeline,
    LoGStarDetector,
    preprocessing,
)
from logstar.datasets import make_scene
from logstar.detection import SignificanceDetector
from logstar.lattice import Lattice, LatticeIndexer
from logstar.oracle import OnnxOracle
from logstar.preprocessing import PatchPCADenoiser, ScanDistortionCorrector, ScanLineCorrector
from logstar.tuning import AtomFinder

IMAGE = "X is an image: its columns are pixels, not features that have a number or names"
COMPLEX = "the TypeError says 'must hold real numbers', not 'Complex data not supported'"
OBJECTS = "an array of objects is refused, even where these are numbers"
EMPTY = "the message tells the shape of the empty image, not a number of features"
ONE_D = "the message asks for a 2-D image, not to reshape the data"
ORDER = "the rows of an image are no samples: with another order it is another image"
SUBSET = "the rows of an image are no samples: a part of it is another image"
PER_ATOM = "there is a row for each atom, not for each row of the image"
COUNTS = "`score` compares with positions of atoms, not with one number for each row of X"
NO_ATOMS = "the check's noise of a few columns is an image without a single atom"
FEW_ATOMS = "the check's noise of a few columns is an image of fewer atoms than a crystal has"
NO_CRYSTAL = "the check's noise of a few columns is an image without a crystal"
KINDS = "what is fitted to beside positions are kinds of atoms, texts, and not a target of numbers"
NO_POSITIONS = "a table without atoms is a result that detectors give, and has no sites"
NO_PAIRS = "the message says that positions are rows and columns, not how many features they have"
NOT_SQUARE = "the check's table is no list of square windows: 2, 3, 5 or 10 pixels are no square"

OF_IMAGES = {
    "check_n_features_in_after_fitting": IMAGE,
    "check_n_features_in": IMAGE,
    "check_complex_data": COMPLEX,
    "check_dtype_object": OBJECTS,
    "check_estimators_empty_data_messages": EMPTY,
    "check_fit2d_predict1d": ONE_D,
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": SUBSET,
}
OWN_STEPS = "as scikit-learn's Pipeline, which it is, it fits its steps themselves, not clones"
AT_LEAST_TWO = "the check sets n_components=1, and one component tells nothing apart"
ONE_PIXEL = "windows of one pixel have no contrast; the message says so"
WINDOW = "denoising by what was learnt needs the window's size, not the image's: that may differ"

#: What is fitted to one image or one table of positions, never to a stack.
OF_ONE_IMAGE = {AmorphousGMMSegmenter, AtomFinder, LatticeIndexer, SignificanceDetector}
#: Checks that fit the estimator to a table first, and then look at something else. What they look
#: at is tested below on images and windows.
FITTING = (
    "check_dont_overwrite_parameters",
    "check_dict_unchanged",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
)
EXPECTED = {
    LoGStarDetector: {
        **OF_IMAGES,
        "check_fit_score_takes_y": COUNTS,
        "check_pipeline_consistency": COUNTS,
    },
    DetectionPipeline: {
        **OF_IMAGES,
        "check_fit_score_takes_y": COUNTS,
        "check_pipeline_consistency": COUNTS,
        "check_estimators_overwrite_params": OWN_STEPS,
        "check_dont_overwrite_parameters": OWN_STEPS,
    },
    SignificanceDetector: {name: why for name, why in OF_IMAGES.items() if why != SUBSET},
    AtomFinder: {name: why for name, why in OF_IMAGES.items() if why != SUBSET},
    LatticeIndexer: {
        **dict.fromkeys(FITTING, KINDS),
        "check_positive_only_tag_during_fit": KINDS,
        "check_dtype_object": KINDS,
        "check_fit2d_1sample": KINDS,
        "check_fit2d_predict1d": KINDS,
        "check_methods_sample_order_invariance": KINDS,
        "check_methods_subset_invariance": KINDS,
        "check_n_features_in": KINDS,
        "check_n_features_in_after_fitting": KINDS,
        "check_complex_data": COMPLEX,
        "check_estimators_empty_data_messages": NO_POSITIONS,
        "check_fit2d_1feature": NO_PAIRS,
    },
    AtomPatches: {
        **OF_IMAGES,
        "check_transformer_data_not_an_array": PER_ATOM,
        "check_transformer_general": PER_ATOM,
        "check_estimators_overwrite_params": NO_ATOMS,
        "check_estimators_fit_returns_self": NO_ATOMS,
        "check_readonly_memmap_input": NO_ATOMS,
        "check_fit2d_1sample": NO_ATOMS,
        "check_fit2d_1feature": NO_ATOMS,
        "check_fit_idempotent": NO_ATOMS,
        "check_fit_check_is_fitted": NO_ATOMS,
    },
    AtomTypeGMM: {
        **dict.fromkeys(FITTING, NOT_SQUARE),
        "check_clustering": NOT_SQUARE,
        "check_dtype_object": NOT_SQUARE,
        "check_fit2d_predict1d": NOT_SQUARE,
        "check_methods_sample_order_invariance": NOT_SQUARE,
        "check_methods_subset_invariance": NOT_SQUARE,
        "check_n_features_in": NOT_SQUARE,
        "check_transformer_data_not_an_array": NOT_SQUARE,
        "check_transformer_general": NOT_SQUARE,
        "check_transformer_n_iter": NOT_SQUARE,
        "check_transformer_preserve_dtypes": NOT_SQUARE,
        "check_fit2d_1feature": ONE_PIXEL,
    },
    AmorphousGMMSegmenter: {
        **OF_IMAGES,
        **dict.fromkeys(FITTING, FEW_ATOMS),
        "check_positive_only_tag_during_fit": FEW_ATOMS,
        "check_dont_overwrite_parameters": AT_LEAST_TWO,
        "check_fit2d_1sample": AT_LEAST_TWO,
        "check_fit2d_1feature": AT_LEAST_TWO,
    },
    ScanDistortionCorrector: {
        **OF_IMAGES,
        **dict.fromkeys(FITTING, NO_CRYSTAL),
        "check_fit2d_1sample": NO_CRYSTAL,
        "check_fit2d_1feature": NO_CRYSTAL,
        "check_positive_only_tag_during_fit": NO_CRYSTAL,
        "check_transformer_data_not_an_array": NO_CRYSTAL,
        "check_transformer_general": NO_CRYSTAL,
        "check_transformer_preserve_dtypes": NO_CRYSTAL,
    },
    PatchPCADenoiser: {
        **{name: why for name, why in OF_IMAGES.items() if why != ORDER},
        "check_transformer_general": WINDOW,
    },
}


def expected_failures(estimator):
    return EXPECTED.get(type(estimator), OF_IMAGES)


def estimators():
    # Kernels that reach one pixel, so that a table of three columns is an image large enough.
    detector = LoGStarDetector(min_sigma=0.25, max_sigma=0.3)
    yield detector
    yield DetectionPipeline([("detect", detector)])
    yield AtomPatches(detector, window_size=1)
    yield AtomTypeGMM(n_types=2, n_components=1)
    yield AmorphousGMMSegmenter(detector)
    yield SignificanceDetector()
    yield LatticeIndexer(Lattice.perovskite(4.0, pixel_size=0.2))
    yield AtomFinder(lattice=None)
    yield OnnxOracle(spacing=8.0)
    for name in preprocessing.__all__:
        yield getattr(preprocessing, name)()


@pytest.mark.filterwarnings(
    # Tables of noise are images with few atoms or none, and windows of them.
    "ignore::logstar.exceptions.NoAtomsWarning",
    # Of few atoms most depend on the scale.
    "ignore::logstar.exceptions.OracleScaleWarning",
)
@parametrize_with_checks(list(estimators()), expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    # Some checks draw from NumPy's global state: the order of rows decides whether a denoiser keeps
    # an image of noise that small.
    np.random.seed(0)  # noqa: NPY002
    check(estimator)


def public_modules():
    """All whose name has no underscore; napari's panels need Qt, and are no estimators."""
    yield logstar
    for found in pkgutil.walk_packages(logstar.__path__, "logstar."):
        inner = found.name.split(".")[1:]
        if inner[0] != "napari" and not any(part.startswith("_") for part in inner):
            yield importlib.import_module(found.name)


def test_all_estimators_are_checked():
    """Public classes with a `fit`; searches are checked elsewhere."""
    public = {
        getattr(module, name)
        for module in public_modules()
        for name in getattr(module, "__all__", ())
    }
    found = {
        item
        for item in public
        if inspect.isclass(item) and issubclass(item, BaseEstimator) and hasattr(item, "fit")
    }
    checked = {type(estimator) for estimator in estimators()}
    assert {item for item in found if item is not logstar.MOBOSearchCV} == checked


SCENE = make_scene(shape=(192, 192), amorphous_pockets=[(96, 96, 40)], noise=0.05, random_state=0)
DETECTOR = LoGStarDetector(3.0, 4.5)


def on_real_data():
    """Estimators with what they are made for."""
    windows = AtomPatches(window_size=15).fit_transform(SCENE.image, positions=SCENE.positions)
    for estimator in (
        DETECTOR,
        DetectionPipeline([("detect", DETECTOR)]),
        AtomPatches(DETECTOR, window_size=9),
        AmorphousGMMSegmenter(DETECTOR, random_state=0),
        SignificanceDetector(3.5),
        AtomFinder(),
        ScanDistortionCorrector(),
        OnnxOracle(),
    ):
        yield pytest.param(estimator, SCENE.image, id=type(estimator).__name__)
    yield pytest.param(AtomTypeGMM(random_state=0), windows, id="AtomTypeGMM")
    indexer = LatticeIndexer(SCENE.lattice)
    yield pytest.param(indexer, SCENE.positions, id="LatticeIndexer")


def outcome(estimator, X):
    if isinstance(estimator, LatticeIndexer):
        check_is_fitted(estimator)
        return estimator.indices_
    return estimator.transform(X) if hasattr(estimator, "transform") else estimator.predict(X)


@pytest.mark.filterwarnings(
    # Places alone do not tell the kinds of a crystal of which a pocket is missing.
    "ignore::logstar.exceptions.AmbiguousMotifWarning",
)
@pytest.mark.parametrize(("estimator", "X"), list(on_real_data()))
def test_what_those_checks_mean_on_real_data(estimator, X):
    """Fitting twice, other layouts, read-only input, pickles: all the same, and nothing changed."""
    params = {name: repr(value) for name, value in clone(estimator).get_params().items()}
    original = X.copy()
    fitted = clone(estimator)
    assert fitted.fit(X) is fitted
    expected = outcome(fitted, X)
    read_only = X.copy()
    read_only.flags.writeable = False
    others = [
        outcome(fitted.fit(X), X),
        outcome(clone(estimator).fit(read_only), read_only),
        outcome(clone(estimator).fit(np.asfortranarray(X)), np.asfortranarray(X)),
        outcome(pickle.loads(pickle.dumps(fitted)), X),
    ]
    for other in others:
        # Sums in single precision round by where arrays happen to lie in memory.
        np.testing.assert_allclose(other, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(X, original)
    assert {name: repr(value) for name, value in clone(fitted).get_params().items()} == params
    with pytest.raises(NotFittedError):
        outcome(clone(estimator), X)
    bad = X.copy()
    bad[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN|not finite"):
        clone(estimator).fit(bad)


@pytest.mark.parametrize(("estimator", "X"), list(on_real_data()))
def test_sparse_input_is_named_as_such(estimator, X):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        clone(estimator).fit(sparse.csr_array(X))


@pytest.mark.parametrize("estimator", list(estimators()), ids=lambda e: type(e).__name__)
def test_tags_are_true(estimator):
    tags = get_tags(estimator)
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array == (type(estimator) not in OF_ONE_IMAGE)
    assert not tags.input_tags.sparse
    assert (tags.transformer_tags is not None) == hasattr(estimator, "transform")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transformers_keep_the_types_that_they_say(dtype):
    image = SCENE.image.astype(dtype)
    patches = AtomPatches(window_size=9).fit(image, positions=SCENE.positions)
    found = patches.transform(image, positions=SCENE.positions)
    assert (found.dtype == dtype) == (
        np.dtype(dtype).name in get_tags(patches).transformer_tags.preserves_dtype
    )
    types = AtomTypeGMM(random_state=0).fit(found.astype(dtype))
    assert (types.transform(found.astype(dtype)).dtype == dtype) == (
        np.dtype(dtype).name in get_tags(types).transformer_tags.preserves_dtype
    )
    for transformer in (ScanLineCorrector(), preprocessing.GaussianDenoiser()):
        assert transformer.fit_transform(image).dtype == dtype
        assert np.dtype(dtype).name in get_tags(transformer).transformer_tags.preserves_dtype
