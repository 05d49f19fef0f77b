"""The dispersed component is told by its spread, whatever the signs and the numbering."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._dispersion import dispersions, fit_mixture


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("sign", [1, -1])
def test_dispersed_points_are_told_whatever_the_sign(covariance_type, sign):
    rng = np.random.default_rng(0)
    tight, wide = rng.normal(0, 1, (900, 3)), rng.normal(1, 9, (100, 3))
    points = sign * np.vstack([tight, wide])
    mixture, is_amorphous = fit_mixture(points, 2, covariance_type, 0)
    assert is_amorphous.sum() == 1
    told = mixture.predict_proba(points)[:, is_amorphous].sum(axis=1)
    assert told[:900].mean() < 0.05
    assert told[900:].mean() > 0.8


def test_dispersions_agree_with_the_points():
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(0, 1, (4000, 2)), rng.normal(0, 10, (4000, 2))])
    for covariance_type in ("full", "diag", "spherical"):
        mixture, _ = fit_mixture(points, 2, covariance_type, 0)
        assert sorted(dispersions(mixture)) == pytest.approx([2, 200], rel=0.1)
