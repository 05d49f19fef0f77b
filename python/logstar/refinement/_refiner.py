"""Gaussian peaks fitted to an image, all together or each in a window of its own."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from sklearn.base import BaseEstimator

from logstar import _core
from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image, as_positions, check_integer, check_real
from logstar.exceptions import CorrelatedNoiseWarning, UndersampledWarning
from logstar.lattice import ImageLattice
from logstar.neighbors import distance_sums
from logstar.units import PixelSize

from ._beyond import columns_beyond
from ._faint import faintness_factors
from ._finite_pixels import finite_pixels
from ._refinement import STATUSES, Refinement

#: Sigma of an atom by its nearest distance, where nothing is known of it: between the 0.13 of light
#: and the 0.22 of heavy columns on the shared micrographs.
_SIGMA = 0.17
#: A lone atom without neighbours may move this many sigmas.
_LONE_LIMIT = 3.0
#: Sigma of a lone atom of unknown size, in pixels.
_LONE_SIGMA = 2.0
#: How many atoms are looked at to learn the sigma that a fit begins with.
_SAMPLE = 200
#: Nodes of a smooth background lie this many nearest distances apart: no atom is bent into it.
_BACKGROUND_STEP = 4.0
#: Pixels further from every atom than this share of the nearest distance may show columns that are
#: not listed.
_EDGE_REACH = 0.5
#: Below this sigma, in pixels, errors depend on where in its pixel an atom lies.
_LEAST_SIGMA = 0.7
#: Kinds with fewer atoms do not tell how far their errors are from the naive ones.
_LEAST_OF_KIND = 8

_CHOICES = {
    "model": ("isotropic", "elliptical"),
    "likelihood": ("gaussian", "poisson"),
    "background": ("constant", "smooth"),
    "share_sigma": (None, "kind", "all"),
    "edge": ("mask", "lattice", "ignore"),
    "covariance": ("robust", "white"),
    "polarity": ("bright", "dark"),
}


class _Starts(NamedTuple):
    """Where the fit begins: (n, 4) row, column, sigma, limit; kinds; which are beyond the frame."""

    table: FloatArray
    kinds: NDArray[np.uint32]
    ghosts: NDArray[np.bool_]
    spacing: float


class GaussianRefiner(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Refine positions to a fraction of a pixel by Gaussian peaks fitted to the image.

    All peaks are fitted together (Levenberg-Marquardt over the whole image), so that overlapping
    neighbours do not bias one another: in white noise, errors reach the Cramér-Rao bound. Each atom
    comes with its own standard deviations.

    Parameters
    ----------
    model : {"isotropic", "elliptical"}, default="isotropic"
        Round peaks, or ellipses of any direction (astigmatism, scan distortion). Round peaks
        misplace elliptical ones that overlap: by 0.003 pixels at a ratio of 1.25 of the axes.
    joint : bool, default=True
        Fit all peaks together; False fits each in a window of its own, for a quick look.
    likelihood : {"gaussian", "poisson"}, default="gaussian"
        Noise that is the same everywhere, or whose variance is proportional to the intensity
        (counted electrons, an image with a true zero).
    background : {"constant", "smooth"}, default="constant"
        One number, or one that bends slowly (bilinear between nodes four nearest distances apart).
    share_sigma : {None, "kind", "all"}, default=None
        Whether peaks of one kind, or all, have one shape. It steadies weak atoms and disorder.
    window : float, default=2.0
        Half width of the window of a single fit, in sigmas; not used if `joint`.
    reach : float, default=5.0
        How far a peak is taken to reach, in sigmas.
    max_shift : float, default=0.4
        How far an atom may move along each axis, as a share of the median nearest distance.
    edge : {"mask", "lattice", "ignore"}, default="mask"
        What becomes of columns beyond the frame, whose tails are seen: pixels within 2.5 sigmas of
        the frame and far from every atom are left out; or the columns are continued from a
        `lattice`, with the kinds of the atoms at its columns; or nothing is done, which biases the
        outermost atoms.
    covariance : {"robust", "white"}, default="robust"
        Errors by what residuals show, the pixels of a scan line being dependent (jitter); or as if
        noise were white.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings (HAADF) or darker (ABF).
    max_iter : int, default=40
        The most steps that are tried.
    tol : float, default=1e-3
        Atoms that move less in a step, in pixels, have converged.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.

    See Also
    --------
    logstar.refinement.cramer_rao_bound : The least errors that there can be.
    logstar.LoGStarDetector : Finds the positions to begin with.

    Notes
    -----
    Starts that are up to 1.6 sigma off converge. Of two starts closer than half a sigma the later
    is left out as merged. NaN pixels and those that a `mask` excludes have no weight.

    Errors of atoms that are fitted together are larger than the curvature of the fit says by what
    noise bends it: by 2 % where the height is known to 9 %, by 20 % where it is to 23 %.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.refinement import GaussianRefiner
    >>> lattice = Lattice.perovskite(3.905, pixel_size=0.2)
    >>> scene = make_scene(lattice, shape=(128, 128), noise=0.02, random_state=0)
    >>> inside = ((scene.positions > 2) & (scene.positions < 125)).all(axis=1)
    >>> found = GaussianRefiner().refine(scene.image, scene.positions[inside].round())
    >>> bool(found.converged.all())
    True
    >>> off = found.atoms[:, :2] - scene.positions[inside]
    >>> bool(np.sqrt((off**2).mean()) < 0.05)
    True
    """

    def __init__(
        self,
        model: Literal["isotropic", "elliptical"] = "isotropic",
        *,
        joint: bool = True,
        likelihood: Literal["gaussian", "poisson"] = "gaussian",
        background: Literal["constant", "smooth"] = "constant",
        share_sigma: Literal["kind", "all"] | None = None,
        window: float = 2.0,
        reach: float = 5.0,
        max_shift: float = 0.4,
        edge: Literal["mask", "lattice", "ignore"] = "mask",
        covariance: Literal["robust", "white"] = "robust",
        polarity: Literal["bright", "dark"] = "bright",
        max_iter: int = 40,
        tol: float = 1e-3,
        n_jobs: int | None = None,
    ) -> None:
        self.model = model
        self.joint = joint
        self.likelihood = likelihood
        self.background = background
        self.share_sigma = share_sigma
        self.window = window
        self.reach = reach
        self.max_shift = max_shift
        self.edge = edge
        self.covariance = covariance
        self.polarity = polarity
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def refine(
        self,
        image: ArrayLike,
        positions: ArrayLike,
        *,
        kinds: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        lattice: ImageLattice | None = None,
    ) -> Refinement:
        """Refine the positions of atoms.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image. NaN pixels are left out.
        positions : array-like of shape (n_atoms, 2) or (n_atoms, >=3)
            Row and column in pixels, and sigma to begin with; an `AtomTable` will do. Further
            columns are ignored.
        kinds : array-like of shape (n_atoms,), default=None
            What tells apart atoms that look different, such as "Sr" and "Ti": errors, and with
            ``share_sigma="kind"`` shapes, are pooled by kind. None asks the lattice, if there is
            one; else all are of one kind.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Which pixels to fit.
        lattice : ImageLattice, default=None
            The image's lattice; needed for ``edge="lattice"``.

        Returns
        -------
        refinement : Refinement
            Rows in the order of `positions`, none dropped.

        Raises
        ------
        TypeError, ValueError
            For a parameter, an image, positions, kinds or a mask that cannot be.

        Warns
        -----
        CorrelatedNoiseWarning
            If residuals of neighbouring pixels are correlated: errors are then too small.
        UndersampledWarning
            If sigmas are below 0.7 pixels.
        """
        self._check()
        pixels, weights = finite_pixels(image, mask)
        atoms = as_positions(positions)
        table = np.asarray(positions, dtype=np.float64)
        sigmas = table[:, 2] if table.ndim == 2 and table.shape[1] > 2 else None
        if sigmas is not None and not (np.isfinite(sigmas) & (sigmas > 0)).all():
            raise ValueError("the third column of positions is sigma and must be above 0.")
        names = self._kinds(kinds, len(atoms), atoms, lattice)
        if self.edge == "lattice" and not isinstance(lattice, ImageLattice):
            raise ValueError(
                f"edge='lattice' needs the image's lattice, got lattice={lattice!r}; find it with "
                "ImageLattice.from_image."
            )
        if len(atoms) == 0:
            return _nothing(_calibration(image))
        if self.polarity == "dark":
            pixels = -pixels
        starts = self._starts(pixels, weights, atoms, sigmas, names, lattice)
        found = self._fit(pixels, weights, starts, joint=self.joint)
        return self._describe(found, atoms, starts, _calibration(image))

    def _check(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {value!r}.")
        for name, low in {"window": 1.0, "reach": 3.0}.items():
            check_real(getattr(self, name), name=name, low=low, high=20.0)
        check_real(self.max_shift, name="max_shift", low=0, low_included=False, high=1.0)
        check_real(self.tol, name="tol", low=0, low_included=False)
        check_integer(self.max_iter, name="max_iter", low=1)

    def _kinds(
        self,
        kinds: ArrayLike | None,
        n_atoms: int,
        atoms: FloatArray,
        lattice: ImageLattice | None,
    ) -> NDArray[np.str_]:
        if kinds is not None:
            names = np.asarray(kinds)
            if names.shape != (n_atoms,):
                raise ValueError(
                    f"kinds must have an entry for each of {n_atoms} atoms, got shape "
                    f"{names.shape}."
                )
            return names.astype(str)
        if isinstance(lattice, ImageLattice) and n_atoms:
            points, of_points = lattice.positions(margin=lattice.nearest_distance)
            return np.asarray(of_points[np.asarray(KDTree(points).query(atoms)[1])], dtype=str)
        return np.full(n_atoms, "", dtype=str)

    def _starts(
        self,
        pixels: Image,
        weights: NDArray[np.bool_] | None,
        atoms: FloatArray,
        sigmas: FloatArray | None,
        names: NDArray[np.str_],
        lattice: ImageLattice | None,
    ) -> _Starts:
        spacing = _spacing(atoms, self.n_jobs)
        labels, numbers = np.unique(names, return_inverse=True)
        limit = self.max_shift * spacing
        if sigmas is None:
            guess = _SIGMA * spacing if math.isfinite(spacing) else _LONE_SIGMA
            sigmas = self._learn_sigma(pixels, weights, atoms, max(guess, 0.8))
        if not math.isfinite(limit):
            limit = _LONE_LIMIT * float(sigmas[0])
        table = np.column_stack([atoms, sigmas, np.full(len(atoms), limit)])
        kinds = numbers.astype(np.uint32)
        ghosts = np.zeros(len(atoms), dtype=bool)
        if self.edge == "lattice" and lattice is not None and self.joint:
            alone = self._fit(pixels, weights, _Starts(table, kinds, ghosts, spacing), joint=False)
            places = np.where((alone[3] == 0)[:, None], alone[0][:, :2], atoms)
            beyond, of_beyond = columns_beyond(
                pixels.shape, lattice, float(np.median(sigmas)), places, names
            )
            size = np.full(len(beyond), float(np.median(sigmas)))
            rows = np.column_stack([beyond, size, np.zeros(len(beyond))])
            table = np.concatenate([table, rows])
            kinds = np.concatenate([kinds, np.searchsorted(labels, of_beyond).astype(np.uint32)])
            ghosts = np.concatenate([ghosts, np.ones(len(beyond), dtype=bool)])
        if self.share_sigma == "all":
            kinds = np.zeros_like(kinds)
        return _Starts(np.ascontiguousarray(table), kinds, ghosts, spacing)

    def _learn_sigma(
        self, pixels: Image, weights: NDArray[np.bool_] | None, atoms: FloatArray, guess: float
    ) -> FloatArray:
        """Median sigma of a sample of atoms, each fitted alone; the guess where none can be."""
        step = max(1, len(atoms) // _SAMPLE)
        some = atoms[::step]
        table = np.column_stack([some, np.full(len(some), guess), np.full(len(some), 2 * guess)])
        starts = _Starts(table, np.zeros(len(some), np.uint32), np.zeros(len(some), bool), math.inf)
        found = self._fit(pixels, weights, starts, joint=False)
        good = found[3] == 0
        sigma = float(np.median(found[0][good, 2])) if good.any() else guess
        return np.full(len(atoms), sigma)

    def _fit(
        self, pixels: Image, weights: NDArray[np.bool_] | None, starts: _Starts, *, joint: bool
    ) -> Any:
        is_finite = math.isfinite(starts.spacing)
        return _core.fit_peaks(
            pixels,
            weights,
            starts.table,
            starts.kinds,
            starts.ghosts,
            self.model == "elliptical",
            self.likelihood == "poisson",
            float(self.reach),
            _BACKGROUND_STEP * starts.spacing
            if self.background == "smooth" and is_finite
            else math.inf,
            self.share_sigma is not None and joint,
            _EDGE_REACH * starts.spacing if self.edge == "mask" and is_finite else None,
            None if joint else float(self.window),
            int(self.max_iter),
            float(self.tol),
            threads_of(self.n_jobs),
            None,
        )

    def _describe(
        self, found: Any, atoms: FloatArray, starts: _Starts, pixel_size: PixelSize | None
    ) -> Refinement:
        table, covariances, robust, codes, n_iter, autocorrelation = found
        n = len(atoms)
        table, covariances, robust, codes = (x[:n] for x in (table, covariances, robust, codes))
        ok = codes == 0
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        if self.covariance == "robust":
            factors = _robust_factors(variances, robust, starts.kinds[:n], ok)
            covariances = covariances * (factors[:, :, None] * factors[:, None, :])
        covariances = np.where(ok[:, None, None], covariances, np.nan)
        refined = table[:, :3].copy()
        refined[~ok, :2] = atoms[~ok]
        intensity_errors = _intensity_errors(refined[:, 2], table[:, 3], covariances)
        if self.joint:
            # Of a fit in a window the background of its own leaves less to be said by noise.
            relative = np.sqrt(covariances[:, 3, 3]) / table[:, 3]
            factors, of_intensity = faintness_factors(
                relative, self.model, is_shared=self.share_sigma is not None
            )
            covariances = covariances * (factors[:, :, None] * factors[:, None, :])
            intensity_errors = intensity_errors * of_intensity
        errors = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        a, b, c = table[:, 4:7].T
        if ok.any() and float(np.median(refined[ok, 2])) < _LEAST_SIGMA:
            warnings.warn(
                f"sigma is {np.median(refined[ok, 2]):.2f} px; below {_LEAST_SIGMA} px positions "
                "depend on where in a pixel an atom lies.",
                UndersampledWarning,
                stacklevel=3,
            )
        result = Refinement(
            atoms=refined,
            errors=errors[:, :3],
            covariances=covariances[:, :2, :2].copy(),
            amplitudes=table[:, 3] * (1.0 if self.polarity == "bright" else -1.0),
            amplitude_errors=errors[:, 3],
            intensity_errors=intensity_errors,
            precisions=np.stack([a, b, b, c], axis=1).reshape(n, 2, 2),
            background=table[:, 7] * (1.0 if self.polarity == "bright" else -1.0),
            residual=table[:, 8],
            status=np.array(STATUSES)[codes],
            n_iter=n_iter,
            autocorrelation=autocorrelation,
            pixel_size=pixel_size,
        )
        if result.errors_are_doubtful:
            warnings.warn(
                f"residuals of neighbouring pixels are correlated by {autocorrelation:.2f}: the "
                "model does not fit, or the noise is not white; errors may be too small.",
                CorrelatedNoiseWarning,
                stacklevel=3,
            )
        return result


def _calibration(image: object) -> PixelSize | None:
    pixel_size = getattr(image, "pixel_size", None)
    return pixel_size if isinstance(pixel_size, PixelSize) else None


def _spacing(atoms: FloatArray, n_jobs: int | None) -> float:
    """Median nearest distance; infinite for a lone atom."""
    if len(atoms) < 2:
        return math.inf
    distances = distance_sums(atoms, n_neighbors=1, n_jobs=n_jobs)
    apart = distances[distances > 0]
    return float(np.median(apart)) if len(apart) else math.inf


def _robust_factors(
    naive: FloatArray, robust: FloatArray, kinds: NDArray[np.uint32], ok: NDArray[np.bool_]
) -> FloatArray:
    """What naive standard deviations are to be multiplied by, for each atom and parameter.

    Of one atom the robust variance is too uncertain to be of use; its ratio to the naive one is
    averaged over the atoms of a kind.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        # Of an atom that could not be fitted, and where nothing at all is left, there is no ratio.
        ratios = robust / naive
    factors = np.ones_like(naive)
    everyone = np.flatnonzero(ok & np.isfinite(ratios).all(axis=1))
    for kind in np.unique(kinds):
        members = everyone[kinds[everyone] == kind]
        pool = members if len(members) >= _LEAST_OF_KIND else everyone
        if len(pool) >= _LEAST_OF_KIND:
            factors[kinds == kind] = np.sqrt(ratios[pool].mean(axis=0))
    return factors


def _intensity_errors(
    sigmas: FloatArray, amplitudes: FloatArray, covariances: FloatArray
) -> FloatArray:
    """Standard deviations of ``2 pi sigma**2 amplitude`` from the covariances of all parameters."""
    slopes = 2 * math.pi * sigmas[:, None] * np.column_stack([2 * amplitudes, sigmas])
    both = covariances[:, 2:, 2:]
    return np.asarray(np.sqrt(np.einsum("ij,ijk,ik->i", slopes, both, slopes)))


def _nothing(pixel_size: PixelSize | None) -> Refinement:
    return Refinement(
        atoms=np.empty((0, 3)),
        errors=np.empty((0, 3)),
        covariances=np.empty((0, 2, 2)),
        amplitudes=np.empty(0),
        amplitude_errors=np.empty(0),
        intensity_errors=np.empty(0),
        precisions=np.empty((0, 2, 2)),
        background=np.empty(0),
        residual=np.empty(0),
        status=np.empty(0, dtype="<U25"),
        n_iter=0,
        autocorrelation=math.nan,
        pixel_size=pixel_size,
    )
