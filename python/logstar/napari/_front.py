"""The Pareto front that a finder chose from, as a picture in which points can be clicked at.

Nothing here needs napari or Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from logstar._validation import FloatArray
from logstar.inspection import AtomFinderDisplay
from logstar.inspection._finder import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from logstar.inspection import ParetoFrontDisplay
    from logstar.tuning import AtomFinder

#: A click is for the nearest point of the front that is within this many pixels of the screen.
_NEAR = 25.0


class Front:
    """The settings that a finder chose from.

    Parameters
    ----------
    finder : AtomFinder
        Fitted.
    """

    def __init__(self, finder: AtomFinder) -> None:
        self._finder = finder
        self._display: ParetoFrontDisplay | None = AtomFinderDisplay.of(finder).front

    @classmethod
    def of(cls, finder: AtomFinder | None) -> Self | None:
        """Take the front of a finder, if there is one."""
        return None if finder is None else cls(finder)

    def __len__(self) -> int:
        return len(self._finder.front_)

    @property
    def index(self) -> int:
        """Which setting is chosen."""
        return int(self._finder.index_)

    @property
    def points(self) -> FloatArray:
        """Objectives of each setting, (n, 2), as they are drawn; all 0 where nothing is."""
        if self._display is None:
            return np.zeros((len(self), 2))
        objectives: FloatArray = np.asarray(self._display.objectives, dtype=np.float64)
        points: FloatArray = objectives[self._finder.front_]
        return points

    def draw(self, ax: Axes) -> None:
        """Draw the front with the chosen setting, or say that there is none."""
        if self._display is None:
            ax.set_axis_off()
            text = "one setting is best in everything:\nthere is nothing to choose between"
            ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
            return
        self._display.chosen = int(self._finder.front_[self.index])
        labels = [LABELS.get(name, name) for name in self._display.objective_names]
        self._display.plot(ax, xlabel=labels[0], ylabel=labels[1], legend=False)
        ax.locator_params(axis="x", nbins=4)
        # Below, where it does not take the width from the picture.
        ax.figure.legend(loc="outside lower left", fontsize="small", frameon=False)

    def at(self, ax: Axes, x: float, y: float) -> int | None:
        """Tell which setting was clicked at.

        Parameters
        ----------
        ax : matplotlib Axes
            Where the front was drawn.
        x, y : float
            Where the mouse was, in pixels of the figure.

        Returns
        -------
        i : int or None
            Of settings at one place the next after the chosen one; None far from all.
        """
        if self._display is None:
            return None
        shown = ax.transData.transform(self.points)
        far = np.hypot(*(shown - (x, y)).T)
        if not far.min() <= _NEAR:
            return None
        alike = np.flatnonzero(far <= far.min() + 0.5)
        later = alike[alike > self.index]
        return int(later[0] if len(later) else alike[0])

    def __str__(self) -> str:
        """Say what is chosen: which setting of how many, and what it gives."""
        finder = self._finder
        parts = [f"setting {self.index + 1} of {len(self)}: {len(finder.atoms_)} atoms"]
        parts += [
            f"{name} {value:.3g}"
            for name, value in (("QC", finder.qc_), ("ER", finder.er_))
            if np.isfinite(value)
        ]
        return ", ".join(parts)
