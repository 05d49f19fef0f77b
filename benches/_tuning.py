"""The paper's tuning loop as a user writes it, and ours."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
from _inputs import Scene
from numpy.typing import NDArray
from skimage import feature
from sklearn.neighbors import NearestNeighbors
from skopt import gp_minimize
from skopt.space import Real

from logstar.lattice import Lattice
from logstar.pareto import hypervolume
from logstar.tuning import Expectation, make_logstar_workflow

FloatArray = NDArray[np.float64]

#: Reference point of both hypervolumes, where everything is wrong: |QC| = 1 and ER = 1.
REF_POINT = (1.0, 1.0)
N_EVALUATIONS = 50
_N_NEIGHBORS = 4
#: Outer rows and columns without detections, as in ours: a maximum in the outermost pixels is the
#: tail of an atom outside.
_BORDER = 1


@dataclass(frozen=True)
class Outcome:
    """What a tuning reached: (|QC|, ER) of each setting that counts, and the atoms."""

    losses: FloatArray
    positions: FloatArray
    #: How much of the time went into evaluations; the rest is the optimiser's own.
    evaluation_seconds: float = float("nan")

    @property
    def hypervolume(self) -> float:
        return hypervolume(self.losses, REF_POINT)


def expectation(scene: Scene, uncertainty: float = 0.0) -> Expectation:
    """The true count of atoms, and the distance sum of their lattice."""
    distance_sum = _N_NEIGHBORS * Lattice.tolerance * scene.pitch
    return Expectation.from_numbers(
        scene.n_atoms, distance_sum, scene.image.shape, uncertainty=uncertainty
    )


def tune_paper(
    image: FloatArray, expected: Expectation, seed: int, n_evaluations: int = N_EVALUATIONS
) -> Outcome:
    """A Gaussian process drives scikit-image's detector to the least |QC| + ER.

    The box and the scaling of intensities are ours, so both tune the same problem.
    """
    low, high = np.percentile(image, (0.1, 99.9))
    pixels = (image - low) / (high - low)
    narrow, wide = expected.sigma_range
    middle = (narrow + wide) / 2
    box = [
        Real(narrow, middle, name="min_sigma"),
        Real(middle, wide, name="max_sigma"),
        Real(0.005, 0.4, prior="log-uniform", name="threshold"),
        Real(0.01, 0.5, name="overlap"),
    ]
    losses: list[tuple[float, float]] = []
    durations: list[float] = []

    def detect(setting: list[float]) -> FloatArray:
        smallest, largest, threshold, overlap = setting
        return feature.blob_log(
            pixels, smallest, largest, 10, threshold, overlap, exclude_border=_BORDER
        )

    def loss(setting: list[float]) -> float:
        start = time.perf_counter()
        positions = detect(setting)[:, :2]
        qc = abs(len(positions) - expected.n_expected) / expected.n_expected
        er = 0.0
        if len(positions) > _N_NEIGHBORS:
            neighbors = NearestNeighbors(n_neighbors=_N_NEIGHBORS + 1).fit(positions)
            sums = neighbors.kneighbors(positions)[0].sum(axis=1)
            er = float((sums < expected.distance_sum).sum()) / expected.n_expected
        losses.append((qc, er))
        durations.append(time.perf_counter() - start)
        return qc + er

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = gp_minimize(
            loss,
            box,
            n_calls=n_evaluations,
            n_initial_points=min(10, n_evaluations),
            random_state=seed,
        )
    return Outcome(np.array(losses), detect(result.x), sum(durations))


def tune_ours(
    image: FloatArray,
    expected: Expectation,
    seed: int,
    n_iter: int | None = None,
    n_jobs: int = -1,
) -> Outcome:
    """What `logstar detect` does between reading the image and writing the positions."""
    search = make_logstar_workflow(
        None,
        image.shape,
        denoise="none",
        n_expected=expected.n_expected,
        uncertainty=expected.uncertainty,
        distance_sum=expected.distance_sum,
        sigma_range=expected.sigma_range,
        n_iter=n_iter,
        n_jobs=n_jobs,
        random_state=seed,
    ).fit(image)
    return Outcome(np.abs(search.pareto_front_[:, :2]), search.best_estimator_.detect(image))
