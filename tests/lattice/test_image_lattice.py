"""Lattices that images show, against simulated ones and real micrographs."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.exceptions import NotOneLatticeError
from logstar.io import Micrograph, read_image
from logstar.lattice import Column, ImageLattice, Lattice, estimate_field
from logstar.units import PixelSize

HEXAGONAL = Lattice(
    3.16,
    3.16,
    120,
    columns=(Column("Mo", "Mo", 1 / 3, 2 / 3), Column("Se", "Se", 2 / 3, 1 / 3)),
    pixel_size=0.15,
)
OBLIQUE = Lattice(4.2, 5.1, 75, columns=(Column("A", "Au", 0, 0),), pixel_size=0.25)
CUBIC = Lattice.perovskite(3.905, 0.2)


def spacing_error(found, true, rotation):
    edges = true._cell(rotation)
    steps = np.round(edges @ np.linalg.inv(found.vectors))
    assert abs(round(np.linalg.det(steps))) == 1
    off = steps @ found.vectors - edges
    return float((np.linalg.norm(off, axis=1) / np.linalg.norm(edges, axis=1)).max())


@pytest.mark.parametrize(
    "lattice",
    [Lattice.ybco(0.2), CUBIC, HEXAGONAL, OBLIQUE],
    ids=["ybco", "perovskite", "hexagonal", "oblique"],
)
@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("rotation", [0.0, 31.0])
def test_scenes(lattice, noise, rotation):
    scene = make_scene(lattice, (192, 200), rotation=rotation, noise=noise, random_state=1)
    found = ImageLattice.from_image(scene.image)
    assert spacing_error(found, lattice, rotation) < (0.001 if noise == 0 else 0.01)
    assert found.confidence > 0.95
    assert len(found.columns) == len(lattice.columns)
    # It knows where its columns are, so how many the field holds.
    points, _ = found.positions()
    distances = np.linalg.norm(points[:, None] - scene.positions, axis=2).min(axis=0)
    assert np.percentile(distances, 90) < 0.15 * found.nearest_distance
    near_the_edge = found.expected_count(scene.image.shape, edge_error=1.0)
    assert abs(near_the_edge.n - len(scene.positions)) <= 2 * near_the_edge.edges + 2


def test_intensities_and_kinds_follow_the_columns():
    scene = make_scene(CUBIC, (200, 200), rotation=10, noise=0.1, random_state=0)
    found = ImageLattice.from_image(scene.image)
    assert found.kinds == ("A", "B")
    assert found.relative_intensities()["B"] == pytest.approx((22 / 38) ** 1.7, abs=0.05)
    assert (found.columns[0].u, found.columns[0].v) == (0, 0)
    assert (found.columns[1].u, found.columns[1].v) == pytest.approx((0.5, 0.5), abs=0.02)


def test_dark_columns_and_pixel_sizes():
    image = make_scene(CUBIC, (160, 160), random_state=0).image
    bright = ImageLattice.from_image(image, "0.2 A")
    dark = ImageLattice.from_image(-image, "0.02 nm", polarity="dark")
    assert (bright.a, bright.unit) == (pytest.approx(3.905, rel=1e-3), "A")
    assert (dark.a, dark.unit) == (pytest.approx(0.3905, rel=1e-3), "nm")
    assert dark.nearest_distance == pytest.approx(bright.nearest_distance, rel=1e-6)
    bare = ImageLattice.from_image(image)
    assert (bare.pixel_size, bare.unit) == (None, "px")
    sized = bare.with_pixel_size("0.2 A")
    assert sized.a == pytest.approx(bright.a)
    np.testing.assert_allclose(sized.vectors, bare.vectors)


def test_the_calibration_of_the_image_is_kept():
    image = Micrograph(make_scene(CUBIC, (160, 160), random_state=0).image, PixelSize(0.02, "nm"))
    found = ImageLattice.from_image(image)
    assert found.pixel_size == PixelSize(0.02, "nm")
    assert found.a == pytest.approx(0.3905, rel=1e-3)
    # What is given goes before what the image says.
    assert ImageLattice.from_image(image, "0.3 A").a == pytest.approx(1.5 * 3.905, rel=1e-3)


@pytest.mark.parametrize("name", ["ybco", "perovskite", "from_cif"])
def test_a_crystal_alone_makes_no_lattice_of_an_image(name, found):
    assert hasattr(Lattice, name)
    for owner in (ImageLattice, found):
        with pytest.raises(AttributeError, match=rf"use Lattice\.{name}, or .*from_image"):
            getattr(owner, name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (0, 5)}, "shape must be"),
        ({"origin": (math.nan, 0)}, "origin must be"),
        ({"rotation": math.inf}, "rotation must be"),
        ({"confidence": 1.1}, "confidence must be"),
        ({"vector_error": -1.0}, "vector_error must be"),
        ({"n_peaks": -1}, "n_peaks must be"),
    ],
)
def test_errors_name_the_parameter(change, message):
    good = {"columns": OBLIQUE.columns, "pixel_size": None, "origin": (0, 0), "rotation": 0.0}
    with pytest.raises(ValueError, match=message):
        ImageLattice(20, 30, **(good | {"shape": (50, 60)} | change))


def test_input_is_left_alone_and_types_agree():
    image = make_scene(CUBIC, (128, 128), random_state=0).image
    again = image.copy()
    first = ImageLattice.from_image(image)
    np.testing.assert_array_equal(image, again)
    counts = np.round(1000 * (image - image.min())).astype(np.uint16)
    for other in (image.astype(np.float64), np.asfortranarray(image), image[::-1][::-1], counts):
        np.testing.assert_allclose(ImageLattice.from_image(other).vectors, first.vectors, atol=1e-3)


class TestRefusals:
    @pytest.mark.parametrize("shape", [(128, 128), (200, 90)])
    def test_noise(self, rng, shape):
        with pytest.raises(NotOneLatticeError, match="no lattice"):
            ImageLattice.from_image(rng.normal(size=shape))

    def test_a_constant_image(self):
        with pytest.raises(NotOneLatticeError, match="no lattice: 0 Bragg peaks"):
            ImageLattice.from_image(np.full((64, 64), 0.1))

    def test_one_row_of_fringes(self):
        rows = np.cos(np.arange(128) * 0.7)
        with pytest.raises(NotOneLatticeError, match="no lattice"):
            ImageLattice.from_image(np.tile(rows, (128, 1)))

    def test_blurred_noise(self, rng):
        spectrum = np.fft.fft2(rng.normal(size=(128, 128)))
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
        ring = np.exp(-(((frequency - 0.12) / 0.02) ** 2))
        with pytest.raises(NotOneLatticeError):
            ImageLattice.from_image(np.fft.ifft2(spectrum * ring).real)

    def test_a_grain_boundary(self):
        one = make_scene(CUBIC, (200, 200), rotation=5, random_state=0).image
        other = make_scene(CUBIC, (200, 200), rotation=32, random_state=1).image
        image = np.where(np.arange(200) < 100, one, other)
        with pytest.raises(NotOneLatticeError, match="not one lattice") as caught:
            ImageLattice.from_image(image)
        assert caught.value.confidence < 0.7
        assert isinstance(caught.value.lattice, ImageLattice)
        # With a mask of one grain it is one.
        mask = np.zeros((200, 200), dtype=bool)
        mask[:, :100] = True
        found = ImageLattice.from_image(image, mask=mask)
        assert spacing_error(found, CUBIC, 5) < 0.005
        assert found.n_expected((200, 200)) == pytest.approx(100 * 200 * 2 / 19.525**2, rel=0.06)

    def test_two_phases(self):
        one = make_scene(CUBIC, (200, 200), rotation=0, random_state=0).image
        other = make_scene(HEXAGONAL, (200, 200), rotation=0, random_state=1).image
        image = np.where(np.arange(200)[:, None] < 100, one, other)
        with pytest.raises(NotOneLatticeError, match="not one lattice"):
            ImageLattice.from_image(image)

    def test_too_small(self):
        with pytest.raises(NotOneLatticeError, match="20 x 64 px is too small"):
            ImageLattice.from_image(np.ones((20, 64)))

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"polarity": "grey"}, ValueError, "polarity must be"),
            ({"min_confidence": 2}, ValueError, "min_confidence must be"),
            ({"mask": np.ones((3, 3), dtype=bool)}, ValueError, "mask has shape"),
            ({"mask": np.zeros((64, 64), dtype=bool)}, ValueError, "mask leaves no pixel"),
            ({"pixel_size": "x"}, ValueError, "pixel_size must be"),
        ],
    )
    def test_bad_input(self, options, error, message):
        with pytest.raises(error, match=message):
            ImageLattice.from_image(np.eye(64), **options)

    def test_nan(self):
        with pytest.raises(ValueError, match="NaN"):
            ImageLattice.from_image(np.full((64, 64), np.nan))


@pytest.fixture(scope="module")
def scene():
    return make_scene(CUBIC, (200, 220), rotation=8, noise=0.1, random_state=3)


@pytest.fixture(scope="module")
def found(scene):
    return ImageLattice.from_image(scene.image)


class TestPlaced:
    def test_refined_to_the_true_atoms_it_is_exact(self, scene, found):
        refined = found.refined(scene.positions)
        assert spacing_error(refined, CUBIC, 8) < 1e-9
        points, _ = refined.positions()
        assert len(points) == len(scene.positions)
        assert refined.on_lattice(scene.positions).all()
        assert refined.vector_error < 1e-9

    def test_counts_are_exact_to_the_column(self, scene, found):
        refined = found.refined(scene.positions)
        for border in (0.5, 3.0, 20.5):
            low, high = border - 0.5, np.array(scene.image.shape) - 0.5 - border
            inside = ((scene.positions >= low) & (scene.positions < high)).all(axis=1).sum()
            assert refined.expected_count(scene.image.shape, border=border).n == inside
        # Of another image the mean is given.
        other = refined.expected_count((50, 60))
        assert other.n == pytest.approx(50 * 60 * 2 / refined.unit_cell_area)

    def test_invented_atoms_are_off_the_lattice(self, scene, found):
        # At the middle between an A and a neighbouring A.
        invented = scene.positions[50:60] + CUBIC._cell(8)[0] / 2
        on = found.refined(scene.positions).on_lattice(np.vstack([scene.positions, invented]))
        assert on[: len(scene.positions)].all()
        assert not on[len(scene.positions) :].any()

    def test_drift_is_followed(self, scene, found):
        drift = 4 * np.sin(scene.positions[:, :1] / 40)
        moved = scene.positions + np.hstack([np.zeros_like(drift), drift])
        assert found.on_lattice(moved).mean() > 0.97

    def test_too_few_atoms_change_nothing(self, scene, found):
        assert found.refined(scene.positions[:3]) == found
        assert found.refined(np.empty((0, 2))) == found
        assert found.on_lattice(np.empty((0, 2))).shape == (0,)

    def test_value(self, found):
        again = pickle.loads(pickle.dumps(found))
        assert again == found
        assert hash(again) == hash(found)
        assert found != CUBIC
        assert repr(found).startswith("ImageLattice(a=")
        assert "confidence=1.00" in repr(found)
        assert found.with_mask(None) == found


class TestField:
    def test_vacuum_and_hole(self):
        mask = np.ones((240, 240), dtype=bool)
        mask[:, 180:] = False
        rows, cols = np.ogrid[:240, :240]
        mask[(rows - 90) ** 2 + (cols - 80) ** 2 < 40**2] = False
        crystal = Lattice.perovskite(3.905, 0.2, mask=mask)
        scene = make_scene(crystal, (240, 240), rotation=3, noise=0.1, random_state=0)
        found = ImageLattice.from_image(scene.image)
        field = estimate_field(scene.image, found)
        assert (field == mask).mean() > 0.93
        count = found.with_mask(field).expected_count((240, 240))
        assert count.n == pytest.approx(len(scene.positions), rel=0.06)
        assert found.expected_count((240, 240)).n > 1.4 * len(scene.positions)

    def test_amorphous_regions_may_be_kept(self):
        pocket = [(100, 100, 45)]
        scene = make_scene(
            CUBIC,
            (200, 200),
            amorphous_pockets=pocket,
            amorphous_displacement=8.0,
            random_state=0,
        )
        found = ImageLattice.from_image(scene.image)
        assert not estimate_field(scene.image, found)[95:105, 95:105].any()
        assert estimate_field(scene.image, found, keep_disorder=True)[95:105, 95:105].all()


@pytest.mark.parametrize(
    ("name", "polarity", "lengths", "nearest"),
    [
        # Expected values of the data's manifest, in px; BTO's rows and columns differ by 5 %.
        ("baghizadeh_BTO_crystal_1.dm4", "bright", (13.0, 13.0), 9.2),
        ("ncem_16_STOimage_1.ser", "bright", (40.5, 40.5), 28.3),
        ("atomap_test_ADF_cropped.hdf5", "bright", (29.7, 42.0), 21.0),
        ("atomap_test_ABF_cropped.hdf5", "dark", (29.7, 42.0), 13.6),
        ("temul_example_Se_implanted_MoS2.dm3", "bright", (23.4, 23.4), 13.5),
    ],
)
def test_real_micrographs(shared_data, name, polarity, lengths, nearest):
    found = ImageLattice.from_image(
        read_image(shared_data / "real" / name).image, polarity=polarity
    )
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(lengths, rel=0.04)
    assert found.nearest_distance == pytest.approx(nearest, rel=0.055)
    assert found.confidence > 0.95


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("atomsegnet_Grain_boundry_gold_512px.png", "not one lattice"),
        ("hpai_066_PtNC_15nm.tif", "no lattice"),
    ],
)
def test_real_micrographs_that_are_refused(shared_data, name, message):
    with pytest.raises(NotOneLatticeError, match=message):
        ImageLattice.from_image(read_image(shared_data / "real" / name).image)


def test_the_shipped_micrograph(shared_data):
    image = np.load(shared_data / "sim" / "ybco100_multislice_noisy.npy")
    found = ImageLattice.from_image(image)
    assert len(found.columns) == 6
    assert found.a * 0.15 == pytest.approx(3.885, rel=1e-3)
    assert found.b * 0.15 == pytest.approx(11.680, rel=1e-3)
    assert math.isclose(abs(found.rotation), 2, abs_tol=0.05)


def test_the_origin_is_the_column_nearest_to_the_middle():
    scene = make_scene(Lattice.perovskite(4.0, 0.2), (120, 200), noise=0.1, random_state=0)
    found = ImageLattice.from_image(scene.image)
    fractions = (np.array(found.origin) - (59.5, 99.5)) @ np.linalg.inv(found.vectors)
    assert np.abs(fractions).max() <= 0.5 + 1e-9
