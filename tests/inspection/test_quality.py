"""Crops of a quality report: where, why, in what scale, and whether at all."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from logstar.datasets import make_scene
from logstar.inspection import QualityReportDisplay
from logstar.inspection._quality import _reason
from logstar.lattice import Lattice
from logstar.rewards import Place, quality_report

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, shape=(160, 140), random_state=0)


@pytest.fixture(scope="module")
def doubtful(scene):
    invented = scene.positions[10] + [3.0, 2.0]
    return quality_report(scene.image, np.vstack([scene.positions[:-6], invented]), CRYSTAL)


def test_each_crop_says_why_it_is_there(doubtful):
    display = QualityReportDisplay.from_report(doubtful)
    titles = [ax.get_title() for ax in display.axes_]
    assert len(titles) == len(doubtful.places) > 1
    for title, place in zip(titles, doubtful.places, strict=True):
        why, where = title.split("\n")
        assert why == _reason(place)
        assert where == f"row {place.row:.0f}, column {place.col:.0f}"
    assert titles[0].startswith("two atoms ")
    assert "closer than possible" in titles[0]
    assert any(title.startswith("a gap ") for title in titles)
    (headline,) = display.figure_.texts
    assert headline.get_text().split("\n") == doubtful.concerns


def test_every_kind_of_place_has_its_reason():
    reasons = {what: _reason(Place(1, 2, what, 0.25)) for what in (
        "short pair", "gap", "off lattice", "weakest atom"
    )}  # fmt: skip
    assert reasons == {
        "short pair": "two atoms 25% closer than possible",
        "gap": "a gap 25% wider than possible",
        "off lattice": "0.25 of a spacing off the lattice",
        "weakest atom": "among the weakest responses",
    }
    assert _reason(Place(1, 2, "gap", 0.004)) == "a gap less than 1% wider than possible"


def test_only_the_crop_is_drawn_where_it_is(doubtful):
    display = QualityReportDisplay.from_report(doubtful)
    for ax, place in zip(display.axes_, doubtful.places, strict=True):
        (drawn,) = ax.get_images()
        left, right, bottom, top = drawn.get_extent()
        expected = doubtful.image[
            round(top + 0.5) : round(bottom + 0.5), round(left + 0.5) : round(right + 0.5)
        ]
        np.testing.assert_array_equal(drawn.get_array(), expected)
        assert drawn.get_array().size < doubtful.image.size / 4
        (x0, x1), (y1, y0) = ax.get_xlim(), ax.get_ylim()
        assert left <= x0 < place.col < x1 <= right
        assert top <= y0 < place.row < y1 <= bottom
        assert x1 - x0 == pytest.approx(2 * doubtful.radius)
        assert x0 >= -0.5
        assert x1 <= doubtful.image.shape[1] - 0.5
    limits = {ax.get_images()[0].get_clim() for ax in display.axes_}
    assert len(limits) == 1


def test_the_first_crop_has_a_scale(doubtful):
    for size, text in (("0.2 A", "2 Å"), (None, "10 px")):
        display = QualityReportDisplay.from_report(doubtful, pixel_size=size)
        assert [len(ax.artists) for ax in display.axes_] == [1] + [0] * (len(display.axes_) - 1)
        (bar,) = display.axes_[0].artists
        assert [found.get_text() for found in bar.findobj(Text)] == [text]


def test_whether_there_is_anything_to_doubt(scene, doubtful):
    assert QualityReportDisplay(doubtful).has_doubts
    with_responses = np.column_stack([scene.positions, np.ones((len(scene.positions), 2))])
    fine = quality_report(scene.image, with_responses, CRYSTAL)
    assert fine.concerns == []
    assert len(fine.places) > 0
    display = QualityReportDisplay.from_report(fine)
    assert not display.has_doubts
    (headline,) = display.figure_.texts
    assert headline.get_text().startswith("nothing to doubt")


def test_files_and_figures(doubtful, tmp_path):
    path = QualityReportDisplay(doubtful).save(tmp_path / "quality.png")
    with Image.open(path) as picture:
        assert picture.width > 1000
    figure = plt.figure()
    display = QualityReportDisplay.from_report(doubtful, figure=figure, place_color="orange")
    assert display.figure_ is figure
    assert display.axes_[0].lines[0].get_color() == "orange"


def test_a_report_without_places(scene):
    report = quality_report(scene.image, scene.positions, CRYSTAL)
    assert report.places == ()
    assert len(QualityReportDisplay.from_report(report).axes_) == 0
