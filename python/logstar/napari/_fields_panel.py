"""The panel that maps strain and vectors."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
from qtpy.QtWidgets import QComboBox

from . import _maps
from ._layers import KEY, LayerData
from ._panel import Panel, has_atoms, is_micrograph, plane_of, size_of
from ._viewer import atoms_of, put_layer

_REFERENCES: dict[str, Literal["fit", "crystal"]] = {
    "the mean lattice of each grain": "fit",
    "the crystal as given": "crystal",
}


class FieldsPanel(Panel):
    """Maps strain as images, displacement and polarisation as vectors.

    Parameters
    ----------
    napari_viewer : Viewer
        The viewer it belongs to; napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.atoms = self.add_box("atoms", has_atoms)
        self.images = self.add_box("image", is_micrograph)
        self.what, self.reference = QComboBox(), QComboBox()
        self.what.addItems(_maps.FIELDS)
        self.form.addRow("map", self.what)
        self.reference.addItems(list(_REFERENCES))
        self.form.addRow("measured from", self.reference)
        self.kind, self.neighbors = QComboBox(), QComboBox()
        self.form.addRow("of columns", self.kind)
        self.form.addRow("among", self.neighbors)
        self.map = self.add_button("Map", self.begin)
        self.actions.addWidget(self.cancel)
        self.what.currentTextChanged.connect(self._show_what_is_asked)
        self.atoms.chosen.connect(self._take)
        self._show_what_is_asked(self.what.currentText())
        self._take(self.atoms.layer)
        self.warm_up()

    def _show_what_is_asked(self, what: str) -> None:
        is_polar = what == _maps.POLARIZATION
        self.form.setRowVisible(self.reference, not is_polar)
        for box in (self.kind, self.neighbors):
            self.form.setRowVisible(box, is_polar)

    def _take(self, layer: Any) -> None:
        """Offer the kinds of columns that a layer of atoms has."""
        if layer is None:
            return
        known = layer.metadata[KEY]
        if known.image in self.viewer.layers:
            self.images.choose(self.viewer.layers[known.image])
        kinds = np.unique(known.table["kind"]).tolist() if "kind" in known.table else []
        names = list(filter(None, kinds))
        for box, place in ((self.kind, 1), (self.neighbors, 0)):
            box.clear()
            box.addItems(names)
            box.setCurrentIndex(min(place, len(names) - 1))

    def begin(self) -> None:
        """Map the chosen field.

        Raises
        ------
        ValueError
            Without atoms or their image.
        """
        atoms, image = self.atoms.layer, self.images.layer
        if atoms is None or image is None:
            raise ValueError("find the atoms of an image first.")
        finder = atoms.metadata[KEY].finder
        work = partial(
            _maps.map_field,
            polarity="bright" if finder is None else finder.polarity,
            what=self.what.currentText(),
            reference=_REFERENCES[self.reference.currentText()],
            kinds=(self.kind.currentText(), self.neighbors.currentText()),
        )
        self.start(
            work,
            plane_of(image, self.viewer),
            atoms_of(atoms),
            finder,
            size_of(image),
            done=self._show,
        )

    def _show(self, found: tuple[list[LayerData], str]) -> None:
        layers, text = found
        for layer in layers:
            put_layer(self.viewer, layer)
        self.say(text)
        self.warm_up()
