"""Engines of the search on equal budgets: `python benches/search_engines.py`.

Every engine starts from the same initial design of a seed and is told the same losses. Finished
runs are appended to a file, so an interrupted study goes on where it was, and engines that need
other packages can be run elsewhere and added. Writes SEARCH_RESULTS.md beside this script.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _search_problems import PROBLEMS, Problem
from logstar.model_selection import hypervolume, is_non_dominated
from logstar.model_selection._engines import make_engine
from logstar.model_selection._spaces import SearchSpace

FloatArray = NDArray[np.float64]

_HERE = Path(__file__).parent
RUNS = _HERE / ".search_runs.jsonl"
RESULTS = _HERE / "SEARCH_RESULTS.md"
N_INITIAL = 10
BUDGETS = (40, 80)
N_SEEDS = 5
#: Beyond the nadir of the known front, by this share of its extent, ends the hypervolume.
_MARGIN = 0.1
#: What the figures depend on, besides the engines' own packages.
_PACKAGES = ("logstar", "numpy", "scipy", "scikit-learn", "scikit-optimize")


@dataclass(frozen=True)
class Contestant:
    """An engine as the tables call it."""

    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()


CONTESTANTS: dict[str, Contestant] = {
    "ehvi": Contestant("ehvi"),
    "ehvi, no policies": Contestant("ehvi", {"warp": False, "alternate": False}),
    "parego": Contestant("parego"),
    "qLogNEHVI": Contestant("botorch", packages=("botorch", "torch")),
    "qLogNEHVI, our policies": Contestant(
        "botorch", {"warp": True, "alternate": True}, packages=("botorch", "torch")
    ),
    "Optuna GP": Contestant("optuna", {"sampler": "gp"}, packages=("optuna", "torch")),
    "Optuna TPE": Contestant("optuna", packages=("optuna",)),
    "NSGA-II": Contestant("nsga2", packages=("pymoo",)),
    "Sobol": Contestant("sobol"),
    "random": Contestant("random"),
}


def run(contestant: Contestant, problem: Problem, seed: int, n_iter: int) -> dict[str, Any]:
    """Search once; return the losses in order and the CPU seconds of each ask."""
    space = SearchSpace(problem.spaces)
    engine = make_engine(
        contestant.engine,
        space,
        n_initial_points=N_INITIAL,
        seed=seed,
        n_objectives=problem.n_objectives,
        options=contestant.options,
    )
    losses: list[FloatArray | None] = []
    seconds: list[float] = []
    while len(losses) < n_iter:
        start = time.process_time()
        points = engine.ask()
        seconds.append(time.process_time() - start)
        if not points:
            break
        told = [problem.losses(**space.decode(point)) for point in points]
        engine.tell(points, told)
        losses += told
    return {
        "losses": [None if row is None else row.tolist() for row in losses],
        "seconds": seconds,
        "versions": {name: _version(name) for name in contestant.packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from the system"


def study(
    contestants: Sequence[str], problems: Sequence[str], n_seeds: int, n_iter: int, path: Path
) -> None:
    """Run what the file does not hold yet, one seed of everything after the other."""
    done = {(r["contestant"], r["problem"], r["seed"]) for r in read(path)}
    for seed, name, contestant in itertools.product(range(n_seeds), problems, contestants):
        if (contestant, name, seed) in done:
            continue
        try:
            found = run(CONTESTANTS[contestant], PROBLEMS[name], seed, n_iter)
        except ImportError as error:
            print(f"{contestant} is left out: {error}")
            contestants = [other for other in contestants if other != contestant]
            study(contestants, problems, n_seeds, n_iter, path)
            return
        record = {"contestant": contestant, "problem": name, "seed": seed, **found}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the finished runs; the last may be cut off."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def shares(problem: Problem, runs: Sequence[Mapping[str, Any]]) -> dict[str, FloatArray]:
    """Hypervolumes as a share of the best known, shape (n_seeds, n_budgets), of each contestant."""
    known = problem.known_front()
    known = np.unique(known[is_non_dominated(known)], axis=0)
    extent = np.ptp(known, axis=0)
    corner = known.max(axis=0) + _MARGIN * np.where(extent > 0, extent, 1.0)
    tables = [_table(r["losses"], problem.n_objectives) for r in runs]
    best = hypervolume(np.vstack([known, *tables]), corner)
    found: dict[str, list[list[float]]] = {}
    for r, table in zip(runs, tables, strict=True):
        values = [hypervolume(table[:n], corner) / best for n in BUDGETS]
        found.setdefault(r["contestant"], []).append(values)
    return {name: np.array(values) for name, values in found.items()}


def _table(losses: Sequence[Sequence[float] | None], n_objectives: int) -> FloatArray:
    return np.array([[np.inf] * n_objectives if row is None else row for row in losses])


def report(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the tables."""
    problems = [name for name in PROBLEMS if any(r["problem"] == name for r in runs)]
    by_problem = {
        name: shares(PROBLEMS[name], [r for r in runs if r["problem"] == name]) for name in problems
    }
    lines = [
        "# Engines of the search on equal budgets",
        "",
        (
            "Written by `python benches/search_engines.py`. Hypervolume as a share of the best "
            "known front's, up to its nadir and a tenth beyond; the best known front is that of "
            "formulas, of exact sweeps or of a grid, together with all that any engine evaluated. "
            f"Mean over seeds. All start from {N_INITIAL} points, the same for all but random. "
            "Problems with a star were not looked at when policies were chosen."
        ),
        "",
    ]
    for i, budget in reversed(list(enumerate(BUDGETS))):
        lines += [f"## After {budget} evaluations", ""]
        heads = [f"{name}{'*' if PROBLEMS[name].held_out else ''}" for name in problems]
        lines += _row("engine", *heads, "mean", "worst lag", "CPU s an ask")
        lines += _row(*["---"] * (len(problems) + 4))
        best = {name: max(t[:, i].mean() for t in by_problem[name].values()) for name in problems}
        for contestant in CONTESTANTS:
            means = {
                name: float(tables[contestant][:, i].mean())
                for name, tables in by_problem.items()
                if contestant in tables
            }
            if not means:
                continue
            complete = len(means) == len(problems)
            lag = max(best[name] - mean for name, mean in means.items())
            lines += _row(
                contestant,
                *[_bold(means.get(name), best[name]) for name in problems],
                f"{np.mean(list(means.values())):.3f}" if complete else "",
                f"{lag:.3f}",
                _seconds([r for r in runs if r["contestant"] == contestant], budget),
            )
        lines.append("")
    lines += [
        "## Spread",
        "",
        "Standard deviation over seeds after the larger budget, and seeds.",
        "",
    ]
    lines += _row("engine", *problems)
    lines += _row(*["---"] * (len(problems) + 1))
    for contestant in CONTESTANTS:
        cells = [
            f"{t[contestant][:, -1].std():.3f} ({len(t[contestant])})" if contestant in t else ""
            for t in by_problem.values()
        ]
        if any(cells):
            lines += _row(contestant, *cells)
    return "\n".join([*lines, "", *_conditions(runs), ""])


def _row(*cells: str) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _bold(value: float | None, best: float) -> str:
    if value is None:
        return ""
    return f"**{value:.3f}**" if value > best - 5e-4 else f"{value:.3f}"


def _seconds(runs: Sequence[Mapping[str, Any]], budget: int) -> str:
    asks = [s for r in runs for s in r["seconds"][N_INITIAL:budget]]
    return f"{np.mean(asks):.3g}"


def _conditions(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    others: dict[str, set[str]] = {}
    for r in runs:
        for name, found in r["versions"].items():
            others.setdefault(name, set()).add(found)
    versions = {name: _version(name) for name in _PACKAGES}
    # Engines with PyTorch may have run elsewhere, beside other releases.
    versions |= {name: " and ".join(sorted(found)) for name, found in others.items()}
    return [
        "## Conditions",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}; one thread. "
        + ", ".join(f"{name} {v}" for name, v in versions.items())
        + ". CPU seconds are those of a shared machine.",
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--runs", type=Path, default=RUNS, help="file of finished runs")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--smoke", action="store_true", help="a few evaluations, only to see it run"
    )
    parser.add_argument("--no-report", action="store_true", help="only run")
    arguments = parser.parse_args(argv)
    n_iter = N_INITIAL + 2 if arguments.smoke else BUDGETS[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n_seeds = 1 if arguments.smoke else arguments.seeds
        study(arguments.engines, arguments.problems, n_seeds, n_iter, arguments.runs)
    if not arguments.no_report:
        arguments.output.write_text(report(list(read(arguments.runs))), encoding="utf-8")


if __name__ == "__main__":
    main()
