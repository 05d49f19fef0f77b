"""What the tests of the plugin share: viewers without a window, and waiting for work."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from logstar import Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.napari import add_finder

#: Seconds within which work in a process of its own is done, its start included.
PATIENCE = 60


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window: panels need no more, and it takes no second to open."""
    return ViewerModel()


@pytest.fixture(scope="session")
def scene():
    return make_scene(
        Lattice.perovskite(4.0, pixel_size=0.2), shape=(128, 128), noise=0.05, random_state=0
    )


@pytest.fixture(scope="session")
def finder(scene):
    return find_atoms(scene.image, lattice=scene.lattice)


@pytest.fixture(scope="session")
def doubtful():
    """What was found in strong noise: there is a front to choose from."""
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    noisy = make_scene(crystal, shape=(128, 128), noise=0.7, random_state=3)
    found = find_atoms(noisy.image, lattice=crystal)
    assert len(found.front_) > 3
    return found


@pytest.fixture
def atoms(viewer, finder):
    """A layer of atoms over their image."""
    return add_finder(viewer, finder)


@pytest.fixture
def add(viewer):
    """Adds layers as readers give them; gives the layers of the viewer."""

    def add_all(found):
        return [viewer.add_layer(Layer.create(*one)) for one in found]

    return add_all


@pytest.fixture
def panel(viewer, qtbot):
    """Makes a panel, and ends it with the test."""
    made = []

    def make(kind):
        one = kind(viewer)
        qtbot.addWidget(one)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture
def wait(qtbot):
    """Waits until the work of a panel is done."""

    def until_done(one):
        qtbot.waitUntil(lambda: not one.is_busy, timeout=1000 * PATIENCE)

    return until_done
