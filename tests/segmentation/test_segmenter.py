"""AmorphousGMMSegmenter: pockets are found, crystals are clean, and scikit-learn's contract."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from logstar import Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.io import Micrograph
from logstar.rewards import Compactness, DisorderSeparation, Perimeter
from logstar.segmentation import AmorphousGMMSegmenter, AtomPatches, AtomTypeGMM
from logstar.segmentation._atoms import atoms_of_type, check_atom_type
from logstar.units import PixelSize

LOW, HIGH = Lattice.ybco(pixel_size=0.2).sigma_range
SHAPE = (256, 256)
POCKET = (128.0, 120.0, 45.0)


def make_detector():
    return LoGStarDetector((LOW + HIGH) / 2, HIGH)


def make_segmenter(**parameters):
    return AmorphousGMMSegmenter(make_detector(), random_state=0, **parameters)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="module")
def scene():
    return make_scene(shape=SHAPE, amorphous_pockets=[POCKET], noise=0.1, random_state=0)


@pytest.fixture(scope="module")
def fitted(scene):
    return make_segmenter().fit(scene.image)


def test_a_pocket_is_found_where_it_is(scene, fitted):
    assert overlap(fitted.mask_, scene.amorphous_mask) >= 0.8
    (region,) = fitted.regions_
    assert region.area == fitted.mask_.sum()
    assert np.hypot(region.centroid[0] - POCKET[0], region.centroid[1] - POCKET[1]) < 5
    inside = fitted.mask_[tuple(np.rint(fitted.positions_).astype(int).T)]
    assert_array_equal(fitted.atom_labels_, inside)
    assert region.n_atoms == fitted.atom_labels_.sum()


def test_amorphous_atoms_have_the_higher_posterior(fitted):
    labels = fitted.atom_labels_ == 1
    assert fitted.posteriors_[labels].mean() > 0.5
    assert fitted.posteriors_[~labels].mean() < 0.1


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"noise": 0.3},
        {"noise": 0.1, "gradient": 0.5},
        {"noise": 0.1, "rotation": 17.0},
        {"noise": 0.05, "vacancy_fraction": 0.01},
    ],
    ids=["clean", "noisy", "gradient", "rotated", "vacancies"],
)
def test_a_crystal_has_no_region(parameters):
    scene = make_scene(shape=SHAPE, random_state=1, **parameters)
    segmenter = make_segmenter().fit(scene.image)
    assert not segmenter.mask_.any()
    assert not segmenter.probability_.any()
    assert segmenter.regions_ == []
    assert not segmenter.atom_labels_.any()


def test_a_gap_without_atoms_belongs_to_its_pocket(scene):
    """Nothing is found in the middle of the pocket, and yet the region has no hole."""
    row, col, radius = POCKET
    atoms = scene.positions
    away = np.hypot(atoms[:, 0] - row, atoms[:, 1] - col) > radius / 2
    segmenter = make_segmenter().fit(scene.image, positions=atoms[away])
    assert segmenter.mask_[int(row), int(col)]
    assert overlap(segmenter.mask_, scene.amorphous_mask) >= 0.75


def test_higher_thresholds_give_smaller_masks(scene):
    masks = [make_segmenter(threshold=t).fit(scene.image).mask_ for t in (0.4, 0.7, 0.9)]
    areas = [mask.sum() for mask in masks]
    assert areas[0] > areas[1] > areas[2] > 0


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_covariance_types_and_more_components(scene, covariance_type):
    segmenter = make_segmenter(covariance_type=covariance_type, n_components=3, n_pca=2)
    assert overlap(segmenter.fit(scene.image).mask_, scene.amorphous_mask) > 0.5


def test_one_type_alone_tells_the_pocket(scene, fitted):
    segmenter = make_segmenter(atom_type=0).fit(scene.image)
    assert len(segmenter.positions_) < 0.6 * len(fitted.positions_)
    assert overlap(segmenter.mask_, scene.amorphous_mask) > 0.5


def test_one_orientation_of_a_type_is_told_from_the_other():
    scene = make_scene(Lattice.ybco(pixel_size=0.2), (256, 256), noise=0.05, random_state=0)
    types = AtomTypeGMM(random_state=0)
    types.fit(AtomPatches().fit_transform(scene.image, positions=scene.positions))
    label = max(
        types.labels_, key=lambda i: len(np.unique(types.orientations_[types.labels_ == i]))
    )
    mine = types.orientations_[types.labels_ == label]
    assert len(np.unique(mine)) > 1
    for orientation in np.unique(mine):
        chosen = atoms_of_type(
            scene.image, scene.positions, (int(label), int(orientation)), clone(types), None
        )
        assert len(chosen) == np.sum(mine == orientation)


def test_predicting_the_fitted_image_and_another_one(scene, fitted):
    assert_array_equal(fitted.predict(scene.image), fitted.mask_)
    assert_array_equal(fitted.predict_proba(scene.image), fitted.probability_)
    other = make_scene(shape=SHAPE, amorphous_pockets=[(90, 150, 40)], noise=0.1, random_state=3)
    assert overlap(fitted.predict(other.image), other.amorphous_mask) > 0.7
    crystal = make_scene(shape=SHAPE, noise=0.1, random_state=4)
    assert not fitted.predict(crystal.image).any()


def test_the_same_on_any_number_of_threads_and_again(scene, fitted):
    for segmenter in (clone(fitted), make_segmenter(n_jobs=2), pickle.loads(pickle.dumps(fitted))):
        segmenter.fit(np.asfortranarray(scene.image))
        assert_array_equal(segmenter.probability_, fitted.probability_)


def test_the_input_is_left_alone(scene, fitted):
    image = scene.image.copy()
    image.flags.writeable = False
    assert_array_equal(make_segmenter().fit(image).mask_, fitted.mask_)
    assert_array_equal(image, scene.image)


def test_memory_gives_the_same(scene, fitted, tmp_path):
    for _ in range(2):
        segmenter = make_segmenter(memory=str(tmp_path)).fit(scene.image)
        assert_array_equal(segmenter.probability_, fitted.probability_)


def test_memory_computes_each_part_once(scene, tmp_path):
    make_segmenter(memory=str(tmp_path)).fit(scene.image)
    entries = sorted(tmp_path.rglob("output.pkl"))
    assert len(entries) == 3  # atoms, residual, components
    make_segmenter(memory=str(tmp_path), threshold=0.5, covariance_type="diag").fit(scene.image)
    assert sorted(tmp_path.rglob("output.pkl")) == entries


def test_a_tuned_search_is_taken_as_it_is(scene, fitted):
    tuned = make_detector().fit(scene.image)
    segmenter = AmorphousGMMSegmenter(FrozenEstimator(tuned), random_state=0).fit(scene.image)
    assert_array_equal(segmenter.mask_, fitted.mask_)


def test_a_search_tunes_it(scene, tmp_path):
    search = MOBOSearchCV(
        make_segmenter(memory=str(tmp_path)),
        {"window_size": (3, 15), "threshold": (0.2, 0.9), "covariance_type": ["full", "diag"]},
        scoring={
            "compactness": Compactness(),
            "perimeter": Perimeter(),
            "separation": DisorderSeparation(),
        },
        n_iter=8,
        n_initial_points=6,
        random_state=0,
    ).fit(scene.image)
    assert np.isfinite(search.pareto_front_).all()
    assert overlap(search.predict(scene.image), scene.amorphous_mask) > 0.5
    best = search.select("separation")
    assert search.cv_results_["objective_separation"][best] == np.nanmax(
        search.cv_results_["objective_separation"]
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 1}, "n_components must be at least 2"),
        ({"n_components": 500}, "atoms are too few"),
        ({"n_pca": 0}, "n_pca"),
        ({"window_size": 0}, "window_size"),
        ({"window_size": 4000}, "window_size=4000 is larger"),
        ({"threshold": 1.5}, "threshold"),
        ({"covariance_type": "round"}, "covariance_type must be one of"),
        ({"atom_type": 77}, "no atom is of atom_type=77"),
        ({"atom_type": (0, 1, 2)}, "atom_type must be"),
    ],
)
def test_bad_parameters_are_named(scene, parameters, message):
    with pytest.raises(ValueError, match=message):
        make_segmenter(**parameters).fit(scene.image)


def test_bad_images_and_positions(scene):
    with pytest.raises(ValueError, match="2-D"):
        make_segmenter().fit(np.stack([scene.image, scene.image]))
    with pytest.raises(ValueError, match="atoms are too few"):
        make_segmenter().fit(scene.image, positions=scene.positions[:5])
    with pytest.raises(ValueError, match="window of"):
        make_segmenter().fit(scene.image[:40, :40], positions=scene.positions[:25] / 8)
    with pytest.raises(ValueError, match="constant"):
        make_segmenter().fit(np.ones(SHAPE), positions=scene.positions)
    with pytest.raises(NotFittedError):
        make_segmenter().predict(scene.image)


def test_given_positions_leave_no_detector_for_other_images(scene):
    segmenter = make_segmenter().fit(scene.image, positions=scene.positions)
    with pytest.raises(ValueError, match="has no detector"):
        segmenter.predict(scene.image + 1)


def test_no_warning_on_ordinary_scenes(scene):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_segmenter().fit(scene.image)


def test_regions_know_their_size_in_units(scene):
    segmenter = make_segmenter(pixel_size="0.02 nm").fit(scene.image)
    (region,) = segmenter.regions_
    assert segmenter.pixel_size_ == PixelSize(0.02, "nm")
    assert region.unit == "nm"
    assert region.area_in_units == pytest.approx(region.area * 0.0004)
    assert region.perimeter_in_units == pytest.approx(region.perimeter * 0.02)
    micrograph = Micrograph(scene.image, PixelSize(0.02, "nm"))
    of_file = make_segmenter().fit(micrograph)
    assert of_file.regions_ == segmenter.regions_
    assert_array_equal(of_file.predict(micrograph), segmenter.mask_)
    plain = make_segmenter().fit(scene.image)
    assert plain.pixel_size_ is None
    assert plain.regions_[0].area_in_units is None
    assert make_segmenter(pixel_size=0.2).fit(scene.image).pixel_size_ == PixelSize(0.2, "A")
    with pytest.raises(ValueError, match="pixel_size"):
        make_segmenter(pixel_size="0.2 s").fit(scene.image)


def test_what_is_rejected_is_known(scene, fitted):
    assert fitted.rejected_ == []
    assert not fitted.rejected_mask_.any()
    strict = make_segmenter(min_disorder=3.0).fit(scene.image)
    assert strict.regions_ == []
    (region,) = strict.rejected_
    assert_array_equal(strict.rejected_mask_, fitted.mask_)
    assert region.area == fitted.regions_[0].area
    # What is kept is not rejected as well, though both reach to the pixels between them.
    both = make_segmenter(threshold=0.3, min_atoms=0.0).fit(scene.image)
    assert not (both.mask_ & both.rejected_mask_).any()


def test_the_fitted_image_is_recognised_by_its_pixels(scene, fitted):
    """Not by its identity: writing into the array afterwards makes it another image."""
    image = scene.image.copy()
    segmenter = make_segmenter().fit(image, positions=scene.positions)
    assert_array_equal(segmenter.predict(image.copy()), segmenter.mask_)
    image[0, 0] += 1
    with pytest.raises(ValueError, match="has no detector"):
        segmenter.predict(image)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(scene.image), fitted.mask_)


def test_nothing_heavy_is_imported_for_the_geometry_of_regions():
    code = (
        "import sys, logstar.rewards\n"
        "heavy = ('sklearn.mixture', 'sklearn.decomposition', 'scipy.signal', 'skimage.measure')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("atom_type", [None, 0, 2, (0, 0), (3, 1)])
def test_types_and_orientations_count_from_zero(atom_type):
    check_atom_type(atom_type)


@pytest.mark.parametrize("atom_type", [-1, (0, -1), (-1, 0), (0,), (0, 0, 0)])
def test_what_is_no_type_is_refused(atom_type):
    with pytest.raises(ValueError, match="atom_type"):
        check_atom_type(atom_type)
