"""Composed scenes: their truth against their images, and streams of random numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial import cKDTree

from logstar.datasets import (
    REGIONS,
    AmorphousSupport,
    Blob,
    Grain,
    Region,
    ScanDistortion,
    Streaks,
    compose_scene,
)
from logstar.lattice import Column, Lattice

SQUARE = Lattice(2.0, 2.0, columns=[Column("X", "Au", 0, 0)], pixel_size=0.1)  # every 20 px
PEROVSKITE = Lattice.perovskite(4.0, 0.2)  # 20 px, neighbours 14.1 px apart
SHAPE = (160, 180)
LEFT = Region.half_plane((80, 90), 0)


def whole(**parameters):
    return Grain(SQUARE, origin=(7.3, 8.2), sigma=2.5, **parameters)


class TestGrains:
    def test_boundary(self):
        scene = compose_scene(
            SHAPE,
            [Grain(PEROVSKITE, LEFT, rotation=5), Grain(PEROVSKITE, ~LEFT, rotation=40)],
            random_state=0,
        )
        np.testing.assert_array_equal(scene.grain_of_atoms == 1, scene.positions[:, 1] <= 90)
        nearest = cKDTree(scene.positions).query(scene.positions, k=2)[0][:, 1]
        assert nearest.min() >= 0.7 * PEROVSKITE.nearest_distance - 1e-9
        row, col = scene.positions.round().astype(int).T
        away = np.abs(scene.positions[:, 1] - 90) > 1
        np.testing.assert_array_equal(
            scene.grain_labels[row, col][away], scene.grain_of_atoms[away]
        )
        # A boundary is no vacuum.
        assert scene.field_mask.all()
        assert set(np.unique(scene.regions)) == {0, REGIONS.index("other grain")}

    def test_the_first_grain_has_the_place(self):
        disc = Region.disc((80, 90), 50)
        scene = compose_scene(SHAPE, [Grain(PEROVSKITE, disc), Grain(SQUARE)], random_state=0)
        inside = np.hypot(*(scene.positions - [80, 90]).T) <= 50
        np.testing.assert_array_equal(scene.grain_of_atoms == 1, inside)
        assert set(scene.kinds) == {"A", "B", "X"}
        assert scene.lattice is PEROVSKITE
        assert [grain.lattice for grain in scene.grains] == [PEROVSKITE, SQUARE]
        largest = scene.grain_labels == 1 + np.bincount(scene.grain_labels.ravel())[1:].argmax()
        np.testing.assert_array_equal(scene.regions == REGIONS.index("crystal"), largest)

    def test_grains_are_told_with_the_origin_that_was_drawn(self):
        scene = compose_scene(SHAPE, [Grain(SQUARE, rotation=9)], random_state=3)
        (grain,) = scene.grains
        expected, _ = SQUARE.positions(SHAPE, origin=grain.origin, rotation=9)
        assert cKDTree(expected).query(scene.positions)[0].max() < 1e-6


class TestField:
    def test_a_particle_in_vacuum(self):
        disc = Region.disc((80, 90), 50)
        scene = compose_scene(SHAPE, [whole(region=disc)])
        pixels = np.indices(SHAPE).reshape(2, -1).T
        distance = cKDTree(scene.positions).query(pixels)[0].reshape(SHAPE)
        # In a square lattice one gets half a diagonal away from a column.
        np.testing.assert_array_equal(scene.field_mask, distance <= 10 * np.sqrt(2) + 1e-9)
        np.testing.assert_array_equal(scene.regions == REGIONS.index("vacuum"), ~scene.field_mask)
        assert scene.image[~scene.field_mask].max() < 1e-6

    def test_a_vacancy_is_no_hole_and_a_hole_is_one(self):
        assert compose_scene(SHAPE, [whole(vacancy_fraction=0.3)], random_state=0).field_mask.all()
        hole = ~Region.disc((80, 90), 30)
        field = compose_scene(SHAPE, [whole(region=hole)]).field_mask
        assert not field[80, 90]
        assert 100 < (~field).sum() < np.pi * 30**2

    def test_a_support_is_amorphous_where_no_grain_is(self):
        disc = Region.disc((80, 90), 50)
        scene = compose_scene(SHAPE, [whole(region=disc)], support=AmorphousSupport())
        np.testing.assert_array_equal(scene.amorphous_mask, ~scene.field_mask)
        assert REGIONS.index("vacuum") not in scene.regions


class TestScan:
    DISTORTION = ScanDistortion(
        drift=(6, -9), affine=((1.02, 0.01), (0.04, 0.98)), bend=1.0, row_jitter=0.0
    )

    def test_positions_are_where_the_image_shows_the_atoms(self):
        scene = compose_scene(SHAPE, [whole()], scan=self.DISTORTION, random_state=0)
        rows, cols = np.indices((11, 11)) - 5
        for row, col in scene.positions:
            r, c = round(row), round(col)
            if not (6 <= r < SHAPE[0] - 6 and 6 <= c < SHAPE[1] - 6):
                continue
            window = scene.image[r - 5 : r + 6, c - 5 : c + 6].astype(float)
            total = window.sum()
            found = (window * rows).sum() / total + r, (window * cols).sum() / total + c
            np.testing.assert_allclose(found, (row, col), atol=0.12)

    def test_positions_and_displacement_give_the_crystal_back(self):
        scene = compose_scene(SHAPE, [whole()], scan=self.DISTORTION, random_state=0)
        crystal, _ = SQUARE.positions(SHAPE, origin=(7.3, 8.2), margin=30)
        assert cKDTree(crystal).query(scene.sample_positions)[0].max() < 1e-9
        # Between pixels the field is nearly linear.
        row, col = scene.positions.astype(int).T
        fraction = scene.positions - np.stack([row, col], axis=1)
        row, col = row.clip(0, SHAPE[0] - 2), col.clip(0, SHAPE[1] - 2)
        field = scene.displacement
        here = field[row, col]
        here = here + fraction[:, :1] * (field[row + 1, col] - field[row, col])
        here = here + fraction[:, 1:] * (field[row, col + 1] - field[row, col])
        np.testing.assert_allclose(scene.positions + here, scene.sample_positions, atol=0.01)

    def test_the_field_is_distorted_as_the_image(self):
        disc = Region.disc((80, 90), 50)
        scene = compose_scene(SHAPE, [whole(region=disc)], scan=self.DISTORTION, random_state=0)
        places = np.indices(SHAPE).transpose(1, 2, 0) + scene.displacement
        distance = cKDTree(scene.sample_positions).query(places.reshape(-1, 2))[0]
        np.testing.assert_array_equal(
            scene.field_mask, distance.reshape(SHAPE) <= 10 * np.sqrt(2) + 1e-9
        )

    def test_jitter_of_rows_is_not_in_the_truth(self):
        straight = compose_scene(SHAPE, [whole()], random_state=0)
        shaky = compose_scene(SHAPE, [whole()], scan=ScanDistortion(row_jitter=0.7), random_state=0)
        np.testing.assert_allclose(shaky.positions, straight.positions, atol=1e-9)
        assert np.abs(shaky.image - straight.image).max() > 0.1


class TestContamination:
    def test_mask(self):
        clean = compose_scene(SHAPE, [whole()], random_state=0)
        scene = compose_scene(
            SHAPE, [whole()], contamination=[Blob(height=0.8), Streaks(2)], random_state=0
        )
        added = scene.image - clean.image
        np.testing.assert_array_equal(scene.contamination_mask, added > 0.1)
        np.testing.assert_array_equal(
            scene.regions == REGIONS.index("contamination"), scene.contamination_mask
        )
        np.testing.assert_array_equal(scene.positions, clean.positions)

    def test_a_saturated_core_hides_columns(self):
        clean = compose_scene(SHAPE, [whole()], random_state=0)
        scene = compose_scene(
            SHAPE,
            [whole()],
            contamination=[Blob((80, 90), radius=40, height=5.0)],
            saturation=2.0,
            noise=0.05,
            random_state=0,
        )
        assert scene.image.max() == 2
        both = np.vstack([scene.positions, scene.hidden])
        np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(clean.positions, axis=0))
        assert len(scene.hidden) > 5
        row, col = scene.positions.round().astype(int).T
        assert scene.field_mask[row, col].all()
        row, col = scene.hidden.round().astype(int).T
        assert not scene.field_mask[row, col].any()


class TestExposure:
    def test_dark(self):
        bright = compose_scene(SHAPE, [whole()]).image
        scene = compose_scene(SHAPE, [whole()], polarity="dark", background=1.5)
        np.testing.assert_allclose(scene.image, 1.5 - bright, atol=1e-6)
        assert scene.polarity == "dark"

    def test_tilt_and_lines(self):
        plain = compose_scene(SHAPE, [whole()]).image
        tilted = compose_scene(SHAPE, [whole()], tilt=0.6, background=-1).image - plain + 1
        assert tilted[0, 0] == pytest.approx(-0.3, abs=1e-6)
        assert tilted[-1, -1] == pytest.approx(0.3, abs=1e-6)
        lines = compose_scene(SHAPE, [whole()], line_noise=0.2, random_state=0).image - plain
        assert np.ptp(lines, axis=1).max() < 1e-5
        assert lines[:, 0].std() == pytest.approx(0.2, rel=0.2)

    def test_counting_needs_intensities(self):
        with pytest.raises(ValueError, match="dose=5 counts electrons, but the image has"):
            compose_scene(SHAPE, [whole()], background=-1, dose=5)

    def test_dose_is_poisson(self):
        clean = compose_scene(SHAPE, [whole()], background=0.5).image.astype(np.float64)
        counted = compose_scene(SHAPE, [whole()], background=0.5, dose=2, random_state=0).image
        expected = clean * (2 / clean.mean())
        counts = counted * (2 / clean.mean())
        np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
        assert np.mean((counts - expected) ** 2 / expected) == pytest.approx(1, abs=0.03)


EVERYTHING = """
parts = [
    Grain(PEROVSKITE, Region.disc((80, 90), 60), jitter=0.3, vacancy_fraction=0.1),
    SingleAtoms(20, 9.0, spread=0.1),
]
scene = compose_scene(
    (160, 180), parts, support=AmorphousSupport(), contamination=[Blob(), Streaks()],
    scan=ScanDistortion(bend=1.0, row_jitter=0.3), line_noise=0.1, background=0.5, dose=20,
    noise=0.05, random_state=5,
)
"""


class TestRandomState:
    def test_the_same_on_any_number_of_threads(self):
        code = (
            "import hashlib; from logstar.datasets import *; from logstar.lattice import Lattice\n"
            f"PEROVSKITE = Lattice.perovskite(4.0, 0.2)\n{EVERYTHING}\n"
            "arrays = (scene.image, scene.positions, scene.displacement, scene.field_mask)\n"
            "print([hashlib.sha256(a.tobytes()).hexdigest() for a in arrays])"
        )
        hashes = set()
        for n in ("1", "3"):
            threads = dict.fromkeys(
                ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOGSTAR_NUM_THREADS"), n
            )
            run = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | threads,
            )
            hashes.add(run.stdout)
        assert len(hashes) == 1

    def test_noise_leaves_the_atoms_where_they_were(self):
        parts = [Grain(PEROVSKITE, jitter=0.3, vacancy_fraction=0.1)]
        one = compose_scene(SHAPE, parts, noise=0.3, random_state=2)
        two = compose_scene(SHAPE, parts, dose=9, contamination=[Blob()], random_state=2)
        np.testing.assert_array_equal(one.positions, two.positions)
        other = compose_scene(SHAPE, parts, noise=0.3, random_state=3)
        assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"parts": []}, ValueError, "parts must have 1 to 255 entries, got 0"),
        ({"parts": [SQUARE]}, TypeError, r"parts\[0\] must be a Grain or SingleAtoms"),
        ({"shape": (0, 5)}, ValueError, "shape must be at least 1"),
        ({"polarity": "grey"}, ValueError, 'polarity must be "bright" or "dark"'),
        ({"saturation": 0}, ValueError, "saturation must be"),
        ({"line_noise": -1}, ValueError, "line_noise must be"),
        ({"noise": -1}, ValueError, "noise must be"),
        ({"dose": 0}, ValueError, "dose must be"),
        ({"contamination": [3]}, TypeError, r"contamination\[0\] must be"),
        ({"support": 1.0}, TypeError, "support must be an AmorphousSupport or None"),
        ({"scan": 1.0}, TypeError, "scan must be a ScanDistortion or None"),
        ({"scan": ScanDistortion(drift=(0, 900))}, ValueError, "scan distorts so strongly"),
        ({"random_state": -1}, ValueError, "random_state must be at least 0"),
    ],
)
def test_errors(parameters, error, message):
    with pytest.raises(error, match=message):
        compose_scene(**({"shape": SHAPE, "parts": [whole()]} | parameters))
