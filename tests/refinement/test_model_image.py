"""Fitted peaks as an image, against a direct sum of Gaussians, and what they leave."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice import Lattice
from logstar.refinement import GaussianRefiner

SHAPE = (90, 110)


def direct_sum(shape, places, heights, covariances):
    """Every Gaussian at every pixel."""
    grid = np.stack(np.indices(shape), axis=-1).astype(float)
    image = np.zeros(shape)
    for place, height, covariance in zip(places, heights, covariances, strict=True):
        off = grid - place
        image += height * np.exp(
            -0.5 * np.einsum("rci,ij,rcj->rc", off, np.linalg.inv(covariance), off)
        )
    return image


@pytest.fixture
def peaks():
    rng = np.random.default_rng(2)
    rows, cols = np.meshgrid(np.arange(4, 90, 13.0), np.arange(2, 110, 13.0), indexing="ij")
    places = np.column_stack([rows.ravel(), cols.ravel()]) + rng.uniform(-1, 1, (rows.size, 2))
    heights = rng.uniform(0.5, 1.5, len(places))
    # Ellipses of all directions.
    turn = rng.uniform(0, np.pi, len(places))
    axes = np.stack([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(
        2, 0, 1
    )
    covariances = axes @ np.diag([2.9**2, 2.2**2]) @ axes.transpose(0, 2, 1)
    return places, heights, covariances


def test_the_model_is_the_sum_of_the_peaks_that_were_fitted(peaks):
    places, heights, covariances = peaks
    image = 2 + direct_sum(SHAPE, places, heights, covariances)
    image += np.random.default_rng(0).normal(0, 0.01, SHAPE)
    found = GaussianRefiner("elliptical").refine(image, places)
    assert found.converged.all()
    expected = found.background[0] + direct_sum(
        SHAPE, found.atoms[:, :2], found.amplitudes, np.linalg.inv(found.precisions)
    )
    np.testing.assert_allclose(found.model_image(SHAPE), expected, atol=1e-6)
    residual = found.residual_image(image)
    np.testing.assert_allclose(residual, image - expected, atol=1e-6)
    assert residual.std() == pytest.approx(0.01, rel=0.05)


def test_some_atoms_are_drawn_alone(peaks):
    places, heights, covariances = peaks
    image = 2 + direct_sum(SHAPE, places, heights, covariances)
    found = GaussianRefiner("elliptical").refine(image, places)
    some = np.arange(len(places)) % 3 == 0
    parts = [found.model_image(SHAPE, drawn=which) for which in (some, ~some)]
    np.testing.assert_allclose(
        sum(parts) - found.background[0], found.model_image(SHAPE), atol=1e-12
    )
    with pytest.raises(ValueError, match=r"drawn must be a boolean for each of 63 atoms"):
        found.model_image(SHAPE, drawn=[True])


@pytest.mark.filterwarnings("ignore::logstar.exceptions.CorrelatedNoiseWarning")
def test_an_atom_that_is_not_listed_is_what_is_left(peaks):
    places, heights, covariances = peaks
    image = direct_sum(SHAPE, places, heights, covariances)
    middle = int(np.hypot(*(places - (45, 55)).T).argmin())
    found = GaussianRefiner("elliptical").refine(image, np.delete(places, middle, axis=0))
    residual = found.residual_image(image)
    brightest = np.unravel_index(residual.argmax(), SHAPE)
    assert np.hypot(*(brightest - places[middle])) < 1
    assert residual.max() == pytest.approx(heights[middle], rel=0.15)


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_dark_atoms_on_a_background_that_bends_and_pixels_that_are_missing(polarity):
    sign = 1 if polarity == "bright" else -1
    positions, _ = Lattice.perovskite(4.0, pixel_size=0.2).positions((120, 120))
    covariances = np.tile(2.4**2 * np.eye(2), (len(positions), 1, 1))
    rows, cols = np.indices((120, 120))
    background = 3 + 0.004 * rows - 0.003 * cols
    image = background + sign * direct_sum(
        (120, 120), positions, np.ones(len(positions)), covariances
    )
    image += np.random.default_rng(0).normal(0, 0.02, image.shape)
    image[50:54, 60:64] = np.nan
    inside = ((positions > 2) & (positions < 117)).all(axis=1)
    found = GaussianRefiner(background="smooth", polarity=polarity).refine(image, positions[inside])
    residual = found.residual_image(image)
    np.testing.assert_array_equal(np.isnan(residual), np.isnan(image))
    inner = residual[15:-15, 15:-15]
    assert np.nanstd(inner) == pytest.approx(0.02, rel=0.1)
    assert abs(np.nanmean(inner)) < 0.003


def test_no_atoms_are_no_model():
    found = GaussianRefiner().refine(np.ones((20, 30)), np.empty((0, 2)))
    np.testing.assert_array_equal(found.model_image((20, 30)), 0)
    with pytest.raises(ValueError, match="shape must be"):
        found.model_image((20,))
