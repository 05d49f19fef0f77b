"""Run every benchmark and write the results: ``python benches/report.py [--quick]``.

``--rows NAME ...`` measures some of the sections alone and prints them. ``--image FILE ...`` are
micrographs for the command, and ``--peers PYTHON`` is one that has Atomap and HyperSpy.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import _measure_blob_log
import _measure_command
import _measure_image
import _measure_main
import _measure_rest
import _measure_sweep
from _peers import OPTIONAL_PEERS, PEERS, installed
from _section import FULL, QUICK, Plan, Section, table
from _targets import targets

from logstar import __version__
from logstar._core import instruction_sets

RESULTS = Path(__file__).with_name("RESULTS.md")


#: What measures each section, by its name, in the order of the report.
SECTIONS: dict[str, Callable[[Plan], Section]] = {
    name: measure
    for subject in (
        _measure_blob_log,
        _measure_sweep,
        _measure_rest,
        _measure_main,
        _measure_image,
        _measure_command,
    )
    for name, measure in subject.SECTIONS.items()
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run every benchmark and write the results.")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few rounds, within a minute"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=SECTIONS,
        metavar="NAME",
        help=f"print these and write nothing: {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--image", nargs="+", type=Path, default=[], help="micrographs for the command"
    )
    parser.add_argument("--peers", help="a Python that has Atomap and HyperSpy")
    args = parser.parse_args(argv)
    plan = replace(QUICK if args.quick else FULL, files=args.image, peers=args.peers)
    sections = measure(plan, args.rows or SECTIONS)
    if args.rows:
        print("\n\n".join([_goals(sections), *(section.markdown() for section in sections)]))
        return
    args.out.write_text(render(sections, quick=args.quick), encoding="utf-8")
    print(f"wrote {args.out}", file=sys.stderr)


def measure(plan: Plan, names: Iterable[str] = SECTIONS) -> list[Section]:
    """Measure section by section, and tell on standard error how far it is."""
    sections = []
    start = time.perf_counter()
    for name in names:
        sections.append(SECTIONS[name](plan))
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr)
    return sections


def _goals(sections: Iterable[Section], *, every: bool = False) -> str:
    """The targets, all of them or those that were measured."""
    figures = {key: figure for section in sections for key, figure in section.figures.items()}
    return table(
        ["what", "target", "measured", ""],
        [target.row(figures) for target in targets() if every or target.key in figures],
    )


def render(sections: list[Section], *, quick: bool) -> str:
    """The whole file."""
    command = "python benches/report.py" + (" --quick" if quick else "")
    head = [
        "# Benchmarks",
        (
            f"Written by `{command}`. Ours and the peers took turns in one run; a ratio is how "
            "many times as long the peer took: the median over rounds, in brackets the least and "
            "the largest."
        ),
    ]
    if quick:
        head.append("A quick run: small sizes, few rounds, so more noise.")
    machine = [f"- {line}" for line in (*_machine(), *_versions())]
    parts = [
        *head,
        "## Machine",
        "\n".join(machine),
        "## Targets",
        _goals(sections, every=True),
        *(section.markdown() for section in sections),
    ]
    return "\n\n".join(parts) + "\n"


def _machine() -> list[str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        f"{_processor()}, {cores} cores",
        f"instruction sets: {', '.join(instruction_sets())}",
        f"{platform.system()}, Python {platform.python_version()}",
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        facts = dict(
            (part.strip() for part in line.split(":", 1))
            for line in cpuinfo.read_text().splitlines()
            if ":" in line
        )
        # Some virtual machines hide the name; family and model still tell the kind.
        if "model name" in facts:
            kind = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
            return f"{facts['model name']} ({', '.join(kind)})"
    return platform.processor() or platform.machine()


def _versions() -> list[str]:
    found = {name: installed(name) for name in (*PEERS, *OPTIONAL_PEERS)}
    here = [f"{name} {version}" for name, version in found.items() if version]
    missing = [name for name, version in found.items() if not version]
    lines = [f"logstar {__version__}, " + ", ".join(here)]
    if missing:
        lines.append(f"not installed, so left out: {', '.join(missing)}")
    return lines


if __name__ == "__main__":
    main()
