"""Maps of atoms that were found, without a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from logstar import AmorphousGMMSegmenter, Lattice, find_atoms
from logstar.fields import polarization, strain
from logstar.napari import _maps, _sample_data
from logstar.napari._finding import table_with_sites


def told(_):
    """Nobody listens."""


@pytest.fixture(scope="module")
def polar():
    image, properties, _ = _sample_data.polar()[0]
    finder = find_atoms(image, lattice=Lattice.perovskite(4.0, pixel_size=0.2))
    assert properties["name"] == "polar perovskite"
    return finder, table_with_sites(finder)


@pytest.fixture(scope="module")
def damaged():
    image = _sample_data.irradiated()[0][0]
    return find_atoms(image, lattice=Lattice.perovskite(3.905, pixel_size=0.2))


class TestDamage:
    def test_the_same_as_in_python(self, damaged):
        damage = _maps.map_damage(
            told, damaged.image_, damaged.atoms_, damaged.pixel_size_, "bright"
        )
        segmenter = AmorphousGMMSegmenter(random_state=0).fit(
            damaged.image_, positions=damaged.atoms_
        )
        assert_array_equal(damage.kinds, segmenter.kinds_)
        titles, rows = _maps.rows_of(damage)
        assert titles[1] == "area (nm²)"
        assert [row[0] for row in rows] == ["amorphous", "amorphous"]
        # Pockets of 55 and 40 pixels of 0.02 nm.
        assert float(rows[0][1]) == pytest.approx(np.pi * 1.1**2, rel=0.15)
        assert float(rows[1][1]) == pytest.approx(np.pi * 0.8**2, rel=0.15)
        assert str(damage).startswith("amorphous ")

    def test_a_perfect_crystal(self, finder):
        damage = _maps.map_damage(told, -finder.image_, finder.atoms_, None, "dark")
        assert str(damage) == "crystal everywhere"
        assert _maps.rows_of(damage)[1] == []


class TestFields:
    def test_strain_is_that_of_python(self, polar):
        finder, table = polar
        layers, text = _maps.map_field(told, finder.image_, table, finder, finder.pixel_size_)
        assert [properties["name"] for _, properties, _ in layers] == [
            "e_xx (%)", "e_yy (%)", "e_xy (%)", "rotation (degree)"
        ]  # fmt: skip
        expected = strain(finder.index(), finder.refinement_)
        shown = layers[0][0]
        # An atom's value is at the node of the grid that is nearest to it.
        _, properties, _ = layers[0]
        nodes = (expected.positions * 0.02 - properties["translate"]) / properties["scale"]
        rows, cols = np.clip(nodes.round().astype(int), 0, np.array(shown.shape) - 1).T
        assert_allclose(shown[rows, cols], 100 * expected.e_xx, rtol=1e-6)
        assert text.startswith("512 of 512 atoms have a site")
        assert "median error of e_xx" in text

    @pytest.mark.parametrize("with_finder", [True, False])
    def test_polarisation_differs_from_zero(self, polar, with_finder):
        """Also of atoms of a file, by the lattice that the image shows."""
        finder, table = polar
        kinds = ("B", "A")
        if not with_finder:
            found = find_atoms(finder.image_, lattice="auto", pixel_size="0.2 A")
            table = table_with_sites(found)
            brighter = np.unique(table["kind"][table["amplitude"] > table["amplitude"].mean()])
            (heavy,) = brighter
            (light,) = set(np.unique(table["kind"])) - {heavy}
            kinds = (light, heavy)
        ((data, properties, what),), text = _maps.map_field(
            told, finder.image_, table, finder if with_finder else None, finder.pixel_size_,
            what=_maps.POLARIZATION, kinds=kinds,
        )  # fmt: skip
        assert what == "vectors"
        assert "differs from zero" in text
        left = data[data[:, 0, 1] < 150, 1].mean(axis=0)
        right = data[data[:, 0, 1] > 170, 1].mean(axis=0)
        # 0.04 cells of 20 px, in opposite directions.
        assert left == pytest.approx([0.8, 0], abs=0.05)
        assert right == pytest.approx([-0.8, 0], abs=0.05)
        if with_finder:
            expected = polarization(finder.index(), finder.refinement_)
            known = np.isfinite(expected.vectors).all(axis=1)
            assert_array_equal(data[:, 1], expected.vectors[known])
        assert properties["scale"] == pytest.approx((0.02, 0.02))

    def test_displacements_from_the_crystal(self, polar):
        finder, table = polar
        (layer,), text = _maps.map_field(
            told, finder.image_, table, finder, None,
            what=_maps.DISPLACEMENT, reference="crystal",
        )  # fmt: skip
        assert layer[1]["name"] == "displacement"
        assert text.startswith("512 of 512")

    def test_what_cannot_be_measured_is_told(self, polar):
        finder, table = polar
        with pytest.raises(ValueError, match="'Xx'"):
            _maps.map_field(
                told, finder.image_, table, finder, None,
                what=_maps.POLARIZATION, kinds=("Xx", "A"),
            )  # fmt: skip
        few = table.select(np.flatnonzero(table["kind"] == "B")[:8])
        with pytest.raises(ValueError, match=r"nowhere defined|atoms"):
            _maps.map_field(told, finder.image_, few, finder, None, what=_maps.POLARIZATION)
