"""Bars in a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import pickle
import sys
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from types import ModuleType, SimpleNamespace

import pytest
from sklearn.base import clone

from logstar.model_selection import ProgressBar


class Screen(StringIO):
    def isatty(self):
        return True


@contextmanager
def terminal():
    """Let standard error be a terminal; yields what it shows."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(Screen()) as screen:
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "100")
        yield screen


@pytest.fixture
def notebook(monkeypatch):
    """Stand in for a kernel: notes what is displayed, and with what it is replaced."""
    shown = []
    handle = SimpleNamespace(update=shown.append)

    def display(thing, *, display_id):
        assert display_id is True
        shown.append(("new", thing))
        return handle

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display, module.HTML = display, lambda text: text
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def test_in_a_terminal_the_bar_ends_full_with_the_compromise(make_search, image):
    with terminal() as screen:
        search = make_search(callback=ProgressBar("Tuning")).fit(image)
    shown = screen.getvalue()
    last = shown[shown.rindex("Tuning") :]
    assert "9/9" in last
    best = search.cv_results_["objective_left"][search.best_index_]
    assert f"left={best:.4g}" in last


def test_in_a_notebook_one_bar_is_updated(make_search, image, notebook, monkeypatch):
    monkeypatch.setattr("logstar.model_selection._progress_bar._PAUSE", 0.0)
    make_search(callback=ProgressBar("<b>")).fit(image)
    (kind, first), *others = notebook
    assert kind == "new"
    assert first.startswith('&lt;b&gt; <progress value="1" max="9"></progress> 1/9 left=')
    assert all(isinstance(text, str) for text in others)
    assert 'value="9" max="9"' in others[-1]
    # Another search draws another bar.
    notebook.clear()
    bar = ProgressBar()
    for _ in range(2):
        make_search(callback=bar).fit(image)
    assert sum(isinstance(text, tuple) for text in notebook) == 2


def test_a_search_that_ends_early_leaves_where_it_stood(make_search, image, notebook):
    make_search(callback=[ProgressBar(), lambda p: p.n_done == 4]).fit(image)
    assert 'value="4" max="9"' in notebook[-1]


def test_a_bar_is_closed_where_the_search_fails(make_search, image):
    bar = ProgressBar()

    def stop(progress):
        if progress.n_done == 3:
            raise RuntimeError("no more")

    search = make_search(callback=[bar, stop])
    with terminal() as screen, pytest.raises(RuntimeError, match="no more"):
        search.fit(image)
    assert "3/9" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[?25h")  # the cursor is back
    assert bar._drawn is None


def test_into_a_file_nothing_is_drawn(make_search, image, capsys):
    make_search(callback=ProgressBar()).fit(image)
    assert capsys.readouterr() == ("", "")


def test_a_shell_of_ipython_is_no_notebook(make_search, image, notebook, monkeypatch):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", SimpleNamespace)
    with terminal() as screen:
        make_search(callback=ProgressBar()).fit(image)
    assert notebook == []
    assert "9/9" in screen.getvalue()


def test_bars_are_copied_and_pickled_without_what_they_have_drawn(make_search, image, notebook):
    bar = ProgressBar("Tuning")
    copies = []

    def copy(_):
        copies.extend([clone(search).callback[0], pickle.loads(pickle.dumps(bar))])

    search = make_search(callback=[bar, copy])
    search.fit(image)
    assert notebook
    assert len(copies) == 18
    for other in copies:
        assert repr(other) == "ProgressBar('Tuning')"
        assert other is not bar
        assert other._drawn is None


def test_fast_searches_do_not_wait_for_the_screen(make_search, image, notebook):
    make_search(callback=ProgressBar(), n_iter=60, engine="random").fit(image)
    assert len(notebook) < 60
    assert 'value="60"' in notebook[-1]
