"""Amorphous regions of a crystal."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, check_memory
from threadpoolctl import threadpool_limits

from logstar._validation import (
    FloatArray,
    Image,
    as_image,
    as_positions,
    check_integer,
    check_real,
)
from logstar.detection import LoGStarDetector
from logstar.units import PixelSize

from ._atoms import AtomType, atoms_of_type, check_atom_type, find_atoms, spacing_of
from ._calibration import pixel_size_of
from ._dispersion import fit_mixture
from ._evidence import dispersed_share, embed_everywhere, find_levels, project
from ._kind_names import CRYSTAL, KINDS, VACUUM, is_amorphous
from ._mapping import SHARE_OF_VACUUM, Maps, Rules, map_kinds
from ._regions import Region, describe_regions, values_at
from ._residual import Residual, crystal_residual
from ._types import COVARIANCE_TYPES, AtomTypeGMM

#: Side of the windows of the residual where it is not given, in units of the spacing of atoms. In
#: YBa2Cu3O7 at 0.2 Å/px that is 5 px, at a spacing of 12.9 px.
_WINDOW_SHARE = 0.4


class AmorphousGMMSegmenter(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Find where an image does not show its crystal, and what is there: amorphous, vacuum or else.

    The idea is that of part 2 of Barakati et al. [1]_: windows centred on atoms, their principal
    components, a Gaussian mixture in which a tight component is crystal and a dispersed one is
    amorphous, a threshold on the posterior, and regions made of what exceeds it. Three things
    differ, since the recipe as published calls half of a perfect crystal amorphous:

    - Windows are cut from the residual, not from the image: each atom is compared with its own
      kind, the 25 windows most like its own, and all windows that cover a pixel vote on how far
      it is from the crystal. So all kinds and orientations are judged by one model.
    - The amorphous component is the one with the larger dispersion.
    - Posteriors are combined over the neighbourhood, and a region has to hold several atoms and
      to be as disordered as displaced atoms make it. Noise, strain, gradients of intensity,
      vacancies and dopants leave no region.

    What else is no crystal is told by the image itself, whatever the atoms: vacuum has no contrast,
    contamination is brighter than the crystal is at places of that contrast, another grain has
    another power spectrum than the most of the image. See `kinds_`.

    Parameters
    ----------
    detector : estimator, default=None
        Finds the atoms: any with `fit` and `predict` that gives a table (row, col, ...), a search
        over one included. It is cloned and fitted; ``sklearn.frozen.FrozenEstimator(search)``
        takes one that is tuned already as it is. None is a `logstar.LoGStarDetector` with its
        defaults, which suits clean images.
    atom_type : int, (int, int) or None, default=None
        Whose windows count: None is all atoms, an int the type of that label by `types`, a pair
        the type and its orientation (1 or 2).
    window_size : int, default=None
        Side of the windows of the residual, in pixels; rounded to an odd number of points of its
        grid. None is 0.4 of the median distance of nearest atoms.
    n_pca : int, default=4
        Number of principal components, at most as many as a window has points.
    n_components : int, default=2
        Number of components of the mixture. Those are amorphous whose mean square exceeds the
        geometric mean of the least and the greatest.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Shape of the components, as in `sklearn.mixture.GaussianMixture`.
    threshold : float, default=0.7
        Probability above which a place is amorphous, between 0 and 1. At 0.5 regions reach beyond
        their true boundary by about a third of the spacing, since displaced atoms reach out of
        theirs.
    min_disorder : float, default=0.45
        Least root-mean-square residual of a region, beyond that of the rest, by the contrast of
        the crystal. In simulated amorphous pockets it is 0.55 to 0.65; what the mixture finds in
        crystals has at most 0.25 with noise up to 0.3 or strain, 0.37 with 1 % of vacancies.
    min_atoms : float, default=6.0
        Least area of a region in atoms, by the mean area that an atom has; half of it for vacuum.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel: with its unit, such as "0.2 A", or in angstrom. None takes it from the
        image where this is a Micrograph, a HyperSpy signal or an xarray DataArray.
    types : AtomTypeGMM, default=None
        Tells types where `atom_type` asks for one; cloned. None is one with its defaults.
    random_state : int, RandomState or None, default=None
        Seed of mixture and types.
    memory : str, joblib.Memory or None, default=None
        Where atoms, residual and principal components are kept, as in scikit-learn's pipelines:
        a search computes them once, and once for each window size.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.

    Attributes
    ----------
    kinds_ : ndarray of shape (n_rows, n_cols), uint8
        What each pixel shows, as the place of its name in `logstar.segmentation.KINDS`: "crystal",
        "other grain", "amorphous", "vacuum" or "contamination".
    mask_ : ndarray of shape (n_rows, n_cols), bool
        Where the fitted image is amorphous.
    probability_ : ndarray of shape (n_rows, n_cols), float32
        Probability of it: the share of dispersed windows about each pixel, scaled such that the
        crystal has 0 and the middle of amorphous regions 1. All 0 if there is no region.
    regions_ : list of Region
        Kind, confidence, area, perimeter, compactness, centroid, atoms of each, the largest first;
        area and perimeter also in units of length where the pixel size is known.
    rejected_mask_ : ndarray of shape (n_rows, n_cols), bool
        Where there was a sign of a region, but the region too small or too little disordered.
    rejected_ : list of Region
        Those regions, the largest first; `rejected_for` tells why.
    pixel_size_ : PixelSize or None
        That of the parameter or of the image.
    positions_ : ndarray of shape (n_atoms, 2), float64
        Row and column in pixels of the atoms that count.
    atom_labels_ : ndarray of shape (n_atoms,), int64
        1 for atoms in amorphous regions, else 0.
    posteriors_ : ndarray of shape (n_atoms,), float64
        Of the amorphous components, by each atom's window alone.
    embedding_ : ndarray of shape (n_atoms, n_pca), float64
        Principal components of the atoms' windows.
    disorder_ : ndarray of shape (n_candidates,), float64
        That of the regions above the threshold, before `min_disorder` and `min_atoms`.
    spacing_ : float
        Median distance of an atom to its nearest neighbour, in pixels.
    contrast_ : float
        Standard deviation of intensities in the crystal's windows, about their means.
    detector_ : estimator or None
        The fitted detector; None if positions were given.
    mixture_, pca_ : GaussianMixture, PCA
        The fitted models.

    See Also
    --------
    AtomTypeGMM : Types of atoms.
    logstar.rewards.Compactness : What the parameters can be tuned on.

    Notes
    -----
    Regions are not made of atoms' cells but of all pixels: the residual is known between atoms,
    too, and in gaps without any. With true labels for every atom of a pocket of 40 px, Voronoi
    cells overlap with it by 0.84 only.

    References
    ----------
    .. [1] K. Barakati, H. Yuan, A. Goyal, S. V. Kalinin, "Physics-based reward driven image
       analysis in microscopy", Digital Discovery 2024, 3, 2061, doi 10.1039/d4dd00132j.

    Examples
    --------
    >>> from logstar import LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AmorphousGMMSegmenter
    >>> scene = make_scene(
    ...     shape=(256, 256), amorphous_pockets=[(120, 130, 50)], noise=0.05, random_state=0
    ... )
    >>> segmenter = AmorphousGMMSegmenter(LoGStarDetector(3.0, 4.5)).fit(scene.image)
    >>> mask = segmenter.predict(scene.image)
    >>> len(segmenter.regions_)
    1
    >>> overlap = (mask & scene.amorphous_mask).sum() / (mask | scene.amorphous_mask).sum()
    >>> bool(overlap > 0.85)
    True
    """

    def __init__(
        self,
        detector: Any = None,
        *,
        atom_type: AtomType = None,
        window_size: int | None = None,
        n_pca: int = 4,
        n_components: int = 2,
        covariance_type: Literal["full", "tied", "diag", "spherical"] = "full",
        threshold: float = 0.7,
        min_disorder: float = 0.45,
        min_atoms: float = 6.0,
        pixel_size: PixelSize | str | float | None = None,
        types: Any = None,
        random_state: int | np.random.RandomState | None = None,
        memory: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.detector = detector
        self.atom_type = atom_type
        self.window_size = window_size
        self.n_pca = n_pca
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.threshold = threshold
        self.min_disorder = min_disorder
        self.min_atoms = min_atoms
        self.pixel_size = pixel_size
        self.types = types
        self.random_state = random_state
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None, *, positions: ArrayLike | None = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn what is crystal and what is amorphous in an image.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        y : object, default=None
            Ignored.
        positions : array-like of shape (n_atoms, >=2), default=None
            Row and column of the atoms in pixels. None leaves them to the detector.

        Returns
        -------
        self : AmorphousGMMSegmenter
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For an image or a parameter that cannot be, fewer atoms than the mixture needs, no
            atom of the type asked for, or windows larger than the image.

        Warns
        -----
        ConvergenceWarning
            If the mixture does not converge.
        """
        self._check_parameters()
        image = as_image(X, name="X")
        self.pixel_size_ = pixel_size_of(X, self.pixel_size)
        memory = check_memory(self.memory)
        self.detector_: Any = None
        if positions is None:
            detector = LoGStarDetector() if self.detector is None else clone(self.detector)
            self.detector_, found = memory.cache(find_atoms)(detector, image)
        else:
            found = as_positions(positions)
        with threadpool_limits(1):  # sums that are split over threads round differently
            self._fit(image, found, memory)
        # `predict` recognises this image by comparing pixels, which takes no longer than reading
        # them. A copy, since the caller may write into the array afterwards.
        self._image = image.copy()
        return self

    def _fit(self, image: Image, found: FloatArray, memory: Any) -> None:
        self.positions_ = self._select(image, found)
        self._check_enough(len(self.positions_))
        self.spacing_ = spacing_of(found)
        residual = memory.cache(crystal_residual, ignore=["n_jobs"])(
            image, self.positions_, self.spacing_, self.n_jobs
        )
        self.contrast_ = residual.contrast
        self._size = self._grid_size(residual, image.shape)
        n_pca = min(int(self.n_pca), self._size**2)
        features = memory.cache(project, ignore=["n_jobs"])(
            residual, self.positions_, self._size, n_pca, self.n_jobs
        )
        self.pca_, self.embedding_ = features.pca, features.atoms
        self.mixture_, self._is_amorphous = self._fit_mixture()
        posteriors = self.mixture_.predict_proba(self.embedding_)
        self.posteriors_ = posteriors[:, self._is_amorphous].sum(axis=1)
        share = self._share(features.everywhere, residual)
        self._levels = find_levels(share)
        maps = self._map(share, residual, len(found), image.shape)
        self.kinds_, self.probability_, self.disorder_ = (
            maps.kinds,
            maps.probability,
            maps.candidates,
        )
        self.mask_: NDArray[np.bool_] = is_amorphous(maps.kinds)
        self.rejected_mask_ = maps.rejected != CRYSTAL
        self.regions_: list[Region] = describe_regions(
            maps.kinds, self.positions_, self.pixel_size_, maps.known
        )
        self.rejected_: list[Region] = [
            dataclasses.replace(region, rejected_for=self._reason(region))
            for region in describe_regions(
                maps.rejected, self.positions_, self.pixel_size_, maps.known
            )
        ]
        self.atom_labels_ = values_at(self.mask_, self.positions_).astype(np.int64)

    def predict(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Find the amorphous regions of an image.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image. The fitted one is recognised; of another the atoms are found by the fitted
            detector, and judged by the fitted models.

        Returns
        -------
        mask : ndarray of shape (n_rows, n_cols), bool
            Where it is amorphous.
        """
        return is_amorphous(self._maps(X)[0])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Tell how probable it is that each pixel is amorphous.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image, as in `predict`.

        Returns
        -------
        probability : ndarray of shape (n_rows, n_cols), float32
            See `probability_`.
        """
        return self._maps(X)[1]

    def kinds_of(self, X: ArrayLike, positions: ArrayLike) -> NDArray[np.uint8]:
        """Tell what each pixel of another image of the crystal shows, of which atoms are known.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        positions : array-like of shape (n_atoms, >=2)
            Row and column of its atoms in pixels.

        Returns
        -------
        kinds : ndarray of shape (n_rows, n_cols), uint8
            See `kinds_`.

        Raises
        ------
        TypeError, ValueError
            For what is no image, or one with too few atoms to know its crystal.
        """
        check_is_fitted(self)
        return self._maps_of(as_image(X, name="X"), as_positions(positions)).kinds

    def _maps_of(self, image: Image, found: FloatArray) -> Maps:
        """The same, and what is known of regions."""
        with threadpool_limits(1):
            chosen = self._select(image, found)
            residual = crystal_residual(image, chosen, self.spacing_, self.n_jobs)
            share = self._share(embed_everywhere(residual, self.pca_, self._size), residual)
            return self._map(share, residual, len(found), image.shape)

    def fit_predict(self, X: ArrayLike, y: object = None) -> NDArray[np.bool_]:
        """Fit to an image and give its amorphous regions.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        y : object, default=None
            Ignored.

        Returns
        -------
        mask : ndarray of shape (n_rows, n_cols), bool
            Where it is amorphous.
        """
        return self.fit(X, y).mask_

    def residual(self, X: ArrayLike) -> Residual:
        """Compare an image with its crystal; what rewards grounded in physics look at.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image, as in `predict`.

        Returns
        -------
        residual : Residual
            `values` on a grid of every `step`-th pixel, and the `contrast` of the crystal.
        """
        check_is_fitted(self)
        return self._residual(as_image(X, name="X"))[0]

    def _maps(self, X: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        check_is_fitted(self)
        image = as_image(X, name="X")
        if self._is_fitted_image(image):
            return self.kinds_.copy(), self.probability_.copy()
        with threadpool_limits(1):
            residual, found = self._residual(image)
            everywhere = embed_everywhere(residual, self.pca_, self._size)
            share = self._share(everywhere, residual)
            maps = self._map(share, residual, len(found), image.shape)
        return maps.kinds, maps.probability

    def _is_fitted_image(self, image: Image) -> bool:
        return image.dtype == self._image.dtype and np.array_equal(image, self._image)

    def _residual(self, image: Image) -> tuple[Residual, FloatArray]:
        cached = check_memory(self.memory).cache(crystal_residual, ignore=["n_jobs"])
        if self._is_fitted_image(image):
            positions, spacing, found = self.positions_, self.spacing_, self.positions_
        elif self.detector_ is None:
            raise ValueError(
                "this segmenter was fitted to given positions and has no detector, so it can "
                "predict the fitted image only; fit it with a detector, or fit it again."
            )
        else:
            found = as_positions(self.detector_.predict(image))
            positions, spacing = self._select(image, found), spacing_of(found)
        return cached(image, positions, spacing, self.n_jobs), found

    def _select(self, image: Image, found: FloatArray) -> FloatArray:
        """Atoms of the type asked for."""
        if self.atom_type is None or len(found) == 0:
            return found
        types = AtomTypeGMM() if self.types is None else clone(self.types)
        if "random_state" in types.get_params():
            types.set_params(random_state=self.random_state)
        return atoms_of_type(image, found, self.atom_type, types, self.n_jobs)

    def _fit_mixture(self) -> tuple[Any, NDArray[np.bool_]]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                return fit_mixture(
                    self.embedding_, self.n_components, self.covariance_type, self.random_state
                )
            except ConvergenceWarning:
                pass
        warnings.warn(
            f"the mixture of {self.n_components} components did not converge; the regions may be "
            f"wrong. Fewer n_pca (now {self.embedding_.shape[1]}), fewer n_components or "
            'covariance_type="diag" make it simpler.',
            ConvergenceWarning,
            stacklevel=4,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return fit_mixture(
                self.embedding_, self.n_components, self.covariance_type, self.random_state
            )

    def _share(self, everywhere: FloatArray, residual: Residual) -> FloatArray:
        return dispersed_share(
            everywhere, self.mixture_, self._is_amorphous, residual, self.spacing_
        )

    def _map(
        self, share: FloatArray, residual: Residual, n_atoms: int, shape: tuple[int, ...]
    ) -> Maps:
        rules = Rules(self.threshold, self.min_disorder, self.min_atoms)
        return map_kinds(share, self._levels, residual, self.spacing_, n_atoms, shape, rules)

    def _reason(self, region: Region) -> str:
        """Why a region was rejected."""
        if region.disorder < self.min_disorder:
            return f"disorder {region.disorder:.2f} is below min_disorder={self.min_disorder:g}"
        share = SHARE_OF_VACUUM if region.kind == KINDS[VACUUM] else 1.0
        half = "half of " if share < 1 else ""
        area = region.area_in_atoms
        size = "its area" if math.isnan(area) else f"its area of {area:.1f} atoms"
        return f"{size} is below {half}min_atoms={self.min_atoms:g}"

    def _grid_size(self, residual: Residual, shape: tuple[int, ...]) -> int:
        pixels = _WINDOW_SHARE * self.spacing_ if self.window_size is None else self.window_size
        size = max(1, 2 * round((pixels / residual.step - 1) / 2) + 1)
        if size > min(residual.values.shape):
            raise ValueError(
                f"window_size={self.window_size!r} is larger than the image of shape "
                f"{tuple(shape)}; give at most {min(shape)}."
            )
        return size

    def _check_parameters(self) -> None:
        if self.window_size is not None:
            check_integer(self.window_size, name="window_size", low=1)
        check_integer(self.n_pca, name="n_pca", low=1)
        check_integer(self.n_components, name="n_components", low=2)
        if self.covariance_type not in COVARIANCE_TYPES:
            raise ValueError(
                f"covariance_type must be one of {COVARIANCE_TYPES}, got {self.covariance_type!r}."
            )
        check_real(self.threshold, name="threshold", low=0, high=1)
        check_real(self.min_disorder, name="min_disorder", low=0)
        check_real(self.min_atoms, name="min_atoms", low=0)
        check_atom_type(self.atom_type)

    def _check_enough(self, n_atoms: int) -> None:
        # Each component starts from a share of the atoms, which must do for its covariance.
        needed = 10 * int(self.n_components)
        if n_atoms < needed:
            raise ValueError(
                f"{n_atoms} atoms are too few for a mixture of {self.n_components} components, "
                f"which needs at least {needed}; use fewer n_components, a larger field, or a "
                "detector that finds more atoms."
            )
