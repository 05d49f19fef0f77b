"""Whether atoms stand out: right and wrong polarity, noise, and good images that stay good."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar import AtomFinder, Lattice, find_atoms
from logstar.datasets import load_ybco, make_scene, make_typical_scene
from logstar.tuning import Evidence

PEROVSKITE, YBCO = Lattice.perovskite(4.0, 0.2), Lattice.ybco(0.2)
NOISE = "the atoms stand out no better than maxima of noise do"

#: Real micrographs, with what their images are and how they are read.
REAL = {
    "baghizadeh_BTO_crystal_1.dm4": {"average": True},
    "atomap_test_ADF_cropped.hdf5": {},
    "atomap_test_ABF_cropped.hdf5": {"polarity": "dark"},
    "scilink_MoS2_stem_Exp-000-2.npy": {},
    "asn_11133.png": {"channel": "luminance"},
}
OTHER = {"bright": "dark", "dark": "bright"}


def concerns(finder):
    return finder.evidence_.concerns(finder.polarity)


@pytest.mark.parametrize("lattice", [PEROVSKITE, YBCO])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_scenes_stay_good_and_the_wrong_polarity_is_said(lattice, noise):
    scene = make_scene(lattice, (180, 190), rotation=7, noise=noise, random_state=2)
    right = AtomFinder(lattice).fit(scene.image)
    assert concerns(right) == []
    wrong = AtomFinder(lattice, polarity="dark", force=True).fit(scene.image)
    assert any("are atoms bright?" in words for words in wrong.verdict_.reasons)
    inverted = AtomFinder(lattice, force=True).fit(-scene.image)
    assert any("are atoms dark?" in words for words in inverted.verdict_.reasons)


@pytest.mark.parametrize("noisy", [False, True])
def test_the_shipped_micrograph(noisy):
    scene = load_ybco(noisy)
    assert AtomFinder(scene.lattice).fit(scene.image).verdict_.status == "ok"
    wrong = AtomFinder("auto", polarity="dark").fit(scene.image)
    assert any("are atoms bright?" in words for words in wrong.verdict_.reasons)


@pytest.mark.parametrize("name", REAL)
def test_real_micrographs(shared_data, name):
    options = REAL[name]
    path = shared_data / "real" / name
    assert concerns(find_atoms(path, **options)) == []
    polarity = OTHER[options.get("polarity", "bright")]
    wrong = find_atoms(path, **{**options, "polarity": polarity})
    assert any("are atoms" in words for words in wrong.verdict_.reasons)
    assert wrong.verdict_.status == "check"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["white", "smooth", "counts"])
def test_noise_is_said_to_be_noise(seed, kind):
    rng = np.random.default_rng(seed)
    image = {
        "white": lambda: rng.normal(size=(130, 140)),
        "smooth": lambda: ndimage.gaussian_filter(rng.normal(size=(130, 140)), 1.5),
        "counts": lambda: rng.poisson(3.0, size=(130, 140)).astype(float),
    }[kind]()
    spacing = rng.uniform(8, 18)
    numbers = {"expected": image.size / spacing**2, "distance_sum": 0.85 * 4 * spacing}
    found = AtomFinder(None, **numbers).fit(image)
    assert NOISE in found.verdict_.reasons
    assert found.verdict_.status == "check"


def test_a_denoised_image_is_compared_with_itself():
    scene = make_scene(PEROVSKITE, (160, 160), rotation=7, noise=0.7, random_state=0)
    found = AtomFinder(PEROVSKITE, denoise="auto", n_iter=4).fit(scene.image)
    assert concerns(found) == []
    assert 0.3 < found.evidence_.other_polarity < 0.8


def test_words():
    assert Evidence(0.5, np.inf).concerns("bright") == []
    assert Evidence(1.0, np.inf).concerns("bright") == [NOISE]
    assert Evidence(0.5, 2.0).concerns("dark") == [NOISE]
    (words,) = Evidence(1.5, 2.0).concerns("bright")
    assert words == "dark maxima are as many and 1.5 times as strong: are atoms dark?"


def test_a_saturated_core_is_no_crowd_of_candidates():
    """Of the same response everywhere, each of its pixels was one: too many pairs to be pruned."""
    finder = find_atoms(make_typical_scene("saturated", random_state=0).image)
    assert np.isfinite(finder.evidence_.other_polarity)
    assert abs(finder.qc_) < 0.05
