"""False atoms per million pixels at a nominal rate of one, by kind of noise.

Run ``python benches/significance.py [n_images] [kind ...]``; images have 512 x 512 pixels. The size
of atoms is estimated on each image, as `AtomFinder(lattice=None)` does.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np

from logstar.detection import SignificanceDetector
from logstar.exceptions import NoAtomsWarning

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.detection.noises import KINDS, noise_image

_SHAPE = (512, 512)


def false_atoms(kind: str, seed: int) -> int:
    """Significant atoms in one image of noise."""
    image = noise_image(kind, _SHAPE, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        return len(SignificanceDetector().fit_predict(image))


def main() -> None:
    n_images = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    area = n_images * _SHAPE[0] * _SHAPE[1] / 1e6
    for kind in sys.argv[2:] or KINDS:
        start = time.perf_counter()
        # Kinds that are made of white noise are to be made of different noise.
        seeds = 1000 * (1 + KINDS.index(kind)) + np.arange(n_images)
        counts = [false_atoms(kind, int(seed)) for seed in seeds]
        print(
            f"{kind:16}{sum(counts) / area:6.2f} per Mpx ({sum(counts)} in {area:.1f} Mpx, at "
            f"most {max(counts)} an image, {(time.perf_counter() - start) / n_images:.2f} s each)",
            flush=True,
        )


if __name__ == "__main__":
    main()
