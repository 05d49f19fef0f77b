"""Displays: what they draw, where, and in which colours."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.linear_model import Ridge

from logstar.detection import LoGStarDetector
from logstar.inspection import DetectionDisplay, ParetoFrontDisplay
from logstar.inspection._scale_bar import bar_length
from logstar.lattice import Lattice
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import ErrorRate, QualityCount, flag_errors
from tests.conftest import atoms_image

ATOMS = np.array([[8.0, 8.0], [8.0, 24.0], [24.0, 8.0], [24.0, 24.0], [10.0, 9.0]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 48))


@pytest.fixture(scope="module")
def search() -> tuple[MOBOSearchCV, np.ndarray]:
    image, positions = atoms_image((96, 96), pitch=12, noise=0.05)
    fitted = MOBOSearchCV(
        LoGStarDetector(min_sigma=1.5, max_sigma=3),
        {"threshold": (0.01, 0.5), "overlap": (0.01, 0.9)},
        scoring={"qc": QualityCount(len(positions)), "er": ErrorRate(40, len(positions))},
        n_iter=12,
        random_state=0,
    ).fit(image)
    return fitted, image


def test_importing_does_not_import_matplotlib():
    code = "import sys, logstar.inspection; print('matplotlib' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_circles_are_where_the_atoms_are(image):
    display = DetectionDisplay.from_detections(image, ATOMS, distance_sum=60)
    np.testing.assert_array_equal(display.flagged, flag_errors(ATOMS, 60))
    kept, flagged = ATOMS[~display.flagged], ATOMS[display.flagged]
    assert 0 < len(flagged) < len(ATOMS)
    np.testing.assert_allclose(display.atoms_.get_offsets(), kept[:, ::-1])
    np.testing.assert_allclose(display.flagged_atoms_.get_offsets(), flagged[:, ::-1])


def test_flagged_atoms_are_red_and_circles_are_open(image):
    display = DetectionDisplay.from_detections(image, ATOMS, distance_sum=60)
    red, green, blue, _ = display.flagged_atoms_.get_edgecolor()[0]
    assert red > 0.9
    assert max(green, blue) < 0.2
    for circles in (display.atoms_, display.flagged_atoms_):
        assert len(circles.get_facecolor()) == 0
    other = DetectionDisplay(image, ATOMS, flagged=display.flagged).plot(flagged_color="orange")
    assert tuple(other.flagged_atoms_.get_edgecolor()[0]) == to_rgba("orange")


def test_a_red_ring_is_seen_in_the_drawing(image):
    display = DetectionDisplay(image, ATOMS, flagged=np.arange(5) == 3).plot(radius=4)
    display.figure_.canvas.draw()
    drawn = np.asarray(display.figure_.canvas.buffer_rgba())[..., :3].astype(int)
    red = (drawn[..., 0] > 200) & (drawn[..., 1:].max(axis=-1) < 90)
    col, row = display.ax_.transData.transform((24, 24)).round().astype(int)
    row = drawn.shape[0] - row
    window = red[row - 60 : row + 60, col - 60 : col + 60]
    assert window.sum() > 50
    assert not window[55:65, 55:65].any()


def test_the_view_is_the_image(image):
    display = DetectionDisplay.from_detections(image, [[0, 0], [31, 47]])
    assert display.ax_.get_xlim() == (-0.5, 47.5)
    assert display.ax_.get_ylim() == (31.5, -0.5)
    assert display.ax_.get_aspect() == 1
    np.testing.assert_array_equal(display.image_.get_array(), image)


def test_legend_counts(image):
    display = DetectionDisplay.from_detections(image, ATOMS, distance_sum=60)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    n_flagged = int(display.flagged.sum())
    assert texts == ["5 atoms", f"{n_flagged} flagged: too close to their neighbours"]
    display = DetectionDisplay.from_detections(image, ATOMS)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["5 atoms"]
    assert DetectionDisplay(image, ATOMS).plot(legend=False).ax_.get_legend() is None


@pytest.mark.parametrize("atoms", [np.empty((0, 4)), [[5, 5, 2]], [[5, 5, 2], [5, 5, 3]]])
def test_few_atoms(image, atoms):
    display = DetectionDisplay.from_detections(image, atoms, distance_sum=10)
    display.figure_.canvas.draw()
    n_drawn = len(display.atoms_.get_offsets()) + len(display.flagged_atoms_.get_offsets())
    assert n_drawn == len(atoms)


def test_draws_on_given_axes_and_again(image):
    figure, axes = plt.subplots(1, 2)
    display = DetectionDisplay.from_detections(image, ATOMS, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.plot(ax=axes[0]).ax_ is axes[0]


def test_a_hot_pixel_does_not_darken_the_image(image):
    image[3, 3] = 1e6
    assert DetectionDisplay(image, ATOMS).plot().image_.get_clim()[1] < 10


def test_from_estimator_predicts(search):
    fitted, image = search
    display = DetectionDisplay.from_estimator(fitted, image, distance_sum=40)
    np.testing.assert_array_equal(display.detections, fitted.predict(image))


def test_scale_bar_of_a_lattice():
    image, _ = atoms_image((100, 100), pitch=20)
    lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    detector = LoGStarDetector(min_sigma=1.5, max_sigma=3).fit(image)
    display = DetectionDisplay.from_estimator(detector, image, distance_sum=lattice)
    assert (display.pixel_size, display.unit) == (0.2, "A")
    assert len(display.ax_.artists) == 1
    plain = DetectionDisplay.from_estimator(detector, image)
    assert len(plain.ax_.artists) == 0
    assert len(display.plot(scale_bar=False).ax_.artists) == 0


@pytest.mark.parametrize(
    ("n_cols", "pixel_size", "unit", "pixels", "label"),
    [
        (1024, 0.1, "A", 200, "2 nm"),
        (469, 0.02966, "nm", 2 / 0.02966, "2 nm"),
        (400, 0.1, "A", 100, "1 nm"),
        (100, 20.0, "pm", 25, "5 Å"),
        (2000, 1.0, "nm", 500, "500 nm"),
    ],
)
def test_scale_bars_are_round(n_cols, pixel_size, unit, pixels, label):
    length, text = bar_length(n_cols, pixel_size, unit)
    assert text == label
    assert length == pytest.approx(pixels)
    assert length <= n_cols / 4 + 1e-6


FRONT = [[0.0, 0.3], [0.1, 0.1], [0.3, 0.0]]
BEHIND = [[0.4, 0.4], [0.2, 0.3], [0.3, 0.2], [40.0, 30.0]]
POINTS = np.array(FRONT + BEHIND)
IS_PARETO = np.arange(len(POINTS)) < len(FRONT)


def test_front_and_compromise():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, chosen=1, ideal=(0, 0)).plot()
    np.testing.assert_array_equal(display.front_.get_xydata(), FRONT)
    np.testing.assert_array_equal(display.evaluated_.get_xydata(), POINTS)
    np.testing.assert_array_equal(display.chosen_.get_xydata(), [[0.1, 0.1]])
    np.testing.assert_array_equal(display.ideal_.get_xydata(), [[0, 0]])


def test_far_points_are_left_out_of_view_and_counted():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, ideal=(0, 0)).plot()
    for limits in (display.ax_.get_xlim(), display.ax_.get_ylim()):
        assert limits[0] < 0
        assert 0.3 < limits[1] < 1
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["evaluated (7, 1 outside)", "Pareto front", "ideal point"]


def test_the_compromise_is_not_hidden_and_its_values_are_told():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, chosen=1).plot()
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    assert legend.get_texts()[2].get_text() == "compromise (0.1, 0.1)"
    assert legend.get_window_extent().y0 >= display.ax_.get_window_extent().y1


def test_failed_evaluations_are_not_drawn():
    points = np.vstack([POINTS, [np.nan, 0.1]])
    display = ParetoFrontDisplay(points, [*IS_PARETO, False], chosen=1).plot()
    assert len(display.evaluated_.get_xydata()) == len(POINTS)
    display.figure_.canvas.draw()


def test_a_compromise_beside_the_front_is_in_view():
    points = np.array([[0.0, 0.0], [0.0013, 0.0], [0.0005, 0.02], [0.0007, 0.05]])
    display = ParetoFrontDisplay(points, [True, False, False, False], chosen=1).plot()
    assert display.ax_.get_xlim()[1] >= 0.0013
    display.figure_.canvas.draw()
    labels = [label.get_window_extent() for label in display.ax_.get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in pairwise(labels))


@pytest.mark.parametrize("points", [[[0.0, 0.0]], [[0.1, 0.0], [0.2, 0.0]], [[0.1, 0.0], [5, 2]]])
def test_front_of_one_point(points):
    is_pareto = np.arange(len(points)) == 0
    display = ParetoFrontDisplay(points, is_pareto, chosen=0, ideal=(0, 0)).plot()
    display.figure_.canvas.draw()
    for low, high in (display.ax_.get_xlim(), display.ax_.get_ylim()):
        assert low < 0 < high


def test_from_search(search):
    fitted, _ = search
    display = ParetoFrontDisplay.from_estimator(fitted)
    assert len(display.evaluated_.get_xydata()) == 12
    drawn = {tuple(point) for point in display.front_.get_xydata()}
    assert drawn == {tuple(point) for point in np.abs(fitted.pareto_front_)}
    np.testing.assert_allclose(
        np.abs(display.chosen_.get_xydata()[0]),
        [-fitted.best_score_["qc"], -fitted.best_score_["er"]],
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("qc", "er")
    assert display.ideal_ is not None


def test_objectives_are_chosen_by_name(search):
    fitted, _ = search
    display = ParetoFrontDisplay.from_estimator(
        fitted, objectives=("er", "qc"), xlabel="errors", legend=False
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("errors", "qc")
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match=r"got \['er', 'f1'\]; there are \['qc', 'er'\]"):
        ParetoFrontDisplay.from_estimator(fitted, objectives=("er", "f1"))


def test_scorers_that_declare_no_ideal():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    fitted = MOBOSearchCV(
        Ridge(),
        {"alpha": (1e-3, 1e3, "log-uniform")},
        scoring=["neg_mean_absolute_error", "neg_max_error"],
        n_iter=8,
        n_initial_points=8,
        cv=3,
        random_state=0,
    ).fit(rows[:, :2], rows[:, 2])
    display = ParetoFrontDisplay.from_estimator(fitted)
    assert display.ideal_ is None
    display.figure_.canvas.draw()


def test_tests_draw_without_a_window():
    assert mpl.get_backend().lower() == "agg"
