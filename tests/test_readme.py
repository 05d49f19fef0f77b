"""The README's Python runs as it stands, its figures were measured, its promises have tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PROMISES = ROOT / "docs/reference/promises.md"


def promises(page: Path) -> list[str]:
    """What one can rely on, line by line, with the tests that each names."""
    text = page.read_text(encoding="utf-8")
    section = text.partition("# What you can rely on\n")[2].partition("\n## ")[0]
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


def test_it_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 120


def test_the_five_lines_find_the_atoms(names):
    found = names["found"]
    assert found.verdict_.status == "ok"
    assert abs(len(found.atoms_) - found.expectation_.n_expected) < 5


@pytest.mark.parametrize("page", [README, PROMISES], ids=lambda page: page.name)
def test_every_promise_names_tests_that_there_are(page):
    assert len(promises(page)) >= {README: 5, PROMISES: 20}[page]
    for promise in promises(page):
        named = re.findall(r"`(tests/\S+?\.py)::(\S+?)`", promise)
        assert named, promise
        for path, test in named:
            assert test in names_of_tests(ROOT / path), promise


def test_a_test_that_there_is_not_would_be_noticed():
    found = names_of_tests(ROOT / "tests/cli/test_main.py")
    assert "TestKills::test_a_kill_leaves_whole_files" in found
    assert "test_a_kill_leaves_whole_files" not in found
    assert not any(name.startswith("TestKills::_") for name in found)


def cells(page: str, name: str) -> list[str]:
    """Cells behind the first one of the first row that begins with a name, in a table of a page."""
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        first, *others = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and first == name:
            return others
    raise AssertionError(f"no row {name!r} in {page}")


def compared(what: str) -> tuple[str, str]:
    """The two figures of a row of the README's table: there, and here."""
    for line in README.read_text(encoding="utf-8").splitlines():
        parts = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and what in parts[:2]:
            return parts[2], parts[3]
    raise AssertionError(f"no row {what!r}")


def seconds(text: str) -> float:
    number, unit = text.split()
    return float(number.replace(",", "")) * {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit]


@pytest.mark.parametrize(("what", "column"), [("HyperSpy", 4), ("Atomap", 5)])
def test_f1_is_as_measured(what, column):
    rows = [cells("benches/paper/peers.md", noise) for noise in ("0.3", "0.5", "1")]
    there = ", ".join(f"{float(row[column]):.2f}".lstrip("0") for row in rows)
    here = ", ".join(row[3].lstrip("0") for row in rows)
    assert compared(what) == (there, here)


@pytest.mark.parametrize(
    ("what", "section", "row", "there", "here"),
    [
        ("50 evaluations by scikit-optimize", "## Tuning", "256 px", 0, 2),
        ("scikit-image's `blob_log`", "## `blob_log`", "2048 px", 1, 2),
        ("SciPy's `cKDTree`", "## `distance_sums`", "50,000", 1, 2),
    ],
)
def test_times_are_as_measured(what, section, row, there, here):
    """Times vary from run to run: to a factor of 2."""
    text = (ROOT / "benches/RESULTS.md").read_text(encoding="utf-8").partition(f"\n{section}")[2]
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
    measured = [cell.strip() for cell in line.strip("|").split("|")][1:]
    for said, place in zip(compared(what), (there, here), strict=True):
        assert 0.5 < seconds(said) / seconds(measured[place]) < 2
