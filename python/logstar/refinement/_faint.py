"""How much larger the errors of faint atoms are than the curvature at the fit says."""

from __future__ import annotations

from typing import Literal

import numpy as np

from logstar._validation import FloatArray

#: By what the mean square of an error, in units of the naive standard deviation, is more than 1:
#: ``c * R**2 + d * R**4`` with the relative error R of the height. Pairs (c, d) are for the
#: position, sigma and the height.
#:
#: c follows from the likelihood's higher derivatives. For the position of a round peak of known
#: width, expanding the maximum of the matched filter in the noise gives 5: 4 for the true error,
#: which is larger, and 1 for the height in the naive one, which is found too great. Where the width
#: is fitted, simulated errors and their first-order parts in the same noise give 5.5 +- .2, for
#: sigma 11 +- 1 and for the height 3 +- .4. d is fitted to simulated lone peaks up to R = .25 and
#: contains fits that narrow down onto a maximum of noise, as ellipses do more easily.
_TERMS = {
    "isotropic": ((5.5, 60.0), (11.0, 80.0), (3.0, 40.0)),
    "elliptical": ((5.5, 190.0), (11.0, 280.0), (4.5, 90.0)),
}
#: An atom of a greater relative error of the height is none.
_MOST = 1 / 3


def faintness_factors(
    relative: FloatArray, model: Literal["isotropic", "elliptical"], *, is_shared: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Give what standard deviations of atoms that are fitted together are to be multiplied by.

    Parameters
    ----------
    relative : ndarray of shape (n_atoms,)
        Naive standard deviations of the heights by these.
    model : {"isotropic", "elliptical"}
        The peaks.
    is_shared : bool, default=False
        Whether peaks share their shape, which is then known better than that of one.

    Returns
    -------
    factors : ndarray of shape (n_atoms, 4)
        Of row, column, sigma and height; NaN where `relative` is.
    intensity : ndarray of shape (n_atoms,)
        Of integrated intensities: that of heights. Heights and widths err in opposite directions.
    """
    square = np.minimum(np.abs(relative), _MOST) ** 2
    position, sigma, height = (
        np.sqrt(1 + second * square + fourth * square**2) for second, fourth in _TERMS[model]
    )
    if is_shared:
        sigma = np.where(np.isnan(square), np.nan, 1.0)
    return np.stack([position, position, sigma, height], axis=1), height
