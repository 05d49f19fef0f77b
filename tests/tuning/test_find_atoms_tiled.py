"""Images that are tuned on in parts and found by tiles."""

from __future__ import annotations

import importlib
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from scipy.spatial import KDTree

from logstar import find_atoms
from logstar.exceptions import NotOneLatticeError
from logstar.io import Micrograph
from logstar.metrics import detection_metrics
from logstar.rewards import ErrorRate
from logstar.tuning import find_atoms_tiled
from logstar.units import PixelSize

from .large_scene import CRYSTAL, SHAPE, WITHOUT, large_scene


@pytest.fixture
def scene():
    return large_scene()


def f1(found, scene):
    return detection_metrics(found, scene.positions, shape=SHAPE, margin=4).f1


def test_atoms_are_as_good_as_those_of_the_whole_image(scene):
    found = find_atoms_tiled(scene.image, **WITHOUT, n_parts=3)
    whole = find_atoms(scene.image, lattice=CRYSTAL, refine=None)
    assert f1(found.atoms_, scene) > f1(whole.atoms_, scene) - 0.002
    assert found.verdict_.status == "ok"
    assert "found by tiles, with the settings of [" in found.verdict_.remarks[0]
    assert abs(found.qc_) < 0.01
    limit = found.expectation_.distance_sum
    errors = ErrorRate(limit, n_expected=found.count.n, n_neighbors=4)
    assert found.er_ == pytest.approx(errors.measure(np.asarray(found.atoms_)))
    assert found.count.n == pytest.approx(len(scene.positions), rel=0.02)
    assert max(np.abs(found.qc_of_parts)) < 0.05
    # Of tiles of 256 px and less, those at the edges hold few atoms.
    assert np.abs(found.qc_of_tiles[:2]).max() < 0.03
    assert len(found.tiles) == len(found.qc_of_tiles) == 9
    assert len(found.parts) == 3
    assert found.part in found.parts
    # In the scale of the part: away from its edges responses are the finder's own.
    own, strengths = found.finder.atoms_, found.atoms_["response"]
    places = own.positions + [part.start for part in found.part]
    inside = ((own.positions > 30) & (own.positions < 130)).all(axis=1)
    apart, nearest = KDTree(found.atoms_.positions).query(places[inside])
    same = apart == 0
    assert same.mean() > 0.98
    np.testing.assert_allclose(strengths[nearest][same], own["response"][inside][same], rtol=1e-4)
    assert (np.diff(strengths) <= 0).all()
    assert found.atoms_["flagged"].mean() < 0.01


def test_empty_parts_of_an_image_have_no_atoms_whatever_the_tiles(scene):
    image = scene.image.copy()
    rng = np.random.default_rng(0)
    empty = 0.2 * rng.standard_normal(SHAPE)
    # Grains of what the crystal stands on: dots, weaker than atoms, without order.
    dots = np.zeros(SHAPE)
    dots[tuple(rng.integers(0, n, 1500) for n in SHAPE)] = 5
    empty += ndimage.gaussian_filter(dots, 1.5)
    image[:, 350:] = empty[:, 350:]
    inside = scene.positions[scene.positions[:, 1] < 350]

    def f1_inside(atoms):
        return detection_metrics(atoms, inside, shape=SHAPE, margin=4).f1

    whole = find_atoms(image, lattice=CRYSTAL, refine=None)
    tables = []
    for tile in (256, 700):
        found = find_atoms_tiled(image, **{**WITHOUT, "tile": tile})
        tables.append(np.asarray(found.atoms_))
        assert found.field_share == pytest.approx(0.5, abs=0.02)
        assert f1_inside(found.atoms_) > f1_inside(whole.atoms_) - 0.005
        assert "% of the field looks empty" in found.verdict_.remarks[1]
        assert abs(found.qc_) < 0.03
    np.testing.assert_array_equal(*tables)


def test_a_rectangle_and_a_mask_are_looked_at(scene):
    mask = np.ones(SHAPE, dtype=bool)
    mask[:, 300:400] = False
    roi = (100, 600), (40, 640)
    found = find_atoms_tiled(scene.image, **WITHOUT, roi=roi, mask=mask)
    places = found.atoms_.positions
    assert (places.min(axis=0) >= [100, 40]).all()
    assert (places.max(axis=0) < [600, 640]).all()
    assert not ((places[:, 1] >= 300) & (places[:, 1] < 400)).any()
    assert found.field_share == pytest.approx(5 / 6)
    true = scene.positions[mask[tuple(np.floor(scene.positions).astype(int).T)]]
    true = true[((true >= [100, 40]) & (true < [600, 640])).all(axis=1)]
    assert len(found.atoms_) == pytest.approx(len(true), rel=0.02)
    assert abs(found.qc_) < 0.03


def test_files_lazy_arrays_and_signals_are_found_alike(scene, tmp_path):
    image = scene.image.astype(np.float32)
    np.save(tmp_path / "field.npy", image)
    tifffile.imwrite(tmp_path / "field.tif", image, tile=(64, 64), compression="zlib")
    sources = [tmp_path / "field.npy", tmp_path / "field.tif"]
    sources.append(np.load(tmp_path / "field.npy", mmap_mode="r"))
    axes = [{"scale": 0.025, "units": "nm", "navigate": False} for _ in range(2)]
    sources.append({"data": image, "axes": axes})
    sources.append(Micrograph(image, PixelSize(0.25, "A")))
    with suppress(ImportError):
        da = importlib.import_module("dask.array")
        sources.append(da.from_array(image, chunks=(200, 300)))
        sources.append({"data": sources[-1], "axes": axes})
    with suppress(ImportError):
        zarr = importlib.import_module("zarr")
        sources.append(zarr.array(image, chunks=(128, 128)))
    expected = np.asarray(find_atoms_tiled(image, **WITHOUT, n_parts=1, n_iter=1).atoms_)
    for source in sources:
        found = find_atoms_tiled(source, **WITHOUT, n_parts=1, n_iter=1)
        np.testing.assert_array_equal(np.asarray(found.atoms_), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_lazy_signal_of_hyperspy(scene):
    hyperspy = pytest.importorskip("hyperspy.api")
    signal = hyperspy.signals.Signal2D(scene.image.astype(np.float32)).as_lazy()
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.025, "nm"
    found = find_atoms_tiled(signal, **WITHOUT, n_parts=1, n_iter=1)
    assert found.finder.file_pixel_size_ == PixelSize(0.025, "nm")
    expected = find_atoms_tiled(scene.image.astype(np.float32), **WITHOUT, n_parts=1, n_iter=1)
    np.testing.assert_array_equal(np.asarray(found.atoms_), np.asarray(expected.atoms_))


def test_what_cannot_be_is_refused(scene):
    with pytest.raises(ValueError, match="mask must be booleans of the image's shape"):
        find_atoms_tiled(scene.image, mask=np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="dataset is for files and signals"):
        find_atoms_tiled(scene.image, dataset=1)
    with pytest.raises(ValueError, match="lattice=None is about an image as a whole"):
        find_atoms_tiled(scene.image, lattice=None)
    with pytest.raises(ValueError, match="window='auto' is about an image as a whole"):
        find_atoms_tiled(scene.image, window="auto")
    with pytest.raises(ValueError, match="part_side must be at least 128"):
        find_atoms_tiled(scene.image, part_side=10)
    with pytest.raises(ValueError, match="n_parts must be at least 1"):
        find_atoms_tiled(scene.image, n_parts=0)
    noise = np.random.default_rng(0).standard_normal((300, 300))
    with pytest.raises(NotOneLatticeError):
        find_atoms_tiled(noise, lattice="auto", part_side=160, n_parts=2)
