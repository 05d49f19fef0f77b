"""The simulator against sums of Gaussians written out, and its truth against its images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

from logstar.datasets import make_scene
from logstar.lattice import Column, Lattice

SQUARE = Lattice(2.0, 2.0, columns=[Column("X", "Au", 0, 0)], pixel_size=0.1)  # every 20 px
PEROVSKITE = Lattice.perovskite(4.0, 0.2)  # 20 px, neighbours 14.1 px apart


def gaussians(shape, points, heights, sigma):
    rows, cols = np.indices(shape)
    return sum(
        h * np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * sigma**2))
        for (r, c), h in zip(points, heights, strict=True)
    )


class TestImage:
    @given(
        st.floats(-40, 40),
        st.floats(-40, 40),
        st.floats(-90, 90),
        st.floats(0.4, 4),
    )
    def test_sum_of_gaussians(self, row, col, rotation, sigma):
        shape, heights = (30, 37), {"A": 1.0, "B": 0.3}
        scene = make_scene(
            PEROVSKITE, shape, origin=(row, col), rotation=rotation, sigma=sigma, amplitudes=heights
        )
        # With twice the margin, so that nothing that reaches in is left out.
        points, kinds = PEROVSKITE.positions(
            shape, origin=(row, col), rotation=rotation, margin=10 * sigma
        )
        expected = gaussians(shape, points, [heights[k] for k in kinds], sigma)
        np.testing.assert_allclose(scene.image, expected, atol=4e-5)
        inside = ((points >= 0) & (points <= np.array(shape) - 1)).all(axis=1)
        np.testing.assert_allclose(
            sorted(map(tuple, scene.positions)), sorted(map(tuple, points[inside]))
        )
        assert scene.image.dtype == np.float32

    def test_default_heights_go_with_the_atomic_number(self):
        scene = make_scene(shape=(128, 128), random_state=0)
        heights = {"Ba": 1.0, "Y": (39 / 56) ** 1.7, "Cu1": (29 / 56) ** 1.7}
        rows, cols = scene.positions.round().astype(int).T
        for kind, height in heights.items():
            at = scene.kinds == kind
            away = scene.positions[at] - np.stack([rows[at], cols[at]], axis=1)
            sigma = 0.18 * scene.lattice.nearest_distance
            peak = scene.image[rows[at], cols[at]] * np.exp((away**2).sum(axis=1) / (2 * sigma**2))
            np.testing.assert_allclose(peak, height, rtol=0.02)

    def test_background_and_gradient(self):
        plain = make_scene(SQUARE, (41, 61), origin=(3, 4)).image
        made = make_scene(SQUARE, (41, 61), origin=(3, 4), background=0.25, gradient=0.5).image
        ramp = np.linspace(0.75, 1.25, 61)
        np.testing.assert_allclose(made, (plain + 0.25) * ramp, rtol=1e-5)

    def test_noise_is_relative_to_the_range(self):
        settings = {"shape": (256, 256), "origin": (0, 0), "background": 3, "random_state": 1}
        clean = make_scene(SQUARE, amplitudes={"X": 7}, **settings).image
        noisy = make_scene(SQUARE, amplitudes={"X": 7}, noise=0.2, **settings).image
        assert np.ptp(clean) == pytest.approx(7, rel=0.01)
        assert (noisy - clean).std() == pytest.approx(0.2 * 7, rel=0.01)
        assert (noisy - clean).mean() == pytest.approx(0, abs=0.03)

    def test_dose_is_poisson(self):
        settings = {"shape": (256, 256), "origin": (0, 0), "background": 0.5, "random_state": 1}
        clean = make_scene(SQUARE, **settings).image.astype(np.float64)
        counted = make_scene(SQUARE, dose=30, **settings).image
        counts = counted * (30 / clean.mean())
        np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
        assert counts.mean() == pytest.approx(30, rel=0.01)
        expected = clean * (30 / clean.mean())
        assert np.mean((counts - expected) ** 2 / expected) == pytest.approx(1, abs=0.03)

    def test_mask_of_the_lattice(self):
        mask = np.zeros((100, 100), dtype=bool)
        mask[:, :50] = True
        lattice = Lattice(2.0, 2.0, columns=SQUARE.columns, pixel_size=0.1, mask=mask)
        scene = make_scene(lattice, (100, 100), origin=(10, 10))
        assert len(scene.positions) == 5 * 2
        assert scene.image[:, 70:].max() == 0
        assert lattice.n_expected((100, 100)) == pytest.approx(12.5)


class TestDisplacements:
    def test_jitter_is_in_the_truth(self):
        settings = {"shape": (800, 800), "origin": (10, 10), "sigma": 2.0, "random_state": 2}
        exact = make_scene(SQUARE, **settings)
        moved = make_scene(SQUARE, jitter=0.7, **settings)
        away = moved.positions - exact.positions
        np.testing.assert_allclose(away.std(axis=0), 0.7, rtol=0.06)
        rows, cols = np.indices((21, 21)) - 10
        for row, col in moved.positions[:200]:
            r, c = round(row), round(col)
            if min(r, c) < 10 or max(r, c) > 789:
                continue
            window = moved.image[r - 10 : r + 11, c - 10 : c + 11]
            found = (window * rows).sum() / window.sum(), (window * cols).sum() / window.sum()
            np.testing.assert_allclose(found, (row - r, col - c), atol=0.03)

    def test_scan_jitter_shifts_rows_and_not_the_truth(self):
        settings = {"shape": (60, 400), "origin": (10, 10), "sigma": 2.0, "random_state": 5}
        straight = make_scene(SQUARE, **settings)
        shifted = make_scene(SQUARE, scan_jitter=0.8, **settings)
        np.testing.assert_array_equal(straight.positions, shifted.positions)
        np.testing.assert_array_equal(shifted.sample_positions, shifted.positions)
        assert straight.displacement is None
        shifts = []
        for row in (10, 30, 50):  # across the atoms' centres
            phase = 2j * np.pi * np.arange(400) / 20
            angles = [np.angle(s.image[row] @ np.exp(phase)) for s in (straight, shifted)]
            shift = (angles[1] - angles[0]) * 20 / (2 * np.pi)
            shifts.append(shift)
            moved = ndimage.shift(straight.image[row].astype(float), shift, order=5, mode="mirror")
            np.testing.assert_allclose(shifted.image[row, 20:-20], moved[20:-20], atol=2e-3)
        assert np.ptp(shifts) > 0.1

    def test_apparent_shift_of_an_atom_is_as_stated(self):
        sigma, settings = 2.0, {"shape": (2000, 41), "origin": (10, 20), "random_state": 0}
        scene = make_scene(SQUARE, sigma=sigma, scan_jitter=1.0, **settings)
        window = scene.image.reshape(100, 20, 41)[:, :, 10:31]
        offsets = np.arange(-10, 11)
        centres = (window.sum(axis=1) * offsets).sum(axis=1) / window.sum(axis=(1, 2))
        assert centres.std() == pytest.approx(math.sqrt(0.28 / sigma), rel=0.2)


class TestDefects:
    def test_vacancies(self):
        whole = make_scene(PEROVSKITE, (400, 400), random_state=3)
        scene = make_scene(PEROVSKITE, (400, 400), vacancy_fraction=0.1, random_state=3)
        assert len(scene.vacancies) == round(0.1 * len(whole.positions))
        both = np.vstack([scene.positions, scene.vacancies])
        np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(whole.positions, axis=0))
        rows, cols = scene.vacancies.round().astype(int).T
        sigma = 0.18 * PEROVSKITE.nearest_distance
        assert scene.image[rows, cols].max() < 5 * math.exp(-(14.1**2) / (2 * sigma**2)) + 1e-4

    def test_all_vacant(self):
        scene = make_scene(PEROVSKITE, (99, 99), vacancy_fraction=1.0, noise=0.1, random_state=0)
        assert scene.positions.shape == (0, 2)
        assert scene.kinds.shape == (0,)
        assert len(scene.vacancies) > 0

    def test_pocket(self):
        settings = {"shape": (400, 400), "origin": (0, 0), "random_state": 4}
        perfect = make_scene(PEROVSKITE, **settings)
        scene = make_scene(
            PEROVSKITE, amorphous_pockets=[(150, 220, 90)], amorphous_displacement=2.0, **settings
        )
        rows, cols = np.indices((400, 400))
        disc = np.hypot(rows - 150, cols - 220) <= 90
        np.testing.assert_array_equal(scene.amorphous_mask, disc)
        away, which = cKDTree(perfect.positions).query(scene.positions)
        ideal = perfect.positions[which]
        inside = np.hypot(ideal[:, 0] - 150, ideal[:, 1] - 220) <= 90
        assert away[~inside].max() == 0
        # Two axes of 2 px rms.
        assert math.sqrt(np.mean(away[inside] ** 2)) == pytest.approx(2 * math.sqrt(2), rel=0.15)
        # Diffuse background in the middle, and Ti (light) faded by half, Sr not.
        r, c = scene.positions[inside].round().astype(int).T
        peaks, kinds = scene.image[r, c] - 0.15, scene.kinds[inside]
        assert np.median(peaks[kinds == "A"]) == pytest.approx(1, abs=0.05)
        assert np.median(peaks[kinds == "B"]) == pytest.approx((22 / 38) ** 1.7 / 2, abs=0.03)
        far = ndimage.distance_transform_edt(~disc) > 40
        np.testing.assert_array_equal(scene.image[far], perfect.image[far])

    def test_drawn_pockets_are_apart_and_inside(self):
        scene = make_scene(shape=(300, 300), amorphous_pockets=4, random_state=0)
        labels, n = ndimage.label(scene.amorphous_mask)
        assert n == 4
        assert not scene.amorphous_mask[[0, -1]].any()
        assert not scene.amorphous_mask[:, [0, -1]].any()
        for i in range(1, 5):
            assert 28 <= math.sqrt((labels == i).sum() / math.pi) <= 61

    def test_without_defects_there_is_no_truth_about_them(self):
        scene = make_scene(shape=(99, 99))
        assert scene.amorphous_mask is None
        assert scene.vacancies is None


EVERYTHING = {
    "shape": (120, 130),
    "jitter": 0.3,
    "scan_jitter": 0.2,
    "vacancy_fraction": 0.05,
    "amorphous_pockets": 1,
    "dose": 40,
    "noise": 0.1,
}


class TestRandomState:
    def test_the_same_seed_gives_the_same_scene(self):
        one, two = (make_scene(random_state=7, **EVERYTHING) for _ in range(2))
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.positions, two.positions)
        np.testing.assert_array_equal(one.vacancies, two.vacancies)
        other = make_scene(random_state=8, **EVERYTHING)
        assert not np.array_equal(one.image, other.image)
        generator = make_scene(random_state=np.random.default_rng(7), **EVERYTHING)
        np.testing.assert_array_equal(one.image, generator.image)

    def test_noise_leaves_the_atoms_where_they_were(self):
        one = make_scene(random_state=7, **EVERYTHING)
        two = make_scene(random_state=7, **(EVERYTHING | {"noise": 0.5, "dose": None}))
        np.testing.assert_array_equal(one.positions, two.positions)
        np.testing.assert_array_equal(one.amorphous_mask, two.amorphous_mask)

    def test_the_origin_is_drawn_evenly(self):
        corners = [
            make_scene(SQUARE, (21, 21), random_state=seed).positions[0] % 20 for seed in range(300)
        ]
        np.testing.assert_allclose(np.mean(corners, axis=0), 10, atol=1.2)
        np.testing.assert_allclose(np.std(corners, axis=0), 20 / math.sqrt(12), rtol=0.12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lattice": "ybco"}, TypeError, "lattice must be a Lattice or None"),
        ({"shape": (0, 9)}, ValueError, "shape must be at least 1"),
        ({"shape": (9, 9, 9)}, ValueError, "shape must be"),
        ({"shape": (2, 2)}, ValueError, r"expects 0\.0212 atoms in 4 px"),
        ({"sigma": 0}, ValueError, "sigma must be finite and > 0"),
        ({"amplitudes": {"Pb": 1}}, ValueError, "the kind 'Pb'; the lattice has Y, Ba, Cu1, Cu2"),
        ({"amplitudes": {"Ba": 0}}, ValueError, r"amplitudes\['Ba'\] must be"),
        ({"background": -1}, ValueError, "background must be"),
        ({"gradient": 2}, ValueError, "gradient must be between -2 and 2"),
        ({"gradient": -3}, ValueError, "gradient must be"),
        ({"jitter": -1}, ValueError, "jitter must be"),
        ({"scan_jitter": math.nan}, ValueError, "scan_jitter must be"),
        ({"vacancy_fraction": 1.5}, ValueError, "vacancy_fraction must be"),
        ({"amorphous_pockets": -1}, ValueError, "amorphous_pockets must be at least 0"),
        ({"amorphous_pockets": 99}, ValueError, "amorphous_pockets=99 do not fit"),
        ({"amorphous_pockets": [(1, 2)]}, ValueError, r"amorphous_pockets\[0\] must be \(row"),
        ({"amorphous_pockets": [(1, 2, 0)]}, ValueError, r"amorphous_pockets\[0\] radius must"),
        ({"amorphous_pockets": [(-30, 2, 9)]}, ValueError, "outside the image"),
        ({"amorphous_displacement": -1}, ValueError, "amorphous_displacement must be"),
        ({"amorphous_fade": 2}, ValueError, "amorphous_fade must be"),
        ({"amorphous_background": -1}, ValueError, "amorphous_background must be"),
        ({"dose": 0}, ValueError, "dose must be finite and > 0"),
        ({"noise": -0.1}, ValueError, "noise must be"),
        ({"rotation": "2"}, TypeError, "rotation must be"),
        ({"origin": (0, math.inf)}, ValueError, "origin must be"),
        ({"random_state": "0"}, TypeError, "random_state must be an integer"),
        ({"random_state": -1}, ValueError, "random_state must be at least 0"),
    ],
)
def test_errors_name_the_parameter(arguments, error, message):
    with pytest.raises(error, match=message):
        make_scene(**arguments)


def test_unknown_species():
    lattice = Lattice(3.0, 3.0, columns=[Column("X", "Xx", 0, 0)], pixel_size=0.1)
    with pytest.raises(ValueError, match="chemical symbol such as 'Ba', got 'Xx'"):
        make_scene(lattice)
