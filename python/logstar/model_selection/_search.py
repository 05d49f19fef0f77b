"""Multi-objective Bayesian search over the parameters of any estimator."""

from __future__ import annotations

import numbers
import operator
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from ._compromise import RULES, Objective, pick_compromise
from ._engine import ParEGO, as_random_state
from ._evaluation import Split, Task, fit
from ._pareto import FloatArray, hypervolume_trace, is_non_dominated, reference_point
from ._progress import Reporter
from ._record import Record
from ._runner import Runner
from ._scoring import RewardScorer, accepts_sample_weight
from ._sklearn_private import (
    SEARCH_CONSTRAINTS,
    BaseSearchCV,
    Interval,
    NoCallbacks,
    check_method_params,
    fit_context,
    root_callback_context,
)
from ._spaces import Dimension, SearchSpace, as_dimension

if TYPE_CHECKING:
    from sklearn.utils import Tags

Rule = str | bool | Callable[[dict[str, Any]], Any]


class MOBOSearchCV(BaseSearchCV):  # type: ignore[misc] # scikit-learn ships no types
    """Multi-objective Bayesian search over an estimator's parameters.

    Reads like scikit-learn's `GridSearchCV` with several metrics, but all of them drive the
    search: it looks for the Pareto front, the settings of which none is worse than another in
    every objective, and then picks a compromise on it by a stated rule.

    Parameters
    ----------
    estimator : estimator object
        Cloned for each evaluation.
    search_spaces : dict of str to domain
        Parameter names and where to search: ``(low, high)`` or ``(low, high, "log-uniform")``,
        integers if both ends are; a list of choices; a scikit-optimize dimension; a frozen
        `scipy.stats` ``uniform``, ``loguniform`` or ``randint``.
    scoring : dict, list, str, callable or None
        Scorers as `GridSearchCV` takes them, greater is better; one callable may return a dict. A
        scorer may also declare, as attributes: `greater_is_better` (False if the score is minus
        the quantity that you think in), `ideal` (the quantity's best conceivable value) and
        `scale` (one unit of distance from it). With one scorer this is plain Bayesian search.
    n_iter : int, default=50
        Number of evaluations; of sweeps where `sweep` is given.
    n_initial_points : int, default=10
        How many of them are spread evenly over the space before the search begins to learn.
    refit : {"euclidean", "chebyshev"}, scorer's name, callable, bool; default="euclidean"
        Which setting to fit at last to all data: the one at least distance from the ideal point;
        the best in one score; that whose index the callable returns for `cv_results_`; False for
        none; True is the default. Distances are taken of ``(objective - ideal) / scale``, where
        the front's best and its range (1 if that is 0) stand in for what a scorer does not
        declare. Ties go to the nearer by the other rule, then to the earlier evaluation.
    cv : int, splitter, iterable or None, default=None
        How to split data for scoring. None fits and scores on all data, passed on as they are;
        that is how an analysis without labels is tuned on the image itself, and it differs from
        `GridSearchCV`, where None splits in five.
    n_jobs : int, default=None
        Processes, as in joblib. The result does not depend on it. The initial points run in
        parallel, after that the splits.
    verbose : int, default=0
        Above 0, a line is printed for each evaluation.
    pre_dispatch : int or str, default="2*n_jobs"
        As in joblib.
    error_score : "raise" or float, default=np.nan
        Score recorded where a fit or a scorer fails. Whatever the number, a failure is never on
        the front, and its objectives are NaN; the search goes on.
    return_train_score : bool, default=False
        Whether to score on the training data too.
    random_state : int, RandomState, Generator or None, default=None
        An int makes searches repeatable.
    sweep : sequence of str, default=()
        Names in `search_spaces` that the estimator evaluates exactly. For each setting of the
        others its method ``sweep(X, y, *, ranges, scorers)`` returns the front over these, as pairs
        of a setting and its scores, all of which become rows of `cv_results_`. An estimator that
        knows more of its parameters than that they are numbers, so finds more in less time than
        any search from outside. Needs ``cv=None``; intervals only.
    callback : callable or list of callables, default=None
        Called after each evaluation with a `SearchProgress`; if one returns True, the search
        ends there.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in `GridSearchCV`, one row for each evaluation in order; in addition
        ``objective_NAME``, the quantity in its own sign, and ``is_pareto``.
    pareto_indices_ : ndarray of shape (n_front,)
        Rows of `cv_results_` on the Pareto front, in the order of evaluation.
    pareto_front_ : ndarray of shape (n_front, n_objectives)
        Their objectives, in their own signs.
    pareto_params_ : list of dict
        Their settings.
    objective_names_ : tuple of str
        What the columns of `pareto_front_` are.
    ref_point_ : ndarray of shape (n_objectives,)
        Where the hypervolume ends, in the objectives' own signs: a tenth of the range beyond the
        worst finite value in the initial points, or, if all of these failed, in all evaluations.
        Where that range is 0, a tenth of the value, or 0.1.
    hypervolume_ : float
        What the front dominates up to `ref_point_`.
    hypervolume_trace_ : ndarray of shape (n_evaluations_,)
        The same after each evaluation, with the final `ref_point_`.
    best_index_, best_params_ : int, dict
        The chosen row and its setting; not with ``refit=False``.
    best_score_ : dict of str to float
        Its mean scores by name; not with ``refit=False``.
    best_estimator_ : estimator
        Fitted with it to all data; not with ``refit=False``.
    n_evaluations_ : int
        Rows of `cv_results_`. Where parameters are swept, as many as the fronts hold; else
        `n_iter`, or fewer if the space was exhausted or the search ended early.
    interrupted_ : bool
        Whether the search was ended by Ctrl-C. What was evaluated until then is kept.
    scorer_ : callable or dict of str to callable
        The scorers.
    n_splits_ : int
        Number of splits.
    refit_time_ : float
        Seconds taken by the last fit.
    multimetric_ : bool
        Whether there are several scores by name.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Tries a grid and ranks it by one metric.

    Notes
    -----
    The engine is ParEGO on scikit-optimize's Gaussian process. Scorers get a shallow copy of the
    fitted estimator that computes `predict` and the like once per input, however many ask.

    Examples
    --------
    Two errors of a ridge regression: the mean one and the largest.

    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import Ridge
    >>> from logstar.model_selection import MOBOSearchCV
    >>> X, y = make_regression(n_samples=40, n_features=5, noise=10, random_state=0)
    >>> search = MOBOSearchCV(
    ...     Ridge(),
    ...     {"alpha": (1e-3, 1e3, "log-uniform")},
    ...     scoring={"mean": "neg_mean_absolute_error", "largest": "neg_max_error"},
    ...     n_iter=12,
    ...     n_initial_points=8,
    ...     cv=4,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> search.objective_names_
    ('mean', 'largest')
    >>> search.pareto_front_.shape == (len(search.pareto_indices_), 2)
    True
    >>> sorted(search.best_score_)
    ['largest', 'mean']
    >>> int(search.select("mean")) in search.pareto_indices_
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SEARCH_CONSTRAINTS,
        "search_spaces": [dict],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_initial_points": [Interval(numbers.Integral, 1, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
        "sweep": [list, tuple],
        "callback": [callable, list, None],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Mapping[str, Any],
        *,
        scoring: Any,
        n_iter: int = 50,
        n_initial_points: int = 10,
        refit: Rule = "euclidean",
        cv: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        sweep: Sequence[str] = (),
        callback: Any = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.search_spaces = search_spaces
        self.n_iter = n_iter
        self.n_initial_points = n_initial_points
        self.random_state = random_state
        self.sweep = sweep
        self.callback = callback

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        # scikit-learn's base copies two fields only, so that a search over an estimator of images
        # would claim to take tables.
        tags.input_tags = deepcopy(inner.input_tags)
        tags.transformer_tags = deepcopy(inner.transformer_tags)
        return tags

    @fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, and fit the chosen setting to all data.

        Parameters
        ----------
        X : array-like, image, stack of images, or whatever the estimator takes
            Split by `cv`; with ``cv=None`` passed on as it is.
        y : array-like or None, default=None
            Target, reference, or nothing.
        **params : dict
            Passed to the estimator's `fit`, to scorers and splitter as in `GridSearchCV`.

        Returns
        -------
        self : MOBOSearchCV
            Itself, fitted.

        Raises
        ------
        ValueError
            For parameters that are not allowed, before anything is evaluated, and if every
            evaluation failed.
        """
        space, swept = self._check_space()
        scorer = self._get_scorers()[0]
        if scorer.names is not None:
            self._check_refit(scorer.names)
        if self.cv is not None:
            X, y = indexable(X, y)
            params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._split(X, y, routed.splitter.split)
        self.n_splits_ = len(splits)

        root = root_callback_context(self, n_subtasks=1 + bool(self.refit))
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        task = Task(
            estimator=clone(self.estimator),
            scorer=scorer,
            X=X,
            y=y,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            return_train_score=self.return_train_score,
            raise_errors=self.error_score == "raise",
            caller=None if isinstance(root, NoCallbacks) else self,
            swept=swept,
        )
        engine = ParEGO(
            space,
            n_initial_points=self.n_initial_points,
            random_state=as_random_state(self.random_state),
        )
        record = Record(scorer)
        runner = Runner(
            n_iter=self.n_iter,
            n_jobs=self.n_jobs,
            pre_dispatch=self.pre_dispatch,
            space=space,
            engine=engine,
            task=task,
            splits=splits,
            record=record,
            reporter=self._make_reporter(),
            check_names=self._check_refit,
        )
        context = root.subcontext(
            task_name="search", max_subtasks=self.n_iter * len(splits), sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        runner.run(context)
        context.call_on_fit_task_end(estimator=self)
        self.interrupted_ = runner.interrupted
        self._store_results(record, runner.n_initial)
        self.scorer_ = scorer.scorers["score"] if scorer.single else scorer.scorers
        self._reward_scorer = scorer
        if self.refit:
            self._refit_best(task, root)
        root.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _split(self, X: Any, y: Any, params: Mapping[str, Any]) -> list[Split]:
        """Split once: every setting is scored on the same parts even where these are random."""
        if self.cv is None:
            return [None]
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits: list[Split] = list(splitter.split(X, y, **params))
        if not splits:
            raise ValueError(f"cv={self.cv!r} gives no split; at least one is needed.")
        return splits

    def _check_space(self) -> tuple[SearchSpace, dict[str, Dimension]]:
        swept = self._check_sweep()
        searched = {name: v for name, v in self.search_spaces.items() if name not in swept}
        space = SearchSpace(searched, may_be_single=bool(swept))
        known = self.estimator.get_params()
        unknown = [name for name in self.search_spaces if name not in known]
        if unknown:
            raise ValueError(
                f"search_spaces names parameters that {type(self.estimator).__name__} does not "
                f"have: {unknown}. It has {sorted(known)}."
            )
        if self.n_iter < self.n_initial_points:
            raise ValueError(
                f"n_iter below the initial points: n_iter={self.n_iter}, "
                f"n_initial_points={self.n_initial_points}. Raise the one or lower the other."
            )
        return space, swept

    def _check_sweep(self) -> dict[str, Dimension]:
        if not self.sweep:
            return {}
        if not hasattr(self.estimator, "sweep"):
            raise ValueError(
                f"sweep={self.sweep!r}: {type(self.estimator).__name__} has no method `sweep`, so "
                "it evaluates no parameters exactly; leave `sweep` empty."
            )
        if self.cv is not None:
            raise ValueError(f"sweep={self.sweep!r} needs cv=None, got cv={self.cv!r}.")
        missing = [name for name in self.sweep if name not in self.search_spaces]
        if missing:
            raise ValueError(
                f"sweep names {missing}, which search_spaces lacks; it has "
                f"{sorted(self.search_spaces)}."
            )
        return {name: as_dimension(name, self.search_spaces[name]) for name in self.sweep}

    def _check_refit(self, names: tuple[str, ...]) -> None:
        allowed = (*RULES, *names)
        if isinstance(self.refit, str) and self.refit not in allowed:
            raise ValueError(
                f"refit={self.refit!r} is no rule and no scorer's name; it must be one of "
                f"{allowed}, a callable that returns an index, or False."
            )

    def _make_reporter(self) -> Reporter:
        callbacks = self.callback if isinstance(self.callback, list) else [self.callback]
        return Reporter(
            n_iter=self.n_iter,
            rule=self.refit if isinstance(self.refit, str) else "euclidean",
            callbacks=[callback for callback in callbacks if callback is not None],
            verbose=self.verbose > 0,
        )

    def _get_scorers(self) -> tuple[RewardScorer, None]:
        """Take the place of scikit-learn's own, which also serves its metadata routing."""
        return RewardScorer.from_scoring(self.estimator, self.scoring), None

    def _check_scorers_accept_sample_weight(self) -> bool:
        """Let scikit-learn pass sample weights on if any scorer takes them."""
        return any(map(accepts_sample_weight, self._get_scorers()[0].scorers.values()))

    def _store_results(self, record: Record, n_initial: int) -> None:
        n_failed = record.n_failed
        if n_failed == len(record):
            raise ValueError(
                f"Every one of the {n_failed} evaluations failed, so there is nothing to choose "
                "from. error_score='raise' stops at the first error. What went wrong:\n"
                f"{record.describe_failures()}"
            )
        fill = np.nan if self.error_score == "raise" else float(self.error_score)
        if failures := record.describe_failures():
            warnings.warn(
                f"{n_failed} of {len(record)} evaluations failed; they have the score {fill} and "
                "are not on the Pareto front. error_score='raise' stops at the first error. What "
                f"went wrong:\n{failures}",
                FitFailedWarning,
                stacklevel=4,
            )
        objectives = self._objectives = record.objectives or ()
        losses = record.loss_table()
        on_front = is_non_dominated(losses)
        table = _from_losses(losses, objectives)
        columns: dict[str, Any] = {
            f"objective_{objective.name}": table[:, i] for i, objective in enumerate(objectives)
        }
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            # Scores that are not finite have just been reported, with the reasons.
            warnings.filterwarnings("ignore", message="One or more of the t(est|rain) scores are")
            self.cv_results_ = self._format_results(
                record.params,
                self.n_splits_,
                record.split_results(fill),
                columns | {"is_pareto": on_front},
            )
        self.multimetric_ = len(objectives) > 1 or isinstance(self.scoring, (dict, list, tuple))
        self.n_evaluations_ = len(record)
        self.objective_names_ = tuple(objective.name for objective in objectives)
        self.pareto_indices_ = np.flatnonzero(on_front)
        self.pareto_front_ = table[on_front]
        self.pareto_params_ = [record.params[index] for index in self.pareto_indices_]
        corner = reference_point(losses, n_initial)
        self.ref_point_ = _from_losses(corner[np.newaxis], objectives)[0]
        self.hypervolume_trace_ = hypervolume_trace(losses, corner)
        self.hypervolume_ = float(self.hypervolume_trace_[-1])

    def _refit_best(self, task: Task, root: Any) -> None:
        self.best_index_ = self.select(self.refit)
        self.best_params_ = self.cv_results_["params"][self.best_index_]
        self.best_score_ = {
            name: float(self.cv_results_[f"mean_test_{name}"][self.best_index_])
            for name in self.objective_names_
        }
        best = clone(task.estimator).set_params(**clone(self.best_params_, safe=False))
        context = root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(best):
            context.call_on_fit_task_begin(estimator=self, X=task.X, y=task.y)
            start = time.perf_counter()
            fit(best, task.X, task.y, task.fit_params)
            self.refit_time_ = time.perf_counter() - start
        context.call_on_fit_task_end(estimator=self, X=task.X, y=task.y)
        self.best_estimator_ = best
        with suppress(AttributeError):
            self.feature_names_in_ = best.feature_names_in_

    def select(self, rule: Rule = "euclidean") -> int:
        """Pick a setting by another rule, without a new search or fit.

        Parameters
        ----------
        rule : {"euclidean", "chebyshev"}, scorer's name, or callable; default="euclidean"
            As `refit`.

        Returns
        -------
        index : int
            Row of `cv_results_`.

        Raises
        ------
        ValueError, TypeError, IndexError
            For an unknown rule, or a callable that returns no row.
        """
        check_is_fitted(self, "cv_results_")
        if callable(rule):
            answer = rule(self.cv_results_)
            try:
                index = operator.index(answer)
            except TypeError as error:
                raise TypeError(
                    f"The rule must return the index of a row, got {answer!r}."
                ) from error
            if not 0 <= index < self.n_evaluations_:
                raise IndexError(
                    f"The rule returned the row {index}; there are rows 0 to "
                    f"{self.n_evaluations_ - 1}."
                )
            return index
        name = "euclidean" if rule is True else rule
        if name not in (*RULES, *self.objective_names_):
            raise ValueError(
                f"rule={rule!r} must be one of {(*RULES, *self.objective_names_)} or a callable."
            )
        objectives: tuple[Objective, ...] = self._objectives
        losses = np.column_stack(
            [o.sign * self.cv_results_[f"objective_{o.name}"] for o in objectives]
        )
        return pick_compromise(losses, objectives, str(name))

    def scores(self, X: Any, y: Any = None, **params: Any) -> dict[str, float]:
        """Score the best estimator by every scorer.

        Parameters
        ----------
        X : array-like, image or stack of images
            New data.
        y : array-like or None, default=None
            As scorers need it.
        **params : dict
            Metadata for the scorers.

        Returns
        -------
        scores : dict of str to float
            Greater is better.
        """
        if not self.refit:
            raise AttributeError(
                "With refit=False there is no best estimator; fit one with a setting of "
                "`pareto_params_`, or search with another `refit`."
            )
        check_is_fitted(self, "best_estimator_")
        scorer: RewardScorer = self._reward_scorer
        return scorer(self.best_estimator_, X, y, **params)

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Score the best estimator by the first scorer.

        Parameters
        ----------
        X : array-like, image or stack of images
            New data.
        y : array-like or None, default=None
            As scorers need it.
        **params : dict
            Metadata for the scorers.

        Returns
        -------
        score : float
            Greater is better.
        """
        return next(iter(self.scores(X, y, **params).values()))


def _from_losses(losses: FloatArray, objectives: Sequence[Objective]) -> FloatArray:
    """Turn a table of losses into the objectives' own signs."""
    return np.column_stack([o.from_loss(losses[:, i]) for i, o in enumerate(objectives)])
