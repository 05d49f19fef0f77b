"""
An own reward, and its front
============================

Any scorer can be a reward. Here the surroundings of all atoms are to be alike, beside the count.
"""

import numpy as np

from logstar import Lattice, LoGStarDetector, MOBOSearchCV
from logstar.datasets import make_scene
from logstar.inspection import ParetoFrontDisplay
from logstar.neighbors import distance_sums
from logstar.rewards import QualityCount

crystal = Lattice.perovskite(3.905, pixel_size=0.2)
scene = make_scene(crystal, shape=(192, 192), noise=0.4, random_state=0)


def evenness(detector, X, y=None):
    """0 where all atoms have the same distances to their four neighbours, below elsewhere."""
    atoms = np.asarray(detector.predict(X))
    if len(atoms) < 5:
        return -1.0
    sums = distance_sums(atoms, 4)
    return -float(np.std(sums) / np.mean(sums))


# %%
# Forty settings, chosen one after another by expected hypervolume improvement.
low, high = crystal.sigma_range
search = MOBOSearchCV(
    LoGStarDetector(),
    {
        "min_sigma": (0.6 * low, low),
        "max_sigma": (low, high),
        "threshold": (0.01, 0.4, "log-uniform"),
        "overlap": (0.01, 0.5),
    },
    scoring={"qc": QualityCount(crystal.n_expected(scene.image.shape)), "evenness": evenness},
    n_iter=40,
    random_state=0,
).fit(scene.image)
print(search.best_params_)

# %%
# What no other setting beats in both, and the compromise.
ParetoFrontDisplay.from_estimator(search)
