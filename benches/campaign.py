"""Everything that could break the package, tried many times, and what came of it.

    python benches/campaign.py [--scale 0.05] [--only CLASS ...] [--files FOLDER] [--seed 0]

Prints a table: class | tried | crashes | hangs | wrong in silence | lost | other errors | ok. With
``--scale 1`` these are 40,000 trials and take hours. Each class is what a test or a fuzz of this
project does, in larger numbers and with other seeds:

arrays     hypothesis draws packed, unaligned, swapped and strided arrays (tests/test_any_array.py)
kernels    pathological inputs against brute force and scikit-image (benches/fuzz_kernels.py)
parameters absurd ones, and little memory (tests/test_absurd_parameters.py)
names      of files, adversarial ones (tests/cli/test_folders.py)
files      cut and flipped, through the reading process (benches/fuzz_files.py): small ones of each
           format that can be written, and those of a folder
kills      of searches that write a checkpoint, then resumed (tests/model_selection/kill_search.py)
torn       checkpoints: cut anywhere, or with a byte changed, then resumed
commands   killed at any moment, then resumed: each table as if nothing had happened

crashes    the process ended by a signal or an exit of its own
hangs      no answer in time
wrong      another result than there should be, and nothing was said
lost       what was written before is gone, or another result after resuming
other      an exception or a refusal that is not what the package promises; too much memory

Trials run in processes of their own, so that the campaign survives what it looks for. The exit
status is 1 if anything but ok came out; each such trial is named above the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import _root  # noqa: F401 - before the tests
import fuzz_files
import fuzz_kernels
import hypothesis
import numpy as np
import pytest

from logstar.io import EXTENSIONS
from tests import test_absurd_parameters, test_any_array
from tests.cli import test_folders
from tests.cli.common import NUMBERS, PITCH
from tests.conftest import atoms_image
from tests.io.files import WRITABLE, save_any
from tests.model_selection import kill_search

OUTCOMES = ("crashes", "hangs", "wrong", "lost", "other", "ok")
#: Outcome and words of a trial.
Trial = tuple[str, str]
#: Seconds that a trial may take; what looks for hangs has shorter limits of its own.
_SECONDS = 300.0
_REAL_FILES = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
#: Films of a trial of the command.
_N_FILMS = 4


def _property(test: Any, seed: int, report: Callable[[Trial], None], **fixed: Any) -> None:
    """Run a hypothesis test, with examples of another seed; each is a trial."""
    inner = test.hypothesis.inner_test

    def judged(*args: Any, **kwargs: Any) -> None:
        try:
            inner(*args, **kwargs)
        except AssertionError as error:
            report(("wrong", f"{test.__name__}, {fixed}, {args}, {kwargs}: {error}"))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            report(("other", f"{test.__name__}, {fixed}: {type(error).__name__}: {error}"))
        else:
            report(("ok", ""))

    test.hypothesis.inner_test = judged
    hypothesis.seed(seed)(test)(**fixed)


def arrays(n: int, seed: int, report: Callable[[Trial], None]) -> None:  # noqa: ARG001
    """A test of arrays in any layout, with as many examples as it has."""
    of_images = test_any_array.test_an_image_in_any_layout_is_its_contiguous_copy
    of_tables = test_any_array.test_a_table_in_any_layout_is_its_contiguous_copy
    tests = [
        *((of_images, {"name": name}) for name in sorted(test_any_array.OF_IMAGES)),
        *((of_tables, {"name": name}) for name in sorted({*test_any_array.OF_TABLES} - {"table"})),
        (test_any_array.test_the_core_reads_an_array_right_or_refuses_it, {}),
    ]
    test, fixed = tests[seed % len(tests)]
    _property(test, seed, report, **fixed)


def names(n: int, seed: int, report: Callable[[Trial], None]) -> None:  # noqa: ARG001
    """A test of names of files, with as many examples as it has."""
    if seed % 2:
        _property(test_folders.test_two_images_never_share_a_folder, seed, report)
        return
    factory = SimpleNamespace(mktemp=lambda name: Path(tempfile.mkdtemp(prefix=name)))
    _property(test_folders.test_every_folder_can_be_made, seed, report, tmp_path_factory=factory)


def kernels(n: int, seed: int, report: Callable[[Trial], None]) -> None:
    """Cases of the fuzz of kernels, of each family in turn."""
    meaning = {
        "equal": "ok", "refused": "ok", "wrong": "wrong", "slow": "hangs", "large": "other",
        "foreign": "other", "hang": "hangs", "crash": "crashes",
    }  # fmt: skip
    families = list(fuzz_kernels.FAMILIES)
    worker = fuzz_kernels.Worker()
    for i in range(n):
        result = worker(families[i % len(families)], 10_000 * seed + i)
        words = f"{result.family}:{result.seed} {result.outcome} {result.name} {result.words}"
        report((meaning[result.outcome], words))
    worker.stop()


def _judged(test: Callable[[], None]) -> Trial:
    """Run a test of absurd parameters, which tells by its failure what happened."""
    try:
        test()
    except pytest.fail.Exception as error:
        return ("hangs" if "hangs" in str(error) else "crashes"), str(error)
    except AssertionError as error:
        return "other", str(error)
    return "ok", ""


def parameters(n: int, seed: int, report: Callable[[Trial], None]) -> None:
    """Absurd numbers, one after the other, and between them little memory."""
    draw = random.Random(seed)
    absurd = list(test_absurd_parameters.ABSURD)
    for i in range(n):
        if i % 2:
            spare, size = round(2 ** draw.uniform(20, 28)), draw.choice([64, 400, 1_500])
            test = partial(
                test_absurd_parameters.test_little_memory_is_an_error_or_enough, spare, size
            )
            case = f"{spare} bytes to spare, {size} px"
        else:
            case = absurd[(seed * n + i) // 2 % len(absurd)]
            test = partial(test_absurd_parameters.test_no_number_ends_the_process, case)
        outcome, words = _judged(test)
        report((outcome, f"{case}: {words}"))


def files(
    n: int, seed: int, report: Callable[[Trial], None], *, folder: Path | None = None
) -> None:
    """Variants of one file: small ones of each format first, then those of the folder."""
    meaning = dict.fromkeys(fuzz_files.OUTCOMES, "ok") | {
        "wrong": "wrong", "foreign": "other", "hang": "hangs", "crash": "crashes",
    }  # fmt: skip
    given = sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []
    real = [path for path in given if path.suffix.lower() in EXTENSIONS]
    number = seed % (len(WRITABLE) + len(real))
    with tempfile.TemporaryDirectory() as made:
        if number < len(WRITABLE):
            pixels = np.random.default_rng(seed).integers(0, 60_000, (40, 50), dtype=np.uint16)
            source = save_any(Path(made) / f"image{WRITABLE[number]}", pixels)
        else:
            source = real[number - len(WRITABLE)]
        for result in fuzz_files.fuzz(source, n, 20.0, seed=seed):
            words = f"{source.name}, {result['done']}: {result['outcome']}, {result['words']}"
            report((meaning[result["outcome"]], words))


def kills(n: int, seed: int, report: Callable[[Trial], None]) -> None:
    """Searches that are killed up to three times, or that two processes write, then resumed."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        expected = kill_search.finish(Path(folder) / "undisturbed.jsonl")
        for i in range(n):
            checkpoint = Path(folder) / f"{i}.jsonl"
            if i % 4 == 3:
                wrong, found = kill_search.rival(checkpoint, draw)
            else:
                wrong = ""
                for _ in range(draw.randint(1, 3)):
                    kill_search.kill(checkpoint, draw)
                found = kill_search.finish(checkpoint)
            if found != expected or not expected:
                report(("lost", f"search {i} of seed {seed} resumed to another result"))
            else:
                report(("other" if wrong else "ok", wrong))


def torn(n: int, seed: int, report: Callable[[Trial], None]) -> None:
    """A checkpoint that is cut goes on to the same; one that is changed does so or is refused."""
    draw = random.Random(seed)
    kill_search.PAUSE = 0.0
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "search.jsonl"

        def resumed() -> str:
            return json.dumps(kill_search.search(checkpoint, engine="random"))

        expected = resumed()
        content = checkpoint.read_bytes()
        for i in range(n):
            place = draw.randrange(len(content))
            if i % 2:
                changed = bytearray(content)
                changed[place] ^= draw.randrange(1, 256)
                done = f"byte {place} of {len(content)} changed"
            else:
                changed, done = content[:place], f"cut to {place} of {len(content)} bytes"
            checkpoint.write_bytes(changed)
            outcome = "ok"
            try:
                if resumed() != expected:
                    outcome = "wrong" if i % 2 else "lost"
            except ValueError as error:
                # A file that was cut is as a crash leaves it: nothing to refuse.
                if not i % 2 or "checkpoint" not in str(error):
                    outcome, done = "other", f"{done}: {error}"
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                outcome, done = "other", f"{done}: {type(error).__name__}: {error}"
            report((outcome, done))


def commands(n: int, seed: int, report: Callable[[Trial], None]) -> None:
    """`logstar detect` on a few films, killed once or twice, then resumed."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        films = [Path(folder) / f"{i}.npy" for i in range(_N_FILMS)]
        for i, film in enumerate(films):
            np.save(film, atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05, seed=i)[0])

        def start(out: Path) -> subprocess.Popen[bytes]:
            options = [*NUMBERS, "--n-iter", "2", "--no-plots", "--resume", "--out", str(out)]
            command = [sys.executable, "-m", "logstar", "detect", *map(str, films), *options]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def tables(out: Path) -> dict[str, bytes]:
            found = out.glob("*/positions.csv")
            return {path.parent.name: path.read_bytes() for path in found}

        start_of_undisturbed = time.monotonic()
        start(Path(folder) / "undisturbed").wait()
        took = time.monotonic() - start_of_undisturbed
        expected = tables(Path(folder) / "undisturbed")
        if len(expected) != _N_FILMS:
            report(("other", "the command found nothing, killed by nobody"))
            return
        for i in range(n):
            out = Path(folder) / f"out-{i}"
            torn_ones = []
            for _ in range(draw.randint(1, 2)):
                process = start(out)
                time.sleep(draw.uniform(0, took))
                process.kill()
                process.wait()
                torn_ones += [k for k, table in tables(out).items() if table != expected[k]]
            status = start(out).wait()
            if torn_ones or tables(out) != expected:
                report(("lost", f"kill {i} of seed {seed}: tables {torn_ones} were not whole"))
            else:
                report(("other" if status else "ok", f"exit status {status} after a kill"))


#: Trials at full scale, and those that one process tries before the next takes over.
CLASSES: dict[str, tuple[Callable[..., None], int, int]] = {
    "arrays": (arrays, 20_000, 60),
    "kernels": (kernels, 4_000, 400),
    "parameters": (parameters, 200, 40),
    "names": (names, 8_000, 100),
    "files": (files, 6_000, 150),
    "kills": (kills, 100, 25),
    "torn": (torn, 1_650, 150),
    "commands": (commands, 50, 10),
}


def _work(pipe: Any, run: Callable[..., None], n: int, seed: int, folder: str) -> None:
    # What is left over by a process that dies goes with the folder of the campaign.
    tempfile.tempdir = folder
    os.environ["TMPDIR"] = folder
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    run(n, seed, pipe.send)
    pipe.send(None)


def _batch(run: Callable[..., None], n: int, seed: int, folder: str) -> Iterator[Trial]:
    """Run trials in another process; yield what it reports, and how it ended if not by itself."""
    pipe, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=(theirs, run, n, seed, folder)
    )
    process.start()
    theirs.close()
    try:
        while pipe.poll(_SECONDS):
            trial = pipe.recv()
            if trial is None:
                return
            yield trial
        yield "hangs", f"seed {seed}: nothing after {_SECONDS:g} s"
    except EOFError:
        process.join()
        yield "crashes", f"seed {seed}: exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


def campaign(
    sizes: dict[str, int], *, seed: int = 0, folder: Path | None = None
) -> dict[str, Counter[str]]:
    """Try so many of each class; give the number of each outcome, and "seconds"."""
    found = {}
    for name, n_wanted in sizes.items():
        run, _, n_batch = CLASSES[name]
        if name == "files":
            run = partial(run, folder=folder)
            # So many of each file at least that a few headers are hit, and as many files as can be.
            n_batch = min(n_batch, max(10, n_wanted // 20))
        counts: Counter[str] = Counter()
        start = time.monotonic()
        number = seed
        with tempfile.TemporaryDirectory() as where:
            while (n_left := n_wanted - sum(counts.values())) > 0:
                for outcome, words in _batch(run, min(n_left, n_batch), number, where):
                    counts[outcome] += 1
                    if outcome != "ok":
                        print(f"{name}: {outcome}: {words}", flush=True)
                number += 1
        found[name] = counts
        counts["seconds"] = round(time.monotonic() - start)
        print(f"{name}: {n_wanted} in {counts['seconds']} s", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, Counter[str]]) -> str:
    """A row for each class, and their sum."""
    total = sum(found.values(), Counter())
    head = "".join(f"{name:>9}" for name in ("tried", *OUTCOMES))
    lines = [f"{'class':<12}{head}{'time':>9}"]
    for name, counts in [*found.items(), ("total", total)]:
        numbers = [sum(counts[outcome] for outcome in OUTCOMES), *(counts[o] for o in OUTCOMES)]
        row = "".join(f"{number:>9}" for number in numbers)
        lines.append(f"{name:<12}{row}{counts['seconds']:>7} s")
    return "\n".join(lines)


def main() -> int:
    """Run the campaign; exit with 1 if anything but ok came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.05, help="share of 40,000 trials")
    parser.add_argument("--only", nargs="+", choices=CLASSES, default=list(CLASSES))
    parser.add_argument("--files", type=Path, default=_REAL_FILES, help="folder of real files")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sizes = {name: max(1, round(args.scale * CLASSES[name][1])) for name in args.only}
    found = campaign(sizes, seed=args.seed, folder=args.files)
    print(table(found))
    return int(any(counts[name] for counts in found.values() for name in OUTCOMES[:-1]))


if __name__ == "__main__":
    sys.exit(main())
