"""How many instructions the kernels of the core take: what a change is held against.

Clocks are noisy, above all on machines that others use; the number of instructions is the same
from run to run. ``python benches/instructions.py`` counts them with valgrind's callgrind on small
fixed inputs and compares with the table in benches/INSTRUCTIONS.md; it fails if one takes 2 % more
or less. ``--write`` writes the table anew, after a change that is meant.

Each kernel runs once, on one thread, with an instruction set that valgrind knows: AVX2, and the
baseline for fits. What is counted is the call into the core alone. Another compiler may give other
counts: the table says which one it was.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TABLE = Path(__file__).with_name("INSTRUCTIONS.md")
#: Counts that differ by a smaller share are the same: what the libraries of C do differs a little.
TOLERANCE = 0.02
#: Side of the square image, in pixels, distance of its atoms, and their standard deviation.
_SIDE, _PITCH, _SIGMA = 256, 14.0, 2.5
_SET = "avx2"
#: Fits are compiled to an encoding that older valgrinds do not know, unless for the baseline.
_SET_OF_PEAKS = "baseline"


class Kernel(NamedTuple):
    """One call into the core."""

    #: What the table calls it.
    name: str
    #: The function of the core, as valgrind finds it.
    function: str
    #: What counts are divided by, and its name.
    size: int
    unit: str
    run: Callable[[], Any]


def core() -> Any:
    """Load the compiled core alone: importing the package takes valgrind half a minute."""
    spec = importlib.util.find_spec("logstar")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("logstar is not installed: `pip install -e .` first.")
    for folder in map(Path, spec.submodule_search_locations):
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = folder / f"_core{suffix}"
            if path.exists():
                found = importlib.util.spec_from_file_location("_core", path)
                assert found is not None
                assert found.loader is not None
                module = importlib.util.module_from_spec(found)
                found.loader.exec_module(module)
                return module
    sys.exit("the core is not built: `pip install -e .` first.")


def ladder(sigmas: list[float]) -> list[Any]:
    """Kernels of scales, as the package makes them up to rounding."""
    scales = []
    for sigma in sigmas:
        x = np.arange(int(4 * sigma + 0.5), -1, -1.0)
        smooth = np.exp(-0.5 * (x / sigma) ** 2)
        smooth /= 2 * smooth.sum() - smooth[-1]
        second = (x**2 / sigma**4 - 1 / sigma**2) * smooth
        scales.append((smooth, second, smooth, second, sigma**2))
    return scales


def kernels(core: Any) -> list[Kernel]:
    """All that are counted, with their inputs."""
    rng = np.random.default_rng(5)
    axis = np.arange(_PITCH / 2, _SIDE, _PITCH)
    atoms = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    atoms = atoms + rng.uniform(-0.5, 0.5, atoms.shape)
    pixels = np.arange(_SIDE)
    profiles = np.exp(-((pixels - atoms[..., None]) ** 2) / (2 * _SIGMA**2))
    clean = np.einsum("ai,aj->ij", profiles[:, 0], profiles[:, 1])
    image = clean + 0.05 * rng.standard_normal(clean.shape)
    single = image.astype(np.float32)
    counts = rng.poisson(100 * clean + 5).astype(np.float64)
    few, many = ladder(list(np.linspace(1, 6, 10))), ladder(list(np.linspace(1, 30, 10)))
    # Each atom thrice, of other sizes and a little beside itself, as maxima of noisy images are.
    sizes = np.repeat([2.0, 3.0, 4.5], len(atoms))
    places = np.tile(atoms, (3, 1)) + rng.normal(0, 1.5, (3 * len(atoms), 2))
    blobs = np.column_stack([places, sizes, sizes])
    responses = rng.uniform(0.05, 0.5, len(blobs))
    n = len(atoms)
    starts = np.column_stack([atoms + rng.normal(0, 0.5, atoms.shape), np.full((n, 2), _SIGMA)])
    kinds, ghosts = np.zeros(n, np.uint32), np.zeros(n, bool)

    def candidates(name: str, picture: Any, scales: list[Any], least: float) -> Kernel:
        def run() -> Any:
            parts = [(0, len(scales))]
            return core.find_candidates_of_parts(picture, scales, parts, least, (0, 0), 1, _SET)

        return Kernel(name, "find_candidates_of_parts", image.size, "pixel", run)

    def peaks(name: str, picture: Any, *, poisson: bool, window: float | None) -> Kernel:
        def run() -> Any:
            edge, infinite = 0.6 * _PITCH, float("inf")
            return core.fit_peaks(
                picture, None, starts, kinds, ghosts, False, poisson, 5.0, infinite, False, edge,
                window, 40, 1e-3, 1, _SET_OF_PEAKS,
            )  # fmt: skip

        return Kernel(name, "fit_peaks", n, "atom", run)

    ranks = [image.size // 1000, image.size - image.size // 1000]
    return [
        candidates("candidates, sigma 1 to 6, float64", image, few, 0.03),
        candidates("candidates, sigma 1 to 6, float32", single, few, 0.03),
        candidates("candidates, sigma 1 to 30", image, many, 0.005),
        Kernel(
            "order statistics",
            "order_statistics",
            image.size,
            "pixel",
            lambda: core.order_statistics(single, ranks, 1, _SET),
        ),
        Kernel(
            "pruning by scale",
            "prune_by_scale",
            len(blobs),
            "blob",
            lambda: core.prune_by_scale(blobs, responses, 0.5, 1),
        ),
        Kernel(
            "pruning as scikit-image",
            "prune_compatible",
            len(blobs),
            "blob",
            lambda: core.prune_compatible(blobs, 0.5, 1),
        ),
        Kernel(
            "distance sums, 4 neighbours",
            "distance_sums",
            n,
            "atom",
            lambda: core.distance_sums(atoms, 4, 1, _SET),
        ),
        Kernel(
            "windows of 32 pixels",
            "extract_patches",
            n,
            "atom",
            lambda: core.extract_patches(single, atoms, 32, True, "reflect", "zscore", 1),
        ),
        peaks("peaks, together", image, poisson=False, window=None),
        peaks("peaks, together, by Poisson's law", counts, poisson=True, window=None),
        peaks("peaks, each alone", image, poisson=False, window=2.0),
    ]


def collected(said: str) -> int:
    """Instructions that callgrind says it has collected."""
    total = re.search(r"Collected : (\d+)", said)
    if total is None or int(total[1]) == 0:
        sys.exit(f"callgrind counted nothing:\n{said}")
    return int(total[1])


def count(kernel: Kernel) -> int:
    """Count the instructions of one kernel, in a process that calls nothing else of the core."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.exit(
            "valgrind is not installed, which counts instructions: `apt-get install valgrind`, "
            "or the package of that name of your system."
        )
    command = [
        valgrind,
        "--tool=callgrind",
        f"--callgrind-out-file={os.devnull}",
        f"--toggle-collect=*__pyfunction_{kernel.function}*",
        sys.executable,
        __file__,
        "--run",
        kernel.name,
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        sys.exit(f"valgrind failed:\n{done.stderr}")
    return collected(done.stderr)


def table(every: list[Kernel], counts: list[int]) -> str:
    """The counts as a table."""
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False)
    compiler = rust.stdout.strip() or "unknown compiler"
    image = f"an image of {_SIDE} x {_SIDE} pixels, one thread"
    lines = [
        "# Instructions of the kernels",
        "",
        "Written by `python benches/instructions.py --write`; without `--write` it compares.",
        "",
        f"{compiler}, {platform.machine()}, {_SET} and for peaks {_SET_OF_PEAKS}; {image}.",
        "",
        "| kernel | instructions | each |",
        "| :-- | --: | --: |",
    ]
    for kernel, total in zip(every, counts, strict=True):
        each = f"{total / kernel.size:,.0f} per {kernel.unit}"
        lines.append(f"| {kernel.name} | {total:,} | {each} |")
    return "\n".join(lines) + "\n"


def known(text: str) -> dict[str, int]:
    """Instructions by kernel, of a table."""
    rows = re.findall(r"^\| ([^|]+?) \| ([\d,]+) \|", text, re.MULTILINE)
    return {name: int(total.replace(",", "")) for name, total in rows}


def differences(every: list[Kernel], counts: list[int], before: dict[str, int]) -> list[str]:
    """What is not as the table says, as lines to print."""
    lines = []
    for kernel, total in zip(every, counts, strict=True):
        old = before.get(kernel.name)
        if old is None:
            lines.append(f"{kernel.name}: not in the table")
        elif abs(total / old - 1) > TOLERANCE:
            lines.append(f"{kernel.name}: {total:,} instructions, {100 * (total / old - 1):+.1f} %")
    gone = before.keys() - {kernel.name for kernel in every}
    return lines + [f"{name}: in the table, but not counted" for name in sorted(gone)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    args = parser.parse_args()
    every = kernels(core())
    if args.run:
        next(kernel for kernel in every if kernel.name == args.run).run()
        return
    counts = [count(kernel) for kernel in every]
    text = table(every, counts)
    print(text)
    if args.write:
        TABLE.write_text(text)
        return
    if not TABLE.exists():
        sys.exit(f"{TABLE.name} is not there: write it with --write.")
    wrong = differences(every, counts, known(TABLE.read_text()))
    if wrong:
        sys.exit("\n".join([f"other than {TABLE.name} says, by more than 2 %:", *wrong]))
    print(f"as {TABLE.name} says, within 2 %.")


if __name__ == "__main__":
    main()
