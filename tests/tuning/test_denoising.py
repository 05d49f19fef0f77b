"""When the raw image is asked as well."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from logstar.tuning._denoising import unless_raw_is_better


def search(qc, er, interrupted=False):
    """What is asked of a search: the chosen row is the second one."""
    results = {"mean_test_qc": np.array([9.0, qc]), "mean_test_er": np.array([9.0, er])}
    return SimpleNamespace(cv_results_=results, best_index_=1, interrupted_=interrupted)


def refuse():
    raise AssertionError("the raw image was asked")


@pytest.mark.parametrize(("qc", "er"), [(0.0, 0.0), (-0.05, 0.01), (0.1, 0.1)])
def test_a_denoised_image_that_may_be_right_is_kept(qc, er):
    denoised = search(qc, er)
    assert unless_raw_is_better(denoised, refuse) is denoised


def test_the_better_one_is_taken_where_the_denoised_one_is_wrong():
    denoised, right, worse = search(-0.86, 0.0), search(0.02, 0.05), search(0.8, 0.4)
    assert unless_raw_is_better(denoised, lambda: right) is right
    assert unless_raw_is_better(denoised, lambda: worse) is denoised


def test_an_interrupted_search_is_not_followed_by_another():
    denoised = search(-0.86, 0.0, interrupted=True)
    assert unless_raw_is_better(denoised, refuse) is denoised
