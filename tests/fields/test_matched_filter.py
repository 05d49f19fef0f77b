"""Heights of peaks at given places, against what they are."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.fields import _matched_filter
from logstar.fields._matched_filter import away_from_the_frame, heights_at

SIGMA = 2.4
NOISE = 0.3
PITCH = 13.0


def peaks(shape, places, heights, sigma=SIGMA):
    rows, cols = (np.arange(n) for n in shape)
    image = np.zeros(shape)
    for (row, col), height in zip(places, heights, strict=True):
        along, across = (
            np.exp(-((x - at) ** 2) / (2 * sigma**2)) for x, at in ((rows, row), (cols, col))
        )
        image += height * np.outer(along, across)
    return image


@pytest.fixture(scope="module")
def field():
    """Peaks of height 0 and 1 on a square lattice, and noise."""
    rng = np.random.default_rng(0)
    axis = np.arange(20.0, 380.0, PITCH)
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    places += rng.uniform(-0.5, 0.5, places.shape)
    truth = rng.integers(0, 2, len(places)).astype(float)
    image = 5 + peaks((400, 400), places, truth) + rng.normal(0, NOISE, (400, 400))
    return image, places, truth


def measured(image, places, trusted=None):
    trusted = np.ones(image.shape, dtype=bool) if trusted is None else trusted
    sizes = np.full(len(places), SIGMA)
    return heights_at(lambda part: (image[part], trusted[part]), image.shape, places, sizes)


def test_heights_scatter_about_the_truth_as_errors_say(field):
    image, places, truth = field
    found = measured(image, places)
    off = (found.values - truth) / found.errors
    assert off.mean() == pytest.approx(0, abs=0.1)
    assert off.std() == pytest.approx(1, abs=0.06)


def test_a_background_that_is_the_same_everywhere_costs_nothing(field):
    image, places, _ = field
    # Of a peak with a known background, sd(A) is n / (s sqrt(pi)).
    assert np.median(measured(image, places).errors) == pytest.approx(
        NOISE / (SIGMA * np.sqrt(np.pi)), rel=0.04
    )


def test_a_background_that_differs_from_place_to_place_is_followed(field):
    image, places, truth = field
    rows, cols = np.indices(image.shape)
    found = measured(image + np.sin(rows / 60) + np.cos(cols / 80), places)
    off = (found.values - truth) / found.errors
    assert off.std() == pytest.approx(1, abs=0.1)
    assert np.median(found.errors) > 1.1 * NOISE / (SIGMA * np.sqrt(np.pi))


def test_overlapping_places_are_told_apart():
    places = np.array([[30.0, 30.0], [30.0, 35.0], [30.0, 60.0]])
    image = peaks((60, 90), places, [1.0, 0.4, 0.0])
    np.testing.assert_allclose(measured(image, places).values, [1, 0.4, 0], atol=1e-2)


def test_pixels_that_are_not_trusted_and_places_out_of_the_image(field):
    image, places, _ = field
    trusted = np.ones(image.shape, dtype=bool)
    trusted[:60, :60] = False
    spoilt = np.where(trusted, image, 1e9)
    found = measured(spoilt, places, trusted)
    inside = (places < 60 - 5 * SIGMA).all(axis=1)
    assert inside.any()
    np.testing.assert_array_equal(np.isnan(found.values), inside)
    assert np.nanmax(found.values) < 3
    sizes = np.array([np.nan, SIGMA])
    places = np.array([[50.0, 50.0], [-90.0, 50.0]])
    nothing = heights_at(lambda part: (image[part], trusted[part]), image.shape, places, sizes)
    assert np.isnan(nothing.values).all()
    assert np.isnan(nothing.errors).all()


def test_which_pixels_are_away_from_the_frame():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 40, (30, 2))
    whole = (slice(0, 40), slice(0, 50))
    found = away_from_the_frame((40, 50), places, 2.0, 6.0, whole)
    for row in range(40):
        for col in range(50):
            in_frame = min(row, col, 39 - row, 49 - col) < 5
            near = np.hypot(*(places - (row, col)).T).min() < 3.0
            assert found[row, col] == (not in_frame or near)
    assert away_from_the_frame((40, 50), places, np.nan, 6.0, whole).all()
    for part in ((slice(0, 17), slice(9, 50)), (slice(10, 30), slice(10, 30))):
        of_part = away_from_the_frame((40, 50), places, 2.0, 6.0, part)
        np.testing.assert_array_equal(of_part, found[part])


def test_parts_of_an_image_tell_the_same(field, monkeypatch):
    image, places, _ = field
    expected = measured(image, places)
    monkeypatch.setattr(_matched_filter, "_PART", 90)
    found = measured(image, places)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-9)
