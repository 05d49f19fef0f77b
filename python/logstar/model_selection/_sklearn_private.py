"""scikit-learn's private names, each with the reason why a public one does not do."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

# Validates the parameters by `_parameter_constraints` and tears callbacks down after `fit`; every
# estimator of scikit-learn wears it, and there is no public counterpart.
from sklearn.base import _fit_context as fit_context

# Turns a list of names or a dict into scorers with scikit-learn's own error messages; the public
# `check_scoring` hides the scorers in an object with private attributes.
from sklearn.metrics._scorer import _check_multimetric_scoring as check_multimetric_scoring
from sklearn.model_selection._search import BaseSearchCV

# In which constraints of parameters are written.
from sklearn.utils._param_validation import HasMethods, Interval

# Splits rows and, for precomputed kernels, columns, as every scikit-learn search does.
from sklearn.utils.metaestimators import _safe_split as safe_split

# Takes the rows of `sample_weight` and the like that belong to a split.
from sklearn.utils.validation import _check_method_params as check_method_params

#: What scikit-learn's own searches allow for the parameters that they share.
SEARCH_CONSTRAINTS: dict[str, list[Any]] = BaseSearchCV._parameter_constraints  # noqa: SLF001

__all__ = [
    "SEARCH_CONSTRAINTS",
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "NoCallbacks",
    "check_method_params",
    "check_multimetric_scoring",
    "fit_context",
    "root_callback_context",
    "safe_split",
]


class NoCallbacks:
    """Takes the place of scikit-learn's callback context where there are no callbacks."""

    def subcontext(self, **_: Any) -> Self:
        return self

    def call_on_fit_task_begin(self, **_: Any) -> Self:
        return self

    def call_on_fit_task_end(self, **_: Any) -> bool:
        return False

    def propagate_callback_context(self, _: Any) -> AbstractContextManager[None]:
        return nullcontext()


def root_callback_context(search: Any, *, n_subtasks: int) -> Any:
    """Start the callbacks that were set by `set_callbacks`, which scikit-learn has since 1.9.

    Without callbacks nothing of the search travels to the workers along with the context, so a
    search that holds something unpicklable still runs in parallel.
    """
    # The attribute is private: `set_callbacks` has no public way to tell what was set.
    if not getattr(search, "_skl_callbacks", None):
        return NoCallbacks()
    return search._init_callback_context(max_subtasks=n_subtasks)  # noqa: SLF001 # see above
