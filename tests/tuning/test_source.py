"""From arrays, objects and crystals to one image and its lattice."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from logstar import Lattice
from logstar.io import Micrograph
from logstar.tuning._source import as_field, as_micrograph, crystal_at, field_of_roi
from logstar.units import PixelSize

SIZE = PixelSize(0.02, "nm")
CIF = "SrTiO3.cif"


def kinds(lattice):
    return {column.species for column in lattice.columns}


class TestCrystal:
    def test_lengths_get_the_unit_of_the_pixel_size(self):
        for lattice in (Lattice.ybco, Lattice.ybco("0.3 A")):
            crystal = crystal_at(lattice, SIZE, visible=None, polarity="bright")
            assert crystal.pixel_size == SIZE
            assert (crystal.a, crystal.unit) == (pytest.approx(0.3885), "nm")

    def test_a_lattice_in_pixels_stays_one(self):
        lattice = Lattice(20, 20, columns=Lattice.ybco(1.0).columns, pixel_size=None)
        assert crystal_at(lattice, SIZE, visible=None, polarity="bright") is lattice

    @pytest.mark.parametrize(
        ("visible", "seen"),
        [(None, {"Ba", "Y", "Cu"}), ("Ba", {"Ba"}), (["Y", "Cu1"], {"Y", "Cu"}), (0.9, {"Ba"})],
    )
    def test_visible_columns_of_a_lattice(self, visible, seen):
        for lattice in (Lattice.ybco, Lattice.ybco(0.3)):
            crystal = crystal_at(lattice, SIZE, visible=visible, polarity="bright")
            assert kinds(crystal) == seen

    def test_light_columns_show_where_atoms_are_dark(self, shared_data):
        make = partial(Lattice.from_cif, shared_data / "crystals" / CIF, "110")

        def species(visible, polarity):
            return kinds(crystal_at(make, SIZE, visible=visible, polarity=polarity))

        assert species(None, "bright") == {"Sr", "Ti"}
        assert species(None, "dark") == {"Sr", "Ti", "O"}
        assert species("Sr", "dark") == {"Sr"}
        assert species(["Sr", "O"], "bright") == {"Sr", "O"}

    @pytest.mark.parametrize(
        ("lattice", "options", "error", "message"),
        [
            (Lattice.ybco, {"pixel_size": None}, ValueError, "needs a pixel size"),
            (lambda _: "no lattice", {}, TypeError, "must make a Lattice"),
            (Lattice.ybco, {"visible": ["Xx"]}, ValueError, "visible must name columns"),
            (Lattice.ybco, {"visible": []}, ValueError, "visible must name columns"),
            (Lattice.ybco, {"visible": 2.0}, ValueError, "visible must be"),
        ],
    )
    def test_refused(self, lattice, options, error, message):
        defaults = {"pixel_size": SIZE, "visible": None, "polarity": "bright"}
        options = defaults | options
        with pytest.raises(error, match=message):
            crystal_at(lattice, options.pop("pixel_size"), **options)


class TestImage:
    def test_arrays_and_micrographs(self):
        assert as_micrograph([[1, 2], [3, 4]]).image.tolist() == [[1, 2], [3, 4]]
        micrograph = Micrograph(np.eye(4), SIZE)
        assert as_micrograph(micrograph) is micrograph

    def test_xarray_like_objects_bring_their_calibration(self):
        axis = {"scale": 0.02, "units": "nm", "navigate": False}
        assert as_micrograph({"data": np.eye(8), "axes": [axis, axis]}).pixel_size == SIZE

    @pytest.mark.parametrize(
        ("image", "error", "message"),
        [
            ("film.tif", TypeError, "find_atoms"),
            (np.zeros((3, 8, 8)), ValueError, "X must be one image, got a 3-D array"),
            (np.zeros((64, 64, 3)), ValueError, "looks like colours"),
            (np.zeros((64, 64, 1)), ValueError, "has a last axis of one entry"),
            ([np.eye(8)] * 2, ValueError, "X is a list of 2 images"),
            (np.zeros(5), ValueError, "X must be a 2-D array"),
        ],
    )
    def test_refused(self, image, error, message):
        with pytest.raises(error, match=message):
            as_micrograph(image)


class TestField:
    def test_everywhere_is_no_mask(self):
        assert as_field(None, (4, 5)) is None
        assert as_field(np.ones((4, 5), dtype=bool), (4, 5)) is None
        assert as_field(np.eye(4, 5, dtype=bool).tolist(), (4, 5)).sum() == 4

    def test_rectangles(self):
        field = field_of_roi(((1, 3), (None, 2)), (4, 5))
        assert np.argwhere(field).tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]
        np.testing.assert_array_equal(field, field_of_roi(np.s_[1:3, :2], (4, 5)))
        with pytest.raises(ValueError, match="rows must begin before they end"):
            field_of_roi(np.s_[::2, :], (4, 5))
