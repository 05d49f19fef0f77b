"""What all panels have in common."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from numpy.testing import assert_array_equal

from logstar.napari._panel import (
    LayerBox,
    Panel,
    dataset_of,
    is_micrograph,
    plane_of,
    size_of,
)
from logstar.napari._reader import read
from logstar.units import PixelSize

from .work import double, fail, never_end


class TestLayerBox:
    @pytest.fixture
    def box(self, viewer, qtbot):
        box = LayerBox(viewer, lambda layer: isinstance(layer, Image))
        qtbot.addWidget(box)
        yield box
        box.forget()

    def names(self, box):
        return [box.itemText(i) for i in range(box.count())]

    def test_it_follows_the_viewer(self, box, viewer):
        assert box.layer is None
        first = viewer.add_image(np.eye(8), name="first")
        viewer.add_points([[1, 1]])
        assert self.names(box) == ["first"]
        assert box.layer is first
        second = viewer.add_image(np.eye(8), name="second")
        assert box.layer is first
        box.choose(second)
        assert box.layer is second
        second.name = "renamed"
        assert self.names(box) == ["first", "renamed"]
        assert box.layer is second
        viewer.layers.remove(second)
        assert box.layer is first
        viewer.layers.clear()
        assert box.layer is None

    def test_it_tells_what_is_chosen(self, box, viewer):
        told = []
        box.chosen.connect(told.append)
        first = viewer.add_image(np.eye(8))
        second = viewer.add_image(np.eye(8))
        box.choose(second)
        viewer.layers.remove(second)
        assert told == [first, second, first]

    def test_the_choice_of_no_layer(self, viewer, qtbot):
        box = LayerBox(viewer, is_micrograph, none="everywhere")
        qtbot.addWidget(box)
        layer = viewer.add_image(np.eye(8))
        assert box.layer is None
        assert box.currentText() == "everywhere"
        box.choose(layer)
        assert box.layer is layer
        box.forget()

    def test_after_it_forgot_the_viewer_nothing_happens(self, box, viewer):
        layer = viewer.add_image(np.eye(8), name="image")
        box.forget()
        layer.name = "renamed"
        viewer.add_image(np.eye(8))
        assert self.names(box) == ["image"]


class TestWork:
    def test_what_is_done_comes_back(self, panel, wait):
        one, got = panel(Panel), []
        one.start(double, 21, done=got.append)
        assert one.is_busy
        assert one.cancel.isEnabled()
        wait(one)
        assert got == [42]
        assert not one.cancel.isEnabled()

    def test_progress_is_shown(self, panel, wait, qtbot):
        one = panel(Panel)
        one.start(never_end, done=print)
        qtbot.waitUntil(lambda: one.status.text() == "waiting …", timeout=30_000)
        one.stop()
        wait(one)

    def test_an_error_is_a_line_of_the_panel(self, panel, wait):
        one = panel(Panel)
        one.start(fail, done=print)
        wait(one)
        assert one.status.text() == "this cannot be done."

    def test_cancel_ends_the_process(self, panel, wait, qtbot):
        one, got = panel(Panel), []
        one.start(never_end, done=got.append)
        apart = one._apart
        qtbot.waitUntil(lambda: one.status.text() == "waiting …", timeout=30_000)
        start = time.monotonic()
        one.cancel.click()
        wait(one)
        assert time.monotonic() - start < 5
        assert not apart.is_alive
        assert got == []
        assert one.status.text() == "cancelled"

    def test_one_piece_of_work_at_a_time(self, panel, wait):
        one = panel(Panel)
        one.start(never_end, done=print)
        with pytest.raises(RuntimeError, match="being done"):
            one.start(double, 1, done=print)
        one.stop()
        wait(one)

    def test_what_fails_in_the_end_is_told_as_well(self, panel, wait):
        one = panel(Panel)
        one.start(double, 1, done=lambda value: value.nothing)
        wait(one)
        assert "nothing" in one.status.text()


@pytest.mark.parametrize("how", ["close", "deleteLater"])
def test_a_panel_that_is_gone_leaves_nothing(viewer, qtbot, how):
    """However napari does away with it, also while it is at work."""
    one = Panel(viewer)
    one.add_box("image", is_micrograph)
    one.start(never_end, done=print)
    apart, worker = one._apart, one._worker
    getattr(one, how)()
    qtbot.waitUntil(lambda: not apart.is_alive, timeout=30_000)
    qtbot.waitUntil(lambda: not worker.is_running, timeout=30_000)
    # The box would be asked to list the layers.
    viewer.add_image(np.eye(8))
    assert one._is_over
    if how == "close":
        one.deleteLater()


def test_which_image_of_its_file_is_shown(viewer, add, tmp_path):
    np.save(tmp_path / "stack.npy", np.zeros((3, 8, 9), np.uint16))
    np.save(tmp_path / "film.npy", np.zeros((8, 9), np.uint16))
    (stack,) = add(read(str(tmp_path / "stack.npy")))
    (film,) = add(read(str(tmp_path / "film.npy")))
    viewer.dims.set_current_step(0, 2)
    assert dataset_of(stack, viewer) == 2
    assert dataset_of(film, viewer) is None
    assert dataset_of(viewer.add_image(np.eye(8)), viewer) is None


def test_images_of_one_channel_are_micrographs(viewer):
    assert is_micrograph(viewer.add_image(np.eye(8)))
    assert not is_micrograph(viewer.add_image(np.zeros((8, 8, 3)), rgb=True))
    assert not is_micrograph(viewer.add_labels(np.eye(8, dtype=int)))


def test_of_a_stack_the_image_that_is_shown():
    viewer = ViewerModel()
    frames = np.arange(3 * 8 * 9).reshape(3, 8, 9)
    layer = viewer.add_image(frames)
    viewer.dims.set_current_step(0, 2)
    assert_array_equal(plane_of(layer, viewer), frames[2])
    assert_array_equal(plane_of(viewer.add_image(frames[0]), viewer), frames[0])


def test_the_size_of_pixels(viewer):
    layer = viewer.add_image(np.eye(8), scale=(0.3, 0.3), units=("angstrom", "angstrom"))
    assert size_of(layer).to("nm").value == pytest.approx(0.03)
    assert isinstance(size_of(layer), PixelSize)
    assert size_of(viewer.add_image(np.eye(8))) is None
