"""What a refinement finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray
from logstar.io import AtomTable
from logstar.lattice._field_of_view import as_shape
from logstar.units import PixelSize

from ._finite_pixels import finite_pixels
from ._model_image import background_image, peaks_image

#: How the fit of an atom may end, by the core's numbers.
STATUSES = (
    "ok",
    "not converged",
    "moved too far",
    "too few pixels",
    "amplitude not significant",
    "sigma at its bound",
    "outside the frame",
    "merged with a neighbour",
)


#: Residuals of neighbouring columns that are correlated by more than this have noise that is not
#: white; a fit in white noise leaves less than 0.03 at 64 px.
_CORRELATED = 0.2
#: Errors below this, in pixels, are those of images without noise, whose residuals are what
#: columns beyond the frame leave: nobody needs to be warned of them.
_NEGLIGIBLE = 0.005


@dataclass(frozen=True, eq=False, repr=False)
class Refinement:
    """Refined atoms, in the order in which they were given.

    Of an atom whose `status` is not "ok" the position is the one that was given, and errors are
    NaN. Made by `GaussianRefiner.refine`.

    Parameters
    ----------
    atoms : ndarray of shape (n_atoms, 3)
        Row, column and sigma in pixels. Of elliptical peaks sigma is that of the round peak with
        as large an area.
    errors : ndarray of shape (n_atoms, 3)
        Standard deviations of these.
    covariances : ndarray of shape (n_atoms, 2, 2)
        Covariance of row and column, in square pixels.
    amplitudes, amplitude_errors : ndarray of shape (n_atoms,)
        Height above the background in units of the image, and its standard deviation.
    intensity_errors : ndarray of shape (n_atoms,)
        Standard deviations of `intensities`; heights and sigmas are correlated.
    precisions : ndarray of shape (n_atoms, 2, 2)
        Inverse of the peak's own covariance matrix, in inverse square pixels: ``1 / sigma**2`` on
        the diagonal for round peaks.
    background : ndarray of shape (n_atoms,)
        Background at each atom, in units of the image.
    residual : ndarray of shape (n_atoms,)
        Root mean square of what the fit leaves on the atom's window, in units of the image.
    status : ndarray of shape (n_atoms,), str
        "ok", "not converged", "moved too far", "too few pixels", "amplitude not significant",
        "sigma at its bound", "outside the frame" or "merged with a neighbour".
    n_iter : int
        Steps of the fit.
    autocorrelation : float
        Correlation of residuals of neighbouring columns: near 0 for white noise, NaN for window
        fits. Far above 0, errors are too small.
    pixel_size : PixelSize or None
        Of the image.

    See Also
    --------
    GaussianRefiner : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.refinement import GaussianRefiner
    >>> rows, cols = np.indices((40, 40))
    >>> image = np.exp(-((rows - 20.3) ** 2 + (cols - 19.6) ** 2) / (2 * 2.5**2))
    >>> image += np.random.default_rng(0).normal(0, 0.001, image.shape)
    >>> found = GaussianRefiner().refine(image, [[20, 20]])
    >>> found
    Refinement(1 atom, 1 ok, ... steps)
    >>> found.atoms.round(2)
    array([[20.3, 19.6,  2.5]])
    """

    atoms: FloatArray
    errors: FloatArray
    covariances: FloatArray
    amplitudes: FloatArray
    amplitude_errors: FloatArray
    intensity_errors: FloatArray
    precisions: FloatArray
    background: FloatArray
    residual: FloatArray
    status: NDArray[np.str_]
    n_iter: int
    autocorrelation: float
    pixel_size: PixelSize | None = None

    def __repr__(self) -> str:
        n_atoms, n_good = len(self.atoms), int(self.converged.sum())
        atoms = f"{n_atoms} atom{'' if n_atoms == 1 else 's'}"
        return f"Refinement({atoms}, {n_good} ok, {self.n_iter} steps)"

    @property
    def converged(self) -> NDArray[np.bool_]:  # numpydoc ignore=RT01
        """Which atoms are "ok"."""
        return np.asarray(self.status == "ok")

    @property
    def errors_are_doubtful(self) -> bool:  # numpydoc ignore=RT01
        """Whether residuals of neighbouring pixels are correlated, so that errors are too small."""
        good = self.errors[self.converged, :2]
        if not self.autocorrelation > _CORRELATED or len(good) == 0:
            return False
        return float(np.median(good)) > _NEGLIGIBLE

    @property
    def intensities(self) -> FloatArray:  # numpydoc ignore=RT01
        """Integral of each peak, ``2 pi sigma**2 amplitude``, background removed."""
        return np.asarray(2 * math.pi * self.atoms[:, 2] ** 2 * self.amplitudes)

    def model_image(self, shape: tuple[int, ...], *, drawn: ArrayLike | None = None) -> FloatArray:
        """Draw what was fitted: peaks and the background.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        drawn : array-like of shape (n_atoms,), bool, default=None
            The atoms whose peaks are drawn; None draws those that are "ok".

        Returns
        -------
        model : ndarray of shape (n_rows, n_cols)
            In units of the image. A background that bends is linear between atoms, and beyond them
            that of the nearest. Columns beyond the frame, as ``edge="lattice"`` continues them, are
            not drawn.

        Raises
        ------
        TypeError, ValueError
            If the shape is not two integers above 0, or `drawn` no boolean for each atom.

        Examples
        --------
        >>> import numpy as np
        >>> from logstar.refinement import GaussianRefiner
        >>> rows, cols = np.indices((40, 40))
        >>> image = 3 + np.exp(-((rows - 20.3) ** 2 + (cols - 19.6) ** 2) / (2 * 2.5**2))
        >>> found = GaussianRefiner().refine(image, [[20, 20]])
        >>> bool(np.abs(found.model_image(image.shape) - image).max() < 1e-4)
        True
        """
        some = self.converged if drawn is None else np.asarray(drawn)
        if some.dtype != np.bool_ or some.shape != (len(self.atoms),):
            raise ValueError(
                f"drawn must be a boolean for each of {len(self.atoms)} atoms, got {some.dtype} of "
                f"shape {some.shape}."
            )
        shape = as_shape(shape)
        model = peaks_image(self.atoms[some], self.amplitudes[some], self.precisions[some], shape)
        known = np.isfinite(self.background)
        model += background_image(self.atoms[known], self.background[known], shape)
        return model

    def residual_image(self, image: ArrayLike) -> FloatArray:
        """Give what the fit leaves: the image less its model.

        White noise is left where the model is right. Atoms that are not in the list, or whose fit
        failed, stand out; rings around all atoms say that columns are no Gaussians.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image that was refined; not negated, where atoms are dark.

        Returns
        -------
        residual : ndarray of shape (n_rows, n_cols)
            In units of the image; NaN where the image is.

        Raises
        ------
        TypeError, ValueError
            If it is no image, or no pixel is a number.

        See Also
        --------
        logstar.inspection.ResidualDisplay : Draws it.

        Examples
        --------
        >>> import numpy as np
        >>> from logstar.refinement import GaussianRefiner
        >>> rows, cols = np.indices((40, 40))
        >>> image = 3 + np.exp(-((rows - 20.3) ** 2 + (cols - 19.6) ** 2) / (2 * 2.5**2))
        >>> found = GaussianRefiner().refine(image, [[20, 20]])
        >>> bool(np.abs(found.residual_image(image)).max() < 1e-4)
        True
        """
        pixels, known = finite_pixels(image, None)
        residual = pixels - self.model_image(pixels.shape)
        return residual if known is None else np.where(known, residual, np.nan)

    def to_table(self) -> AtomTable:
        """Give everything as a table.

        Returns
        -------
        table : AtomTable
            Columns row, col, sigma, their errors (``row_error``, ``col_error``, ``sigma_error``),
            amplitude, amplitude_error, intensity, intensity_error, background and status.
        """
        row, col, sigma = self.atoms.T
        row_error, col_error, sigma_error = self.errors.T
        return AtomTable(
            {
                "row": row,
                "col": col,
                "sigma": sigma,
                "row_error": row_error,
                "col_error": col_error,
                "sigma_error": sigma_error,
                "amplitude": self.amplitudes,
                "amplitude_error": self.amplitude_errors,
                "intensity": self.intensities,
                "intensity_error": self.intensity_errors,
                "background": self.background,
                "status": self.status,
            },
            pixel_size=self.pixel_size,
        )
