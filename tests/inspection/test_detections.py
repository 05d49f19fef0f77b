"""Displays: what they draw, where, and in which colours."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from logstar.detection import LoGStarDetector
from logstar.inspection import DetectionDisplay
from logstar.lattice import Column, Lattice
from logstar.rewards import flag_errors
from logstar.units import PixelSize
from tests.conftest import atoms_image

ATOMS = np.array([[8.0, 8.0], [8.0, 24.0], [24.0, 8.0], [24.0, 24.0], [10.0, 9.0]])


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 48))


def test_circles_are_where_the_atoms_are(image):
    display = DetectionDisplay.from_detections(image, ATOMS, distance_sum=60)
    np.testing.assert_array_equal(display.flagged, flag_errors(ATOMS, 60))
    kept, flagged = ATOMS[~display.flagged], ATOMS[display.flagged]
    assert 0 < len(flagged) < len(ATOMS)
    np.testing.assert_allclose(display.atoms_.get_xydata(), kept[:, ::-1])
    np.testing.assert_allclose(display.flagged_atoms_.get_xydata(), flagged[:, ::-1])


def test_flagged_atoms_are_red_and_circles_are_open(image):
    display = DetectionDisplay.from_detections(image, ATOMS, distance_sum=60)
    red, green, blue = to_rgb(display.flagged_atoms_.get_markeredgecolor())
    assert red > 0.9
    assert max(green, blue) < 0.2
    for circles in (display.atoms_, display.flagged_atoms_):
        assert circles.get_markerfacecolor() == "none"
        assert circles.get_linestyle() == "None"
    other = DetectionDisplay(image, ATOMS, flagged=display.flagged).plot(flagged_color="orange")
    assert other.flagged_atoms_.get_markeredgecolor() == "orange"


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
    assert tuple(display.image_.get_extent()) == (-0.5, 47.5, 31.5, -0.5)


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
    n_drawn = len(display.atoms_.get_xydata()) + len(display.flagged_atoms_.get_xydata())
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


def test_from_estimator_predicts(detector_search):
    fitted, image = detector_search
    display = DetectionDisplay.from_estimator(fitted, image, distance_sum=40)
    np.testing.assert_array_equal(display.detections, fitted.predict(image))


def test_scale_bar_of_a_lattice():
    image, _ = atoms_image((100, 100), pitch=20)
    lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    detector = LoGStarDetector(min_sigma=1.5, max_sigma=3).fit(image)
    display = DetectionDisplay.from_estimator(detector, image, distance_sum=lattice)
    assert display.pixel_size == PixelSize(0.2, "A")
    assert len(display.ax_.artists) == 1
    plain = DetectionDisplay.from_estimator(detector, image)
    assert len(plain.ax_.artists) == 0
    assert len(display.plot(scale_bar=False).ax_.artists) == 0


def test_a_lattice_in_pixels_has_no_scale_bar():
    image, _ = atoms_image((100, 100), pitch=20)
    lattice = Lattice(20.0, 20.0, columns=[Column("A", "A", 0.0, 0.0)], pixel_size=None)
    assert DetectionDisplay.from_detections(image, ATOMS, distance_sum=lattice).pixel_size is None


def drawn_radius(display):
    """Radius of the first circle in pixels of the image, as it is drawn."""
    display.figure_.canvas.draw()
    scale = display.ax_.transData.get_matrix()[0, 0]
    return display.atoms_.get_markersize() / 2 * display.figure_.dpi / 72 / scale


def test_circles_follow_the_axes(image):
    display = DetectionDisplay(image, ATOMS).plot(radius=3.0)
    assert drawn_radius(display) == pytest.approx(3.0)
    display.ax_.set(xlim=(0, 12), ylim=(12, 0))
    assert drawn_radius(display) == pytest.approx(3.0)
    display.figure_.set_dpi(200)
    display.figure_.set_size_inches(9, 9)
    assert drawn_radius(display) == pytest.approx(3.0)


def test_many_atoms_leave_the_image_visible():
    """Circles cover the same share of the picture up to 2,000 atoms, and less of it beyond."""
    covered = []
    for n in (22, 44, 63, 100):
        grid = np.indices((n, n)).reshape(2, -1).T * 8.0 + 4
        display = DetectionDisplay(np.zeros((8 * n, 8 * n)), grid).plot()
        covered.append(len(grid) * (drawn_radius(display) / (8 * n)) ** 2)
        widths = display.atoms_.get_markeredgewidth()
        assert widths == pytest.approx(0.9 if n < 45 else 0.9 * np.sqrt(2000) / n, abs=1e-9)
    expected = np.array([1, 1, 2000 / 63**2, 2000 / 100**2]) * 0.3**2
    assert covered == pytest.approx(expected)


def test_for_a_file_no_more_pixels_are_drawn_than_it_has():
    image, positions = atoms_image((240, 360), pitch=20)
    display = DetectionDisplay(image, positions).plot(longest=90)
    assert display.image_.get_array().shape[:2] == (60, 90)
    assert tuple(display.image_.get_extent()) == (-0.5, 359.5, 239.5, -0.5)
    assert display.ax_.get_xlim() == (-0.5, 359.5)


def test_crosses_of_a_second_opinion_leave_the_view_alone(image):
    display = DetectionDisplay(image, ATOMS, unseen=ATOMS[:2], missed=[[-5.0, 90.0]]).plot()
    np.testing.assert_array_equal(display.unseen_.get_xydata(), ATOMS[:2, ::-1])
    np.testing.assert_array_equal(display.missed_.get_xydata(), [[90.0, -5.0]])
    assert display.ax_.get_xlim() == (-0.5, 47.5)
    assert display.ax_.get_ylim() == (31.5, -0.5)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["5 atoms", "2 the oracle does not see", "1 only the oracle sees"]
    assert DetectionDisplay(image, ATOMS).plot().missed_ is None
