"""The main job as one call, on images that are found by tiles."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.tuning import TiledAtoms, _find_atoms, _large_images

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (300, 280), noise=0.1, random_state=0)


@pytest.fixture
def small(monkeypatch):
    """Images of more than 256 x 256 pixels are large."""
    for module in (_large_images, _find_atoms):
        monkeypatch.setattr(module, "LARGEST_WHOLE", 2**16)


@pytest.mark.usefixtures("small")
def test_a_large_image_is_found_alike_however_it_is_held(scene, tmp_path):
    image = scene.image.astype(np.float32)
    np.save(tmp_path / "field.npy", image)
    mapped = np.load(tmp_path / "field.npy", mmap_mode="r")
    found = [
        find_atoms(source, lattice=CRYSTAL, refine=None)
        for source in (image, mapped, tmp_path / "field.npy")
    ]
    assert all(isinstance(one, TiledAtoms) for one in found)
    assert "found by tiles" in str(found[0].report())
    for one in found[1:]:
        np.testing.assert_array_equal(np.asarray(one.atoms_), np.asarray(found[0].atoms_))
    whole = find_atoms(image, lattice=CRYSTAL, refine=None, tile=None)
    assert isinstance(whole, AtomFinder)
    assert len(found[0].atoms_) == pytest.approx(len(whole.atoms_), abs=5)
    assert found[2].source_ == str(tmp_path / "field.npy")


@pytest.mark.usefixtures("small")
def test_what_is_small_or_made_of_a_large_one_is_found_as_a_whole(scene, tmp_path):
    image = scene.image.astype(np.float32)
    assert isinstance(find_atoms(image[:200, :200], lattice=CRYSTAL), AtomFinder)
    np.save(tmp_path / "field.npy", np.kron(image, np.ones((2, 2), dtype=np.float32)))
    found = find_atoms(
        tmp_path / "field.npy",
        lattice="auto",
        binning=2,
        tile="auto",
        refine=None,
        roi=((0, 200), (0, 200)),
    )
    assert isinstance(found, TiledAtoms)
    assert found.atoms_.positions.max() < 200
    assert found.shape == (300, 280)


@pytest.mark.usefixtures("small")
def test_what_does_not_go_by_tiles_is_said(scene):
    with pytest.raises(ValueError, match="tile=None finds it as a whole, in memory"):
        find_atoms(scene.image, lattice=CRYSTAL, denoise="auto")
    assert isinstance(
        find_atoms(scene.image, lattice=None, expected=50, tile=None, refine=None), AtomFinder
    )
