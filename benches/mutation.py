"""Change single places of the package at random, and see which changes the tests notice.

    python benches/mutation.py [MODULE ...] [--sample 60] [--seconds 600] [--seed 0] [--jobs 2]

A module is named as under python/logstar: `lattice/_counting.py`, or `lattice` for all of a folder;
without any, all are sampled. A change replaces one comparison, sign, operation, constant, index,
boolean or condition by its neighbour (`<` by `<=`, `and` by `or`, 1 by 2, `[row, col]` by
`[col, row]`). It is made in a copy of the package in a temporary folder, where the tests that
mirror the module run until the first fails: `tests/lattice/test_counting.py`; those that cover it
together with others; or if there are none, those that name what the module defines. The same seed
gives the same changes in the same sources.

caught      a test failed, or nothing could be imported, or the tests took ten times as long
equivalent  survived, and `mutation_equivalents.txt` says why no test can notice it
survivors   survived: named below the table, with what was replaced

Modules whose tests take longer than `--longest` seconds are left out and named. The exit status is
1 if anything survived.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import json
import multiprocessing
import multiprocessing.connection
import os
import py_compile
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EQUIVALENTS = Path(__file__).with_name("mutation_equivalents.txt")
OUTCOMES = ("caught", "equivalent", "survived")
#: How many times as long as unchanged sources tests may take, and seconds more, before they hang.
_MOST_TIMES, _MORE_SECONDS = 10.0, 5.0
#: What stands for an exit code where time was up, and where another package was tested.
_LATE, _ELSEWHERE = -1, 99
#: Address space of a run; a changed constant may ask for any amount.
_ADDRESS_SPACE = 8 * 2**30

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATIONS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip
_NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor",
    "minimum": "maximum", "maximum": "minimum", "argmin": "argmax", "argmax": "argmin",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One place of a module, and what stands there instead."""

    module: str
    line: int
    #: The function or class around it.
    place: str
    old: str
    new: str
    #: The bytes of the source that are replaced.
    start: int
    end: int

    @property
    def key(self) -> tuple[str, ...]:
        """What names it in the list of equivalents: no line number, which edits move."""
        return self.module, self.place, self.old, self.new

    def apply(self, source: bytes) -> bytes:
        """The source with the change made; in brackets, so that precedence stays."""
        return source[: self.start] + f"({self.new})".encode() + source[self.end :]


def _replacements(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what may stand in an expression's place."""
    match node:
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [_COMPARISONS[type(op)]()], node.comparators)
        case ast.BinOp(op=op) if type(op) in _OPERATIONS:
            yield ast.BinOp(node.left, _OPERATIONS[type(op)](), node.right)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield node.operand
        case ast.BoolOp(op=op):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), node.values)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(1.25 * value if value else 1.0)
        case ast.Subscript(slice=ast.Tuple(elts=[first, second])):
            swapped = ast.Tuple([second, first], ast.Load())
            yield ast.Subscript(node.value, swapped, node.ctx)
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield ast.Call(ast.Name(_NAMES[name]), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(attr=name)) if name in _NAMES:
            function = ast.Attribute(node.func.value, _NAMES[name])
            yield ast.Call(function, node.args, node.keywords)


class _Finder(ast.NodeVisitor):
    """Collects the changes of a module; types, messages and docstrings are not changed."""

    def __init__(self, module: str, source: bytes) -> None:
        self._module, self._source = module, source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._place: list[str] = []
        self.changes: list[Change] = []

    def _offset(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self._place.append(node.name)
            self._visit_parts(node)
            self._place.pop()
        else:
            self._visit_parts(node)

    def _visit_parts(self, node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        stands = not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        for new in _replacements(node) if stands else ():
            self._add(node, new)
        if isinstance(node, ast.If | ast.IfExp):
            self._add(node.test, ast.UnaryOp(ast.Not(), node.test))
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "type_params"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)

    def _add(self, node: Any, new: ast.expr) -> None:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno, node.end_col_offset)
        texts = ast.unparse(node), ast.unparse(ast.fix_missing_locations(new))
        if texts[0] == texts[1]:
            return
        place = ".".join(self._place) or "module"
        self.changes.append(Change(self._module, node.lineno, place, *texts, start, end))


def changes_of(module: str, source: bytes) -> list[Change]:
    """Every change of a module, in the order of its lines."""
    finder = _Finder(module, source)
    finder.visit(ast.parse(source))
    return finder.changes


def _dotted(module: str) -> str:
    parts = ["logstar", *Path(module).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(package: Path) -> dict[str, set[str]]:
    """For each module, the modules of the package that it imports."""
    modules = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    by_name = {_dotted(module): module for module in modules}
    found: dict[str, set[str]] = defaultdict(set)
    for module, path in modules.items():
        room = ["logstar", *Path(module).parts[:-1]]
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.ImportFrom):
                continue
            above = room[: len(room) - node.level + 1] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            names = [name, *(f"{name}.{alias.name}" for alias in node.names)]
            found[module].update(by_name[name] for name in names if name in by_name)
    return found


def tests_of(module: str, imports: dict[str, set[str]]) -> list[str]:
    """Give the files of tests that a change of a module should fail.

    The file that mirrors it and those that cover it together with others; if there are none, those
    of its room that name a function or class which it alone defines; else those of the modules of
    the room that import it.
    """
    near, seen = {module}, {module}
    while near:
        found = {test for name in near for test in _mirrors(name)}
        found = found or {test for name in near for test in _naming(name)}
        if found:
            return sorted(found)
        users = {user for user, used in imports.items() if used & near and "__init__" not in user}
        near = {user for user in users if Path(user).parts[0] == Path(module).parts[0]} - seen
        seen |= near
    return []


@cache
def _together() -> dict[str, list[str]]:
    """Files of tests that cover several modules, as the test of the sources lists them."""
    tree = ast.parse((ROOT / "tests/test_architecture.py").read_bytes())
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TESTED_TOGETHER"
    ]
    found: dict[str, list[str]] = ast.literal_eval(table)
    return found


def _mirrors(module: str) -> list[str]:
    path = Path(module)
    test = Path("tests") / path.parent / f"test_{path.stem.lstrip('_')}.py"
    others = [f"tests/{name}" for name, modules in _together().items() if module in modules]
    return [*([test.as_posix()] if (ROOT / test).is_file() else []), *others]


@cache
def _definitions() -> dict[str, set[str]]:
    """The modules that define a function or class, by its name."""
    package = ROOT / "python/logstar"
    found: dict[str, set[str]] = defaultdict(set)
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name].add(path.relative_to(package).as_posix())
    return found


def _naming(module: str) -> list[str]:
    path = Path(module)
    defined = [name for name, modules in _definitions().items() if modules == {module}]
    if not defined:
        return []
    word = re.compile(rf"\b({'|'.join(defined)})\b")
    folder = ROOT / "tests" / path.parts[0]
    tests = folder.rglob("test_*.py") if folder.is_dir() else (ROOT / "tests").glob("test_*.py")
    return [
        test.relative_to(ROOT).as_posix()
        for test in tests
        if word.search(test.read_text(encoding="utf-8"))
    ]


def equivalents() -> dict[tuple[str, ...], str]:
    """What no test can notice, and why."""
    lines = EQUIVALENTS.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {tuple(row[:-1]): row[-1] for row in rows}


def _copy(folder: Path) -> Path:
    """Copy all that tests need; compiled files know their sources by content, not by time."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("python", "tests", "benches"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(folder / "python", quiet=2, invalidation_mode=mode)
    return folder


def _test(folder: Path, tests: Iterable[str]) -> None:
    """Run tests of a copy in this process, which was forked for it, and end it."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    # Whoever forked this process may have imported the package from elsewhere.
    for name in [name for name in sys.modules if name.split(".")[0] in {"logstar", "tests"}]:
        del sys.modules[name]
    sys.path.insert(0, str(folder / "python"))
    os.environ |= {"PYTHONPATH": str(folder / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    import pytest  # noqa: PLC0415 - already imported by the process that forks

    # The plug-ins are imported already.
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *quiet, *tests])
    package = sys.modules.get("logstar")
    if package is not None and not str(package.__file__).startswith(str(folder)):
        code = _ELSEWHERE
    sys.stdout.flush()
    os._exit(int(code))


class _Run:
    """A run of tests in a process of its own."""

    def __init__(
        self, folder: Path, tests: Iterable[str], seconds: float, change: Change | None
    ) -> None:
        self.folder, self.change = folder, change
        self._path = None if change is None else folder / "python/logstar" / change.module
        if change is not None:
            self._source = self._path.read_bytes()
            self._path.write_bytes(change.apply(self._source))
        self.process = multiprocessing.get_context("fork").Process(
            target=_test, args=(folder, tests)
        )
        self.started = time.monotonic()
        self.end = self.started + seconds
        self.process.start()

    def ended(self) -> int | None:
        """Exit code of pytest, or that time was up; None while it runs."""
        if self.process.is_alive() and time.monotonic() < self.end:
            return None
        is_late = self.process.is_alive()
        if is_late:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.seconds = time.monotonic() - self.started
        if self._path is not None:
            self._path.write_bytes(self._source)
        return _LATE if is_late else self.process.exitcode

    def log(self) -> str:
        """What pytest printed last."""
        return (self.folder / "log.txt").read_text(errors="replace")[-2000:]


def _preload() -> None:
    """Import what tests import but the package, once; each run is a fork of this process."""
    import hypothesis.extra.numpy  # noqa: F401, PLC0415
    import matplotlib.figure  # noqa: F401, PLC0415
    import pytest  # noqa: F401, PLC0415
    import scipy.ndimage  # noqa: PLC0415
    import scipy.optimize  # noqa: PLC0415
    import scipy.spatial  # noqa: F401, PLC0415
    import sklearn.mixture  # noqa: PLC0415
    import sklearn.model_selection  # noqa: F401, PLC0415


def sample(modules: list[str], n_changes: int, seed: int) -> list[Change]:
    """Draw changes of modules, each of all their changes as likely as any."""
    package = ROOT / "python/logstar"
    everything = [
        change
        for module in modules
        for change in changes_of(module, (package / module).read_bytes())
    ]
    return random.Random(seed).sample(everything, min(n_changes, len(everything)))


class _Lab:
    """Runs changes in copies of the package, each set of tests first without any change."""

    def __init__(self, changes: list[Change], folders: list[Path], longest: float) -> None:
        imports = imports_of(ROOT / "python/logstar")
        self._tests = {change.module: tuple(tests_of(change.module, imports)) for change in changes}
        self.left_out = {module: "no tests" for module, tests in self._tests.items() if not tests}
        self._waiting = list(changes)
        self._free, self._longest = folders, longest
        self._equivalents = equivalents()
        #: Seconds that tests take without a change; None while they are measured.
        self._usual: dict[tuple[str, ...], float | None] = {}
        self.runs: list[tuple[_Run, tuple[str, ...]]] = []
        self.results: list[tuple[Change, str]] = []

    def start(self) -> None:
        """Use the copies that are free, in the order in which changes were drawn."""
        for change in list(self._waiting):
            if not self._free:
                return
            tests = self._tests[change.module]
            if change.module in self.left_out:
                self._waiting.remove(change)
            elif tests not in self._usual:
                self._usual[tests] = None
                self.runs.append((_Run(self._free.pop(), tests, self._longest, None), tests))
            elif (usual := self._usual[tests]) is not None:
                self._waiting.remove(change)
                limit = _MOST_TIMES * usual + _MORE_SECONDS
                self.runs.append((_Run(self._free.pop(), tests, limit, change), tests))

    def collect(self) -> None:
        """Wait a while, and note what has ended."""
        multiprocessing.connection.wait([run.process.sentinel for run, _ in self.runs], timeout=1.0)
        for run, tests in list(self.runs):
            code = run.ended()
            if code is None:
                continue
            self.runs.remove((run, tests))
            self._free.append(run.folder)
            if code == _ELSEWHERE:
                raise RuntimeError(f"{tests} did not import the copy in {run.folder}.")
            if run.change is not None:
                outcome = "caught" if code else "survived"
                if not code and run.change.key in self._equivalents:
                    outcome = "equivalent"
                self.results.append((run.change, outcome))
                _tell(run.change, outcome, run.seconds)
            elif code:
                why = "tests take too long" if code == _LATE else "tests fail as they are"
                self.left_out |= {m: why for m, found in self._tests.items() if found == tests}
                print(f"left out: {' '.join(tests)}: {why}\n{run.log()}", flush=True)
            else:
                self._usual[tests] = run.seconds


def mutate(
    changes: list[Change], *, seconds: float, longest: float, n_jobs: int
) -> tuple[list[tuple[Change, str]], dict[str, str]]:
    """Try changes until time is up; give each one's outcome, and why modules were left out."""
    _preload()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as where:
        lab = _Lab(changes, [_copy(Path(where) / str(i)) for i in range(n_jobs)], longest)
        lab.start()
        while lab.runs:
            lab.collect()
            if time.monotonic() < end:
                lab.start()
    return lab.results, lab.left_out


def _tell(change: Change, outcome: str, seconds: float) -> None:
    print(
        f"{outcome:<11}{seconds:>6.1f} s  {change.module}:{change.line} ({change.place})  "
        f"{change.old}  ->  {change.new}",
        flush=True,
    )


def table(results: list[tuple[Change, str]], left_out: dict[str, str]) -> str:
    """Outcomes by module, then what survived."""
    counts = {module: Counter[str]() for module in sorted({c.module for c, _ in results})}
    for change, outcome in results:
        counts[change.module][outcome] += 1
    lines = [f"{'module':<42}{'sampled':>10}" + "".join(f"{name:>12}" for name in OUTCOMES)]
    for module, count in [*counts.items(), ("total", sum(counts.values(), Counter()))]:
        row = "".join(f"{count[name]:>12}" for name in OUTCOMES)
        lines.append(f"{module:<42}{count.total():>10}{row}")
    lines += [f"left out: {module}: {why}" for module, why in sorted(left_out.items())]
    for change, outcome in results:
        if outcome == "survived":
            lines.append("\t".join([*change.key, f"line {change.line}"]))
    return "\n".join(lines)


def expand(names: list[str]) -> list[str]:
    """Modules by name or folder; all without any."""
    package = ROOT / "python/logstar"
    paths = [package / name for name in names] or [package]
    found = [
        path for given in paths for path in ([given] if given.is_file() else given.rglob("*.py"))
    ]
    return sorted({path.relative_to(package).as_posix() for path in found})


def main() -> int:
    """Sample, run, print; exit with 1 if anything survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=60, help="number of changes")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--longest", type=float, default=60.0, help="that a module's tests take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every change's outcome")
    args = parser.parse_args()
    changes = sample(expand(args.modules), args.sample, args.seed)
    results, left_out = mutate(
        changes, seconds=args.seconds, longest=args.longest, n_jobs=args.jobs
    )
    print(f"\n{table(results, left_out)}")
    if args.json:
        rows = [[*change.key, change.line, outcome] for change, outcome in results]
        args.json.write_text(json.dumps(rows, indent=1))
    return int(any(outcome == "survived" for _, outcome in results))


if __name__ == "__main__":
    sys.exit(main())
