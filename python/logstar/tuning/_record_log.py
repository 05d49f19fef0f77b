"""Results of a long run on file, appended as they come: a process may be killed at any moment.

A log begins with a word that says what it is, and a header that says what it is about. Each record
is its length, its checksum, and a message of `logstar.io._wire`, which holds plain values and
arrays. A process that dies in the middle of a record loses that record only. The checksum goes on
from that of the record before, so that records which are missing, doubled or swapped are noticed.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from logstar.io._wire import receive, send
from logstar.model_selection._file_lock import FileLock, LockingUnsupportedError

_MAGIC = b"logstar records 1\n"
#: Length of a record in bytes, and its checksum.
_HEAD = struct.Struct("<QI")
#: Bytes of the longest record that is read: a frame of 10^7 atoms takes a third of it. What is
#: longer was not written here.
_MOST_BYTES = 2**31


class RecordLog:
    """A log that is written to.

    Parameters
    ----------
    path : Path
        The file.
    header : mapping
        What the run is about, in plain values. A log of another header is refused.
    resume : bool
        Whether to go on with what is there; else it is begun anew.

    Raises
    ------
    BlockingIOError
        If another process writes to it.
    OSError
        If it cannot be written.
    ValueError
        If there is something else to go on with.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        self._lock: FileLock | None = _locked(path)
        try:
            self._checksum, end = 0, 0
            if path.exists():
                # Read also where it is begun anew: a file of another kind is not overwritten.
                known, checksum, whole = _whole_part(path)
                if resume:
                    check_same(path, known, _plain(header))
                    self._checksum, end = checksum, whole
            self._file = path.open("r+b" if end else "w+b", buffering=0)
            self._file.truncate(end)
            self._file.seek(end)
            if end == 0:
                self._write(_MAGIC)
                self.append(header)
        except BaseException:
            self._release()
            raise

    def append(self, record: Mapping[str, Any]) -> None:
        """Write a record; when this returns, it outlives the process."""
        content = _packed(record)
        self._checksum = zlib.crc32(content, self._checksum)
        self._write(_HEAD.pack(len(content), self._checksum) + content)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            # An open file has no name that the error could tell.
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def close(self) -> None:
        """Close the file, once what it holds is on the disk."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
        self._release()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the header of a log, then each whole record.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no log.
    """
    for record, _, _ in _records(path):
        yield record


def earlier_records(path: Path | None) -> Iterator[dict[str, Any]]:
    """Yield what an earlier run left in its log, without the header; nothing where there is none.

    Raises
    ------
    OSError, ValueError
        As `read_records`.
    """
    if path is not None:
        records = read_records(path)
        next(records)
        yield from records


def _records(path: Path) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yield each whole record, the checksum after it and the place of its end."""
    checksum = 0
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
        if not _MAGIC.startswith(magic):
            raise ValueError(f"{path} holds no results of a run; it is left as it is.")
        end = len(magic)
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, told = _HEAD.unpack(head)
            if length > _MOST_BYTES:
                return
            content = file.read(length)
            checksum = zlib.crc32(content, checksum)
            if len(content) < length or checksum != told:
                return
            end += _HEAD.size + length
            yield _unpacked(content), checksum, end


def _whole_part(path: Path) -> tuple[dict[str, Any] | None, int, int]:
    """Find the header, the checksum and the end of what is whole; no header if nothing is."""
    header, checksum, end = None, 0, 0
    for record, checksum, end in _records(path):  # noqa: B007 - those of the last one are wanted
        header = record if header is None else header
    return header, checksum, end


def _packed(record: Mapping[str, Any]) -> bytes:
    content = BytesIO()
    send(cast("Any", content), record)
    return content.getvalue()


def _unpacked(content: bytes) -> dict[str, Any]:
    record: dict[str, Any] = receive(cast("Any", BytesIO(content)), _MOST_BYTES)
    return record


def _plain(header: Mapping[str, Any]) -> dict[str, Any]:
    """The header as it is read again."""
    return _unpacked(_packed(header))


def check_same(path: Path, known: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with what is about something else.

    Raises
    ------
    ValueError
        Saying in what the two headers differ.
    """
    if known is None or known == asked:
        return
    # Of a header within a header, what differs in there.
    flat = [
        {**header, **(inner if isinstance(inner, Mapping) else {})}
        for header, inner in ((one, one.get("run")) for one in (known, asked))
    ]
    difference = "; ".join(
        f"{name} was {flat[0].get(name)!r}, is {flat[1].get(name)!r}"
        for name in dict.fromkeys([*flat[0], *flat[1]])
        if name != "run" and flat[0].get(name) != flat[1].get(name)
    )
    raise ValueError(
        f"{path} is of another run: {difference}; give another path, or the same image and "
        "parameters."
    )


def _locked(path: Path) -> FileLock | None:
    lock = FileLock(path)
    try:
        holder = lock.acquire()
    except LockingUnsupportedError:
        # A file system without locks: whoever starts two runs on one file has to see to it.
        return None
    if holder is not None:
        raise BlockingIOError(
            f"{path} is being written by {holder}; wait until that run has ended, or give another "
            "path."
        )
    return lock
