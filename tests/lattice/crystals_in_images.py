"""Crystals as images show them: bent, turned, noisy, broken; with the true site of every atom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logstar.lattice import Column, Lattice

CRYSTALS = {
    "perovskite": Lattice.perovskite(3.905, pixel_size=0.2),
    "hexagonal": Lattice(14, 14, 120, columns=[Column("A", "Au", 0, 0)], pixel_size=None),
    "si110": Lattice(
        5.431,
        3.840,
        columns=[
            Column("Si", "Si", 0, 0),
            Column("Si", "Si", 0.25, 0),
            Column("Si", "Si", 0.5, 0.5),
            Column("Si", "Si", 0.75, 0.5),
        ],
        pixel_size=0.12,
    ),
    "ybco": Lattice.ybco(0.2),
}


@dataclass
class Crystal:
    lattice: Lattice
    positions: np.ndarray
    cells: np.ndarray
    columns: np.ndarray

    @property
    def kinds(self):
        return np.array([self.lattice.columns[column].kind for column in self.columns])

    def moved(self, positions):
        return Crystal(self.lattice, positions, self.cells, self.columns)

    def kept(self, keep):
        return Crystal(self.lattice, self.positions[keep], self.cells[keep], self.columns[keep])

    def noisy(self, noise, seed=0):
        """Displace each atom by this many nearest distances, rms along each axis."""
        draws = np.random.default_rng(seed).normal(size=self.positions.shape)
        return self.moved(self.positions + noise * self.lattice.nearest_distance * draws)


def crystal(name, side=300, rotation=0.0):
    """All columns of a square field, listed without the package's own functions for it."""
    lattice = CRYSTALS[name]
    turn = np.radians(rotation)
    angle = np.radians(lattice.angle)
    a, b = lattice.a, lattice.b
    pixel = 1 if lattice.pixel_size is None else lattice.pixel_size.value
    edges = np.array([[0, a], [b * np.sin(angle), b * np.cos(angle)]]) / pixel
    edges = edges @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    most = int(2 * side / min(a, b) * pixel) + 2
    places = np.array([[column.u, column.v] for column in lattice.columns])
    h, k, s = (
        x.ravel()
        for x in np.meshgrid(
            np.arange(-most, most), np.arange(-most, most), np.arange(len(places)), indexing="ij"
        )
    )
    cells = np.column_stack([h, k])
    positions = (cells + places[s]) @ edges
    inside = ((positions >= 0) & (positions < side)).all(axis=1)
    return Crystal(lattice, positions[inside], cells[inside], s[inside])


def share_right(indexer, truth):
    """Share of the atoms that are right in the first grain, up to the commonest translation."""
    places = np.array([[column.u, column.v] for column in truth.lattice.columns])
    found = indexer.indices_ + places[indexer.columns_]
    off = np.round(found - truth.cells - places[truth.columns], 6)[indexer.components_ == 0]
    _, counts = np.unique(off, axis=0, return_counts=True)
    return counts.max() / len(truth.positions)
