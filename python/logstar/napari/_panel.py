"""What all panels have in common: a choice of layers, and work that runs while one looks on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image, Points
from napari.qt.threading import create_worker
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from logstar.units import PixelSize

from ._apart import Apart, StoppedError, Work
from ._finding import Told
from ._layers import KEY, Known, pixel_size_of


class _Outcome(NamedTuple):
    value: Any = None
    error: Exception | None = None


class LayerBox(QComboBox):  # type: ignore[misc] # Qt ships no types
    """Lets one choose among those layers of a viewer that a test admits.

    Parameters
    ----------
    viewer : Viewer
        Whose layers.
    admits : callable
        Whether a layer can be chosen.
    none : str, default=""
        What the choice of no layer is called, which is then the first; by default there is no such
        choice.
    """

    #: Another layer is chosen, or the chosen one is shown anew; None if there is none.
    chosen = Signal(object)

    def __init__(self, viewer: Any, admits: Callable[[Any], bool], none: str = "") -> None:
        super().__init__()
        self._viewer, self._admits, self._none = viewer, admits, none
        #: One for each choice; None for that of no layer.
        self._layers: list[Any] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        for event in self._events():
            event.connect(self.refresh)
        self.currentIndexChanged.connect(lambda _: self.chosen.emit(self.layer))
        self.refresh()

    def _events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    @property
    def layer(self) -> Any:  # numpydoc ignore=RT01
        """The chosen layer, or None."""
        i = self.currentIndex()
        return self._layers[i] if 0 <= i < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer, if it is among the choices."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def refresh(self, event: object = None) -> None:  # noqa: ARG002 - napari's signature
        """List the layers again; the chosen one stays chosen."""
        before = self.layer
        self._disconnect_names()
        self._layers = [None] if self._none else []
        self._layers += [layer for layer in self._viewer.layers if self._admits(layer)]
        for layer in filter(None, self._layers):
            layer.events.name.connect(self.refresh)
        self.blockSignals(True)
        self.clear()
        self.addItems([self._none if layer is None else layer.name for layer in self._layers])
        # The newest is what one has just loaded or found.
        first = 0 if self._none else len(self._layers) - 1
        self.setCurrentIndex(self._layers.index(before) if before in self._layers else first)
        self.blockSignals(False)
        if self.layer is not before:
            self.chosen.emit(self.layer)

    def forget(self) -> None:
        """Listen to the viewer no more."""
        for event in self._events():
            event.disconnect(self.refresh)
        self._disconnect_names()

    def _disconnect_names(self) -> None:
        for layer in self._layers:
            if layer is not None:
                layer.events.name.disconnect(self.refresh)


class Panel(QWidget):  # type: ignore[misc] # Qt ships no types
    """A form, buttons, progress and a few lines that say how it went.

    Work runs in a process of its own, which a thread of napari waits for: the viewer stays free,
    and Cancel ends the work wherever it is.

    Parameters
    ----------
    viewer : Viewer
        The viewer it belongs to.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._boxes: list[LayerBox] = []
        self._apart: Apart | None = None
        self._is_over = False
        self._worker: Any = None
        self._buttons: list[Any] = []
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.actions = QHBoxLayout()
        self.cancel = QPushButton("Cancel")
        self.cancel.setEnabled(False)
        self.cancel.clicked.connect(self.stop)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body = QVBoxLayout(self)
        self.body.addLayout(self.form)
        self.body.addLayout(self.actions)
        self.body.addWidget(self.progress)
        self.body.addWidget(self.status)
        self.body.addStretch(1)
        # A method would be disconnected with the panel before it is called.
        self.destroyed.connect(lambda: self.end())  # noqa: PLW0108

    def add_box(self, title: str, admits: Callable[[Any], bool], none: str = "") -> LayerBox:
        """Add a choice of layers to the form."""
        box = LayerBox(self.viewer, admits, none)
        self._boxes.append(box)
        self.form.addRow(title, box)
        return box

    def add_button(self, title: str, action: Callable[[], object], tip: str = "") -> Any:
        """Add a button; while work is done it cannot be pressed."""
        button = QPushButton(title)
        button.setToolTip(tip)
        button.clicked.connect(lambda _: self.attempt(action))
        self._buttons.append(button)
        self.actions.addWidget(button)
        return button

    def attempt(self, action: Callable[[], object]) -> None:
        """Do what a button is for; an error becomes a line of the panel."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for the user to read
            self.say(str(error), bad=True)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Write below the buttons."""
        self.status.setStyleSheet("color: #ff7a59" if bad else "")
        self.status.setText(text)

    def start(self, work: Work, *args: Any, done: Callable[[Any], object]) -> None:
        """Begin a piece of work in a process of its own.

        Parameters
        ----------
        work : callable
            As of `Apart.run`.
        *args : object
            What it takes.
        done : callable
            Given what it gave, in the viewer's thread.

        Raises
        ------
        RuntimeError
            If the panel is at work already.
        """
        if self.is_busy:
            raise RuntimeError("there is work being done; wait for it, or cancel it.")
        apart = self._apart if self._apart is not None and self._apart.is_alive else Apart()
        self._apart = apart
        self._set_busy(busy=True)
        self.say("")
        self._worker = create_worker(
            _run,
            apart,
            work,
            args,
            _start_thread=False,
            _connect={"yielded": self._told, "returned": lambda got: self._ended(got, done)},
        )
        self._worker.start()

    @property
    def is_busy(self) -> bool:  # numpydoc ignore=RT01
        """Whether work is being done."""
        return self._worker is not None

    def warm_up(self) -> None:
        """Start the process of the next piece of work, which imports what it needs meanwhile."""
        if self._apart is None or not self._apart.is_alive:
            self._apart = Apart()

    def stop(self) -> None:
        """Cancel: end the work that is being done."""
        if self._apart is not None:
            self._apart.stop()

    def _told(self, told: Told) -> None:
        if self._is_over:
            return
        self.progress.setRange(0, told.n)
        self.progress.setValue(told.n_done)
        self.progress.setFormat(told.text if not told.n else f"{told.text}: %v of %m")
        self.say(told.text + " …")

    def _ended(self, outcome: _Outcome, done: Callable[[Any], object]) -> None:
        self._worker = None
        if self._is_over:
            return
        self._set_busy(busy=False)
        if isinstance(outcome.error, StoppedError):
            self.say("cancelled")
        elif outcome.error is not None:
            self.say(str(outcome.error), bad=True)
        else:
            self.attempt(lambda: done(outcome.value))

    def _set_busy(self, *, busy: bool) -> None:
        self.progress.setRange(0, 0)
        self.progress.setVisible(busy)
        self.cancel.setEnabled(busy)
        for button in self._buttons:
            button.setEnabled(not busy)

    def end(self) -> None:
        """End what is being done, and listen to the viewer no more; Qt may have no panel then."""
        self._is_over = True
        self.stop()
        for box in self._boxes:
            box.forget()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End with the panel."""
        self.end()
        super().closeEvent(event)


def _run(apart: Apart, work: Work, args: tuple[Any, ...]) -> Generator[Any, None, _Outcome]:
    """Work in a thread of napari, which must not see errors: it keeps some of them to itself."""
    try:
        return _Outcome(value=(yield from apart.run(work, *args)))
    except Exception as error:  # noqa: BLE001 - it is told where the work was started
        return _Outcome(error=error)


def is_micrograph(layer: Any) -> bool:
    """Whether a layer is an image that atoms can be found in: no colours."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 2


def has_atoms(layer: Any) -> bool:
    """Whether a layer is of atoms that this package found or read."""
    return isinstance(layer, Points) and isinstance(layer.metadata.get(KEY), Known)


def plane_of(layer: Any, viewer: Any) -> NDArray[Any]:
    """The image of a layer that is shown, of a stack the current one."""
    data = layer.data[0] if layer.multiscale else layer.data
    if data.ndim > 2:
        data = data[tuple(viewer.dims.current_step[-data.ndim : -2])]
    return np.asarray(data)


def dataset_of(layer: Any, viewer: Any) -> int | None:
    """Which image of its file `plane_of` gives; None if there is no file, or one image in it."""
    known = layer.metadata.get(KEY)
    if not isinstance(known, dict) or known["dataset"] is None:
        return None
    frame = int(viewer.dims.current_step[-3]) if layer.ndim > 2 else 0
    return int(known["dataset"]) + frame


def size_of(layer: Any) -> PixelSize | None:
    """Size of a layer's pixels, None if it is unknown."""
    return pixel_size_of(layer.scale, layer.units)
