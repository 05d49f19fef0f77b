"""Many files with one command: each is done for itself, and what fails is told at the end."""

from __future__ import annotations

import argparse
import csv
import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULT = "result.json"
SUMMARY = "summary.csv"
DONE, KEPT, FAILED, INTERRUPTED, NOT_REACHED = (
    "done",
    "kept",
    "failed",
    "interrupted",
    "not reached",
)
_MOST_OF_MESSAGE = 60
_NUMBERS = ("n_found", "n_expected", "qc", "er", "n_flagged")


@dataclass(frozen=True)
class Row:
    """How one file fared.

    Attributes
    ----------
    file : Path
        The file.
    folder : Path
        Where its results are.
    status : str
        "done", "kept" from an earlier run, "failed", "interrupted" or "not reached".
    result : dict
        Of a run, empty if there is none.
    message : str
        Why it failed.
    """

    file: Path
    folder: Path
    status: str
    result: dict[str, Any]
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        numbers = {name: self.result.get(name) for name in _NUMBERS}
        return {
            "file": str(self.file),
            "status": self.status,
            **numbers,
            "folder": str(self.folder),
            "message": self.message,
        }


def output_folders(files: Sequence[Path], out: Path | None) -> list[Path]:
    """Give each file a folder of its own, with as short a name as tells them apart.

    Raises
    ------
    ValueError
        If a file is named twice.
    """
    if len({path.absolute() for path in files}) < len(files):
        twice = next(path for path in files if files.count(path) > 1)
        raise ValueError(f"{twice} is named twice.")
    ways: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: "-".join(path.absolute().parts[1:]),
    )
    names = [ways[0](path) for path in files]
    for way in ways[1:]:
        counts = Counter(names)
        names = [
            way(path) if counts[name] > 1 else name for path, name in zip(files, names, strict=True)
        ]
    if out is None:
        return [Path(f"logstar-{name}") for name in names]
    return [out / name for name in names]


def detect_all(
    args: argparse.Namespace,
    detect: Callable[[argparse.Namespace], tuple[dict[str, Any], bool]],
    request: Callable[[argparse.Namespace], dict[str, Any]],
    report: Callable[[Path, Exception], str],
) -> Iterator[Row]:
    """Run `detect` for each file, one after the other.

    Parameters
    ----------
    args : Namespace
        Of the whole command.
    detect : callable
        Takes arguments with one file and its folder, gives the result and whether it was
        interrupted.
    request : callable
        Says what is asked for, so that an earlier result can be recognised.
    report : callable
        Tells people of an error at once, and gives the message.

    Yields
    ------
    row : Row
        After an interruption the remaining files are not reached.
    """
    stopped = False
    for file, folder in zip(args.files, output_folders(args.files, args.out), strict=True):
        if stopped:
            yield Row(file, folder, NOT_REACHED, {})
            continue
        one = argparse.Namespace(**{**vars(args), "file": file, "out": folder})
        try:
            kept = earlier_result(folder, request(one)) if args.resume else None
            if kept is not None:
                yield Row(file, folder, KEPT, kept)
                continue
            result, stopped = detect(one)
            yield Row(file, folder, INTERRUPTED if stopped else DONE, result)
        except KeyboardInterrupt:
            stopped = True
            yield Row(file, folder, INTERRUPTED, {})
        except Exception as error:  # noqa: BLE001 - the other files are not to suffer
            yield Row(file, folder, FAILED, {}, report(file, error))


def earlier_result(folder: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """Give what was found before, if the same was asked for and everything is still there."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        # As JSON, in which tuples are lists.
        same = result["request"] == json.loads(json.dumps(request))
        whole = all(Path(path).is_file() for path in result["files"].values())
        if same and whole and not result["interrupted"]:
            return result
    return None


def write_result(folder: Path, result: dict[str, Any], request: dict[str, Any]) -> None:
    """Write a result as the last file of a run: where it is, the others are whole."""
    text = json.dumps({**result, "request": request}, indent=1)
    partial = folder / f"{RESULT}.part"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / RESULT)


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the table, a file a line."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0].as_dict()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.as_dict() for row in rows)


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out for people."""
    head = ("file", "status", "found", "expected", "QC", "ER", "")
    cells = [head]
    for row in rows:
        numbers = ("", "", "", "")
        if row.result:
            result = row.result
            numbers = (
                str(result["n_found"]),
                f"{result['n_expected']:.1f}",
                f"{result['qc']:+.4f}",
                f"{result['er']:.4f}",
            )
        last = str(row.folder)
        if row.message:
            # All of it was told when it happened, and stands in the file.
            last = textwrap.shorten(row.message, _MOST_OF_MESSAGE, placeholder=" ...")
        cells.append((str(row.file), row.status, *numbers, last))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if 2 <= i <= 5 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    counts = Counter(row.status for row in rows)
    total = ", ".join(f"{counts[status]} {status}" for status in counts)
    return "\n".join([*lines, f"{len(rows)} files: {total}"])
