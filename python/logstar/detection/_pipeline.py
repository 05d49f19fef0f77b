"""Preprocessing and detection as one estimator that keeps the raw image in mind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Self,
    TypeAlias,
    overload,
)

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from logstar._sweeping import Front, Interval
from logstar._validation import (
    FloatArray,
    Image,
    Images,
    OneImage,
    Stack,
    as_image_list,
    check_real,
)

from . import LoGStarDetector, ScaleSpaceCandidates
from ._criteria import Criteria
from ._detector import Detections, mean_f1
from ._exact_front import Bounds
from ._parameters import one_threshold
from ._processed import Processed
from ._raw_test import RawTest, support_maps
from ._support import Support
from ._sweep_plan import SweepPlan, bounds_of

if TYPE_CHECKING:
    from joblib import Memory
    from sklearn.utils import Tags

_UNSUPPORTED = ("drop", "flag")


Flags: TypeAlias = NDArray[np.bool_]


class DetectionPipeline(Pipeline):  # type: ignore[misc] # scikit-learn ships no types
    """Transformers of images, then a `LoGStarDetector`; what they find is tested on the raw image.

    A scikit-learn `Pipeline` in everything else: steps are set, replaced or left out
    ("passthrough") by `set_params`, so that `MOBOSearchCV` can tune all of them together, and
    `memory` keeps what unchanged first steps give. Two things are added. Denoised images show atoms
    where there are none, so the raw image is asked for each; see `atom_support`. And threshold and
    overlap are swept exactly, as by the detector alone.

    Parameters
    ----------
    steps : list of (str, estimator)
        Transformers of images, or "passthrough"; the last one is a `LoGStarDetector`.
    unsupported : {"drop", "flag"}, default="drop"
        What becomes of detections that the raw image does not support: they are dropped, or they
        are kept and `flag_unsupported` tells which they are.
    min_evidence : float, default=-2.0
        A detection is supported from this evidence on: the logarithm of how much likelier the raw
        image is with the atom than without it. The lower it is, the more empty places stay filled;
        the higher, the more weak atoms are lost in noise. On YBa2Cu3O7 with 2 % vacancies at noise
        0.3, -3 leaves 10 % of them filled and -2 6 %; at noise 1.0 F1 is 0.997 and 0.993.
    memory : None, str or joblib.Memory, default=None
        Where to cache fitted transformers and what they give, as in `Pipeline`.
    verbose : bool, default=False
        Whether to print the time of each step.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.

    See Also
    --------
    logstar.tuning.make_logstar_workflow : A search over a pipeline for a given crystal.

    Notes
    -----
    The test comes before the rewards: detections that are dropped count neither in `QualityCount`
    nor in `ErrorRate`, in a sweep as well.

    A transformer that moves places, such as `ScanDistortionCorrector`, has a method `to_raw`. The
    raw image is then moved alike for the test, and positions are led back to where the raw image
    has them; those outside of it are dropped.

    Examples
    --------
    >>> from logstar import LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.metrics import detection_metrics
    >>> from logstar.preprocessing import PatchPCADenoiser
    >>> from logstar.detection import DetectionPipeline
    >>> scene = make_scene(shape=(128, 128), sigma=3, noise=0.4, random_state=0)
    >>> pipeline = DetectionPipeline(
    ...     [
    ...         ("denoise", PatchPCADenoiser()),
    ...         ("detect", LoGStarDetector(2, 4, 5, threshold=0.03, overlap=0.2)),
    ...     ]
    ... )
    >>> atoms = pipeline.fit(scene.image).detect(scene.image)
    >>> atoms.shape[1]
    5
    >>> detection_metrics(atoms, scene.positions, shape=(128, 128), margin=4).f1 > 0.95
    True
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        unsupported: Literal["drop", "flag"] = "drop",
        min_evidence: float = -2.0,
        memory: str | Memory | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose)
        self.unsupported = unsupported
        self.min_evidence = min_evidence

    def fit(self, X: Images, y: object = None, **params: Any) -> Self:
        """Fit the transformers one after another, and check the detector's parameters.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.
        **params : dict
            As `Pipeline` takes them.

        Returns
        -------
        self : DetectionPipeline
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a parameter or an image that cannot be; the message names it and what is allowed.
        """
        self._check_parameters()
        super().fit(X, y, **params)
        return self

    @overload
    def detect(self, X: OneImage) -> FloatArray: ...

    @overload
    def detect(self, X: Stack) -> list[FloatArray]: ...

    @overload
    def detect(self, X: Images) -> Detections: ...

    def detect(self, X: Images) -> Detections:
        """Find atoms, how strongly they respond, and what the raw image says of them.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 5), or list of arrays for a stack
            Row, column, sigma in pixels, response in the processed image, and support: the
            signal-to-noise ratio in the raw image. Strongest response first.

        Raises
        ------
        TypeError, ValueError
            For what is no image, and for images that are constant or smaller than the largest
            kernel.

        Warns
        -----
        NoAtomsWarning
            If an image has no atom.
        """
        images, is_stack = as_image_list(X)
        found = [np.column_stack([table, support.snr]) for table, support in self._tested(images)]
        return found if is_stack else found[0]

    @overload
    def flag_unsupported(self, X: OneImage) -> Flags: ...

    @overload
    def flag_unsupported(self, X: Stack) -> list[Flags]: ...

    @overload
    def flag_unsupported(self, X: Images) -> Flags | list[Flags]: ...

    def flag_unsupported(self, X: Images) -> Flags | list[Flags]:
        """Tell which rows of `detect` the raw image does not support.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        flagged : ndarray of shape (n_atoms,), bool, or list of arrays for a stack
            With ``unsupported="drop"`` none is.
        """
        images, is_stack = as_image_list(X)
        flagged = [support.evidence < self.min_evidence for _, support in self._tested(images)]
        return flagged if is_stack else flagged[0]

    @overload
    def predict(self, X: OneImage, **params: Any) -> FloatArray: ...

    @overload
    def predict(self, X: Stack, **params: Any) -> list[FloatArray]: ...

    @overload
    def predict(self, X: Images, **params: Any) -> Detections: ...

    def predict(self, X: Images, **params: Any) -> Detections:
        """Find atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        **params : dict
            Must be empty; there for the sake of `Pipeline`'s signature.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of arrays for a stack
            Row, column and sigma in pixels, the strongest response first; see `detect`.
        """
        if params:
            raise TypeError(f"predict takes no further parameters, got {sorted(params)}.")
        found = self.detect(X)
        return [table[:, :3] for table in found] if isinstance(found, list) else found[:, :3]

    @overload
    def fit_predict(self, X: OneImage, y: object = None, **params: Any) -> FloatArray: ...

    @overload
    def fit_predict(self, X: Stack, y: object = None, **params: Any) -> list[FloatArray]: ...

    @overload
    def fit_predict(self, X: Images, y: object = None, **params: Any) -> Detections: ...

    def fit_predict(self, X: Images, y: object = None, **params: Any) -> Detections:
        """Fit to `X` and find its atoms; see `fit` and `predict`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : object, default=None
            Ignored.
        **params : dict
            Passed to `fit`.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of arrays for a stack
            Row, column and sigma in pixels, the strongest response first.
        """
        return self.fit(X, y, **params).predict(X)

    def find_candidates(self, X: ArrayLike, threshold: float) -> ScaleSpaceCandidates:
        """Find the supported candidates of one image, for any threshold and overlap.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols)
            One image; the transformers are fitted to it.
        threshold : float
            The least threshold of interest.

        Returns
        -------
        candidates : ScaleSpaceCandidates
            Those of the processed image that pass the test in the raw one.

        Raises
        ------
        TypeError, ValueError
            For parameters and images that `fit` refuses, and for a stack.
        """
        self._check_parameters()
        images, is_stack = as_image_list(X)
        if is_stack:
            raise ValueError("X must be one image, got a stack; find the candidates of each.")
        processed = self._processed(images, None)
        detector = self.steps[-1][1]
        found: ScaleSpaceCandidates = detector.find_candidates(processed.shown[0], threshold)
        keep = self._raw_test.by_detector(detector, processed)
        if keep is None:
            return found
        table = found.table[keep(found.table, 0)]
        return ScaleSpaceCandidates(table, threshold=found.threshold, n_jobs=found.n_jobs)

    def score(self, X: Images, y: Any = None, **params: Any) -> float:
        """F1 of the atoms found against reference positions, averaged over images.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : array-like of shape (n_atoms, >=2), or list of arrays for a stack
            Reference positions (row, col) in pixels.
        **params : dict
            Must be empty; there for the sake of `Pipeline`'s signature.

        Returns
        -------
        f1 : float
            Between 0 and 1.

        Raises
        ------
        ValueError
            Without `y`: rewards need no reference, see `logstar.rewards`.
        """
        return mean_f1(partial(self.predict, **params), X, y)

    def sweep(
        self,
        X: Images,
        y: Any = None,
        *,
        settings: Sequence[Mapping[str, Any]],
        ranges: Mapping[str, Interval],
        scorers: Mapping[str, Any],
    ) -> Iterator[Front]:
        """Find the exact Pareto fronts over the detector's threshold and overlap.

        Images are transformed once for each way of preprocessing, and kept as long as a later
        setting needs them; then the detector sweeps, see `LoGStarDetector.sweep`. Candidates that
        the raw image does not support are left out before, unless they are merely to be flagged.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.
        y : positions or count, or a sequence of them for a stack; default=None
            As the scorers take it.
        settings : sequence of mapping
            Values of other parameters, of the pipeline and its steps. Estimators among them are
            cloned; the same object stands for the same preprocessing.
        ranges : mapping of str to Interval
            Bounds for ``STEP__threshold`` and ``STEP__overlap``, where STEP is the detector's.
        scorers : mapping of str to reward
            As `LoGStarDetector.sweep` takes them.

        Returns
        -------
        fronts : iterator of Front
            As of `LoGStarDetector.sweep`; names of settings begin with the step's name.

        Raises
        ------
        TypeError, ValueError
            At once, for other parameters or other scorers. For whatever the steps refuse, when the
            front of the setting at fault is asked for.
        """
        prefix = f"{self.steps[-1][0]}__"
        foreign = sorted(key for key in ranges if not key.startswith(prefix))
        if foreign:
            raise ValueError(f"only parameters of {prefix[:-2]!r} are swept, got {foreign}.")
        bounds = bounds_of({key.removeprefix(prefix): each for key, each in ranges.items()})
        images, is_stack = as_image_list(X)
        criteria = Criteria.of(scorers, images, y if y is None or is_stack else [y])
        return self._fronts(images, y, settings, criteria, bounds)

    def _fronts(
        self,
        images: list[Image],
        y: Any,
        settings: Sequence[Mapping[str, Any]],
        criteria: Criteria,
        bounds: Bounds,
    ) -> Iterator[Front]:
        prefix = f"{self.steps[-1][0]}__"
        ways = [_preprocessing_of(setting, prefix) for setting in settings]
        prepared: dict[Any, _Prepared] = {}
        start = 0
        for way, same in groupby(ways):
            stop = start + len(list(same))
            if way not in prepared:
                own = {k: v for k, v in settings[start].items() if not k.startswith(prefix)}
                own = {key: clone(value, safe=False) for key, value in own.items()}
                prepared[way] = _Prepared.of(clone(self).set_params(**own), images, y)
            of_detector = [
                {k.removeprefix(prefix): v for k, v in setting.items() if k.startswith(prefix)}
                for setting in settings[start:stop]
            ]
            for front in prepared[way].sweep(of_detector, criteria, bounds):
                named = {prefix + key: column for key, column in front.settings.items()}
                yield replace(front, settings=named)
            if way not in ways[stop:]:
                del prepared[way]
            start = stop

    @property
    def threshold(self) -> float:  # numpydoc ignore=RT01
        """The detector's threshold."""
        return one_threshold(self.steps[-1][1])

    @property
    def overlap(self) -> float:  # numpydoc ignore=RT01
        """The detector's overlap."""
        return float(self.steps[-1][1].overlap)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _check_parameters(self) -> None:
        detector = self.steps[-1][1]
        if not isinstance(detector, LoGStarDetector):
            raise TypeError(f"the last step must be a LoGStarDetector, got {detector!r}.")
        if self.unsupported not in _UNSUPPORTED:
            raise ValueError(
                f"unsupported must be one of {_UNSUPPORTED}, got {self.unsupported!r}."
            )
        check_real(self.min_evidence, name="min_evidence")

    def _processed(self, images: list[Image], y: Any) -> Processed:
        """Fit copies of the transformers and apply them, with what `memory` holds."""
        # `Pipeline` caches all steps but the last.
        transformers = Pipeline([*self.steps[:-1], ("image", "passthrough")], memory=self.memory)
        shown, _ = as_image_list(list(transformers.fit_transform(images, y)))
        return Processed.of(transformers.steps, images, shown)

    def _tested(self, images: list[Image]) -> list[tuple[FloatArray, Support]]:
        """For each image what the detector finds, where the raw image has it, and its support."""
        check_is_fitted(self)
        shown = images
        for _, transformer in self.steps[:-1]:
            if transformer is not None and transformer != "passthrough":
                shown = list(transformer.transform(shown))
        detector = self.steps[-1][1]
        processed = Processed.of(self.steps[:-1], images, shown)
        maps = support_maps(detector, processed)
        keep = self._raw_test.by_maps(maps, processed)
        tables = detector.detect(shown, keep=keep)
        tested = []
        for table, known in zip(tables, maps, strict=True):
            support = known.at(table[:, :2])
            tested.append((np.column_stack([processed.to_raw(table), table[:, 2:]]), support))
        return tested

    @property
    def _raw_test(self) -> RawTest:
        return RawTest(self.unsupported, self.min_evidence)


class _Prepared(NamedTuple):
    """A pipeline with the images that its detector sees."""

    pipeline: DetectionPipeline
    processed: Processed

    @classmethod
    def of(cls, pipeline: DetectionPipeline, images: list[Image], y: Any) -> _Prepared:
        pipeline._check_parameters()  # noqa: SLF001 - of this module
        return cls(pipeline, pipeline._processed(images, y))  # noqa: SLF001

    def sweep(
        self, settings: Sequence[Mapping[str, Any]], criteria: Criteria, bounds: Bounds
    ) -> Iterator[Front]:
        detector: LoGStarDetector = self.pipeline.steps[-1][1]
        test = self.pipeline._raw_test.by_detector  # noqa: SLF001 - of this module
        make_test = partial(test, processed=self.processed)
        shown = self.processed.shown
        return SweepPlan(detector, shown, settings, criteria, bounds, make_test).fronts()


def _preprocessing_of(setting: Mapping[str, Any], prefix: str) -> tuple[tuple[str, Any], ...]:
    """The part of a setting that concerns the steps before the detector, made comparable."""
    return tuple(
        # Estimators and arrays are the same if they are the same object, as a search's choices are.
        (key, value if isinstance(value, (float, int, str)) else id(value))
        for key, value in setting.items()
        if not key.startswith(prefix)
    )
