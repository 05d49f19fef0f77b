"""Journals on file: JSON lines, appended to, each with a checksum.

The first line says which problem is searched, the others what was asked and what came of it. A
process that dies in the middle of a line loses that line only. The checksum of a line goes on from
that of the line before, so that lines which are missing, doubled or swapped are noticed. One
process writes at a time.
"""

from __future__ import annotations

import json
import os
import re
import stat
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ._file_lock import FileLock, LockingUnsupportedError
from ._journal import Batch, Journal
from ._outcome import unpack
from ._record import Evaluation
from ._spaces import SearchSpace

AnyJournal = TypeVar("AnyJournal", bound=Journal)

_FORMAT = 3
_LINE = re.compile(rb'\{"crc32": (\d{1,10}), "line": (\{.*\})\}\n')
#: What the first line begins with; a file that begins otherwise is not ours, and left alone.
_START = b'{"crc32": '
#: Bytes of the longest line that is read. A sweep whose front has a million rows of five columns
#: takes a third of that; what is longer was not written by a search.
_MAX_LINE = 1 << 28
#: From `_warn` over its caller to the caller of `open_journal`.
_CALLER = 4
#: What reading of a line raises that holds other things than it should.
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class CheckpointFile:
    """Appends lines to a file.

    Parameters
    ----------
    path : Path
        Created if it does not exist.
    header : dict or None
        What is searched, to be written before the first line; None if the file has it already.
    checksum : int
        That of the last line; 0 if there is none.
    lock : FileLock
        Released when the file is closed.
    """

    def __init__(
        self, path: Path, header: Mapping[str, Any] | None, checksum: int, lock: FileLock
    ) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._header = header
        self._checksum = checksum
        self._lock = lock

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
        self._lock.release()

    def write_batch(self, batch: Batch) -> None:
        """Append what was asked."""
        line = {"asked": batch.points, "state": batch.state, "seconds": batch.seconds}
        # Once a batch is enough: what was written outlives the process without it, and only a
        # crash of the machine could lose more than a line.
        self._write(line, durable=True)

    def write_evaluation(self, evaluation: Evaluation) -> None:
        """Append what was evaluated."""
        self._write({"point": evaluation.point, **evaluation.outcome.pack()})

    def _write(self, line: Mapping[str, Any], *, durable: bool = False) -> None:
        if self._header is not None:
            # Not before the first line: a search that is refused for its engine must leave nothing
            # behind that the next would have to agree with.
            header, self._header = self._header, None
            self._write({"search": header})
        body = json.dumps(line, allow_nan=False).encode()
        self._checksum = zlib.crc32(body, self._checksum)
        left = memoryview(b'{"crc32": %d, "line": %s}\n' % (self._checksum, body))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            if durable:
                os.fsync(self._descriptor)
        except OSError as error:
            # A descriptor has no name that the error could tell.
            raise OSError(error.errno, error.strerror, str(self._path)) from error


def open_journal(
    path: Path, journal: AnyJournal, space: SearchSpace, *, n_above: int
) -> tuple[AnyJournal, CheckpointFile]:
    """Read the journal of an earlier process, or begin one.

    Parameters
    ----------
    path : Path
        The file; need not exist.
    journal : Journal
        Empty, with the fingerprint of what is to be searched and the seed of a new search.
    space : SearchSpace
        Turns points into settings.
    n_above : int
        How many calls above the caller of this function the user's own stands, to which warnings
        point.

    Returns
    -------
    journal : Journal
        The one that was given, filled with what is on file, and with the seed that is there.
    file : CheckpointFile
        To be closed in the end.

    Raises
    ------
    ValueError
        If the file is of another problem, no checkpoint, or corrupted before its last line.
    BlockingIOError
        If another process, or another search of this one, writes to it.
    """
    stacklevel = _CALLER + n_above
    lock = _lock(path, stacklevel)
    try:
        content = _read(path, stacklevel)
        if content.lines:
            _fill(journal, path, content.lines, space)
        if content.n_torn:
            os.truncate(path, content.n_good)
        header = {"format": _FORMAT, "seed": journal.seed, "problem": dict(journal.problem)}
        file = CheckpointFile(path, None if content.lines else header, content.checksum, lock)
    except BaseException:
        lock.release()
        raise
    journal.sink = file
    return journal, file


def _lock(path: Path, stacklevel: int) -> FileLock:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        # Opening a pipe would wait for ever, and a device would not keep what it is given.
        raise ValueError(
            f"checkpoint={str(path)!r} is no regular file but a folder, a pipe or a device; give "
            "the path of a file."
        )
    lock = FileLock(path)
    try:
        holder = lock.acquire()
    except LockingUnsupportedError as error:
        _warn(
            f"checkpoint={str(path)!r} cannot be locked ({error}); see to it that no other "
            "process writes to it.",
            stacklevel,
        )
        return lock
    if holder is not None:
        raise BlockingIOError(
            f"checkpoint={str(path)!r} is being written by {holder}; wait until that search has "
            "ended, or give another path."
        )
    return lock


def describe_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Say in what two fingerprints differ; empty if in nothing."""
    differences = []
    for name in dict.fromkeys([*ours, *theirs]):
        now, then = ours.get(name, "absent"), theirs.get(name, "absent")
        if now != then:
            differences.append(f"{name} (was {then}, is {now})")
    return ", ".join(differences)


@dataclass
class _Content:
    """What a checkpoint holds.

    Parameters
    ----------
    lines : list of dict
        The lines that are whole.
    n_good, n_torn : int
        Bytes of the whole lines, and of an incomplete one at the end.
    checksum : int
        That of the last whole line.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    n_good: int = 0
    n_torn: int = 0
    checksum: int = 0


def _read(path: Path, stacklevel: int) -> _Content:
    content = _Content()
    if not path.exists():
        return content
    with path.open("rb") as file:
        start = file.read(len(_START))
        if not _START.startswith(start):
            raise ValueError(
                f"checkpoint={str(path)!r} is the path of a file that is no checkpoint of a "
                "search; give another path."
            )
        file.seek(0)
        while text := file.readline(_MAX_LINE):
            number = len(content.lines) + 1
            match = _LINE.fullmatch(text)
            checksum = None if match is None else zlib.crc32(match[2], content.checksum)
            if match is not None and checksum == int(match[1]):
                content.lines.append(_parse(path, number, match[2]))
                if number == 1:
                    # Another format may mean something else by a checksum.
                    _check_format(path, content.lines[0])
                content.checksum = checksum
                content.n_good += len(text)
                continue
            if len(text) == _MAX_LINE or file.read(1):
                raise ValueError(
                    f"checkpoint={str(path)!r} is corrupted: line {number} was changed, or lines "
                    "before it are missing, doubled or swapped. It cannot be resumed; restore "
                    "the file, or start anew with another path."
                )
            content.n_torn = len(text)
            kind = "damaged" if text.endswith(b"\n") else "incomplete"
            _warn(
                f"checkpoint={str(path)!r} ends with the {kind} line {number}, as after a crash; "
                "that line is dropped and what it held is evaluated again.",
                stacklevel,
            )
    return content


def _parse(path: Path, number: int, body: bytes) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(body)
    except _MALFORMED as error:
        raise _malformed(path, number, error) from None
    return line


def _check_format(path: Path, header: Mapping[str, Any]) -> None:
    try:
        found = header["search"]["format"]
    except _MALFORMED as error:
        raise _malformed(path, 1, error) from None
    if found != _FORMAT:
        raise ValueError(
            f"checkpoint={str(path)!r} has the format {found!r}, but this version of logstar "
            f"reads {_FORMAT}; give another path."
        )


def _malformed(path: Path, number: int, error: Exception) -> ValueError:
    return ValueError(
        f"checkpoint={str(path)!r} is corrupted: line {number} holds something else than a search "
        f"writes ({type(error).__name__}: {error}). It cannot be resumed; start anew with another "
        "path."
    )


def _warn(message: str, stacklevel: int) -> None:
    warnings.warn(message, UserWarning, stacklevel=stacklevel)


def _fill(journal: Journal, path: Path, lines: list[dict[str, Any]], space: SearchSpace) -> None:
    try:
        header = lines[0]["search"]
        seed = int(header["seed"])
        differences = describe_differences(journal.problem, header["problem"])
    except _MALFORMED as error:
        raise _malformed(path, 1, error) from None
    if differences:
        raise ValueError(
            f"checkpoint={str(path)!r} is of another search, which differs in: {differences}. "
            "Give another path, or remove the file to start anew."
        )
    journal.seed = seed
    for number, line in enumerate(lines[1:], start=2):
        try:
            if "asked" in line:
                points = [tuple(point) for point in line["asked"]]
                journal.restore_batch(Batch(points, line["state"], float(line["seconds"])))
            else:
                point = tuple(line["point"])
                journal.restore_evaluation(Evaluation(point, space.decode(point), unpack(line)))
        except _MALFORMED as error:
            raise _malformed(path, number, error) from None
