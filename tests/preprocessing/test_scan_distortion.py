"""Distortions of scans, against those that the scenes were made with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar import LoGStarDetector
from logstar.datasets import (
    Grain,
    ScanDistortion,
    compose_scene,
    make_scene,
    make_typical_scene,
)
from logstar.detection import DetectionPipeline
from logstar.exceptions import CalibrationError, NotOneLatticeError
from logstar.lattice import ImageLattice, Lattice
from logstar.metrics import detection_metrics
from logstar.preprocessing import GaussianDenoiser, ScanDistortionCorrector
from logstar.tuning import AtomFinder

CRYSTAL = Lattice.perovskite(3.905, 0.2)
#: A margin in pixels: towards the edges there is the less to average.
INNER = (slice(20, -20),) * 2


def scan_of(seed=0, shape=(256, 256), **distortion):
    grain = Grain(CRYSTAL, rotation=10 + 29 * seed, jitter=0.2)
    scan = ScanDistortion(**distortion)
    return compose_scene(shape, [grain], scan=scan, background=0.15, dose=60.0, random_state=seed)


def left_of(scene, corrector):
    """By how much pixels are off, but for a shift of the whole image, which nothing tells."""
    off = corrector.displacement_ - scene.displacement
    return off - off.mean(axis=(0, 1))


def rms(values):
    return float(np.sqrt(np.mean(np.square(values), axis=(0, 1)).max()))


@settings(max_examples=4, deadline=None)
@given(
    st.integers(0, 5),
    st.floats(-12, 12),
    st.floats(-12, 12),
    st.floats(0, 1.5),
    st.floats(0, 0.8),
)
def test_distortions_are_recovered(seed, down, across, bend, jitter):
    scene = scan_of(seed, drift=(down, across), bend=bend, row_jitter=jitter)
    corrector = ScanDistortionCorrector(CRYSTAL, scale="lattice").fit(scene.image)
    # Columns are displaced by 0.2 px each, and a row crosses a dozen of them.
    assert rms(left_of(scene, corrector)[INNER]) < 0.25


@pytest.mark.parametrize("kind", ["bent_drift", "affine_drift"])
def test_typical_scans_are_right_to_a_tenth_of_a_pixel(kind):
    scene = make_typical_scene(kind, random_state=1)
    corrector = ScanDistortionCorrector(CRYSTAL, scale="lattice").fit(scene.image)
    assert rms(scene.displacement - scene.displacement.mean(axis=(0, 1))) > 3
    assert rms(left_of(scene, corrector)) < 0.13


@pytest.mark.parametrize(("bending", "bound"), [("rows", 0.09), ("field", 0.25)])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_an_undistorted_scan_stays_as_it_is(bending, bound, noise):
    scene = make_scene(CRYSTAL, (320, 320), rotation=17, noise=noise, random_state=0)
    corrector = ScanDistortionCorrector(CRYSTAL, scale="lattice", bending=bending)
    corrector.fit(scene.image)
    assert rms(corrector.displacement_) < (bound if noise else bound / 3)
    assert corrector.shifts_.std() < 0.03


@settings(max_examples=4, deadline=None)
@given(
    values=st.lists(st.floats(2, 250), min_size=2, max_size=20),
    bend=st.floats(0, 3),
    across=st.floats(-10, 10),
)
def test_positions_go_both_ways(values, bend, across):
    scene = scan_of(drift=(4.0, across), bend=bend, row_jitter=0.4)
    corrector = ScanDistortionCorrector(CRYSTAL).fit(scene.image)
    points = np.array(values[: len(values) // 2 * 2]).reshape(-1, 2)
    np.testing.assert_allclose(corrector.to_raw(corrector.to_corrected(points)), points, atol=1e-6)
    np.testing.assert_allclose(corrector.to_corrected(corrector.to_raw(points)), points, atol=1e-6)


def test_pixels_and_positions_move_alike():
    scene = scan_of(drift=(6.0, -9.0), bend=1.5)
    corrector = ScanDistortionCorrector(CRYSTAL).fit(scene.image)
    dot = np.zeros(scene.image.shape)
    dot[117:124, 77:84] = np.exp(-(np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2)) / 2)
    moved = corrector.transform(dot)
    center = [(axis * moved).sum() / moved.sum() for axis in np.indices(moved.shape)]
    np.testing.assert_allclose(center, corrector.to_corrected([[120.0, 80.0]])[0], atol=0.1)


def test_a_corrected_image_shows_the_crystal():
    scene = make_typical_scene("affine_drift", random_state=0)
    corrector = ScanDistortionCorrector(CRYSTAL).fit(scene.image)
    before, after = (
        CRYSTAL.compare(ImageLattice.from_image(image))
        for image in (scene.image, corrector.transform(scene.image))
    )
    assert max(abs(before.stretch), np.radians(abs(before.shear))) > 0.05
    assert max(abs(after.stretch), np.radians(abs(after.shear))) < 0.003
    bent = make_typical_scene("bent_drift", random_state=0).image
    straight = ScanDistortionCorrector().fit(bent).transform(bent)
    assert ImageLattice.from_image(bent).drift is not None
    assert ImageLattice.from_image(straight).drift is None


def test_the_scan_settles_turn_and_scale():
    """Drift does not turn rows, and hardly stretches them."""
    scene = scan_of(drift=(10.0, 8.0))
    kept = ScanDistortionCorrector(CRYSTAL.with_pixel_size(0.21)).fit(scene.image).affine_
    np.testing.assert_allclose(kept[1], [0, 1], atol=1e-9)
    np.testing.assert_allclose(kept[0], [1 + 10 / 256, 8 / 256], atol=2e-3)
    believed = ScanDistortionCorrector(CRYSTAL, scale="lattice").fit(scene.image).affine_
    np.testing.assert_allclose(believed, kept, atol=3e-3)
    unknown = ScanDistortionCorrector().fit(scene.image)
    np.testing.assert_array_equal(unknown.affine_, np.eye(2))


def test_each_part_can_be_left_out():
    scene = scan_of(bend=1.5, row_jitter=0.6)
    whole = ScanDistortionCorrector().fit(scene.image)
    steady = ScanDistortionCorrector(row_jitter=False).fit(scene.image)
    assert not steady.shifts_.any()
    assert steady.description_ == str(steady.drift_)
    np.testing.assert_array_equal(steady.drift_.steps, whole.drift_.steps)
    jittery = ScanDistortionCorrector(bending=None).fit(scene.image)
    assert jittery.drift_.rms == 0
    assert "jitter" in jittery.description_
    assert "bent" not in jittery.description_
    nothing = ScanDistortionCorrector(bending=None, row_jitter=False).fit(scene.image)
    np.testing.assert_allclose(nothing.transform(scene.image), scene.image, atol=1e-5)
    assert nothing.description_ == "nothing was to be found"


def test_where_the_scan_did_not_look_is_known():
    scene = scan_of(drift=(0.0, 20.0))
    corrector = ScanDistortionCorrector(CRYSTAL).fit(scene.image)
    field = corrector.field_
    assert 0.9 < field.mean() < 0.99
    raw = corrector.to_raw(np.argwhere(~field))
    last = np.array(field.shape) - 1
    assert ((raw < 1) | (raw > last - 1)).any(axis=1).all()


def test_dark_atoms_and_other_channels_of_a_scan():
    scene = scan_of(bend=1.0, row_jitter=0.5)
    bright = ScanDistortionCorrector().fit(scene.image)
    dark = ScanDistortionCorrector(polarity="dark").fit(-scene.image)
    np.testing.assert_allclose(bright.displacement_, dark.displacement_, atol=1e-3)
    both = bright.transform(np.stack([scene.image, -scene.image]))
    np.testing.assert_allclose(both[0], -both[1], atol=1e-4)
    with pytest.raises(ValueError, match="shape of the scan"):
        bright.transform(scene.image[:100])
    with pytest.raises(ValueError, match="fit one image, got 2"):
        ScanDistortionCorrector().fit(np.stack([scene.image, scene.image]))


def test_what_shows_no_crystal_or_another_one_is_refused(rng):
    with pytest.raises(NotOneLatticeError):
        ScanDistortionCorrector().fit(rng.normal(size=(128, 128)))
    with pytest.raises(CalibrationError, match="not that of the crystal"):
        ScanDistortionCorrector(CRYSTAL.with_pixel_size(0.4)).fit(scan_of().image)
    for bad in ("SrTiO3", ImageLattice.from_image(scan_of().image)):
        with pytest.raises(TypeError, match="lattice must be"):
            ScanDistortionCorrector(bad).fit(scan_of().image)
    with pytest.raises(TypeError, match="row_jitter"):
        ScanDistortionCorrector(row_jitter="yes").fit(scan_of().image)


def test_atoms_found_in_a_corrected_image_are_where_the_raw_one_has_them():
    scene = scan_of(drift=(8.0, 15.0), bend=2.0)
    detector = LoGStarDetector(2.0, 3.5, 4, threshold=0.1, overlap=0.2)
    steps = [
        ("straighten", ScanDistortionCorrector(CRYSTAL)),
        ("denoise", GaussianDenoiser(0.7)),
        ("detect", detector),
    ]
    for unsupported in ("drop", "flag"):
        pipeline = DetectionPipeline(steps, unsupported=unsupported).fit(scene.image)
        found = pipeline.detect(scene.image)
        # Drift has moved 8 px at the edges out of the corrected image.
        metrics = detection_metrics(
            found[:, :2], scene.positions, tolerance=2, shape=scene.image.shape, margin=14
        )
        assert metrics.f1 > 0.99
        assert (found[:, :2] >= 0).all()
        assert (found[:, :2] <= 255).all()
        candidates = pipeline.find_candidates(scene.image, 0.1)
        assert len(candidates.detections(0.1, 0.2)) == len(found)


def test_a_search_may_choose_to_straighten():
    scene = scan_of(drift=(8.0, 15.0), bend=2.0)
    finder = AtomFinder(CRYSTAL, denoise=[ScanDistortionCorrector(CRYSTAL)], refine=None)
    atoms = finder.fit(scene.image).atoms_.positions
    metrics = detection_metrics(
        atoms, scene.positions, tolerance=2, shape=scene.image.shape, margin=14
    )
    assert metrics.f1 > 0.99
