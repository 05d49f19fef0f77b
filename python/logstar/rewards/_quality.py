"""All diagnostics together, in words, and where to look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, as_image, as_positions, check_integer
from logstar.lattice import Count, ImageLattice, Lattice
from logstar.lattice._field_of_view import in_field

from . import ErrorRate
from ._gaps import deepest
from ._plausibility import GapShare, ShortPairs, SpacingSpread

#: Width of the frame in which atoms show a flank only, as a share of the nearest distance.
_FRAME = 0.3
#: Values of short pairs, gaps, spread, and of the share of atoms off the lattice, above which they
#: are reasons to doubt.
_NOTICED_SHORT, _NOTICED_GAPS, _NOTICED_SPREAD, _NOTICED_OFF = 0.002, 0.002, 0.12, 0.01


@dataclass(frozen=True)
class Place:
    """A place of an image that is worth a look.

    Parameters
    ----------
    row, col : float
        In pixels.
    what : {"short pair", "gap", "off lattice", "weakest atom"}
        Why.
    badness : float
        How far beyond what is possible, at least 0; comparable only between places of one kind.

    Examples
    --------
    >>> from logstar.rewards import Place
    >>> Place(10.0, 20.5, "gap", 0.2).what
    'gap'
    """

    row: float
    col: float
    what: str
    badness: float


@dataclass(frozen=True, eq=False, repr=False)
class QualityReport:
    """What the diagnostics say of detections.

    Parameters
    ----------
    n_found : int
        Number of atoms.
    n_inside : int
        Number of the atoms that are compared with `expected`: all of them if that was given; else
        those in the field inside a frame of 0.3 of the nearest distance, where atoms show whole.
    expected : Count
        The expected number of such atoms, with its uncertainty.
    qc, er : float
        QC by `n_inside` and `expected`, and ER.
    short_pairs, gaps, spread : float
        As `ShortPairs`, `GapShare` and `SpacingSpread` measure them.
    on_lattice : float or None
        As `OnLattice` measures it; None where the image's own lattice is not known.
    places : tuple of Place
        Where to look, worst first.
    image, detections : ndarray
        What the report is of.
    radius : float
        Radius in pixels of the surroundings of a place that are worth seeing.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import quality_report
    >>> scene = make_scene(shape=(128, 128), random_state=0)
    >>> report = quality_report(scene.image, scene.positions, scene.lattice)
    >>> report.n_found == len(scene.positions), report.concerns
    (True, [])
    """

    n_found: int
    n_inside: int
    expected: Count
    qc: float
    er: float
    short_pairs: float
    gaps: float
    spread: float
    on_lattice: float | None
    places: tuple[Place, ...]
    image: np.ndarray
    detections: FloatArray
    radius: float

    @property
    def concerns(self) -> list[str]:  # numpydoc ignore=RT01
        """What is to be doubted, in words; empty where nothing is."""
        words = self.concerns_of_whole
        if self.on_lattice is not None and 1 - self.on_lattice > _NOTICED_OFF:
            words.append(f"{1 - self.on_lattice:.1%} of the atoms are off the lattice")
        return words

    @property
    def concerns_of_whole(self) -> list[str]:  # numpydoc ignore=RT01
        """Those that hold of the whole image alone, by number and distances of its atoms."""
        words = concerns_of_rewards(self.n_inside, self.expected, self.er)
        return words + concerns_of_distances(
            short_pairs=self.short_pairs, gaps=self.gaps, spread=self.spread
        )

    def __repr__(self) -> str:
        said = "; ".join(self.concerns) or "nothing to doubt"
        return f"QualityReport({self.n_found} atoms: {said})"

    def __str__(self) -> str:
        return f"{'; '.join(self.concerns) or 'nothing to doubt'} ({self.numbers})"

    @property
    def numbers(self) -> str:  # numpydoc ignore=RT01
        """What the diagnostics measure, in a line."""
        on = "" if self.on_lattice is None else f", on the lattice {self.on_lattice:.1%}"
        return (
            f"short pairs {self.short_pairs:.2%}, gaps {self.gaps:.2%}, spread of nearest "
            f"distances {self.spread:.1%}{on}"
        )


def concerns_of_rewards(n_found: int, expected: Count, er: float) -> list[str]:
    """Say in words what QC and ER give reason to doubt.

    Parameters
    ----------
    n_found : int
        Number of atoms.
    expected : Count
        Their expected number.
    er : float
        ER.

    Returns
    -------
    words : list of str
        Empty where there is nothing to doubt.
    """
    words = []
    if abs(n_found - expected.n) > 2 * expected.uncertainty:
        more = "more" if n_found > expected.n else "fewer"
        words.append(
            f"{abs(n_found / expected.n - 1):.1%} {more} atoms than expected, beyond twice its "
            "uncertainty"
        )
    if er > _NOTICED_SHORT:
        words.append(f"{er:.1%} of the atoms are too close to their neighbours")
    return words


def concerns_of_distances(*, short_pairs: float, gaps: float, spread: float) -> list[str]:
    """Say in words what distances between atoms give reason to doubt.

    Parameters
    ----------
    short_pairs, gaps, spread : float
        As of `QualityReport`.

    Returns
    -------
    words : list of str
        Empty where there is nothing to doubt.
    """
    words = []
    if short_pairs > _NOTICED_SHORT:
        words.append(f"pairs closer than possible, {short_pairs:.1%} of the atoms")
    if gaps > _NOTICED_GAPS:
        words.append(f"gaps without atoms, {gaps:.1%} of the field")
    if spread > _NOTICED_SPREAD:
        words.append(f"nearest distances spread by {spread:.0%}")
    return words


def quality_report(
    image: ArrayLike,
    detections: ArrayLike,
    lattice: Lattice,
    *,
    expected: Count | None = None,
    distance_sum: float | None = None,
    n_places: int = 9,
) -> QualityReport:
    """Judge atoms that were found by all that physics says.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    detections : array-like of shape (n_atoms, >=2)
        Row and column in pixels; a fourth column is taken for the response (`LoGStarDetector`'s
        `detect`), by which the weakest atoms are found.
    lattice : Lattice
        The crystal; the image's own lattice (`ImageLattice.from_image`) tells more: exact counts,
        and which atoms are on lattice points.
    expected : Count, default=None
        The expected number of all the detections, where it is known already, so that no two numbers
        contradict each other. None counts the lattice's columns inside a frame of 0.3 of the
        nearest distance, and the detections there.
    distance_sum : float, default=None
        DS of ER in pixels; None is the lattice's.
    n_places : int, default=9
        How many places to look at are given.

    Returns
    -------
    report : QualityReport
        As text it is one line; `logstar.inspection.QualityReportDisplay` draws its places.

    Raises
    ------
    TypeError, ValueError
        For an image, a table or a lattice that cannot be.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import quality_report
    >>> from logstar.lattice import ImageLattice, Lattice
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(200, 200), rotation=11, random_state=0)
    >>> lattice = ImageLattice.from_image(scene.image)
    >>> quality_report(scene.image, scene.positions, lattice).concerns
    []
    >>> quality_report(scene.image, scene.positions[:-9], lattice).concerns
    ['3.3% fewer atoms than expected, beyond twice its uncertainty', 'gaps without atoms, ...']
    """
    pixels = as_image(image)
    atoms = as_positions(detections, name="detections")
    if not isinstance(lattice, Lattice):
        raise TypeError(f"lattice must be a Lattice, got {lattice!r}.")
    n_places = check_integer(n_places, name="n_places", low=1)
    shape = (pixels.shape[0], pixels.shape[1])
    on_lattice, off = None, np.zeros(len(atoms), dtype=np.bool_)
    if isinstance(lattice, ImageLattice):
        lattice = lattice.refined(atoms)
        # What `OnLattice` measures, without its second refinement of the lattice.
        off = ~lattice.on_lattice(atoms)
        on_lattice = 1 - float(off.mean()) if len(atoms) else 0.0
    n_inside = len(atoms)
    if expected is None:
        frame = min(_FRAME * lattice.nearest_distance, min(shape) / 4)
        expected = lattice.expected_count(shape, border=frame)
        n_inside = int(in_field(atoms, shape, frame, lattice.mask).sum())
    limit = lattice.distance_sum_threshold() if distance_sum is None else distance_sum
    # What a lattice's limits are is worked out once.
    short = ShortPairs(ShortPairs(lattice).limit())
    gap = GapShare(GapShare(lattice).limit(), lattice.mask)
    pairs = short.pairs(atoms)
    field = gap.field(shape)
    gaps = gap.gaps(atoms, field)
    kinds = [
        _short_pairs(atoms, pairs, short.limit()),
        _gaps(atoms, gaps, gap.limit()),
        _off_lattice(atoms[off], lattice),
    ]
    return QualityReport(
        n_found=len(atoms),
        n_inside=n_inside,
        expected=expected,
        qc=(n_inside - expected.n) / expected.n,
        er=float(ErrorRate(limit, n_expected=expected.n).measure(atoms)),
        short_pairs=len(pairs) / max(len(atoms), 1),
        gaps=float(gaps.sum() / max(field.sum(), 1)),
        spread=float(SpacingSpread(lattice).measure(atoms)),
        on_lattice=on_lattice,
        places=tuple(
            _places(kinds, atoms, _responses(detections), lattice.nearest_distance, n_places)
        ),
        image=pixels,
        detections=atoms,
        radius=2.5 * lattice.nearest_distance,
    )


def _places(
    kinds: list[list[Place]],
    atoms: FloatArray,
    responses: FloatArray | None,
    apart: float,
    n_places: int,
) -> list[Place]:
    """List where to look: the worst place of each kind in turn, then the weakest atoms."""
    ordered = [sorted(kind, key=lambda place: -place.badness) for kind in kinds]
    longest = max(map(len, ordered))
    in_turn = [kind[i] for i in range(longest) for kind in ordered if i < len(kind)]
    if responses is not None:
        # More than are asked for, since some will be left out as neighbours of other places.
        weakest = np.argsort(responses, kind="stable")[: 4 * n_places]
        in_turn += [_place(atoms[i], "weakest atom", 0.0) for i in weakest]
    chosen: list[Place] = []
    for place in in_turn:
        if len(chosen) == n_places:
            break
        if all(np.hypot(place.row - other.row, place.col - other.col) > apart for other in chosen):
            chosen.append(place)
    return chosen


def _responses(detections: ArrayLike) -> FloatArray | None:
    """The fourth column of a table, if there is one."""
    table = np.asarray(detections, dtype=np.float64)
    return table[:, 3] if table.ndim == 2 and table.shape[1] > 3 else None


def _short_pairs(atoms: FloatArray, pairs: list[tuple[int, int]], limit: float) -> list[Place]:
    return [
        _place(
            (atoms[i] + atoms[j]) / 2,
            "short pair",
            1 - float(np.linalg.norm(atoms[i] - atoms[j])) / limit,
        )
        for i, j in pairs
    ]


def _gaps(atoms: FloatArray, gaps: NDArray[np.bool_], limit: float) -> list[Place]:
    places, distances = deepest(gaps, np.round(atoms).astype(int))
    # Where nothing was found at all, a gap is as deep as the image is long.
    depths = np.minimum(distances, max(gaps.shape)) / limit - 1
    return [
        Place(row, col, "gap", float(depth))
        for (row, col), depth in zip(places.tolist(), depths, strict=True)
    ]


def _off_lattice(off: FloatArray, lattice: Lattice) -> list[Place]:
    if len(off) == 0 or not isinstance(lattice, ImageLattice):
        return []
    points, _ = lattice.positions(margin=lattice.nearest_distance)
    distances = np.asarray(KDTree(points).query(off)[0]) / lattice.nearest_distance
    return [
        _place(atom, "off lattice", float(distance))
        for atom, distance in zip(off, distances, strict=True)
    ]


def _place(at: FloatArray, what: str, badness: float) -> Place:
    return Place(float(at[0]), float(at[1]), what, badness)
