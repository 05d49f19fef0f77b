"""What can be said of a finder's parameters without an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logstar._validation import check_integer, check_real
from logstar.lattice import ImageLattice, Lattice

from ._windows import check_window

if TYPE_CHECKING:
    from ._finder import AtomFinder

#: Allowed values of parameters that are texts.
_CHOICES = {
    "polarity": ("bright", "dark"),
    "calibration": ("correct", "keep"),
    "refine": ("joint", "window", None),
}


def has_numbers(finder: AtomFinder) -> bool:
    """Tell whether number and distances of the atoms were told."""
    return finder.expected is not None and finder.distance_sum is not None


def takes_raw(finder: AtomFinder) -> bool:
    """Tell whether atoms are looked for in the raw image alone."""
    return isinstance(finder.denoise, str) and finder.denoise == "none"


def check_parameters(finder: AtomFinder) -> None:
    """Check what can be checked without an image.

    Raises
    ------
    TypeError, ValueError
        For the first parameter that cannot be, or that contradicts another one.
    """
    for name, allowed in _CHOICES.items():
        value = getattr(finder, name)
        if not (value is None or isinstance(value, str)) or value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
    _check_lattice(finder)
    if finder.oracle is not None and not hasattr(finder.oracle, "predict"):
        raise TypeError(f"oracle must have a method predict, got {finder.oracle!r}.")
    if finder.window is not None:
        check_window(finder.window)
    elif finder.window_ladders:
        raise ValueError("window_ladders=True needs a window, a number of pixels or 'auto'.")
    for name in ("expected", "distance_sum"):
        value = getattr(finder, name)
        if value is not None:
            check_real(value, name=name, low=0, low_included=False)
    if finder.lattice is None and not has_numbers(finder) and not takes_raw(finder):
        raise ValueError(
            f"denoise={finder.denoise!r} needs a lattice, or expected and distance_sum: single "
            "atoms are compared with noise."
        )


def _check_lattice(finder: AtomFinder) -> None:
    """Check the lattice, and what chooses among its columns or among lattices."""
    lattice = finder.lattice
    if not (
        lattice is None
        or isinstance(lattice, Lattice)
        or (isinstance(lattice, str) and lattice == "auto")
        or callable(lattice)
    ):
        raise TypeError(
            "lattice must be 'auto', a Lattice, a callable that makes one of a pixel size "
            f"(such as Lattice.ybco), or None, got {lattice!r}."
        )
    if finder.visible is not None and (lattice is None or isinstance(lattice, (str, ImageLattice))):
        raise ValueError(
            "visible chooses among the columns of a crystal, and there is none: got "
            f"visible={finder.visible!r} with lattice={lattice!r}."
        )
    if finder.grain is not None:
        check_integer(finder.grain, name="grain", low=1)
        if lattice is None or isinstance(lattice, ImageLattice):
            raise ValueError(
                "grain chooses among the lattices that the image shows, and none is looked for "
                f"with lattice={lattice!r}."
            )
