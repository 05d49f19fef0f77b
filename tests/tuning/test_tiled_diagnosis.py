"""What tiles say of atoms, against what the whole image says of them."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.detection import atom_significance
from logstar.tuning import _tiled_diagnosis, find_atoms_tiled
from logstar.tuning._contamination import contaminated_area
from logstar.tuning._looked_at import LookedAt
from logstar.tuning._tiled_diagnosis import diagnosed_by_tiles

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.25)
SHAPE = (420, 500)


def scene_of(**options):
    return make_scene(CRYSTAL, SHAPE, rotation=7, random_state=0, **options)


def table_of(scene, sigma=2.4):
    places = np.rint(scene.positions)
    return np.column_stack([places, np.full(len(places), sigma), np.ones(len(places))])


def diagnosed(image, table, mask=None, **options):
    told = {"polarity": "bright", "looked_at": LookedAt.of(image.shape, None, mask), "shows": None}
    return diagnosed_by_tiles(image, table, CRYSTAL, **(told | options))


@pytest.mark.parametrize(
    "options", [{"noise": 0.1}, {"noise": 1.5}, {"dose": 2.0}], ids=["clear", "noisy", "electrons"]
)
def test_significance_is_that_of_the_whole_image(options, monkeypatch):
    monkeypatch.setattr(_tiled_diagnosis, "_SIDE", 192)
    monkeypatch.setattr(_tiled_diagnosis, "_SAMPLES", 3)
    scene = scene_of(**options)
    table = table_of(scene)
    # Atoms that are none, as well.
    false = np.random.default_rng(0).integers(5, 400, (40, 2))
    table = np.concatenate([table, np.column_stack([false, np.full((40, 2), 2.4)])])
    whole = atom_significance(scene.image, table, remove_neighbors=True)
    found = diagnosed(scene.image, table).significance
    # A hundredth of a strength of some hundred is a large significance, of no meaning.
    near = whole < 20
    assert near.any()
    assert np.median(np.abs(found - whole)[near]) < 0.1
    assert ((found > 0) == (whole > 0)).mean() > 0.98
    far = ~near
    np.testing.assert_allclose(found[far], whole[far], rtol=0.2)


def test_the_same_by_threads_and_for_dark_atoms(monkeypatch):
    monkeypatch.setattr(_tiled_diagnosis, "_SIDE", 192)
    scene = scene_of(noise=0.3)
    table = table_of(scene)
    one = diagnosed(scene.image, table)
    for image, options in ((scene.image, {"n_threads": 2}), (-scene.image, {"polarity": "dark"})):
        two = diagnosed(image, table, **options)
        np.testing.assert_array_equal(one.significance, two.significance)
        np.testing.assert_array_equal(one.contaminated, two.contaminated)


def test_contamination_is_marked_as_in_the_whole_image(monkeypatch):
    monkeypatch.setattr(_tiled_diagnosis, "TILE", 260)
    scene = scene_of(noise=0.1)
    row, col = np.indices(SHAPE)
    image = scene.image + 2.0 / (1 + np.exp((np.hypot(row - 200, col - 250) - 45) / 4))
    table = table_of(scene)
    found = diagnosed(image, table)
    area = contaminated_area(image, table[:, :2], CRYSTAL.nearest_distance)
    expected = area[tuple(table[:, :2].astype(int).T)]
    assert expected.sum() > 20
    assert (found.contaminated != expected).sum() <= 0.15 * expected.sum()
    assert found.contaminated_share == pytest.approx(area.mean(), rel=0.15)
    left = np.zeros(SHAPE, dtype=bool)
    left[:, :100] = True
    assert diagnosed(image, table[table[:, 1] < 100], left).contaminated_share == 0


def test_gaps_and_short_pairs_are_told(monkeypatch):
    monkeypatch.setattr(_tiled_diagnosis, "TILE", 128)
    scene = scene_of(noise=0.05)
    table = table_of(scene)
    assert diagnosed(scene.image, table).concerns == []
    lacking = table[np.hypot(*(table[:, :2] - [200, 250]).T) > 40]
    (gap,) = diagnosed(scene.image, lacking).concerns
    whole = find_atoms(scene.image, lattice=CRYSTAL, refine=None)
    assert gap.startswith("gaps without atoms, ")
    share = float(gap.split(", ")[1].split("%")[0])
    assert share == pytest.approx(100 * np.pi * 40**2 / np.prod(SHAPE), rel=0.25)
    doubled = np.concatenate([table, table[:30] + np.array([2, 2, 0, 0])])
    assert diagnosed(scene.image, doubled).concerns[0].startswith("pairs closer than possible, ")
    assert not whole.verdict_.reasons


def test_a_large_image_is_judged_as_a_small_one():
    scene = scene_of(noise=0.1)
    row, col = np.indices(SHAPE)
    image = scene.image + 2.0 / (1 + np.exp((np.hypot(row - 330, col - 420) - 40) / 4))
    whole = find_atoms(image, lattice=CRYSTAL, refine=None)
    parts = {"n_parts": 1, "part_side": 200, "tile": 256, "refine": None}
    found = find_atoms_tiled(image, lattice=CRYSTAL, **parts)
    assert found.atoms_.columns == whole.atoms_.columns
    assert whole.verdict_.remarks[-1].endswith(" atoms among it")
    assert found.verdict_.remarks[-1].endswith(" atoms among it")
    assert found.contaminated_share == pytest.approx(whole.contamination_.mean(), rel=0.2)
    row = dict(found.report().rows)["significant"]
    assert "atoms stand out of noise each by itself" in row
    assert found.report().as_dict()["n_significant"] == (found.atoms_["significance"] > 0).sum()
    bare = find_atoms_tiled(image, lattice=CRYSTAL, **parts, diagnose=False)
    assert "significance" not in bare.atoms_.columns
    assert np.isnan(bare.contaminated_share)
    assert bare.report().as_dict()["n_significant"] is None
