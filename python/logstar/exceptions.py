"""Warnings and errors of logstar."""

from __future__ import annotations

from collections.abc import Mapping
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


class ChoiceNeededError(ValueError):
    """An input can be read in several ways, and a parameter must say which is meant.

    The message names the parameters as Python has them; `choices` gives them to a program that lets
    its user choose.

    Parameters
    ----------
    message : str
        What there is, as a clause without a full stop.
    choices : mapping of str to object
        Parameters of `logstar.io.read_image`, each with a value that would do.
    hint : str, default=""
        What giving them does, or which other values would do, as a clause.
    """

    def __init__(self, message: str, choices: Mapping[str, object], hint: str = "") -> None:
        self.message = message
        self.choices = dict(choices)
        self.hint = hint
        given = " or ".join(f"{name}={value!r}" for name, value in self.choices.items())
        super().__init__(f"{message}; {given}{f' {hint}' if hint else ''}.")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        # By default an exception is made again of its finished message alone.
        return type(self), (self.message, self.choices, self.hint)


class CalibrationError(ValueError):
    """An image contradicts the crystal or the pixel size that was given for it.

    Parameters
    ----------
    message : str
        What differs, and what would fit.
    factor : float or None, default=None
        By what the pixel size would have to be multiplied for the two to agree; None if no pixel
        size makes them.
    """

    def __init__(self, message: str, factor: float | None = None) -> None:
        super().__init__(message)
        self.factor = factor


class AmbiguousMotifWarning(UserWarning):
    """A shift of the lattice exchanges kinds of columns, and nothing tells which are which."""


class OracleScaleWarning(UserWarning):
    """How many atoms a network sees depends on the scale at which it is shown the image."""


class CorrelatedNoiseWarning(UserWarning):
    """What a fit leaves is correlated from pixel to pixel: errors that it gives are too small."""


class UndersampledWarning(UserWarning):
    """Atoms are smaller than pixels resolve."""
