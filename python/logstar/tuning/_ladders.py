"""Which ladders of sigmas a search tries."""

from __future__ import annotations

import math
from typing import NamedTuple

#: Steps of the ladder that all others are parts of, and those at which parts begin and end; all
#: pairs are tried.
_N_STEPS, _STARTS, _ENDS = 24, (0, 5, 7, 9, 11), (12, 24)


class Ladders(NamedTuple):
    """Contiguous parts of one ladder, which share its scale space.

    Where they begin counts most: sigmas far below the atoms' find noise. With beginnings close to
    half of the range, F1 on simulated YBa2Cu3O7 (256 px of 0.2 angstrom, means of eight seeds that
    had no say in the choice) is 0.995 at noise 0.3 and 0.932 at noise 0.5; with none above a third
    of the range it was 0.986 and 0.889. Beyond half of it noise alone passes for atoms: maxima are
    then as many and as far apart as expected, whatever the threshold.

    Attributes
    ----------
    min_sigma, max_sigma : list of float
        Choices for the ends, in pixels; each lower one is below each upper one.
    step : float
        From one sigma to the next, in pixels.
    """

    min_sigma: list[float]
    max_sigma: list[float]
    step: float

    @classmethod
    def within(cls, low: float, high: float) -> Ladders:
        """Divide a range of sigmas; its ends are met but for rounding."""
        # Multiples of a power of two, with digits to spare: every sigma is exact, so that parts
        # have the same bits.
        quantum = math.ldexp(1.0, math.frexp(low)[1] - 40)
        first = quantum * round(low / quantum)
        step = quantum * max(1, round((high - low) / _N_STEPS / quantum))
        return cls([first + step * i for i in _STARTS], [first + step * i for i in _ENDS], step)

    @property
    def n_ladders(self) -> int:
        """Ladders that there are."""
        return len(self.min_sigma) * len(self.max_sigma)
