"""Draw the guide's picture of napari: ``python docs/napari_picture.py``, where there is a display.

Without one, ``xvfb-run -s "-screen 0 1400x900x24" python docs/napari_picture.py``.
"""

from __future__ import annotations

import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from logstar import Lattice, find_atoms
from logstar.napari import FieldsPanel, _maps, _sample_data, add_finder

#: Colours are few, so that a palette shows no loss, and a quarter of the bytes.
_COLORS = 64


def draw(path: Path) -> None:
    """Map the polarisation of a sample, and write what the window shows."""
    pixels, properties, _ = _sample_data.polar()[0]
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    viewer = napari.Viewer()
    viewer.window.resize(1200, 720)
    atoms = add_finder(viewer, find_atoms(pixels, lattice=crystal), name=properties["name"])
    panel = FieldsPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Map strain and vectors")
    panel.what.setCurrentText(_maps.POLARIZATION)
    panel.map.click()
    while panel.is_busy:
        QApplication.processEvents()
        time.sleep(0.01)
    atoms.visible = False
    viewer.reset_view()
    for _ in range(100):
        QApplication.processEvents()
        time.sleep(0.01)
    shown = viewer.screenshot(canvas_only=False, flash=False)
    Image.fromarray(np.asarray(shown)[..., :3]).quantize(_COLORS).save(path, optimize=True)
    viewer.close()


if __name__ == "__main__":
    draw(Path(__file__).with_name("guide") / "napari.png")
