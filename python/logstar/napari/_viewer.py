"""From results to layers of a viewer, and back."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer

from logstar.io import AtomTable
from logstar.tuning import AtomFinder

from ._finding import table_with_sites
from ._layers import KEY, Known, LayerData, colors_of, features_of, image, points, sizes_of


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
        With all their columns.

    Raises
    ------
    TypeError
        If the layer is not of atoms.
    """
    known = layer.metadata.get(KEY)
    if not isinstance(known, Known):
        raise TypeError(f"layer must be of atoms that logstar found or read, got {layer!r}.")
    return known.table


def add_layer(viewer: Any, data: LayerData) -> Any:
    """Add a layer of the kind that its data say."""
    return viewer.add_layer(Layer.create(*data))


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
