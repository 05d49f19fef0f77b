"""How many maxima of noise are expected above a strength: the tail that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import FloatArray

#: At most this many maxima make the tail of noise.
_TAIL = 400
#: Significance beyond this is not told apart.
_LARGEST = 300.0


class NoiseTail(NamedTuple):
    """How many maxima of noise are expected above a strength.

    Parameters
    ----------
    n : int
        How many maxima the tail was measured on, K.
    start : float
        Strength from which on they were counted, z0.
    scale : float
        How fast they become rarer, v.
    skewness : float, default=0.0
        That of the noise, at least 0. By Bernstein's inequality its tail falls as if z^2 were
        z^2 / (1 + skewness z / 3).

    Examples
    --------
    >>> from logstar.detection import NoiseTail
    >>> tail = NoiseTail(n=400, start=3.0, scale=1.0)
    >>> round(float(tail.expected_false(5.0)), 3)
    0.134
    >>> round(tail.threshold(0.134), 2)
    5.0
    """

    n: int
    start: float
    scale: float
    skewness: float = 0.0

    @classmethod
    def of(cls, maxima: ArrayLike, *, skewness: float = 0.0) -> Self:
        """Measure the tail of maxima that are none of atoms.

        Parameters
        ----------
        maxima : array-like of shape (n,)
            Their strengths, in any order.
        skewness : float, default=0.0
            Of the noise.

        Returns
        -------
        tail : NoiseTail
            Of at most 400 of them, and at most half; of less than three, one that says nothing
            against any atom.
        """
        strengths = np.sort(np.asarray(maxima, dtype=np.float64))[::-1]
        n = min(len(strengths) // 2, _TAIL)
        if n == 0:
            return cls(1, 0.0, 1.0)
        skewness = max(skewness, 0.0)
        squares = _squares(strengths[: n + 1], skewness)
        scale = float(np.mean(squares[:n] - squares[n])) / 2
        return cls(n, float(strengths[n]), max(scale, np.finfo(np.float64).tiny), skewness)

    def expected_false(self, strengths: ArrayLike) -> FloatArray:
        """Give how many maxima of noise are expected to be at least so strong.

        Parameters
        ----------
        strengths : array-like of shape (n,)
            Strengths, z.

        Returns
        -------
        expected : ndarray of shape (n,)
            Lambda, in the area that the tail was measured on.
        """
        return np.asarray(10.0 ** -self.significance(strengths))

    def significance(self, strengths: ArrayLike) -> FloatArray:
        """Give minus the decimal logarithm of that number, at most 300.

        Parameters
        ----------
        strengths : array-like of shape (n,)
            Strengths, z.

        Returns
        -------
        significance : ndarray of shape (n,)
            Above 0 where less than one is expected.
        """
        z = np.maximum(np.asarray(strengths, dtype=np.float64), 0.0)
        with np.errstate(over="ignore"):
            exponents = self.exponents(z)
        return np.minimum(exponents / math.log(10) - math.log10(self.n), _LARGEST)

    def exponents(self, strengths: FloatArray) -> FloatArray:
        """Give minus the natural logarithm of the share of the tail that is at least so strong.

        Parameters
        ----------
        strengths : ndarray of shape (n,)
            Strengths, z, at least 0.

        Returns
        -------
        exponents : ndarray of shape (n,)
            0 where the tail starts.
        """
        squares = _squares(strengths, self.skewness)
        return np.asarray((squares - self._start_square) / (2 * self.scale))

    def threshold(self, n_false: float) -> float:
        """Give the strength above which so many maxima of noise are expected.

        Parameters
        ----------
        n_false : float
            How many, above 0.

        Returns
        -------
        threshold : float
            Strength, z; 0 where even all maxima of noise are fewer.
        """
        square = max(self._start_square + 2 * self.scale * math.log(self.n / n_false), 0.0)
        half = self.skewness * square / 6
        return half + math.sqrt(half**2 + square)

    @property
    def _start_square(self) -> float:
        return float(_squares(np.float64(self.start), self.skewness))


def _squares(strengths: Any, skewness: float) -> Any:
    """Squares of strengths, less where noise is skewed: twice the exponents of its tail."""
    return strengths**2 / (1 + skewness * strengths / 3)


class NoiseMaxima(NamedTuple):
    """Maxima of an image or of parts of it that are none of atoms.

    Attributes
    ----------
    strengths : ndarray of shape (n,)
        Their strengths, of many the strongest; all together they make one tail.
    skewness : float
        Of the noise.
    """

    strengths: FloatArray
    skewness: float = 0.0

    def strongest(self) -> NoiseMaxima:
        """Those that a tail is made of, and as many more, which say that there are more."""
        return self._replace(strengths=np.sort(self.strengths)[::-1][: 2 * _TAIL + 2])

    def tail(self) -> NoiseTail:
        """The tail that they have."""
        return NoiseTail.of(self.strengths, skewness=self.skewness)


def significance_of(strengths: ArrayLike, tails: Sequence[NoiseTail]) -> FloatArray:
    """Significance by the tail of noise that expects the most maxima."""
    found = [tail.significance(strengths) for tail in tails]
    return np.asarray(np.min(found, axis=0), dtype=np.float64)
