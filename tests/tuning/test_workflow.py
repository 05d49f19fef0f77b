"""The ready-made search, and the command that uses it."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from logstar import Lattice
from logstar.cli import main
from logstar.datasets import make_scene
from logstar.metrics import detection_metrics, match_positions
from logstar.preprocessing import GaussianDenoiser
from logstar.tuning import make_logstar_workflow

LATTICE = Lattice.ybco(pixel_size=0.2)
SIGMA, MARGIN = 3.1, 4.0


def scene(shape=(192, 192), seed=0, **options):
    return make_scene(LATTICE, shape, sigma=SIGMA, random_state=seed, **options)


def f1(atoms, scene):
    return detection_metrics(
        atoms, scene.positions, tolerance=1.5 * SIGMA, shape=scene.image.shape, margin=MARGIN
    ).f1


@pytest.mark.parametrize(("noise", "least"), [(0.25, 0.99), (0.5, 0.985), (1.0, 0.96)])
def test_atoms_are_found_by_reward_alone(noise, least):
    crystal = scene(noise=noise)
    search = make_logstar_workflow(LATTICE, crystal.image.shape).fit(crystal.image)
    assert f1(search.predict(crystal.image), crystal) >= least
    assert set(search.best_params_) == {
        "denoise",
        "detect__min_sigma",
        "detect__max_sigma",
        "detect__threshold",
        "detect__overlap",
    }


def test_the_same_again_on_any_number_of_threads():
    image = scene((96, 96), noise=0.4).image
    first, second = (
        make_logstar_workflow(LATTICE, (96, 96), n_jobs=n).fit(image) for n in (None, 2)
    )
    np.testing.assert_array_equal(first.predict(image), second.predict(image))
    assert first.pareto_front_.tolist() == second.pareto_front_.tolist()


def test_low_dose_on_a_wedge():
    clean = scene(gradient=0.6).image
    crystal = scene(gradient=0.6, dose=15 * float(clean.mean() / clean.max()))
    search = make_logstar_workflow(LATTICE, crystal.image.shape).fit(crystal.image)
    assert f1(search.predict(crystal.image), crystal) >= 0.985


def test_vacancies_stay_empty():
    n_filled = n_empty = 0
    for seed in range(3):
        crystal = scene(seed=seed, noise=0.3, vacancy_fraction=0.04)
        atoms = make_logstar_workflow(LATTICE, (192, 192)).fit(crystal.image).predict(crystal.image)
        empty = crystal.vacancies
        empty = empty[((empty > 4) & (empty < 187)).all(axis=1)]
        n_filled += len(match_positions(atoms, empty, tolerance=1.5 * SIGMA).distances)
        n_empty += len(empty)
        assert f1(atoms, crystal) >= 0.98
    assert n_filled <= 0.15 * n_empty


def test_denoisers_to_choose_from():
    crystal = scene((96, 96), noise=0.2)
    search = make_logstar_workflow(
        LATTICE, (96, 96), denoise=["passthrough", GaussianDenoiser(1.0)], n_jobs=1
    )
    assert search.n_iter == 20
    search.set_params(n_iter=6, n_initial_points=6).fit(crystal.image)
    assert {str(p["denoise"]) for p in search.cv_results_["params"]} <= {
        "passthrough",
        "GaussianDenoiser()",
    }
    assert make_logstar_workflow(LATTICE, (96, 96), denoise=None).search_spaces["denoise"] == [
        "passthrough"
    ]


def test_the_expected_number_is_that_of_the_image_less_its_border():
    search = make_logstar_workflow(LATTICE, (96, 200))
    assert search.scoring["qc"].n_expected == LATTICE.n_expected((94, 198))


def test_numbers_in_place_of_a_crystal():
    search = make_logstar_workflow(
        None, (96, 96), n_expected=80, distance_sum=40.0, sigma_range=(2.0, 4.0)
    )
    assert search.scoring["qc"].n_expected == 80
    assert search.scoring["er"].distance_sum == 40.0
    assert search.search_spaces["detect__max_sigma"] == pytest.approx([3.0, 4.0])
    assert search.n_iter == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lattice": None}, "without a lattice n_expected"),
        ({"denoise": "bm3d"}, "denoise must be 'auto'"),
        ({"denoise": []}, "empty sequence"),
        ({"sigma_range": (0.0, 2.0)}, "sigma_range must be"),
        ({"sigma_range": (2.0, 2.0)}, "sigma_range must rise"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_logstar_workflow(**{"lattice": LATTICE, "shape": (96, 96), **options})


def test_the_command_denoises(tmp_path, capsys):
    crystal = scene((160, 160), noise=0.6)
    np.save(tmp_path / "film.npy", crystal.image)
    counts = {}
    for denoise in ("none", "auto"):
        out = tmp_path / denoise
        command = ["detect", str(tmp_path / "film.npy"), "--crystal", "ybco", "--json"]
        command += ["--pixel-size", "0.2A", "--denoise", denoise, "--out", str(out)]
        assert main(command) == 0
        result = json.loads(capsys.readouterr().out)
        counts[denoise] = result
        with (out / "positions.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert ("support" in rows[0]) == (denoise == "auto")
        atoms = np.array([[float(row["row"]), float(row["col"])] for row in rows])
        counts[denoise] = f1(atoms, crystal)
    assert "PatchPCADenoiser" in result["params"]["denoise"]
    assert result["params"]["threshold"] > 0
    assert "PatchPCADenoiser" in (out / "pareto.csv").read_text()
    assert counts["auto"] > 0.97
    assert counts["auto"] > counts["none"] + 0.02
