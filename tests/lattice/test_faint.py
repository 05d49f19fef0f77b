"""A lattice by all its peaks together: found where single peaks do not tell, never in noise."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import ImageLattice
from logstar.lattice._faint import find_faint
from logstar.lattice._peaks import flatten
from logstar.metrics import detection_metrics
from tests.detection.noises import KINDS, noise_image

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)


def scene(noise, seed):
    """Noise of so many times the height of the brightest columns."""
    return make_scene(CRYSTAL, (256, 256), rotation=7 + 20 * seed, noise=noise, random_state=seed)


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_the_crystal(seed):
    image = scene(2.0, seed).image
    with pytest.raises(NotOneLatticeError):
        ImageLattice.from_image(image)
    found = ImageLattice.from_image(image, faint=True)
    n_cells = CRYSTAL.unit_cell_area / found.unit_cell_area
    # Half a cell where its two columns are not told apart.
    assert n_cells == pytest.approx(2 / len(found.columns), rel=0.01)
    assert found.nearest_distance == pytest.approx(CRYSTAL.nearest_distance, rel=0.06)
    assert 0 < found.vector_error < 0.05


def test_where_single_peaks_tell_nothing_changes():
    image = scene(0.5, 0).image
    one, other = (ImageLattice.from_image(image, faint=faint) for faint in (False, True))
    assert one == other


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_none_in_noise(kind):
    for seed in range(8):
        assert find_faint(flatten(noise_image(kind, (256, 256), 900 + seed))) is None


def test_an_image_without_anything_has_none():
    assert find_faint(np.zeros((64, 64), dtype=np.float32)) is None


def test_a_mean_cell_of_noise_is_refused_as_no_lattice():
    image = make_scene(CRYSTAL, (256, 256), rotation=27, noise=3, random_state=1).image
    with pytest.raises(NotOneLatticeError, match="no lattice"):
        ImageLattice.from_image(image)


@pytest.mark.parametrize("lattice", ["auto", CRYSTAL])
def test_atoms_are_found_in_the_denoised_image_and_to_be_checked(lattice):
    noisy = scene(2.0, 1)
    finder = AtomFinder(lattice, denoise="auto", refine=None).fit(noisy.image)
    assert finder.expectation_.is_faint
    assert finder.verdict_.status == "check"
    assert any("Bragg peaks together only" in reason for reason in finder.verdict_.reasons)
    found = detection_metrics(
        finder.atoms_.positions, noisy.positions, tolerance=3.5, shape=(256, 256), margin=4
    )
    assert found.f1 > 0.97


def test_without_denoising_it_is_not_looked_for():
    with pytest.raises(NotOneLatticeError):
        AtomFinder(refine=None).fit(scene(2.0, 1).image)
