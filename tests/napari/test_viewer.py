"""From results to layers of a viewer, and back."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Points
from numpy.testing import assert_allclose, assert_array_equal

from logstar import find_atoms
from logstar.napari import add_finder, atoms_of
from logstar.napari._layers import KEY, Known
from logstar.napari._viewer import show_atoms


def test_what_a_finder_found_is_shown(viewer, finder):
    layer = add_finder(viewer, finder, name="film")
    assert [type(one) for one in viewer.layers] == [Image, Points]
    assert [one.name for one in viewer.layers] == ["film", "atoms of film"]
    assert_array_equal(layer.data, finder.atoms_.positions)
    assert layer.metadata[KEY].finder is finder
    assert_array_equal(layer.features["sigma"], finder.atoms_["sigma"])


def test_atoms_lie_on_their_image_though_the_pixel_size_was_corrected(viewer, scene):
    off = find_atoms(scene.image, lattice=scene.lattice, pixel_size="0.205 A")
    assert off.pixel_size_.to("A").value == pytest.approx(0.2, rel=0.005)
    add_finder(viewer, off)
    image, layer = viewer.layers
    assert_array_equal(layer.scale, image.scale)


def test_the_table_of_a_layer(atoms, finder):
    table = atoms_of(atoms)
    assert_array_equal(table.positions, finder.atoms_.positions)
    assert table.provenance == finder.atoms_.provenance


def test_a_layer_of_something_else(viewer):
    with pytest.raises(TypeError, match="of atoms that logstar found"):
        atoms_of(viewer.add_points([[1, 2]]))


@pytest.mark.parametrize("n", [0, 10, 100])
def test_a_layer_changes_in_place(atoms, n):
    table = atoms_of(atoms)
    chosen = np.arange(n) % len(table)
    other = table.select(chosen).with_columns(sigma=np.full(n, 4.0))
    show_atoms(atoms, Known(other))
    assert_array_equal(atoms.data, other.positions)
    assert_allclose(atoms.size, np.full(n, 12.0))
    assert_array_equal(atoms.features["sigma"], other["sigma"])
    assert len(atoms.border_color) == n
    assert atoms_of(atoms) is other
