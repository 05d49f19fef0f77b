"""What a type checker makes of detections; tests/test_types.py has mypy read it.

It is not run. An array with two dimensions in its type is one image, which gives one array; a
three-dimensional array or a list of arrays is a stack, which gives a list. Where the number of
dimensions is not in the type, mypy takes an array for one image; of other array-likes, such as
nested lists, it cannot tell images from stacks, and the result is either.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar import AtomFinder, DetectionPipeline, LoGStarDetector
from logstar.io import Micrograph

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

image = np.zeros((64, 64))
stack = np.zeros((3, 64, 64), dtype=np.uint16)
images = [image, image]


def detector(unknown: NDArray[np.float32], anything: ArrayLike) -> None:
    estimator = LoGStarDetector()
    assert_type(estimator.fit(image), LoGStarDetector)
    for method in (estimator.fit_predict, estimator.predict, estimator.detect):
        assert_type(method(image), Floats)
        assert_type(method(stack), list[Floats])
        assert_type(method(images), list[Floats])
        assert_type(method((image, image)), list[Floats])
        assert_type(method(unknown), Floats)
        assert_type(method(anything), Floats | list[Floats])
    assert_type(estimator.fit_predict(image).shape, tuple[Any, ...])
    assert_type(estimator.fit_predict(images)[0].shape, tuple[Any, ...])


def pipeline(unknown: NDArray[np.float32], anything: ArrayLike) -> None:
    estimator = DetectionPipeline([("detect", LoGStarDetector())])
    assert_type(estimator.fit(image), DetectionPipeline)
    for method in (estimator.fit_predict, estimator.predict, estimator.detect):
        assert_type(method(image), Floats)
        assert_type(method(stack), list[Floats])
        assert_type(method(images), list[Floats])
        assert_type(method(unknown), Floats)
        assert_type(method(anything), Floats | list[Floats])
    assert_type(estimator.flag_unsupported(image), Flags)
    assert_type(estimator.flag_unsupported(images), list[Flags])


def finder(micrograph: Micrograph) -> None:
    estimator = AtomFinder().fit(micrograph)
    assert_type(estimator, AtomFinder)
    assert_type(estimator.fit_predict(micrograph), Floats)
    assert_type(estimator.predict(image), Floats)
    assert_type(estimator.predict(micrograph), Floats)
    assert_type(estimator.predict(stack), list[Floats])
    assert_type(estimator.predict(images), list[Floats])
