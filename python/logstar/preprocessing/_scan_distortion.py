"""Removal of what drift and jitter did to a scan, as far as its crystal tells."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special
from scipy.interpolate import make_smoothing_spline
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, Image, as_positions, check_real
from logstar.exceptions import CalibrationError
from logstar.lattice import DriftField, ImageLattice, Lattice, estimate_drift

from ._base import ImageTransformer, in_precision_of
from ._row_shifts import row_shifts
from ._scan_lines import shift_rows

_CHOICES = {
    "polarity": ("bright", "dark"),
    "bending": ("rows", "field", None),
    "scale": ("scan", "lattice"),
}
#: With fewer rows of points a drift is not smoothed; the spline needs five.
_LEAST_POINTS = 5
#: Points nearer to the edges than this many, where half of what is averaged lies outside of the
#: image, do not count in the mean over a row of points.
_EDGE_POINTS = 2
#: Least weight of a point, that of the edges being 0: where there is nothing else, they count.
_LEAST_WEIGHT = 1e-2
#: Smooth maps are computed at points this many pixels apart, and interpolated by cubic splines. Of
#: three swings in 512 px with an amplitude of 6 px that loses 1e-5 px.
_COARSE = 4
#: An atom lies in several rows; how far it is shifted is their mean, weighed by a Gaussian of this
#: sigma, as a share of the nearest distance of two columns.
_ATOM_SIGMA = 0.17


class ScanDistortionCorrector(ImageTransformer):
    """Take drift, jitter of rows and a skew out of a scan, by the crystal that it shows.

    The sample drifts while it is scanned, line by line: a steady drift stretches and shears the
    image, one that changes bends it. And the beam does not return to the same place after each
    line. In a perfect crystal all of this shows: its Bragg peaks' local phases tell the bend, each
    row of pixels compared with the mean cell tells its own shift, and the mean cell compared with
    that of the crystal, where it is known, the stretch and the shear.

    Parameters
    ----------
    lattice : Lattice, default=None
        The crystal. None does not know which stretch and shear are of the scan: they stay.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.
    bending : {"rows", "field"} or None, default="rows"
        What is taken out of the slow displacements: "rows", what all of a row has in common, as
        drift has; "field", all of them; None, nothing. Slow strain of the sample looks the same.
    row_jitter : bool, default=True
        Whether rows are shifted along themselves to where the crystal has them.
    scale : {"scan", "lattice"}, default="scan"
        With a crystal, how large a pixel becomes: "scan" keeps the distances along the rows, the
        fast direction in which hardly any time passes; "lattice" believes the crystal's pixel size.
    max_shift : float, default=3.0
        Largest shift of a row that is corrected, in pixels.

    Attributes
    ----------
    lattice_ : ImageLattice
        The lattice that the image shows.
    drift_ : DriftField
        The bend: what is added to row and column of places of the image.
    shifts_ : ndarray of shape (n_rows,)
        How far each row shows everything to the right, in pixels.
    affine_ : ndarray of shape (2, 2)
        What steps (row, col) of the image are multiplied with, from the right, about its middle.

    Raises
    ------
    CalibrationError
        By `fit`, if the image's lattice is not that of the crystal.
    NotOneLatticeError
        By `fit`, if the image shows no lattice, or several.

    See Also
    --------
    ScanLineCorrector : Needs no crystal, but finds fast jitter alone.
    logstar.detection.DetectionPipeline : Brings atoms found in a corrected image back to the raw.

    Notes
    -----
    Fitted to one image, it corrects that image and all that were recorded with the same scan. It
    changes places alone: where the scan did not look, the nearest pixel is repeated; `field_` tells
    where that is not so. `to_corrected` and `to_raw` lead positions of atoms both ways.

    Bending is that of Hytch, Snoeck, Kilaas, Ultramicroscopy 74, 131 (1998). On simulated SrTiO3
    (512 px, 60 electrons a pixel) a bend of 2.5 to 5 px rms is found to 0.1 to 0.2 px.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_typical_scene
    >>> from logstar.preprocessing import ScanDistortionCorrector
    >>> scene = make_typical_scene("bent_drift", (256, 256), random_state=1)
    >>> corrector = ScanDistortionCorrector().fit(scene.image)
    >>> corrector.description_
    'bent by 1.7 px (rms), rows jitter by 0.3 px'
    >>> straight = corrector.transform(scene.image)
    >>> there = corrector.to_corrected(scene.positions)
    >>> bool(np.allclose(corrector.to_raw(there), scene.positions))
    True
    """

    _learns = True

    def __init__(
        self,
        lattice: Lattice | None = None,
        *,
        polarity: Literal["bright", "dark"] = "bright",
        bending: Literal["rows", "field"] | None = "rows",
        row_jitter: bool = True,
        scale: Literal["scan", "lattice"] = "scan",
        max_shift: float = 3.0,
    ) -> None:
        self.lattice = lattice
        self.polarity = polarity
        self.bending = bending
        self.row_jitter = row_jitter
        self.scale = scale
        self.max_shift = max_shift

    def _check_parameters(self) -> None:
        if self.lattice is not None and (
            not isinstance(self.lattice, Lattice) or isinstance(self.lattice, ImageLattice)
        ):
            raise TypeError(f"lattice must be a Lattice or None, got {self.lattice!r}.")
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if not (value is None or isinstance(value, str)) or value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
        if not isinstance(self.row_jitter, (bool, np.bool_)):
            raise TypeError(f"row_jitter must be True or False, got {self.row_jitter!r}.")
        check_real(self.max_shift, name="max_shift", low=0, low_included=False)

    def _fit_images(self, images: list[Image]) -> None:
        if len(images) != 1:
            raise ValueError(
                f"each scan is distorted in its own way: fit one image, got {len(images)}."
            )
        image = images[0]
        seen = ImageLattice.from_image(image, polarity=self.polarity)
        self.affine_ = self._affine(seen)
        drift = estimate_drift(image, seen, polarity=self.polarity)
        if self.bending is None:
            drift = DriftField(np.zeros((2, 1, 1)), (1.0, 1.0), (0.0, 0.0))
        elif self.bending == "rows":
            drift = _of_rows(drift, image.shape[0])
        self.shifts_ = np.zeros(image.shape[0])
        if self.row_jitter:
            sign = 1 if self.polarity == "bright" else -1
            self.shifts_ = row_shifts(sign * image, seen, drift, float(self.max_shift))
        self.drift_, self.lattice_, self._shape = drift, seen, image.shape
        self._of_atoms = ndimage.gaussian_filter1d(
            self.shifts_, _ATOM_SIGMA * seen.nearest_distance, mode="nearest"
        )

    def _affine(self, seen: ImageLattice) -> FloatArray:
        if self.lattice is None:
            return np.eye(2)
        crystal = self.lattice
        if crystal.pixel_size is None:
            crystal = crystal.with_pixel_size(1.0)
        comparison = crystal.compare(seen)
        if not comparison.agrees:
            raise CalibrationError(str(comparison))
        # The crystal may be turned in any way. That drift does not turn the rows settles it: the
        # direction of the columns' step stays.
        straight = np.linalg.inv(comparison.distortion)
        row, col = straight[1]
        length = float(np.hypot(row, col))
        turn = np.array([[col, row], [-row, col]]) / length
        size = length if self.scale == "scan" else 1 + comparison.pixel_size_error
        return np.asarray(straight @ turn / size)

    @property
    def description_(self) -> str:  # numpydoc ignore=RT01
        """What was found, in words."""
        check_is_fitted(self)
        words = [str(self.drift_)] if self.bending is not None else []
        if self.row_jitter:
            words.append(f"rows jitter by {float(np.std(self.shifts_)):.1f} px")
        if self.lattice is not None:
            strain = float(np.abs(self.affine_ - np.eye(2)).max())
            words.append(f"affine {strain:.1%}")
        return ", ".join(words) or "nothing was to be found"

    @property
    def displacement_(self) -> FloatArray:  # numpydoc ignore=RT01
        """What leads each pixel of the raw image to where it belongs: (n_rows, n_cols, 2)."""
        check_is_fitted(self)
        pixels = np.indices(self._shape).reshape(2, -1).T.astype(np.float64)
        pixels[:, 1] -= np.repeat(self.shifts_, self._shape[1])
        moved = self._straightened(pixels).reshape(*self._shape, 2)
        return np.asarray(moved - np.moveaxis(np.indices(self._shape), 0, 2))

    @property
    def field_(self) -> NDArray[np.bool_]:  # numpydoc ignore=RT01
        """Where the corrected image shows what was scanned: (n_rows, n_cols)."""
        check_is_fitted(self)
        rows, cols = self._sources()
        n_rows, n_cols = self._shape
        inside = (rows >= -0.5) & (rows < n_rows - 0.5) & (cols >= -0.5) & (cols < n_cols - 0.5)
        return np.asarray(inside)

    def to_corrected(self, positions: ArrayLike) -> FloatArray:
        """Lead positions in the raw image to those in the corrected one.

        Parameters
        ----------
        positions : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        corrected : ndarray of shape (n, 2)
            Row and column of each.
        """
        check_is_fitted(self)
        points = as_positions(positions).copy()
        points[:, 1] -= self._shift_at(points[:, 0])
        return self._straightened(points)

    def to_raw(self, positions: ArrayLike) -> FloatArray:
        """Lead positions in the corrected image back to those in the raw one.

        Parameters
        ----------
        positions : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        raw : ndarray of shape (n, 2)
            Of places that the scan did not look at they are outside of the image.
        """
        check_is_fitted(self)
        points = self._bent(as_positions(positions))
        points[:, 1] += self._shift_at(points[:, 0])
        return points

    def _transform_image(self, image: Image) -> Image:
        if image.shape != self._shape:
            raise ValueError(
                f"an image must have the shape of the scan that was fitted, {self._shape}, got "
                f"{image.shape}."
            )
        steady = shift_rows(image, -self.shifts_) if self.shifts_.any() else image
        moved = ndimage.map_coordinates(
            np.asarray(steady, dtype=np.float64), self._sources(), order=3, mode="nearest"
        )
        return in_precision_of(image, moved)

    def _straightened(self, points: FloatArray) -> FloatArray:
        middle = (np.array(self._shape) - 1) / 2
        straight = self.drift_.straightened(points)
        return np.asarray(middle + (straight - middle) @ self.affine_)

    def _bent(self, points: FloatArray) -> FloatArray:
        middle = (np.array(self._shape) - 1) / 2
        return self.drift_.bent(middle + (points - middle) @ np.linalg.inv(self.affine_))

    def _shift_at(self, rows: FloatArray) -> FloatArray:
        return np.interp(rows, np.arange(len(self._of_atoms)), self._of_atoms)

    def _sources(self) -> FloatArray:
        """Where each pixel of the corrected image is in the raw one but for the jitter of rows."""
        coarse = [np.arange(-(-n // _COARSE) + 1) * _COARSE for n in self._shape]
        points = np.stack(np.meshgrid(*coarse, indexing="ij"), axis=-1).reshape(-1, 2)
        sources = self._bent(points.astype(np.float64)).T.reshape(2, *map(len, coarse))
        steps = sources - np.stack(np.meshgrid(*coarse, indexing="ij"))
        pixels = np.indices(self._shape, dtype=np.float64)
        between = [
            ndimage.map_coordinates(step, pixels / _COARSE, order=3, mode="nearest")
            for step in steps
        ]
        return np.asarray(pixels + between)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = False
        return tags


def _of_rows(drift: DriftField, n_rows: int) -> DriftField:
    """What all of a row of points has in common, smooth and as far as the image's edges."""
    n_points = drift.steps.shape[2]
    inner = slice(_EDGE_POINTS, -_EDGE_POINTS) if n_points > 2 * _EDGE_POINTS else slice(None)
    # The median, as where the crystal has defects phases are wrong.
    means = np.median(drift.steps[:, :, inner], axis=2)
    if means.shape[1] < _LEAST_POINTS:
        return DriftField(means[:, :, None], drift.spacing, drift.first)
    places = drift.first[0] + drift.spacing[0] * np.arange(means.shape[1])
    # Points are half a standard deviation of what is averaged apart.
    from_edge = np.minimum(np.arange(len(places)), np.arange(len(places))[::-1]) + 0.5
    weights = np.maximum(special.erf(from_edge / 2 / np.sqrt(2)) ** 2, _LEAST_WEIGHT)
    at = np.arange(0, n_rows + _COARSE, _COARSE, dtype=np.float64)
    smooth = [make_smoothing_spline(places, values, weights)(at) for values in means]
    return DriftField(np.array(smooth)[:, :, None], (float(_COARSE), 1.0), (0.0, 0.0))
