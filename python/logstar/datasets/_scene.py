"""A simulator of micrographs with exact truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray, check_integer, check_real
from logstar.lattice import Lattice

from ._base import Scene
from ._exposure import expose, streams
from ._grains import FARTHEST, SIGMA_SHARE, draw_origin, kind_heights
from ._rendering import CUTOFF, PixelGrid
from ._scan import Scan

Pocket: TypeAlias = tuple[float, float, float]

#: In amorphous pockets, unless told otherwise: displacement by the nearest distance.
_DISPLACEMENT_SHARE = 0.15
#: Columns below this share of the brightest are the light ones, which fade in amorphous pockets.
_LIGHT = 0.5
_PLACING_TRIALS = 1000


def make_scene(
    lattice: Lattice | None = None,
    shape: tuple[int, int] = (256, 256),
    *,
    origin: tuple[float, float] | None = None,
    rotation: float = 0.0,
    sigma: float | None = None,
    amplitudes: Mapping[str, float] | None = None,
    background: float = 0.0,
    gradient: float = 0.0,
    jitter: float = 0.0,
    scan_jitter: float = 0.0,
    vacancy_fraction: float = 0.0,
    amorphous_pockets: int | Iterable[Pocket] = 0,
    amorphous_displacement: float | None = None,
    amorphous_fade: float = 0.5,
    amorphous_background: float = 0.15,
    dose: float | None = None,
    noise: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> Scene:
    """Simulate a micrograph whose every atom is known exactly.

    Atoms are Gaussians at the positions of a lattice, not rounded to pixels. Each effect draws
    from a random stream of its own: more noise leaves the atoms where they were.

    Parameters
    ----------
    lattice : Lattice, default=None
        The crystal; None is ``Lattice.ybco(pixel_size=0.2)``. Where it has a mask, there are atoms
        only inside.
    shape : tuple of two int, default=(256, 256)
        Rows and columns of the image.
    origin : tuple of two float, default=None
        Row and column of a corner of a cell, in pixels. None draws it, evenly over a cell.
    rotation : float, default=0.0
        In degrees, counter-clockwise as displayed with row 0 at the top.
    sigma : float, default=None
        Standard deviation of an atom in pixels; None is 0.18 of the nearest distance.
    amplitudes : mapping of str to float, default=None
        Height of the atoms by kind. Kinds that are not in it have ``(Z / Z_max) ** 1.7``, of the
        atomic numbers of their species and of the heaviest species.
    background : float, default=0.0
        Added everywhere.
    gradient : float, default=0.0
        Between -2 and 2, excluded: the intensity is multiplied by 1 - gradient / 2 at the left
        edge to 1 + gradient / 2 at the right edge, as on a wedge.
    jitter : float, default=0.0
        Displacement of the columns in pixels, rms along each axis. It is part of the truth.
    scan_jitter : float, default=0.0
        Shift of each row of pixels to the left or right, in pixels rms. It is not part of the
        truth: an atom appears shifted by the mean of its rows' shifts, about ``scan_jitter *
        sqrt(0.28 / sigma)`` rms.
    vacancy_fraction : float, default=0.0
        Share of the atoms in the field that are missing, from 0 to 1.
    amorphous_pockets : int or iterable of (row, col, radius), default=0
        Discs in which the crystal is amorphous, in pixels. Of a number of them, places and radii
        (0.1 to 0.2 of the shorter side) are drawn, without overlap and inside the field.
    amorphous_displacement : float, default=None
        Displacement of the columns in the pockets in pixels, rms along each axis, on top of
        `jitter`. None is 0.15 of the nearest distance. It is part of the truth.
    amorphous_fade : float, default=0.5
        By this, from 0 to 1, the height of the light columns in the pockets is multiplied: of
        the kinds with less than half the greatest amplitude (in YBa2Cu3O7, Cu).
    amorphous_background : float, default=0.15
        Diffuse intensity added in the pockets, with an edge as soft as half the nearest distance.
    dose : float, default=None
        Mean number of electrons per pixel: pixels become Poisson counts, scaled back to the
        intensities. None is no counting.
    noise : float, default=0.0
        Standard deviation of Gaussian noise, by the range (maximum less minimum) of the image
        without it and without counting: that of an image scaled to [0, 1].
    random_state : int, Generator or None, default=None
        Seed of all that is drawn; the same seed gives the same scene.

    Returns
    -------
    scene : Scene
        The image, float32, in units of the amplitudes. `positions` are those of the atoms with
        ``0 <= row <= n_rows - 1`` and likewise for the column; atoms beyond, up to 5 sigma, are
        in the image only. `vacancies` are the places where atoms are missing.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be, or the lattice does not fit the shape.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> scene = make_scene(shape=(128, 128), noise=0.1, random_state=0)
    >>> scene.image.shape, len(scene.positions)
    ((128, 128), 84)
    """
    lattice = Lattice.ybco(pixel_size=0.2) if lattice is None else lattice
    if not isinstance(lattice, Lattice):
        raise TypeError(f"lattice must be a Lattice or None, got {lattice!r}.")
    lattice.n_expected(shape)  # refuses a shape that is none, or that does not fit
    spacing = lattice.nearest_distance
    if sigma is None:
        sigma = SIGMA_SHARE * spacing
    sigma = check_real(sigma, name="sigma", low=0, low_included=False)
    if amorphous_displacement is None:
        amorphous_displacement = _DISPLACEMENT_SHARE * spacing
    displacement = check_real(amorphous_displacement, name="amorphous_displacement", low=0)
    fade = check_real(amorphous_fade, name="amorphous_fade", low=0, high=1)
    diffuse = check_real(amorphous_background, name="amorphous_background", low=0)
    background = check_real(background, name="background", low=0)
    jitter = check_real(jitter, name="jitter", low=0)
    scan_jitter = check_real(scan_jitter, name="scan_jitter", low=0)
    vacancy_fraction = check_real(vacancy_fraction, name="vacancy_fraction", low=0, high=1)
    height_of = kind_heights(lattice, amplitudes)
    ramp = _ramp(shape[1], gradient)
    place, move, drop, disorder, scan, counting = streams(random_state, 6)

    pockets = _as_pockets(amorphous_pockets, shape, disorder)
    reach = CUTOFF * sigma + FARTHEST * (jitter + displacement * (len(pockets) > 0) + scan_jitter)
    points, kinds = _lay_atoms(lattice, shape, origin, rotation, reach, place)
    in_pocket = _within(points, pockets)
    points = points + jitter * move.normal(size=points.shape)
    points = points + displacement * in_pocket[:, None] * disorder.normal(size=points.shape)
    heights = np.array([height_of[str(kind)] for kind in kinds])
    light = heights < _LIGHT * max(height_of.values())
    heights[in_pocket & light] *= fade

    field = np.flatnonzero(((points >= 0) & (points <= np.array(shape) - 1)).all(axis=1))
    missing = drop.permutation(field)[: round(vacancy_fraction * len(field))]
    there = np.ones(len(points), dtype=np.bool_)
    there[missing] = False
    true = field[there[field]]

    shifts = scan_jitter * scan.normal(size=shape[0])
    grid = PixelGrid(shape, Scan(shape, shifts) if scan_jitter else None)
    image = grid.render(points[there], heights[there], sigma) + background
    mask = _within(np.indices(shape).reshape(2, -1).T, pockets).reshape(shape)
    if len(pockets):
        image += diffuse * ndimage.gaussian_filter(mask.astype(np.float64), spacing / 2)
    image = expose(image * ramp, dose, noise, counting)
    return Scene(
        image=image.astype(np.float32),
        positions=points[true],
        kinds=kinds[true],
        lattice=lattice,
        description=_describe(lattice, len(pockets), len(missing), dose, noise),
        amorphous_mask=mask if len(pockets) else None,
        vacancies=points[np.sort(missing)] if len(missing) else None,
        field_mask=lattice.mask,
        displacement=grid.displacement,
        sample_positions=points[true] if scan_jitter else None,
    )


def _ramp(n_cols: int, gradient: float) -> FloatArray:
    gradient = check_real(gradient, name="gradient", low=-2, high=2)
    if abs(gradient) == 2:
        raise ValueError(f"gradient must be between -2 and 2, both excluded, got {gradient:g}.")
    return 1 + gradient * np.linspace(-0.5, 0.5, n_cols)


def _lay_atoms(
    lattice: Lattice,
    shape: tuple[int, int],
    origin: tuple[float, float] | None,
    rotation: float,
    reach: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, NDArray[np.str_]]:
    if origin is None:
        origin = draw_origin(lattice, rng)
    points, kinds = lattice.positions(shape, origin=origin, rotation=rotation, margin=reach)
    if lattice.mask is not None:
        row, col = np.clip(np.rint(points).astype(int), 0, np.array(shape) - 1).T
        in_crystal = lattice.mask[row, col]
        points, kinds = points[in_crystal], kinds[in_crystal]
    return points, kinds


def _as_pockets(
    pockets: int | Iterable[Pocket], shape: tuple[int, int], rng: np.random.Generator
) -> FloatArray:
    """Table (n, 3) of the discs: row, col, radius."""
    if not isinstance(pockets, Iterable):
        return _draw_pockets(check_integer(pockets, name="amorphous_pockets", low=0), shape, rng)
    table = [list(pocket) for pocket in pockets]
    for i, pocket in enumerate(table):
        name = f"amorphous_pockets[{i}]"
        if len(pocket) != 3:
            raise ValueError(f"{name} must be (row, col, radius), got {pocket!r}.")
        row, col = (check_real(value, name=f"{name} (row, col)") for value in pocket[:2])
        radius = check_real(pocket[2], name=f"{name} radius", low=0, low_included=False)
        outside = np.array([row, col]) - np.clip([row, col], 0, np.array(shape) - 1)
        if np.hypot(*outside) > radius:
            raise ValueError(f"{name} = {tuple(pocket)} lies outside the image of shape {shape}.")
    return np.array(table, dtype=np.float64).reshape(-1, 3)


def _draw_pockets(n: int, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    drawn = np.empty((0, 3))
    side = min(shape)
    for _ in range(_PLACING_TRIALS):
        if len(drawn) == n:
            return drawn
        radius = rng.uniform(0.1, 0.2) * side
        row, col = (rng.uniform(radius, length - 1 - radius) for length in shape)
        if (np.hypot(drawn[:, 0] - row, drawn[:, 1] - col) > drawn[:, 2] + radius).all():
            drawn = np.vstack([drawn, (row, col, radius)])
    raise ValueError(
        f"amorphous_pockets={n} do not fit beside one another into an image of shape {shape}; ask "
        "for fewer, or give them as a list of (row, col, radius)."
    )


def _within(
    points: NDArray[np.floating] | NDArray[np.integer], pockets: FloatArray
) -> NDArray[np.bool_]:
    inside = np.zeros(len(points), dtype=np.bool_)
    for row, col, radius in pockets:
        inside |= (points[:, 0] - row) ** 2 + (points[:, 1] - col) ** 2 <= radius**2
    return inside


def _describe(
    lattice: Lattice, n_pockets: int, n_missing: int, dose: float | None, noise: float
) -> str:
    parts = [f"Gaussian atoms {'/'.join(lattice.kinds)}"]
    parts += [f"{n_missing} vacancies"] if n_missing else []
    parts += [f"{n_pockets} amorphous pockets"] if n_pockets else []
    parts += [f"{dose:g} electrons per pixel"] if dose is not None else []
    parts += [f"noise {noise:g}"] if noise else []
    return ", ".join(parts)
