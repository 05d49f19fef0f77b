"""Without a Rust toolchain, the build says in one sentence what to install."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import types
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[1] / "rust" / "build_backend" / "logstar_build.py"


@pytest.fixture
def backend(monkeypatch):
    """The build backend, with a maturin that does nothing."""
    maturin = types.ModuleType("maturin")
    source = BACKEND.read_text(encoding="utf-8")
    for name in source.split("from maturin import (")[1].split(")")[0].replace(",", " ").split():
        setattr(maturin, name, lambda *_: None)
    monkeypatch.setitem(sys.modules, "maturin", maturin)
    spec = importlib.util.spec_from_file_location("logstar_build", BACKEND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_says_what_to_install_where_there_is_no_toolchain(backend, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match=r"install the Rust toolchain .* from https://rustup.rs"):
        backend.get_requires_for_build_wheel()


def test_asks_for_nothing_more_where_there_is_one(backend, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/cargo")
    assert backend.get_requires_for_build_wheel() == []
    assert backend.get_requires_for_build_editable() == []
