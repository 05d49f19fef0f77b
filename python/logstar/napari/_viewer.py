"""From results to layers of a viewer, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer

from logstar.io import AtomTable
from logstar.tuning import AtomFinder

from ._correction import ADDED, Changes, apply
from ._finding import table_with_sites
from ._layers import (
    ATOM,
    BY_HAND,
    BY_HAND_COLOR,
    KEY,
    Known,
    LayerData,
    color_of,
    colors_of,
    features_of,
    image,
    points,
    sizes_of,
)


def add_finder(viewer: Any, finder: AtomFinder, *, name: str = "image") -> Any:
    """Show what a finder found: its image, and its atoms over it.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to show it.
    finder : AtomFinder
        Fitted.
    name : str, default="image"
        Name of the layer of the image; that of the atoms is made of it.

    Returns
    -------
    layer : napari.layers.Points
        The atoms, as the panel "find atoms" gives them: the other panels take them.

    Examples
    --------
    >>> import napari
    >>> from logstar import Lattice, find_atoms
    >>> from logstar.datasets import make_scene
    >>> from logstar.napari import add_finder
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(128, 128), noise=0.05, random_state=0)
    >>> viewer = napari.components.ViewerModel()  # or napari.Viewer(), which opens a window
    >>> layer = add_finder(viewer, find_atoms(scene.image, lattice=crystal))
    >>> len(layer.data), layer.scale
    (72, array([0.02, 0.02]))
    """
    size = finder.file_pixel_size_ or finder.pixel_size_
    add_layer(viewer, image(finder.image_, name=name, pixel_size=size))
    table = table_with_sites(finder)
    return add_layer(
        viewer,
        points(table, name=f"atoms of {name}", pixel_size=size, finder=finder, image=name),
    )


def atoms_of(layer: Any) -> AtomTable:
    """Give the atoms of a layer as a table.

    Parameters
    ----------
    layer : napari.layers.Points
        As `add_finder`, the panels and the readers make it.

    Returns
    -------
    table : AtomTable
        With all their columns. Where points were added, removed or moved by hand, so are the atoms,
        as the column "by_hand" and the provenance say.

    Raises
    ------
    TypeError
        If the layer is not of atoms.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> from logstar import find_atoms
    >>> from logstar.datasets import make_scene
    >>> from logstar.napari import add_finder, atoms_of
    >>> scene = make_scene(shape=(128, 128), noise=0.05, random_state=0)
    >>> layer = add_finder(ViewerModel(), find_atoms(scene.image))
    >>> layer.add([[64.0, 60.0]])
    >>> table = atoms_of(layer)
    >>> str(table["by_hand"][-1])
    'added'
    """
    return apply(_known(layer).table, changes_of(layer))


def changes_of(layer: Any) -> Changes:
    """Tell what was done by hand to the points of a layer since its atoms were found or refined."""
    features = layer.features
    numbers = features[ATOM] if ATOM in features else np.full(len(layer.data), -1)
    return Changes.of(_known(layer).table, layer.data, numbers)


def _known(layer: Any) -> Known:
    known = layer.metadata.get(KEY)
    if not isinstance(known, Known):
        raise TypeError(f"layer must be of atoms that logstar found or read, got {layer!r}.")
    return known


def watch(layer: Any) -> None:
    """See to it that points that are added by hand do not pass for copies of those selected."""
    layer.events.data.connect(_blank_added)


def _blank_added(event: Any) -> None:
    """Blank the features of points that were added, which napari takes from selected ones."""
    layer, n = event.source, len(event.source.data)
    rows = [i % n for i in event.data_indices] if event.action == "added" else []
    if not rows:
        return
    features = layer.features
    for name in features:
        column = features[name]
        nothing = -1 if name == ATOM else ADDED if name == BY_HAND else _nothing_of(column)
        features.loc[rows, name] = nothing
    colors = layer.border_color
    colors[rows] = color_of(BY_HAND_COLOR)
    layer.border_color = colors


def _nothing_of(column: Any) -> Any:
    return {"f": np.nan, "b": False, "i": -1}.get(column.dtype.kind, "")


def add_layer(viewer: Any, data: LayerData) -> Any:
    """Add a layer of the kind that its data say."""
    return viewer.add_layer(Layer.create(*data))


def put_layer(viewer: Any, data: LayerData) -> Any:
    """Add a layer in the place of one of the same name, which an earlier map left."""
    name = data[1]["name"]
    if name in viewer.layers:
        viewer.layers.remove(name)
    return add_layer(viewer, data)


def show_atoms(layer: Any, known: Known) -> None:
    """Let a layer of points show other atoms, in place."""
    table = known.table
    layer.selected_data = set()
    layer.metadata = {**layer.metadata, KEY: known}
    layer.data = table.positions
    layer.features = features_of(table)
    if len(table):
        layer.size = sizes_of(table)
        layer.border_color = colors_of(table)
