"""Maps of fields: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from logstar.fields import displacements, spacings, strain
from logstar.inspection import FieldMapDisplay
from logstar.lattice import Lattice, LatticeIndexer

LATTICE = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def sheared():
    positions, kinds = LATTICE.positions((160, 200))
    moved = positions.copy()
    moved[:, 1] += np.where(positions[:, 1] > 100, 0.02 * (positions[:, 1] - 100), 0)
    return LatticeIndexer(LATTICE).fit(moved, kinds), moved, positions[:, 1] < 90


def test_colors_are_the_strain_of_the_nearest_atom(sheared):
    indexer, positions, left = sheared
    field = strain(indexer, positions, reference=left)
    display = FieldMapDisplay(field, image=np.zeros((160, 204))).plot(limit=3.0)
    raster = np.asarray(display.drawn_.get_array().filled(np.nan))
    assert raster.shape == (160, 204)
    assert np.nanmean(raster[40:120, 20:80]) == pytest.approx(0, abs=1e-6)
    assert np.nanmean(raster[40:120, 130:180]) == pytest.approx(2, abs=1e-6)
    assert display.drawn_.get_clim() == (-3.0, 3.0)
    # Pixels have their centres at whole numbers.
    assert display.drawn_.get_extent() == [-0.5, 203.5, 159.5, -0.5]


def test_arrows_point_as_the_vectors_do(sheared):
    indexer, positions, left = sheared
    field = displacements(indexer, positions, reference=left)
    display = FieldMapDisplay(field, image=np.zeros((160, 204))).plot()
    np.testing.assert_allclose(display.drawn_.U, field.in_units[:, 1])
    np.testing.assert_allclose(display.drawn_.V, field.in_units[:, 0])
    np.testing.assert_allclose(display.drawn_.XY, positions[:, ::-1])
    assert display.ax_.get_ylim() == (159.5, -0.5)


def test_spacings_have_their_unit_and_vacancies_a_mark(sheared, tmp_path):
    indexer, positions, _ = sheared
    display = FieldMapDisplay(spacings(indexer, positions), vacancies=[[50, 60]]).plot()
    assert display.ax_.get_title(loc="left") == "spacing (A)"
    np.testing.assert_array_equal(display.vacancies_.get_xydata(), [[60, 50]])
    path = display.save(tmp_path / "map.png")
    assert np.asarray(Image.open(path)).std() > 10


def test_vacancies_alone_are_drawn_over_the_image():
    display = FieldMapDisplay(
        None, image=np.eye(40), vacancies=[[10, 20]], pixel_size="0.2 A"
    ).plot()
    assert display.drawn_ is None
    np.testing.assert_array_equal(display.vacancies_.get_xydata(), [[20, 10]])
    assert len(display.ax_.images) == 1
    with pytest.raises(TypeError, match="or None with an image"):
        FieldMapDisplay(None).plot()


def test_what_is_no_field_is_refused(sheared):
    indexer, positions, _ = sheared
    with pytest.raises(TypeError, match="field must be one of"):
        FieldMapDisplay(positions).plot()
    with pytest.raises(ValueError, match="component must be one of 'e_xx'"):
        FieldMapDisplay(strain(indexer, positions), component="xx").plot()


def test_of_no_atoms_nothing_is_drawn():
    nothing = np.empty((0, 2))
    indexer = LatticeIndexer(LATTICE).fit(nothing)
    for field in (displacements(indexer, nothing), strain(indexer, nothing)):
        display = FieldMapDisplay(field, image=np.zeros((40, 50))).plot()
        assert display.ax_.get_xlim() == (-0.5, 49.5)
