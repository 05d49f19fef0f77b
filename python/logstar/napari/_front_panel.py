"""The panel in which another setting of the front is chosen."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure

from logstar.io import AtomTable
from logstar.tuning import AtomFinder

from . import _finding
from ._front import Front
from ._layers import KEY, Known
from ._panel import Panel, has_atoms
from ._viewer import show_atoms

#: Matplotlib has no types for what it does with Qt.
_Canvas: Any = FigureCanvasQTAgg


class FrontPanel(Panel):
    """Shows the Pareto front that a setting was chosen from: a click at a point takes its setting.

    Parameters
    ----------
    napari_viewer : Viewer
        The viewer it belongs to; napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.atoms = self.add_box("atoms", _was_found)
        self.canvas = _Canvas(Figure(figsize=(4.2, 4.0), layout="constrained"))
        self.canvas.setMinimumHeight(420)
        self.canvas.mpl_connect("button_press_event", self._clicked)
        self.body.insertWidget(1, self.canvas, stretch=1)
        self.previous = self.add_button("Previous", lambda: self.step(-1), "towards fewer misses")
        self.next = self.add_button("Next", lambda: self.step(1))
        self.actions.addWidget(self.cancel)
        self.front: Front | None = None
        self.atoms.chosen.connect(self._show_front)
        self._show_front(self.atoms.layer)

    def _show_front(self, layer: Any) -> None:
        self.front = Front.of(None if layer is None else layer.metadata[KEY].finder)
        figure = self.canvas.figure
        figure.clear()
        if self.front is not None:
            self.front.draw(figure.add_subplot())
        self.say("" if self.front is None else str(self.front))
        self.canvas.draw_idle()

    def _clicked(self, event: Any) -> None:
        if self.front is None or self.is_busy:
            return
        i = self.front.at(self.canvas.figure.axes[0], event.x, event.y)
        if i is not None:
            self.attempt(lambda: self.take(i))

    def step(self, by: int) -> None:
        """Take a setting that is further on in the front, which is sorted by |QC|.

        Parameters
        ----------
        by : int
            How many settings further on; below 0, further back. After the last comes the first.
        """
        if self.front is not None:
            self.take((self.front.index + by) % len(self.front))

    def take(self, i: int) -> None:
        """Take a setting of the front: the atoms of the layer change in place.

        Parameters
        ----------
        i : int
            Which, from 0.
        """
        layer = self.atoms.layer
        if layer is None or self.front is None or i == self.front.index:
            return
        finder = layer.metadata[KEY].finder
        self.start(_finding.choose, finder, i, done=lambda found: self._show_atoms(layer, *found))

    def _show_atoms(self, layer: Any, finder: AtomFinder, table: AtomTable) -> None:
        show_atoms(layer, Known(table, finder, layer.metadata[KEY].image))
        self._show_front(self.atoms.layer)
        self.say(f"{self.front}\n{_finding.summary(finder, table)}")
        self.warm_up()


def _was_found(layer: Any) -> bool:
    return has_atoms(layer) and layer.metadata[KEY].finder is not None
