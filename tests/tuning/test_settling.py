"""What a setting of the front finds, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder
from tests.tuning.common import CRYSTAL, same_atoms


def test_numbers_agree_with_the_table(finder):
    n, expected = len(finder.atoms_), finder.expectation_.n_expected
    assert finder.qc_ == pytest.approx(n / expected - 1)
    assert finder.er_ == pytest.approx(finder.atoms_["flagged"].sum() / expected)
    results = finder.search_.cv_results_
    row = finder.front_[finder.index_]
    assert row == finder.search_.best_index_
    assert results["param_threshold"][row] == finder.params_["threshold"]
    assert finder.quality_.n_inside == n
    assert finder.quality_.expected is finder.expectation_.count
    assert finder.quality_.er == pytest.approx(finder.er_)


def test_the_curve_of_counts_goes_through_the_atoms(finder):
    curve = finder.count_curve_
    below = np.searchsorted(curve.thresholds, finder.params_["threshold"])
    n = len(finder.atoms_)
    assert curve.counts[below] <= n <= curve.counts[below - 1]
    plateau = finder.plateau_
    on = (curve.thresholds >= plateau.low) & (curve.thresholds <= plateau.high)
    assert np.abs(curve.counts[on] - n).max() <= 0.0025 * n


def test_another_point(scene):
    finder = AtomFinder(CRYSTAL.with_pixel_size(0.2), expected=165).fit(scene.image)
    assert len(finder.front_) > 1
    for i in range(len(finder.front_)):
        other = finder.at(i)
        assert other.index_ == i
        results, row = finder.search_.cv_results_, finder.front_[i]
        assert max(abs(other.qc_) - 0.03, 0) == pytest.approx(results["objective_qc"][row])
        assert len(other.atoms_) == results["detail_n_atoms"][row]
        assert other.er_ == pytest.approx(results["objective_er"][row])
        assert len(other.predict(scene.image)) == len(other.atoms_)
        assert other.search_ is finder.search_
    assert same_atoms(finder.at(finder.index_), finder)
    with pytest.raises(IndexError, match="is no row of the front"):
        finder.at(len(finder.front_))


def test_what_a_finder_holds_is_shown_in_a_few_words(finder):
    held = {name: repr(value) for name, value in vars(finder).items() if name.endswith("_")}
    # Of the others a search shows its parameters, as scikit-learn does, and an array its numbers.
    shown = {name: held[name] for name in ("atoms_", "expectation_", "verdict_", "plateau_",
             "count_curve_", "evidence_", "refinement_", "quality_", "lattice_")}  # fmt: skip
    assert {name: text for name, text in shown.items() if len(text) > 200 or "\n" in text} == {}
    assert shown["expectation_"].startswith(f"Expectation({finder.expectation_.count} atoms, dist")
    assert shown["quality_"] == f"QualityReport({len(finder.atoms_)} atoms: nothing to doubt)"
    assert shown["count_curve_"].startswith("CountCurve(128 thresholds: ")
    assert repr(finder.report()) == f"Report({len(finder.report().rows)} rows, verdict ok)"
