"""The panel for atoms that are corrected by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel

from . import _correction
from ._layers import BY_HAND, KEY, Known
from ._panel import Panel, has_atoms, is_micrograph, plane_of
from ._viewer import atoms_of, changes_of, show_atoms, watch

_HELP = (
    "Choose the layer of the atoms and its tools: add points (2), select points (3), move those "
    "with the mouse, remove them with the key Delete. Then refine what changed."
)
_FORMATS = "Tables (*.csv *.json *.parquet *.hdf5 *.xyz)"


class CorrectPanel(Panel):
    """Takes what was added, removed and moved by hand, and refines again what that concerns.

    Parameters
    ----------
    napari_viewer : Viewer
        The viewer it belongs to; napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.atoms = self.add_box("atoms", has_atoms)
        self.images = self.add_box("image", is_micrograph)
        self.polarity = QComboBox()
        self.polarity.addItems(["bright", "dark"])
        self.form.addRow("atoms are", self.polarity)
        text = QLabel(_HELP)
        text.setWordWrap(True)
        self.form.addRow(text)
        self.changes = QLabel()
        self.form.addRow("by hand", self.changes)
        self.refine = self.add_button(
            "Refine", self.begin, "fits what changed and its neighbours again; all else stays"
        )
        self.undo = self.add_button(
            "Undo", self.back, "takes back what is not yet refined, or the last step"
        )
        self.save = self.add_button(
            "Save …", self.ask_and_save, "writes the table with what was done by hand"
        )
        self.actions.addWidget(self.cancel)
        self._watched: Any = None
        self.atoms.chosen.connect(self._take)
        self._take(self.atoms.layer)
        self.warm_up()

    def _take(self, layer: Any) -> None:
        """Follow what is done to a layer."""
        if self._watched is not None:
            self._watched.events.data.disconnect(self._count)
        self._watched = layer
        if layer is None:
            self.changes.setText("")
            return
        watch(layer)
        layer.events.data.connect(self._count)
        known = layer.metadata[KEY]
        if known.image in self.viewer.layers:
            self.images.choose(self.viewer.layers[known.image])
        if known.finder is not None:
            self.polarity.setCurrentText(known.finder.polarity)
        self.polarity.setEnabled(known.finder is None)
        self._count()

    def _count(self, event: object = None) -> None:  # noqa: ARG002 - napari's signature
        changes = changes_of(self._watched)
        self.changes.setText(
            f"{len(changes.added)} added, {len(changes.removed)} removed, "
            f"{len(changes.moved)} moved"
        )

    def begin(self) -> None:
        """Refine what was changed by hand.

        Raises
        ------
        ValueError
            Without atoms or their image, or if nothing was changed.
        """
        layer, image = self.atoms.layer, self.images.layer
        if layer is None or image is None:
            raise ValueError("there must be a layer of atoms and one of their image.")
        changes = changes_of(layer)
        if not len(changes):
            raise ValueError("nothing was changed by hand since the atoms were found or refined.")
        known = layer.metadata[KEY]
        self.start(
            _correction.correct,
            plane_of(image, self.viewer),
            known.table,
            changes,
            known.finder,
            self.polarity.currentText(),
            done=lambda corrected: self._show(layer, known, changes, corrected),
        )

    def _show(
        self,
        layer: Any,
        known: Known,
        changes: _correction.Changes,
        corrected: _correction.Corrected,
    ) -> None:
        show_atoms(layer, dataclasses.replace(known, table=corrected.table, before=known))
        self._count()
        n_by_hand = int((corrected.table[BY_HAND] != "").sum()) if BY_HAND in corrected.table else 0
        self.say(
            f"{changes}; {corrected.n_refined} of {len(corrected.table)} atoms refined again, "
            f"{n_by_hand} are marked as set by hand"
        )
        self.warm_up()

    def back(self) -> None:
        """Take back what is not yet refined; if there is nothing of that, the last step."""
        layer = self.atoms.layer
        if layer is None:
            return
        known = layer.metadata[KEY]
        if not len(changes_of(layer)) and known.before is not None:
            known = known.before
        show_atoms(layer, known)
        self._count()
        self.say("")

    def ask_and_save(self) -> None:
        """Ask for a file, and write the atoms into it."""
        if self.atoms.layer is None:
            raise ValueError("there is no layer of atoms.")
        name, _ = QFileDialog.getSaveFileName(self, "Save atoms", "positions.csv", _FORMATS)
        if name:
            self.write(name)

    def write(self, path: str) -> None:
        """Write the atoms as they are in the viewer, in the format that the extension names.

        Parameters
        ----------
        path : str
            The file. A csv and an xyz hold the column "by_hand"; json, parquet and hdf5 also the
            provenance, which says where atoms were before.
        """
        image = self.images.layer
        pixels = None if image is None else plane_of(image, self.viewer)
        atoms_of(self.atoms.layer).save(path, image=pixels)
        self.say(f"written: {path}")

    def end(self) -> None:
        """Follow the layer no more, either."""
        if self._watched is not None:
            self._watched.events.data.disconnect(self._count)
            self._watched = None
        super().end()
