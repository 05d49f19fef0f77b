"""One verdict: every reason to check, and that good images give none."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder, Lattice, LoGStarDetector
from logstar.datasets import make_scene
from logstar.tuning import Verdict
from tests.tuning.common import CRYSTAL


def verdict(image, lattice=CRYSTAL, **parameters):
    return AtomFinder(lattice, **parameters).fit(image).verdict_


def test_as_text():
    assert str(Verdict("ok")) == "ok"
    assert str(Verdict("check", ("one", "two"))) == "check: one; two"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lattice", [CRYSTAL, "auto"])
def test_good_images_are_ok(lattice, seed):
    scene = make_scene(CRYSTAL, (160, 150), rotation=seed * 20, noise=0.1, random_state=seed)
    assert verdict(scene.image, lattice) == Verdict("ok")


def test_the_count_that_is_compared_is_the_one_that_is_told(scene):
    finder = AtomFinder(CRYSTAL, expected=150).fit(scene.image)
    n, expected = len(finder.atoms_), finder.expectation_.count
    assert abs(n - expected.n) > 2 * expected.uncertainty
    (words,) = [reason for reason in finder.verdict_.reasons if "than expected" in reason]
    assert words.startswith(f"{abs(finder.qc_):.1%} fewer atoms")
    # The quality report says the same, of the same numbers, and it is told once.
    assert words in finder.quality_.concerns
    near = AtomFinder(CRYSTAL, expected=120).fit(scene.image)
    assert near.verdict_.status == "ok"
    assert near.quality_.concerns == []


def test_holes_are_told_and_no_atoms_invented_in_them(scene):
    holes = scene.image.copy()
    rows, cols = np.mgrid[:150, :170]
    for row, col in ((60, 60), (90, 120)):
        holes[np.hypot(rows - row, cols - col) < 22] = holes.min()
    found = AtomFinder().fit(holes)
    apart = np.hypot(*(found.atoms_.positions[:, None] - [(60, 60), (90, 120)]).T)
    assert apart.min() > 18
    assert found.expectation_.field_share == pytest.approx(1 - 2 * np.pi * 22**2 / 25500, abs=0.03)
    assert found.verdict_.remarks[0].endswith("% of the field looks empty")


def test_too_close(scene):
    found = verdict(scene.image, distance_sum=58.0)
    assert any("too close to their neighbours" in reason for reason in found.reasons)


def test_a_lattice_that_the_image_does_not_show(rng):
    # Atoms at random places, none near another.
    places = np.argwhere(np.ones((10, 10))) * 14.0 + 10 + rng.uniform(-4.5, 4.5, (100, 2))
    rows, cols = np.mgrid[:150, :150]
    image = sum(np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / 18) for r, c in places)
    found = verdict(image, Lattice.perovskite(4.0, pixel_size=0.2))
    assert "the image does not show the crystal's lattice" in found.reasons


def test_another_lattice(scene):
    # As dense as the image's, so that no scale tells them apart.
    other = Lattice(3.1, 5.2, columns=CRYSTAL.columns, pixel_size=0.2)
    found = verdict(scene.image, other, force=True)
    assert any("is not that of the crystal" in reason for reason in found.reasons)


def test_a_calibration_that_files_hardly_have(scene):
    found = verdict(scene.image, CRYSTAL.with_pixel_size("0.224 A"))
    assert found.reasons == ("the pixel size is off by 12%, more than files usually are",)
    assert verdict(scene.image, CRYSTAL.with_pixel_size("0.212 A")).status == "ok"


def test_a_search_that_was_interrupted(scene, monkeypatch):
    sweep = LoGStarDetector.sweep
    left = iter(range(3))

    def interrupted(self, *args, **options):
        for front in sweep(self, *args, **options):
            if next(left, None) is None:
                raise KeyboardInterrupt
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweep", interrupted)
    finder = AtomFinder(CRYSTAL).fit(scene.image)
    assert finder.search_.interrupted_
    assert "the search was interrupted before its end" in finder.verdict_.reasons
    assert "INTERRUPTED" in str(finder.report())
    assert len(finder.atoms_) > 100
    with pytest.raises(KeyboardInterrupt):
        AtomFinder(CRYSTAL).fit(scene.image)


def test_noise_hangs_on_the_threshold(rng):
    found = verdict(rng.normal(size=(96, 96)), None, expected=64, distance_sum=48.0)
    assert any("hangs on the threshold" in reason for reason in found.reasons)
