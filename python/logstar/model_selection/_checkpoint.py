"""Journals on file: JSON lines, appended to, each with a checksum.

The first line says which problem is searched, the others what was asked and what came of it. A
process that dies in the middle of a line loses that line only.
"""

from __future__ import annotations

import json
import os
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._evaluation import Outcome, Swept
from ._journal import Batch, Journal
from ._record import Evaluation
from ._spaces import Point, SearchSpace

_FORMAT = 2
_LINE = re.compile(rb'\{"crc32": (\d+), "line": (\{.*\})\}')
#: What the first line begins with; a file that begins otherwise is not ours, and left alone.
_START = b'{"crc32": '
#: From `_read_lines` over `fit` and its decorator to the caller of `fit`.
_CALLER_OF_FIT = 6


class CheckpointFile:
    """Appends lines to a file.

    Parameters
    ----------
    path : Path
        Created if it does not exist.
    header : dict or None
        What is searched, to be written before the first batch; None if the file has it already.
    """

    def __init__(self, path: Path, header: Mapping[str, Any] | None) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._header = header

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def write_batch(self, batch: Batch) -> None:
        """Append what was asked."""
        if self._header is not None:
            # Not before: a search that is refused for its engine must leave nothing behind that
            # the next would have to agree with.
            self._write({"search": self._header})
            self._header = None
        line = {"asked": batch.points, "state": batch.state, "seconds": batch.seconds}
        # Once a batch is enough: what was written outlives the process without it, and only a
        # crash of the machine could lose more than a line.
        self._write(line, durable=True)

    def write_evaluation(self, evaluation: Evaluation) -> None:
        """Append what was evaluated."""
        self._write({"point": evaluation.point, **_pack(evaluation.outcomes)})

    def _write(self, line: Mapping[str, Any], *, durable: bool = False) -> None:
        body = json.dumps(line, allow_nan=False).encode()
        left = memoryview(b'{"crc32": %d, "line": %s}\n' % (zlib.crc32(body), body))
        while left:
            left = left[os.write(self._descriptor, left) :]
        if durable:
            os.fsync(self._descriptor)


def open_journal(
    path: Path, seed: int, problem: Mapping[str, str], space: SearchSpace
) -> tuple[Journal, CheckpointFile]:
    """Read the journal of an earlier process, or begin one.

    Parameters
    ----------
    path : Path
        The file; need not exist.
    seed : int
        Seed of a new search; an old one goes on with its own.
    problem : dict of str to str
        Fingerprint of what is to be searched.
    space : SearchSpace
        Turns points into settings.

    Raises
    ------
    ValueError
        If the file is of another problem, no checkpoint, or corrupted before its last line.
    """
    content = path.read_bytes() if path.exists() else b""
    lines, n_good = _read_lines(path, content)
    journal = _journal_of(path, lines, problem, space) if lines else Journal(seed, problem)
    if n_good < len(content):
        os.truncate(path, n_good)
    header = {"format": _FORMAT, "seed": journal.seed, "problem": dict(problem)}
    journal.sink = file = CheckpointFile(path, None if lines else header)
    return journal, file


def describe_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Say in what two fingerprints differ; empty if in nothing."""
    differences = []
    for name in dict.fromkeys([*ours, *theirs]):
        now, then = ours.get(name, "absent"), theirs.get(name, "absent")
        if now != then:
            differences.append(f"{name} (was {then}, is {now})")
    return ", ".join(differences)


def _read_lines(path: Path, content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the lines that are whole, and how many bytes they take."""
    if content and not content.startswith(_START[: len(content)]):
        raise ValueError(
            f"checkpoint={str(path)!r} is the path of a file that is no checkpoint of a search; "
            "give another path."
        )
    lines: list[dict[str, Any]] = []
    n_good = 0
    for number, end, text in _split_lines(content):
        line = _parse(text) if text.endswith(b"\n") else None
        if line is not None:
            lines.append(line)
            n_good = end
            continue
        if end < len(content):
            raise ValueError(
                f"checkpoint={str(path)!r} is corrupted in line {number}, which is not its last; "
                "it cannot be resumed. Restore the file, or start anew with another path."
            )
        warnings.warn(
            f"checkpoint={str(path)!r} ends with an incomplete line {number}, as after a crash; "
            "that line is dropped and what it held is evaluated again.",
            UserWarning,
            stacklevel=_CALLER_OF_FIT,
        )
    return lines, n_good


def _split_lines(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, end and text of each line."""
    end = 0
    for number, text in enumerate(content.splitlines(keepends=True), start=1):
        end += len(text)
        yield number, end, text


def _parse(text: bytes) -> dict[str, Any] | None:
    match = _LINE.fullmatch(text.rstrip(b"\n"))
    if match is None or zlib.crc32(match[2]) != int(match[1]):
        return None
    line: dict[str, Any] = json.loads(match[2])
    return line


def _journal_of(
    path: Path, lines: list[dict[str, Any]], problem: Mapping[str, str], space: SearchSpace
) -> Journal:
    header = lines[0].get("search", {})
    if header.get("format") != _FORMAT:
        raise ValueError(
            f"checkpoint={str(path)!r} has the format {header.get('format')!r}, but this version "
            f"of logstar reads {_FORMAT}; give another path."
        )
    if differences := describe_differences(problem, header["problem"]):
        raise ValueError(
            f"checkpoint={str(path)!r} is of another search, which differs in: {differences}. "
            "Give another path, or remove the file to start anew."
        )
    journal = Journal(header["seed"], problem)
    asked: list[Point] = []
    for number, line in enumerate(lines[1:], start=2):
        if "asked" in line:
            points = [tuple(point) for point in line["asked"]]
            journal.batches.append(Batch(points, line["state"], line["seconds"]))
            asked.extend(points)
            continue
        point = tuple(line["point"])
        if asked[len(journal.evaluations) :][:1] != [point]:
            raise ValueError(
                f"checkpoint={str(path)!r} is corrupted: line {number} evaluates a setting that "
                "was not asked for. It cannot be resumed; start anew with another path."
            )
        journal.evaluations.append(Evaluation(point, space.decode(point), _unpack(line)))
    return journal


def _pack(outcomes: list[Outcome] | Swept) -> dict[str, Any]:
    if isinstance(outcomes, Swept):
        return {
            "swept": {
                "fit_time": outcomes.fit_time,
                "settings": {k: _numbers(v.tolist()) for k, v in outcomes.settings.items()},
                "scores": {k: _numbers(v.tolist()) for k, v in outcomes.scores.items()},
                "details": {k: _numbers(v.tolist()) for k, v in outcomes.details.items()},
                "errors": outcomes.errors,
            }
        }
    return {
        "outcomes": [
            {
                "fit_time": o.fit_time,
                "score_time": o.score_time,
                "test_scores": dict(
                    zip(o.test_scores, _numbers(o.test_scores.values()), strict=True)
                ),
                "train_scores": dict(
                    zip(o.train_scores, _numbers(o.train_scores.values()), strict=True)
                ),
                "errors": o.errors,
            }
            for o in outcomes
        ]
    }


def _unpack(line: Mapping[str, Any]) -> list[Outcome] | Swept:
    if "swept" in line:
        swept = line["swept"]
        settings, scores, details = (
            {k: np.array(list(map(float, v))) for k, v in swept[part].items()}
            for part in ("settings", "scores", "details")
        )
        return Swept(swept["fit_time"], settings, scores, details, swept["errors"])
    return [
        Outcome(
            o["fit_time"],
            o["score_time"],
            {name: float(score) for name, score in o["test_scores"].items()},
            {name: float(score) for name, score in o["train_scores"].items()},
            o["errors"],
        )
        for o in line["outcomes"]
    ]


def _numbers(values: Any) -> list[float | str]:
    """Write what JSON has no number for as text, which `float` reads again."""
    return [value if np.isfinite(value) else str(value) for value in values]
