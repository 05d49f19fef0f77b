"""Throw pathological inputs at the kernels and compare them with independent truth.

    python benches/fuzz_kernels.py [--seconds 300] [--seed 0] [--no-giants] [--json FILE]

Families:

sums    distance sums against brute force, at every point or at a sample of them
prune   pruning against scikit-image's loop, and by scale against the definition
sweep   candidate sets against pruning and summing anew at each setting
scale   `blob_log` against scikit-image, or its maxima against scikit-image's where their pairs
        would take too long, with every instruction set

Every case runs on one thread and on two, with equal results, and is named by its family and seed:
``--only FAMILY:SEED`` repeats it. Outcomes:

equal   as the truth
refused a ValueError, the same on every path
wrong   another result, or results that differ between threads or instruction sets
slow    more than a hundred times what a benign input of the size takes; where pairs have to be
        gone through, 40 million at most, 100 ns more for each
large   more memory than the limit for a case of the size
foreign an exception that is none of ours
hang    no answer within the time limit, in spite of the alarm
crash   the process died

Giants, a million candidates and more at threshold 0, are run last, each with limits of its own. A
table shows the slowest cases and the largest relative to a linear cost. Peak memory is reset
between cases through /proc; elsewhere it is not measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _fuzz_checks import FAMILIES, GIANTS, Check, WrongError

from logstar.detection._skimage._pair_order import _CHECKED_SIZES, _replay_holds

OUTCOMES = ("equal", "refused", "wrong", "slow", "large", "foreign", "hang", "crash")
#: Outcomes that must not be.
BAD = OUTCOMES[2:]
#: Greatest duration of a case, as a multiple of that of a benign input of the same size, once
#: `_OVERHEAD` seconds are taken off.
MOST_TIMES = 100.0
_OVERHEAD = 0.02
#: Seconds and bytes that each pair may take besides, where pairs have to be gone through.
_PAIR_SECONDS, _PAIR_BYTES = 100e-9, 50
#: Bytes that any case may take, and further bytes for each unit of its size.
_BYTES, _BYTES_A_UNIT = 64 * 2**20, 2_000
_ADDRESS_SPACE = 12 * 2**30
#: Processor time of a case, and of the truth that it is compared with.
_SECONDS, _TRUTH_SECONDS = 30.0, 60.0
_GIANT_SECONDS, _GIANT_BYTES = 60.0, 2.5e9


class Result(NamedTuple):
    """What became of a case; seconds and bytes are those of the measured call alone."""

    family: str
    seed: int
    name: str
    outcome: str
    words: str
    seconds: float
    times: float
    n_bytes: int
    #: Bytes that were taken, as a share of those that are allowed.
    share: float


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no line {field}.")


def _reset_peak() -> int | None:
    """Let the peak start at what is resident, and give that; None where it cannot be done."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _memory("VmRSS:")


def measure(run: Callable[[], Any]) -> tuple[Any, float, int]:
    """Give what a call returns, its seconds, and the bytes that it took at its peak."""
    before = _reset_peak()
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    return result, seconds, 0 if before is None else max(0, _memory("VmHWM:") - before)


class Judge:
    """Runs cases; what a unit of a family costs is measured on a benign input first."""

    def __init__(self) -> None:
        # Compared with real sets once in a process.
        for size in _CHECKED_SIZES:
            _replay_holds(size)
        self._unit_seconds = {name: self._reference(family) for name, family in FAMILIES.items()}

    @staticmethod
    def _reference(family: Callable[..., Check]) -> float:
        check = family(np.random.default_rng(0), benign=True)
        return min(measure(check.run)[1] for _ in range(5)) / check.units

    def __call__(self, family: str, seed: int) -> Result:
        check = FAMILIES[family](np.random.default_rng([seed, list(FAMILIES).index(family)]))
        outcome, words, seconds, n_bytes, times = "equal", "", 0.0, 0, 0.0
        allowed = _BYTES + _BYTES_A_UNIT * check.units + _PAIR_BYTES * check.pairs
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        try:
            result, seconds, n_bytes = measure(check.run)
            linear = self._unit_seconds[family] * check.units + _PAIR_SECONDS * check.pairs
            times = max(0.0, seconds - _OVERHEAD) / linear
            # The truth is found more slowly; that is no fault of what is measured.
            signal.setitimer(signal.ITIMER_PROF, _TRUTH_SECONDS)
            if not check.verify(result):
                outcome = "refused"
            if times > MOST_TIMES:
                outcome = "slow"
            elif n_bytes > allowed:
                outcome = "large"
        except WrongError as error:
            outcome, words = "wrong", str(error)
        except TimeoutError:
            outcome = "slow"
        except MemoryError:
            outcome = "large"
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            outcome, words = "foreign", f"{type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return Result(
            family, seed, check.name, outcome, words, seconds, times, n_bytes, n_bytes / allowed
        )

    @staticmethod
    def giant(name: str) -> Result:
        check = GIANTS[name]()
        outcome, words, seconds, n_bytes = "equal", "", 0.0, 0
        try:
            result, seconds, n_bytes = measure(check.run)
            if not check.verify(result):
                outcome, words = "refused", str(result)
            if seconds > _GIANT_SECONDS:
                outcome = "slow"
            elif n_bytes > _GIANT_BYTES:
                outcome = "large"
        except WrongError as error:
            outcome, words = "wrong", str(error)
        except MemoryError:
            outcome = "large"
        return Result(
            "giant", 0, name, outcome, words, seconds, 0.0, n_bytes, n_bytes / _GIANT_BYTES
        )


def _alarm(_signal: int, _frame: Any) -> None:
    raise TimeoutError


def _work(pipe: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    signal.signal(signal.SIGPROF, _alarm)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    judge = Judge()
    pipe.send(None)
    while True:
        family, seed = pipe.recv()
        pipe.send(judge.giant(seed) if family == "giant" else judge(family, seed))


class Worker:
    """A process that judges, and is started again if it dies or hangs."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def __call__(self, family: str, seed: Any) -> Result:
        self._pipe.send((family, seed))
        limit = 3 * _GIANT_SECONDS if family == "giant" else 2 * (_SECONDS + _TRUTH_SECONDS)
        try:
            if self._pipe.poll(limit):
                result: Result = self._pipe.recv()
                return result
            outcome, words = "hang", f"nothing after {limit:g} s"
        except EOFError:
            self._process.join()
            outcome, words = "crash", f"exit code {self._process.exitcode}"
        self.stop()
        self._start()
        name, number = (seed, 0) if family == "giant" else ("", seed)
        return Result(family, number, name, outcome, words, 0.0, 0.0, 0, 0.0)

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def fuzz(
    seconds: float, seed: int, *, most_cases: int | None = None, giants: bool = True
) -> list[Result]:
    """Run cases of all families in turn, up to a time or a number of each, then the giants."""
    results = []
    worker = Worker()
    end = time.monotonic() + seconds
    while time.monotonic() < end and (most_cases is None or len(results) < most_cases):
        for family in FAMILIES:
            result = worker(family, seed)
            results.append(result)
            if result.outcome in BAD:
                print(f"{family}:{seed} {result.outcome} ({result.name}) {result.words}")
        seed += 1
    for name in GIANTS if giants else ():
        result = worker("giant", name)
        results.append(result)
        print(
            f"{name:<60}{result.outcome:>8}{result.seconds:>9.2f} s{result.n_bytes / 1e6:>8.0f} MB"
            f"  {result.words}",
            flush=True,
        )
    worker.stop()
    return results


def table(results: list[Result], n_rows: int = 8) -> str:
    """Outcomes by family, then the slowest cases and the largest relative to a linear cost."""
    lines = [f"{'family':<8}" + "".join(f"{name:>9}" for name in OUTCOMES)]
    for family in [*FAMILIES, "giant"]:
        counts = Counter(result.outcome for result in results if result.family == family)
        lines.append(f"{family:<8}" + "".join(f"{counts[name]:>9}" for name in OUTCOMES))
    cases = [result for result in results if result.family != "giant"]

    def rows(title: str, key: Callable[[Result], float]) -> None:
        lines.append(f"\n{title}")
        for r in sorted(cases, key=key, reverse=True)[:n_rows]:
            case = f"{r.family}:{r.seed}"
            lines.append(
                f"{case:<14}{1e3 * r.seconds:>9.1f} ms{r.times:>7.1f}x{r.n_bytes / 1e6:>8.1f} MB"
                f"  {r.name}"
            )

    rows("slowest beside a benign input of the size", lambda r: r.times)
    rows("largest beside what is allowed", lambda r: r.share)
    return "\n".join(lines)


def main() -> int:
    """Fuzz; exit with 1 if anything bad came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--no-giants", action="store_true")
    parser.add_argument("--only", metavar="FAMILY:SEED", help="run a single case")
    parser.add_argument("--json", type=Path, help="write every case's outcome")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.only:
        family, seed = args.only.split(":")
        worker = Worker()
        results = [worker(family, int(seed))]
        worker.stop()
        print(results[0])
    else:
        results = fuzz(args.seconds, args.seed, giants=not args.no_giants)
        print(table(results))
    if args.json:
        args.json.write_text(json.dumps([result._asdict() for result in results], indent=1))
    return int(any(result.outcome in BAD for result in results))


if __name__ == "__main__":
    sys.exit(main())
