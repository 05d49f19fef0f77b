"""How long a run over many frames or a large image will take, and how much memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from logstar.io import ImageEntry

#: Side in pixels of the part of an image that is timed, and how often: the least time counts.
_PART, _TIMES = 512, 3
#: Tiles of a large image that are worked on at a time, how much their halos add to their pixels,
#: and bytes of memory for each atom with all its columns.
_TILES, _HALO, _BYTES_OF_ATOM = 2, 1.05, 280
#: Bytes of memory for each pixel that is worked on: the image, its scaled copy and the core's.
_BYTES = 16


class Estimate(NamedTuple):
    """What a run will take on this machine.

    Attributes
    ----------
    seconds : float
        With all threads, if nothing else runs, and with settings that are tuned already.
    n_threads : int
        Threads.
    n_bytes : float
        Most memory.
    seconds_per_frame : float
        Of one thread.
    """

    seconds: float
    n_threads: int
    n_bytes: float
    seconds_per_frame: float

    def __str__(self) -> str:
        threads = "thread" if self.n_threads == 1 else "threads"
        one = _duration(self.seconds_per_frame)
        return (
            f"about {_duration(self.seconds)} to find the atoms on {self.n_threads} {threads} (a "
            f"frame {one} on one, as timed here), {self.n_bytes / 1e6:.0f} MB of memory"
        )


def estimate(path: Path, entry: ImageEntry, channel: Any) -> Estimate | None:
    """Time a detector on a part of an image, and say what all of a data set will take.

    Parameters
    ----------
    path : Path
        The file.
    entry : ImageEntry
        Its data set.
    channel : int, "luminance" or None
        Of colours the channel.

    Returns
    -------
    estimate : Estimate or None
        None for a single image that is not large, and for one that needs a choice.
    """
    n_pixels = entry.shape[0] * entry.shape[1]
    from logstar.tuning._large_images import TILE, is_large  # noqa: PLC0415 - heavy

    if entry.n_frames == 1 and not is_large(entry.shape):
        return None
    from logstar import LoGStarDetector  # noqa: PLC0415
    from logstar._runtime import all_threads  # noqa: PLC0415
    from logstar.io import open_image  # noqa: PLC0415

    try:
        image = open_image(path, dataset=entry.dataset, channel=channel)
        rows, cols = (
            slice((n - min(n, _PART)) // 2, (n + min(n, _PART)) // 2) for n in image.shape
        )
        part = image[rows, cols]
        detector = LoGStarDetector().fit(part)
        seconds = min(_time(detector, part) for _ in range(_TIMES)) * n_pixels / part.size
    except ValueError:
        # Colours to choose from, or a part without content: there is nothing to time.
        return None
    n_threads = all_threads()
    n_bytes = _used()
    if entry.n_frames > 1:
        n_bytes += 2 * n_threads * _BYTES * n_pixels
    else:
        n_atoms = len(detector.detect([part])[0]) * n_pixels / part.size
        at_once = min(_TILES, n_threads) * min(n_pixels, _HALO * TILE**2)
        n_bytes += _BYTES * at_once + _BYTES_OF_ATOM * n_atoms
    total = seconds * entry.n_frames / n_threads
    return Estimate(total, n_threads, n_bytes, seconds)


def _time(detector: Any, part: np.ndarray[Any, Any]) -> float:
    start = time.process_time()
    detector.detect([part])
    return time.process_time() - start


def _used() -> float:
    """Bytes of memory that the program itself takes."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return 2e8
    import sys  # noqa: PLC0415

    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{1e3 * seconds:.2g} ms"
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
