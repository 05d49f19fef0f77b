"""What napari is told of the plugin, and a viewer with a window."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest
from npe2.manifest.utils import import_python_name
from numpy.testing import assert_allclose

import logstar.napari
from logstar.napari import add_finder

MANIFEST = PluginManifest.from_file(Path(logstar.napari.__file__).with_name("napari.yaml"))

#: Qt draws no OpenGL without a display; under Xvfb it does.
needs_display = pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="a window of napari needs a display"
)


@pytest.fixture
def plugin():
    manager = PluginManager.instance()
    manager.register(MANIFEST)
    yield manager
    manager.unregister(MANIFEST.name)


def test_what_it_names_is_there():
    for command in MANIFEST.contributions.commands:
        assert callable(import_python_name(command.python_name))


def test_what_it_contributes_is_a_command():
    given = MANIFEST.contributions
    used = {one.command for one in [*given.readers, *given.widgets, *given.sample_data]}
    assert used == {command.id for command in given.commands}


def test_samples_and_panels_by_their_names(plugin, qtbot):
    viewer = ViewerModel()
    viewer.open_sample("logstar", "ybco")
    assert [layer.name for layer in viewer.layers] == ["YBa2Cu3O7"]
    for widget in MANIFEST.contributions.widgets:
        one = plugin.commands.get(widget.command)(viewer)
        qtbot.addWidget(one)
        assert one.viewer is viewer
        one.close()


@pytest.mark.usefixtures("plugin")
def test_files_are_read_by_napari(tmp_path, finder):
    finder.atoms_.save(tmp_path / "positions.csv")
    viewer = ViewerModel()
    (layer,) = viewer.open(tmp_path / "positions.csv", plugin="logstar")
    # A csv has four decimals at least.
    assert_allclose(layer.data, finder.atoms_.positions, rtol=0, atol=5.01e-5)


@needs_display
@pytest.mark.usefixtures("plugin")
def test_panels_in_a_window(make_napari_viewer, finder):
    viewer = make_napari_viewer()
    layer = add_finder(viewer, finder)
    assert layer in viewer.layers
    for widget in MANIFEST.contributions.widgets:
        _, one = viewer.window.add_plugin_dock_widget("logstar", widget.display_name)
        assert one.isVisibleTo(viewer.window._qt_window)
        one.close()
