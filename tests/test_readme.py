"""The README's Python code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


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
