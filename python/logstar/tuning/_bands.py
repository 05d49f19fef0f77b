"""When the settings of one frame no longer fit those that follow: rules, and nothing but rules.

A series keeps its settings as long as its frames look alike. Number and distances of the atoms tell
when they do not: after a step of focus or dose the count of the very next frame is off by .4 to .8,
while over quiet frames it varies by .004.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, NamedTuple

import numpy as np

#: Least half-widths of the bands of QC, ER and the share of atoms that noise could explain. Over
#: quiet frames of 1,400 atoms QC and ER vary by .003 to .004.
_LEAST = (0.015, 0.010, 0.02)
#: Half-width of a band in standard deviations of quiet frames.
_DEVIATIONS = 4.0
#: From so many quiet frames on their standard deviation is known, and after so many it is settled:
#: a band that went on learning would follow a slow change instead of noticing it.
_KNOWN, _SETTLED = 8, 24
#: A frame alone may be a flash of the gun: so many of so many frames have to be outside.
_OUTSIDE, _OF = 2, 3

State = Literal["within", "outside", "left"]


class FrameRewards(NamedTuple):
    """What a frame's atoms say of the settings that found them.

    Parameters
    ----------
    qc : float
        QC with its sign; NaN where no number is expected.
    er : float
        ER; NaN where no distances are expected.
    significance : float, default=nan
        Share of atoms that noise could explain; NaN where it was not measured.

    Examples
    --------
    >>> from logstar.tuning._bands import FrameRewards
    >>> FrameRewards(0.01, 0.0)
    FrameRewards(qc=0.01, er=0.0, significance=nan)
    """

    qc: float
    er: float
    significance: float = math.nan


class Bands:
    """Bands around the rewards of a tuned frame, which quiet frames stay within.

    Parameters
    ----------
    tuned : FrameRewards
        Of the frame that was tuned on, with the settings that were chosen.
    uncertainty : float, default=0.0
        Relative standard deviation of the expected number: a crystal that drifts takes rows of
        atoms over the image's edges, by which the number varies whatever the settings are.

    Examples
    --------
    >>> from logstar.tuning._bands import Bands, FrameRewards
    >>> bands = Bands(FrameRewards(0.002, 0.001))
    >>> [bands.judge(FrameRewards(qc, 0.001)) for qc in (0.004, 0.5, 0.003, 0.5)]
    ['within', 'outside', 'within', 'left']
    """

    def __init__(self, tuned: FrameRewards, *, uncertainty: float = 0.0) -> None:
        self.tuned = tuned
        self._least = np.array([max(_LEAST[0], uncertainty), *_LEAST[1:]])
        self._quiet = [np.array(tuned, dtype=np.float64)]
        self._outside: deque[bool] = deque(maxlen=_OF)

    @property
    def half_widths(self) -> FrameRewards:  # numpydoc ignore=RT01
        """How far a frame's rewards may be from those of quiet frames."""
        widths = self._least
        n_quiet = len(self._quiet)
        if n_quiet >= _KNOWN:
            widths = np.fmax(widths, _DEVIATIONS * np.std(self._quiet, axis=0, ddof=1))
        # The mean of few frames is uncertain itself.
        widths = widths * math.sqrt(1 + 1 / n_quiet)
        return FrameRewards(*map(float, widths))

    @property
    def centre(self) -> FrameRewards:  # numpydoc ignore=RT01
        """Mean rewards of quiet frames, the tuned one among them."""
        return FrameRewards(*map(float, np.mean(self._quiet, axis=0)))

    @property
    def is_trusted(self) -> bool:  # numpydoc ignore=RT01
        """Whether the tuned frame has as many atoms as expected.

        Where it has not, after it was tuned on, no settings help: what is expected is wrong, such
        as after a step of magnification that nobody told.
        """
        return math.isnan(self.tuned.qc) or abs(self.tuned.qc) <= self.half_widths.qc

    def contains(self, rewards: FrameRewards) -> bool:
        """Whether rewards are those of a quiet frame; what is NaN is not compared.

        Parameters
        ----------
        rewards : FrameRewards
            Of any frame.

        Returns
        -------
        within : bool
            They are taken in by `judge` alone.
        """
        now = np.array(rewards, dtype=np.float64)
        # A comparison with NaN is False.
        return not (np.abs(now - self.centre) > np.array(self.half_widths)).any()

    def judge(self, rewards: FrameRewards) -> State:
        """Take in the rewards of the next frame.

        Parameters
        ----------
        rewards : FrameRewards
            With the settings of the tuned frame. A reward that is NaN here or there is not
            compared.

        Returns
        -------
        state : {"within", "outside", "left"}
            "left" if it is outside, and so was one of the two frames before it: settings have to be
            tuned anew, and with them begin other bands.
        """
        outside = not self.contains(rewards)
        self._outside.append(outside)
        if outside:
            return "left" if sum(self._outside) >= _OUTSIDE else "outside"
        if len(self._quiet) < _SETTLED:
            self._quiet.append(np.array(rewards, dtype=np.float64))
        return "within"
