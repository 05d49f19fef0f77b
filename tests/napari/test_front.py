"""The front as a picture in which points can be clicked at, without a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from logstar import find_atoms
from logstar.napari._front import Front


@pytest.fixture
def ax():
    return Figure(figsize=(4, 4)).add_subplot()


def test_a_click_at_each_point_takes_its_setting(doubtful, ax):
    front = Front(doubtful)
    front.draw(ax)
    places = ax.transData.transform(front.points)
    for i, (x, y) in enumerate(places):
        taken = front.at(ax, x + 2, y - 2)
        # Settings that are drawn at one place are taken in turn.
        assert np.hypot(*(places[taken] - places[i])) <= 3
        alike = np.flatnonzero(np.hypot(*(places - places[i]).T) < 1e-6)
        if len(alike) == 1 and np.sort(np.hypot(*(places - places[i]).T))[1] > 6:
            assert taken == i


def test_settings_at_one_place_are_taken_in_turn(doubtful, ax):
    front = Front(doubtful)
    front._display.objectives = np.zeros_like(front._display.objectives)
    front.draw(ax)
    x, y = ax.transData.transform((0, 0))
    assert front.at(ax, x, y) == (front.index + 1) % len(front)


def test_a_click_beside_all_points_takes_none(doubtful, ax):
    front = Front(doubtful)
    front.draw(ax)
    assert front.at(ax, 1e4, 1e4) is None


def test_the_chosen_setting_is_marked(doubtful, ax):
    other = doubtful.at((doubtful.index_ + 1) % len(doubtful.front_))
    front = Front(other)
    front.draw(ax)
    assert front._display.chosen_.get_xydata()[0] == pytest.approx(front.points[front.index])
    assert str(front).startswith(f"setting {other.index_ + 1} of {len(other.front_)}: ")
    assert f"{len(other.atoms_)} atoms, QC " in str(front)


def test_one_setting_is_nothing_to_choose_between(scene, ax):
    found = find_atoms(scene.image, lattice=None)
    front = Front(found)
    assert len(front) == 1
    front.draw(ax)
    assert "nothing to choose" in ax.texts[0].get_text()
    assert front.at(ax, *ax.transData.transform((0.5, 0.5))) is None


def test_no_finder_has_no_front():
    assert Front.of(None) is None
