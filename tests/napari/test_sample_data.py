"""Micrographs to try the plugin on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar import Lattice, find_atoms
from logstar.fields import polarization
from logstar.napari import _sample_data


@pytest.mark.parametrize("name", ["ybco", "irradiated", "polar"])
def test_each_opens_with_its_image_alone(name, add):
    image, *truth = add(getattr(_sample_data, name)())
    assert image.visible
    assert not any(layer.visible for layer in truth)
    for layer in truth:
        assert_array_equal(layer.scale, image.scale)
    assert str(image.units[0]) == "nanometer"


def test_the_domains_are_displaced_up_and_down():
    image = _sample_data.polar()[0][0]
    found = find_atoms(image, lattice=Lattice.perovskite(4.0, pixel_size=0.2))
    assert found.verdict_.status == "ok"
    field = polarization(found.index(), found.refinement_)
    left = field.positions[:, 1] < 150
    right = field.positions[:, 1] > 170
    # 0.04 of 4 angstrom.
    assert np.nanmean(field.in_units[left], axis=0) == pytest.approx((0.16, 0), abs=0.01)
    assert np.nanmean(field.in_units[right], axis=0) == pytest.approx((-0.16, 0), abs=0.01)
