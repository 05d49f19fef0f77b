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
from _search_problems import PROBLEMS, Problem
from numpy.typing import NDArray

from logstar.model_selection._engines import make_engine
from logstar.model_selection._spaces import SearchSpace
from logstar.pareto import hypervolume, is_non_dominated

FloatArray = NDArray[np.float64]

_HERE = Path(__file__).parent
RUNS = _HERE / ".search_runs.jsonl"
RESULTS = _HERE / "SEARCH_RESULTS.md"
N_INITIAL = 10
BUDGETS = (40, 80)
N_SEEDS = 5
#: How far beyond the nadir of the known front hypervolumes end, as a share of the front's extent.
_MARGIN = 0.1
#: Packages whose versions the report names, besides the engines' own.
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


def shares(
    problem: Problem, runs: Sequence[Mapping[str, Any]], budgets: Sequence[int]
) -> dict[str, FloatArray]:
    """Hypervolumes as a share of the best known, shape (n_seeds, n_budgets), of each contestant.

    NaN where a run ended before the budget.
    """
    known = problem.known_front()
    known = np.unique(known[is_non_dominated(known)], axis=0)
    extent = np.ptp(known, axis=0)
    corner = known.max(axis=0) + _MARGIN * np.where(extent > 0, extent, 1.0)
    tables = [_table(r["losses"], problem.n_objectives) for r in runs]
    best = hypervolume(np.vstack([known, *tables]), corner)
    found: dict[str, list[list[float]]] = {}
    for r, table in zip(runs, tables, strict=True):
        values = [
            hypervolume(table[:n], corner) / best if len(table) >= n else np.nan for n in budgets
        ]
        found.setdefault(r["contestant"], []).append(values)
    return {name: np.array(values) for name, values in found.items()}


def _table(losses: Sequence[Sequence[float] | None], n_objectives: int) -> FloatArray:
    return np.array([[np.inf] * n_objectives if row is None else row for row in losses])


def report(runs: Sequence[Mapping[str, Any]], budgets: Sequence[int] = BUDGETS) -> str:
    """Write the tables."""
    problems = [name for name in PROBLEMS if any(r["problem"] == name for r in runs)]
    by_problem = {
        name: shares(PROBLEMS[name], [r for r in runs if r["problem"] == name], budgets)
        for name in problems
    }
    lines = [
        "# Engines of the search on equal budgets",
        "",
        (
            "Written by `python benches/search_engines.py`. Hypervolume as a share of the best "
            "known front's, up to its nadir and a tenth beyond; the best known front is that of "
            "formulas, of exact sweeps or of a grid, together with all that any engine evaluated. "
            f"Mean over {N_SEEDS} seeds, or as many as stand in brackets. All start from "
            f"{N_INITIAL} points, the same for all but random. The policies were first chosen on "
            "the problems without a star. When and how much is warped was then decided anew, "
            "because of what ZDT3 and DTLZ2 with three objectives had shown, on seeds 100 to 104 "
            "of these two, ZDT1, both LoG and GMM; figures of ZDT2 and VLMOP2 had been seen too. "
            "So no problem is one that was never looked at; the seeds below are others. The mean "
            "is given where an engine ran on all problems."
        ),
        "",
    ]
    for i, budget in reversed(list(enumerate(budgets))):
        lines += [f"## After {budget} evaluations", ""]
        heads = [f"{name}{'*' if PROBLEMS[name].held_out else ''}" for name in problems]
        lines += _row("engine", *heads, "mean", "worst lag", "CPU s an ask")
        lines += _row(*["---"] * (len(problems) + 4))
        tables = {
            name: {engine: t[np.isfinite(t[:, i]), i] for engine, t in by_problem[name].items()}
            for name in problems
        }
        best = {
            name: max((v.mean() for v in tables[name].values() if len(v)), default=np.nan)
            for name in problems
        }
        for contestant in CONTESTANTS:
            values = {
                name: table[contestant]
                for name, table in tables.items()
                if len(table.get(contestant, ()))
            }
            means = {name: float(v.mean()) for name, v in values.items()}
            if not means:
                continue
            complete = len(means) == len(problems)
            lag = max(best[name] - mean for name, mean in means.items())
            lines += _row(
                contestant,
                *[_cell(values.get(name), best[name]) for name in problems],
                f"{np.mean(list(means.values())):.3f}" if complete else "",
                f"{lag:.3f}",
                _seconds([r for r in runs if r["contestant"] == contestant], budget),
            )
        lines.append("")
    lines += [
        "## Spread",
        "",
        f"Standard deviation over seeds after {budgets[-1]} evaluations, and seeds.",
        "",
    ]
    lines += _row("engine", *problems)
    lines += _row(*["---"] * (len(problems) + 1))
    for contestant in CONTESTANTS:
        finished = [t[contestant][:, -1] if contestant in t else [] for t in by_problem.values()]
        kept = [[v for v in values if np.isfinite(v)] for values in finished]
        cells = [f"{np.std(values):.3f} ({len(values)})" if values else "" for values in kept]
        if any(cells):
            lines += _row(contestant, *cells)
    return "\n".join([*lines, "", *_conditions(runs), ""])


def _row(*cells: str) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _cell(values: FloatArray | None, best: float) -> str:
    if values is None:
        return ""
    mean = values.mean()
    n_seeds = f" ({len(values)})" if len(values) < N_SEEDS else ""
    return (f"**{mean:.3f}**" if mean > best - 5e-4 else f"{mean:.3f}") + n_seeds


def _seconds(runs: Sequence[Mapping[str, Any]], budget: int) -> str:
    finished = [r["seconds"] for r in runs if len(r["losses"]) >= budget]
    asks = [s for seconds in finished for s in seconds[N_INITIAL:budget]]
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
    parser.add_argument(
        "--budget", type=int, default=BUDGETS[-1], choices=BUDGETS, help="evaluations of a run"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="file of finished runs")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--smoke", action="store_true", help="a few evaluations, only to see it run"
    )
    parser.add_argument("--no-report", action="store_true", help="only run")
    arguments = parser.parse_args(argv)
    n_iter = N_INITIAL + 2 if arguments.smoke else arguments.budget
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n_seeds = 1 if arguments.smoke else arguments.seeds
        study(arguments.engines, arguments.problems, n_seeds, n_iter, arguments.runs)
    if not arguments.no_report:
        budgets = (n_iter,) if arguments.smoke else BUDGETS
        arguments.output.write_text(report(list(read(arguments.runs)), budgets), encoding="utf-8")


if __name__ == "__main__":
    main()
