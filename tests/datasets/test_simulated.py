"""The shipped micrograph against the one it was made from."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import load_ybco
from logstar.units import PixelSize

BY_KIND = {"Ba": 248, "Y": 138, "Cu1": 120, "Cu2": 278}


@pytest.mark.parametrize("noisy", [False, True])
def test_scene(noisy):
    scene = load_ybco(noisy=noisy)
    assert scene.image.shape == (512, 512)
    assert scene.image.dtype == np.float32
    assert scene.image.flags.writeable
    assert scene.positions.shape == (784, 2)
    assert {kind: (scene.kinds == kind).sum() for kind in scene.lattice.kinds} == BY_KIND
    assert scene.pixel_size == PixelSize(0.15)
    assert scene.lattice.n_expected(scene.image.shape) == pytest.approx(784, rel=0.01)
    assert scene.amorphous_mask is None
    assert scene.vacancies is None
    assert "784 atoms" in repr(scene)


def test_same_as_the_source(shared_data):
    source = shared_data / "sim" / "ybco100_multislice"
    clean = np.load(f"{source}_clean.npy").astype(np.float64)
    assert np.abs(load_ybco().image - clean).max() < 9.6e-7
    np.testing.assert_array_equal(load_ybco(noisy=True).image, np.load(f"{source}_noisy.npy"))
    table = json.loads(source.with_suffix(".json").read_text())["columns"]
    visible = {(c["y"], c["x"], c["species"]) for c in table if c["visible"]}
    scene = load_ybco()
    shipped = {(r, c, str(k)) for (r, c), k in zip(scene.positions, scene.kinds, strict=True)}
    assert shipped == visible


def test_noise_is_that_of_the_stated_dose():
    clean, noisy = load_ybco().image, load_ybco(noisy=True).image
    mean = clean * (20_000 * 0.15**2)
    assert noisy.mean() == pytest.approx(mean.mean(), rel=2e-3)
    # The variance of Poisson counts is their mean.
    assert np.mean((noisy - mean) ** 2 / mean) == pytest.approx(1, abs=0.02)


def test_atoms_are_where_the_truth_says():
    scene = load_ybco()
    image = ndimage.gaussian_filter(scene.image.astype(np.float64), 1)
    peaks = np.argwhere(image == ndimage.maximum_filter(image, 9))
    inner = ((scene.positions > 8) & (scene.positions < 503)).all(axis=1)
    for kind, limit in {"Ba": 0.8, "Y": 0.75, "Cu1": 0.75, "Cu2": 1.5}.items():
        atoms = scene.positions[inner & (scene.kinds == kind)]
        away = np.linalg.norm(peaks[None] - atoms[:, None], axis=2).min(axis=1)
        assert away.max() < limit


def test_loading_imports_no_matplotlib():
    code = (
        "import sys, logstar.datasets as d; d.load_ybco(True); "
        "print([m for m in ('matplotlib', 'skimage', 'skopt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
