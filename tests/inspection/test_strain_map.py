"""Strain and rotation beside each other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from logstar.fields import displacements, strain
from logstar.inspection import StrainMapDisplay
from logstar.lattice import Lattice, LatticeIndexer

LATTICE = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def sheared():
    positions, kinds = LATTICE.positions((160, 200))
    moved = positions.copy()
    moved[:, 1] += np.where(positions[:, 1] > 100, 0.02 * (positions[:, 1] - 100), 0)
    return LatticeIndexer(LATTICE).fit(moved, kinds), moved, positions[:, 1] < 90


def test_strains_share_their_range_of_colors(sheared, tmp_path):
    indexer, positions, left = sheared
    field = strain(indexer, positions, reference=left)
    display = StrainMapDisplay(field, image=np.zeros((160, 204)), vacancies=[[50, 60]])
    path = display.save(tmp_path / "strain.png")
    assert np.asarray(Image.open(path)).std() > 10
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert [title.split()[0] for title in titles[3:]] == ["rotation"]
    ranges = [one.drawn_.get_clim() for one in display.displays_]
    assert ranges[0] == ranges[1] == ranges[2]
    raster = np.asarray(display.displays_[0].drawn_.get_array().filled(np.nan))
    assert np.nanmean(raster[40:120, 130:180]) == pytest.approx(2, abs=1e-6)
    assert all(one.vacancies_ is not None for one in display.displays_)


def test_what_is_no_strain_is_refused(sheared):
    indexer, positions, _ = sheared
    with pytest.raises(TypeError, match="field must be a StrainField"):
        StrainMapDisplay(displacements(indexer, positions)).plot()
