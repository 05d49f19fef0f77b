"""A trained network as an estimator that finds atoms."""

from __future__ import annotations

import os
import warnings
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image, as_image_list, check_integer, check_real
from logstar.exceptions import OracleScaleWarning

from ._network import Network
from ._peaks import peaks_of
from ._preparation import scale, to_scaled
from ._spacing import nearest_distance

#: The scales, relative to the one that is used, at which `fit` counts as well.
_OTHER_SCALES = (0.7, 1.4)
#: A count at one of them may exceed that at the scale itself by this share. That it is less tells
#: nothing: away from its scale a network loses weak atoms first.
_MOST_DIFFERENCE = 0.1
#: The least distance of atoms in pixels; nearer ones are noise of single pixels.
_LEAST_SPACING = 2.0


class OnnxOracle(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Find atoms by a trained network.

    A network knows atoms at one scale: images are resampled so that nearest neighbours are as far
    apart as in those it was trained on. Large images are run tile by tile; the result does not
    depend on the tiles.

    Wherever a reward takes an oracle, as `QualityCount` does, it can be this one: it is the Oracle
    of Barakati et al. (Digital Discovery 2024, 3, 2061), whose count drives QC.

    Parameters
    ----------
    model : str or path, default="lattice-v1"
        The network in the package, or an ONNX file that gives each pixel of an image the
        probability of an atom; ``logstar oracle convert`` makes such files.
    spacing : "auto" or float, default="auto"
        Distance of nearest neighbours in the images, in pixels. "auto" takes that of the lattice
        that the image shows, or else five times the sigma of its atoms.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    threshold : float, default=0.5
        The least probability of an atom, between 0 and 1. The shipped network says besides how
        likely an atom must be that stands alone: 0.82, unless it is among those of a crystal.
    tile : int, default=1024
        Side of the tiles in pixels at the network's scale. Memory grows with its square.
    n_jobs : int, default=None
        Threads, as in scikit-learn.

    Attributes
    ----------
    spacing_ : float
        Distance of nearest neighbours in pixels; the median of the images that were fitted to.
    scale_ : float
        Pixels of the network for each pixel of an image, along a side.
    counts_ : dict of float to int
        Number of atoms at 0.7, 1 and 1.4 of that scale, in all images together.

    Warns
    -----
    OracleScaleWarning
        By `fit`, if another scale shows over a tenth more atoms than the one that is used.

    See Also
    --------
    LoGStarDetector : Needs no training, and is faster.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import Lattice
    >>> from logstar.metrics import detection_metrics
    >>> from logstar.oracle import OnnxOracle
    >>> crystal = Lattice.perovskite(3.905, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(256, 256), noise=0.3, random_state=0)
    >>> oracle = OnnxOracle().fit(scene.image)  # doctest: +SKIP
    >>> found = oracle.predict(scene.image)  # doctest: +SKIP
    >>> detection_metrics(found, scene.positions, tolerance=3).f1 > 0.97  # doctest: +SKIP
    True
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "lattice-v1",
        *,
        spacing: Literal["auto"] | float = "auto",
        polarity: Literal["bright", "dark"] = "bright",
        threshold: float = 0.5,
        tile: int = 1024,
        n_jobs: int | None = None,
    ) -> None:
        self.model = model
        self.spacing = spacing
        self.polarity = polarity
        self.threshold = threshold
        self.tile = tile
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn the scale of images.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored: the network is trained already.

        Returns
        -------
        self : OnnxOracle
            Fitted.

        Raises
        ------
        ImportError
            If onnxruntime is missing.
        OSError, TypeError, ValueError
            For a model, a parameter or an image that cannot be.
        """
        network = self._checked_network()
        images, _ = as_image_list(X)
        if self.spacing == "auto":
            self.spacing_ = float(
                np.median([nearest_distance(image, self.polarity) for image in images])
            )
        else:
            self.spacing_ = float(self.spacing)
        self.scale_ = 1.0 if network.spacing is None else network.spacing / self.spacing_
        low, high = _OTHER_SCALES
        self.counts_ = {
            relative: sum(len(self._found(image, network, relative)) for image in images)
            for relative in (low, 1.0, high)
        }
        most = max(self.counts_[low], self.counts_[high])
        if most > (1 + _MOST_DIFFERENCE) * self.counts_[1.0]:
            warnings.warn(
                f"at another scale the network sees more atoms: {self.counts_[low]}, "
                f"{self.counts_[1.0]} and {self.counts_[high]} at {low}, 1 and {high} of the scale "
                f"that nearest neighbours {self.spacing_:.3g} px apart ask for. Give `spacing` if "
                "it is another.",
                OracleScaleWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Give each pixel the probability that it is part of an atom.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        probability : ndarray of the image's shape, float32, or list of such for a stack
            From 0 to 1.

        Raises
        ------
        TypeError, ValueError
            For images that are none.
        """
        network = self._fitted_network()
        images, is_stack = as_image_list(X)
        maps = [self._at_own_scale(image, self._map(image, network, 1.0)) for image in images]
        return maps if is_stack else maps[0]

    def detect(self, X: ArrayLike) -> FloatArray | list[FloatArray]:
        """Find atoms and how likely they are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of such for a stack
            Row and column in pixels, and probability; likeliest first. As with `LoGStarDetector`,
            none lies in the outermost row or column of pixels.

        Raises
        ------
        TypeError, ValueError
            For images that are none.
        """
        network = self._fitted_network()
        images, is_stack = as_image_list(X)
        found = [self._found(image, network, 1.0) for image in images]
        return found if is_stack else found[0]

    def predict(self, X: ArrayLike) -> FloatArray | list[FloatArray]:
        """Find atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        positions : ndarray of shape (n_atoms, 2), or list of such for a stack
            Row and column in pixels, likeliest first; see `detect`.
        """
        found = self.detect(X)
        if isinstance(found, list):
            return [detections[:, :2] for detections in found]
        return found[:, :2]

    def count(self, X: ArrayLike) -> int | list[int]:
        """Count atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        count : int, or list of int for a stack
            How many `predict` finds.
        """
        found = self.detect(X)
        return [len(atoms) for atoms in found] if isinstance(found, list) else len(found)

    def fit_predict(self, X: ArrayLike, y: object = None) -> FloatArray | list[FloatArray]:
        """Learn the scale of an image and find its atoms; see `fit` and `predict`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.

        Returns
        -------
        positions : ndarray of shape (n_atoms, 2), or list of such for a stack
            Row and column in pixels, likeliest first.
        """
        return self.fit(X, y).predict(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _checked_network(self) -> Network:
        if self.spacing != "auto":
            check_real(self.spacing, name="spacing", low=_LEAST_SPACING)
        if self.polarity not in ("bright", "dark"):
            raise ValueError(f"polarity must be 'bright' or 'dark', got {self.polarity!r}.")
        check_real(self.threshold, name="threshold", low=0, high=1, low_included=False)
        check_integer(self.tile, name="tile", low=1)
        if not isinstance(self.model, (str, os.PathLike)):
            raise TypeError(f"model must be a name or a path, got {self.model!r}.")
        return Network.load(self.model)

    def _fitted_network(self) -> Network:
        check_is_fitted(self)
        return self._checked_network()

    def _map(self, image: Image, network: Network, relative: float) -> NDArray[np.float32]:
        """Probabilities at the network's scale times `relative`."""
        scaled = scale(np.asarray(image, dtype=np.float64), self.scale_ * relative)
        prepared = network.prepare(scaled if self.polarity == "bright" else -scaled)
        return network.probability(prepared, int(self.tile), threads_of(self.n_jobs))

    def _found(self, image: Image, network: Network, relative: float) -> FloatArray:
        probability = self._map(image, network, relative)
        spacing = self.spacing_ * self.scale_
        found = peaks_of(probability, spacing, self.threshold, network.company, scale=relative)
        found[:, :2] = to_scaled(found[:, :2], probability.shape, image.shape)
        pixels = np.rint(found[:, :2])
        inside = ((pixels >= 1) & (pixels <= np.array(image.shape) - 2)).all(axis=1)
        return found[inside]

    @staticmethod
    def _at_own_scale(image: Image, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        if probability.shape == image.shape:
            return probability
        from skimage.transform import resize  # noqa: PLC0415 - takes long to import

        resized = resize(probability, image.shape, order=1, mode="edge", anti_aliasing=False)
        return np.asarray(resized.clip(0, 1), dtype=np.float32)
