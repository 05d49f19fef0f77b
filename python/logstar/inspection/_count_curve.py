"""The number of atoms against the threshold: what decided how many there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, check_real
from logstar.detection import SignificanceDetector

from ._style import FRONT, axes_or_new, legend_above, plain_log_axis, star, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The view reaches from 0 to this multiple of the expected and the chosen number: at thresholds
#: below the plateau noise counts as atoms, a hundred times as many as there are.
_ROOM = 1.6
#: What is to be seen whole is kept this far below the upper end of the view, as a factor.
_MARGIN = 1.1
_PLATEAU = "#d3e7f4"
_EXPECTED = "#e69f00"


class CountCurveDisplay:
    """Number of atoms over the threshold, its plateau, what was expected, and what was chosen.

    Where atoms stand clear of noise, a wide range of thresholds finds the same ones: the curve has
    a plateau. A curve that falls without one says that the number hangs on the threshold.

    Parameters
    ----------
    thresholds : array-like of shape (n_thresholds,)
        Thresholds above 0, rising, at which atoms were counted.
    counts : array-like of shape (n_thresholds,)
        Number of atoms at each.
    plateau : (float, float), default=None
        Least and greatest threshold over which the number stays the same; None draws none.
    n_expected : float, default=None
        The number that physics expects; None draws none.
    uncertainty : float, default=0.0
        By which share of it the expected number may be wrong.
    chosen : (float, float), default=None
        The threshold that was chosen, and the number of atoms there; None draws none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    curve_, expected_, chosen_ : matplotlib Line2D or None
        The counts, the expected number, and the chosen point.
    plateau_, band_ : matplotlib Polygon or None
        The plateau, and the expected number with its uncertainty.

    Raises
    ------
    ValueError
        If thresholds and counts are not as many, or a threshold is not above 0.

    See Also
    --------
    AtomFinderDisplay : Draws it beside the atoms.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.inspection import CountCurveDisplay
    >>> display = CountCurveDisplay(
    ...     [0.01, 0.03, 0.1, 0.3],
    ...     [900, 101, 100, 40],
    ...     plateau=(0.03, 0.1),
    ...     n_expected=102,
    ...     uncertainty=0.03,
    ...     chosen=(0.05, 100),
    ... ).plot()
    >>> display.ax_.get_xscale()
    'log'
    """

    def __init__(
        self,
        thresholds: ArrayLike,
        counts: ArrayLike,
        *,
        plateau: tuple[float, float] | None = None,
        n_expected: float | None = None,
        uncertainty: float = 0.0,
        chosen: tuple[float, float] | None = None,
    ) -> None:
        self.thresholds: FloatArray = np.asarray(thresholds, dtype=np.float64)
        self.counts: FloatArray = np.asarray(counts, dtype=np.float64)
        if self.thresholds.ndim != 1 or self.thresholds.shape != self.counts.shape:
            raise ValueError(
                "thresholds and counts must be two sequences of one length, got shapes "
                f"{self.thresholds.shape} and {self.counts.shape}."
            )
        if not (len(self.thresholds) and (self.thresholds > 0).all()):
            raise ValueError(
                "thresholds must hold one or more numbers above 0, as they are drawn on a "
                f"logarithmic axis; got {thresholds!r}."
            )
        self.plateau = plateau
        self.n_expected = n_expected
        self.uncertainty = check_real(uncertainty, name="uncertainty", low=0)
        self.chosen = chosen

    @classmethod
    def of(cls, finder: Any) -> Self:
        """Collect from a fitted finder what is to be drawn, and draw nothing yet.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.

        Returns
        -------
        display : CountCurveDisplay
            Not drawn.

        Raises
        ------
        NotFittedError
            If the finder is not fitted.
        """
        check_is_fitted(finder, "count_curve_")
        curve, plateau, expected = finder.count_curve_, finder.plateau_, finder.expectation_
        n_expected = expected.n_expected
        by_noise = isinstance(finder.detector_, SignificanceDetector)
        return cls(
            curve.thresholds,
            curve.counts,
            # The number of single atoms hangs on how strong noise is, and has no plateau.
            plateau=None if by_noise else (plateau.low, plateau.high),
            n_expected=None if math.isnan(n_expected) else n_expected,
            uncertainty=0.0 if math.isnan(n_expected) else expected.uncertainty,
            chosen=(float(finder.params_["threshold"]), len(finder.atoms_)),
        )

    @classmethod
    def from_estimator(cls, finder: Any, *, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw what decided how many atoms a fitted finder found.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : CountCurveDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the finder is not fitted.
        """
        return cls.of(finder).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, legend: bool = True) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        legend : bool, default=True
            Whether to explain the lines, above the axes.

        Returns
        -------
        self : CountCurveDisplay
            With the artists as attributes.
        """
        ax = axes_or_new(ax, (5.6, 4.0))
        self.plateau_ = self.band_ = self.expected_ = self.chosen_ = None
        if self.plateau is not None:
            low, high = self.plateau
            text = f"same number from {low:.2g} to {high:.2g}"
            self.plateau_ = ax.axvspan(low, high, color=_PLATEAU, lw=0, zorder=0, label=text)
        if self.n_expected is not None:
            spread = self.uncertainty * self.n_expected
            text = f"expected {self.n_expected:.0f}"
            if spread:
                self.band_ = ax.axhspan(
                    self.n_expected - spread,
                    self.n_expected + spread,
                    color=_EXPECTED,
                    alpha=0.4,
                    lw=0,
                    zorder=0.5,
                )
                text += f" ± {spread:.{0 if spread >= 1 else 1}f}"
            self.expected_ = ax.axhline(
                self.n_expected, color=_EXPECTED, lw=1.6, zorder=1, label=text
            )
        (self.curve_,) = ax.plot(
            self.thresholds, self.counts, color=FRONT, lw=1.8, zorder=2, label="atoms found"
        )
        if self.chosen is not None:
            label = f"chosen: {self.chosen[1]:.0f} at {self.chosen[0]:.2g}"
            self.chosen_ = star(ax, self.chosen, label, size=16)
        low, high = float(self.thresholds.min()), float(self.thresholds.max())
        plain_log_axis(ax, *((low, high) if low < high else (low / 2, low * 2)))
        ax.set(ylim=(0, self._top()), xlabel="threshold", ylabel="atoms")
        tidy(ax)
        if legend:
            legend_above(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _top(self) -> float:
        """Upper end of the view."""
        marked = [0.0]
        if self.chosen is not None:
            marked.append(self.chosen[1])
        if self.n_expected is not None:
            marked.append(self.n_expected * (1 + self.uncertainty))
        most = _MARGIN * float(self.counts.max())
        if max(marked) > 0:
            most = max(_MARGIN * max(marked), min(_ROOM * max(marked), most))
        return most or 1.0
