"""Positions of the main job are refined, with errors that hold."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomTable, Lattice
from logstar.datasets import load_ybco, make_scene
from logstar.metrics import match_positions
from logstar.tuning import AtomFinder
from logstar.tuning._refining import describe

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (192, 192), rotation=5.0, noise=0.05, random_state=0)


@pytest.fixture(scope="module")
def finder(scene):
    return AtomFinder(CRYSTAL).fit(scene.image)


def errors_of(finder, scene):
    """Distances along each axis from the true columns, of atoms that were refined."""
    good = finder.atoms_["status"] == "ok"
    match = match_positions(finder.atoms_, scene.positions, tolerance=3.0)
    kept = good[match.found_indices]
    off = finder.atoms_.positions[match.found_indices] - scene.positions[match.true_indices]
    sds = np.column_stack([finder.atoms_["row_error"], finder.atoms_["col_error"]])
    return off[kept], sds[match.found_indices][kept]


def test_atoms_are_between_the_pixels_and_errors_hold(finder, scene):
    off, sds = errors_of(finder, scene)
    assert len(off) > 0.97 * len(finder.atoms_)
    assert np.sqrt((off**2).mean()) < 0.13
    assert 0.6 < (np.abs(off) < sds).mean() < 0.76
    raw = AtomFinder(CRYSTAL, refine=None).fit(scene.image)
    raw_off = match_positions(raw.atoms_, scene.positions, tolerance=3.0)
    assert np.sqrt((raw_off.distances**2).mean()) > 0.3
    assert len(raw.atoms_) == len(finder.atoms_)
    assert raw.verdict_ == finder.verdict_
    assert raw.refinement_ is None


def test_what_is_predicted_is_what_was_fitted(finder, scene):
    np.testing.assert_array_equal(finder.predict(scene.image)[:, :2], finder.atoms_.positions)
    stack = finder.predict(np.stack([scene.image, scene.image]))
    np.testing.assert_array_equal(stack[1][:, :2], finder.atoms_.positions)


def test_windows_are_a_quick_look(finder, scene):
    quick = AtomFinder(CRYSTAL, refine="window").fit(scene.image)
    off, _ = errors_of(quick, scene)
    exact, _ = errors_of(finder, scene)
    assert np.sqrt((exact**2).mean()) < np.sqrt((off**2).mean()) < 0.2


def test_dark_atoms_are_those_of_the_negated_image(finder, scene):
    dark = AtomFinder(CRYSTAL, polarity="dark").fit(-scene.image)
    np.testing.assert_allclose(dark.atoms_.positions, finder.atoms_.positions, atol=1e-6)


@pytest.mark.parametrize("extension", ["csv", "json", "xyz"])
def test_files_hold_the_errors(finder, tmp_path, extension):
    path = finder.save(tmp_path, formats=(extension,), plots=False)["positions"]
    table = AtomTable.load(path)
    # A csv has four digits of an error, and a position far finer than that.
    rounding = 5e-4 if extension == "csv" else 0
    np.testing.assert_allclose(table["row_error"], finder.atoms_["row_error"], rtol=rounding)
    least = np.nanmin(finder.atoms_["row_error"])
    assert np.abs(table["row"] - finder.atoms_["row"]).max() <= 0.005 * least * (rounding > 0)
    np.testing.assert_array_equal(table["status"], finder.atoms_["status"])


def test_the_report_says_how_precise_it_is(finder):
    rows = dict(finder.report().rows)
    error = np.median(finder.refinement_.errors[finder.refinement_.converged, :2])
    assert rows["precision"].startswith(f"median error of a row or column {error:.2g} px (")
    assert f"({error * 20:.2g} pm)" in describe(finder.refinement_, finder.pixel_size_)


def test_the_shipped_micrograph_at_low_dose():
    scene = load_ybco(noisy=True)
    finder = AtomFinder(scene.lattice).fit(scene.image)
    raw = AtomFinder(scene.lattice, refine=None).fit(scene.image)
    columns = {}
    for name, one in {"refined": finder, "raw": raw}.items():
        match = match_positions(one.atoms_, scene.positions, tolerance=3.0)
        heavy = scene.kinds[match.true_indices] == "Ba"
        off = one.atoms_.positions[match.found_indices] - scene.positions[match.true_indices]
        columns[name] = np.sqrt((off[heavy] ** 2).mean())
    assert columns["refined"] < 0.12
    assert columns["raw"] > 0.25


def test_other_ways_to_refine_are_refused(scene):
    with pytest.raises(ValueError, match="refine must be one of"):
        AtomFinder(CRYSTAL, refine="yes").fit(scene.image)
