"""Multi-objective Bayesian search over the parameters of any estimator."""

from __future__ import annotations

import numbers
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags, indexable

from ._checks import (
    check_initial_points,
    check_not_cut,
    check_refit,
    check_space,
    is_supervised,
)
from ._engines import make_engine
from ._evaluation import Split, Task, fit, metadata_of, unshared
from ._fitted import FittedSearch, Rule
from ._history import open_history
from ._journal import Journal
from ._progress import Reporter
from ._record import Record
from ._results import summarise
from ._runner import Runner
from ._scoring import SINGLE, RewardScorer, accepts_sample_weight, check_scorers
from ._sklearn_private import (
    SEARCH_CONSTRAINTS,
    HasMethods,
    Interval,
    NoCallbacks,
    check_method_params,
    fit_context,
    root_callback_context,
)
from ._spaces import Point, SearchSpace
from ._stopping import Stopping

if TYPE_CHECKING:
    from sklearn.utils import Tags


class MOBOSearchCV(FittedSearch):
    """Multi-objective Bayesian search over an estimator's parameters.

    Reads like scikit-learn's `GridSearchCV` with several metrics, but all of them drive the
    search: it looks for the Pareto front, the settings of which none is worse than another in
    every objective, and then picks a compromise on it by a stated rule.

    Parameters
    ----------
    estimator : estimator object
        Cloned for each evaluation.
    search_spaces : dict of str to domain, or list of such dicts
        Parameter names and where to search. A tuple that begins with two numbers is an interval:
        ``(low, high)`` or ``(low, high, "log-uniform")``, of integers if both ends are. Any other
        sequence (a list, a `range`, a one-dimensional array, a longer tuple) holds choices, which
        may be estimators: two numbers as choices are ``[low, high]``. Besides, scikit-optimize
        dimensions and frozen distributions of `scipy.stats`. Of a list of dicts, each setting
        comes from one dict, so that parameters are searched only where they apply, such as those of
        one of several steps that a pipeline may have. An empty dict is the estimator as it is.
    scoring : dict, list, str, callable or None
        Scorers as `GridSearchCV` takes them, greater is better; one callable may return a dict. A
        scorer may also declare, as attributes: `greater_is_better` (False if the score is minus
        the quantity that you think in), `ideal` (the quantity's best conceivable value) and
        `scale` (one unit of distance from it). With one scorer this is plain Bayesian search.
    n_iter : int, default=50
        Number of evaluations; of sweeps where `sweep` is given.
    n_initial_points : int, default=10
        How many of them are spread evenly over the space before the search begins to learn; all
        if there are fewer.
    n_points : int, default=1
        How many settings are chosen at a time after that. The result depends on it, but not on
        how many of them run in parallel.
    engine : str or callable, default="ehvi"
        What chooses settings: ``"ehvi"``, Bayesian search by the expected gain in hypervolume;
        ``"parego"``, the same by randomly weighted objectives; ``"random"``; ``"sobol"``; with
        their extras installed ``"nsga2"``, ``"optuna"``, ``"botorch"``. Or a callable that makes
        an engine.
    engine_options : dict or None, default=None
        Keyword arguments of the engine.
    space_constraint : callable or None, default=None
        Called with a setting as a dict, without the parameters in `sweep`; returns whether it may
        be evaluated.
    initial_points : list of dict, fitted MOBOSearchCV, or None; default=None
        What to evaluate first, as part of `n_iter`: settings in `search_spaces`; or from the front
        of a previous search, as of a neighbouring window or the last frame, its compromise and
        settings evenly along the front, up to half of `n_initial_points`, clipped into
        `search_spaces`.
    noisy : bool, default=False
        Whether equal settings score differently. They may then be evaluated again, and are
        compared by the means over all evaluations.
    refit : {"euclidean", "chebyshev", "knee"}, scorer's name, callable, bool; default="euclidean"
        Which setting to fit at last to all data: the one at least distance from the ideal point;
        the knee, farthest from the line through the front's extremes; the best in one score, by
        the name of its scorer; that whose index the callable returns for `cv_results_`; False for
        none; True is the default.
        Distances are taken of ``(objective - ideal) / scale``, where the front's best and its
        range (1 if that is 0) stand in for what a scorer does not declare. Ties go to the better
        by the other rules, then to the earlier evaluation.
    cv : int, splitter, iterable or None, default=None
        How to split data for scoring. None fits and scores on all data, passed on as they are;
        that is how an analysis without labels is tuned on the image itself, and it differs from
        `GridSearchCV`, where None splits in five. A classifier or regressor with a target is
        warned of.
    n_jobs : int, default=None
        Processes, as in joblib. The result does not depend on it. Initial points run in
        parallel, after that batches of `n_points`; and splits.
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
    max_time : float or None, default=None
        Seconds after which no evaluation starts.
    stop_after : int or None, default=None
        The search ends when this many evaluations in a row, after the initial points, brought no
        gain in hypervolume. Fewer than 30 may cut off a search that would still improve.
    warm_start : bool, default=False
        Whether the next `fit` goes on from the evaluations of this one, which count in `n_iter`.
        It must be the same problem on the same data.
    checkpoint : path or None, default=None
        File to which every evaluation is appended, as a line of JSON. A search that finds the
        file of the same problem goes on from it, to the same result as if it had never been
        interrupted, given that the estimator gives the same each time.
    sweep : sequence of str, default=()
        Names in `search_spaces`, each with an interval as its domain, over which the estimator
        finds the front by itself, exactly and at once, for each setting of the other parameters.
        It does so in its method `sweep`; see `logstar.model_selection.protocols`. Every setting on
        such a front becomes a row of `cv_results_`, what the estimator tells of it beside the
        scores a column ``detail_NAME``. Needs ``cv=None`` and takes no parameters of `fit`.
    callback : callable or list of callables, default=None
        Called after each evaluation with a `SearchProgress`; if one returns True, the search
        ends there. `ProgressBar` draws one in a terminal or a notebook.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in `GridSearchCV`, one row for each evaluation in order; in addition
        ``objective_NAME``, the quantity in its own sign, of repeated settings the mean;
        ``is_pareto``, of repeated settings for the first; ``pareto_rank``, 0 on the front, 1 on
        what would be the front without it, and so on, -1 for failures; ``ask_time``, the
        optimiser's share in seconds; and ``detail_NAME``, what a sweep tells beside scores.
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
        worst finite value in the initial points, or, if none of them gave one, in all evaluations.
        Where that range is 0, a tenth of the value, or 0.1.
    hypervolume_ : float
        What the front dominates up to `ref_point_`. This and the trace are computed when they are
        first asked for.
    hypervolume_trace_ : ndarray of shape (n_evaluations,)
        The same after each evaluation, with the final `ref_point_`; all rows of a sweep count as
        found at once.
    best_index_, best_params_ : int, dict
        The chosen row and its setting; with ``refit=False`` by ``"euclidean"``.
    best_score_ : dict of str to float, or float
        Its mean scores by name; of a single scorer without a name, the score.
    best_estimator_ : estimator
        Fitted with it to all data; not with ``refit=False``.
    n_evaluations_ : int
        Rows of `cv_results_`. Where parameters are swept, as many as the fronts hold; else
        `n_iter`, or fewer if the space was exhausted or the search ended early.
    interrupted_ : bool
        Whether the search was ended by Ctrl-C. What was evaluated until then is kept.
    stop_reason_ : str
        What ended the search: ``"n_iter"``, ``"exhausted"``, ``"max_time"``, ``"stop_after"``,
        ``"callback"`` or ``"interrupted"``.
    optimizer_time_, estimator_time_ : float
        Seconds taken by the engine; by fits and scorers, summed over processes.
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
    Scorers get a shallow copy of the fitted estimator that computes `predict` and the like once
    per input, however many ask.

    What makes a checkpoint's problem: estimator and scorers by class and parameters (functions by
    name), spaces, splits, engine, seed and all data. `n_iter` and what ends a search early may
    change. A line that a crash cut off is dropped with a warning; a file that is damaged
    elsewhere, or of another problem, is refused. One process writes to it at a time; another is
    told which.

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
        "search_spaces": [dict, list, tuple],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_initial_points": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_points": [Interval(numbers.Integral, 1, None, closed="left")],
        "engine": [str, callable],
        "engine_options": [dict, None],
        "space_constraint": [callable, None],
        "initial_points": [list, tuple, HasMethods(["fit", "select"]), None],
        "noisy": ["boolean"],
        "max_time": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "stop_after": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state", np.random.Generator],
        "sweep": [list, tuple],
        "callback": [callable, list, None],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        scoring: Any,
        n_iter: int = 50,
        n_initial_points: int = 10,
        n_points: int = 1,
        engine: str | Callable[..., Any] = "ehvi",
        engine_options: Mapping[str, Any] | None = None,
        space_constraint: Callable[[dict[str, Any]], Any] | None = None,
        initial_points: Any = None,
        noisy: bool = False,
        refit: Rule = "euclidean",
        cv: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        max_time: float | None = None,
        stop_after: int | None = None,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.n_points = n_points
        self.engine = engine
        self.engine_options = engine_options
        self.space_constraint = space_constraint
        self.initial_points = initial_points
        self.noisy = noisy
        self.random_state = random_state
        self.max_time = max_time
        self.stop_after = stop_after
        self.warm_start = warm_start
        self.checkpoint = checkpoint
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
        ValueError, TypeError
            For parameters that are not allowed, scorers that cannot be called, and one image that
            `cv` would cut into rows, before anything is evaluated; and if every evaluation failed.
        BlockingIOError
            If another search is writing to the checkpoint.
        """
        space, swept = check_space(self)
        scorer = self._get_scorers()[0]
        if scorer.names is not None:
            check_refit(self._own_name(self.refit), scorer.names)
        check_scorers(scorer.scorers, has_target=y is not None)
        check_not_cut(self, X)
        initial_points = check_initial_points(self, space)
        # A sweep trains and tests on all data.
        is_unsplit = self.cv is None and not swept
        if is_unsplit and y is not None and is_supervised(self.estimator):
            warnings.warn(
                f"cv=None scores each setting of {type(self.estimator).__name__} on its own "
                "training data, where the most flexible one looks best. Give the number of folds, "
                "as cv=5, to score it on data that it has not seen.",
                UserWarning,
                stacklevel=3,
            )
        if self.cv is not None:
            X, y = indexable(X, y)
            params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._split(X, y, routed.splitter.split)
        self.n_splits_ = len(splits)
        task = Task(
            estimator=clone(self.estimator),
            scorer=scorer,
            X=X,
            y=y,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            return_train_score=self.return_train_score,
            raise_errors=self.error_score == "raise",
            caller=None,
            swept=swept,
        )
        task.check_sweep()
        with ExitStack() as stack:
            journal = open_history(self, space, task, splits, stack)
            self._search(space, task, splits, journal, initial_points)
            if self.warm_start:
                journal.sink = None
                self._journal = journal
        return self

    def _search(
        self,
        space: SearchSpace,
        task: Task,
        splits: list[Split],
        journal: Journal,
        initial_points: list[Point],
    ) -> None:
        """Search, store what was found, and fit the chosen setting to all data."""
        root = root_callback_context(self, n_subtasks=1 + bool(self.refit))
        told = {"X": task.X, "y": task.y, "metadata": metadata_of(task.fit_params)}
        root.call_on_fit_task_begin(estimator=self, **told)
        if not isinstance(root, NoCallbacks):
            task = replace(task, caller=self)
        record = Record(task.scorer)
        # More initial points than the design would hold make a larger design.
        n_initial = min(self.n_iter, max(self.n_initial_points, len(initial_points)))
        engine = make_engine(
            self.engine,
            space,
            n_initial_points=n_initial,
            seed=journal.seed,
            n_objectives=None if record.names is None else len(record.names),
            noisy=self.noisy,
            options=self.engine_options or {},
        )
        runner = Runner(
            n_iter=self.n_iter,
            n_initial=n_initial,
            n_points=self.n_points,
            n_jobs=self.n_jobs,
            pre_dispatch=self.pre_dispatch,
            initial_points=initial_points,
            space=space,
            engine=engine,
            task=task,
            splits=splits,
            record=record,
            reporter=self._make_reporter(),
            journal=journal,
            stopping=Stopping(n_initial, self.max_time, self.stop_after),
            check_names=partial(check_refit, self._own_name(self.refit)),
        )
        context = root.subcontext(
            task_name="search", max_subtasks=self.n_iter * len(splits), sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        try:
            runner.run(context)
        finally:
            runner.reporter.close()
        context.call_on_fit_task_end(estimator=self)
        self.stop_reason_ = runner.reason
        self.interrupted_ = runner.reason == "interrupted"
        self.optimizer_time_ = runner.optimizer_time
        self._store_results(record, journal, n_initial)
        self._space = space
        self._fitted_to = task.X, task.y, task.fit_params
        self.scorer_ = task.scorer.scorers["score"] if task.scorer.single else task.scorer.scorers
        self._reward_scorer = task.scorer
        self._choose()
        if self.refit:
            self._refit_best(task, root)
        root.call_on_fit_task_end(estimator=self, **told)

    def _split(self, X: Any, y: Any, params: Mapping[str, Any]) -> list[Split]:
        """Split once: every setting is scored on the same parts even where these are random."""
        if self.cv is None:
            return [None]
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits: list[Split] = list(splitter.split(X, y, **params))
        if not splits:
            raise ValueError(f"cv={self.cv!r} gives no split; at least one is needed.")
        return splits

    def _make_reporter(self) -> Reporter:
        callbacks = self.callback if isinstance(self.callback, list) else [self.callback]
        return Reporter(
            n_iter=self.n_iter,
            rule=str(self._own_name(self.refit)) if isinstance(self.refit, str) else "euclidean",
            callbacks=[callback for callback in callbacks if callback is not None],
            verbose=self.verbose > 0,
        )

    def _get_scorers(self) -> tuple[RewardScorer, None]:
        """Take the place of scikit-learn's own, which also serves its metadata routing."""
        return RewardScorer.from_scoring(self.estimator, self.scoring), None

    def _check_scorers_accept_sample_weight(self) -> bool:
        """Let scikit-learn pass sample weights on if any scorer takes them."""
        scorers = self._get_scorers()[0].scorers
        accepts = {name: accepts_sample_weight(scorer) for name, scorer in scorers.items()}
        for name, accepted in accepts.items():
            if not accepted:
                warnings.warn(
                    f"The scorer {name!r} does not support sample_weight: it counts all samples "
                    "alike, while the estimator is fitted with weights.",
                    UserWarning,
                    stacklevel=5,
                )
        return any(accepts.values())

    def _store_results(self, record: Record, journal: Journal, n_initial: int) -> None:
        n_failed, n_rows = record.n_failed, record.n_rows
        if n_failed == n_rows:
            raise ValueError(
                f"Every one of the {n_failed} evaluations failed, so there is nothing to choose "
                "from. error_score='raise' stops at the first error. What went wrong:\n"
                f"{record.describe_failures()}"
            )
        fill = np.nan if self.error_score == "raise" else float(self.error_score)
        if failures := record.describe_failures():
            warnings.warn(
                f"{n_failed} of {n_rows} evaluations failed; they have the score {fill} and "
                "are not on the Pareto front. error_score='raise' stops at the first error. What "
                f"went wrong:\n{failures}",
                FitFailedWarning,
                stacklevel=5,
            )
        found = summarise(
            record,
            journal.batches,
            n_initial=n_initial,
            noisy=self.noisy,
            error_score=fill,
            return_train_score=self.return_train_score,
        )
        for name, value in found.items():
            setattr(self, name, value)
        self._objectives = record.objectives or ()
        self.multimetric_ = isinstance(self.scoring, (dict, list, tuple)) or record.names != (
            SINGLE,
        )

    def _choose(self) -> None:
        """Pick a setting by `refit`, or by the default rule where that is False."""
        self.best_index_ = self.select(self.refit or "euclidean")
        self.best_params_ = self.cv_results_["params"][self.best_index_]
        scores = {
            o.name: float(-o.sign * self.cv_results_[f"objective_{o.name}"][self.best_index_])
            for o in self._objectives
        }
        self.best_score_ = scores if self.multimetric_ else scores[SINGLE]

    def _refit_best(self, task: Task, root: Any) -> None:
        best = clone(task.estimator).set_params(**unshared(self.best_params_))
        context = root.subcontext(task_name="refit-with-best-params")
        told = {"X": task.X, "y": task.y, "metadata": metadata_of(task.fit_params)}
        with context.propagate_callback_context(best):
            context.call_on_fit_task_begin(estimator=self, **told)
            start = time.perf_counter()
            fit(best, task.X, task.y, task.fit_params)
            self.refit_time_ = time.perf_counter() - start
        context.call_on_fit_task_end(estimator=self, **told)
        self.best_estimator_ = best
        with suppress(AttributeError):
            self.feature_names_in_ = best.feature_names_in_
