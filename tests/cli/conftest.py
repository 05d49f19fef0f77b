"""Micrographs for the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.common import PITCH
from tests.conftest import atoms_image


@pytest.fixture
def atoms() -> tuple[np.ndarray, np.ndarray]:
    return atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05)


@pytest.fixture
def film(tmp_path, atoms, monkeypatch) -> Path:
    """A micrograph in the working directory."""
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "film.npy", atoms[0])
    return tmp_path / "film.npy"


@pytest.fixture
def films(tmp_path, monkeypatch) -> list[str]:
    """Three of them."""
    monkeypatch.chdir(tmp_path)
    names = ["a.npy", "b.npy", "c.npy"]
    for seed, name in enumerate(names):
        image, _ = atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05, seed=seed)
        np.save(tmp_path / name, image)
    return names
