"""What an oracle sees beside the atoms that were found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.tuning import AtomFinder, SecondOpinion

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)
SCENE = make_scene(CRYSTAL, shape=(160, 160), noise=0.05, random_state=0)


class Fixed:
    """An oracle that always says the same."""

    def __init__(self, positions):
        self.positions = np.asarray(positions, dtype=float)

    def predict(self, _):
        return self.positions


def grid(n=8, pitch=14.0, start=13.0):
    return start + pitch * np.stack(np.indices((n, n)), axis=-1).reshape(-1, 2)


IMAGE = np.zeros((124, 124))


def test_who_agrees_is_matched_one_to_one():
    atoms = grid()
    others = np.vstack([atoms[2:] + 1.0, [[20.0, 20.0], [20.5, 20.0]]])
    opinion = SecondOpinion.of(Fixed(others), IMAGE, atoms)
    np.testing.assert_array_equal(opinion.seen, np.arange(64) >= 2)
    np.testing.assert_array_equal(opinion.missed, others[-2:])
    assert opinion.share == pytest.approx(62 / 66)
    (concern,) = opinion.concerns
    assert "agrees on 93.9% of the atoms: it does not see 2, and sees 2 others" in concern


def test_at_the_edge_they_need_not_agree():
    atoms = np.vstack([grid(), [[3.0, 60.0]]])
    others = np.vstack([grid(), [[60.0, 121.0]]])
    opinion = SecondOpinion.of(Fixed(others), IMAGE, atoms)
    assert not opinion.seen[-1]
    assert opinion.share == 1
    assert opinion.concerns == []
    # Nor at the edge of a field, and outside of it the oracle has no say.
    field = np.zeros(IMAGE.shape, dtype=bool)
    field[:62] = True
    kept = grid()[grid()[:, 0] < 62]
    alone = np.vstack([grid(), [[60.0, 62.0]]])
    opinion = SecondOpinion.of(Fixed(alone), IMAGE, kept, field)
    assert opinion.share == 1
    np.testing.assert_array_equal(opinion.missed, [[60.0, 62.0]])


def test_of_nothing_there_is_no_share():
    none = np.empty((0, 2))
    assert math.isnan(SecondOpinion.of(Fixed(none), IMAGE, none).share)
    assert SecondOpinion.of(Fixed(grid()), IMAGE, none).share == 0
    assert SecondOpinion.of(Fixed(none), IMAGE, grid()).share == 0
    assert SecondOpinion.of(Fixed(none), IMAGE, none).concerns == []


def test_the_finder_marks_what_the_oracle_does_not_see():
    alone = AtomFinder(CRYSTAL).fit(SCENE.image)
    assert alone.second_opinion_ is None
    assert "seen_by_oracle" not in alone.atoms_.columns
    true = SCENE.positions
    agreeing = AtomFinder(CRYSTAL, oracle=Fixed(true)).fit(SCENE.image)
    assert agreeing.second_opinion_.share > 0.99
    assert agreeing.verdict_ == alone.verdict_
    doubting = AtomFinder(CRYSTAL, oracle=Fixed(true[: len(true) // 2])).fit(SCENE.image)
    assert doubting.verdict_.status == "check"
    assert any("the oracle agrees on" in reason for reason in doubting.verdict_.reasons)
    seen = doubting.atoms_["seen_by_oracle"]
    assert seen.dtype == bool
    assert 0.3 < seen.mean() < 0.7
    np.testing.assert_array_equal(doubting.atoms_.positions, alone.atoms_.positions)
    assert doubting.report().as_dict()["oracle"]["share"] == pytest.approx(
        doubting.second_opinion_.share
    )


def test_an_estimator_is_fitted_and_left_as_it_is():
    other = AtomFinder(CRYSTAL, refine=None)
    finder = AtomFinder(CRYSTAL, oracle=other).fit(SCENE.image)
    assert finder.second_opinion_.share == 1
    assert not hasattr(other, "atoms_")


def test_what_gives_no_positions_is_refused():
    with pytest.raises(TypeError, match="oracle must have a method predict"):
        AtomFinder(CRYSTAL, oracle=3).fit(SCENE.image)
