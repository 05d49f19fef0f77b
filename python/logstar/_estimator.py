"""What estimators have in common that are copied and asked for their parameters many times."""

from __future__ import annotations

from typing import ClassVar


class KeptParameterNames:
    """Looks the names of a class's parameters up once, where scikit-learn does it at each question.

    To be named before `BaseEstimator` among the bases. A search of a small image takes as long as
    some hundred looks at a signature, and copies and asks its estimator a dozen times.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from logstar._estimator import KeptParameterNames
    >>> class Shift(KeptParameterNames, BaseEstimator):
    ...     def __init__(self, by=1):
    ...         self.by = by
    >>> Shift(2).get_params()
    {'by': 2}
    """

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # A subclass has its own.
        names: tuple[str, ...] | None = cls.__dict__.get("_kept_parameter_names")
        if names is None:
            names = tuple(super()._get_param_names())  # type: ignore[misc] # of scikit-learn's base
            cls._kept_parameter_names = names
        return list(names)

    _kept_parameter_names: ClassVar[tuple[str, ...] | None] = None
