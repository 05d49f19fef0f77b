"""The least errors that positions can have, by the Cramér-Rao inequality."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import FloatArray, as_positions, check_real

#: Peaks are computed this many sigmas far; beyond, less than 1e-10 of the information is left.
_REACH = 7.0
#: More atoms make a matrix of information that is slow to invert: parts of an image will do.
_MOST_ATOMS = 500


def cramer_rao_bound(
    positions: ArrayLike,
    sigma: ArrayLike,
    amplitude: ArrayLike = 1.0,
    *,
    noise: float | None = None,
    dose: float | None = None,
    background: float = 0.0,
    known_background: bool = False,
    known_sigma: bool = False,
    shape: tuple[int, int] | None = None,
) -> FloatArray:
    """Compute the least standard deviations that unbiased positions and sigmas can have.

    The inverse of Fisher's information about row, column, sigma and amplitude of all peaks and a
    constant background together. For one well-sampled peak in white noise of standard deviation n
    that is ``sqrt(2 / pi) n / A = 0.798 n / A`` pixels for row and column, whatever sigma is; for
    N counted electrons and no background ``sigma / sqrt(N)``.

    Parameters
    ----------
    positions : array-like of shape (n_atoms, >=2)
        Rows and columns in pixels; further columns are ignored. At most 500.
    sigma : float or array-like of shape (n_atoms,)
        Standard deviations of the peaks, in pixels.
    amplitude : float or array-like of shape (n_atoms,), default=1.0
        Their heights above the background.
    noise : float, default=None
        Standard deviation of white noise, in units of the amplitude.
    dose : float, default=None
        Electrons a pixel for an intensity of 1: Poisson's law. Either this or `noise`.
    background : float, default=0.0
        Constant background, in units of the amplitude; it matters for `dose` only.
    known_background, known_sigma : bool, default=False
        Whether the background, and the sigmas, are known rather than fitted.
    shape : tuple of two int, default=None
        Rows and columns of the image; None is as much as the peaks need.

    Returns
    -------
    bound : ndarray of shape (n_atoms, 3)
        Standard deviations of row, column and sigma (0 if that is known), in pixels.

    Raises
    ------
    ValueError
        For more atoms than 500, a sigma, noise or dose that is not above 0, or unless exactly one
        of `noise` and `dose` is given.

    References
    ----------
    S. Van Aert et al., J. Struct. Biol. 138, 21 (2002).

    Examples
    --------
    >>> from logstar.refinement import cramer_rao_bound
    >>> cramer_rao_bound([[20.3, 20.8]], 2.5, noise=0.1).round(4)
    array([[0.0798, 0.0798, 0.0582]])
    >>> cramer_rao_bound([[20, 20]], 2.5, dose=100, known_background=True).round(4)
    array([[0.0399, 0.0399, 0.0199]])
    """
    atoms = as_positions(positions)
    if len(atoms) > _MOST_ATOMS:
        raise ValueError(
            f"positions has {len(atoms)} atoms; at most {_MOST_ATOMS} are taken together: give a "
            "part of the image."
        )
    if (noise is None) == (dose is None):
        raise ValueError(f"give either noise or dose, got noise={noise!r} and dose={dose!r}.")
    level = check_real(
        noise if dose is None else dose,
        name="noise" if dose is None else "dose",
        low=0,
        low_included=False,
    )
    ground = check_real(background, name="background", low=0)
    sigmas = np.broadcast_to(np.asarray(sigma, dtype=np.float64), len(atoms))
    heights = np.broadcast_to(np.asarray(amplitude, dtype=np.float64), len(atoms))
    if not (np.isfinite(sigmas) & (sigmas > 0)).all():
        raise ValueError(f"sigma must be above 0 and finite, got {sigma!r}.")
    if len(atoms) == 0:
        return np.empty((0, 3))
    first, n_rows, n_cols = _frame(atoms, sigmas, shape)
    rows, cols = np.arange(n_rows) + first[0], np.arange(n_cols) + first[1]
    derivatives, model = _derivatives(atoms, sigmas, heights, rows, cols, known_sigma)
    if not known_background:
        derivatives.append(np.ones((n_rows, n_cols)))
    jacobian = np.reshape(derivatives, (len(derivatives), -1))
    variance = level**2 if dose is None else np.maximum(model + ground, 1e-12).ravel() / level
    information = (jacobian / variance) @ jacobian.T
    # Units differ by orders of magnitude: scaled, the inverse keeps its digits.
    scale = 1 / np.sqrt(np.maximum(information.diagonal(), np.finfo(float).tiny))
    covariance = np.linalg.pinv(information * scale * scale[:, None], hermitian=True)
    errors = np.sqrt(np.maximum(covariance.diagonal(), 0)) * scale
    n_each = 3 if known_sigma else 4
    table = errors[: n_each * len(atoms)].reshape(len(atoms), n_each)
    result = np.zeros((len(atoms), 3))
    result[:, :2] = table[:, :2]
    if not known_sigma:
        result[:, 2] = table[:, 3]
    return result


def _frame(
    atoms: FloatArray, sigmas: FloatArray, shape: tuple[int, int] | None
) -> tuple[tuple[int, int], int, int]:
    """First row and column, and numbers of rows and columns, of the pixels that tell something."""
    if shape is not None:
        return (0, 0), int(shape[0]), int(shape[1])
    reach = _REACH * float(sigmas.max())
    low = np.floor(atoms.min(axis=0) - reach).astype(int)
    high = np.ceil(atoms.max(axis=0) + reach).astype(int)
    return (int(low[0]), int(low[1])), int(high[0] - low[0] + 1), int(high[1] - low[1] + 1)


def _derivatives(
    atoms: FloatArray,
    sigmas: FloatArray,
    heights: FloatArray,
    rows: np.ndarray,
    cols: np.ndarray,
    known_sigma: bool,
) -> tuple[list[FloatArray], FloatArray]:
    """Derivatives of the image by row, column, amplitude and sigma of each atom, and the image."""
    model = np.zeros((len(rows), len(cols)))
    derivatives = []
    for (row, col), sigma, height in zip(atoms, sigmas, heights, strict=True):
        x, y = rows[:, None] - row, cols - col
        profile = np.exp(-(x**2 + y**2) / (2 * sigma**2))
        model += height * profile
        peak = height * profile / sigma**2
        derivatives += [peak * x, peak * y, profile]
        if not known_sigma:
            derivatives.append(peak * (x**2 + y**2) / sigma)
    return derivatives, model
