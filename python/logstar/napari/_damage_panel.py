"""The panel that maps where an image does not show its crystal."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QTableWidget, QTableWidgetItem

from . import _maps
from ._layers import KEY, labels
from ._panel import Panel, has_atoms, is_micrograph, plane_of, size_of
from ._viewer import atoms_of, put_layer


class DamagePanel(Panel):
    """Maps what is amorphous, vacuum, contamination or another grain.

    Parameters
    ----------
    napari_viewer : Viewer
        The viewer it belongs to; napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.atoms = self.add_box("atoms", has_atoms)
        self.images = self.add_box("image", is_micrograph)
        self.atoms.chosen.connect(self._take)
        self.map = self.add_button("Map damage", self.begin)
        self.actions.addWidget(self.cancel)
        self.regions = QTableWidget()
        self.regions.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.regions.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.regions.verticalHeader().setVisible(False)
        self.regions.setVisible(False)
        self.regions.setToolTip("a click at a row shows the region")
        self.regions.cellClicked.connect(self._look_at)
        self.body.insertWidget(self.body.count() - 1, self.regions)
        self.damage: _maps.Damage | None = None
        self._shown: Any = None
        self._take(self.atoms.layer)
        self.warm_up()

    def _take(self, layer: Any) -> None:
        if layer is not None and layer.metadata[KEY].image in self.viewer.layers:
            self.images.choose(self.viewer.layers[layer.metadata[KEY].image])

    def begin(self) -> None:
        """Map the chosen image.

        Raises
        ------
        ValueError
            Without atoms or their image.
        """
        atoms, image = self.atoms.layer, self.images.layer
        if atoms is None or image is None:
            raise ValueError("find the atoms of an image first.")
        finder = atoms.metadata[KEY].finder
        self.start(
            _maps.map_damage,
            plane_of(image, self.viewer),
            atoms_of(atoms),
            size_of(image),
            "bright" if finder is None else finder.polarity,
            done=lambda damage: self._show(image, damage),
        )

    def _show(self, image: Any, damage: _maps.Damage) -> None:
        name = f"damage of {image.name}"
        self._shown = put_layer(
            self.viewer, labels(damage.kinds, name=name, pixel_size=size_of(image))
        )
        self.damage = damage
        self.say(str(damage))
        titles, rows = _maps.rows_of(damage)
        self.regions.setColumnCount(len(titles))
        self.regions.setHorizontalHeaderLabels(titles)
        self.regions.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                self.regions.setItem(i, j, QTableWidgetItem(text))
        self.regions.resizeColumnsToContents()
        self.regions.setVisible(bool(rows))
        self.warm_up()

    def _look_at(self, row: int, _column: int = 0) -> None:
        """Put a region into the middle of the view."""
        if self.damage is None:
            return
        center = self._shown.data_to_world(self.damage.regions[row].centroid)
        # The camera is the scene's from napari 0.9 on.
        getattr(self.viewer, "scene", self.viewer).camera.center = (0.0, *center[-2:])
