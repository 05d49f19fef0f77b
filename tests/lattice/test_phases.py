"""Local phases of Bragg peaks, against convolutions over all pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_typical_scene
from logstar.lattice import ImageLattice
from logstar.lattice._bragg import BraggLattice
from logstar.lattice._phases import (
    Distortion,
    _banded,
    _demodulated,
    _unwrapped,
    gaussian_averages,
    local_phases,
    straighten,
)

VECTORS = np.array([[1.0, 20.0], [-17.0, 2.0]])


def lattice_of(vectors):
    indices = np.array([[1, 0], [0, 1], [1, 1]])
    powers = np.array([3.0, 2.0, 1.0])
    return BraggLattice(vectors, indices, powers, 1.0, 1.0, 10.0, 0.0)


def waves(shape, vectors, shifts=(0.0, 0.0)):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    gradients = np.linalg.inv(vectors).T
    fractions = [
        g[0] * rows + g[1] * cols + shift for g, shift in zip(gradients, shifts, strict=True)
    ]
    return sum(np.cos(2 * np.pi * f) for f in fractions).astype(np.float32)


def test_blocks_are_means_of_the_image_times_waves(rng):
    flat = rng.normal(size=(43, 38)).astype(np.float32)
    frequencies = np.array([[0.11, -0.07], [0.02, 0.21]])
    blocks = _demodulated(flat, frequencies, 5)
    rows, cols = np.mgrid[:40, :35]
    for (row, col), found in zip(frequencies, blocks, strict=True):
        wave = flat[:40, :35] * np.exp(-2j * np.pi * (row * rows + col * cols))
        expected = wave.reshape(8, 5, 7, 5).mean(axis=(1, 3))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "block", "width"), [(200, 5, 15.0), (1200, 4, 15.0), (90, 1, 3.0)]
)
def test_averages_are_a_gaussian_filter_at_fewer_places(rng, size, block, width):
    values = (rng.normal(size=size // block) + 1j * rng.normal(size=size // block)).astype(
        np.complex64
    )
    weights, spacing = gaussian_averages(size, block, width)
    averaged = _banded(weights, values[:, None])[:, 0]
    np.testing.assert_allclose(averaged, weights @ values, atol=1e-6)
    # The points are half a standard deviation apart or less, and cover the image.
    assert spacing <= width / 2
    assert spacing * len(weights) == pytest.approx(size)
    # Per pixel it is a Gaussian filter of the blocks drawn large, but for their own width.
    fine = np.repeat(values, block)
    expected = ndimage.gaussian_filter(fine, width, mode="constant")
    points = (np.arange(len(weights)) + 0.5) * spacing - 0.5
    there = np.interp(points, np.arange(len(fine)), expected.real)
    assert np.abs(averaged.real - there).max() < 0.05 * np.abs(expected).max()
    inner = weights.sum(axis=1)[len(weights) // 2]
    assert inner == pytest.approx(1.0, abs=2e-3)


def test_between_the_points_values_are_off_by_the_stated_bound():
    # The narrowest map that the Gaussian makes is one Gaussian.
    width, shape = 15.0, (300, 240)
    n_points = [int(np.ceil(size / (width / 2))) for size in shape]
    spacing = tuple(size / n for size, n in zip(shape, n_points, strict=True))
    grid = Distortion(np.zeros((2, *n_points)), np.zeros(n_points), np.ones(n_points), spacing)
    points = grid.points()

    def bump(rows, cols):
        return np.exp(-((rows - 151.0) ** 2 + (cols - 120.0) ** 2) / (2 * width**2))

    found = grid.at_pixels(bump(*points.T).reshape(n_points), shape)
    expected = bump(*np.mgrid[: shape[0], : shape[1]])
    # 3 % along each axis.
    assert np.abs(found - expected).max() < 2 * 0.5**2 / 8


def test_at_pixels_is_the_interpolation_of_scipy(rng):
    n_points, shape = (7, 9), (50, 70)
    spacing = (50 / 7, 70 / 9)
    values = rng.normal(size=n_points)
    grid = Distortion(np.zeros((2, *n_points)), values, values, spacing)
    at = np.meshgrid(
        *[
            np.clip((np.arange(size) + 0.5) / step - 0.5, 0, n - 1)
            for size, step, n in zip(shape, spacing, n_points, strict=True)
        ],
        indexing="ij",
    )
    expected = ndimage.map_coordinates(values, at, order=1)
    np.testing.assert_allclose(grid.at_pixels(values, shape), expected, atol=1e-5)


def test_one_point_is_everywhere():
    grid = Distortion(np.zeros((2, 1, 1)), np.full((1, 1), 3.0), np.ones((1, 1)), (40.0, 50.0))
    np.testing.assert_array_equal(grid.at_pixels(grid.amplitude, (40, 50)), 3.0)


def test_a_displacement_is_followed():
    shape = (400, 360)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    shifts = 0.2 * np.sin(rows / 60.0), 0.15 * np.cos(cols / 50.0)
    distortion = local_phases(waves(shape, VECTORS, shifts), lattice_of(VECTORS))
    for fraction, shift in zip(distortion.fractions, shifts, strict=True):
        found = distortion.at_pixels(fraction, shape)
        off = (found - shift)[40:-40, 40:-40]
        assert np.abs(off - np.round(off.mean())).max() < 0.02


def test_a_mean_strain_corrects_the_vectors():
    true = VECTORS * 1.004
    flat = waves((500, 480), true)
    distortion = local_phases(flat, lattice_of(VECTORS))
    vectors, corner = straighten(VECTORS, distortion)
    np.testing.assert_allclose(vectors, true, atol=1e-3)
    np.testing.assert_allclose((corner + 0.5) % 1.0, 0.5, atol=5e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_support_of_a_small_particle_does_not_strain_it(seed):
    """Its phases are noise; weighed by their amplitude alone they strain the cell by 2 %."""
    scene = make_typical_scene("supported_particle", (320, 320), random_state=seed)
    lattice = ImageLattice.from_image(scene.image)
    # Two columns in the centred cell, and a primitive one in the image.
    areas = lattice.unit_cell_area / len(lattice.columns), scene.lattice.unit_cell_area / 2
    assert areas[0] == pytest.approx(areas[1], rel=0.005)
    assert lattice.nearest_distance == pytest.approx(scene.lattice.nearest_distance, rel=0.005)


class TestUnwrapped:
    def test_without_dislocations_it_is_the_map_before_it_was_wrapped(self):
        rows, cols = np.mgrid[:60, :80]
        smooth = 0.02 * rows**1.5 + 3 * np.sin(cols / 9.0) - 0.4 * cols
        found = _unwrapped(np.angle(np.exp(1j * smooth)))
        off = (found - smooth) / (2 * np.pi)
        np.testing.assert_allclose(off, np.round(off[0, 0]), atol=1e-9)

    def test_it_agrees_with_scikit_image(self, rng):
        from skimage.restoration import unwrap_phase  # noqa: PLC0415

        smooth = 8 * ndimage.gaussian_filter(rng.normal(size=(70, 50)), 6) * 6
        wrapped = np.angle(np.exp(1j * smooth))
        off = (_unwrapped(wrapped) - unwrap_phase(wrapped)) / (2 * np.pi)
        np.testing.assert_allclose(off, np.round(off[0, 0]), atol=1e-9)

    def test_around_a_dislocation_most_of_the_map_is_smooth(self):
        rows, cols = np.mgrid[:50, :60]
        angle = np.arctan2(rows - 24.5, cols - 29.5)
        found = _unwrapped(angle)
        jumps = sum((np.abs(np.diff(found, axis=axis)) > np.pi).sum() for axis in (0, 1))
        assert 0 < jumps < 35
        np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * angle), atol=1e-6)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1)])
    def test_rows_and_columns(self, shape):
        ramp = np.arange(shape[0] * shape[1]).reshape(shape) * 2.0
        np.testing.assert_allclose(_unwrapped(np.angle(np.exp(1j * ramp))), ramp, atol=1e-9)
