"""Scenes composed of grains, single atoms, supports, contamination and a distorted scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from logstar._validation import FloatArray, check_real
from logstar.lattice._field_of_view import as_shape

from ._base import Scene
from ._exposure import expose, streams
from ._grains import Grain, LaidAtoms
from ._rendering import PixelGrid
from ._scan import Scan, ScanDistortion
from ._single_atoms import SingleAtoms
from ._surroundings import AmorphousSupport, Blob, Streaks, as_contamination

#: Of two grains, no columns come nearer to each other than this share of the smaller spacing.
_NEAREST_ACROSS = 0.7
#: Contamination is where it adds more than this, in units of the brightest columns.
_VISIBLE_CONTAMINATION = 0.1
_MAX_PARTS = 255


def compose_scene(
    shape: tuple[int, int],
    parts: Sequence[Grain | SingleAtoms],
    *,
    support: AmorphousSupport | None = None,
    contamination: Sequence[Blob | Streaks] = (),
    scan: ScanDistortion | None = None,
    polarity: Literal["bright", "dark"] = "bright",
    background: float = 0.0,
    tilt: float = 0.0,
    line_noise: float = 0.0,
    saturation: float | None = None,
    dose: float | None = None,
    noise: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> Scene:
    """Simulate a micrograph of several grains or single atoms, with whatever disturbs it.

    Each effect and each part draws from a random stream of its own: more noise leaves the atoms
    where they were.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    parts : sequence of Grain or SingleAtoms
        What holds the atoms, 255 parts at the most. Where regions overlap, the part that is named
        first has the place; across a boundary no two columns come nearer than 0.7 of the smaller
        spacing, the later part's column gives way.
    support : AmorphousSupport, default=None
        A film beneath everything.
    contamination : sequence of Blob or Streaks, default=()
        What lies above everything. It is not distorted with the scan.
    scan : ScanDistortion, default=None
        How the scan distorts. None is not at all.
    polarity : {"bright", "dark"}, default="bright"
        "dark" subtracts atoms, support and contamination from the background, as in ABF.
    background : float, default=0.0
        Added everywhere; may be below 0 where no electrons are counted, as in STM.
    tilt : float, default=0.0
        Of a plane that is added, from -tilt / 2 at the top left to tilt / 2 at the bottom right.
    line_noise : float, default=0.0
        Standard deviation of what is added to each row of pixels.
    saturation : float, default=None
        The detector gives this where the intensity is greater. None is no limit. Columns whose
        place has at least this without counting and noise are hidden: they are in `Scene.hidden`
        and not in the truth.
    dose : float, default=None
        Mean number of electrons per pixel: pixels become Poisson counts, scaled back to the
        intensities. None is no counting.
    noise : float, default=0.0
        Standard deviation of Gaussian noise, by the range (maximum less minimum) of the image
        without it and without counting.
    random_state : int, Generator or None, default=None
        Seed of all that is drawn; the same seed gives the same scene.

    Returns
    -------
    scene : Scene
        The image, float32, in units of the brightest columns, and the truth about it.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    A particle in vacuum, seen by a drifting scan:

    >>> from logstar.datasets import Grain, Region, ScanDistortion, compose_scene
    >>> from logstar.lattice import Lattice
    >>> particle = Region.facetted((64, 64), distances=[40, 40, 40, 40])
    >>> grain = Grain(Lattice.perovskite(4.0, pixel_size=0.2), particle, origin=(64, 64))
    >>> scene = compose_scene(
    ...     (128, 128), [grain], scan=ScanDistortion(drift=(2, 3)), noise=0.05, random_state=0
    ... )
    >>> len(scene.positions), round(float(scene.field_mask.mean()), 2)
    (41, 0.55)
    """
    n_rows, n_cols = as_shape(shape)
    shape = (n_rows, n_cols)
    parts = _as_parts(parts)
    contamination = as_contamination(contamination)
    if support is not None and not isinstance(support, AmorphousSupport):
        raise TypeError(f"support must be an AmorphousSupport or None, got {support!r}.")
    if scan is not None and not isinstance(scan, ScanDistortion):
        raise TypeError(f"scan must be a ScanDistortion or None, got {scan!r}.")
    if polarity not in {"bright", "dark"}:
        raise ValueError(f'polarity must be "bright" or "dark", got {polarity!r}.')
    background = check_real(background, name="background")
    tilt = check_real(tilt, name="tilt")
    line_noise = check_real(line_noise, name="line_noise", low=0)
    if saturation is not None:
        saturation = check_real(saturation, name="saturation", low=0, low_included=False)
    placing, defects, scanning, filming, soiling, offsets, counting = streams(random_state, 7)

    parts = [
        part.with_origin(rng) if isinstance(part, Grain) else part
        for part, rng in zip(parts, placing.spawn(len(parts)), strict=True)
    ]
    grid = PixelGrid(shape, None if scan is None else Scan.draw(scan, shape, scanning))
    laid = _lay(parts, grid, defects)
    atoms = _seen_atoms(laid, parts, grid)

    signal = np.zeros(shape)
    for part in laid:
        there = ~part.is_missing
        signal += grid.render(part.points[there], part.heights[there], part.sigma)
    if support is not None:
        signal += support.render(shape, filming)
    dirt = np.zeros(shape)
    for piece, rng in zip(contamination, soiling.spawn(len(contamination)), strict=True):
        dirt += piece.render(shape, rng)
    signal += dirt
    image = background + (signal if polarity == "bright" else -signal)
    image += tilt * (np.linspace(-0.25, 0.25, n_rows)[:, None] + np.linspace(-0.25, 0.25, n_cols))
    image += line_noise * offsets.normal(size=(n_rows, 1))

    field, labels = _field(laid, parts, grid)
    hidden = np.zeros(len(atoms.shown), dtype=np.bool_)
    if saturation is not None:
        is_saturated = image >= saturation
        row, col = np.rint(atoms.shown).astype(int).T
        hidden = is_saturated[row, col]
        field &= ~is_saturated
    image = expose(image, dose, noise, counting)
    if saturation is not None:
        image = image.clip(None, saturation)
    seen = ~hidden & ~atoms.is_missing
    grains = tuple(part for part in parts if isinstance(part, Grain))
    return Scene(
        image=image.astype(np.float32),
        positions=atoms.shown[seen],
        kinds=atoms.kinds[seen],
        lattice=grains[0].lattice if grains else None,
        description=_describe(parts, support, contamination, scan, dose, noise),
        amorphous_mask=None if support is None else labels == 0,
        vacancies=_none_if_empty(atoms.shown[atoms.is_missing]),
        field_mask=field,
        grains=grains,
        grain_labels=labels if grains else None,
        grain_of_atoms=atoms.grains[seen] if grains else None,
        displacement=grid.displacement,
        sample_positions=None if scan is None else atoms.points[seen],
        contamination_mask=dirt > _VISIBLE_CONTAMINATION if contamination else None,
        hidden=_none_if_empty(atoms.shown[hidden & ~atoms.is_missing]),
        polarity=polarity,
    )


class _SeenAtoms(NamedTuple):
    """Atoms and vacancies whose places the image shows."""

    points: FloatArray
    shown: FloatArray
    kinds: NDArray[np.str_]
    is_missing: NDArray[np.bool_]
    grains: NDArray[np.uint8]


def _as_parts(parts: Sequence[Grain | SingleAtoms]) -> list[Grain | SingleAtoms]:
    result = list(parts)
    if not 1 <= len(result) <= _MAX_PARTS:
        raise ValueError(f"parts must have 1 to {_MAX_PARTS} entries, got {len(result)}.")
    for i, part in enumerate(result):
        if not isinstance(part, (Grain, SingleAtoms)):
            raise TypeError(f"parts[{i}] must be a Grain or SingleAtoms, got {part!r}.")
    return result


def _lay(
    parts: Sequence[Grain | SingleAtoms], grid: PixelGrid, rng: np.random.Generator
) -> list[LaidAtoms]:
    """Lay out all parts; each gives way to those before it."""
    places = grid.places()
    low, high = places.min(axis=0), places.max(axis=0)
    laid: list[LaidAtoms] = []
    for i, (part, own) in enumerate(zip(parts, rng.spawn(len(parts)), strict=True)):
        atoms = part.lay(low, high, own)
        kept = np.ones(len(atoms.sites), dtype=np.bool_)
        for other_part, other in zip(parts[:i], laid, strict=True):
            if isinstance(part, Grain) and isinstance(other_part, Grain):
                kept &= ~other_part.has_inside(atoms.sites)
            if len(other.sites):
                nearest = cKDTree(other.sites).query(atoms.sites)[0]
                kept &= nearest >= _NEAREST_ACROSS * min(atoms.spacing, other.spacing)
        laid.append(atoms.select(kept))
    return laid


def _seen_atoms(
    laid: Sequence[LaidAtoms], parts: Sequence[Grain | SingleAtoms], grid: PixelGrid
) -> _SeenAtoms:
    points = np.concatenate([atoms.points for atoms in laid])
    shown = grid.shown(points)
    inside = ((shown >= 0) & (shown <= np.array(grid.shape) - 1)).all(axis=1)
    numbers = _grain_numbers(parts)
    return _SeenAtoms(
        points[inside],
        shown[inside],
        np.concatenate([atoms.kinds for atoms in laid])[inside],
        np.concatenate([atoms.is_missing for atoms in laid])[inside],
        np.repeat(numbers, [len(atoms.points) for atoms in laid])[inside],
    )


def _grain_numbers(parts: Sequence[Grain | SingleAtoms]) -> NDArray[np.uint8]:
    """1 for the first grain and so on, 0 for what is none."""
    is_grain = np.array([isinstance(part, Grain) for part in parts])
    return np.asarray(np.cumsum(is_grain) * is_grain, dtype=np.uint8)


def _field(
    laid: Sequence[LaidAtoms], parts: Sequence[Grain | SingleAtoms], grid: PixelGrid
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Where columns can be, and the number of the grain at each pixel."""
    labels = np.zeros(grid.shape, dtype=np.uint8)
    field = np.zeros(grid.shape, dtype=np.bool_)
    numbers = _grain_numbers(parts)
    reached: list[NDArray[np.bool_]] = []
    places = grid.places()
    for part, atoms, number in zip(parts, laid, numbers, strict=True):
        if isinstance(part, SingleAtoms):
            inside = None if part.region is None else part.region.contains(places)
            field |= True if inside is None else inside.reshape(grid.shape)
            continue
        reached.append(grid.near(atoms.sites, atoms.reach))
        inside = part.contains(places).reshape(grid.shape)
        # A boundary is no vacuum: where a grain's next column would be another grain's, that
        # place is filled.
        filled = grid.near(atoms.crystal[_inside_any(parts, atoms.crystal)], atoms.reach)
        labels[inside & filled & (labels == 0)] = number
    # The field of a grain reaches beyond its region by as much as columns reach beyond theirs.
    for number, near in zip(numbers[numbers > 0], reached, strict=True):
        labels[near & (labels == 0)] = number
    return field | (labels > 0), labels


def _inside_any(parts: Sequence[Grain | SingleAtoms], points: FloatArray) -> NDArray[np.bool_]:
    inside = np.zeros(len(points), dtype=np.bool_)
    for part in parts:
        if isinstance(part, Grain):
            inside |= part.contains(points)
    return inside


def _none_if_empty(points: FloatArray) -> FloatArray | None:
    return points if len(points) else None


def _describe(
    parts: Sequence[Grain | SingleAtoms],
    support: AmorphousSupport | None,
    contamination: Sequence[Blob | Streaks],
    scan: ScanDistortion | None,
    dose: float | None,
    noise: float,
) -> str:
    grains = [part for part in parts if isinstance(part, Grain)]
    kinds = dict.fromkeys("/".join(grain.lattice.kinds) for grain in grains)
    words = (
        [f"{len(grains)} grain{'s' * (len(grains) > 1)} of {' and '.join(kinds)}"] if grains else []
    )
    words += ["single atoms"] if len(grains) < len(parts) else []
    words += ["amorphous support"] if support is not None else []
    words += ["contamination"] if contamination else []
    words += ["distorted scan"] if scan is not None else []
    words += [f"{dose:g} electrons per pixel"] if dose is not None else []
    words += [f"noise {noise:g}"] if noise else []
    return ", ".join(words)
