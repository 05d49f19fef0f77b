"""What windows say of an image, as maps."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene

CRYSTAL = Lattice.ybco(pixel_size=0.2)
SHAPE = (224, 224)


def test_weak_columns_of_a_crystal_are_nothing_to_look_at() -> None:
    """Noise explains every second of them, wherever they are."""
    crystal = Lattice.perovskite(3.905, pixel_size=0.2)
    scene = make_scene(crystal, (256, 256), noise=0.3, rotation=5, random_state=0)
    maps = AtomFinder(crystal, refine=None, window=96).fit(scene.image).windows_
    assert np.median(maps.significance) > 0.3
    assert (maps.verdict == "ok").mean() > 0.9


def test_maps_say_where_atoms_are_missing() -> None:
    scene = make_scene(CRYSTAL, SHAPE, rotation=7, noise=0.03, random_state=0)
    image = scene.image.copy()
    image[:80, :80] = np.median(image)
    image[:80, :80] += np.random.default_rng(0).normal(0, 0.01, (80, 80))
    maps = AtomFinder(CRYSTAL, refine=None, window=80).fit(image).windows_
    assert maps.verdict[0, 0] in {"check", "empty"}
    assert (maps.verdict[2:, 2:] == "ok").all()
    inside = maps.expected[2:, 2:] * (1 + maps.qc[2:, 2:])
    assert np.allclose(inside, np.round(inside))
    for name in ("threshold", "verdict"):
        figure = maps.plot(name)
        assert figure.axes[0].get_title() == name
    with pytest.raises(ValueError, match="what='row' must be None or one of"):
        maps.plot("row")
    # The ladder is the same everywhere, and says nothing of windows.
    titles = [ax.get_title() for ax in maps.plot().axes if ax.get_title()]
    assert titles == ["threshold", "qc", "er", "significance", "verdict"]
