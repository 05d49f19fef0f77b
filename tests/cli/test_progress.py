"""What a command is doing, on a terminal."""

from __future__ import annotations

import io
import json
import re
import sys

import numpy as np
import pytest

from logstar.cli import main
from logstar.cli._progress import describe
from logstar.model_selection import SearchProgress
from tests.cli.common import N_ITER, NUMBERS, OPTIONS, detect


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch, term: str = "xterm", columns: int = 100) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", term)
    return stream


def test_qc_and_er_of_the_compromise(film, capsys, monkeypatch):
    stream = terminal(monkeypatch)
    assert detect(film, *NUMBERS, *N_ITER, "--json") == 0
    shown = stream.getvalue()
    for part in ("reading", "tuning", "drawing", "QC 0.", "ER 0."):
        assert part in shown
    assert "file 1 of 1" not in shown
    json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("columns", [50, 100])
def test_which_file_and_what_is_being_done(films, monkeypatch, columns):
    stream = terminal(monkeypatch, columns=columns)
    assert main(["detect", *films, *OPTIONS, "--json"]) == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    for part in ("file 2 of 3, reading: b.npy", "file 2 of 3, writing: b.npy"):
        assert part in plain
    # In one line, which is written over and over.
    assert max(map(len, re.split(r"[\r\n]", plain))) <= columns
    assert plain.count("\n") == len(films)


def test_a_terminal_that_overwrites_nothing_gets_lines(films, monkeypatch):
    stream = terminal(monkeypatch, term="dumb")
    assert main(["detect", *films, *OPTIONS, "--json"]) == 0
    assert stream.getvalue() == "".join(
        f"file {i} of 3: {name}\n" for i, name in enumerate(films, start=1)
    )


def test_names_are_shown_without_what_a_terminal_would_obey(film, monkeypatch):
    names = ["a\x1b]0;evil\x07.npy", "b[bold].npy"]
    for name in names:
        film.with_name(name).write_bytes(film.read_bytes())
    stream = terminal(monkeypatch)
    assert main(["detect", *names, *OPTIONS, "--json"]) == 0
    assert "\x1b]0" not in stream.getvalue()
    assert "a\\x1b]0;evil\\x07.npy" in stream.getvalue()
    assert "b[bold].npy" in stream.getvalue()


def test_before_any_success_there_are_no_numbers():
    state = SearchProgress(1, 9, {}, {"qc": np.nan}, None, None)
    assert describe(state) == ""


def test_only_what_people_know_is_shown():
    best = {"qc": -0.0123, "er": 0.0, "stability": -3.2}
    assert describe(SearchProgress(1, 9, {}, {}, {}, best)) == "QC 0.012 ER 0.000"
