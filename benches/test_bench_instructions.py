"""The table of instructions: what it says, and what is told of other counts."""

from __future__ import annotations

import instructions
import pytest


def kernel(name, size=10):
    return instructions.Kernel(name, "f", size, "pixel", lambda: None)


def test_a_table_says_what_was_counted():
    every = [kernel("one"), kernel("two, of all", 3)]
    text = instructions.table(every, [1_234_567, 30])
    assert instructions.known(text) == {"one": 1_234_567, "two, of all": 30}
    assert "| 123,457 per pixel |" in text


def test_other_counts_are_told():
    every = [kernel("same"), kernel("slower"), kernel("faster"), kernel("new")]
    before = {"same": 1000, "slower": 1000, "faster": 1000, "gone": 1000}
    found = instructions.differences(every, [1019, 1021, 900, 5], before)
    assert found == [
        "slower: 1,021 instructions, +2.1 %",
        "faster: 900 instructions, -10.0 %",
        "new: not in the table",
        "gone: in the table, but not counted",
    ]
    assert instructions.differences(every[:1], [1000], {"same": 1000}) == []


def test_the_committed_table_is_of_the_kernels_there_are():
    names = [each.name for each in instructions.kernels(instructions.core())]
    assert list(instructions.known(instructions.TABLE.read_text())) == names


def test_kernels_run_and_find_something():
    for each in instructions.kernels(instructions.core()):
        assert each.run() is not None


def test_without_valgrind_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(instructions.shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit, match="apt-get install valgrind"):
        instructions.count(kernel("one"))


def test_what_callgrind_says_is_read():
    assert instructions.collected("==7== Events    : Ir\n==7== Collected : 2174501") == 2174501
    with pytest.raises(SystemExit, match="counted nothing"):
        instructions.collected("==7== Collected : 0")
