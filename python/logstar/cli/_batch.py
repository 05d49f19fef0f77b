"""Many images with one command: each is done for itself, and all are told of in one table."""

from __future__ import annotations

import csv
import io
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._folders import RESULT
from ._inputs import Input
from ._printing import Output, line_of, shown
from ._results import write_whole

#: What may have become of an image; see `Row`.
DONE, KEPT, FAILED, INTERRUPTED, NOT_REACHED = (
    "done",
    "kept",
    "failed",
    "interrupted",
    "not reached",
)
#: Columns of the printed table after that of the files, with their widths in characters. The first,
#: without a heading, tells what became of the image.
_COLUMNS = {"": 11, "found": 6, "expected": 8, "QC": 7, "ER": 6, "stable": 6, "s": 6}
_GAP = 2
#: Widths in characters: the least and the greatest of the column of files, on a terminal, and the
#: least of the last column, which tells where results are, or why there are none.
_FILES, _LAST = (12, 40), 24


@dataclass(frozen=True)
class Row:
    """How one image fared.

    Attributes
    ----------
    one : Input
        The image.
    status : str
        "done", "kept" from an earlier run, "failed", "interrupted" or "not reached".
    folder : Path or None
        Where its results are, if there are any.
    result : mapping
        Of its run, empty if there is none.
    message : str
        Why it failed, or where it was interrupted.
    """

    one: Input
    status: str
    folder: Path | None = None
    result: Mapping[str, Any] | None = None
    message: str = ""

    @property
    def verdict(self) -> str:
        """The verdict on its atoms: "ok", "check" or "failed"; empty where there is none."""
        if self.status == FAILED:
            return FAILED
        return "" if self.result is None else str(self.result["verdict"]["status"])

    @property
    def word(self) -> str:
        """What a glance at the table should tell."""
        if self.status == KEPT:
            return f"{self.verdict}, {KEPT}"
        return self.verdict if self.status == DONE else self.status

    @property
    def stability(self) -> float | None:
        """By which factor the threshold may change while the count does not."""
        thresholds = None if self.result is None else self.result["stable_thresholds"]
        return None if thresholds is None else float(thresholds[1] / thresholds[0])

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for machines."""
        result = self.result or {}
        seconds = result.get("seconds")
        names = ("n_found", "n_expected", "qc", "er", "n_flagged", "pixel_size", "unit")
        return {
            "file": str(self.one.path),
            "dataset": self.one.dataset,
            "status": self.status,
            "verdict": self.verdict,
            "reasons": "; ".join(result["verdict"]["reasons"]) if result else "",
            **{name: result.get(name) for name in names},
            "stability": self.stability,
            **{name: result[name] for name in _OF_COMMANDS if name in result},
            "seconds": None if seconds is None else round(sum(seconds.values()), 3),
            "folder": None if self.folder is None else str(self.folder),
            "message": self.message,
        }


#: What some commands tell beyond `logstar detect`.
_OF_COMMANDS = ("amorphous_share", "n_regions", "n_grains", "n_vacancies")

#: Formats of numbers in summary.csv, with as many digits as mean something: an atom of ten
#: thousand, a hundredth of a second.
_DIGITS = {
    "n_expected": ".1f",
    "qc": "+.4f",
    "er": ".4f",
    # As `PixelSize` is printed.
    "pixel_size": ".5g",
    "stability": ".3g",
    "amorphous_share": ".4f",
    "seconds": ".2f",
}


def summary_text(rows: Sequence[Row]) -> str:
    """Write the table as csv, a line for each image."""
    entries = [row.as_dict() for row in rows]
    # Rows of images that were segmented have more columns: the longest row names them all.
    names = max((list(entry) for entry in entries), key=len)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        writer.writerow({name: _cell(name, value) for name, value in entry.items()})
    return text.getvalue()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _DIGITS:
        return format(value, _DIGITS[name])
    # The table may be printed in a terminal, which must not obey what a file name holds.
    return shown(value)


class Table:
    """The table for people, a row at a time.

    Parameters
    ----------
    output : Output
        Where to write.
    inputs : sequence of Input
        All that there will be rows of.
    """

    def __init__(self, output: Output, inputs: Sequence[Input]) -> None:
        self._output = output
        least, most = _FILES
        files = max(least, *(len(shown(one)) for one in inputs))
        if output.is_limited:
            files = min(files, most)
        numbers = [*_COLUMNS.values()]
        last = output.width - files - sum(numbers) - _GAP * (len(numbers) + 1)
        self._widths = [files, *numbers, last] if last >= _LAST else None
        if self._widths is not None:
            heads = ["file", *_COLUMNS, "results"]
            output.show(line_of(heads, self._widths, style="bold"))

    def add(self, row: Row) -> None:
        """Write a row."""
        # The first column names the file already.
        message = row.message.removeprefix(str(row.one.path)).removeprefix(":").lstrip()
        last = message or ("" if row.folder is None else str(row.folder))
        numbers = _numbers(row)
        if self._widths is not None:
            # The whole message was told when the image failed, and stands in summary.csv.
            shorter = textwrap.shorten(last, 2 * self._widths[-1], placeholder=" ...")
            cells = [str(row.one), row.word, *numbers, shorter if row.message else last]
            self._output.show(line_of(cells, self._widths))
            return
        width = self._output.width
        names = [name for name in _COLUMNS if name]
        told = ", ".join(f"{n} {v}" for n, v in zip(names, numbers, strict=True) if v)
        lines = textwrap.wrap(f"{shown(row.one)}: {row.word}", width)
        for text in (told, shown(last)):
            lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
        self._output.say("\n".join(lines))


def _numbers(row: Row) -> list[str]:
    if row.result is None:
        return [""] * (len(_COLUMNS) - 1)
    result, entry = row.result, row.as_dict()
    return [
        str(result["n_found"]),
        # Without a lattice, what was not told is not known.
        *(_cell(name, result[name]) for name in ("n_expected", "qc", "er")),
        "" if row.stability is None else f"{row.stability:.3g}x",
        f"{entry['seconds']:.1f}",
    ]


def run_all(
    inputs: Sequence[Input],
    folders: Sequence[Path],
    work: Callable[[int, Input, Path], Row],
    failed: Callable[[Input, Exception], str],
    told: Callable[[Row, Sequence[Row]], None],
) -> list[Row]:
    """Do each image, one after the other.

    Parameters
    ----------
    inputs : sequence of Input
        The images.
    folders : sequence of Path
        A folder for each.
    work : callable
        Takes the image's number, from 1, the image and its folder, and returns its row.
    failed : callable
        Takes an error, tells people of it at once, and returns the message.
    told : callable
        Called after each image with its row and with all rows so far.

    Returns
    -------
    rows : list of Row
        After an interruption the remaining images are not reached.
    """
    rows = [Row(one, NOT_REACHED) for one in inputs]
    for i, (one, folder) in enumerate(zip(inputs, folders, strict=True)):
        try:
            rows[i] = work(i + 1, one, folder)
        except KeyboardInterrupt:
            rows[i] = _interrupted(one, folder)
        except Exception as error:  # noqa: BLE001 - the other files are not to suffer
            rows[i] = Row(one, FAILED, message=failed(one, error))
        told(rows[i], rows)
        if rows[i].status == INTERRUPTED:
            break
    return rows


def _interrupted(one: Input, folder: Path) -> Row:
    if (folder / RESULT).exists():
        return Row(one, INTERRUPTED, folder, message=f"{folder} holds a whole result")
    return Row(one, INTERRUPTED, message="before anything was evaluated")


def total(rows: Sequence[Row]) -> str:
    """Count the rows by how they fared."""
    counts = Counter(row.verdict if row.status == KEPT else row.word for row in rows)
    images = "image" if len(rows) == 1 else "images"
    n_kept = sum(row.status == KEPT for row in rows)
    kept = f" ({n_kept} kept)" if n_kept else ""
    return f"{len(rows)} {images}: {', '.join(f'{n} {word}' for word, n in counts.items())}{kept}"


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the table; at any time the file is whole.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_whole(path, summary_text(rows))
