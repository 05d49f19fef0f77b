"""What is chosen where the expected count is uncertain."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.metrics import detection_metrics
from logstar.tuning import AtomFinder, Plateau, make_logstar_workflow

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)


@pytest.fixture(scope="module")
def best(scene):
    found = AtomFinder(CRYSTAL).fit(scene.image)
    assert found.plateau_.is_stable
    return detection_metrics(found.atoms_.positions, scene.positions).f1


@pytest.mark.parametrize("error", [-0.05, -0.02, 0.02, 0.05])
def test_a_wrong_count_no_longer_costs_atoms(scene, best, error):
    """Threshold would be raised until true atoms drop out, or lowered into noise."""

    def f1(uncertainty):
        search = make_logstar_workflow(
            None,
            scene.image.shape,
            denoise="none",
            n_expected=(1 + error) * len(scene.positions),
            uncertainty=uncertainty,
            distance_sum=CRYSTAL.distance_sum_threshold(),
            sigma_range=CRYSTAL.sigma_range,
        ).fit(scene.image)
        return detection_metrics(search.predict(scene.image), scene.positions).f1

    assert f1(0.08) >= f1(0.0)
    assert f1(0.08) == pytest.approx(best, abs=0.005)


def test_a_plateau_is_read_off_a_row():
    names = ("low", "high")
    results = {f"detail_plateau_{name}": np.arange(4.0) + i for i, name in enumerate(names, 1)}
    plateau = Plateau.of(results, 2)
    assert plateau == (3.0, 4.0)
    assert plateau.width == pytest.approx(4 / 3)
    assert not plateau.is_stable
    assert Plateau(0.0, 3.0).is_stable
