"""Each diagnostic sees what it is to see, and is blind to what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import BaseEstimator

from logstar.datasets import make_scene
from logstar.detection import LoGStarDetector
from logstar.lattice import ImageLattice, Lattice
from logstar.rewards import GapShare, OnLattice, ShortPairs, SpacingSpread

CRYSTAL = Lattice.perovskite(4.0, 0.2)
SHAPE = (200, 220)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, SHAPE, rotation=11, noise=0.05, random_state=0)


@pytest.fixture(scope="module")
def own(scene):
    return ImageLattice.from_image(scene.image)


@pytest.fixture(scope="module")
def spoilt(scene):
    """The true atoms with some missing, some doubled, and some invented between."""
    true = scene.positions
    return {
        "true": true,
        "missing": np.delete(true, slice(100, 130), axis=0),
        "doubled": np.vstack([true, true[100:110] + 2.7]),
        "invented": np.vstack([true, true[100:110] + CRYSTAL._cell(11)[0] / 2]),
    }


def test_what_each_sees(scene, own, spoilt):
    scorers = {
        "pairs": ShortPairs(CRYSTAL),
        "gaps": GapShare(CRYSTAL),
        "on": OnLattice(own),
    }
    seen = {
        kind: {name: scorer.measure(atoms, scene.image) for name, scorer in scorers.items()}
        for kind, atoms in spoilt.items()
    }
    assert seen["true"] == {"pairs": 0.0, "gaps": 0.0, "on": 1.0}
    assert seen["missing"]["gaps"] > 0.05
    assert seen["missing"]["pairs"] == 0
    assert seen["missing"]["on"] == 1
    n = len(scene.positions) + 10
    assert seen["doubled"]["pairs"] == pytest.approx(10 / n)
    assert seen["doubled"]["on"] == pytest.approx(1 - 10 / n)
    assert seen["doubled"]["gaps"] == 0
    assert seen["invented"]["on"] == pytest.approx(1 - 10 / n)
    assert seen["invented"]["gaps"] == 0


def test_the_spread_grows_with_disorder(rng, scene):
    spreads = [
        SpacingSpread().measure(scene.positions + rng.normal(0, jitter, scene.positions.shape))
        for jitter in (0, 0.5, 1.5)
    ]
    assert spreads[0] < 1e-6
    assert 0.02 < spreads[1] < spreads[2]
    # Kinds of columns have distances of their own.
    ybco = Lattice.ybco(0.15)
    points, _ = ybco.positions((300, 300))
    inner = points[((points > 60) & (points < 240)).all(axis=1)]
    assert SpacingSpread(ybco).measure(inner) < 1e-6


@given(
    arrays(np.float64, st.tuples(st.integers(0, 30), st.just(2)), elements=st.floats(0, 50)),
    st.floats(0.5, 20),
)
def test_short_pairs_by_brute_force(atoms, limit):
    apart = np.linalg.norm(atoms[:, None] - atoms[None], axis=2)
    short = int((apart[np.triu_indices(len(atoms), 1)] < limit * (1 - 1e-12)).sum())
    close = int((apart[np.triu_indices(len(atoms), 1)] < limit * (1 + 1e-12)).sum())
    found = ShortPairs(limit).measure(atoms) * max(len(atoms), 1)
    assert short - 1e-9 <= found <= close + 1e-9


@given(
    arrays(np.int64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 39)),
    st.floats(1, 15),
)
def test_gaps_by_brute_force(atoms, reach):
    frame = int(np.ceil(reach))
    grid = np.mgrid[frame : 40 - frame, frame : 40 - frame].reshape(2, -1).T
    nearest = np.linalg.norm(grid[:, None] - atoms[None], axis=2).min(axis=1)
    assert GapShare(reach).measure(atoms, np.zeros((40, 40))) == pytest.approx(
        (nearest > reach).mean()
    )


def test_nothing_found_wins_nowhere(own, scene):
    nothing = np.empty((0, 2))
    assert ShortPairs(5.0).measure(nothing) == 0
    assert GapShare(CRYSTAL).measure(nothing, scene.image) == 1
    assert SpacingSpread().measure(nothing) == 1
    assert SpacingSpread().measure([[3, 3]]) == 1
    assert SpacingSpread().measure([[3, 3], [3, 8]]) == 0
    assert SpacingSpread().measure([[3, 3], [3, 3], [3, 3]]) == 1
    assert OnLattice(own).measure(nothing) == 0


def test_the_field_of_gaps(scene):
    half = np.zeros(SHAPE, dtype=bool)
    half[:, :110] = True
    atoms = scene.positions[scene.positions[:, 1] < 120]
    assert GapShare(CRYSTAL).measure(atoms, scene.image) > 0.3
    assert GapShare(CRYSTAL, mask=half).measure(atoms, scene.image) == 0
    assert GapShare(CRYSTAL.with_mask(half)).measure(atoms, scene.image) == 0


class Fixed(BaseEstimator):
    def __init__(self, found):
        self.found = found

    def predict(self, X):  # noqa: ARG002
        return self.found


def test_they_are_scorers(scene, own, spoilt):
    fixed = Fixed(spoilt["doubled"])
    n = len(spoilt["doubled"])
    assert ShortPairs(CRYSTAL)(fixed, scene.image) == pytest.approx(-10 / n)
    assert OnLattice(own)(fixed, scene.image) == pytest.approx(1 - 10 / n)
    # A stack: the mean.
    stack = Fixed([spoilt["doubled"], spoilt["true"]])
    images = np.stack([scene.image, scene.image])
    assert ShortPairs(CRYSTAL)(stack, images) == pytest.approx(-5 / n)
    assert GapShare(CRYSTAL).measure(stack.found, images).tolist() == [0, 0]
    detector = LoGStarDetector(2, 5, threshold=0.9).fit(scene.image)
    assert GapShare(CRYSTAL)(detector, scene.image) == -1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ShortPairs(0).measure([[1, 1], [2, 2]]), ValueError, "min_distance must be"),
        (lambda: GapShare(3.0).measure([[1, 1]]), ValueError, "give the image or its stack as X"),
        (lambda: GapShare("far").measure([[1, 1]], np.eye(9)), TypeError, "reach must be"),
        (
            lambda: GapShare(2.0, np.ones((3, 3))).measure([[1, 1]], np.eye(9)),
            ValueError,
            r"mask has shape \(3, 3\)",
        ),
        (lambda: OnLattice(CRYSTAL).measure([[1, 1]]), TypeError, "must be an ImageLattice"),
        (
            lambda: ShortPairs(2.0).measure([np.eye(2), np.eye(2)], [np.eye(9)]),
            ValueError,
            "2 tables of atoms for 1 images",
        ),
        (lambda: SpacingSpread().measure(np.eye(3)[:, :1]), ValueError, "detections must be"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
