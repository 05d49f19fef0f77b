"""Images of several grains, by the lattices that they show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import KDTree

from logstar import AtomFinder, find_atoms
from logstar.datasets import make_typical_scene
from logstar.exceptions import CalibrationError
from logstar.io import read_image
from logstar.metrics import detection_metrics
from logstar.tuning import Expectation
from logstar.tuning._grains import GrainQuality
from tests.lattice.grain_scenes import compose, half, hexagonal, perovskite

SHAPE = (384, 384)
LEFT = half(SHAPE)


def inside(atoms, shape, margin):
    return atoms[((atoms >= margin) & (atoms <= np.array(shape) - 1 - margin)).all(axis=1)]


@pytest.mark.parametrize(
    "grains",
    [
        [(perovskite(), 5, LEFT), (perovskite(), 30, ~LEFT)],
        [(hexagonal(), 5, LEFT), (hexagonal(), 28, ~LEFT)],
        [(perovskite(), 5, LEFT), (hexagonal(), 20, ~LEFT)],
    ],
    ids=["perovskite", "hexagonal", "two phases"],
)
def test_atoms_of_several_grains_are_found_and_expected(grains):
    scene = compose(SHAPE, grains)
    finder = AtomFinder().fit(scene.image)
    assert len(finder.expectation_.grains) == 2
    nearest = min(lattice.nearest_distance for lattice, _, _ in grains)
    metrics = detection_metrics(
        finder.atoms_, scene.atoms, tolerance=nearest / 4, shape=SHAPE, margin=4
    )
    assert metrics.f1 > 0.985
    # Those expected are at least 0.2 of the nearest distance away from the edges.
    true = len(inside(scene.atoms, SHAPE, 0.2 * nearest))
    assert abs(finder.expectation_.n_expected - true) < 2 * finder.expectation_.count.uncertainty
    rows = dict(finder.report().rows)
    assert rows["grains"].startswith("2 grains, misorientation")
    values = finder.report().as_dict()["grains"]
    assert sum(values["n_found"]) == len(finder.atoms_)
    assert finder.expectation_.distance_sum == min(values["distance_sums"])


def test_an_atom_is_flagged_by_the_distance_sum_of_its_grain():
    scene = compose(SHAPE, [(perovskite(), 5, LEFT), (hexagonal(18), 20, ~LEFT)])
    finder = AtomFinder().fit(scene.image)
    grains = finder.expectation_.grains
    table = finder.atoms_.positions
    sums = np.sort(KDTree(table).query(table, k=5)[0][:, 1:]).sum(axis=1)
    limits = np.array([lattice.distance_sum_threshold(4) for lattice in grains.lattices])
    assert limits.max() > 1.1 * limits.min()
    owners = grains.grain_of(table)
    assert (owners > 0).all()
    assert np.array_equal(finder.atoms_["flagged"], sums < limits[owners - 1])


def test_a_bright_grain_does_not_pass_for_the_whole_image():
    left = compose(SHAPE, [(perovskite(), 5, LEFT)], noise=0.0)
    right = compose(SHAPE, [(hexagonal(), 20, ~LEFT)], noise=0.0)
    noise = 0.1 * np.random.default_rng(0).normal(size=SHAPE)
    finder = AtomFinder().fit(left.image + 2.5 * right.image + noise)
    assert finder.expectation_.grains is not None
    assert len(finder.expectation_.grains) == 2
    assert finder.verdict_.status in {"ok", "check"}


def test_one_crystal_is_expected_as_before():
    scene = compose(SHAPE, [(perovskite(), 5, np.ones(SHAPE, dtype=bool))])
    expected = Expectation.from_image(scene.image)
    assert expected.grains is None
    assert AtomFinder().fit(scene.image).report().as_dict()["grains"] is None


def test_the_atoms_of_a_gold_bicrystal(shared_data):
    path = shared_data / "real" / "atomsegnet_Grain_boundry_gold_512px.png"
    finder = find_atoms(path)
    assert len(finder.expectation_.grains) == 2
    # Careful maxima: of the image smoothed by a quarter of the nearest distance, each the highest
    # within half of it.
    smooth = ndimage.gaussian_filter(np.asarray(read_image(path).image, dtype=float), 4.5)
    maxima = np.argwhere(smooth == ndimage.maximum_filter(smooth, footprint=_disc(9)))
    metrics = detection_metrics(
        finder.atoms_, maxima, tolerance=18.6 / 4, shape=(512, 512), margin=5
    )
    assert metrics.f1 > 0.97


def _disc(radius):
    rows, cols = np.indices((2 * radius + 1, 2 * radius + 1)) - radius
    return rows**2 + cols**2 <= radius**2


@pytest.mark.parametrize("kind", ["twin", "five_fold_particle"])
def test_grains_of_a_crystal_that_was_told(kind):
    # One lattice of the image is what both twins have in common, or there is none.
    scene = make_typical_scene(kind, (384, 384), random_state=0)
    expected = Expectation.from_image(scene.image, scene.lattice.with_mask(None))
    assert len(expected.grains) == len(scene.grains)
    assert expected.strangers == ()
    assert expected.comparison.agrees
    assert abs(expected.comparison.pixel_size_error) < 0.006
    assert expected.n_expected == pytest.approx(len(scene.positions), rel=0.03)


def test_a_grain_that_is_not_of_the_crystal_is_told():
    scene = compose(SHAPE, [(perovskite(), 5, LEFT), (hexagonal(), 20, ~LEFT)])
    finder = AtomFinder(perovskite()).fit(scene.image)
    (stranger,) = finder.expectation_.strangers
    assert finder.expectation_.grains.mask_of(stranger)[200, 350]
    assert finder.verdict_.status == "check"
    assert any("shows another lattice than the" in reason for reason in finder.verdict_.reasons)
    with pytest.raises(CalibrationError):
        Expectation.from_image(scene.image, perovskite(31.0))


def test_one_grain_only():
    scene = compose(SHAPE, [(perovskite(), 5, LEFT), (perovskite(), 30, ~LEFT)])
    for lattice in ("auto", perovskite()):
        found = [AtomFinder(lattice, grain=grain).fit(scene.image) for grain in (1, 2)]
        for one in found:
            assert one.expectation_.n_expected == pytest.approx(len(one.atoms_), rel=0.04)
            assert set(one.verdict_.reasons) <= {"gaps without atoms, 0.2% of the field"}
        sides = [np.median(one.atoms_["col"]) > 192 for one in found]
        assert sorted(sides) == [False, True]
        assert sum(len(one.atoms_) for one in found) == pytest.approx(len(scene.atoms), rel=0.05)
    with pytest.raises(ValueError, match="grain must be at most 2, got 3"):
        AtomFinder(grain=3).fit(scene.image)
    with pytest.raises(CalibrationError):
        AtomFinder(perovskite(31.0), grain=1).fit(scene.image)
    with pytest.raises(ValueError, match="none is looked for"):
        AtomFinder(None, grain=1).fit(scene.image)


def test_the_quality_of_each_grain_is_told():
    scene = compose(SHAPE, [(perovskite(), 5, LEFT), (perovskite(), 30, ~LEFT)])
    finder = AtomFinder().fit(scene.image)
    values = finder.report().as_dict()["grains"]
    assert values["n_found"] == pytest.approx(values["n_expected"], rel=0.05)
    assert sum(values["n_expected"]) == pytest.approx(finder.expectation_.n_expected)
    assert sum(values["n_flagged"]) == finder.atoms_["flagged"].sum()
    texts = [text for name, text in finder.report().rows if name == ""]
    assert any(text.startswith("grain 2: ") and "expected" in text for text in texts)
    lost = GrainQuality(2, 0.4, n_found=70, n_expected=100, n_flagged=0)
    assert lost.concern == "grain 2 has 30% fewer atoms than expected"
    assert GrainQuality(2, 0.4, n_found=95, n_expected=100, n_flagged=0).concern == ""


def test_grains_count_from_one():
    image = np.eye(64)
    with pytest.raises(ValueError, match="grain must be at least 1, got 0"):
        AtomFinder("auto", grain=0).fit(image)
    with pytest.raises(ValueError, match="grain chooses among the lattices that the image shows"):
        AtomFinder(None, grain=1).fit(image)
