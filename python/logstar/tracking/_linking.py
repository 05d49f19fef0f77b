"""Which atom of a frame is which atom of the next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from logstar._data_frames import import_pandas
from logstar._validation import FloatArray, check_integer, check_real
from logstar.io._whole_files import whole_file

from ._drift import drift_of_atoms, positions_of, spacing_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from logstar.lattice import LatticeIndexer

#: How far an atom may move from one frame to the next, by the distance of neighbouring atoms, if
#: nobody says: less than half of it, or it might as well be the neighbour.
_RANGE = 0.4


class Trajectories:
    """Atoms of all frames, and which of them are the same.

    Made by `link_atoms`.

    Parameters
    ----------
    frame, particle : ndarray of shape (n,), int
        Of each atom the number of its frame, and of its trajectory.
    y, x : ndarray of shape (n,)
        Row and column in pixels, as found.
    atom : ndarray of shape (n,), int
        Which row of the frame's table it is.
    drift : ndarray of shape (n_frames, 2)
        Rows and columns by which frames have moved since the first.

    Attributes
    ----------
    n_particles : int
        Number of trajectories.
    n_frames : int
        Number of frames.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.tracking import link_atoms
    >>> rows, cols = np.mgrid[0:30:10.0, 0:30:10.0].reshape(2, -1)
    >>> atoms = np.column_stack([rows, cols])
    >>> tracks = link_atoms([atoms, atoms[1:] + 0.5, atoms + 1.0])
    >>> tracks
    Trajectories(10 particles in 3 frames; 1 appears, 1 vanishes)
    >>> tracks.vanishing["particle"], tracks.vanishing["frame"]
    (array([0]), array([0]))
    """

    def __init__(
        self,
        frame: NDArray[np.int64],
        particle: NDArray[np.int64],
        y: FloatArray,
        x: FloatArray,
        atom: NDArray[np.int64],
        drift: FloatArray,
    ) -> None:
        self.frame, self.particle, self.y, self.x, self.atom = frame, particle, y, x, atom
        self.drift = drift
        self.n_frames = len(drift)
        self.n_particles = int(particle.max()) + 1 if len(particle) else 0

    def __repr__(self) -> str:
        n_new, n_gone = len(self.appearing["frame"]), len(self.vanishing["frame"])
        return (
            f"{type(self).__name__}({self.n_particles} particles in {self.n_frames} frames; "
            f"{n_new} appear{'s' if n_new == 1 else ''}, "
            f"{n_gone} vanish{'es' if n_gone == 1 else ''})"
        )

    @property
    def appearing(self) -> dict[str, NDArray[Any]]:  # numpydoc ignore=RT01
        """Atoms that are first seen after the first frame: "frame", "particle", "y", "x"."""
        return self._ends(np.unique(self.particle, return_index=True)[1], 0)

    @property
    def vanishing(self) -> dict[str, NDArray[Any]]:  # numpydoc ignore=RT01
        """Atoms that are last seen before the last frame: likewise, of the last frame with them."""
        last = len(self.particle) - 1 - np.unique(self.particle[::-1], return_index=True)[1]
        return self._ends(last, self.n_frames - 1)

    def _ends(self, rows: NDArray[np.int64], usual: int) -> dict[str, NDArray[Any]]:
        rows = rows[self.frame[rows] != usual]
        rows = rows[np.lexsort((self.particle[rows], self.frame[rows]))]
        return {name: getattr(self, name)[rows] for name in ("frame", "particle", "y", "x")}

    def of(self, particle: int) -> dict[str, NDArray[Any]]:
        """Give one trajectory.

        Parameters
        ----------
        particle : int
            Its number.

        Returns
        -------
        trajectory : dict of str to ndarray
            "frame", "y", "x", and "atom", the row in the frame's table; in the order of frames.

        Raises
        ------
        IndexError
            If there is none of that number.
        """
        if not 0 <= particle < self.n_particles:
            raise IndexError(f"particle {particle} of {self.n_particles}.")
        rows = np.flatnonzero(self.particle == particle)
        return {name: getattr(self, name)[rows] for name in ("frame", "y", "x", "atom")}

    def sites(self, indexer: LatticeIndexer, frame: int = 0) -> dict[str, NDArray[np.int64]]:
        """Tell on which site of the lattice each particle is, by a frame that was indexed.

        Parameters
        ----------
        indexer : LatticeIndexer
            Fitted to the atoms of that frame, in their order.
        frame : int, default=0
            The frame.

        Returns
        -------
        sites : dict of str to ndarray of shape (n_particles,)
            "component", the grain; "cell_a" and "cell_b"; and "column" of the cell. Component and
            column are -1 for particles on no site, or not in that frame.

        Raises
        ------
        ValueError
            If the frame has another number of atoms than were indexed.
        """
        rows = np.flatnonzero(self.frame == frame)
        if len(rows) != len(indexer.columns_):
            raise ValueError(
                f"frame {frame} has {len(rows)} atoms, the indexer {len(indexer.columns_)}."
            )
        names = ("component", "cell_a", "cell_b", "column")
        found = {name: np.full(self.n_particles, -1, dtype=np.int64) for name in names}
        particles, atoms = self.particle[rows], self.atom[rows]
        values = (indexer.components_, *indexer.indices_.T, indexer.columns_)
        for name, value in zip(names, values, strict=True):
            found[name][particles] = value[atoms]
        return found

    def to_frame(self) -> DataFrame:
        """Give a pandas DataFrame with trackpy's columns: frame, particle, x, y; and atom.

        Returns
        -------
        frame : DataFrame
            A row for each atom, in the order of frames.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return import_pandas().DataFrame(self._columns())

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("frame", "particle", "x", "y", "atom")}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a csv with the columns of `to_frame`.

        Parameters
        ----------
        path : path-like
            The file, of the extension csv.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError
            For another extension.
        """
        place = Path(path)
        if place.suffix.lower() != ".csv":
            raise ValueError(f"{place}: trajectories are written as .csv; to_frame gives others.")
        columns = self._columns()
        table = np.column_stack(list(columns.values())) if len(self.frame) else np.empty((0, 5))
        formats = ["%d", "%d", "%.6f", "%.6f", "%d"]
        with whole_file(place) as part:
            np.savetxt(part, table, formats, ",", header=",".join(columns), comments="")


def link_atoms(
    tables: Iterable[Any],
    *,
    search_range: float | None = None,
    memory: int = 0,
    drift: ArrayLike | None = None,
) -> Trajectories:
    """Link the atoms of frames to trajectories.

    From frame to frame the sum of squared displacements is made least, as by trackpy: an atom that
    is linked to none counts as one that moved by `search_range`.

    Parameters
    ----------
    tables : iterable of array-like of shape (n_atoms, >=2), or of AtomTable
        Row and column of the atoms of each frame, such as `StackAtoms`.
    search_range : float, default=None
        How far an atom may move from one frame to the next, beside the drift, in pixels. None is
        0.4 of the median distance of nearest neighbours in the first frame that has atoms.
    memory : int, default=0
        For how many frames an atom may be missing and be the same when it is there again.
    drift : array-like of shape (n_frames, 2), default=None
        By how far frames have moved since the first, as `drift_of_images` measures it. None takes
        it from the atoms, as `drift_of_atoms`.

    Returns
    -------
    trajectories : Trajectories
        With every atom of every frame.

    Raises
    ------
    TypeError, ValueError
        For what is no table of positions, a drift of other frames, and parameters out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.tracking import link_atoms
    >>> frames = [[[5, 5], [5, 15]], [[5.4, 15], [5.5, 5]]]
    >>> link_atoms(frames).particle
    array([0, 1, 1, 0])
    """
    frames = [positions_of(table) for table in tables]
    gap = check_integer(memory, name="memory", low=0)
    if search_range is None:
        known = (spacing_of(frame) for frame in frames if len(frame) > 1)
        reach = _RANGE * next(known, np.inf)
    else:
        reach = check_real(search_range, name="search_range", low=0, low_included=False)
    moved = drift_of_atoms(frames) if drift is None else np.asarray(drift, dtype=np.float64)
    if moved.shape != (len(frames), 2):
        raise ValueError(f"drift must have shape {(len(frames), 2)}, got {moved.shape}.")
    particles: list[NDArray[np.int64]] = []
    # Of particles that may be linked: where they were, drift apart, in which frame, and which.
    places, seen, names = np.empty((0, 2)), np.empty(0, np.int64), np.empty(0, np.int64)
    n_particles = 0
    for number, (frame, shift) in enumerate(zip(frames, moved, strict=True)):
        atoms = frame - shift
        linked = _assigned(places, atoms, reach)
        is_new = linked < 0
        own = np.where(is_new, -1, names[linked] if len(names) else -1)
        n_new = int(is_new.sum())
        own[is_new] = np.arange(n_particles, n_particles + n_new)
        n_particles += n_new
        particles.append(own.astype(np.int64))
        waits = np.ones(len(names), dtype=bool)
        waits[linked[~is_new]] = False
        waits &= number - seen <= gap
        places = np.concatenate([places[waits], atoms])
        names = np.concatenate([names[waits], particles[-1]])
        seen = np.concatenate([seen[waits], np.full(len(atoms), number)])
    counts = [len(frame) for frame in frames]
    everything = np.concatenate([np.empty((0, 2)), *frames])
    return Trajectories(
        np.repeat(np.arange(len(frames)), counts),
        np.concatenate([np.empty(0, np.int64), *particles]),
        everything[:, 0],
        everything[:, 1],
        np.concatenate([np.empty(0, np.int64), *(np.arange(n) for n in counts)]),
        moved,
    )


def _assigned(before: FloatArray, atoms: FloatArray, reach: float) -> NDArray[np.int64]:
    """For each atom the one before that it is; -1 for none."""
    linked = np.full(len(atoms), -1, dtype=np.int64)
    if len(before) == 0 or len(atoms) == 0:
        return linked
    if np.isinf(reach):
        # Single atoms: nothing tells how far is far.
        reach = float(np.hypot(*np.ptp(np.concatenate([before, atoms]), axis=0))) + 1
    found: list[list[int]] = list(KDTree(before).query_ball_point(atoms, reach))  # type: ignore[arg-type] # one list for each
    new = np.repeat(np.arange(len(atoms)), [len(each) for each in found])
    old = np.array([one for each in found for one in each], dtype=np.int64)
    n_new, n_old = np.bincount(new, minlength=len(atoms)), np.bincount(old, minlength=len(before))
    alone = (n_new[new] == 1) & (n_old[old] == 1)
    linked[new[alone]] = old[alone]
    new, old = new[~alone], old[~alone]
    if len(new) == 0:
        return linked
    # Atoms that compete for partners, group by group.
    n = len(before) + len(atoms)
    graph = coo_array((np.ones(len(new)), (old, len(before) + new)), (n, n))
    groups = connected_components(graph, directed=False)[1][old]
    order = np.argsort(groups, kind="stable")
    cuts = np.flatnonzero(np.diff(groups[order])) + 1
    for group in np.split(order, cuts):
        olds, i = np.unique(old[group], return_inverse=True)
        news, j = np.unique(new[group], return_inverse=True)
        squares = ((before[old[group]] - atoms[new[group]]) ** 2).sum(axis=1)
        # To be linked to none costs what the longest step does; pairs that are farther apart cost
        # more than all that could be saved by them.
        costs = np.full((len(olds), len(news) + len(olds)), 4.0 * n * reach**2)
        costs[i, j] = squares
        costs[:, len(news) :] = reach**2
        rows, columns = linear_sum_assignment(costs)
        is_pair = columns < len(news)
        linked[news[columns[is_pair]]] = olds[rows[is_pair]]
    return linked
