"""The picture of the main job, of an object with the attributes of a fitted finder."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator

from logstar.datasets import make_scene
from logstar.detection import LoGStarDetector
from logstar.inspection import AtomFinderDisplay, CountCurveDisplay, QualityReportDisplay
from logstar.lattice import Lattice
from logstar.rewards import quality_report
from logstar.tuning import AtomFinder
from logstar.units import PixelSize
from tests.conftest import atoms_image

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


class Finder(BaseEstimator):
    """Fitted attributes as `AtomFinder` has them."""

    def __init__(self, lattice="auto"):
        self.lattice = lattice

    def fit(self, X):
        """Be an estimator."""


class Table:
    """Positions of atoms, and which are flagged."""

    def __init__(self, positions, flagged):
        self.positions = positions
        self.columns = {"flagged": flagged}

    def __len__(self):
        return len(self.positions)

    def __getitem__(self, name):
        return self.columns[name]


def finder(shape=(96, 120), objectives=("qc", "er"), front=((0.0, 0.0),), status="ok", reasons=()):
    image, positions = atoms_image(shape, pitch=14)
    atoms = Table(positions, np.arange(len(positions)) == 3)
    columns = np.array(front, dtype=float).T
    search = Finder()
    search.pareto_front_ = np.array(front, dtype=float)
    search.objective_names_ = objectives
    search.best_index_ = 0
    search.ref_point_ = np.ones(len(objectives))
    search.scorer_ = {name: SimpleNamespace(ideal=0.0) for name in objectives}
    search.cv_results_ = {
        f"objective_{name}": column for name, column in zip(objectives, columns, strict=True)
    } | {"is_pareto": np.ones(len(front), dtype=bool)}
    fitted = Finder()
    fitted.atoms_, fitted.image_, fitted.pixel_size_ = atoms, image, PixelSize(0.2, "A")
    fitted.search_ = search
    fitted.expectation_ = SimpleNamespace(n_expected=50.0, uncertainty=0.02, distance_sum=40.0)
    fitted.plateau_ = SimpleNamespace(low=0.01, high=0.2)
    fitted.detector_ = LoGStarDetector()
    fitted.count_curve_ = SimpleNamespace(thresholds=[0.01, 0.1, 0.4], counts=[60, 48, 3])
    fitted.params_ = {"threshold": 0.08}
    fitted.verdict_ = SimpleNamespace(status=status, reasons=reasons)
    fitted.second_opinion_ = None
    fitted.quality_ = quality_report(image, positions[:-3], CRYSTAL)
    return fitted


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_the_panel_beside_the_atoms_shows_what_decided():
    fitted = finder()
    display = AtomFinderDisplay.from_estimator(fitted, source="data/film.ser", crystal="SrTiO3")
    on_image, on_counts = display.axes_
    assert display.counts.ax_ is on_counts
    assert display.counts.chosen == (0.08, len(fitted.atoms_))
    assert display.counts.plateau == (0.01, 0.2)
    assert (display.counts.n_expected, display.counts.uncertainty) == (50.0, 0.02)
    assert on_counts.get_xscale() == "log"
    assert len(display.detections.flagged_atoms_.get_xydata()) == 1
    assert len(on_image.artists) == 1  # the scale bar
    assert texts(display.figure_) == ["film.ser | SrTiO3", "ok"]


def test_the_front_is_drawn_where_there_is_a_choice():
    fitted = finder(front=[(0.0, 0.2), (0.1, 0.1), (0.1, 0.1), (0.3, 0.0)])
    display = AtomFinderDisplay.from_estimator(fitted)
    assert len(display.axes_) == 3
    assert display.axes_[2].get_xlabel().startswith("|QC|")
    assert display.axes_[2].get_ylabel().startswith("ER")
    assert display.front.ref_point is None
    # Twice the same point is no choice.
    same = finder(front=[(0.1, 0.1), (0.1, 0.1)])
    assert len(AtomFinderDisplay.from_estimator(same).axes_) == 2


def test_objectives_that_all_settings_meet_are_left_out():
    names = ("qc", "er", "stability")
    two = finder(objectives=names, front=[(0.0, 0.2, 1.0), (0.0, 0.1, 3.0)])
    front = AtomFinderDisplay.from_estimator(two).front
    assert front.objective_names == ["er", "stability"]
    assert front.shade is None
    three = finder(objectives=names, front=[(0.0, 0.2, 1.0), (0.1, 0.1, 3.0), (0.1, 0.2, 0.5)])
    display = AtomFinderDisplay.from_estimator(three)
    assert display.front.objective_names == ["qc", "er"]
    labels = [text.get_text() for text in display.axes_[2].get_legend().get_texts()]
    assert "front, stability 0.5 (dark) to 3" in labels
    # A front of three objectives is no line.
    assert display.front.front_.get_linewidth() == 0


def test_the_verdict_and_its_reasons_are_told():
    reasons = ("the count hangs on the threshold", "polarity is probably wrong")
    display = AtomFinderDisplay.from_estimator(finder(status="check", reasons=reasons))
    assert texts(display.figure_)[1:] == ["check", "; ".join(reasons)]
    long = AtomFinderDisplay.from_estimator(finder(status="failed", reasons=["because " * 200]))
    assert len(texts(long.figure_)) == 6
    assert texts(long.figure_)[-1].endswith("because …")


@pytest.mark.parametrize(
    ("lattice", "text"),
    [(CRYSTAL, "4 x 4 A"), ("auto", "the image's own lattice"), (None, "")],
)
def test_the_crystal_is_told_without_a_name(lattice, text):
    fitted = finder()
    fitted.lattice = lattice
    assert AtomFinderDisplay.of(fitted).crystal == text


@pytest.mark.parametrize("scale", [1.0, 7.8e-3, 3.9e-5])
@pytest.mark.parametrize("shape", [(96, 96), (40, 300), (600, 60), (1, 400)])
def test_panels_do_not_meet_whatever_the_shape(shape, scale):
    image = np.random.default_rng(0).normal(size=shape)
    front = [(0.0123 * scale, 0.2 * scale), (0.1 * scale, 0.123 * scale)]
    fitted = finder(front=front, status="check", reasons=("why",))
    fitted.image_ = image
    fitted.atoms_ = Table(np.array([[0.0, 10.0], [0.0, 30.0]]), np.array([False, True]))
    display = AtomFinderDisplay.from_estimator(fitted)
    display.figure_.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in display.axes_]
    boxes += [text.get_window_extent() for text in display.figure_.texts]
    for i, one in enumerate(boxes):
        assert one.x0 >= 0
        assert one.x1 <= display.figure_.bbox.x1
        assert one.y1 <= display.figure_.bbox.y1
        for other in boxes[:i]:
            assert not one.shrunk(0.99, 0.99).overlaps(other), (one, other)


def test_a_file_holds_what_was_drawn(tmp_path):
    path = AtomFinderDisplay.of(finder()).save(tmp_path / "atoms.png")
    with Image.open(path) as picture:
        assert picture.mode == "RGB"
        pixels = np.asarray(picture).astype(int)
    assert pixels.shape[1] > 1500
    red = (pixels[..., 0] > 200) & (pixels[..., 1:].max(axis=-1) < 90)
    cyan = (pixels[..., 2] > 200) & (pixels[..., 0] < 90)
    assert 20 < red[150:].sum() < cyan.sum()


def test_given_figures():
    figure = plt.figure()
    assert AtomFinderDisplay.from_estimator(finder(), figure=figure).figure_ is figure
    _, right = figure.subfigures(1, 2)
    assert AtomFinderDisplay.from_estimator(finder(), figure=right).axes_[0].figure is right
    _, ax = plt.subplots()
    assert CountCurveDisplay.from_estimator(finder(), ax=ax).ax_ is ax


def test_its_quality():
    fitted = finder()
    display = QualityReportDisplay.from_estimator(fitted)
    assert display.pixel_size == PixelSize(0.2, "A")
    fitted.quality_ = None
    with pytest.raises(ValueError, match="quality_ is None"):
        QualityReportDisplay.from_estimator(fitted)


def test_of_a_real_finder(tmp_path):
    scene = make_scene(CRYSTAL, shape=(128, 128), noise=0.05, random_state=0)
    found = AtomFinder(CRYSTAL, pixel_size="0.2 A").fit(scene.image)
    display = AtomFinderDisplay.of(found)
    assert display.counts.chosen == (found.params_["threshold"], len(found.atoms_))
    low, high = display.counts.plateau
    assert low <= found.params_["threshold"] <= high
    drawn = np.interp(*display.counts.chosen[:1], display.counts.thresholds, display.counts.counts)
    assert drawn == pytest.approx(len(found.atoms_), rel=0.01)
    assert display.detections.pixel_size.to("A").value == pytest.approx(0.2, rel=0.02)
    assert display.save(tmp_path / "atoms.png").stat().st_size > 10_000


class OnlySome:
    """An oracle that sees all atoms but one, and one where none is."""

    def __init__(self, positions, other):
        self.positions = np.vstack([positions[:-1], [other]])

    def predict(self, _):
        return self.positions


def test_crosses_are_where_an_oracle_disagrees():
    scene = make_scene(CRYSTAL, shape=(128, 128), noise=0.05, random_state=0)
    alone = AtomFinder(CRYSTAL).fit(scene.image)
    display = AtomFinderDisplay.of(alone).plot()
    assert display.detections.unseen_ is None
    assert display.detections.missed_ is None
    positions = alone.atoms_.positions
    middle = np.argmin(np.abs(positions - 64).sum(axis=1))
    order = np.append(np.delete(np.arange(len(positions)), middle), middle)
    between = (positions[middle] + [0.0, CRYSTAL.nearest_distance / np.sqrt(2)]).tolist()
    oracle = OnlySome(positions[order], between)
    asked = AtomFinder(CRYSTAL, oracle=oracle).fit(scene.image)
    display = AtomFinderDisplay.of(asked).plot()
    unseen, missed = display.detections.unseen_, display.detections.missed_
    np.testing.assert_allclose(unseen.get_xydata(), positions[[middle], ::-1])
    np.testing.assert_allclose(missed.get_xydata(), [between[::-1]])
    assert unseen.get_marker() != missed.get_marker()
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts[-2:] == ["1 the oracle does not see", "1 only the oracle sees"]
