"""Movies and images larger than memory: speed, memory, growth with size, and kills.

Run ``python benches/scale.py [movie | image | job | kills | cluster] [--folder DIR]``; without an
argument all of it, but images of 32,768 x 32,768 pixels only with ``--largest``. Each line is a
process of its own. Times are processor time, and so do not depend on what else the machine does;
the wall time beside them does. The folder needs 2.2 GB, with ``--largest`` 4.4.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _section import table

from logstar import Lattice, LoGStarDetector, find_atoms
from logstar.datasets import make_scene
from logstar.tuning import RunProgress, StackAtoms, detect_tiled, find_atoms_in_stack

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)
FRAME, N_FRAMES = (512, 512), (100, 400, 2000)
SIDES, LARGEST = (4096, 8192, 16384), 32768
JOB_SIDES = (8192, 16384)
#: Distinct frames of a movie; they are repeated.
N_DISTINCT = 50
N_KILLS = {"movie": 20, "image": 10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = {"movie": movies, "image": images, "job": jobs, "kills": kills, "cluster": cluster}
    parser.add_argument("what", nargs="*", default=list(parts))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--largest", action="store_true")
    parser.add_argument("--one", nargs=3, help="in a process of its own: kind, size, threads")
    args = parser.parse_args()
    if args.one:
        print(*_one(args.folder, args.one[0], int(args.one[1]), int(args.one[2])))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        folder = Path(place)
        for what in args.what:
            parts[what](folder, args)


def movies(folder: Path, _: argparse.Namespace) -> None:
    """Frames a second, and memory, from a memory-mapped npy to an hdf5."""
    rows = []
    for n_frames in N_FRAMES:
        make_movie(folder, n_frames)
        for n_threads in (1, 2):
            cpu, wall, peak = _measured(folder, "movie", n_frames, n_threads)
            rows.append([
                f"{n_frames} frames", str(n_threads), f"{1e3 * cpu / n_frames:.1f}",
                f"{n_frames / cpu:.0f}", f"{n_frames / wall:.0f}", f"{peak / 1e6:.0f}",
            ])  # fmt: skip
        _movie(folder, n_frames).unlink()
    names = ["512 x 512 px", "threads", "CPU ms/frame", "frames per CPU s", "frames/s", "peak MB"]
    print(table(names, rows), flush=True)


def images(folder: Path, args: argparse.Namespace) -> None:
    """Nanoseconds a pixel, and memory, from a memory-mapped npy."""
    rows = []
    for side in (*SIDES, LARGEST) if args.largest else SIDES:
        make_image(folder, side)
        kinds = ("memory", "image") if side < SIDES[-1] else ("image",)
        for kind in kinds:
            for n_threads in (1, 2):
                cpu, wall, peak = _measured(folder, kind, side, n_threads)
                name = f"{side} x {side}{', all in memory' if kind == 'memory' else ''}"
                rows.append([
                    name, str(n_threads), f"{1e9 * cpu / side**2:.1f}",
                    f"{1e-6 * side**2 / wall:.1f}", f"{peak / 1e6:.0f}",
                ])  # fmt: skip
        _image(folder, side).unlink()
    print(table(["px", "threads", "CPU ns/px", "Mpx/s", "peak MB"], rows), flush=True)


def jobs(folder: Path, args: argparse.Namespace) -> None:
    """The main job on a large image of a file: tuned on parts, found, refined, judged."""
    rows = []
    for side in (*JOB_SIDES, LARGEST) if args.largest else JOB_SIDES:
        make_image(folder, side)
        for kind in ("job", "refined job"):
            cpu, wall, peak = _measured(folder, kind, side, 2)
            name = f"{side} x {side}{', refined' if kind != 'job' else ''}"
            rows.append([
                name, f"{cpu:.1f}", f"{1e9 * cpu / side**2:.1f}", f"{1e-6 * side**2 / wall:.1f}",
                f"{peak / 1e6:.0f}",
            ])  # fmt: skip
        _image(folder, side).unlink()
    print(
        table(["find_atoms, 2 threads", "CPU s", "CPU ns/px", "Mpx/s", "peak MB"], rows), flush=True
    )


def cluster(folder: Path, _: argparse.Namespace) -> None:
    """Frames on the workers of a cluster, of which one is killed now and then."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an extra

    make_movie(folder, n_frames := 200)
    killed: list[int] = []
    with (
        LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as workers,
        Client(workers) as client,
    ):

        def tell(state: RunProgress) -> None:
            if state.n_done in {40, 90, 140}:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
                killed.append(state.n_done)

        options = {"lattice": CRYSTAL, "out": folder / "atoms.h5"}
        find_atoms_in_stack(_movie(folder, n_frames), **options, client=client, progress=tell)
    is_equal = _is_undisturbed(folder, "movie", n_frames)
    rows = [[f"movie of {n_frames} frames", str(len(killed)), "equal" if is_equal else "NOT"]]
    names = ["on 4 processes", "workers killed", "result beside an undisturbed one"]
    print(table(names, rows), flush=True)


def kills(folder: Path, _: argparse.Namespace) -> None:
    """Runs that are killed again and again, beside undisturbed ones."""
    rows = []
    make_movie(folder, n_frames := 600)
    # Long enough to be killed ten times before its end.
    make_image(folder, side := 8192)
    rng = np.random.default_rng(0)
    logs = {"movie": folder / "atoms.h5.running", "killable": folder / "checkpoint"}
    for kind, size in (("movie", n_frames), ("killable", side)):
        n_kills, n_done = N_KILLS["movie" if kind == "movie" else "image"], 0
        while n_done < n_kills:
            process = _started(folder, kind, size, 1)
            before = _size(logs[kind])
            # While it imports nothing is to be lost: not before it has written something new.
            while process.poll() is None and _size(logs[kind]) <= before:
                time.sleep(0.01)
            time.sleep(0.2 * rng.random())
            if process.poll() is not None:
                break
            process.kill()
            process.communicate()
            n_done += 1
        _started(folder, kind, size, 1).communicate()
        rows.append([kind, str(n_done), "equal" if _is_undisturbed(folder, kind, size) else "NOT"])
    print(table(["run", "kills", "result beside an undisturbed one"], rows), flush=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_undisturbed(folder: Path, kind: str, size: int) -> bool:
    if kind != "movie":
        expected = detect_tiled(_detector(), np.load(_image(folder, size), mmap_mode="r"), tile=256)
        return np.array_equal(np.load(folder / "found.npy"), expected)
    found = StackAtoms.load(folder / "atoms.h5")
    expected = find_atoms_in_stack(_movie(folder, size), lattice=CRYSTAL, n_jobs=2)
    return len(found) == len(expected) and all(
        np.array_equal(np.asarray(one), np.asarray(other))
        for one, other in zip(found, expected, strict=True)
    )


def _measured(folder: Path, kind: str, size: int, n_threads: int) -> tuple[float, float, float]:
    out, _ = _started(folder, kind, size, n_threads).communicate()
    cpu, wall, peak = map(float, out.split())
    return cpu, wall, peak


def _started(folder: Path, kind: str, size: int, n_threads: int) -> subprocess.Popen[str]:
    one = ["--one", kind, str(size), str(n_threads), "--folder", str(folder)]
    return subprocess.Popen([sys.executable, __file__, *one], stdout=subprocess.PIPE, text=True)


def _one(folder: Path, kind: str, size: int, n_threads: int) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory of one run, without imports."""
    cpu, wall = time.process_time(), time.perf_counter()
    if kind == "movie":
        find_atoms_in_stack(
            _movie(folder, size), lattice=CRYSTAL, n_jobs=n_threads, out=folder / "atoms.h5",
            resume=(folder / "atoms.h5.running").exists(),
        )  # fmt: skip
    elif kind == "image":
        detect_tiled(_detector(), np.load(_image(folder, size), mmap_mode="r"), n_jobs=n_threads)
    elif kind in {"job", "refined job"}:
        refine = None if kind == "job" else "window"
        find_atoms(_image(folder, size), lattice=CRYSTAL, refine=refine, n_jobs=n_threads)
    elif kind == "killable":
        array = np.load(_image(folder, size), mmap_mode="r")
        found = detect_tiled(_detector(), array, tile=256, checkpoint=folder / "checkpoint")
        np.save(folder / "found.npy", found)
    else:
        image = np.load(_image(folder, size))
        _detector().set_params(n_jobs=n_threads).fit(image).detect(image)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    # The peak of `getrusage` is the parent's in a process that was just started.
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))
    return cpu, wall, 1024 * float(line.split()[1])


def _detector() -> LoGStarDetector:
    return LoGStarDetector(1.5, 4.5, 10, 0.05, 0.2)


def _movie(folder: Path, n_frames: int) -> Path:
    return folder / f"movie{n_frames}.npy"


def _image(folder: Path, side: int) -> Path:
    return folder / f"image{side}.npy"


def make_movie(folder: Path, n_frames: int) -> None:
    clear = make_scene(CRYSTAL, FRAME, rotation=11, random_state=0).image
    rng = np.random.default_rng(0)
    path = _movie(folder, n_frames)
    frames = np.lib.format.open_memmap(path, "w+", np.float32, (n_frames, *FRAME))
    for i in range(n_frames):
        noise = 0.2 * rng.standard_normal(FRAME) if i < N_DISTINCT else 0.0
        frames[i] = clear + noise if i < N_DISTINCT else frames[i % N_DISTINCT]


def make_image(folder: Path, side: int) -> None:
    part = make_scene(CRYSTAL, (2048, 2048), rotation=11, noise=0.2, random_state=0).image
    whole = np.lib.format.open_memmap(_image(folder, side), "w+", np.float32, (side, side))
    for start in range(0, side, len(part)):
        # Amplitudes that vary: no two tiles are alike.
        amplitude = np.float32(1 + 0.1 * start / side)
        whole[start : start + len(part)] = amplitude * np.tile(part, (1, side // len(part)))


if __name__ == "__main__":
    main()
