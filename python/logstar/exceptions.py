"""Warnings and errors of logstar."""

from __future__ import annotations

from typing import Any


class NoAtomsWarning(UserWarning):
    """A detector found no atom at all in an image.

    Rewards stay silent about it: while a search tries parameters, finding nothing is a result.
    """


class PairOrderWarning(UserWarning):
    """Too many pairs of blobs to follow scikit-image's order of them.

    Most blobs' fate does not depend on it. For the others the larger blobs go first.
    """


class NotOneLatticeError(ValueError):
    """An image shows no lattice, or more than one.

    Parameters
    ----------
    message : str
        What was seen.
    confidence : float, default=0.0
        How far the strongest lattice explains the image, 0 to 1.
    lattice : ImageLattice or None, default=None
        The strongest lattice, if there is any.
    """

    def __init__(self, message: str, confidence: float = 0.0, lattice: Any = None) -> None:
        super().__init__(message)
        self.confidence = confidence
        self.lattice = lattice
