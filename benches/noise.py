"""Lattices and atoms that are found in noise: none should be.

Run ``python benches/noise.py [n_images] [--denoise auto] [kind ...]``; images are of 256 x 256 px.
`find_atoms` is told nothing but the polarity, with ``lattice="auto"``; where it finds no lattice it
refuses the image. Then single atoms are looked for, with ``lattice=None``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from logstar.exceptions import NotOneLatticeError
from logstar.tuning import AtomFinder

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.detection.noises import KINDS, noise_image

_SHAPE = (256, 256)
_FIVE = ("white", "smooth", "1/f", "poisson-0.3", "row-offset")


def found_in(image: np.ndarray, denoise: str) -> tuple[bool, str, int]:
    """Whether a lattice is found in an image, the verdict of that, and how many single atoms."""
    single = len(AtomFinder(None, refine=None).fit(image).atoms_)
    try:
        finder = AtomFinder("auto", denoise=denoise, refine=None).fit(image)
    except NotOneLatticeError:
        return False, "refused", single
    return True, finder.verdict_.status, single


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_images", type=int, nargs="?", default=100)
    parser.add_argument("kinds", nargs="*", default=_FIVE, metavar=f"{{{','.join(KINDS)}}}")
    parser.add_argument("--denoise", choices=["none", "auto"], default="none")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    area = args.n_images * _SHAPE[0] * _SHAPE[1] / 1e6
    for kind in args.kinds:
        start = time.process_time()
        # Kinds that are made of white noise are to be made of different noise.
        seeds = 1000 * (1 + KINDS.index(kind)) + np.arange(args.n_images)
        found = [found_in(noise_image(kind, _SHAPE, int(seed)), args.denoise) for seed in seeds]
        n_atoms = sum(single for *_, single in found)
        print(
            f"{kind:12}{sum(is_found for is_found, *_ in found)} lattices in {args.n_images} "
            f"images, {sum(status == 'ok' for _, status, _ in found)} of them ok; {n_atoms} single "
            f"atoms, {n_atoms / area:.2f} per Mpx; "
            f"{(time.process_time() - start) / args.n_images:.2f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main()
