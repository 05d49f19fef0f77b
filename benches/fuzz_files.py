"""Cut and flip bytes in image files: each variant must give an error of ours or a right answer.

    python benches/fuzz_files.py FOLDER [--variants 200] [--seconds 20] [--json FILE]

Half of the variants are cut off somewhere, half have 1 to 32 bytes flipped, every other one of
these near the beginning or the end, where headers are. Outcomes:

error        OSError or ValueError that names the file
same         the image and its calibration as they were
pixels       only pixels differ, at most one for each flipped byte: the format has no checksum
calibration  the pixel size differs, the image does not: a number was flipped, nothing tells
wrong        another image came back and nothing was said
foreign      an exception that is none of ours
hang         no answer within the time limit, half of which is the package's own for a read
crash        the process died (a signal)

Each reading process may take 4 GiB; what asks for more must come out as an error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from logstar.exceptions import ChoiceNeededError
from logstar.io import EXTENSIONS, read_image

OUTCOMES = ("error", "same", "pixels", "calibration", "wrong", "foreign", "hang", "crash")
#: Outcomes that are errors of ours.
BAD = ("wrong", "foreign", "hang", "crash")
_MEMORY = 4 * 2**30
_MOST_FLIPS = 32
_HEADER = 4096


def variants(content: bytes, n_variants: int, seed: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield (what was done, number of flipped bytes, content)."""
    rng = np.random.default_rng(seed)
    for i in range(n_variants):
        if i % 2 == 0:
            # The ends of the range are cuts that happen: nothing was written, the last block lost.
            length = 0 if i == 0 else int(len(content) * rng.random())
            yield f"cut to {length}", 0, content[:length]
            continue
        n_flips = int(rng.integers(1, _MOST_FLIPS + 1))
        if i % 4 == 1:
            places = rng.integers(0, len(content), n_flips)
        else:
            near = min(_HEADER, len(content))
            places = rng.integers(0, near, n_flips)
            if rng.random() < 0.5:
                places = len(content) - 1 - places
        changed = bytearray(content)
        for place in places:
            changed[place] ^= int(rng.integers(1, 256))
        yield f"flipped {sorted(places.tolist())}", n_flips, bytes(changed)


def judge(path: Path, reference: Any, n_flips: int, dataset: int | None) -> tuple[str, str]:
    """Read a variant; give the outcome and what was said."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_image(path, dataset=dataset)
        except (OSError, ValueError) as error:
            return ("error" if str(path) in str(error) else "foreign"), str(error)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return "foreign", f"{type(error).__name__}: {error}"
    if found.image.shape != reference.image.shape:
        return "wrong", f"shape {found.image.shape}"
    n_changed = int((found.image != reference.image).sum())
    if n_changed > n_flips:
        return "wrong", f"{n_changed} pixels differ"
    calibration = found.pixel_size
    if calibration != reference.pixel_size:
        return "calibration", f"{calibration}"
    return ("pixels" if n_changed else "same"), ""


def _work(pipe: Connection, source: Path, dataset: int | None, seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # What the package promises is to end a read after a time of its own.
    os.environ["LOGSTAR_READ_SECONDS"] = f"{seconds / 2:g}"
    reference = read_image(source, dataset=dataset)
    pipe.send(None)
    while True:
        path, n_flips = pipe.recv()
        pipe.send(judge(path, reference, n_flips, dataset))


class _Reader:
    """A process that reads, and is started again if it dies or hangs."""

    def __init__(self, source: Path, dataset: int | None, seconds: float) -> None:
        self._args = (source, dataset, seconds)
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(theirs, *self._args), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def __call__(self, path: Path, n_flips: int, seconds: float) -> tuple[str, str]:
        self._pipe.send((path, n_flips))
        try:
            if self._pipe.poll(seconds):
                answer: tuple[str, str] = self._pipe.recv()
                return answer
            outcome = ("hang", f"nothing after {seconds:g} s")
        except EOFError:
            self._process.join()
            outcome = ("crash", f"exit code {self._process.exitcode}")
        self.stop()
        self._start()
        return outcome

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def _dataset_of(source: Path) -> int | None:
    """The first image where a file has several, in one stack or in many."""
    try:
        read_image(source)
    except ChoiceNeededError:
        return 0
    return None


def fuzz(source: Path, n_variants: int, seconds: float, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Read variants of a file; yield a dict for each with what was done, the outcome and words."""
    content = source.read_bytes()
    reader = _Reader(source, _dataset_of(source), seconds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source.name
        for done, n_flips, changed in variants(content, n_variants, zlib.crc32(content, seed)):
            path.write_bytes(changed)
            start = time.perf_counter()
            outcome, words = reader(path, n_flips, seconds)
            took = round(time.perf_counter() - start, 3)
            yield {"done": done, "outcome": outcome, "words": words, "seconds": took}
    reader.stop()


def main() -> int:
    """Fuzz every image of a folder; exit with 1 if anything bad came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, help="write every variant's outcome")
    args = parser.parse_args()
    sources = sorted(p for p in args.folder.iterdir() if p.suffix.lower() in EXTENSIONS)
    everything, total = {}, Counter()
    print(f"{'file':<42}" + "".join(f"{name:>12}" for name in OUTCOMES) + f"{'slowest':>10}")
    for source in sources:
        results = everything[source.name] = list(fuzz(source, args.variants, args.seconds))
        counts = Counter(result["outcome"] for result in results)
        total += counts
        slowest = max(result["seconds"] for result in results)
        row = "".join(f"{counts[name]:>12}" for name in OUTCOMES)
        print(f"{source.name:<42}{row}{slowest:>8.2f} s", flush=True)
    print(f"{'total':<42}" + "".join(f"{total[name]:>12}" for name in OUTCOMES))
    if args.json:
        args.json.write_text(json.dumps(everything, indent=1))
    return int(any(total[name] for name in BAD))


if __name__ == "__main__":
    sys.exit(main())
