"""Scenes that the shipped network learns from, and those that it is measured on.

It learns from random lattices of one to six columns a cell, in grains, particles and films, under
noise, dose, blur and drift, and from a third of scenes without any atom. What it is measured on are
crystals that it never saw.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar.datasets import (
    AmorphousSupport,
    Blob,
    Grain,
    Region,
    ScanDistortion,
    Scene,
    SingleAtoms,
    Streaks,
    compose_scene,
)
from logstar.lattice import Column, Lattice

FloatArray = NDArray[np.float64]

#: Which share of scenes has no atom.
EMPTY_SHARE = 1 / 3
#: Nearest distances of the scenes before they are scaled to what the network takes, in pixels.
SPACINGS = (5.0, 18.0)
#: Least nearest distance of the columns of a cell, by the root of the area that each has; without
#: wide atoms, and with them.
LEAST_NEAREST = {False: 0.55, True: 0.5}


class Sample(NamedTuple):
    """An image, its atoms and their least distance, by which the image is scaled."""

    image: FloatArray
    positions: FloatArray
    spacing: float


def draw(side: int, spacing: float, rng: np.random.Generator, *, wide: bool) -> Sample:
    """A scene of `side` pixels whose atoms are `spacing` pixels from their nearest neighbours.

    If `wide`, some have atoms so wide that neighbours nearly merge.
    """
    if rng.random() < EMPTY_SHARE:
        return Sample(_empty(side, rng), np.empty((0, 2)), spacing)
    return _with_atoms(side, spacing, rng, wide=wide)


def random_lattice(spacing: float, rng: np.random.Generator, *, wide: bool) -> Lattice:
    """One to six columns a cell, of any heights, none nearer than `spacing` pixels."""
    n_columns = int(rng.choice([1, 2, 3, 4, 6], p=[0.2, 0.25, 0.2, 0.2, 0.15]))
    if n_columns == 1 and rng.random() < 0.5:
        angle, ratio = (60.0, 1.0) if rng.random() < 0.5 else (90.0, 1.0)
    else:
        angle, ratio = float(rng.uniform(60, 120)), float(rng.uniform(0.6, 1.7))
    while True:
        places = np.vstack([np.zeros(2), rng.random((n_columns - 1, 2))])
        columns = [Column(f"s{i}", "Au", *place) for i, place in enumerate(places.tolist())]
        unscaled = Lattice(1.0, ratio, angle, columns=columns, pixel_size=None)
        nearest = unscaled.nearest_distance
        # Cells that are mostly void have no likeness among crystals.
        if nearest > LEAST_NEAREST[wide] * np.sqrt(unscaled.unit_cell_area / n_columns):
            scale = spacing / nearest
            return Lattice(scale, ratio * scale, angle, columns=columns, pixel_size=None)


def _with_atoms(side: int, spacing: float, rng: np.random.Generator, *, wide: bool) -> Sample:
    shape = (side, side)
    if rng.random() < 0.06:
        n_atoms = max(1, int(rng.uniform(0.05, 0.3) * (side / spacing) ** 2))
        parts: list[Grain | SingleAtoms] = [
            SingleAtoms(
                n_atoms,
                min_distance=spacing,
                sigma=spacing * rng.uniform(0.16, 0.26),
                spread=0.2,
            )
        ]
    else:
        parts = _grains(side, spacing, rng, wide=wide)
    support = AmorphousSupport(height=0.3, texture=rng.uniform(0, 0.12))
    tilt = rng.uniform(0, 0.6) * (rng.random() < 0.5)
    # Electrons can be counted only where there are no intensities below 0.
    counted = rng.random() < 0.35
    scene = compose_scene(
        shape,
        parts,
        support=support if rng.random() < 0.3 and not counted else None,
        contamination=_contamination(rng) if rng.random() < 0.25 else (),
        scan=_scan(side, rng) if rng.random() < 0.25 else None,
        background=0.1 + tilt + rng.uniform(0, 0.4),
        tilt=tilt,
        line_noise=rng.uniform(0, 0.1) * (rng.random() < 0.2 and not counted),
        dose=float(np.exp(rng.uniform(np.log(1.0), np.log(300)))) if counted else None,
        noise=rng.uniform(0, 0.7) if rng.random() < 0.8 else 0.0,
        random_state=rng,
    )
    return Sample(scene.image.astype(np.float64), scene.positions, spacing)


def _grains(
    side: int, spacing: float, rng: np.random.Generator, *, wide: bool
) -> list[Grain | SingleAtoms]:
    lattice = random_lattice(spacing, rng, wide=wide)
    heights = {kind: float(rng.uniform(0.25, 1.0)) for kind in lattice.kinds}
    grain = Grain(
        lattice,
        rotation=rng.uniform(0, 360),
        sigma=spacing * _width(rng, wide=wide),
        amplitudes=heights,
        jitter=spacing * rng.uniform(0, 0.05),
        vacancy_fraction=rng.choice([0, 0.02, 0.1], p=[0.6, 0.3, 0.1]),
    )
    middle = tuple((rng.uniform(0.3, 0.7, size=2) * side).tolist())
    kind = rng.choice(
        ["full", "grains", "particle", "flake", "holes"], p=[0.4, 0.2, 0.15, 0.15, 0.1]
    )
    if kind == "full":
        return [grain]
    if kind == "grains":
        half = Region.half_plane(middle, rng.uniform(0, 360))
        other = replace(grain, region=~half, rotation=rng.uniform(0, 360), brightness=0.9)
        return [replace(grain, region=half), other]
    if kind == "particle":
        distances = side * rng.uniform(0.15, 0.35, size=6)
        body = Region.facetted(middle, distances, rng.uniform(0, 60) + 60 * np.arange(6))
        return [replace(grain, region=body, taper=0.1 * side)]
    if kind == "flake":
        return [replace(grain, region=Region.half_plane(middle, rng.uniform(0, 360)))]
    hole = Region.disc(middle, spacing * rng.uniform(1.5, 5))
    return [replace(grain, region=~hole)]


def _width(rng: np.random.Generator, *, wide: bool) -> float:
    """Sigma of atoms by their spacing."""
    if wide and rng.random() >= 0.6:
        # Pairs of atoms nearly merge, as the dumbbells of silicon do.
        return float(rng.uniform(0.28, 0.4))
    return float(rng.uniform(0.15, 0.28))


def _contamination(rng: np.random.Generator) -> tuple[Blob | Streaks, ...]:
    return (Blob(height=rng.uniform(0.3, 2)),) if rng.random() < 0.7 else (Streaks(),)


def _scan(side: int, rng: np.random.Generator) -> ScanDistortion:
    return ScanDistortion(
        drift=tuple((rng.uniform(-0.05, 0.05, size=2) * side).tolist()),
        bend=rng.uniform(0, 0.006) * side,
        row_jitter=rng.uniform(0, 0.5),
    )


def _empty(side: int, rng: np.random.Generator) -> FloatArray:
    """An image without any atom: noise of several kinds, films, contamination, steps."""
    shape = (side, side)
    exponent = 0.0 if rng.random() < 0.35 else rng.uniform(0, 1.5)
    image = colored_noise(shape, exponent, rng)
    if rng.random() < 0.4:
        image = ndimage.gaussian_filter(image, rng.uniform(0, 4))
        image /= image.std()
    if rng.random() < 0.3:
        film = AmorphousSupport(height=0.3, texture=rng.uniform(0.05, 0.2), grain=rng.uniform(1, 4))
        image = 0.1 * image * rng.uniform(0, 2) + film.render(shape, rng)
    if rng.random() < 0.3:
        image = image + rng.uniform(0.5, 6) * _contamination(rng)[0].render(shape, rng)
    if rng.random() < 0.2:
        counts = rng.poisson(np.exp(rng.uniform(np.log(0.3), np.log(50))), shape)
        image = image * rng.uniform(0, 0.2) + counts
    if rng.random() < 0.1:
        edge = int(rng.uniform(0.2, 0.8) * side)
        image[:, edge:] += rng.uniform(0, 3)
    return image


def colored_noise(shape: tuple[int, int], exponent: float, rng: np.random.Generator) -> FloatArray:
    """Noise whose amplitude falls with the frequency to this power, of standard deviation 1."""
    spectrum = np.fft.rfft2(rng.normal(size=shape))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1.0
    image = np.fft.irfft2(spectrum / frequency**exponent, s=shape)
    return np.asarray((image - image.mean()) / image.std())


HELD_OUT = {
    "ybco": lambda: Lattice.ybco(0.2),
    "sto": lambda: Lattice.perovskite(3.905, 0.2),
    "hexagonal": lambda: Lattice(2.5, 2.5, 120, columns=[Column("A", "Au", 0, 0)], pixel_size=0.2),
    "dumbbells": lambda: Lattice(
        3.84,
        5.43,
        columns=[
            Column("a1", "Si", 0, 0),
            Column("a2", "Si", 0, 0.25),
            Column("b1", "Si", 0.5, 0.5),
            Column("b2", "Si", 0.5, 0.75),
        ],
        pixel_size=0.12,
    ),
}


def held_out(kind: str, noise: float, seed: int, side: int = 384) -> Scene:
    """A crystal that the network never saw, under white noise."""
    rng = np.random.default_rng([seed, sorted(HELD_OUT).index(kind)])
    grain = Grain(HELD_OUT[kind](), rotation=rng.uniform(0, 90), jitter=0.2)
    return compose_scene((side, side), [grain], background=0.1, noise=noise, random_state=rng)
