"""What a finder learns of an image: its lattice, pixel size and field."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from logstar import AtomFinder, Lattice
from logstar.exceptions import CalibrationError
from logstar.io import Micrograph
from logstar.lattice import ImageLattice
from logstar.units import PixelSize
from tests.tuning.common import CRYSTAL, f1, same_atoms


class TestLattice:
    def test_of_the_image_alone(self, scene, finder):
        found = AtomFinder().fit(scene.image)
        assert isinstance(found.lattice_, ImageLattice)
        assert f1(found.atoms_.positions, scene) == 1
        assert found.expectation_.n_expected == finder.expectation_.n_expected
        assert found.pixel_size_ is None

    def test_a_maker_takes_the_pixel_size_of_the_image(self, scene, finder):
        micrograph = Micrograph(scene.image, PixelSize(0.02, "nm"))
        found = AtomFinder(partial(Lattice.perovskite, 4.0)).fit(micrograph)
        np.testing.assert_array_equal(found.atoms_.positions, finder.atoms_.positions)
        assert found.pixel_size_ == found.file_pixel_size_ == PixelSize(0.02, "nm")
        assert found.atoms_.pixel_size == PixelSize(0.02, "nm")
        with pytest.raises(ValueError, match="needs a pixel size"):
            AtomFinder(partial(Lattice.perovskite, 4.0)).fit(scene.image)

    def test_by_numbers(self, scene):
        limit = CRYSTAL.distance_sum_threshold()
        found = AtomFinder(None, expected=len(scene.positions), distance_sum=limit)
        found.fit(scene.image)
        assert found.lattice_ is found.quality_ is None
        assert f1(found.atoms_.positions, scene) > 0.98

    def test_a_number_in_place_of_the_lattices(self, scene):
        found = AtomFinder(CRYSTAL, expected=150).fit(scene.image)
        assert found.expectation_.n_expected == found.quality_.expected.n == 150

    def test_one_that_was_seen_before(self, scene, finder):
        seen = finder.expectation_.image_lattice
        found = AtomFinder(seen).fit(scene.image)
        assert f1(found.atoms_.positions, scene) == 1
        assert found.expectation_.image_lattice == seen
        scaled = AtomFinder(seen.with_pixel_size("0.2 A"), pixel_size="0.02 nm").fit(scene.image)
        assert same_atoms(scaled, found)
        assert scaled.pixel_size_ == PixelSize(0.02, "nm")
        with pytest.raises(ValueError, match="the lattice was seen in an image"):
            AtomFinder(seen).fit(scene.image[:100])


class TestCalibration:
    @pytest.fixture(scope="class")
    @classmethod
    def micrograph(cls, scene):
        return Micrograph(scene.image, PixelSize(0.0206, "nm"))

    def test_is_corrected_everywhere_alike(self, micrograph, tmp_path):
        found = AtomFinder(partial(Lattice.perovskite, 4.0)).fit(micrograph)
        size = found.pixel_size_
        assert size.value == pytest.approx(0.02, rel=0.003)
        assert found.file_pixel_size_ == PixelSize(0.0206, "nm")
        assert found.atoms_.pixel_size == size
        assert found.lattice_.pixel_size == size
        report = str(found.report())
        assert f"px, {size}" in report
        assert "given was 0.0206 nm/px" in report
        files = found.save(tmp_path, plots=False)
        table = np.genfromtxt(files["positions"], delimiter=",", names=True)
        # To half a unit of the last decimal that is written.
        np.testing.assert_allclose(table["row_nm"], table["row"] * size.value, rtol=0, atol=1e-6)

    def test_can_be_kept(self, micrograph):
        found = AtomFinder(partial(Lattice.perovskite, 4.0), calibration="keep").fit(micrograph)
        assert found.pixel_size_ == found.atoms_.pixel_size == PixelSize(0.0206, "nm")
        assert found.lattice_.pixel_size == found.pixel_size_

    def test_what_is_given_wins_over_the_file(self, micrograph):
        found = AtomFinder(partial(Lattice.perovskite, 4.0), pixel_size="20 pm").fit(micrograph)
        assert found.pixel_size_ == PixelSize(20, "pm")
        assert AtomFinder(CRYSTAL).fit(micrograph).pixel_size_ == PixelSize(0.2, "A")

    def test_slips_are_refused_and_can_be_forced(self, scene):
        wrong = AtomFinder(CRYSTAL, pixel_size="0.2 nm")
        with pytest.raises(CalibrationError, match=r"did you mean 0\.02 nm/px") as caught:
            wrong.fit(scene.image)
        assert caught.value.factor == pytest.approx(0.1, rel=0.01)
        less = AtomFinder(CRYSTAL, pixel_size="0.27 A", force=True, n_iter=2).fit(scene.image)
        assert less.verdict_.status == "check"


class TestRefused:
    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"denoise": "bm3d"}, ValueError, "denoise must be 'auto', 'none'"),
            ({"denoise": []}, ValueError, "empty sequence"),
            ({"expected": 20_000}, ValueError, "cannot be told apart"),
            ({"pixel_size": "0.2"}, ValueError, "no unit"),
            ({"lattice": CRYSTAL, "visible": ["Xx"]}, ValueError, "visible must name columns"),
        ],
    )
    def test_parameters(self, scene, parameters, error, message):
        with pytest.raises(error, match=message):
            AtomFinder(**parameters).fit(scene.image)
