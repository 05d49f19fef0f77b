"""Windows of an image that are centred on atoms."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from logstar import _core
from logstar._runtime import threads_of
from logstar._validation import (
    FloatArray,
    Image,
    as_image,
    as_image_list,
    as_positions,
    check_integer,
)
from logstar.detection import LoGStarDetector
from logstar.exceptions import NoAtomsWarning
from logstar.neighbors import distance_sums

if TYPE_CHECKING:
    from sklearn.utils import Tags

Images: TypeAlias = ArrayLike | Sequence[ArrayLike]
Border: TypeAlias = Literal["drop", "reflect"]
Normalization: TypeAlias = Literal["mean", "zscore"] | None

#: What the parameters `border` and `normalize` may be.
BORDERS = ("drop", "reflect")
NORMALIZATIONS = (None, "mean", "zscore")

#: Side of the window that is chosen where none is given, in units of the median distance of an atom
#: to its nearest neighbour.
_WINDOW_SHARE = 2.5
#: Frames from a warning to whoever called the method; scikit-learn wraps `transform` and
#: `fit_transform` in one more.
_CALLER, _WRAPPED = 4, 5


class Patches(NamedTuple):
    """Windows centred on atoms, and which atoms have one.

    Parameters
    ----------
    windows : ndarray of shape (n_kept, window_size, window_size), float32
        In the order of the positions.
    kept : ndarray of shape (n_positions,), bool
        Whether an atom has a window.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.segmentation import extract_patches
    >>> patches = extract_patches(np.eye(8), [[4, 4], [0, 0]], window_size=3)
    >>> patches.windows.shape, patches.kept
    ((1, 3, 3), array([ True, False]))
    """

    windows: NDArray[np.float32]
    kept: NDArray[np.bool_]


def extract_patches(
    image: ArrayLike,
    positions: ArrayLike,
    window_size: int,
    *,
    subpixel: bool = True,
    border: Border = "drop",
    normalize: Normalization = None,
    n_jobs: int | None = None,
) -> Patches:
    """Cut square windows that are centred on atoms.

    Pixel i of a window lies at ``centre + i - (window_size - 1) / 2`` along each axis: an odd
    window has its middle pixel on the atom, an even one has the atom between its two middle
    pixels.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        One image.
    positions : array-like of shape (n_positions, >=2)
        Row and column in pixels; further columns are ignored.
    window_size : int
        Rows and columns of a window, in pixels; at most those of the image.
    subpixel : bool, default=True
        True interpolates windows to be centred exactly, by Keys' cubic convolution [1]_. False
        takes the whole pixels that come nearest, the later ones of two that are equally near.
    border : {"drop", "reflect"}, default="drop"
        "drop" leaves out atoms whose windows reach beyond the outermost pixels' centres,
        "reflect" continues the image by its mirror image (``b a | a b c``), as SciPy does. Atoms
        outside the image, more than half a pixel beyond those centres, are always left out.
    normalize : {None, "mean", "zscore"}, default=None
        "mean" subtracts from each window its mean, "zscore" also divides by its standard
        deviation. Constant windows become 0.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.

    Returns
    -------
    patches : Patches
        `windows` of shape (n_kept, window_size, window_size), float32, and `kept` of shape
        (n_positions,), bool: which positions they are of.

    Raises
    ------
    TypeError, ValueError
        For an image or positions that are none, a window larger than the image, or another
        parameter that cannot be.

    Notes
    -----
    Cubic convolution is exact for quadratic intensities and leaves 0.64 of the variance of white
    noise midway between pixels, per axis; linear interpolation leaves 0.5, so that windows would
    differ by where atoms happen to lie between pixels.

    References
    ----------
    .. [1] R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 29, 1153 (1981), eq. 15.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.segmentation import extract_patches
    >>> image = np.arange(25.0).reshape(5, 5)
    >>> windows, kept = extract_patches(image, [[2.0, 2.5], [0.0, 0.0]], window_size=2)
    >>> windows
    array([[[ 9.5, 10.5],
            [14.5, 15.5]]], dtype=float32)
    >>> kept
    array([ True, False])
    """
    pixels = as_image(image)
    points = as_positions(positions)
    size = check_integer(window_size, name="window_size", low=1)
    _check_choices(border, normalize)
    _check_fits(size, pixels, "image")
    windows, kept = _core.extract_patches(
        pixels, points, size, bool(subpixel), border, normalize or "none", threads_of(n_jobs)
    )
    return Patches(windows, kept)


class AtomPatches(TransformerMixin, BaseEstimator):  # type: ignore[misc] # no types in scikit-learn
    """Turn images into windows centred on atoms, one row of pixels for each atom.

    The first step of part 2 of Barakati et al. (Digital Discovery 2024, 3, 2061). What follows
    takes its rows as samples: ``make_pipeline(AtomPatches(), PCA(2))``, or `AtomTypeGMM`.

    Parameters
    ----------
    detector : estimator, default=None
        Finds the atoms where no positions are given: any with `fit` and `predict` that gives a
        table (row, col, ...) for an image, a search over one included. It is cloned and fitted.
        None is a `logstar.LoGStarDetector` with its defaults.
    window_size : int, default=None
        Rows and columns of a window, in pixels. None chooses 2.5 times the median distance of an
        atom to its nearest neighbour, made odd: a window then holds the atom and its neighbours.
    subpixel : bool, default=True
        Whether windows are interpolated to be centred exactly.
    border : {"drop", "reflect"}, default="drop"
        Whether atoms are left out whose windows reach beyond the image, or the image is continued
        by its mirror image.
    normalize : {None, "mean", "zscore"}, default=None
        What is subtracted from each window and what it is divided by.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.

    Attributes
    ----------
    window_size_ : int
        Rows and columns of a window.
    detector_ : estimator
        The fitted detector; None if positions were given.
    positions_ : ndarray of shape (n_atoms, 2), float64
        Row and column in pixels of the atoms that have windows, image after image.
    image_indices_ : ndarray of shape (n_atoms,), int64
        Which image of a stack they are of; 0 for a single image.
    kept_ : ndarray of shape (n_detections,), bool, or list of arrays for a stack
        Which of all detections have windows.

    See Also
    --------
    extract_patches : The bare function.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AtomPatches
    >>> scene = make_scene(shape=(128, 128), random_state=0)
    >>> patches = AtomPatches(window_size=21)
    >>> windows = patches.fit_transform(scene.image, positions=scene.positions)
    >>> windows.shape == (patches.kept_.sum(), 21 * 21)
    True
    """

    def __init__(
        self,
        detector: Any = None,
        *,
        window_size: int | None = None,
        subpixel: bool = True,
        border: Border = "drop",
        normalize: Normalization = None,
        n_jobs: int | None = None,
    ) -> None:
        self.detector = detector
        self.window_size = window_size
        self.subpixel = subpixel
        self.border = border
        self.normalize = normalize
        self.n_jobs = n_jobs

    def fit(self, X: Images, y: object = None, *, positions: Any = None) -> Self:
        """Find the atoms, choose the window and find out which atoms have one.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.
        positions : array-like of shape (n_detections, >=2), or list of arrays for a stack
            Row and column of the atoms in pixels. None leaves them to the detector.

        Returns
        -------
        self : AtomPatches
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or an image that cannot be, a window larger than an image, or if no
            atom has a window.

        Warns
        -----
        NoAtomsWarning
            If an image of a stack has no atom with a window.
        """
        self._fit(X, y, positions)
        return self

    def fit_transform(self, X: Images, y: object = None, *, positions: Any = None) -> NDArray[Any]:
        """Fit to images and give their windows; see `fit` and `transform`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.
        positions : array-like of shape (n_detections, >=2), or list of arrays for a stack
            Row and column of the atoms in pixels. None leaves them to the detector.

        Returns
        -------
        windows : ndarray of shape (n_atoms, window_size ** 2), float32
            Those of `positions_`.
        """
        return self._flat(self._fit(X, y, positions, stacklevel=_WRAPPED))

    def transform(self, X: Images, *, positions: Any = None) -> NDArray[Any]:
        """Cut windows around the atoms of images.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        positions : array-like of shape (n_detections, >=2), or list of arrays for a stack
            Row and column of the atoms in pixels. None leaves them to the fitted detector.

        Returns
        -------
        windows : ndarray of shape (n_atoms, window_size ** 2), float32
            Row after row of each window, image after image; `extract` tells of which atoms.
        """
        found = self._extract(X, positions, stacklevel=_WRAPPED)
        return self._flat([patches for patches, _ in found])

    def extract(self, X: ArrayLike, *, positions: Any = None) -> tuple[Patches, FloatArray]:
        """Cut windows around the atoms of one image, and tell which atoms these are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image.
        positions : array-like of shape (n_detections, >=2), default=None
            Row and column of the atoms in pixels. None leaves them to the fitted detector.

        Returns
        -------
        patches : Patches
            The `windows` and for each detection whether it is `kept`.
        positions : ndarray of shape (n_detections, 2), float64
            Row and column of all detections in pixels.
        """
        image = as_image(X, name="X")
        ((patches, points),) = self._extract(image, positions)
        return patches, points

    def _fit(
        self, X: Images, y: object, positions: Any, *, stacklevel: int = _CALLER
    ) -> list[Patches]:
        _check_choices(self.border, self.normalize)
        if self.window_size is not None:
            check_integer(self.window_size, name="window_size", low=1)
        images, is_stack = as_image_list(X)
        self.detector_: Any = None
        if positions is None:
            detector = LoGStarDetector() if self.detector is None else clone(self.detector)
            self.detector_ = detector.fit(X, y)
        points = self._positions(X, positions, images, is_stack=is_stack)
        if self.window_size is not None:
            self.window_size_ = int(self.window_size)
        else:
            self.window_size_ = _window_for(points)
        patches = self._cut(images, points)
        kept = [patch.kept for patch in patches]
        if not any(mask.any() for mask in kept):
            raise ValueError(
                f"none of {sum(map(len, kept))} atoms has a window of {self.window_size_} px "
                'inside its image; use a smaller window_size, border="reflect", or a detector that '
                "finds atoms farther from the edges."
            )
        self._warn_of_empty(patches, stacklevel)
        self.kept_ = kept if is_stack else kept[0]
        self.positions_ = np.concatenate(
            [table[mask] for table, mask in zip(points, kept, strict=True)]
        )
        self.image_indices_ = np.repeat(np.arange(len(kept)), [mask.sum() for mask in kept])
        return patches

    def _extract(
        self, X: Images, positions: Any, *, stacklevel: int = _CALLER
    ) -> list[tuple[Patches, FloatArray]]:
        check_is_fitted(self)
        images, is_stack = as_image_list(X)
        if positions is None and self.detector_ is None:
            raise ValueError(
                "positions is None, but this AtomPatches was fitted to given positions and has no "
                "detector; give positions here too."
            )
        points = self._positions(X, positions, images, is_stack=is_stack)
        patches = self._cut(images, points)
        self._warn_of_empty(patches, stacklevel)
        return list(zip(patches, points, strict=True))

    def _positions(
        self, X: Images, positions: Any, images: list[Image], *, is_stack: bool
    ) -> list[FloatArray]:
        if positions is None:
            positions = self.detector_.predict(X)
        tables = list(positions) if is_stack else [positions]
        if len(tables) != len(images):
            raise ValueError(
                f"positions holds {len(tables)} tables for {len(images)} images; give one each."
            )
        return [as_positions(table) for table in tables]

    def _cut(self, images: list[Image], points: list[FloatArray]) -> list[Patches]:
        return [
            extract_patches(
                image,
                table,
                self.window_size_,
                subpixel=self.subpixel,
                border=self.border,
                normalize=self.normalize,
                n_jobs=self.n_jobs,
            )
            for image, table in zip(images, points, strict=True)
        ]

    def _warn_of_empty(self, patches: list[Patches], stacklevel: int) -> None:
        for index, patch in enumerate(patches):
            if not patch.kept.any():
                warnings.warn(
                    f"image {index} has no atom with a window of {self.window_size_} px inside it, "
                    f"of {len(patch.kept)} atoms found.",
                    NoAtomsWarning,
                    stacklevel=stacklevel,
                )

    def _flat(self, patches: list[Patches]) -> NDArray[Any]:
        windows = patches[0].windows
        if len(patches) > 1:
            windows = np.concatenate([patch.windows for patch in patches])
        return windows.reshape(len(windows), self.window_size_**2)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        # Windows are single precision, whatever the image is.
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _check_choices(border: object, normalize: object) -> None:
    if border not in BORDERS:
        raise ValueError(f'border must be "drop" or "reflect", got {border!r}.')
    if normalize not in NORMALIZATIONS:
        raise ValueError(f'normalize must be None, "mean" or "zscore", got {normalize!r}.')


def _check_fits(size: int, image: Image, name: str) -> None:
    if size > min(image.shape):
        raise ValueError(
            f"window_size={size} is larger than {name} of {image.shape[0]} x {image.shape[1]} px."
        )


def _window_for(tables: list[FloatArray]) -> int:
    """Choose a window by the median distance to the nearest neighbour, odd."""
    nearest = [distance_sums(table, n_neighbors=1) for table in tables if len(table) > 1]
    if not nearest:
        raise ValueError(
            "window_size=None is chosen by the distances of atoms, but no image has two atoms; "
            "give window_size, or a detector that finds them."
        )
    spacing = float(np.median(np.concatenate(nearest)))
    return 2 * int(_WINDOW_SHARE * spacing / 2) + 1
