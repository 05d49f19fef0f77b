"""The shipped network as an estimator."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from logstar.datasets import make_scene
from logstar.exceptions import OracleScaleWarning
from logstar.lattice import Lattice
from logstar.metrics import detection_metrics
from logstar.oracle import OnnxOracle
from logstar.rewards import QualityCount

pytest.importorskip("onnxruntime")

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)
SCENE = make_scene(CRYSTAL, shape=(240, 272), noise=0.3, random_state=0)


@pytest.fixture(scope="module")
def oracle():
    return OnnxOracle().fit(SCENE.image)


def f1(positions, scene=SCENE):
    near = scene.lattice.nearest_distance / 4
    return detection_metrics(
        positions, scene.positions, tolerance=near, shape=scene.image.shape, margin=near
    ).f1


def test_a_crystal_that_it_never_saw(oracle):
    assert f1(oracle.predict(SCENE.image)) > 0.975
    assert oracle.spacing_ == pytest.approx(CRYSTAL.nearest_distance, rel=0.02)


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_a_spacing_that_is_somewhat_wrong_does_little_harm(factor):
    oracle = OnnxOracle(spacing=factor * CRYSTAL.nearest_distance)
    with warnings.catch_warnings():
        # At 0.7 or 1.4 of this scale it is wrong by more than that.
        warnings.simplefilter("ignore", OracleScaleWarning)
        oracle.fit(SCENE.image)
    assert f1(oracle.predict(SCENE.image)) > 0.93


def test_dark_atoms_are_those_of_the_negated_image(oracle):
    dark = OnnxOracle(polarity="dark").fit(-SCENE.image)
    np.testing.assert_array_equal(dark.predict(-SCENE.image), oracle.predict(SCENE.image))


@pytest.mark.parametrize("kind", ["white", "smooth", "ramp"])
def test_where_nothing_is_it_finds_nothing(kind):
    rng = np.random.default_rng(1)
    image = rng.normal(size=(512, 512))
    if kind == "smooth":
        image = ndimage.gaussian_filter(image, 3)
    if kind == "ramp":
        image += np.linspace(0, 20, 512)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OracleScaleWarning)
        # Of 262,144 pixels; a million have one at the most.
        assert OnnxOracle(spacing=10.0).fit(image).count(image) <= 1


def test_tiles_make_no_difference(oracle):
    whole = oracle.predict_proba(SCENE.image)
    for tile in (8, 40, 96):
        tiled = clone(oracle).set_params(tile=tile, spacing=oracle.spacing_).fit(SCENE.image)
        np.testing.assert_allclose(tiled.predict_proba(SCENE.image), whole, atol=1e-5)


def test_positions_probabilities_and_counts_agree(oracle):
    table = oracle.detect(SCENE.image)
    assert table.shape[1] == 3
    assert (np.diff(table[:, 2]) <= 0).all()
    assert (table[:, 2] >= oracle.threshold).all()
    np.testing.assert_array_equal(oracle.predict(SCENE.image), table[:, :2])
    assert oracle.count(SCENE.image) == len(table)
    proba = oracle.predict_proba(SCENE.image)
    assert proba.shape == SCENE.image.shape
    assert 0 <= proba.min() < proba.max() <= 1
    # What the threshold leaves is what is that likely.
    stricter = copy.deepcopy(oracle).set_params(threshold=0.8)
    np.testing.assert_array_equal(stricter.detect(SCENE.image), table[table[:, 2] >= 0.8])


def test_a_stack_is_a_list_of_images(oracle):
    stack = np.stack([SCENE.image, SCENE.image[::-1]])
    found = oracle.predict(stack)
    assert [len(atoms) for atoms in found] == oracle.count(stack)
    np.testing.assert_array_equal(found[0], oracle.predict(SCENE.image))
    assert [proba.shape for proba in oracle.predict_proba(stack)] == [SCENE.image.shape] * 2
    assert OnnxOracle().fit(stack).spacing_ == pytest.approx(oracle.spacing_, rel=0.02)


def test_its_count_drives_the_quality_count(oracle):
    reward = QualityCount(oracle)
    found = oracle.predict(SCENE.image)
    assert reward.measure(found, X=SCENE.image) == 0
    assert reward.measure(found[: len(found) // 2], X=SCENE.image) == pytest.approx(-0.5, abs=0.01)


def test_counts_that_depend_on_the_scale_are_told():
    # Two kinds of columns at 2.5 of the true spacing: the network sees the brighter one alone.
    with pytest.warns(OracleScaleWarning, match="at another scale the network sees more atoms"):
        OnnxOracle(spacing=2.6 * CRYSTAL.nearest_distance).fit(SCENE.image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean = make_scene(CRYSTAL, shape=(240, 240), random_state=0).image
        counts = OnnxOracle().fit(clean).counts_
    assert set(counts) == {0.7, 1.0, 1.4}


def test_it_is_an_estimator(oracle):
    copied = pickle.loads(pickle.dumps(oracle))
    np.testing.assert_array_equal(copied.predict(SCENE.image), oracle.predict(SCENE.image))
    with pytest.raises(NotFittedError):
        clone(oracle).predict(SCENE.image)
    two = OnnxOracle(n_jobs=2).fit(SCENE.image)
    np.testing.assert_array_equal(two.predict(SCENE.image), oracle.predict(SCENE.image))
    np.testing.assert_array_equal(
        OnnxOracle().fit_predict(SCENE.image), oracle.predict(SCENE.image)
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 9)])
def test_tiny_images_have_no_atoms_or_some(shape):
    image = np.random.default_rng(0).random(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OracleScaleWarning)
        oracle = OnnxOracle(spacing=8.0).fit(image)
    assert oracle.predict(image).shape[1] == 2
    assert oracle.predict_proba(image).shape == shape


def test_a_constant_image_has_no_atom():
    image = np.full((64, 64), 7.0)
    assert OnnxOracle(spacing=8.0).fit(image).count(image) == 0
    assert OnnxOracle().fit(image).count(image) == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"spacing": 0.5}, "spacing"),
        ({"spacing": np.nan}, "spacing"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 2}, "threshold"),
        ({"tile": 0}, "tile"),
        ({"polarity": "grey"}, "polarity must be"),
        ({"model": "lattice-v0"}, "model must be 'lattice-v1' or the path of an ONNX file"),
    ],
)
def test_what_cannot_be_is_refused_by_name(parameters, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        OnnxOracle(**parameters).fit(SCENE.image)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"a\.onnx is no network that onnxruntime can read"):
        OnnxOracle(tmp_path / "a.onnx").fit(SCENE.image)
    with pytest.raises(TypeError, match="model must be a name or a path"):
        OnnxOracle(model=3).fit(SCENE.image)


def test_without_the_extra_the_error_names_it():
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "import numpy as np, logstar\n"
        "from logstar.oracle import OnnxOracle\n"
        "try: OnnxOracle().fit(np.zeros((9, 9)))\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "logstar[oracle]"' in run.stdout


def test_nothing_of_the_extra_is_imported_before_a_network_runs():
    code = (
        "import sys; from logstar.oracle import OnnxOracle, convert_weights\n"
        "from logstar.tuning import AtomFinder; AtomFinder(oracle=OnnxOracle())\n"
        "print([name for name in ('onnx', 'onnxruntime') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
