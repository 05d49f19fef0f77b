"""Types of atoms by what their windows look like."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from logstar._validation import FloatArray, check_integer

from ._features import Windows, as_windows, brightness, constant_rows, even_part, normalized
from ._orientations import OrientationAxis, find_orientations
from ._patches import NORMALIZATIONS, Normalization

if TYPE_CHECKING:
    from sklearn.utils import Tags

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

#: Added to the variances of a mixture, as a share of the mean variance of the points: in images
#: without noise all atoms of a type are at one point.
_REGULARIZATION = 1e-3
#: Windows that differ by less than this share of their norm count as equal.
_GRAIN = 1e-5
#: How many starts a mixture has; the likeliest outcome is taken.
_N_STARTS = 5
_MAX_AUTO_TYPES = 8
#: For `n_types="auto"` the least number of types is taken that has all but this share of the best
#: number's gain in BIC over a single type.
_BIC_SHARE = 0.05


def _clusterer_has(method: str) -> Any:
    def check(self: AtomTypeGMM) -> bool:
        model = getattr(self, "clusterer_", self.clusterer)
        return model is None or hasattr(model, method)

    return available_if(check)


class AtomTypeGMM(TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc] # no types
    """Tell types of atoms apart by their windows, without labels.

    Principal components of the windows and a Gaussian mixture of these, as in Fig. 4A of Barakati
    et al. [1]_, where the four types of YBa2Cu3O7 are CuO2 planes, CuO chains, Ba and Y. Types
    are compared by the part of a window that a half turn about the atom keeps, so two
    orientations of the same surroundings, as those of Ba, are one type. The part that it reverses
    then splits each type into its orientations, if it has two (Fig. 4B).

    Parameters
    ----------
    n_types : int or "auto", default=4
        Number of types. "auto" is the least number, up to 8, whose Bayesian information criterion
        has all but 5 % of the gain of the best; where atoms are displaced or missing, these make
        types of their own.
    n_components : int, default=3
        Number of principal components: what tells four types apart. More carry noise.
    covariance_type : {"tied", "full", "diag", "spherical"}, default="tied"
        Shape of the types in the space of components. "tied" gives all types the same, so that
        none of them can be spread over the displaced atoms of damaged regions. "auto" compares
        numbers of types by "full" ones: of "tied" ones, more are always better.
    normalize : {None, "mean", "zscore"}, default="zscore"
        What is done to each window before they are compared; "zscore" takes out differences of
        intensity across the image.
    twofold : bool, default=True
        Whether atoms are of one type that differ by a half turn of their surroundings. False
        compares whole windows, and splits no type.
    clusterer : estimator, default=None
        Clusters the components in place of the Gaussian mixture: any of scikit-learn's. It is
        cloned, and its `n_clusters` or `n_components`, if it has one, is set to `n_types` unless
        that is "auto". Atoms that it labels -1 stay without type.
    max_iter : int, default=200
        Most iterations of the mixture.
    random_state : int, RandomState or None, default=None
        Seed of the starts of the mixture.

    Attributes
    ----------
    labels_ : ndarray of shape (n_atoms,), int64
        Type of each atom, from 0, the brightest; -1 for none.
    orientations_ : ndarray of shape (n_atoms,), int64
        1 or 2 for the atoms of types with two orientations, else 0. The first is brighter towards
        row 0, or towards column 0 if the brighter sides are rather left and right.
    n_types_ : int
        Number of types.
    n_orientations_ : ndarray of shape (n_types,), int64
        1 or 2 for each type.
    brightness_ : ndarray of shape (n_types,)
        Of each type, falling: the mean intensity of its windows under a Gaussian about the atom
        with a standard deviation of an eighth of the window's width.
    embedding_ : ndarray of shape (n_atoms, n_components), float64
        The atoms' principal components.
    bic_ : ndarray of shape (n_tried,) or None
        Bayesian information criterion of 1, 2, ... types where `n_types` is "auto".
    clusterer_ : estimator
        The fitted mixture or clusterer, with labels of its own.
    pca_ : sklearn.decomposition.PCA
        The fitted components; with `twofold` of the first half of a window's pixels.
    window_size_ : int
        Rows and columns of a window.
    n_features_in_ : int
        Pixels of a window.

    See Also
    --------
    AtomPatches : Gives the windows.

    Notes
    -----
    Windows of about 2.5 times the nearest distance, `AtomPatches`'s default, hold the neighbours
    that tell atoms of one element apart.

    References
    ----------
    .. [1] K. Barakati, H. Yuan, A. Goyal, S. V. Kalinin, "Physics-based reward driven image
       analysis in microscopy", Digital Discovery 2024, 3, 2061, doi 10.1039/d4dd00132j.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from logstar import LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AtomPatches, AtomTypeGMM
    >>> scene = make_scene(shape=(256, 256), noise=0.05, random_state=0)
    >>> detector = LoGStarDetector(min_sigma=2.0, max_sigma=4.5)
    >>> types = make_pipeline(AtomPatches(detector), AtomTypeGMM(random_state=0))
    >>> labels = types.fit_predict(scene.image)
    >>> types[-1].n_orientations_  # Ba, Y, planes, chains
    array([2, 1, 2, 1])
    """

    def __init__(
        self,
        n_types: int | Literal["auto"] = 4,
        *,
        n_components: int = 3,
        covariance_type: Literal["full", "tied", "diag", "spherical"] = "tied",
        normalize: Normalization = "zscore",
        twofold: bool = True,
        clusterer: Any = None,
        max_iter: int = 200,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_types = n_types
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.normalize = normalize
        self.twofold = twofold
        self.clusterer = clusterer
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's
        """Find the types and their orientations.

        Parameters
        ----------
        X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
            Windows centred on atoms, as they are in the image: normalising them is `normalize`'s.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : AtomTypeGMM
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or windows that cannot be, fewer atoms or fewer different windows than
            types, or windows that are all the same.

        Warns
        -----
        ConvergenceWarning
            If the mixture does not converge.
        UserWarning
            If some windows are constant.
        """
        self._check_parameters()
        windows = as_windows(X, min_samples=2)
        self._check_enough(windows)
        self.n_features_in_ = windows.shape[1]
        self.window_size_ = math.isqrt(windows.shape[1])
        random_state = check_random_state(self.random_state)
        # On one thread: sums that are split over threads round differently.
        with threadpool_limits(1):
            prepared = self._prepared(windows)
            self._embed(prepared, random_state)
            labels = self._cluster(random_state)
            self._order(labels, windows)
            self._orient(prepared)
        return self

    @_clusterer_has("predict")  # type: ignore[untyped-decorator]
    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Tell the types of atoms.

        Parameters
        ----------
        X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
            Windows of the size that was fitted.

        Returns
        -------
        labels : ndarray of shape (n_atoms,), int64
            From 0, the brightest type.
        """
        return self._labels_of(self._transformed(X))

    @_clusterer_has("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Tell how probable each type is for each atom.

        Parameters
        ----------
        X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
            Windows of the size that was fitted.

        Returns
        -------
        probabilities : ndarray of shape (n_atoms, n_types), float64
            Their sums are 1.
        """
        prepared = self._transformed(X)
        probabilities = self.clusterer_.predict_proba(self._embedding(prepared))
        ordered: FloatArray = probabilities[:, self._own_labels]
        return ordered

    @_clusterer_has("predict")  # type: ignore[untyped-decorator]
    def predict_orientation(self, X: ArrayLike) -> NDArray[np.int64]:
        """Tell the orientations of atoms' surroundings.

        Parameters
        ----------
        X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
            Windows of the size that was fitted.

        Returns
        -------
        orientations : ndarray of shape (n_atoms,), int64
            1 or 2 for atoms of types with two orientations, else 0.
        """
        prepared = self._transformed(X)
        return self._orientations_of(prepared, self._labels_of(prepared))

    def transform(self, X: ArrayLike) -> FloatArray:
        """Give the principal components that types are told apart by.

        Parameters
        ----------
        X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
            Windows of the size that was fitted.

        Returns
        -------
        embedding : ndarray of shape (n_atoms, n_components), float64
            A row for each atom.
        """
        return self._embedding(self._transformed(X))

    def _check_parameters(self) -> None:
        if self.n_types != "auto":
            try:
                check_integer(self.n_types, name="n_types", low=1)
            except TypeError:
                raise TypeError(
                    f'n_types must be an integer or "auto", got {self.n_types!r}.'
                ) from None
        check_integer(self.n_components, name="n_components", low=1)
        check_integer(self.max_iter, name="max_iter", low=1)
        if self.covariance_type not in COVARIANCE_TYPES:
            raise ValueError(
                f"covariance_type must be one of {', '.join(COVARIANCE_TYPES)}, got "
                f"{self.covariance_type!r}."
            )
        if self.normalize not in NORMALIZATIONS:
            raise ValueError(f'normalize must be None, "mean" or "zscore", got {self.normalize!r}.')

    def _check_enough(self, windows: Windows) -> None:
        n_atoms, n_pixels = windows.shape
        if self.n_types != "auto" and n_atoms < self.n_types:
            raise ValueError(
                f"{n_atoms} atoms cannot be of n_types={self.n_types}; use fewer types, a smaller "
                'window (border="reflect" keeps more atoms too) or a larger image.'
            )
        most = min(n_atoms, (n_pixels + 1) // 2 if self.twofold else n_pixels)
        if self.n_components > most:
            raise ValueError(
                f"n_components={self.n_components} is too large for {n_atoms} windows of "
                f"{n_pixels} px; at most {most} is possible."
            )
        n_constant = int(np.count_nonzero(constant_rows(windows, windows.std(axis=1))))
        if n_constant == n_atoms:
            raise ValueError("all windows are constant; nothing tells their atoms apart.")
        if n_constant:
            warnings.warn(
                f"{n_constant} of {n_atoms} windows are constant; they look all the same. Mask or "
                "crop what the image does not show.",
                stacklevel=3,
            )

    def _prepared(self, windows: Windows) -> Windows:
        return normalized(windows, self.normalize)

    def _transformed(self, X: ArrayLike) -> Windows:
        check_is_fitted(self)
        windows = as_windows(X)
        if windows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {windows.shape[1]} features, but AtomTypeGMM is expecting "
                f"{self.n_features_in_} features as input: the pixels of windows of "
                f"{self.window_size_} x {self.window_size_} px."
            )
        return self._prepared(windows)

    def _features(self, prepared: Windows) -> Windows:
        return even_part(prepared) if self.twofold else prepared

    def _embed(self, prepared: Windows, random_state: np.random.RandomState) -> None:
        # Four iterations give the variances to 5e-7, in less time than scikit-learn's default of
        # seven, or than an eigendecomposition of the covariance.
        self.pca_ = PCA(
            self.n_components,
            svd_solver="randomized",
            iterated_power=4,
            random_state=random_state,
        )
        features = self._features(prepared)
        self.embedding_ = self.pca_.fit_transform(features).astype(np.float64)
        # On a grid, since windows that are equal may come out different by rounding.
        grain = _GRAIN * float(np.linalg.norm(features, axis=1).mean())
        n_different = len(np.unique(np.rint(self.embedding_ / grain), axis=0))
        needed = 2 if self.n_types == "auto" else int(self.n_types)
        if n_different < needed:
            raise ValueError(
                f"{n_different} different windows among {len(prepared)} cannot be of {needed} "
                "types; are atoms given more than once?"
            )

    def _embedding(self, prepared: Windows) -> FloatArray:
        with threadpool_limits(1):
            components: FloatArray = self.pca_.transform(self._features(prepared))
        return components.astype(np.float64)

    def _mixture(self, n: int, covariance_type: str, random_state: int) -> GaussianMixture:
        mixture = GaussianMixture(
            n,
            covariance_type=covariance_type,
            n_init=_N_STARTS,
            max_iter=self.max_iter,
            reg_covar=_REGULARIZATION * float(self.embedding_.var(axis=0).mean()),
            random_state=random_state,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return mixture.fit(self.embedding_)

    def _cluster(self, random_state: np.random.RandomState) -> NDArray[Any]:
        self.bic_ = None
        n_types = self.n_types
        if self.clusterer is not None:
            self.clusterer_ = clone(self.clusterer)
            names = self.clusterer_.get_params(deep=False)
            name = next((name for name in ("n_clusters", "n_components") if name in names), None)
            if name is not None and n_types != "auto":
                self.clusterer_.set_params(**{name: int(n_types)})
            return np.asarray(self.clusterer_.fit_predict(self.embedding_))
        # Mixtures of different numbers of types are started from one seed.
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        if n_types == "auto":
            numbers = range(1, min(_MAX_AUTO_TYPES, len(self.embedding_)) + 1)
            mixtures = [self._mixture(n, "full", seed) for n in numbers]
            self.bic_ = np.array([mixture.bic(self.embedding_) for mixture in mixtures])
            enough = self.bic_.min() + _BIC_SHARE * (self.bic_[0] - self.bic_.min())
            n_types = numbers[int(np.argmax(self.bic_ <= enough))]
        self.clusterer_ = self._mixture(int(n_types), self.covariance_type, seed)
        if not self.clusterer_.converged_:
            warnings.warn(
                f"the mixture of {n_types} types did not converge in max_iter={self.max_iter} "
                "iterations; allow more, or ask for fewer types or components.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return np.asarray(self.clusterer_.predict(self.embedding_))

    def _order(self, labels: NDArray[Any], windows: Windows) -> None:
        """Number the types by falling brightness."""
        if self.clusterer is None:
            own = np.arange(self.clusterer_.n_components)
        else:
            own = np.unique(labels[labels >= 0])
        bright = brightness(windows)
        counts = np.array([np.count_nonzero(labels == label) for label in own])
        # A component of a mixture may be the most probable one for no atom at all; it comes last.
        means = np.array(
            [bright[labels == label].mean() if n else -np.inf
             for label, n in zip(own, counts, strict=True)]
        )  # fmt: skip
        order = np.argsort(-means, kind="stable")
        self._own_labels = own[order]
        self.brightness_ = np.where(counts[order] > 0, means[order], np.nan)
        self.n_types_ = len(own)
        self.labels_ = self._relabeled(labels)

    def _relabeled(self, own: NDArray[Any]) -> NDArray[np.int64]:
        labels = np.full(len(own), -1)
        for label, other in enumerate(self._own_labels):
            labels[own == other] = label
        return labels

    def _labels_of(self, prepared: Windows) -> NDArray[np.int64]:
        return self._relabeled(self.clusterer_.predict(self._embedding(prepared)))

    def _orient(self, prepared: Windows) -> None:
        self._axes: list[OrientationAxis | None] = [
            find_orientations(prepared[self.labels_ == label]) if self.twofold else None
            for label in range(self.n_types_)
        ]
        self.n_orientations_ = np.array([1 if axis is None else 2 for axis in self._axes])
        self.orientations_ = self._orientations_of(prepared, self.labels_)

    def _orientations_of(self, prepared: Windows, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        orientations = np.zeros(len(labels), dtype=np.int64)
        for label, axis in enumerate(self._axes):
            members = labels == label
            if axis is not None and members.any():
                orientations[members] = axis.label(prepared[members])
        return orientations

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
