"""What came of a setting: scores of one row on several splits, or of the rows of a front."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from logstar._sweeping import Front
from logstar._validation import FloatArray

Part = Literal["test", "train"]


class Outcome(Protocol):
    """What came of one setting that the engine asked for."""

    @property
    def n_rows(self) -> int:
        """How many rows of the results it makes."""

    @property
    def errors(self) -> list[str]:
        """Tracebacks of what went wrong."""

    @property
    def stop(self) -> bool:
        """Whether a callback of scikit-learn wants the search to end."""

    @property
    def seconds(self) -> float:
        """Seconds that the estimator and the scorers took in all."""

    @property
    def swept(self) -> Mapping[str, NDArray[Any]]:
        """Values of swept parameters, shape (n_rows,) each."""

    @property
    def details(self) -> Mapping[str, FloatArray]:
        """What the estimator tells beside the scores, shape (n_rows,) each."""

    def score_names(self) -> list[tuple[str, ...]]:
        """Names of the scores of each part that gave them all."""

    def scores(self, name: str, part: Part, missing: float) -> FloatArray:
        """Scores of all rows on all splits, (n_rows, n_splits); `missing` where there is none."""

    def times(self, kind: Literal["fit", "score"]) -> list[float]:
        """Seconds that a row took on each split."""

    def pack(self) -> dict[str, Any]:
        """Describe it in types that JSON has; `unpack` reads that."""


@dataclass
class SplitOutcome:
    """What came of fitting and scoring one setting on one split; a failed score is missing."""

    fit_time: float = 0.0
    score_time: float = 0.0
    test_scores: dict[str, float] = field(default_factory=dict)
    train_scores: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    stop: bool = False


@dataclass(frozen=True)
class Evaluated:
    """A setting that was fitted and scored on each split: one row.

    Parameters
    ----------
    splits : list of SplitOutcome
        What came of it on each.
    """

    splits: list[SplitOutcome]

    @property
    def n_rows(self) -> int:
        """How many rows of the results it makes: one."""
        return 1

    @property
    def errors(self) -> list[str]:
        """Tracebacks of what went wrong."""
        return [error for split in self.splits for error in split.errors]

    @property
    def stop(self) -> bool:
        """Whether a callback of scikit-learn wants the search to end."""
        return any(split.stop for split in self.splits)

    @property
    def seconds(self) -> float:
        """Seconds that the estimator and the scorers took on all splits."""
        return sum(split.fit_time + split.score_time for split in self.splits)

    @property
    def swept(self) -> Mapping[str, NDArray[Any]]:
        """Nothing is swept."""
        return {}

    @property
    def details(self) -> Mapping[str, FloatArray]:
        """Nothing is told beside the scores."""
        return {}

    def score_names(self) -> list[tuple[str, ...]]:
        """Names of the scores of each split that gave them all."""
        return [tuple(s.test_scores) for s in self.splits if s.test_scores and not s.errors]

    def scores(self, name: str, part: Part, missing: float) -> FloatArray:
        """Scores on all splits; `missing` where there is none."""
        row = [getattr(split, f"{part}_scores").get(name, missing) for split in self.splits]
        return np.array([row], dtype=np.float64)

    def times(self, kind: Literal["fit", "score"]) -> list[float]:
        """Seconds that each split took."""
        return [getattr(split, f"{kind}_time") for split in self.splits]

    def pack(self) -> dict[str, Any]:
        """Describe it in types that JSON has; `unpack` reads that."""
        return {
            "splits": [
                {
                    "fit_time": split.fit_time,
                    "score_time": split.score_time,
                    "test_scores": _pack_numbers(split.test_scores),
                    "train_scores": _pack_numbers(split.train_scores),
                    "errors": split.errors,
                }
                for split in self.splits
            ]
        }


@dataclass(frozen=True)
class Swept:
    """A setting over which the estimator swept its other parameters: a row for each of its front.

    Parameters
    ----------
    fit_time : float
        Seconds that the whole took; its rows share them.
    front : Front or None
        The front; None if there is none, which makes one row that failed.
    errors : list of str
        Why there is none.
    stop : bool
        Whether a callback of scikit-learn wants the search to end.
    """

    fit_time: float
    front: Front | None = None
    errors: list[str] = field(default_factory=list)
    stop: bool = False

    @property
    def n_rows(self) -> int:
        """How many settings are on the front; one row tells of a failure."""
        return 1 if self.front is None else len(self.front)

    @property
    def swept(self) -> Mapping[str, NDArray[Any]]:
        """Values of swept parameters, shape (n_rows,) each."""
        return {} if self.front is None else self.front.settings

    @property
    def details(self) -> Mapping[str, FloatArray]:
        """What the estimator tells beside the scores, shape (n_rows,) each."""
        return {} if self.front is None else self.front.details

    def score_names(self) -> list[tuple[str, ...]]:
        """Names of the scores."""
        return [] if self.front is None else [tuple(self.front.scores)]

    def scores(self, name: str, part: Part, missing: float) -> FloatArray:  # noqa: ARG002
        """Scores of all rows; a sweep trains and tests on all data, so both parts score alike."""
        if self.front is None:
            return np.full((1, 1), missing)
        return self.front.scores[name][:, np.newaxis]

    def times(self, kind: Literal["fit", "score"]) -> list[float]:
        """Seconds of the sweep for each of its rows; to fit and to score are one piece of work."""
        return [self.fit_time / max(1, self.n_rows) if kind == "fit" else 0.0]

    @property
    def seconds(self) -> float:
        """Seconds that the whole took."""
        return self.fit_time

    def pack(self) -> dict[str, Any]:
        """Describe it in types that JSON has; `unpack` reads that."""
        packed: dict[str, Any] = {"fit_time": self.fit_time, "errors": self.errors}
        if self.front is not None:
            for part in ("settings", "scores", "details"):
                columns = getattr(self.front, part).items()
                packed[part] = {name: _as_json(column.tolist()) for name, column in columns}
        return {"swept": packed}


@dataclass(frozen=True)
class Told:
    """What somebody told of a setting, without an estimator: one row.

    Parameters
    ----------
    told : dict of str to float
        The scores by name; without entries for a failure.
    is_feasible : bool
        Whether the setting may be used; if not, it counts as one that failed.
    """

    told: Mapping[str, float]
    is_feasible: bool = True
    n_rows: ClassVar[int] = 1
    errors: ClassVar[list[str]] = []
    stop: ClassVar[bool] = False
    seconds: ClassVar[float] = 0.0
    swept: ClassVar[Mapping[str, NDArray[Any]]] = {}
    details: ClassVar[Mapping[str, FloatArray]] = {}

    def score_names(self) -> list[tuple[str, ...]]:
        """Names of the scores."""
        return [tuple(self.told)] if self.told else []

    def scores(self, name: str, part: Part, missing: float) -> FloatArray:  # noqa: ARG002
        """Scores of the one row; `missing` where there is none, or the setting is not feasible."""
        return np.array([[self.told.get(name, missing) if self.is_feasible else missing]])

    def times(self, kind: Literal["fit", "score"]) -> list[float]:  # noqa: ARG002
        """Nobody said how long it took."""
        return [0.0]

    def pack(self) -> dict[str, Any]:
        """Describe it in types that JSON has; `unpack` reads that."""
        return {"told": _pack_numbers(self.told), "is_feasible": self.is_feasible}


def unpack(line: Mapping[str, Any]) -> Outcome:
    """Read what `Outcome.pack` described."""
    if "told" in line:
        told = {str(name): float(score) for name, score in line["told"].items()}
        return Told(told, bool(line["is_feasible"]))
    if "swept" in line:
        swept = line["swept"]
        front = None
        if "settings" in swept:
            parts = (swept[part] for part in ("settings", "scores", "details"))
            front = Front(
                *(
                    {name: np.array([*map(_number, c)]) for name, c in part.items()}
                    for part in parts
                )
            )
        return Swept(float(swept["fit_time"]), front, list(swept["errors"]))
    return Evaluated(
        [
            SplitOutcome(
                float(split["fit_time"]),
                float(split["score_time"]),
                {name: float(score) for name, score in split["test_scores"].items()},
                {name: float(score) for name, score in split["train_scores"].items()},
                list(split["errors"]),
            )
            for split in line["splits"]
        ]
    )


def _pack_numbers(scores: Mapping[str, float]) -> dict[str, float | str]:
    return dict(zip(scores, _as_json(scores.values()), strict=True))


def _as_json(values: Iterable[float]) -> list[float | str]:
    """Write what JSON has no number for as text, which `float` reads again."""
    return [value if np.isfinite(value) else str(value) for value in values]


def _number(value: float | str) -> float:
    return float(value) if isinstance(value, str) else value
