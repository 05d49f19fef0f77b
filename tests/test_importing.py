"""What is left out of an import is there for others."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

import pytest

from logstar._importing import hidden


def test_what_is_hidden_is_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "seldom.py").write_text("answer = 42")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    with hidden(["seldom"]), pytest.raises(ImportError):
        importlib.import_module("seldom")
    assert importlib.import_module("seldom").answer == 42
    # What is imported already cannot be hidden any more.
    with hidden(["seldom"]):
        assert importlib.import_module("seldom").answer == 42
    monkeypatch.delitem(sys.modules, "seldom")
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    with hidden(["seldom"]):
        assert importlib.import_module("seldom").answer == 42
    monkeypatch.delitem(sys.modules, "seldom")
