"""Quality reports of detections that are right, and of such that are wrong in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.lattice import Count, ImageLattice, Lattice
from logstar.rewards import quality_report

CRYSTAL = Lattice.perovskite(4.0, 0.2)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (200, 220), rotation=11, noise=0.05, random_state=0)


@pytest.fixture(scope="module")
def own(scene):
    return ImageLattice.from_image(scene.image)


def inner_atom(scene, at=(100, 100)):
    return int(np.linalg.norm(scene.positions - at, axis=1).argmin())


def test_nothing_to_doubt(scene, own):
    for lattice in (own, CRYSTAL):
        report = quality_report(scene.image, scene.positions, lattice)
        assert report.concerns == []
        assert "nothing to doubt" in str(report)
        assert report.n_found == len(scene.positions)
        assert report.places == ()
    assert quality_report(scene.image, scene.positions, CRYSTAL).on_lattice is None


def test_what_is_wrong_is_said_and_shown_worst_first(scene, own):
    gap = inner_atom(scene)
    double = inner_atom(scene, (60, 150))
    atoms = np.delete(scene.positions, gap, axis=0)
    # Between two atoms of A there is room, but no column.
    between = scene.positions[inner_atom(scene, (150, 60))] + CRYSTAL._cell(11)[0] / 2
    atoms = np.vstack([atoms, scene.positions[double] + 2.7, between])
    report = quality_report(scene.image, atoms, own)
    assert {place.what for place in report.places} == {"short pair", "gap", "off lattice"}
    by_kind = {place.what: place for place in report.places}
    at = (by_kind["gap"].row, by_kind["gap"].col)
    assert np.linalg.norm(np.array(at) - scene.positions[gap]) < 2
    pair = by_kind["short pair"]
    assert np.hypot(*(scene.positions[double] - (pair.row, pair.col))) < 2
    # The share by which they are closer than possible.
    assert 0 < pair.badness < 1
    assert any("pairs closer than possible" in words for words in report.concerns)


def test_counts(scene, own):
    fewer = quality_report(scene.image, scene.positions[: len(scene.positions) // 2], own)
    assert any("fewer atoms than expected" in words for words in fewer.concerns)
    assert any("gaps without atoms" in words for words in fewer.concerns)
    assert fewer.qc == pytest.approx(-0.5, abs=0.05)
    twice = np.vstack([scene.positions, scene.positions + 2.0])
    more = quality_report(scene.image, twice, own)
    assert any("more atoms than expected" in words for words in more.concerns)
    assert any("too close to their neighbours" in words for words in more.concerns)
    assert len(more.places) == 9


def test_the_weakest_atoms_fill_up(scene, own):
    table = np.column_stack(
        [scene.positions, np.ones(len(scene.positions)), np.arange(len(scene.positions)) + 1.0]
    )
    report = quality_report(scene.image, table, own, n_places=4)
    assert [place.what for place in report.places] == ["weakest atom"] * 4
    assert (report.places[0].row, report.places[0].col) == pytest.approx(scene.positions[0])


def test_nothing_found(scene, own):
    report = quality_report(scene.image, np.empty((0, 4)), own)
    assert report.n_found == 0
    assert report.qc == -1
    assert report.gaps == 1


def test_a_count_that_is_known_is_the_one_that_is_compared(scene, own):
    n = len(scene.positions)
    known = Count(n + 20.0, 8.0, 0.0)
    report = quality_report(scene.image, scene.positions, own, expected=known)
    assert (report.n_inside, report.expected) == (n, known)
    assert report.qc == pytest.approx(n / known.n - 1)
    assert report.concerns == [
        f"{-report.qc:.1%} fewer atoms than expected, beyond twice its uncertainty"
    ]
    within = quality_report(scene.image, scene.positions, own, expected=Count(n + 15.0, 8.0, 0.0))
    assert within.concerns == []


def test_the_field_of_the_lattice_is_that_of_the_atoms_counted(scene, own):
    mask = np.zeros(scene.image.shape, dtype=bool)
    mask[:, :110] = True
    report = quality_report(scene.image, scene.positions, own.with_mask(mask))
    assert report.concerns == []
    assert report.n_inside == pytest.approx(len(scene.positions) / 2, rel=0.1)


def test_a_distance_sum_that_is_known_is_the_one_that_flags(scene, own):
    flagged = quality_report(scene.image, scene.positions, own, distance_sum=1000.0)
    assert flagged.er == pytest.approx(len(scene.positions) / flagged.expected.n)
    assert quality_report(scene.image, scene.positions, own).er == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lattice": None}, TypeError, "lattice must be a Lattice"),
        ({"n_places": 0}, ValueError, "n_places must be"),
        ({"detections": np.ones((3, 1))}, ValueError, "detections must be"),
        ({"image": np.ones(5)}, ValueError, "image must be"),
    ],
)
def test_bad_input(scene, change, error, message):
    good = {"image": scene.image, "detections": scene.positions, "lattice": CRYSTAL}
    with pytest.raises(error, match=message):
        quality_report(**(good | change))
