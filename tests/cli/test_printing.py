"""What reaches the terminal."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from logstar.cli import _printing
from logstar.cli._printing import Output, line_of, occupy_closed_streams, report, shown


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch) -> Terminal:
    """Have standard output be a terminal of 50 columns."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


ROWS = [("verdict", "check: gaps without atoms"), ("quality", "word " * 30), ("", "/a/" + "b" * 70)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain ä.npy", "plain ä.npy"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\r", "a\\nb\\r"),
        ("\udcff", "\\xff"),
        ("\u202e", "\\u202e"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(name, expected):
    assert shown(name) == expected


def test_fifty_columns_hold_everything(monkeypatch):
    stream = terminal(monkeypatch)
    Output().tell(ROWS)
    lines = stream.getvalue().splitlines()
    plain = [re.sub("\x1b\\[[0-9]*m", "", line) for line in lines]
    assert max(map(len, plain)) <= 50
    text = "".join(line[12:] for line in plain)
    assert text.count("word") == 30
    assert text.endswith("/a/" + "b" * 70)
    # The verdict has its colour, and names are bold.
    assert "\x1b[33mcheck" in lines[0]


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colour(monkeypatch, variable, value):
    stream = terminal(monkeypatch)
    monkeypatch.setenv(variable, value)
    Output().tell(ROWS)
    assert "\x1b" not in stream.getvalue()
    assert "verdict     check: gaps" in stream.getvalue()


def test_a_pipe_gets_whole_sentences_without_colour(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("COLUMNS", raising=False)
    Output().tell(ROWS)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1] == "quality     " + ("word " * 30).rstrip()


def test_a_pipe_gets_what_rich_would_lay_out(monkeypatch):
    rows = [*ROWS, ("INTERRUPTED", "größe 金属 \x1b[31m "), ("", ""), ("found", "")]
    texts = []
    for tell in (Output.tell, lambda output, rows: output.show(report(rows))):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.delenv("COLUMNS", raising=False)
        tell(Output(), rows)
        texts.append(stream.getvalue())
    assert texts[0] == texts[1]


def test_a_pipe_needs_no_layout():
    code = (
        "import sys; from logstar.cli._printing import Output; "
        "Output().tell([('found', '5 atoms')]); print('rich' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "found       5 atoms\nFalse\n"


def test_lines_of_a_table_fold_what_is_long(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    Output().show(line_of(["abcdefgh", "12", "xy"], [4, 5, 6]))
    assert stream.getvalue() == "abcd     12  xy\nefgh\n"


def test_what_the_encoding_lacks_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output = Output()
    output.say("größe")
    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"
    assert output.problem is None


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_output_is_told_of_and_nothing_more_is_written(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Full())
    output = Output()
    output.say("a")
    assert output.problem == "No space left on device"
    output.say("b")
    output.tell(ROWS)


def test_a_closed_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    output = Output()
    output.say("a")
    assert output.problem == "it is closed"


@pytest.mark.parametrize(("columns", "width"), [(12, 30), (30, 30), (133, 133)])
def test_lines_are_as_wide_as_the_terminal(monkeypatch, columns, width):
    terminal(monkeypatch)
    monkeypatch.delenv("COLUMNS")
    size = {1: os.terminal_size((columns, 9)), 2: os.terminal_size((77, 9))}
    monkeypatch.setattr(os, "get_terminal_size", size.__getitem__)
    assert _printing._width(True) == width
    monkeypatch.setenv("COLUMNS", str(columns))
    assert _printing._width(True) == width


@pytest.mark.parametrize(("number", "n_opened"), [(errno.EBADF, 1), (errno.EIO, 0)])
def test_a_closed_stream_is_occupied_and_a_broken_one_left_alone(monkeypatch, number, n_opened):
    opened = []

    def fstat(descriptor):
        if descriptor == 1:
            raise OSError(number, "it is not there")

    # The whole module: pytest uses it as well.
    replacement = SimpleNamespace(
        fstat=fstat, open=lambda *args: opened.append(args), devnull=os.devnull, O_RDWR=os.O_RDWR
    )
    monkeypatch.setattr(_printing, "os", replacement)
    occupy_closed_streams()
    assert opened == [(os.devnull, os.O_RDWR)] * n_opened
