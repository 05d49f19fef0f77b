"""Where atoms can be, against scenes whose atoms are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_scene, make_typical_scene
from logstar.lattice import ImageLattice, Lattice
from logstar.lattice._field_of_view import in_field
from logstar.metrics import detection_metrics
from logstar.tuning import AtomFinder, Expectation
from logstar.tuning._field import (
    _distances_to,
    _surroundings,
    field_of_columns,
    find_field,
    flat_regions,
    looking_within,
    vacancy_radius,
)

CRYSTAL = Lattice.perovskite(4.0, 0.25)


def f1(found, scene):
    tolerance = scene.lattice.nearest_distance / 4
    return detection_metrics(found, scene.positions, tolerance=tolerance).f1


class TestRadiusOfAVacancy:
    def test_square(self):
        square = Lattice(10, 10, columns=CRYSTAL.columns[:1], pixel_size=None)
        assert vacancy_radius(square) == pytest.approx(10, rel=0.01)

    def test_honeycomb(self):
        """Its middles are as far from the columns as the neighbours are from one another."""
        scene = make_typical_scene("holes", (160, 160))
        nearest = scene.lattice.nearest_distance
        assert vacancy_radius(scene.lattice) == pytest.approx(nearest, rel=0.02)


@pytest.mark.parametrize("kind", ["particle", "supported_particle", "flake_edge", "holes"])
@pytest.mark.parametrize("seed", [0, 1])
def test_partly_empty_fields(kind, seed):
    scene = make_typical_scene(kind, (320, 320), random_state=seed)
    expected = Expectation.from_image(scene.image)
    inside = in_field(scene.positions, scene.image.shape, 0.0, expected.field)
    assert inside.mean() > 0.98
    # Half a distance beyond the columns, and not farther.
    columns = np.ones(scene.image.shape, dtype=bool)
    columns[tuple(np.round(scene.positions).astype(int).T)] = False
    far = ndimage.distance_transform_edt(columns) > 2 * scene.lattice.nearest_distance
    assert expected.field[far].mean() < 0.02
    assert expected.field_share < 0.99
    finder = AtomFinder(refine=None).fit(scene.image)
    assert f1(finder.atoms_.positions, scene) > 0.975
    assert finder.verdict_.remarks[0].endswith("% of the field looks empty")


def one_cell_missing(n):
    scene = make_scene(CRYSTAL, (170, 170), noise=0.05, rotation=7, random_state=0)
    middle = scene.positions[np.argmin(np.linalg.norm(scene.positions - 85, axis=1))]
    missing = np.argsort(np.linalg.norm(scene.positions - middle, axis=1))[:n]
    image = scene.image.astype(np.float64)
    rows, cols = np.indices(image.shape)
    sigma = CRYSTAL.nearest_distance * 0.35
    for row, col in scene.positions[missing]:
        hole = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2)) ** 0.5
        image += hole * (np.median(image[:20, :20].min()) - image)
    return image, scene.positions[missing]


@pytest.mark.parametrize(("n", "is_hole"), [(1, False), (5, True)])
def test_a_hole_of_a_cell_is_one_and_a_vacancy_is_none(n, is_hole):
    image, places = one_cell_missing(n)
    lattice = ImageLattice.from_image(image)
    field = find_field(image, lattice, seen=lattice)
    if not is_hole:
        assert field is None
    else:
        assert not field[tuple(np.round(places[0]).astype(int))]
        assert 0.98 < field.mean() < 0.999


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_a_full_field_is_everywhere(noise):
    scene = make_scene(CRYSTAL, (200, 200), noise=noise, rotation=7, random_state=2)
    assert Expectation.from_image(scene.image).field is None


def test_noise_has_no_columns(rng):
    image = rng.normal(size=(160, 160))
    assert field_of_columns(image, CRYSTAL) is None
    assert find_field(image, CRYSTAL) is None
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, 50:] = True
    assert np.array_equal(find_field(image, CRYSTAL, mask=mask), mask)


def test_dark_columns_are_those_of_the_negative():
    scene = make_typical_scene("flake_edge", (256, 256), random_state=1)
    lattice = ImageLattice.from_image(scene.image)
    dark = ImageLattice.from_image(-scene.image, polarity="dark")
    field = find_field(scene.image, lattice, seen=lattice)
    assert np.array_equal(field, find_field(-scene.image, dark, seen=dark, polarity="dark"))


def test_the_strongest_maxima_tell_the_field_where_no_lattice_is_known():
    """The grains of a five-fold particle have no lattice in common."""
    scene = make_typical_scene("five_fold_particle", (256, 256), random_state=0)
    field = find_field(scene.image, scene.lattice)
    assert in_field(scene.positions, scene.image.shape, 0.0, field).mean() > 0.99
    assert field.mean() < 1.1 * len(scene.positions) / scene.lattice.n_expected((256, 256))
    finder = AtomFinder(scene.lattice.with_mask(None), refine=None).fit(scene.image)
    assert f1(finder.atoms_.positions, scene) > 0.98


def test_the_mask_of_a_crystal_holds_for_the_search():
    scene = make_typical_scene("particle", (256, 256), random_state=3)
    finder = AtomFinder(scene.lattice, refine=None).fit(scene.image)
    assert f1(finder.atoms_.positions, scene) > 0.985


class TestDistances:
    """Without a transform of the whole image."""

    SHAPE = (61, 83)

    @pytest.fixture
    def places(self, rng):
        return np.column_stack([rng.integers(0, size, 40) for size in self.SHAPE])

    @pytest.mark.parametrize("share", [0.001, 0.3, 1.0])
    def test_from_an_area(self, rng, places, share):
        area = ndimage.binary_opening(rng.uniform(size=self.SHAPE) < share**0.1)
        area[5, 7] = True
        exact = ndimage.distance_transform_edt(~area)[tuple(places.T)]
        np.testing.assert_allclose(_distances_to(area, places), exact)

    def test_from_nothing(self, places):
        assert np.isinf(_distances_to(np.zeros(self.SHAPE, dtype=bool), places)).all()

    @pytest.mark.parametrize(("nearest", "gap"), [(3.0, 4.1), (7.9, 8.0), (40.0, 45.0)])
    def test_surroundings_of_columns(self, places, nearest, gap):
        columns = np.ones(self.SHAPE, dtype=bool)
        columns[tuple(places.T)] = False
        closed = ndimage.distance_transform_edt(columns) <= gap
        frame = int(np.ceil(nearest / 2))
        closed = np.pad(closed[frame:-frame, frame:-frame], frame, mode="edge")
        expected = closed
        if not closed.all():
            expected = ndimage.distance_transform_edt(closed) > gap - nearest / 2
        np.testing.assert_array_equal(_surroundings(places, self.SHAPE, nearest, gap), expected)


class TestSaturation:
    @pytest.mark.parametrize("share", [0.2, 0.9])
    def test_flat_is_what_equals_all_around(self, rng, share):
        # In patches of three pixels each way.
        image = np.kron(rng.uniform(size=(14, 19)) < share, np.ones((3, 3)))
        equal = ndimage.maximum_filter(image, 3) == ndimage.minimum_filter(image, 3)
        whole = ndimage.binary_dilation(equal, np.ones((3, 3)))
        np.testing.assert_array_equal(flat_regions(image, 0.5), whole)

    def test_flat_regions(self):
        image = np.random.default_rng(0).uniform(size=(60, 70))
        image[10:40, 20:50] = 2.0
        image[50:53, 60:63] = 2.0
        flat = flat_regions(image, 8.0)
        assert flat[10:40, 20:50].all()
        assert flat.sum() == 900
        assert not flat_regions(image[:10], 8.0).any()

    def test_a_saturated_core_is_left_out(self):
        scene = make_typical_scene("saturated", (320, 320), random_state=0)
        finder = AtomFinder(refine=None).fit(scene.image)
        assert f1(finder.atoms_.positions, scene) > 0.97
        core = ndimage.binary_opening(scene.image == scene.image.max(), np.ones((15, 15)))
        assert core.sum() > 1000
        assert not finder.field_[core].any()


class TestOtherImages:
    def test_the_field_follows_the_crystal(self):
        scene = make_typical_scene("particle", (256, 256), random_state=0)
        finder = AtomFinder(refine=None).fit(scene.image)
        there = np.roll(scene.image, 60, axis=1)
        moved = dataclasses.replace(scene, positions=(scene.positions + np.array([0, 60])) % 256)
        assert np.array_equal(finder.predict(scene.image), finder.fit_predict(scene.image))
        assert f1(finder.predict([there])[0][:, :2], moved) > 0.97

    def test_the_fitted_detector_stays(self):
        scene = make_scene(CRYSTAL, (128, 128), noise=0.1, random_state=0)
        detector = AtomFinder(CRYSTAL).fit(scene.image).detector_
        left = np.zeros(scene.image.shape, dtype=bool)
        left[:, :64] = True
        assert looking_within(detector, left).predict(scene.image)[:, 1].max() < 64
        assert detector.mask is None


class TestSmallDenseNoisy:
    def test_columns_four_pixels_apart(self):
        crystal = Lattice.perovskite(4.0, 0.7)
        assert crystal.nearest_distance == pytest.approx(4.04, abs=0.01)
        scene = make_scene(crystal, (128, 128), rotation=9, noise=0.1, random_state=0)
        assert f1(AtomFinder(refine=None).fit(scene.image).atoms_.positions, scene) > 0.97

    def test_noise_stronger_than_the_columns(self):
        crystal = Lattice.perovskite(4.0, 0.2)
        scene = make_scene(crystal, (200, 200), rotation=9, noise=1.2, random_state=0)
        finder = AtomFinder(denoise="auto", refine=None).fit(scene.image)
        assert f1(finder.atoms_.positions, scene) > 0.97


def test_what_misses_half_of_the_atoms_does_not_say_ok():
    scene = make_typical_scene("low_dose", (256, 256), random_state=0)
    finder = AtomFinder(None, refine=None).fit(scene.image)
    assert f1(finder.atoms_.positions, scene) < 0.9
    assert finder.verdict_.status == "check"
