"""Slips: what each answers, within seconds and before anything is tuned."""

from __future__ import annotations

import pickle
import time
from functools import partial

import pytest

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.exceptions import CalibrationError
from logstar.io import Micrograph
from logstar.lattice import Column, ImageLattice
from logstar.model_selection import MOBOSearchCV
from logstar.tuning import Expectation
from logstar.tuning._slips import _power_of_ten, check_nearest, check_spacing, compare
from logstar.units import PixelSize

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)
CIF = "SrTiO3.cif"
SITES = [("Sr", 0, 0), ("Ti", 0.5, 0.5), ("O1", 0.5, 0), ("O2", 0, 0.5)]


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (200, 210), rotation=9, noise=0.05, random_state=4)


@pytest.fixture
def untuned(monkeypatch):
    monkeypatch.setattr(MOBOSearchCV, "fit", lambda *_, **__: pytest.fail("tuned"))


SLIPS = {
    "pixel size ten times too large": (partial(Lattice.perovskite, 3.905), "0.2 nm", 0.1),
    "pixel size ten times too small": (partial(Lattice.perovskite, 3.905), "0.02 A", 10),
    "pixel size of a binned image": (partial(Lattice.perovskite, 3.905), "0.4 A", 0.5),
    "picometres for angstrom": (partial(Lattice.perovskite, 3.905), "0.2 pm", 100),
    "lattice parameter in nm": (partial(Lattice.perovskite, 0.3905), "0.2 A", 0.1),
    "another crystal": (partial(Lattice.perovskite, 5.6), "0.2 A", 1.434),
}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.usefixtures("untuned")
def test_is_refused_with_the_factor(scene, slip):
    make, pixel_size, factor = SLIPS[slip]
    start = time.perf_counter()
    with pytest.raises(CalibrationError, match="did you mean") as caught:
        AtomFinder(make, pixel_size=pixel_size).fit(scene.image)
    assert time.perf_counter() - start < 20
    assert caught.value.factor == pytest.approx(factor, rel=0.01)
    assert "the image's lattice is 19.5 x 19.5 px" in str(caught.value)


@pytest.mark.usefixtures("untuned")
def test_says_what_would_fit(scene):
    micrograph = Micrograph(scene.image)
    with pytest.raises(CalibrationError) as caught:
        AtomFinder(partial(Lattice.perovskite, 3.905), pixel_size="0.2 nm").fit(micrograph)
    assert str(caught.value) == (
        "the image's lattice is 19.5 x 19.5 px, 90 degrees, at 0.2 nm/px 3.91 x 3.91 nm; the "
        "crystal's is 0.3905 x 0.3905 nm, 90 degrees. The pixel size or the crystal is off by a "
        "factor of 10; did you mean 0.02 nm/px, or a crystal of 3.905 x 3.905 nm? force=True goes "
        "on all the same."
    )
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.factor) == (str(caught.value), caught.value.factor)


@pytest.mark.usefixtures("untuned")
def test_a_wrong_zone_axis(scene, shared_data):
    path = shared_data / "crystals" / CIF
    with pytest.raises(CalibrationError, match="another zone axis"):
        AtomFinder(partial(Lattice.from_cif, path, "110"), pixel_size="0.2 A").fit(scene.image)
    # Along [111] atoms are as dense as in the image; their places are others all the same.
    along_111 = Lattice.from_cif(path, "111", "0.2 A")
    with pytest.raises(CalibrationError, match="another zone axis"):
        Expectation.from_image(scene.image, along_111)
    expected = Expectation.from_image(scene.image, along_111, force=True)
    assert "is not that of the crystal" in expected.calibration


@pytest.mark.usefixtures("untuned")
def test_a_crystal_that_is_as_dense_is_refused(scene):
    # Of YBa2Cu3O7 and SrTiO3 a column takes the same area, within 1 %.
    with pytest.raises(CalibrationError, match="lattice='auto' takes the image's own"):
        AtomFinder(Lattice.ybco("0.2 A")).fit(scene.image)


@pytest.mark.usefixtures("untuned")
def test_a_cell_that_is_right_with_columns_that_are_not(scene):
    # In a bright image dark maxima are one column of the cell; with oxygen it should show four.
    columns = [Column(name, name, u, v) for name, u, v in SITES]
    with_oxygen = Lattice(3.905, 3.905, columns=columns, pixel_size="0.2 A")
    finder = AtomFinder(with_oxygen, polarity="dark")
    with pytest.raises(CalibrationError, match="of 4 columns the image shows 1") as caught:
        finder.fit(scene.image)
    assert "Check that polarity is right, and that visible has only columns" in str(caught.value)
    assert caught.value.factor is None
    # Told of one kind where two show.
    one = Lattice(3.905, 3.905, columns=columns[:1], pixel_size="0.2 A")
    with pytest.raises(CalibrationError, match="of 1 columns the image shows 2"):
        AtomFinder(one).fit(scene.image)


@pytest.mark.usefixtures("untuned")
def test_a_pixel_size_off_by_the_root_of_2(scene):
    crystal = CRYSTAL.with_pixel_size(PixelSize(0.2 * 2**0.5))
    with pytest.raises(CalibrationError, match=r"did you mean 0\.2 A/px") as caught:
        AtomFinder(crystal).fit(scene.image)
    assert caught.value.factor == pytest.approx(2**-0.5, rel=0.01)


@pytest.mark.usefixtures("untuned")
def test_a_wrong_crystal(scene):
    hexagonal = Lattice(2.5, 2.5, 120, columns=CRYSTAL.columns[:1], pixel_size="0.2 A")
    with pytest.raises(CalibrationError, match="is it another crystal") as caught:
        AtomFinder(hexagonal).fit(scene.image)
    assert caught.value.factor is None


@pytest.mark.usefixtures("untuned")
def test_numbers_that_imply_atoms_on_top_of_each_other(scene):
    with pytest.raises(ValueError, match=r"they would be 2 px from one another; at 3 px it can be"):
        AtomFinder(None, expected=10_500, distance_sum=9.0).fit(scene.image)
    with pytest.raises(ValueError, match=r"px from one another.*is the unit right"):
        # An image without lattice cannot contradict the pixel size, but the atoms can.
        AtomFinder(CRYSTAL.with_pixel_size("2 A")).fit(scene.image[:40, :40])


def test_what_a_file_may_be_off_by_is_corrected(scene):
    for error in (0.9, 0.95, 1.05, 1.13):
        crystal = CRYSTAL.with_pixel_size(0.2 * error)
        expected = Expectation.from_image(scene.image, crystal)
        assert expected.pixel_size.value == pytest.approx(0.2, rel=0.003)


@pytest.mark.usefixtures("untuned")
def test_a_lattice_in_pixels_is_compared_as_well(scene):
    right = Lattice(19.5, 19.5, columns=CRYSTAL.columns, pixel_size=None)
    expected = Expectation.from_image(scene.image, right)
    assert expected.pixel_size is None
    assert expected.calibration is None
    half = Lattice(9.75, 9.75, columns=CRYSTAL.columns, pixel_size=None)
    with pytest.raises(CalibrationError, match="would have to be 2 times as large"):
        AtomFinder(half).fit(scene.image)


@pytest.mark.parametrize("edge", [19.5, 18.0])
def test_without_a_pixel_size_a_pixel_counts_as_an_angstrom(scene, edge):
    seen = ImageLattice.from_image(scene.image)
    compared = compare(Lattice(edge, edge, columns=CRYSTAL.columns, pixel_size=None), seen)
    # 3.905 angstrom at 0.2 are 19.525 pixels.
    assert 1 + compared.pixel_size_error == pytest.approx(19.525 / edge, rel=0.005)


def test_three_pixels_are_the_least_distance():
    """Of 9,000 pixels 1,000 atoms have 3 x 3 each; a perovskite's are half a diagonal apart."""
    check_spacing(1_000, 9_000)
    with pytest.raises(ValueError, match="it can be 1000 at most"):
        check_spacing(1_001, 9_000)
    check_nearest(Lattice(4.25, 4.25, columns=CRYSTAL.columns, pixel_size=None))
    with pytest.raises(ValueError, match=r"4.2 x 4.2 px: is the unit right"):
        check_nearest(Lattice(4.2, 4.2, columns=CRYSTAL.columns, pixel_size=None))
    with pytest.raises(ValueError, match=r"4.2 x 4.2 A at 1 A/px: is the unit right"):
        check_nearest(Lattice(4.2, 4.2, columns=CRYSTAL.columns, pixel_size="1 A"))


def test_force_goes_on(scene):
    crystal = CRYSTAL.with_pixel_size("0.15 A")
    found = AtomFinder(crystal, force=True, n_iter=2).fit(scene.image)
    assert found.verdict_.status == "check"
    assert any("is not that of the crystal" in reason for reason in found.verdict_.reasons)


@pytest.mark.parametrize(
    ("factor", "power"),
    [(10, 10), (0.1, 0.1), (9.9, 10), (0.0101, 0.01), (102, 100), (3, None), (1.01, None)],
)
def test_the_power_of_ten_that_is_meant(factor, power):
    assert _power_of_ten(factor) == (None if power is None else pytest.approx(power))
