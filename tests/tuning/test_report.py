"""What a finder says: for people, for machines, for notebooks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.io import Micrograph
from logstar.tuning._report import said_of_significance
from logstar.units import PixelSize

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def finder():
    scene = make_scene(CRYSTAL, (150, 170), rotation=11, noise=0.05, random_state=0)
    return AtomFinder(CRYSTAL).fit(Micrograph(scene.image, PixelSize(0.0205, "nm")))


def test_rows_begin_with_the_verdict(finder):
    report = finder.report()
    rows = dict(report.rows)
    assert report.rows[0] == ("verdict", "ok")
    assert rows["found"] == f"{len(finder.atoms_)} atoms"
    assert rows["expected"] == f"{finder.expectation_.count} atoms (columns A B)"
    assert rows["image"] == "150 x 170 px, 0.2 A/px"
    assert "confidence 1.00" in rows["lattice"]
    assert rows["search"] == "10 ladders of sigmas"
    assert str(report) == "\n".join(f"{name:<12}{text}" for name, text in report.rows)


def test_names_can_be_given(finder):
    report = finder.report(source="film.tif", crystal="SrTiO3")
    rows = dict(report.rows)
    assert rows["image"].startswith("film.tif, 150 x 170 px")
    assert rows["expected"].endswith("(SrTiO3)")
    assert (report.as_dict()["source"], report.as_dict()["crystal"]) == ("film.tif", "SrTiO3")


def test_values_are_those_of_the_finder_and_fit_into_json(finder):
    values = json.loads(json.dumps(finder.report().as_dict()))
    assert values["verdict"] == {"status": "ok", "reasons": [], "remarks": []}
    assert values["n_found"] == len(finder.atoms_)
    assert values["n_expected"] == finder.expectation_.n_expected
    assert (values["qc"], values["er"]) == (finder.qc_, finder.er_)
    assert (values["pixel_size"], values["unit"]) == (0.2, "A")
    assert (values["file_pixel_size"], values["file_unit"]) == (0.0205, "nm")
    assert values["params"] == finder.params_
    assert values["quality"]["concerns"] == []
    assert values["lattice"]["columns"] == 2


def test_lengths_have_one_unit(finder):
    text = str(finder.report())
    assert "given was 0.0205 nm/px" in text
    assert text.replace("given was 0.0205 nm/px", "").count("nm") == 0


def test_without_a_lattice(finder):
    by_numbers = AtomFinder(None, expected=119, distance_sum=48.0, n_iter=2).fit(finder.image_)
    rows = dict(by_numbers.report().rows)
    assert rows["expected"] == "119.0 +- 3.6 atoms (as given)"
    assert "lattice" not in rows
    assert "quality" not in rows
    assert by_numbers.report().as_dict()["quality"] is None


def test_a_notebook_gets_a_table_in_which_nothing_is_markup(finder):
    html = finder.report(source="<b>film</b>").as_html()
    assert "&lt;b&gt;film" in html
    assert html.count("<tr>") == len(finder.report().rows)


def test_a_part_of_the_image_is_told():
    scene = make_scene(CRYSTAL, (150, 170), noise=0.05, random_state=0)
    mask = np.zeros((150, 170), dtype=bool)
    mask[:75] = True
    rows = dict(AtomFinder(CRYSTAL, mask=mask).fit(scene.image).report().rows)
    assert rows["image"] == "150 x 170 px, 0.2 A/px; 50.0% of it inside the mask"


@pytest.mark.parametrize(
    ("significance", "has_lattice", "said"),
    [
        ([3, 5], True, "2 of 2 atoms stand out of noise each by itself"),
        (
            [3, -1],
            True,
            "1 of 2 atoms stand out of noise each by itself, the others by their lattice",
        ),
        ([3, -1], False, "1 of 2 atoms stand out of noise each by itself"),
        ([-2, -1], True, "none of 2 atoms by itself; they stand out of noise by their lattice"),
        ([-2, -1], False, "0 of 2 atoms stand out of noise each by itself"),
    ],
)
def test_atoms_that_noise_explains_one_by_one(significance, has_lattice, said):
    assert said_of_significance(np.array(significance), has_lattice=has_lattice) == said
