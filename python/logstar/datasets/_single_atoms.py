"""Single atoms without a lattice."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from logstar._validation import FloatArray, check_integer, check_real
from logstar.lattice._elements import atomic_number

from ._grains import LaidAtoms
from ._plane import Region
from ._rendering import CUTOFF

#: Places are drawn this often for each atom that is asked for before the space counts as full.
_TRIALS = 100


@dataclass(frozen=True, eq=False)
class SingleAtoms:
    """Atoms at random places, as heavy ones on a support.

    Parameters
    ----------
    n_atoms : int
        How many in the image. As many to the area lie around it and reach into it.
    min_distance : float
        None are nearer to each other than this, in pixels.
    region : Region, default=None
        Where they are. None is everywhere.
    sigma : float, default=2.0
        Standard deviation of an atom in pixels.
    brightness : float, default=1.0
        Mean height.
    spread : float, default=0.0
        Relative standard deviation of the heights, up to 0.3: atoms lie at different depths.
    species : str, default="Pt"
        The element; the kind of the atoms.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be, or so many do not fit.

    Examples
    --------
    >>> from logstar.datasets import AmorphousSupport, SingleAtoms, compose_scene
    >>> atoms = SingleAtoms(30, min_distance=8)
    >>> scene = compose_scene((200, 200), [atoms], support=AmorphousSupport(), random_state=0)
    >>> len(scene.positions), scene.lattice
    (30, None)
    """

    n_atoms: int
    min_distance: float
    region: Region | None = None
    _: KW_ONLY
    sigma: float = 2.0
    brightness: float = 1.0
    spread: float = 0.0
    species: str = "Pt"

    def __post_init__(self) -> None:
        check_integer(self.n_atoms, name="n_atoms", low=1)
        for name in ("min_distance", "sigma", "brightness"):
            check_real(getattr(self, name), name=name, low=0, low_included=False)
        check_real(self.spread, name="spread", low=0, high=0.3)
        atomic_number(self.species)
        if self.region is not None and not isinstance(self.region, Region):
            raise TypeError(f"region must be a Region or None, got {self.region!r}.")

    def lay(self, low: FloatArray, high: FloatArray, rng: np.random.Generator) -> LaidAtoms:
        """Lay out what is in a rectangle and what reaches into it.

        Parameters
        ----------
        low, high : ndarray of shape (2,)
            Corners of the rectangle, which belong to it.
        rng : Generator
            Draws places and heights.

        Returns
        -------
        atoms : LaidAtoms
            The first `n_atoms` are inside the rectangle, the others around it.
        """
        placing, shining = rng.spawn(2)
        margin = CUTOFF * self.sigma
        n_around = round(
            self.n_atoms * (float(np.prod(high - low + 2 * margin) / np.prod(high - low)) - 1)
        )
        points = np.empty((0, 2))
        for n, widened, is_around in ((self.n_atoms, 0.0, False), (n_around, margin, True)):
            points = self._place(points, n, (low, high), widened, placing, is_around=is_around)
        heights = self.brightness * (1 + self.spread * shining.normal(size=len(points)))
        kinds = np.full(len(points), self.species)
        # Three deviations at the most keep every atom visible.
        heights = heights.clip(self.brightness * (1 - 3 * self.spread), None)
        none_missing = np.zeros(len(points), dtype=np.bool_)
        return LaidAtoms(
            points,
            points,
            kinds,
            heights,
            none_missing,
            self.sigma,
            self.min_distance,
            np.inf,
            points,
        )

    def _place(
        self,
        taken: FloatArray,
        n: int,
        box: tuple[FloatArray, FloatArray],
        margin: float,
        rng: np.random.Generator,
        *,
        is_around: bool,
    ) -> FloatArray:
        """Add places inside a box, or around it within a margin, to those that are taken."""
        low, high = box
        points = list(taken)
        for _ in range(_TRIALS * n):
            if len(points) == len(taken) + n:
                break
            point = rng.uniform(low - margin, high + margin)
            if is_around and ((point >= low) & (point <= high)).all():
                continue
            if self.region is not None and not self.region.contains(point[None])[0]:
                continue
            if points and np.hypot(*(np.array(points) - point).T).min() < self.min_distance:
                continue
            points.append(point)
        if len(points) < len(taken) + n and not is_around:
            raise ValueError(
                f"n_atoms={n} do not fit {self.min_distance:g} px apart; ask for fewer, or for a "
                "smaller min_distance."
            )
        return np.array(points).reshape(-1, 2)
