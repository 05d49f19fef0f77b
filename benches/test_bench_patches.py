"""Windows and types of atoms beside plain NumPy and scikit-learn: same windows, then ratios."""

from __future__ import annotations

import numpy as np
import pytest
from _pairs import Contestant
from _segmentation import (
    accuracy,
    scene_of,
    types_by_hand,
    windows_and_kinds,
    windows_by_hand,
)
from numpy.testing import assert_array_equal

from logstar.segmentation import AtomTypeGMM, extract_patches

N_ATOMS, WINDOW = 5_000, 32


@pytest.fixture(scope="module")
def image_and_positions():
    rng = np.random.default_rng(0)
    image = rng.random((1000, 1000), dtype=np.float32)
    return image, rng.uniform(WINDOW / 2 + 1, 998 - WINDOW / 2, (N_ATOMS, 2))


def test_windows(race_of, image_and_positions):
    image, positions = image_and_positions
    everyone = [
        Contestant("sliding_window_view", lambda: windows_by_hand(image, positions, WINDOW))
    ]
    for subpixel, normalize in ((False, None), (True, None), (True, "zscore")):
        for n_jobs in (1, 2):
            name = f"{'subpixel' if subpixel else 'whole'}{' zscore' if normalize else ''}"
            everyone.append(
                Contestant(
                    f"{name} {n_jobs}t",
                    lambda subpixel=subpixel, normalize=normalize, n_jobs=n_jobs: extract_patches(
                        image,
                        positions,
                        WINDOW,
                        subpixel=subpixel,
                        normalize=normalize,
                        n_jobs=n_jobs,
                    ),
                )
            )
    assert_array_equal(everyone[1]().windows, everyone[0]())
    race_of(f"{N_ATOMS} windows", everyone, rounds=9)


@pytest.mark.parametrize("size", [512, 1024])
def test_types(race_of, smoke, size):
    if smoke and size > 512:
        pytest.skip("takes long; runs where benchmarks are enabled")
    windows, kinds, is_atom = windows_and_kinds(scene_of(0, size, noise=0.1))
    kinds = np.array([kind.split("_")[0] for kind in kinds])
    plain = Contestant("PCA and GMM by hand", lambda: types_by_hand(windows, 4, 0))
    ours = Contestant("AtomTypeGMM", lambda: AtomTypeGMM(random_state=0).fit_predict(windows))
    assert accuracy(ours()[is_atom], kinds[is_atom]) >= max(
        0.98, accuracy(plain()[is_atom], kinds[is_atom])
    )
    race_of(f"types, {len(windows)} atoms", [plain, ours], rounds=5)
