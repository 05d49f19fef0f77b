"""The README's Python code runs as it stands, and its promises have tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def promises() -> list[str]:
    """What one can rely on, line by line, with the tests that each names."""
    text = README.read_text(encoding="utf-8")
    section = text.partition("## What you can rely on\n")[2].partition("\n## ")[0]
    return re.findall(r"^- (.*?)(?=^- |^$)", section, re.MULTILINE | re.DOTALL)


def names_of_tests(path: Path) -> set[str]:
    """Names of the tests of a file, those of classes with the class before them."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{part.name}" for part in node.body if hasattr(part, "name")}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return {name for name in found if name.split("::")[-1].startswith("test_")}


def blocks() -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What is defined once all blocks have run, one after the other, as a reader would."""
    found: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for number, code in enumerate(blocks()):
            exec(compile(code, f"README.md, block {number}", "exec"), found)
    return found


def test_there_is_code():
    assert len(blocks()) >= 3


def test_the_five_lines_find_the_atoms(names):
    found = names["found"]
    assert found.verdict_.status == "ok"
    assert abs(len(found.atoms_) - found.expectation_.n_expected) < 5


def test_the_search_by_hand_finds_them_as_well(names):
    assert abs(len(names["atoms"]) - len(names["found"].atoms_)) <= 5


def test_the_perfect_crystal_is_not_damaged(names):
    assert not names["segmenter"].mask_.any()


def test_every_promise_names_tests_that_there_are():
    assert len(promises()) >= 20
    for promise in promises():
        named = re.findall(r"`(tests/\S+?\.py)::(\S+?)`", promise)
        assert named, promise
        for path, test in named:
            assert test in names_of_tests(README.parent / path), promise


def test_a_test_that_there_is_not_would_be_noticed():
    found = names_of_tests(README.parent / "tests/cli/test_main.py")
    assert "TestKills::test_a_kill_leaves_whole_files" in found
    assert "test_a_kill_leaves_whole_files" not in found
    assert not any(name.startswith("TestKills::_") for name in found)
