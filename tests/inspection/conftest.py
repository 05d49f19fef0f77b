"""Searches that the displays draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from logstar.detection import LoGStarDetector
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import ErrorRate, QualityCount
from tests.conftest import atoms_image


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def detector_search() -> tuple[MOBOSearchCV, np.ndarray]:
    image, positions = atoms_image((96, 96), pitch=12, noise=0.05)
    fitted = MOBOSearchCV(
        LoGStarDetector(min_sigma=1.5, max_sigma=3),
        {"threshold": (0.01, 0.5), "overlap": (0.01, 0.9)},
        scoring={
            "qc": QualityCount(len(positions)),
            "er": ErrorRate(40, n_expected=len(positions)),
        },
        n_iter=12,
        random_state=0,
    ).fit(image)
    return fitted, image


@pytest.fixture(scope="session")
def wine_search():
    X, y = load_wine(return_X_y=True)
    return MOBOSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {
            "svc__C": (1e-2, 1e2, "log-uniform"),
            "svc__kernel": ["linear", "rbf"],
            "standardscaler": ["passthrough", StandardScaler()],
            "svc__degree": [2],
        },
        scoring={
            "accuracy": "accuracy",
            "vectors": lambda pipeline, *_: -float(pipeline[-1].n_support_.sum()),
        },
        n_iter=16,
        n_initial_points=12,
        cv=2,
        engine="sobol",
        random_state=0,
    ).fit(X, y)
