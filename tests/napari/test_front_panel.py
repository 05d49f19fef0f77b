"""The panel in which another setting of the front is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from numpy.testing import assert_array_equal

from logstar.napari import FrontPanel, add_finder
from logstar.napari._layers import KEY


@pytest.fixture
def shown(viewer, doubtful):
    return add_finder(viewer, doubtful)


def click(one, x, y):
    canvas = one.canvas
    canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", canvas, x, y, 1)
    )


def test_a_click_changes_the_atoms_in_place(panel, shown, viewer, doubtful, wait):
    one = panel(FrontPanel)
    one.canvas.draw()
    ax = one.canvas.figure.axes[0]
    places = ax.transData.transform(one.front.points)
    far = np.hypot(*(places - places[one.front.index]).T)
    # The nearest that a click tells apart: the furthest have no atoms at all.
    other = int(np.where(far > 6, far, np.inf).argmin())
    click(one, *places[other])
    wait(one)
    taken = shown.metadata[KEY].finder.index_
    assert np.hypot(*(places[taken] - places[other])) < 1
    assert taken != doubtful.index_
    expected = doubtful.at(taken)
    assert_array_equal(shown.data, expected.atoms_.positions)
    assert list(viewer.layers)[-1] is shown
    assert len(viewer.layers) == 2
    assert one.front.index == taken
    assert one.status.text().startswith(f"setting {taken + 1} of {len(doubtful.front_)}")
    # The finder that one may hold is as it was.
    assert doubtful.index_ != taken


def test_step_by_step(panel, shown, doubtful, wait):
    one = panel(FrontPanel)
    one.next.click()
    wait(one)
    assert one.front.index == (doubtful.index_ + 1) % len(doubtful.front_)
    one.previous.click()
    wait(one)
    assert one.front.index == doubtful.index_
    assert_array_equal(shown.data, doubtful.atoms_.positions)


def test_a_click_at_nothing_does_nothing(panel, shown, doubtful):
    one = panel(FrontPanel)
    one.canvas.draw()
    click(one, 1, 1)
    assert not one.is_busy
    assert_array_equal(shown.data, doubtful.atoms_.positions)


def test_without_atoms_there_is_nothing_to_see(panel, viewer):
    one = panel(FrontPanel)
    viewer.add_points([[1, 2]])
    assert one.front is None
    assert one.canvas.figure.axes == []
    one.next.click()
    click(one, 100, 100)
    assert not one.is_busy
