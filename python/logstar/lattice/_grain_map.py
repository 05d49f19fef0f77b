"""The grains of an image, and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, as_positions, check_integer

from ._image_lattice import ImageLattice
from ._misorientation import misorientation

#: Lattices that differ by more than this strain after the best rotation are of two phases: scans
#: shear one crystal by up to 0.1 or 0.15 differently in two orientations.
_SAME_PHASE = 0.2


@dataclass(frozen=True)
class GrainBoundary:
    """Where two grains meet.

    Parameters
    ----------
    grains : tuple of two int
        Their labels, the smaller first.
    length : float
        In pixels, to about a tenth.
    misorientation : float
        Smallest rotation that takes one lattice to the other, in degrees, up to their symmetries.
    strain : float
        What that rotation leaves of the difference of the two lattices: large for two phases.

    Examples
    --------
    >>> from logstar.lattice import GrainBoundary
    >>> GrainBoundary((1, 2), length=512.0, misorientation=25.0, strain=0.01).grains
    (1, 2)
    """

    grains: tuple[int, int]
    length: float
    misorientation: float
    strain: float


@dataclass(frozen=True, eq=False, repr=False)
class GrainMap:
    """The grains of an image.

    Made by `find_grains`.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_cols), int
        The grain of each pixel, from 1 on, the largest first; 0 where no lattice is.
    lattices : tuple of ImageLattice
        That of each grain, with the grain as its mask: `lattices[0]` is grain 1.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import Lattice, find_grains
    >>> left = np.arange(256) < 120 + np.zeros((256, 1))
    >>> image = sum(
    ...     make_scene(
    ...         Lattice.perovskite(4.0, "0.25 A", mask=side), rotation=angle, random_state=0
    ...     ).image
    ...     for side, angle in ((left, 5), (~left, 30))
    ... )
    >>> grains = find_grains(image)
    >>> print(grains)
    2 grains, misorientation 25.0 degrees
    >>> float((grains.labels == np.where(left, 2, 1)).mean()) > 0.98
    True
    """

    labels: NDArray[np.intp]
    lattices: tuple[ImageLattice, ...]

    def __len__(self) -> int:
        return len(self.lattices)

    def __repr__(self) -> str:
        n_rows, n_cols = self.labels.shape
        return f"GrainMap({n_rows} x {n_cols} px: {self})"

    def __str__(self) -> str:
        if len(self) < 2:
            return self.kind
        angles = sorted({round(one.misorientation, 1) for one in self.boundaries})
        words = ", ".join(f"{angle:.1f}" for angle in angles)
        between = f", misorientation{'s' if len(angles) > 1 else ''} {words} degrees"
        return f"{len(self)} grains{between if angles else ', which do not touch'}"

    @property
    def kind(self) -> Literal["grains", "one crystal", "none"]:  # numpydoc ignore=RT01
        """What the image shows: several grains, one crystal, or no lattice."""
        if len(self) > 1:
            return "grains"
        return "one crystal" if len(self) else "none"

    @property
    def shares(self) -> FloatArray:  # numpydoc ignore=RT01
        """Share of the image that each grain fills."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self) + 1)[1:]
        return np.asarray(counts / self.labels.size)

    @property
    def misorientations(self) -> FloatArray:  # numpydoc ignore=RT01
        """Smallest rotations between all grains, in degrees, as a symmetric matrix."""
        vectors = [lattice.vectors for lattice in self.lattices]
        return np.array([[misorientation(a, b).angle for b in vectors] for a in vectors]).reshape(
            len(self), len(self)
        )

    @property
    def n_phases(self) -> int:  # numpydoc ignore=RT01
        """How many different lattices there are, whatever their orientation."""
        phases: list[ImageLattice] = []
        for lattice in self.lattices:
            strains = [misorientation(lattice.vectors, one.vectors).strain for one in phases]
            if min(strains, default=np.inf) > _SAME_PHASE:
                phases.append(lattice)
        return len(phases)

    @property
    def boundaries(self) -> tuple[GrainBoundary, ...]:  # numpydoc ignore=RT01
        """Where two grains meet, by their labels."""
        labels = self.labels
        pairs = np.concatenate(
            [
                np.column_stack([one.ravel(), two.ravel()])
                for one, two in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1]))
            ]
        )
        pairs = np.sort(pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs > 0).all(axis=1)], axis=1)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        boundaries = []
        for (one, two), count in zip(found.tolist(), counts.tolist(), strict=True):
            turned = misorientation(self.lattices[one - 1].vectors, self.lattices[two - 1].vectors)
            # A line of a length l has l (|cos| + |sin|) steps from pixel to pixel, 4 / pi l on
            # average over its directions.
            length = count * np.pi / 4
            boundaries.append(GrainBoundary((one, two), float(length), *turned))
        return tuple(boundaries)

    def grain_of(self, detections: ArrayLike) -> NDArray[np.intp]:
        """Tell in which grain atoms are.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        grains : ndarray of shape (n_atoms,), int
            Labels; 0 outside of all grains.
        """
        atoms = np.round(as_positions(detections, name="detections")).astype(int)
        rows, cols = np.clip(atoms, 0, np.array(self.labels.shape) - 1).T
        return np.asarray(self.labels[rows, cols])

    def mask_of(self, grain: int) -> NDArray[np.bool_]:
        """Tell where one grain is.

        Parameters
        ----------
        grain : int
            Its label, from 1 on.

        Returns
        -------
        mask : ndarray of shape (n_rows, n_cols), bool
            True in the grain.

        Raises
        ------
        TypeError, ValueError
            If there is no such grain.
        """
        grain = check_integer(grain, name="grain", low=1)
        if grain > len(self):
            raise ValueError(
                f"grain must be at most {len(self)}, got {grain}: the image shows {self}."
            )
        return np.asarray(self.labels == grain)
