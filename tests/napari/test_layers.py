"""From atoms and maps to layers, without a viewer."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from logstar import AtomTable, Lattice
from logstar.fields import FieldGrid, displacements, polarization, strain
from logstar.lattice import LatticeIndexer
from logstar.napari import _layers
from logstar.units import PixelSize

LATTICE = Lattice.perovskite(4.0, pixel_size=0.2)


def table(**more):
    columns = {"row": [10.0, 20, 30], "col": [5.0, 15, 25], "sigma": [2.0, 3, np.nan], **more}
    return AtomTable(columns, pixel_size="0.2 A")


@pytest.fixture(scope="module")
def indexed():
    positions, kinds = LATTICE.positions((200, 200))
    positions[kinds == "B"] += (0.0, 0.5)  # to the right
    return LatticeIndexer(LATTICE).fit(positions, kinds), positions


class TestScale:
    @pytest.mark.parametrize(("size", "side"), [("0.2 A", 0.02), ("20 pm", 0.02), ("2 nm", 2.0)])
    def test_layers_are_in_nanometres(self, size, side):
        assert _layers.world(PixelSize.of(size)) == {
            "scale": pytest.approx((side, side)),
            "units": ("nm", "nm"),
        }

    def test_without_a_size_there_is_no_scale(self):
        assert _layers.world(None) == {}

    @pytest.mark.parametrize(
        ("unit", "nanometers"), [("angstrom", 0.02), ("nanometer", 0.2), ("micrometer", 200)]
    )
    def test_sizes_of_layers_that_others_made(self, unit, nanometers):
        size = _layers.pixel_size_of((1.0, 0.2, 0.2), ("pixel", unit, unit))
        assert size.to("nm").value == pytest.approx(nanometers)

    @pytest.mark.parametrize(
        ("scale", "units"),
        [
            ((0.2, 0.2), ("pixel", "pixel")),
            ((0.2, 0.3), ("nanometer", "nanometer")),
            ((0.2, 0.2), ("nanometer", "second")),
            ((-0.2, -0.2), ("nanometer", "nanometer")),
        ],
    )
    def test_scales_that_are_no_size_of_a_pixel(self, scale, units):
        assert _layers.pixel_size_of(scale, units) is None

    def test_atoms_take_the_scale_of_their_image(self):
        own, image, other = (PixelSize(x, "A") for x in (0.2, 0.207, 0.5))
        assert _layers.scale_beside(own, [other, image]) == image
        assert _layers.scale_beside(own, [other]) == own
        assert _layers.scale_beside(own, []) == own
        assert _layers.scale_beside(own, [None]) == own
        assert _layers.scale_beside(None, [image]) == image
        assert _layers.scale_beside(None, [image, other]) is None


class TestPoints:
    def test_positions_and_features(self):
        atoms = table(kind=["Sr", "Ti", ""], row_error=[0.1, 0.2, np.nan])
        data, properties, what = _layers.points(atoms, name="atoms", pixel_size=atoms.pixel_size)
        assert what == "points"
        assert_array_equal(data, atoms.positions)
        features = properties["features"]
        assert list(features) == ["kind", "sigma", "row_error", "atom"]
        assert_array_equal(features["row_error"], atoms["row_error"])
        assert properties["metadata"]["logstar"].table is atoms
        assert properties["scale"] == pytest.approx((0.02, 0.02))

    def test_the_layer_may_be_written_to_and_the_table_stays(self):
        atoms = table()
        data, properties, _ = _layers.points(atoms, name="atoms")
        data += 1
        properties["features"]["sigma"][:] = 0
        assert_array_equal(atoms["row"], [10, 20, 30])
        assert atoms["sigma"][0] == 2

    def test_circles_grow_with_atoms(self):
        # Of the third atom no sigma is known: it has the median of the others.
        assert_allclose(_layers.sizes_of(table()), [6, 9, 7.5])
        assert_allclose(_layers.sizes_of(AtomTable({"row": [1], "col": [1]})), [6])

    def test_colours_tell_kinds_flags_and_what_was_set_by_hand(self):
        colors = _layers.colors_of(
            table(kind=["A", "B", "A"], flagged=[False, False, True], by_hand=["", "added", ""])
        )
        assert len(np.unique(colors, axis=0)) == 3
        plain = _layers.colors_of(table(kind=["A", "B", "A"]))
        assert_array_equal(plain[0], plain[2])
        assert_array_equal(colors[0], plain[0])
        assert_array_equal(colors[1], [1, 0, 1, 1])
        assert (colors[:, 3] == 1).all()

    def test_no_atoms(self):
        data, properties, _ = _layers.points(AtomTable({"row": [], "col": []}), name="none")
        assert data.shape == (0, 2)
        assert properties["border_color"].shape == (0, 4)
        assert properties["size"].shape == (0,)


class TestMaps:
    def test_labels_name_what_a_pixel_shows(self):
        data, properties, what = _layers.labels(np.eye(8, dtype=bool), name="mask")
        assert what == "labels"
        kinds = properties["features"]["kind"]
        assert kinds[data[0, 0]] == "amorphous"
        assert kinds[data[0, 1]] == "crystal"
        assert properties["colormap"][0][3] == 0

    def test_components_are_where_their_atoms_are(self, indexed):
        indexer, positions = indexed
        grid = FieldGrid.of(strain(indexer, positions), shape=(200, 200), step=5)
        layers = _layers.field_images(grid)
        names = [properties["name"] for _, properties, _ in layers]
        assert names == ["e_xx (%)", "e_yy (%)", "e_xy (%)", "rotation (degree)"]
        values, properties, what = layers[0]
        assert what == "image"
        assert_array_equal(values, 100 * grid.values["e_xx"])
        # The first node is in the middle of the first square of 5 x 5 pixels.
        assert properties["translate"] == pytest.approx((2 * 0.02, 2 * 0.02))
        assert properties["scale"] == pytest.approx((0.1, 0.1))
        low, high = properties["contrast_limits"]
        assert low == -high
        assert [properties["visible"] for _, properties, _ in layers] == [True, False, False, False]

    def test_lengths_are_in_picometres_where_pixels_have_a_size(self, indexed):
        indexer, positions = indexed
        grid = FieldGrid.of(displacements(indexer, positions), shape=(200, 200))
        (values, properties, _), _ = _layers.field_images(grid)
        assert properties["name"] == "displacement_row (pm)"
        assert_allclose(values, 20 * grid.values["displacement_row"])

    def test_a_field_that_is_zero_everywhere_has_limits(self):
        grid = FieldGrid({"e_xx": np.zeros((3, 3))}, (0.0, 0.0), 1.0, None)
        ((_, properties, _),) = _layers.field_images(grid)
        assert properties["contrast_limits"] == (-1.0, 1.0)

    def test_vectors_begin_at_their_atoms(self, indexed):
        indexer, positions = indexed
        field = polarization(indexer, positions)
        data, properties, what = _layers.vectors(field)
        assert what == "vectors"
        known = np.isfinite(field.vectors).all(axis=1)
        assert 0 < known.sum() < len(known)
        assert_array_equal(data[:, 0], field.positions[known])
        assert_allclose(data[:, 1], np.tile((0, 0.5), (known.sum(), 1)), atol=1e-9)
        features = properties["features"]
        assert_allclose(features["length_pm"], 10)
        assert_allclose(features["angle"], 0, atol=1e-6)
        # To the right is red; all are.
        assert_allclose(properties["edge_color"], np.tile((1, 0.35, 0.35, 1), (known.sum(), 1)))
        # The longest is as long as atoms of the kind are apart: one cell of 20 px.
        assert properties["length"] * 0.5 == pytest.approx(20)

    @pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0, 120.0, -90.0, 180.0, -180.0])
    def test_colours_of_directions_are_those_of_hues(self, angle):
        (color,) = _layers._colors_of_angles(np.array([angle]))
        assert color == pytest.approx((*colorsys.hsv_to_rgb(angle / 360 % 1, 0.65, 1), 1))

    def test_a_field_without_a_vector(self, indexed):
        indexer, positions = indexed
        field = polarization(indexer, np.column_stack([positions, np.ones(len(positions))]))
        field.vectors[:] = np.nan
        data, properties, _ = _layers.vectors(field)
        assert data.shape == (0, 2, 2)
        assert np.isfinite(properties["length"])
