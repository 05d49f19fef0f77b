"""
An own detector and an own reward, and their front
==================================================

Any scikit-learn estimator can be searched, and any scorer can be a reward. Here the detector is
scikit-image's ``peak_local_max``, and the surroundings of all atoms are to be alike, beside the
count.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max
from sklearn.base import BaseEstimator

from logstar import Lattice, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.inspection import ParetoFrontDisplay
from logstar.metrics import detection_metrics
from logstar.neighbors import distance_sums
from logstar.rewards import QualityCount

crystal = Lattice.perovskite(3.905, pixel_size=0.2)
scene = make_scene(crystal, shape=(192, 192), noise=0.4, random_state=0)


class LocalMaxima(BaseEstimator):
    """Maxima of a smoothed image, not too close and not too low."""

    def __init__(self, smoothing=1.0, min_distance=3, threshold=0.1):
        self.smoothing = smoothing
        self.min_distance = min_distance
        self.threshold = threshold

    def fit(self, X, y=None):
        self.low_, self.high_ = np.percentile(X, (1, 99))
        return self

    def predict(self, X):
        scaled = (np.asarray(X) - self.low_) / (self.high_ - self.low_)
        smooth = gaussian_filter(scaled, self.smoothing)
        return peak_local_max(
            smooth, min_distance=self.min_distance, threshold_abs=self.threshold
        ).astype(float)


def evenness(detector, X, y=None):
    """0 where all atoms have the same distances to their four neighbours, below elsewhere."""
    atoms = detector.predict(X)
    if len(atoms) < 5:
        return -1.0
    sums = distance_sums(atoms, 4)
    return -float(np.std(sums) / np.mean(sums))


# %%
# Forty settings, chosen one after another by expected hypervolume improvement.
search = MOBOSearchCV(
    LocalMaxima(),
    {"smoothing": (0.5, 5.0), "min_distance": (1, 8), "threshold": (0.02, 0.6, "log-uniform")},
    scoring={"qc": QualityCount(crystal.n_expected(scene.image.shape)), "evenness": evenness},
    n_iter=40,
    random_state=0,
).fit(scene.image)
print(search.best_params_)

# %%
# What no other setting beats in both, and the compromise.
ParetoFrontDisplay.from_estimator(search)

# %%
# Nobody told the detector where an atom is; the truth judges it.
found = search.predict(scene.image)
scores = detection_metrics(found, scene.positions, tolerance=3, shape=scene.image.shape)
print(f"{len(found)} atoms, F1 {scores.f1:.3f}")
