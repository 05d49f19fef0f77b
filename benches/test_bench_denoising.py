"""The denoiser's time, and smoke runs of the studies that use it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.preprocessing import PatchPCADenoiser

sys.path.insert(0, str(Path(__file__).parent / "paper"))

import denoising_safety
import fig3


@pytest.mark.parametrize("size", [256, 1024])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_patch_pca(benchmark, size, n_jobs):
    """The goals are 20 ms at 256 px and 400 ms at 1024 px, on two cores."""
    lattice = Lattice.ybco(0.2)
    image = make_scene(lattice, (size, size), sigma=3.1, noise=0.5, random_state=0).image
    denoiser = PatchPCADenoiser(n_jobs=n_jobs)
    denoised = benchmark(denoiser.fit_transform, image)
    clean = make_scene(lattice, (size, size), sigma=3.1, random_state=0).image
    assert abs(denoised - clean).mean() < 0.15 * abs(image - clean).mean()


def test_the_noise_study_runs(tmp_path, capsys):
    fig3.main(["--seeds", "1", "--steps", "2", "--evaluations", "10", "--out", str(tmp_path)])
    assert "| 1 |" in capsys.readouterr().out
    assert (tmp_path / "fig3.png").stat().st_size > 10_000
    assert len((tmp_path / "fig3.csv").read_text().splitlines()) > 2 * 4


def test_the_safety_study_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(denoising_safety, "WAYS", dict(list(denoising_safety.WAYS.items())[2:4]))
    denoising_safety.main(["--seeds", "1", "--out", str(tmp_path)])
    assert "| vacancies | PCA auto, tested |" in capsys.readouterr().out
    assert (tmp_path / "denoising_safety.png").stat().st_size > 10_000
