"""The test of detections against the raw image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from logstar import Lattice
from logstar._numerics import MAD_TO_SIGMA
from logstar.datasets import make_scene
from logstar.detection import atom_support
from logstar.detection._support import _spread
from logstar.preprocessing import LocalContrast, PatchPCADenoiser

LATTICE = Lattice.ybco(pixel_size=0.2)
SIGMA = 3.0


def scenes(noise, seed=0, **options):
    """With vacancies and noise, and perfect."""
    return (
        make_scene(
            LATTICE,
            (160, 160),
            sigma=SIGMA,
            noise=noise,
            vacancy_fraction=0.06,
            random_state=seed,
            **options,
        ),
        make_scene(LATTICE, (160, 160), sigma=SIGMA, random_state=seed, **options),
    )


def inner(points):
    return points[((points > 6) & (points < 153)).all(axis=1)]


def test_the_ratio_of_signal_to_noise_is_that_of_a_matched_filter():
    """Of an atom alone in white noise of known strength: sqrt(pi) sigma h / s.

    A little less: the atom fills the square that finds the surroundings to 5 % of its height,
    and the correlation of the noise is estimated from few independent places.
    """
    rows, cols = np.indices((120, 120))
    shape = np.exp(-((rows - 60) ** 2 + (cols - 60) ** 2) / (2 * SIGMA**2))
    noise = 0.2
    found = [
        atom_support(
            shape + noise * np.random.default_rng(seed).normal(size=shape.shape),
            shape,
            [[60, 60]],
            sigma=SIGMA,
        ).snr[0]
        for seed in range(60)
    ]
    expected = math.sqrt(math.pi) * SIGMA / noise
    assert 0.8 * expected < np.mean(found) < expected
    assert np.std(found) < 3


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_painted_atoms_are_found_out(noise):
    """The shown image is perfect: it paints every vacancy whole."""
    scene, perfect = scenes(noise)
    empty = inner(scene.vacancies)
    assert len(empty) >= 5
    assert (atom_support(scene.image, perfect.image, empty, sigma=SIGMA).evidence < -2).all()
    atoms = inner(scene.positions)
    lost = atom_support(scene.image, perfect.image, atoms, sigma=SIGMA).evidence < -2
    assert lost.mean() < 0.01


def test_a_half_painted_atom_is_judged_as_a_whole_one():
    scene, _ = scenes(0.15)
    shown = PatchPCADenoiser().fit_transform(scene.image)
    support = atom_support(scene.image, shown, inner(scene.vacancies), sigma=SIGMA)
    assert (support.evidence < -2).mean() > 0.85


def test_in_noise_that_hides_atoms_few_are_lost():
    scene, perfect = scenes(1.0)
    atoms = inner(scene.positions)
    support = atom_support(scene.image, perfect.image, atoms, sigma=SIGMA)
    assert (support.evidence < -2).mean() < 0.05
    assert np.median(support.snr) < 5


def test_atoms_of_thin_crystal_are_judged_by_those_around_them():
    """The right third is a quarter as thick: its atoms are weaker than the weakest of the rest."""
    scene, perfect = scenes(0.0)
    thickness = np.where(np.arange(160) < 105, 1.0, 0.25)
    noise = 0.05 * np.ptp(perfect.image) * np.random.default_rng(1).normal(size=(160, 160))
    raw, shown = scene.image * thickness + noise, perfect.image * thickness
    atoms, empty = inner(scene.positions), inner(scene.vacancies)
    thin = atoms[atoms[:, 1] > 120]
    assert len(thin) > 10
    assert (atom_support(raw, shown, thin, sigma=SIGMA).evidence < -2).mean() < 0.2
    thick = empty[empty[:, 1] < 90]
    assert (atom_support(raw, shown, thick, sigma=SIGMA).evidence < -2).all()


def test_vacuum_has_no_weak_atoms():
    scene, perfect = scenes(0.0)
    there = np.where(np.arange(160) < 80, 1.0, 0.0)
    noise = 0.1 * np.ptp(perfect.image) * np.random.default_rng(1).normal(size=(160, 160))
    places = np.argwhere(np.ones((8, 8))) * 4 + [60, 124]
    support = atom_support(scene.image * there + noise, perfect.image * there, places, sigma=SIGMA)
    assert (support.evidence < -2).all()


def test_contrast_and_units_of_the_shown_image_do_not_matter():
    scene, perfect = scenes(0.3)
    places = np.vstack([inner(scene.positions), inner(scene.vacancies)])
    plain = atom_support(scene.image, perfect.image, places, sigma=SIGMA)
    other = atom_support(7 * scene.image + 30, 0.1 * perfect.image - 5, places, sigma=SIGMA)
    assert_allclose(other.snr, plain.snr, rtol=0.01, atol=0.05)
    even = LocalContrast().fit_transform(perfect.image)
    same = atom_support(scene.image, even, places, sigma=SIGMA)
    assert np.mean((same.evidence < -2) == (plain.evidence < -2)) > 0.97


def test_support_does_not_depend_on_who_else_is_asked_about():
    scene, perfect = scenes(0.3)
    atoms = inner(scene.positions)
    together = atom_support(scene.image, perfect.image, atoms, sigma=SIGMA)
    alone = atom_support(scene.image, perfect.image, atoms[5:6], sigma=SIGMA)
    assert alone.evidence[0] == together.evidence[5]


def test_rows_and_columns_of_an_oblong_image():
    """Noise differs from place to place, and each place has its own."""
    rng = np.random.default_rng(0)
    rows, cols = np.indices((100, 300))
    places = np.array([[50, 50], [50, 250]])
    shape = sum(
        np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * SIGMA**2)) for r, c in places.tolist()
    )
    noise = np.where(cols < 150, 0.1, 0.4) * rng.normal(size=shape.shape)
    quiet, loud = atom_support(shape + noise, shape, places, sigma=SIGMA).snr
    assert quiet > 2.5 * loud
    turned = atom_support((shape + noise).T, shape.T, places[:, ::-1], sigma=SIGMA)
    assert_allclose(turned.snr, [quiet, loud], rtol=1e-6)


def test_the_spread_of_a_matched_height():
    # White noise of 0.3 gives 0.3 / (sqrt(pi) sigma); what is seen to vary more, by as much more.
    noise = np.full((20, 20), 0.3)
    white = 0.3 / (math.sqrt(math.pi) * SIGMA)
    assert_allclose(_spread(np.zeros((20, 20)), noise, SIGMA), white)
    seen = np.where(np.indices((20, 20)).sum(axis=0) % 2, 1.0, -1.0) * white
    assert_allclose(_spread(seen, noise, SIGMA), MAD_TO_SIGMA * white)
    # Where most of an image has no noise, there is nothing to compare with what is seen.
    noise[:, 6:] = 0
    assert_allclose(_spread(seen, noise, SIGMA), noise / (math.sqrt(math.pi) * SIGMA))


def test_nothing_to_ask_about_and_no_noise():
    scene, perfect = scenes(0.0)
    assert len(atom_support(scene.image, perfect.image, [], sigma=SIGMA).snr) == 0
    support = atom_support(scene.image, scene.image, inner(scene.positions), sigma=SIGMA)
    assert np.isfinite(support.evidence).all()
    assert (support.evidence > 100).all()
    tiny = atom_support(
        1e-9 * scene.image.astype(float), scene.image, inner(scene.positions), sigma=SIGMA
    )
    assert (tiny.evidence > 100).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(20), np.eye(21), [[3, 3]], 2.0), "differ in shape"),
        ((np.eye(20), np.eye(20), [[3, 20]], 2.0), "lie outside"),
        ((np.eye(20), np.eye(20), [[3, 3]], 0.0), "sigma must be"),
        ((np.eye(20), np.eye(20), [3, 3], 2.0), "detections must be a table"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    *tables, sigma = arguments
    with pytest.raises(ValueError, match=message):
        atom_support(*tables, sigma=sigma)
