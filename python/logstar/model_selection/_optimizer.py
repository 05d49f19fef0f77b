"""The search turned inside out: who asks for settings evaluates them, and tells what came of it."""

from __future__ import annotations

import math
import numbers
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from logstar._validation import FloatArray, check_integer

from ._checkpoint import CheckpointFile, open_journal
from ._checks import seed_of
from ._compromise import RULES, pick_compromise
from ._engines import make_engine
from ._fingerprint import fingerprint
from ._journal import Batch, Dialogue
from ._outcome import Told
from ._record import Evaluation, Record
from ._results import Outlook, look_over
from ._scoring import RewardScorer
from ._spaces import Point, SearchSpace
from ._volumes import Volumes

#: From `Optimizer.__init__` to who makes one.
_CALLER = 1


@dataclass(frozen=True)
class Trial:
    """One setting and what was told of it.

    Parameters
    ----------
    parameters : dict of str to object
        The setting.
    objectives : dict of str to float
        The quantities by name, in their own signs; empty for a failure.
    is_feasible : bool
        Whether the setting met the constraints.

    Examples
    --------
    >>> from logstar.model_selection import Trial
    >>> Trial({"defocus": -3.5}, {"sharpness": 0.31}).is_feasible
    True
    """

    parameters: Mapping[str, Any]
    objectives: Mapping[str, float]
    is_feasible: bool = True


class Optimizer:
    """Multi-objective Bayesian search by question and answer, for whatever a script can set.

    `MOBOSearchCV` evaluates an estimator. Here the evaluation is yours: `ask` for settings, try
    them on an instrument, `tell` what the objectives were. Engines, spaces, the signs of scores and
    the rules of compromise are those of `MOBOSearchCV`.

    Parameters
    ----------
    search_spaces : dict of str to domain, or list of such dicts
        Parameter names and where to search, as in `MOBOSearchCV`: ``(low, high)``,
        ``(low, high, "log-uniform")``, a list of choices, a dimension of scikit-optimize, or a
        frozen distribution of `scipy.stats`.
    objectives : sequence of str, or dict of str to scorer
        What will be told: names of scores, of which greater is better; or what declares, as
        attributes, `greater_is_better` (False if the score is minus the quantity that you think
        in), `ideal` and `scale`. The rewards of `logstar.rewards` do.
    n_initial_points : int, default=10
        How many settings are spread evenly over the space before the search begins to learn.
        Settings that were told without being asked for count among them.
    engine : str or callable, default="ehvi"
        What chooses settings, as in `MOBOSearchCV`.
    engine_options : dict or None, default=None
        Keyword arguments of the engine.
    space_constraint : callable or None, default=None
        Called with a setting as a dict; returns whether it may be asked for. For what is known
        before; what shows in an evaluation is told as `constraints`.
    noisy : bool, default=False
        Whether equal settings score differently. They may then be asked for again, and are
        compared by the means over all that was told of them.
    random_state : int, RandomState, Generator or None, default=None
        With an int the same asks and tells in the same order give the same settings.
    checkpoint : path or None, default=None
        File to which all that is asked and told is appended, as lines of JSON. An optimizer that
        finds the file of the same problem goes on from it: with what was told, and with the
        settings that are still to be told. One optimizer writes to it at a time.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be, and for a checkpoint that is damaged or of another
        problem.
    BlockingIOError
        If the checkpoint is being written by another search.

    See Also
    --------
    MOBOSearchCV : Evaluates estimators by itself.

    Examples
    --------
    A lens that is sharpest at one focus and safest at another:

    >>> from logstar.model_selection import Optimizer
    >>> optimizer = Optimizer(
    ...     {"focus": (-10.0, 10.0)}, ["sharpness", "safety"], n_initial_points=5, random_state=0
    ... )
    >>> for _ in range(20):
    ...     (setting,) = optimizer.ask()
    ...     focus = setting["focus"]
    ...     optimizer.tell(setting, {"sharpness": -(focus - 2) ** 2, "safety": -(focus + 1) ** 2})
    >>> all(-1.1 < setting["focus"] < 2.1 for setting in optimizer.front_settings_)
    True
    >>> 0 < optimizer.compromise()["focus"] < 1
    True
    """

    def __init__(
        self,
        search_spaces: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        objectives: Sequence[str] | Mapping[str, Any],
        *,
        n_initial_points: int = 10,
        engine: str | Callable[..., Any] = "ehvi",
        engine_options: Mapping[str, Any] | None = None,
        space_constraint: Callable[[dict[str, Any]], Any] | None = None,
        noisy: bool = False,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        scorer = RewardScorer(_as_scorers(objectives))
        self._n_initial = check_integer(n_initial_points, name="n_initial_points", low=1)
        self._noisy = bool(noisy)
        self._space = SearchSpace(search_spaces, constraint=space_constraint)
        self._record = Record(scorer)
        self._pending: list[Point] = []
        self._outlook: Outlook | None = None
        self._file: CheckpointFile | None = None
        problem = fingerprint(
            {
                "asked by": type(self).__name__,
                "search_spaces": {
                    "domains": self._space.dimensions,
                    "branches": self._space.branches,
                },
                "space_constraint": space_constraint,
                "objectives": self._record.objectives,
                "engine": engine,
                "engine_options": engine_options,
                "n_initial_points": n_initial_points,
                "noisy": self._noisy,
                "random_state": _seed_or_kind(random_state),
            },
            {},
        )
        self._journal = Dialogue(seed_of(random_state), problem)
        if checkpoint is not None:
            self._journal, self._file = open_journal(
                Path(checkpoint), self._journal, self._space, n_above=_CALLER
            )
        try:
            self._engine = make_engine(
                engine,
                self._space,
                n_initial_points=self._n_initial,
                seed=self._journal.seed,
                n_objectives=len(self._record.names or ()),
                noisy=self._noisy,
                options=engine_options or {},
            )
            self._replay()
        except BaseException:
            self.close()
            raise

    def ask(self, n: int = 1) -> list[dict[str, Any]]:
        """Return settings to evaluate next.

        None of them was asked for or told before, unless scores are noisy. Settings that were asked
        for and not yet told are taken into account.

        Parameters
        ----------
        n : int, default=1
            How many.

        Returns
        -------
        settings : list of dict
            Fewer than wanted, or none, where a finite space has no more.
        """
        n = check_integer(n, name="n", low=1)
        start = time.perf_counter()
        points: list[Point] = []
        # An engine ends a batch where its initial design ends.
        while len(points) < n and (more := self._engine.ask(n - len(points))):
            points += more
        if points:
            seconds = time.perf_counter() - start
            self._journal.add_batch(Batch(points, self._engine.get_state(), seconds))
            self._pending += points
        return [self._space.decode(point) for point in points]

    def tell(self, parameters: Any, objectives: Any, *, constraints: Any = None) -> None:
        """Say what came of settings, in any order, also of some that were never asked for.

        Parameters
        ----------
        parameters : dict, or list of dict
            One setting, or several.
        objectives : dict of str to float, sequence of float, float or None; or a list of these
            The scores of each setting, greater is better: by name, or in the order of the
            `objectives` of the optimizer, or the only one. None is a failure, and so is a score
            that is NaN or infinite: the search learns where evaluations fail.
        constraints : bool, sequence of bool or None, or a list of these; default=None
            Whether each setting met the constraints, such as a limit of dose or of an exposure: a
            setting is feasible if all hold. One that is not counts as a failure. None is feasible.

        Raises
        ------
        TypeError, ValueError
            For a setting outside of the space, and for objectives that do not fit; nothing is told
            then.
        """
        if isinstance(parameters, Mapping):
            parameters, objectives, constraints = [parameters], [objectives], [constraints]
        settings = list(parameters)
        rows = _one_for_each(settings, objectives, "objectives")
        if constraints is None:
            constraints = [None] * len(settings)
        verdicts = _one_for_each(settings, constraints, "constraints")
        evaluations = []
        for i, (setting, row, verdict) in enumerate(zip(settings, rows, verdicts, strict=True)):
            where = f"[{i}]" if len(settings) > 1 else ""
            point = self._point_of(setting, f"parameters{where}")
            outcome = Told(
                self._scores_of(row, f"objectives{where}"),
                _is_feasible(verdict, f"constraints{where}"),
            )
            evaluations.append(Evaluation(point, self._space.decode(point), outcome))
        for evaluation in evaluations:
            self._journal.add_evaluation(evaluation)
            self._learn(evaluation)

    def compromise(self, rule: str = "euclidean") -> dict[str, Any]:
        """Return the setting on the front that suits a rule best.

        Parameters
        ----------
        rule : {"euclidean", "chebyshev", "knee"} or name of an objective; default="euclidean"
            As `refit` of `MOBOSearchCV`.

        Returns
        -------
        setting : dict
            Its parameters.

        Raises
        ------
        ValueError
            For an unknown rule, and if no feasible setting was told.
        """
        names = tuple(self._record.names or ())
        if rule not in (*RULES, *names):
            raise ValueError(f"rule={rule!r} must be one of {(*RULES, *names)}.")
        losses = self._look_over().losses
        index = pick_compromise(losses, self._record.objectives or (), rule)
        return dict(self._record.evaluations[index].params)

    def close(self) -> None:
        """Release the checkpoint; asks and tells that follow are not written."""
        if self._file is not None:
            self._file.close()
        self._file = self._journal.sink = None

    def __enter__(self) -> Self:
        """Enter a block at whose end the checkpoint is released."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the checkpoint."""
        self.close()

    # What is known.

    @property
    def trials_(self) -> list[Trial]:
        """All that was told, in order.

        Returns
        -------
        trials : list of Trial
            Settings and their objectives.
        """
        signs = {o.name: -o.sign for o in self._record.objectives or ()}
        return [
            Trial(
                dict(evaluation.params),
                {name: 0.0 + signs[name] * score for name, score in outcome.told.items()},
                outcome.is_feasible,
            )
            for evaluation in self._record.evaluations
            if isinstance(outcome := evaluation.outcome, Told)
        ]

    @property
    def pending_(self) -> list[dict[str, Any]]:
        """Settings that were asked for and not yet told.

        Returns
        -------
        settings : list of dict
            In the order in which they were asked for.
        """
        return [self._space.decode(point) for point in self._pending]

    @property
    def front_(self) -> FloatArray:
        """The Pareto front.

        Returns
        -------
        front : ndarray of shape (n_front, n_objectives)
            Objectives in their own signs; of repeated settings the means.
        """
        objectives = self._record.objectives or ()
        rows = self._front_rows()
        if not rows:
            return np.empty((0, len(objectives)))
        losses = self._look_over().losses[rows]
        return np.column_stack([o.from_loss(losses[:, i]) for i, o in enumerate(objectives)])

    @property
    def front_settings_(self) -> list[dict[str, Any]]:
        """The settings on the Pareto front.

        Returns
        -------
        settings : list of dict
            One for each row of `front_`.
        """
        return [dict(self._record.evaluations[row].params) for row in self._front_rows()]

    @property
    def ref_point_(self) -> FloatArray:
        """Where the hypervolume ends.

        Returns
        -------
        ref_point : ndarray of shape (n_objectives,)
            In the objectives' own signs; as in `MOBOSearchCV`.

        Raises
        ------
        ValueError
            If no feasible setting was told.
        """
        corner = self._look_over().corner
        pairs = zip(self._record.objectives or (), corner, strict=True)
        return np.array([objective.from_loss(loss) for objective, loss in pairs])

    @property
    def hypervolume_(self) -> float:
        """What the front dominates up to `ref_point_`.

        Returns
        -------
        hypervolume : float
            0 before anything feasible was told.
        """
        trace = self.hypervolume_trace_
        return float(trace[-1]) if len(trace) else 0.0

    @property
    def hypervolume_trace_(self) -> FloatArray:
        """Hypervolume after each that was told.

        Returns
        -------
        trace : ndarray of shape (n_told,)
            With the present `ref_point_`.
        """
        if not self._has_front:
            return np.zeros(len(self._record))
        found = self._look_over()
        counts = [1] * len(self._record)
        return Volumes(found.losses, found.corner, counts, self._record.fronts).trace

    # The rest is for these methods' own use.

    @property
    def _has_front(self) -> bool:
        return self._record.n_failed < len(self._record)

    def _front_rows(self) -> list[int]:
        if not self._has_front:
            return []
        rows: list[int] = np.flatnonzero(self._look_over().on_front).tolist()
        return rows

    def _look_over(self) -> Outlook:
        if not self._has_front:
            raise ValueError(
                f"no feasible setting was told so far ({len(self._record)} were told), so there is "
                "no front."
            )
        if self._outlook is None:
            self._outlook = look_over(self._record, self._n_initial, noisy=self._noisy)
        return self._outlook

    def _replay(self) -> None:
        """Bring engine and record to where the journal ends."""
        batches = self._journal.batches
        for event in self._journal.events:
            if isinstance(event, Evaluation):
                self._learn(event)
                continue
            self._pending += event.points
            # The state includes what was pending, so it is set in between what was told.
            if event is batches[-1] and event.state is not None:
                self._engine.set_state(dict(event.state))

    def _learn(self, evaluation: Evaluation) -> None:
        self._record.add(evaluation)
        self._outlook = None
        if evaluation.point in self._pending:
            self._pending.remove(evaluation.point)
        losses = evaluation.losses[0]
        self._engine.tell([evaluation.point], [losses if np.isfinite(losses).all() else None])

    def _point_of(self, setting: Any, name: str) -> Point:
        if not isinstance(setting, Mapping):
            raise TypeError(f"{name} must be a dict of parameters, got {setting!r}.")
        try:
            return self._space.encode_params(setting)
        except ValueError as error:
            raise ValueError(f"{name}: {error}.") from None

    def _scores_of(self, row: Any, name: str) -> dict[str, float]:
        names = self._record.names or ()
        if row is None:
            return {}
        if isinstance(row, numbers.Real):
            row = [row]
        if not isinstance(row, Mapping):
            values = np.asarray(row).tolist()
            if not isinstance(values, list) or len(values) != len(names):
                raise ValueError(
                    f"{name}={row!r} must hold a number for each of {list(names)}, or be None for "
                    "a failure."
                )
            row = dict(zip(names, values, strict=True))
        if set(row) != set(names):
            raise ValueError(f"{name} must name {sorted(names)}, got {sorted(map(str, row))}.")
        scores = {}
        for key in names:
            plain = row[key].item() if isinstance(row[key], np.generic) else row[key]
            if not isinstance(plain, numbers.Real):
                raise TypeError(f"{name}: {key} must be a number, got {plain!r}.")
            scores[key] = float(plain)
        return scores if all(map(math.isfinite, scores.values())) else {}


def _as_scorers(objectives: Any) -> dict[str, Any]:
    is_named = isinstance(objectives, Mapping)
    if isinstance(objectives, str) or not isinstance(objectives, (Mapping, Sequence)):
        raise TypeError(
            "objectives must be a list of names, or a dict from names to scorers, got "
            f"{objectives!r}."
        )
    names = list(objectives)
    if not names or any(not isinstance(name, str) or not name for name in names):
        raise ValueError(f"objectives must name at least one score, got {objectives!r}.")
    if len(set(names)) < len(names):
        raise ValueError(f"objectives={names} must be different names.")
    if rules := [name for name in names if name in RULES]:
        raise ValueError(
            f"objectives names {rules}, which are rules of a compromise; give other names."
        )
    return dict(objectives) if is_named else dict.fromkeys(names)


def _seed_or_kind(state: Any) -> Any:
    # The state of a generator may have moved on; the checkpoint holds the seed drawn from it.
    is_seed = state is None or isinstance(state, numbers.Integral)
    return state if is_seed else type(state).__name__


def _one_for_each(settings: list[Any], values: Any, name: str) -> list[Any]:
    if values is None or isinstance(values, (Mapping, numbers.Real)):
        raise TypeError(
            f"{name} must be a list with one entry for each of {len(settings)} settings, got "
            f"{values!r}."
        )
    rows = list(values)
    if len(rows) != len(settings):
        raise ValueError(
            f"{name} must hold one entry for each of {len(settings)} settings, got {len(rows)}."
        )
    return rows


def _is_feasible(verdict: Any, name: str) -> bool:
    if verdict is None:
        return True
    values = np.asarray(verdict)
    if values.dtype != np.bool_:
        raise TypeError(
            f"{name}={verdict!r} must be True, False or a sequence of these: whether each "
            "constraint holds."
        )
    return bool(values.all())
