"""What the suites share: the way to their helpers, and the table of ratios at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

# The helpers serve report.py too, which runs as a script from here, so no package holds them.
sys.path.insert(0, str(Path(__file__).parent))

RATIOS: pytest.StashKey[list[str]] = pytest.StashKey()


@pytest.fixture
def smoke(request: pytest.FixtureRequest) -> bool:
    """Whether benchmarks are disabled: everything runs once, only to see that it runs."""
    return bool(request.config.getoption("benchmark_disable"))


@pytest.fixture
def race_of(smoke: bool, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Let contestants take turns, the peer first, and print the ratios once all tests are over."""
    from _pairs import BATCH_SECONDS, race  # noqa: PLC0415 - found by the path set above

    lines = request.config.stash.setdefault(RATIOS, [])

    def run(case: str, contestants: Sequence[Any], rounds: int) -> None:
        peer, *others = (contestant.name for contestant in contestants)
        result = race(
            contestants,
            1 if smoke else rounds,
            batch_seconds=0.0 if smoke else BATCH_SECONDS,
        )
        for name in others:
            lines.append(f"{case:<28} {peer:<25} / {name:<17} {result.ratio(peer, name)}")

    return run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = config.stash.get(RATIOS, [])
    if lines:
        terminalreporter.section("ratios, interleaved: median (least to largest)")
        for line in lines:
            terminalreporter.write_line(line)
