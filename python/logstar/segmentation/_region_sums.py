"""Regions of a map of kinds that comes tile by tile, and is nowhere in memory as a whole."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from logstar._validation import FloatArray
from logstar.units import PixelSize

from ._kind_names import AMORPHOUS, CONTAMINATION, KINDS, VACUUM
from ._regions import Region

Place = tuple[slice, slice]

#: What each square of two by two pixels adds to the length of a boundary, by which of them are
#: inside: 1 for the lower right one, 2 for that above it, 4 for that left of it, 8 for the upper
#: left one. Crofton's formula with four directions, as `skimage.measure.perimeter_crofton` has it.
_STRAIGHT, _DIAGONAL = math.pi / 4, math.pi / (4 * math.sqrt(2))
_CORNER = _STRAIGHT + _DIAGONAL
_LENGTHS = np.array(
    [
        *(0, _CORNER, _DIAGONAL, 2 * _DIAGONAL, 0, _CORNER, 0, _DIAGONAL),
        *(_STRAIGHT, 2 * _STRAIGHT, _DIAGONAL, _DIAGONAL, _STRAIGHT, 2 * _STRAIGHT, 0, 0),
    ]
)
#: Sums that are kept of each region.
_SUMS = (
    *("area", "row", "col", "perimeter", "n_atoms"),
    *("n_points", "confidence", "n_known", "disorder"),
)


class PointsOfMap(NamedTuple):
    """What is known at some pixels of a map.

    Attributes
    ----------
    places : ndarray of shape (n, 2), int64
        Row and column.
    confidence : ndarray of shape (n,)
        Of the kind there.
    disorder : ndarray of shape (n,)
        Of the region there; 0 where it is not known.
    """

    places: NDArray[np.int64]
    confidence: FloatArray
    disorder: FloatArray


class RegionSums:
    """Add up the regions of a map, tile by tile.

    Tiles come row by row, and those of a row from the left to the right. A tile brings its own
    pixels; of those before it their last rows and columns are kept, at which regions go on.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the map.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._n = 1  # label 0 is none
        self._pairs: list[NDArray[np.int64]] = []
        self._kinds: list[NDArray[np.uint8]] = [np.zeros(1, dtype=np.uint8)]
        self._sums: dict[str, list[FloatArray]] = {name: [np.zeros(1)] for name in _SUMS}
        # Labels and kinds of the last row of the tiles above, and of the last column to the left.
        self._above = self._below = _Line.empty(shape[1])
        self._left = _Line.empty(0)

    def add(
        self, place: Place, kinds: NDArray[np.uint8], atoms: FloatArray, known: PointsOfMap
    ) -> None:
        """Take in a tile.

        Parameters
        ----------
        place : tuple of two slice
            Its rows and columns.
        kinds : ndarray of shape (n_rows, n_cols), uint8
            Of its pixels, as places in `KINDS`; 0 is no region.
        atoms : ndarray of shape (n_atoms, 2)
            Row and column of the atoms that are nearest to one of its pixels.
        known : PointsOfMap
            At some of its pixels.
        """
        from skimage import measure  # noqa: PLC0415 - heavy, and this room is imported by rewards

        cols = place[1]
        if cols.start == 0:
            self._above, self._below = self._below, _Line.empty(self._shape[1])
            self._left = _Line.empty(kinds.shape[0] + 1)
        around = self._with_neighbors(place, kinds)
        local, n_labels = measure.label(around, background=0, connectivity=2, return_num=True)
        labels = np.where(local > 0, local + (self._n - 1), 0).astype(np.int64)
        self._join(labels, place)
        of_kind = np.zeros(n_labels + 1, dtype=np.uint8)
        of_kind[local] = around
        self._kinds.append(of_kind[1:])
        self._note(local[1:, 1:], n_labels, place, atoms, known)
        perimeter = _boundaries(around, local, n_labels, self._ends(place))
        self._sums["perimeter"].append(perimeter[1:])
        self._n += n_labels
        self._below.labels[cols], self._below.kinds[cols] = labels[-1, 1:], kinds[-1]
        self._left = _Line(labels[:, -1], around[:, -1])

    def regions(self, n_atoms: int, n_filled: int, pixel_size: PixelSize | None) -> list[Region]:
        """Describe all regions, once every tile was added.

        Parameters
        ----------
        n_atoms : int
            Atoms of the whole image.
        n_filled : int
            Its pixels that can hold atoms, neither vacuum nor contamination.
        pixel_size : PixelSize or None
            Side of a pixel, if it is known.

        Returns
        -------
        regions : list of Region
            The largest first.
        """
        pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *self._pairs])
        links = sparse.coo_array((np.ones(len(pairs), dtype=bool), pairs.T), shape=(self._n,) * 2)
        n_found, found = connected_components(links, directed=False)
        kinds = np.zeros(n_found, dtype=np.uint8)
        kinds[found] = np.concatenate(self._kinds)  # joined ones are of one kind
        sums = {
            name: np.bincount(found, np.concatenate(parts), minlength=n_found)
            for name, parts in self._sums.items()
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            means = {
                name: sums[name] / sums[by]
                for name, by in (
                    *(("row", "area"), ("col", "area")),
                    *(("confidence", "n_points"), ("disorder", "n_known")),
                )
            }
        of_atoms = n_atoms / max(n_filled, 1)
        order = np.argsort(-sums["area"], kind="stable")
        return [
            Region(
                label=number,
                area=float(sums["area"][i]),
                perimeter=float(sums["perimeter"][i]),
                compactness=float(sums["area"][i] / sums["perimeter"][i] ** 2),
                centroid=(float(means["row"][i]), float(means["col"][i])),
                n_atoms=int(sums["n_atoms"][i]),
                pixel_size=pixel_size,
                kind=KINDS[kinds[i]],
                confidence=float(means["confidence"][i]),
                disorder=float(means["disorder"][i]) if kinds[i] == AMORPHOUS else math.nan,
                area_in_atoms=float(sums["area"][i] * of_atoms),
            )
            for number, i in enumerate(order[sums["area"][order] > 0].tolist(), 1)
        ]

    def _with_neighbors(self, place: Place, kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A tile with the row above and the column to the left, 0 beyond the frame."""
        cols = place[1]
        around = np.zeros((kinds.shape[0] + 1, kinds.shape[1] + 1), dtype=np.uint8)
        around[1:, 1:] = kinds
        around[0, 1:] = self._above.kinds[cols]
        around[:, 0] = self._left.kinds
        return around

    def _join(self, labels: NDArray[np.int64], place: Place) -> None:
        """Note which regions go on from the tiles above and to the left."""
        for own, before in (
            (labels[0, 1:], self._above.labels[place[1]]),
            (labels[:, 0], self._left.labels),
        ):
            both = own > 0
            self._pairs.append(np.unique(np.column_stack([own[both], before[both]]), axis=0))

    def _ends(self, place: Place) -> tuple[bool, bool]:
        """Whether a tile ends with the map, downwards and to the right."""
        n_rows, n_cols = self._shape
        return place[0].stop == n_rows, place[1].stop == n_cols

    def _note(
        self,
        own: NDArray[np.int64],
        n_labels: int,
        place: Place,
        atoms: FloatArray,
        known: PointsOfMap,
    ) -> None:
        """Add up areas, places, atoms and what is known, by label."""

        def add(name: str, of: NDArray[np.int64], values: FloatArray | None = None) -> None:
            total = np.bincount(of, values, minlength=n_labels + 1)
            self._sums[name].append(total[1:].astype(np.float64))

        start = np.array([part.start for part in place])
        rows, cols = np.nonzero(own)
        inside = own[rows, cols]
        add("area", inside)
        add("row", inside, np.add(rows, start[0], dtype=np.float64))
        add("col", inside, np.add(cols, start[1], dtype=np.float64))
        last = np.array(own.shape) - 1
        at = np.clip(np.rint(atoms).astype(np.int64) - start, 0, last)
        add("n_atoms", own[tuple(at.T)])
        here = own[tuple((known.places - start).T)]
        add("n_points", here)
        add("confidence", here, known.confidence)
        told = known.disorder > 0
        add("n_known", here[told])
        add("disorder", here[told], known.disorder[told])


class _Line(NamedTuple):
    """Labels and kinds along an edge."""

    labels: NDArray[np.int64]
    kinds: NDArray[np.uint8]

    @classmethod
    def empty(cls, n: int) -> _Line:
        return cls(np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.uint8))


def _boundaries(
    around: NDArray[np.uint8], local: NDArray[np.int64], n_labels: int, ends: tuple[bool, bool]
) -> FloatArray:
    """Length of the boundary of each region in the squares whose lower right pixel is a tile's own.

    Of two by two pixels those of one kind are of one region, so that kinds tell all. Squares beyond
    the frame, at the last row and column, are those of the last tiles.
    """
    more = [(0, int(end)) for end in ends]
    around, local = np.pad(around, more), np.pad(local, more)
    total = np.zeros(n_labels + 1)
    corners = (np.s_[1:, 1:], np.s_[:-1, 1:], np.s_[1:, :-1], np.s_[:-1, :-1])
    for kind in np.unique(around[around > 0]).tolist():
        of_kind = np.where(around == kind, local, 0)
        code = np.zeros(of_kind[corners[0]].shape, dtype=np.uint8)
        label = np.zeros(code.shape, dtype=local.dtype)
        for bit, corner in enumerate(corners):
            code |= (of_kind[corner] > 0).astype(np.uint8) << bit
            np.maximum(label, of_kind[corner], out=label)
        edges = (code > 0) & (code < len(_LENGTHS) - 1)
        lengths = _LENGTHS[code[edges]]
        total += np.bincount(label[edges], lengths, minlength=n_labels + 1)
    return total


def can_hold_atoms(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a map is neither vacuum nor contamination."""
    return np.asarray((kinds != VACUUM) & (kinds != CONTAMINATION))
