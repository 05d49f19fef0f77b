"""How much memory a detection takes beyond its image, in a process of its own.

As a script it is that process: ``python _memory.py ours image.npy`` prints the bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _pairs import Contestant
from _peers import BLOB_LOG_OPTIONS, our_blob_log, peer_blob_log
from numpy.typing import NDArray

from logstar import LoGStarDetector

STATUS = Path("/proc/self/status")
SIDES = ("ours", "scikit-image")
#: The detector of atoms, with settings that suit any image that it is asked about.
PREDICT = "predict"


def extra_bytes(side: str, image: NDArray[np.floating]) -> int | None:
    """Largest resident size during the call beyond that before it; None where /proc is missing."""
    if not STATUS.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.npy")
        np.save(path, image)
        command = [sys.executable, __file__, side, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


def _resident_peak() -> int:
    """VmHWM, as the peak of `getrusage` is the parent's in a process that was just started."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"{STATUS} has no line VmHWM.")


def _main(side: str, path: str) -> None:
    # Read, not computed: temporaries would raise the peak before the call, and hide that of it.
    image = np.load(path)

    def contestant(pixels: NDArray[np.floating]) -> Contestant:
        if side == PREDICT:
            detector = LoGStarDetector(2.5, 3.5, threshold=0.1, n_jobs=2).fit(pixels)
            return Contestant(PREDICT, lambda: detector.predict(pixels))
        if side == SIDES[0]:
            return our_blob_log(pixels, BLOB_LOG_OPTIONS, threads=2)
        return peer_blob_log(pixels, BLOB_LOG_OPTIONS)

    # A small image loads whatever is loaded lazily.
    contestant(image[:64, :64])()
    before = _resident_peak()
    contestant(image)()
    print(_resident_peak() - before)


if __name__ == "__main__":
    _main(*sys.argv[1:])
