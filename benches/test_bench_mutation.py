"""The runner of mutations: what it changes, and that changes are caught or told."""

from __future__ import annotations

import ast

import mutation
import pytest

SOURCE = b'''"""Doc 1."""
from x import a

LIMIT: int = 3
NAMES = {"a": -1.5}


def grow(n: int = 2, *, up: bool = True) -> float:
    """Grow by 1."""
    if n < LIMIT and up:
        return table[n, 0] + max(n, 7) + table[n, n]
    raise ValueError(f"{n + 1} is below 0")
'''


def test_what_is_changed():
    changes = mutation.changes_of("m.py", SOURCE)
    found = {(change.place, change.old, change.new) for change in changes}
    assert found == {
        ("module", "3", "4"),
        ("module", "-1.5", "1.5"),
        ("module", "1.5", "1.875"),
        ("grow", "2", "3"),
        ("grow", "True", "False"),
        ("grow", "n < LIMIT and up", "not (n < LIMIT and up)"),
        ("grow", "n < LIMIT and up", "n < LIMIT or up"),
        ("grow", "n < LIMIT", "n <= LIMIT"),
        ("grow", "table[n, 0] + max(n, 7)", "table[n, 0] - max(n, 7)"),
        (
            "grow",
            "table[n, 0] + max(n, 7) + table[n, n]",
            "table[n, 0] + max(n, 7) - table[n, n]",
        ),
        ("grow", "table[n, 0]", "table[0, n]"),
        ("grow", "0", "1"),
        ("grow", "max(n, 7)", "min(n, 7)"),
        ("grow", "7", "8"),
    }
    for change in changes:
        changed = change.apply(SOURCE)
        assert f"({change.new})".encode() in changed
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE))
        assert len(changed.splitlines()) == len(SOURCE.splitlines())


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("lattice/_counting.py", ["tests/lattice/test_counting.py"]),
        ("pareto.py", ["tests/test_pareto.py"]),
        ("datasets/_rendering.py", ["tests/datasets/test_rendering.py"]),
        # Covered together with others.
        ("io/_positions_csv.py", ["tests/io/test_positions.py"]),
        # Named by what it defines.
        ("preprocessing/_local_contrast.py", ["tests/preprocessing/test_transformers.py"]),
    ],
)
def test_the_tests_of_a_module(module, tests):
    assert mutation.tests_of(module, mutation.imports_of(mutation.ROOT / "python/logstar")) == tests


def test_equivalents_stand_in_the_sources():
    package = mutation.ROOT / "python/logstar"
    for key, why in mutation.equivalents().items():
        changes = mutation.changes_of(key[0], (package / key[0]).read_bytes())
        assert key in {change.key for change in changes}
        assert len(why) > 20


def test_a_change_is_caught_or_told():
    module = "exceptions.py"
    source = (mutation.ROOT / "python/logstar/_runtime.py").read_bytes()
    (caught, *_) = [
        change
        for change in mutation.changes_of("_runtime.py", source)
        if change.old == "int(setting) > 0"
    ]
    # The end of a file, where nothing stands.
    end = len((mutation.ROOT / "python/logstar" / module).read_bytes())
    unnoticed = mutation.Change(module, 0, "module", "nothing", "0", end, end)
    results, left_out = mutation.mutate([caught, unnoticed], seconds=60, longest=60, n_jobs=2)
    assert dict(results) == {caught: "caught", unnoticed: "survived"}
    assert left_out == {}
    printed = mutation.table(results, left_out).splitlines()
    assert printed[-2].split() == ["total", "2", "1", "0", "1"]
    assert printed[-1].startswith("exceptions.py\tmodule\tnothing\t0")
