"""What several test modules share."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import settings

# No window: displays are drawn to memory.
mpl.use("Agg")

# The same examples in every run, and no failure because a machine is slow.
settings.register_profile("logstar", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("logstar")

# The plugin's tests run where napari is; .ci/run gives them an environment of their own.
collect_ignore = [] if find_spec("napari") else ["napari"]

#: Micrographs that are too large, or not free, to be part of the package.
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real micrographs: {SHARED_DATA.name} is not beside the project")
    return SHARED_DATA


@pytest.fixture
def shared_cases() -> Path:
    folder = SHARED_DATA.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no small inputs that once failed: {folder.name} is not beside the project")
    return folder


def atoms_image(
    shape: tuple[int, int],
    pitch: float,
    sigma: float = 2.0,
    noise: float = 0.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """A square lattice of Gaussian atoms on integer positions, and these positions."""
    rows = np.arange(pitch / 2, shape[0] - pitch / 4, pitch).round()
    cols = np.arange(pitch / 2, shape[1] - pitch / 4, pitch).round()
    profile_rows = np.exp(-((np.arange(shape[0])[:, None] - rows) ** 2) / (2 * sigma**2)).sum(1)
    profile_cols = np.exp(-((np.arange(shape[1])[:, None] - cols) ** 2) / (2 * sigma**2)).sum(1)
    image = np.outer(profile_rows, profile_cols)
    image += noise * np.random.default_rng(seed).normal(size=shape)
    positions = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
    return image, positions


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_raises():
    """What a shell runs in the background ignores Ctrl-C, and so would the tests of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
