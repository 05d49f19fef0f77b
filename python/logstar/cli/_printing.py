"""What reaches the terminal, and what happens where it cannot."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

#: Width of a line in characters where there is no terminal: lines in a pipe are not broken.
_NO_LIMIT = 10_000
#: Least width in characters that text is laid out for, on narrower terminals as well.
_NARROWEST = 30
#: Width in characters of the column of names in a report.
_NAMES = 11
#: Colours of the words that say how a file fared.
STYLES = {"ok": "green", "check": "yellow", "failed": "red", "interrupted": "red"}


def shown(text: object) -> str:
    """Write characters that a terminal would obey, or cannot show, as their escapes.

    File names may hold escape sequences, line breaks and bytes that are no text.
    """
    return "".join(c if c.isprintable() else _escape(c) for c in str(text))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        # How Python keeps a byte that is no text.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def one_line(error: object) -> str:
    """Say what an error is in one line that a terminal can show."""
    return shown(" ".join(str(error).split()) or type(error).__name__)


class Output:
    """Standard output, which may be a terminal, a pipe, closed or full.

    Once it cannot be written nothing more is: the work goes on, and `problem` says why at its end.

    Attributes
    ----------
    problem : str or None
        Why not all was told; None if it was, or if whoever read it had enough (``| head``).
    width : int
        Columns.
    """

    def __init__(self) -> None:
        self._stream: TextIO | None = sys.stdout
        self.problem = None if self._stream is not None else "it is closed"
        terminal = self._stream is not None and is_terminal(self._stream)
        self._colours = (
            terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        self.width = _width(terminal)

    @property
    def is_limited(self) -> bool:
        """Whether a line may be no longer than `width`; in a pipe it may."""
        return self.width < _NO_LIMIT

    def say(self, text: str) -> None:
        """Write a text and a line break at once."""
        if self._stream is None:
            return
        try:
            # What the terminal's encoding lacks is written as its escape.
            encoding = self._stream.encoding or "utf-8"
            known = text.encode(encoding, "backslashreplace").decode(encoding)
            self._stream.write(f"{known}\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            if not isinstance(error, BrokenPipeError):
                reason = error.strerror if isinstance(error, OSError) else None
                self.problem = reason or "it is closed"
            self._give_up()

    def show(self, *things: RenderableType) -> None:
        """Lay things out with rich, as wide as the terminal."""
        from rich.console import Console  # noqa: PLC0415 - --help and --json need no layout

        console = Console(
            file=io.StringIO(),
            width=self.width,
            force_terminal=self._colours,
            color_system="standard" if self._colours else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        with console.capture() as captured:
            for thing in things:
                console.print(thing)
        lines = [line.rstrip() for line in captured.get().splitlines()]
        self.say("\n".join(lines))

    def tell(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write names and what there is to say of each."""
        if self.is_limited:
            self.show(report(rows))
            return
        # There is nothing to lay out, and importing rich would take its time.
        lines = (f"{name:<{_NAMES}} {shown(text)}".rstrip() for name, text in rows)
        self.say("\n".join(lines))

    def _give_up(self) -> None:
        # Python would try once more to write what is left when it closes the stream.
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
        self._stream = None


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream, which may be closed, is a terminal."""
    with suppress(ValueError):
        return stream.isatty()
    return False


def _width(terminal: bool) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and 0 < int(columns) < _NO_LIMIT:
        return max(_NARROWEST, int(columns))
    if not terminal:
        return _NO_LIMIT
    try:
        return max(_NARROWEST, os.get_terminal_size(1).columns)
    except OSError:
        return 80


def complain(text: str) -> None:
    """Write a line to standard error, if anyone can be told."""
    if sys.stderr is None:
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        print(
            text.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr, flush=True
        )


def occupy_closed_streams() -> None:
    """Give closed standard streams a place, so that no file that is opened later takes it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.open(os.devnull, os.O_RDWR)


def report(rows: Iterable[tuple[str, str]]) -> Any:
    """Lay out names and what there is to say of each."""
    from rich.table import Table  # noqa: PLC0415 - --help and --json need no layout
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=_NAMES, no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        style = STYLES.get(text.partition(":")[0], "") if name == "verdict" else ""
        table.add_row(Text(name, style="bold"), Text(shown(text), style=style))
    return table


def line_of(cells: Sequence[str], widths: Sequence[int], *, style: str = "") -> Any:
    """Lay out one line of a table with columns of these widths.

    The first column and the last are text, folded where it is longer; those between are numbers
    and words, at the right.
    """
    from rich.table import Table  # noqa: PLC0415 - --help and --json need no layout
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for i, width in enumerate(widths):
        ends = i in {0, len(widths) - 1}
        table.add_column(width=width, overflow="fold", justify="left" if ends else "right")
    table.add_row(
        *(
            Text(shown(cell), style=style or STYLES.get(cell.partition(",")[0], ""))
            for cell in cells
        )
    )
    return table
