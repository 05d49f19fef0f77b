"""Fields of lattices whose distortion is known, and their spread against the errors stated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from logstar.datasets import make_scene
from logstar.fields import (
    SiteStatistics,
    displacements,
    polarization,
    spacings,
    strain,
    vacancy_evidence,
)
from logstar.io import AtomTable
from logstar.lattice import Column, ImageLattice, Lattice, LatticeIndexer
from logstar.refinement import GaussianRefiner
from tests.lattice.crystals_in_images import crystal
from tests.lattice.test_indexer import dislocated

LATTICE = Lattice.perovskite(3.905, pixel_size=0.2)
EDGE = 19.525
ERROR = 0.04


def atoms(side=600, **options):
    return LATTICE.positions((side, side), **options)


def table(positions, error=ERROR):
    sizes = np.full(len(positions), error)
    row, col = positions.T
    columns = {"row": row, "col": col, "row_error": sizes, "col_error": sizes}
    return AtomTable(columns, pixel_size=0.2)


@pytest.fixture(scope="module")
def noisy():
    """A perfect crystal, its atoms measured with errors that are known."""
    positions, kinds = atoms()
    rng = np.random.default_rng(0)
    measured = positions + rng.normal(scale=ERROR, size=positions.shape)
    return LatticeIndexer(LATTICE).fit(measured, kinds), table(measured), kinds


def spread(values, errors):
    return np.nanstd(values / errors, axis=0)


def test_displacements_spread_as_they_say(noisy):
    field = displacements(*noisy[:2])
    assert spread(field.vectors, field.errors) == pytest.approx([1, 1], abs=0.05)
    np.testing.assert_allclose(field.errors, ERROR)


def test_columns_of_an_images_own_lattice_are_where_its_atoms_are():
    """Its cell has them to a tenth of a pixel or so; a crystal has them where it has them."""
    truth = Lattice.perovskite(4.0, pixel_size=0.2)
    columns = [Column("A", "Sr", 0, 0), Column("B", "Ti", 0.51, 0.492)]
    seen = ImageLattice(
        4.0, 4.0, columns=columns, pixel_size=0.2, origin=(100.0, 90.0), rotation=5.0,
        shape=(200, 200),
    )  # fmt: skip
    there = ImageLattice(
        4.0, 4.0, columns=truth.columns, pixel_size=0.2, origin=(100.0, 90.0), rotation=5.0,
        shape=(200, 200),
    )  # fmt: skip
    positions, kinds = there.positions()
    # One atom is displaced, which the lattice that is fitted to all follows by a little.
    moved = positions.copy()
    one = int(np.hypot(*(positions - (150, 100)).T).argmin())
    moved[one] += (0.5, -0.3)
    above = positions[:, 0] < 100
    indexer = LatticeIndexer(seen).fit(moved, kinds)
    for reference in ("fit", above):
        vectors = displacements(indexer, moved, reference=reference).vectors
        np.testing.assert_allclose(np.delete(vectors, one, axis=0), 0, atol=0.04)
        np.testing.assert_allclose(vectors[one], (0.5, -0.3), atol=0.04)
    crystal = LatticeIndexer(truth).fit(moved, kinds)
    polar = displacements(LatticeIndexer(seen).fit(moved, kinds), moved, reference="crystal")
    assert np.hypot(*polar.vectors[kinds == "B"].mean(axis=0)) > 0.1
    np.testing.assert_allclose(
        np.delete(displacements(crystal, moved).vectors, one, axis=0), 0, atol=0.04
    )


def test_polarization_spreads_as_it_says(noisy):
    field = polarization(*noisy[:2])
    known = np.isfinite(field.vectors).all(axis=1)
    assert spread(field.vectors, field.errors) == pytest.approx([1, 1], abs=0.06)
    np.testing.assert_allclose(field.errors[known], ERROR * np.sqrt(1.25))


def test_a_lattice_that_is_polar_itself_has_all_its_neighbors():
    """As an image's own lattice has, whose columns are where the image shows them."""
    columns = [Column("A", "Ba", 0, 0), Column("B", "Ti", 0.46, 0.53)]
    lattice = Lattice(4.0, 4.0, columns=columns, pixel_size=0.2)
    positions, kinds = lattice.positions((200, 200))
    field = polarization(LatticeIndexer(lattice).fit(positions, kinds), positions)
    a, b = lattice.vectors
    expected = -0.04 * a + 0.03 * b
    known = np.isfinite(field.vectors).all(axis=1)
    assert known.sum() > 50
    np.testing.assert_allclose(field.vectors[known], np.tile(expected, (known.sum(), 1)), atol=1e-9)


@pytest.mark.parametrize("measure", ["infinitesimal", "lagrangian"])
@pytest.mark.parametrize("axes", ["image", "a"])
def test_strain_spreads_as_it_says(noisy, measure, axes):
    field = strain(*noisy[:2], measure=measure, axes=axes)
    # Neighbouring values share atoms: their spread is less certain than their number says.
    assert spread(field.components, field.errors) == pytest.approx(np.ones(4), abs=0.1)


def test_errors_of_strain_are_those_of_the_formulas(noisy):
    indexer, measured, _ = noisy
    for radius, root in ((20.0, 2), (None, 6)):
        errors = strain(indexer, measured, radius).errors
        assert np.nanmin(errors[:, 0]) == pytest.approx(ERROR / np.sqrt(root) / EDGE, rel=1e-3)
    assert np.nanmin(errors[:, 3]) == pytest.approx(
        np.degrees(ERROR / np.sqrt(12) / EDGE), rel=1e-2
    )


def test_spacings_spread_as_they_say(noisy):
    field = spacings(*noisy[:2], (1, 0))
    assert spread(field.values - EDGE, field.errors) == pytest.approx(1, abs=0.06)
    assert field.unit == "A"
    assert np.nanmean(field.in_units) == pytest.approx(3.905, abs=1e-3)


def answers_about_zero(n, *, stated):
    """What is said of `n` fields of zero whose atoms have errors of `ERROR`."""
    positions, kinds = atoms(200)
    indexer = LatticeIndexer(LATTICE).fit(positions, kinds)
    rng = np.random.default_rng(1)
    draws = [positions + rng.normal(scale=ERROR, size=positions.shape) for _ in range(n)]
    return [polarization(indexer, table(draw, stated)).zero_test() for draw in draws]


def test_probabilities_of_zero_are_uniform():
    tests = answers_about_zero(200, stated=ERROR)
    assert stats.kstest([test.p_value for test in tests], "uniform").pvalue > 0.01
    assert np.mean([test.scatter for test in tests]) == pytest.approx(1, abs=0.02)
    assert np.mean([test.consistent for test in tests]) == pytest.approx(0.95, abs=0.04)


def test_errors_that_are_too_small_make_no_domains():
    tests = answers_about_zero(100, stated=ERROR / 1.3)
    assert np.mean([test.scatter for test in tests]) == pytest.approx(1.3, abs=0.03)
    assert np.mean([test.consistent for test in tests]) >= 0.88


def test_a_domain_is_seen_where_it_is(noisy):
    indexer, measured, kinds = noisy
    assert polarization(indexer, measured).zero_test().consistent
    moved = measured.positions.copy()
    domain = (kinds == "B") & (np.hypot(*(moved - (200, 400)).T) < 60)
    moved[domain] += (0.12, 0.0)
    test = polarization(indexer, table(moved)).zero_test()
    assert not test.consistent
    assert np.hypot(*(test.center - (200, 400))) < 80


def test_without_errors_nothing_is_said_about_zero(noisy):
    indexer, measured, _ = noisy
    field = polarization(indexer, measured.positions)
    assert np.isfinite(field.vectors).any()
    assert np.isnan(field.errors).all()
    assert np.isnan(field.zero_test().p_value)


@pytest.mark.parametrize("turn", [0.0, 20.0, 70.0])
def test_strain_and_rotation_of_a_known_field(turn):
    positions, kinds = atoms(300, rotation=turn)
    # In x (to the right) and y (downwards).
    exx, eyy, exy, angle = 0.02, -0.01, 0.005, np.radians(0.5)
    stretch = np.array([[1 + exx, exy], [exy, 1 + eyy]])
    c, s = np.cos(angle), np.sin(angle)
    F = np.array([[c, s], [-s, c]]) @ stretch
    moved = (positions[:, ::-1] @ F.T)[:, ::-1]
    indexer = LatticeIndexer(LATTICE).fit(moved, kinds)
    field = strain(indexer, moved, measure="lagrangian", reference="crystal")
    lagrangian = (F.T @ F - np.eye(2)) / 2
    # The crystal is turned onto the strained grain, so E is seen in axes turned by half a degree.
    assert np.nanmean(field.e_xx) + np.nanmean(field.e_yy) == pytest.approx(
        np.trace(lagrangian), abs=1e-6
    )
    assert np.nanmean(field.e_xx) == pytest.approx(lagrangian[0, 0], abs=3e-4)
    assert np.nanmean(field.e_xy) == pytest.approx(lagrangian[0, 1], abs=6e-4)


def test_a_region_is_rotated_against_the_rest():
    positions, kinds = atoms(500)
    right = positions[:, 1] > 250
    c, s = np.cos(np.radians(2)), np.sin(np.radians(2))
    turned = positions.copy()
    # Counter-clockwise as displayed, about a point of the border.
    away = positions[right] - (250, 250)
    turned[right] = away @ np.array([[c, s], [-s, c]]) + (250, 250)
    y, x = away[0]
    seen = turned[right][0] - (250, 250)
    assert np.arctan2(-seen[0], seen[1]) - np.arctan2(-y, x) == pytest.approx(np.radians(2))
    indexer = LatticeIndexer(LATTICE).fit(turned, kinds)
    field = strain(indexer, turned, reference=positions[:, 1] < 200)
    middle = (field.positions[:, 1] > 320) & (field.positions[:, 1] < 480)
    assert np.nanmedian(field.rotation[middle]) == pytest.approx(2, abs=0.01)
    assert np.nanmedian(field.rotation[field.positions[:, 1] < 180]) == pytest.approx(0, abs=0.01)


def test_a_dislocation_does_not_stretch_the_reference():
    truth = dislocated(crystal("perovskite", 500), np.array([251.3, 247.1]))
    indexer = LatticeIndexer(truth.lattice).fit(truth.positions, truth.kinds)
    assert len(indexer.conflicts_) > 0
    field = strain(indexer, truth.positions)
    far = np.hypot(*(field.positions - (251.3, 247.1)).T) > 100
    # The field is that of one edge dislocation in the middle: odd in y, so that its mean is none.
    assert np.nanmean(field.e_xx[far]) == pytest.approx(0, abs=0.003)
    above, below = (far & (side * (field.positions[:, 0] - 251.3) > 60) for side in (-1, 1))
    assert np.nanmean(field.e_xx[above]) * np.nanmean(field.e_xx[below]) < 0


def test_what_misses_a_neighbor_is_nan():
    positions, kinds = atoms(200)
    middle = np.flatnonzero(kinds == "A")[np.hypot(*(positions[kinds == "A"] - 100).T).argmin()]
    keep = np.arange(len(kinds)) != middle
    indexer = LatticeIndexer(LATTICE).fit(positions[keep], kinds[keep])
    field = polarization(indexer, positions[keep])
    around = np.hypot(*(field.positions - positions[middle]).T) < EDGE
    assert around.sum() == 4
    assert np.isnan(field.vectors[around]).all()
    apart = spacings(indexer, positions[keep], (0, 1))
    whole = spacings(LatticeIndexer(LATTICE).fit(positions, kinds), positions, (0, 1))
    # The atom itself is gone, and the one before it has lost its neighbour.
    assert np.isfinite(whole.values).sum() - np.isfinite(apart.values).sum() == 2


def test_collinear_atoms_have_no_strain():
    positions, kinds = atoms(300)
    indexer = LatticeIndexer(LATTICE).fit(positions, kinds)
    chosen = strain(indexer, positions, radius=1.0)
    assert np.isnan(chosen.components).all()
    assert (chosen.n_neighbors == 1).all()


def test_fields_of_a_refined_image_cover_the_truth():
    scene = make_scene(LATTICE, (300, 300), noise=0.1, vacancy_fraction=0.02, random_state=1)
    inner = ((scene.positions > 4) & (scene.positions < 295)).all(axis=1)
    truth, kinds = scene.positions[inner], scene.kinds[inner]
    refined = GaussianRefiner().refine(scene.image, truth.round(), kinds=kinds)
    indexer = LatticeIndexer(LATTICE).fit(refined.atoms, kinds)
    field = strain(indexer, refined)
    ratio = spread(field.components, field.errors)
    assert ratio == pytest.approx(np.ones(4), abs=0.2)
    vectors = polarization(indexer, refined)
    assert spread(vectors.vectors, vectors.errors) == pytest.approx([1, 1], abs=0.2)
    assert vectors.zero_test(level=0.01).consistent
    evidence = vacancy_evidence(scene.image, indexer, refined)
    off = np.hypot(*(indexer.vacancies_[:, None] - scene.vacancies[None]).transpose(2, 0, 1))
    assert (off.min(axis=1) < 3).all()
    # Those that are looked at beside the indexer's vacancies are faint atoms.
    np.testing.assert_array_equal(evidence.empty(), evidence.atoms < 0)
    assert (refined.amplitudes[evidence.atoms[evidence.atoms >= 0]] > 0).all()
    table = evidence.to_table()
    assert (np.diff(table["probability"]) <= 0).all()
    assert table["empty"].sum() == len(indexer.vacancies_)
    statistics = SiteStatistics.of(indexer, refined)
    assert statistics.n_vacancies.sum() == len(indexer.vacancies_)
    low, high = statistics.occupancy_interval.T
    assert ((low <= 0.98) & (high >= 0.98)).all()
    true_ratio = (22 / 38) ** 1.7
    assert statistics.intensity_ratio[1] == pytest.approx(true_ratio, rel=0.04)


def test_an_atom_that_is_there_is_no_vacancy():
    scene = make_scene(LATTICE, (200, 200), noise=0.05, random_state=1)
    inner = ((scene.positions > 4) & (scene.positions < 195)).all(axis=1)
    truth, kinds = scene.positions[inner], scene.kinds[inner]
    unlisted = np.hypot(*(truth - 100).T).argmin()
    keep = np.arange(len(truth)) != unlisted
    refined = GaussianRefiner().refine(scene.image, truth[keep].round(), kinds=kinds[keep])
    indexer = LatticeIndexer(LATTICE).fit(refined.atoms, kinds[keep])
    evidence = vacancy_evidence(scene.image, indexer, refined)
    assert (evidence.atoms < 0).sum() == 1
    assert not evidence.empty().any()


def test_noise_that_was_taken_for_an_atom_is_told_from_one():
    scene = make_scene(LATTICE, (200, 200), noise=0.1, vacancy_fraction=0.03, random_state=3)
    inside = ((scene.positions > 4) & (scene.positions < 195)).all(axis=1)
    empty = scene.vacancies[((scene.vacancies > 15) & (scene.vacancies < 184)).all(axis=1)]
    starts = np.concatenate([scene.positions[inside].round(), empty.round()])
    n = int(inside.sum())
    refined = GaussianRefiner().refine(scene.image, starts)
    indexer = LatticeIndexer(LATTICE).fit(refined.atoms, intensities=refined.amplitudes)
    evidence = vacancy_evidence(scene.image, indexer, refined)
    noise = evidence.atoms[evidence.empty() & (evidence.atoms >= 0)]
    assert set(noise) == set(range(n, len(starts)))
    assert (evidence.probabilities(1e-9) <= evidence.probabilities(0.5)).all()
    with pytest.raises(ValueError, match="prior"):
        evidence.empty(prior=1)


def test_disorder_beyond_errors_is_found():
    positions, kinds = atoms()
    rng = np.random.default_rng(3)
    sizes = np.where(kinds == "A", 0.0, 0.1)[:, None]
    moved = positions + rng.normal(size=positions.shape) * np.hypot(ERROR, sizes)
    indexer = LatticeIndexer(LATTICE).fit(moved, kinds)
    statistics = SiteStatistics.of(indexer, table(moved))
    assert statistics.displacement[0] < 0.02
    assert statistics.displacement[1] == pytest.approx(0.1, rel=0.1)
    low, high = statistics.displacement_interval[1]
    assert low < 0.1 < high


def test_arguments_that_cannot_be(noisy):
    indexer, measured, _ = noisy
    with pytest.raises(TypeError, match="indexer must be"):
        displacements(LATTICE, measured)
    with pytest.raises(ValueError, match="was fitted to"):
        displacements(indexer, measured.positions[:5])
    with pytest.raises(ValueError, match="reference must be 'fit'"):
        displacements(indexer, measured, reference="mean")
    with pytest.raises(ValueError, match="neighbors must be one of 'A', 'B'"):
        polarization(indexer, measured, "B", "Sr")
    with pytest.raises(ValueError, match="another cell"):
        spacings(indexer, measured, (0, 0))
    with pytest.raises(ValueError, match="measure must be"):
        strain(indexer, measured, measure="green")
    with pytest.raises(ValueError, match="axes must be"):
        strain(indexer, measured, axes="b")
    with pytest.raises(ValueError, match="refinement is a table without 'sigma'"):
        vacancy_evidence(np.zeros((9, 9)), indexer, measured)
    with pytest.raises(TypeError, match="refinement must be"):
        vacancy_evidence(np.zeros((9, 9)), indexer, measured.positions)


@pytest.mark.parametrize("n", [0, 1, 2, 41])
def test_of_nothing_there_are_no_fields(n):
    """No atoms, a lone one, two, and many of which none could be refined."""
    image = np.ones((80, 80))
    positions, kinds = LATTICE.positions((80, 80))
    refined = GaussianRefiner().refine(image, positions[:n])
    assert not refined.converged.any()
    indexer = LatticeIndexer(LATTICE).fit(refined.atoms, kinds[:n])
    assert len(strain(indexer, refined).atoms) == 0
    assert np.isnan(displacements(indexer, refined).vectors).all()
    vectors = polarization(indexer, refined)
    assert len(vectors.atoms) == 0
    assert np.isnan(vectors.zero_test().p_value)
    assert len(spacings(indexer, refined, (1, 0)).values) == 0
    assert not vacancy_evidence(image, indexer, refined).empty().any()
    assert np.isnan(SiteStatistics.of(indexer, refined).displacement).all()
