"""The panel that finds atoms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from logstar.io import AtomTable
from logstar.tuning import AtomFinder
from logstar.units import PixelSize

from . import _finding
from ._layers import KEY, points
from ._panel import Panel, dataset_of, is_micrograph, plane_of, size_of
from ._viewer import add_layer


class FindAtomsPanel(Panel):
    """Finds the atoms of an image: choose the crystal, or let the image show it.

    Parameters
    ----------
    napari_viewer : Viewer
        The viewer it belongs to; napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.images = self.add_box("image", is_micrograph)
        self.crystal = QComboBox()
        self.crystal.addItems(_finding.CRYSTALS)
        self.form.addRow("crystal", self.crystal)
        self.edge = QDoubleSpinBox()
        self.edge.setRange(1.0, 100.0)
        self.edge.setDecimals(4)
        self.edge.setValue(3.905)
        self.edge.setSuffix(" Å")
        self.form.addRow("edge a", self.edge)
        self.cif, self.zone = QLineEdit(), QLineEdit("001")
        self.cif.setPlaceholderText("file")
        self._cif_row = _beside(self.cif, _browse(self.cif))
        self.form.addRow("CIF", self._cif_row)
        self.form.addRow("seen along", self.zone)
        self.pixel_size = QLineEdit()
        self.pixel_size.setPlaceholderText("such as 0.2 A")
        self.form.addRow("pixel size", self.pixel_size)
        self.polarity = QComboBox()
        self.polarity.addItems(["bright", "dark"])
        self.form.addRow("atoms are", self.polarity)
        self.denoise = QCheckBox("the image is very noisy")
        self.form.addRow("denoise", self.denoise)
        self.within = self.add_box(
            "look", lambda layer: isinstance(layer, Labels), none="everywhere"
        )
        self.within.setToolTip("everywhere, or only where a layer of labels has any")
        self.find = self.add_button("Find atoms", self.begin)
        self.actions.addWidget(self.cancel)
        self.crystal.currentTextChanged.connect(self._show_what_is_asked)
        self.images.chosen.connect(self._take_size)
        self._show_what_is_asked(self.crystal.currentText())
        self._take_size(self.images.layer)
        self.warm_up()

    def _show_what_is_asked(self, choice: str) -> None:
        for widget, of in (
            (self.edge, _finding.PEROVSKITE),
            (self._cif_row, _finding.CIF),
            (self.zone, _finding.CIF),
        ):
            self.form.setRowVisible(widget, choice == of)

    def _take_size(self, layer: Any) -> None:
        size = None if layer is None else size_of(layer)
        self.pixel_size.setText("" if size is None else f"{size.value:.6g} {size.unit}")

    def begin(self) -> None:
        """Find the atoms of the chosen image.

        Raises
        ------
        FileNotFoundError, ValueError
            For a choice that cannot be.
        """
        layer = self.images.layer
        if layer is None:
            raise ValueError("open an image first: there is none.")
        text = self.pixel_size.text().strip()
        size = PixelSize.of(text) if text else None
        lattice = _finding.crystal_of(
            self.crystal.currentText(),
            a=self.edge.value(),
            cif=self.cif.text().strip(),
            zone=self.zone.text(),
        )
        parameters = {
            "lattice": lattice,
            "polarity": self.polarity.currentText(),
            "denoise": "auto" if self.denoise.isChecked() else "none",
            "n_jobs": -1,
        }
        if self.within.layer is not None:
            parameters["mask"] = plane_of(self.within.layer, self.viewer) != 0
        micrograph = _finding.micrograph_of(
            plane_of(layer, self.viewer), size, layer.metadata.get(KEY)
        )
        self.start(
            _finding.find,
            micrograph,
            parameters,
            dataset_of(layer, self.viewer),
            done=lambda found: self._show(layer, *found),
        )

    def _show(self, layer: Any, finder: AtomFinder, table: AtomTable) -> None:
        """Add the atoms as a layer."""
        name = f"atoms of {layer.name}"
        add_layer(
            self.viewer,
            points(table, name=name, pixel_size=size_of(layer), finder=finder, image=layer.name),
        )
        bad = finder.verdict_.status != "ok"
        self.say(_finding.summary(finder, table), bad=bad)
        # While these are looked at.
        self.warm_up()


def _beside(*widgets: Any) -> Any:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row


def _browse(line: Any) -> Any:
    """A button that asks for a file and writes its name into a line."""
    button = QPushButton("…")
    button.setMaximumWidth(32)

    def ask() -> None:
        start = str(Path(line.text()).parent) if line.text() else ""
        name, _ = QFileDialog.getOpenFileName(button, "Crystal", start, "CIF (*.cif)")
        if name:
            line.setText(name)

    button.clicked.connect(ask)
    return button
