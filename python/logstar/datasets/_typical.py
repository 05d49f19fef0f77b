"""A collection of what micrographs show, each kind with as many variants as there are seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from logstar._validation import check_integer
from logstar.lattice import Column, Lattice
from logstar.lattice._field_of_view import as_shape

from ._base import Scene
from ._composition import compose_scene
from ._grains import Dopant, Grain
from ._particles import decahedron
from ._plane import Region
from ._scan import ScanDistortion
from ._scene import make_scene
from ._single_atoms import SingleAtoms
from ._surroundings import AmorphousSupport, Blob, Streaks
from ._typical_crystals import chalcogen_height, gold_110, gold_111, mos2, zinc_blende_110

Shape: TypeAlias = tuple[int, int]
Maker: TypeAlias = Callable[[Shape, np.random.Generator], Scene]

#: The smallest image in which a grain, a particle or a hole still has a few cells.
_SMALLEST = 128
#: Of most scenes: intensity between the columns, in units of the brightest ones.
_BACKGROUND = 0.15
#: Of most scenes: mean number of electrons per pixel, as in a good micrograph.
_DOSE = 60.0
#: Of most scenes: displacement of columns in pixels, rms along each axis.
_JITTER = 0.25


def typical_scene_kinds() -> dict[str, str]:
    """Name the kinds of scenes of `make_typical_scene`.

    Returns
    -------
    kinds : dict of str to str
        Name and what it shows.

    Examples
    --------
    >>> from logstar.datasets import typical_scene_kinds
    >>> kinds = typical_scene_kinds()
    >>> len(kinds), kinds["twin"]
    (21, 'A coherent twin boundary of gold along [110].')
    """
    return {name: (maker.__doc__ or "").strip() for name, maker in _KINDS.items()}


def make_typical_scene(
    kind: str, shape: tuple[int, int] = (512, 512), *, random_state: int = 0
) -> Scene:
    """Simulate one of the kinds of micrographs that microscopists take, with exact truth.

    Parameters
    ----------
    kind : str
        One of `typical_scene_kinds`.
    shape : tuple of two int, default=(512, 512)
        Rows and columns of the image, at least 128.
    random_state : int, default=0
        Which variant: another place, orientation, size and noise; the same number gives the same
        scene.

    Returns
    -------
    scene : Scene
        The image and the truth about it.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import make_typical_scene
    >>> scene = make_typical_scene("five_fold_particle", (256, 256))
    >>> scene
    Scene(256 x 256 px, 0.2 A/px, 226 atoms: 5 grains of Au, 60 electrons per pixel)
    """
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}; got {kind!r}.")
    n_rows, n_cols = as_shape(shape)
    if min(n_rows, n_cols) < _SMALLEST:
        raise ValueError(f"shape must be at least {_SMALLEST} both ways, got {shape}.")
    seed = check_integer(random_state, name="random_state", low=0)
    # By the name as well, so that two kinds with the same number have nothing in common.
    rng = np.random.default_rng([seed, *kind.encode()])
    return _KINDS[kind]((n_rows, n_cols), rng)


def _defects(shape: Shape, rng: np.random.Generator) -> Scene:
    """MoS2 doped with W and Se, with vacancies."""
    grain = Grain(
        mos2(0.15),
        rotation=rng.uniform(0, 60),
        amplitudes={"S2": chalcogen_height()},
        sigma=2.2,
        jitter=_JITTER,
        vacancy_fraction=0.03,
        dopants=(Dopant("W", "Mo", 0.04), Dopant("Se", "S2", 0.04)),
    )
    return compose_scene(
        shape, [grain], background=_BACKGROUND, dose=_DOSE, noise=0.02, random_state=rng
    )


def _amorphous(shape: Shape, rng: np.random.Generator) -> Scene:
    """YBa2Cu3O7 with three amorphous pockets."""
    return make_scene(
        Lattice.ybco(0.2),
        shape,
        rotation=rng.uniform(0, 90),
        amorphous_pockets=3,
        background=_BACKGROUND,
        jitter=_JITTER,
        dose=_DOSE,
        random_state=rng,
    )


def _grains(shape: Shape, rng: np.random.Generator) -> Scene:
    """Three grains of gold of any misorientation, meeting in a point."""
    middle = tuple((rng.uniform(0.35, 0.65, size=2) * shape).tolist())
    turn = rng.uniform(0, 360)
    parts = []
    for i in range(3):
        facing = turn + 120 * i
        wedge = Region.half_plane(middle, facing + 150) & Region.half_plane(middle, facing - 150)
        parts.append(
            Grain(
                gold_110(0.15),
                wedge,
                rotation=rng.uniform(0, 180),
                brightness=rng.uniform(0.8, 1),
                jitter=_JITTER,
            )
        )
    return compose_scene(shape, parts, background=_BACKGROUND, dose=_DOSE, random_state=rng)


def _twin(shape: Shape, rng: np.random.Generator) -> Scene:
    """A coherent twin boundary of gold along [110]."""
    middle = tuple((rng.uniform(0.4, 0.6, size=2) * shape).tolist())
    lattice = gold_110(0.15)
    rotation = rng.uniform(0, 180)
    # The trace of {111} is the diagonal of the cell.
    boundary = rotation - np.degrees(np.arctan2(lattice.b, lattice.a))
    region = Region.half_plane(middle, boundary + 90)
    grain = Grain(lattice, region, rotation=rotation, origin=middle, jitter=_JITTER)
    return compose_scene(
        shape,
        [grain, grain.twin(middle, boundary)],
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _interface(shape: Shape, rng: np.random.Generator) -> Scene:
    """A film of YBa2Cu3O7 on SrTiO3: two phases with a straight interface."""
    middle = tuple((rng.uniform(0.4, 0.6, size=2) * shape).tolist())
    rotation = rng.uniform(-15, 15)
    film = Region.half_plane(middle, rotation - 90)
    return compose_scene(
        shape,
        [
            Grain(Lattice.ybco(0.2), film, rotation=rotation, origin=middle, jitter=_JITTER),
            Grain(
                Lattice.perovskite(3.905, 0.2),
                ~film,
                rotation=rotation,
                brightness=0.75,
                jitter=_JITTER,
            ),
        ],
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _affine_drift(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3, sheared and stretched by steady drift and a skewed scan, with jitter of rows."""
    drift = tuple((rng.uniform(-0.08, 0.08, size=2) * min(shape)).tolist())
    skew = rng.uniform(-0.04, 0.04, size=2).tolist()
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        scan=ScanDistortion(
            drift=drift, affine=((1 + skew[0], 0), (skew[1], 1 - skew[0])), row_jitter=0.5
        ),
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _bent_drift(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 under a drift that changes its direction, slowly, by several pixels."""
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        scan=ScanDistortion(bend=rng.uniform(0.005, 0.01) * min(shape), row_jitter=0.3),
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _particle(shape: Shape, rng: np.random.Generator) -> Scene:
    """A facetted particle of gold along [110] in vacuum."""
    middle = tuple((rng.uniform(0.45, 0.55, size=2) * shape).tolist())
    lattice = gold_110(0.2)
    rotation = rng.uniform(0, 180)
    # Facets {111} and {001}.
    oblique = 90 - np.degrees(np.arctan2(lattice.b, lattice.a))
    facing = rotation + np.array([0, oblique, 180 - oblique, 180, 180 + oblique, -oblique])
    distances = min(shape) * rng.uniform(0.24, 0.34, size=6)
    grain = Grain(
        lattice,
        Region.facetted(middle, distances, facing),
        rotation=rotation,
        taper=0.12 * min(shape),
        jitter=_JITTER,
    )
    return compose_scene(shape, [grain], background=0.1, dose=_DOSE, random_state=rng)


def _five_fold_particle(shape: Shape, rng: np.random.Generator) -> Scene:
    """A five-fold twinned particle of gold along its axis, in vacuum."""
    middle = tuple((rng.uniform(0.45, 0.55, size=2) * shape).tolist())
    radius = rng.uniform(0.28, 0.36) * min(shape)
    parts = decahedron(
        4.08,
        0.2,
        middle,
        radius,
        rotation=rng.uniform(0, 72),
        taper=0.5 * radius,
        jitter=_JITTER,
    )
    return compose_scene(shape, parts, background=0.1, dose=_DOSE, random_state=rng)


def _supported_particle(shape: Shape, rng: np.random.Generator) -> Scene:
    """A facetted particle of gold on uneven amorphous carbon."""
    middle = tuple((rng.uniform(0.4, 0.6, size=2) * shape).tolist())
    distances = min(shape) * rng.uniform(0.22, 0.32, size=6)
    grain = Grain(
        gold_110(0.2),
        Region.facetted(middle, distances, rng.uniform(0, 60) + 60 * np.arange(6)),
        rotation=rng.uniform(0, 180),
        taper=0.12 * min(shape),
        jitter=_JITTER,
    )
    film = AmorphousSupport(height=0.3, unevenness=0.2, texture=0.06, grain=2.5)
    return compose_scene(shape, [grain], support=film, dose=_DOSE, random_state=rng)


def _flake_edge(shape: Shape, rng: np.random.Generator) -> Scene:
    """A monolayer of MoSe2 that ends in the field: vacuum beyond two edges."""
    facing = rng.uniform(0, 360)
    middle = tuple((rng.uniform(0.4, 0.6, size=2) * shape).tolist())
    flake = Region.half_plane(middle, facing) & Region.half_plane(
        middle, facing + rng.uniform(30, 70)
    )
    grain = Grain(
        mos2(0.18, chalcogen="Se"),
        flake,
        rotation=rng.uniform(0, 60),
        amplitudes={"Se2": chalcogen_height(chalcogen="Se")},
        sigma=2.1,
        jitter=_JITTER,
    )
    return compose_scene(shape, [grain], background=0.1, dose=_DOSE, noise=0.03, random_state=rng)


def _holes(shape: Shape, rng: np.random.Generator) -> Scene:
    """A monolayer of WSe2 with holes, from a few cells to some 100 px."""
    side = min(shape)
    sheet = ~Region.disc((-9.0 * side, -9.0 * side), 1.0)
    for radius in (0.1 * side, 0.06 * side, 16.0, 12.0):
        place = tuple(rng.uniform(radius, n - radius) for n in shape)
        sheet &= ~Region.disc(place, radius)
    grain = Grain(
        mos2(0.18, metal="W", chalcogen="Se"),
        sheet,
        rotation=rng.uniform(0, 60),
        amplitudes={"Se2": chalcogen_height("W", "Se")},
        sigma=2.1,
        jitter=_JITTER,
    )
    return compose_scene(shape, [grain], background=0.1, dose=_DOSE, noise=0.02, random_state=rng)


def _contaminated(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 under smooth bright patches through which its columns can be seen."""
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        contamination=[Blob(height=0.9), Blob(height=0.6)],
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _saturated(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 under a patch so bright that the detector is saturated in its core."""
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        contamination=[Blob(height=4.0)],
        saturation=2.2,
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _streaks(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 with bright streaks along the rows."""
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        contamination=[Streaks(8, height=1.2, length=0.25 * shape[1])],
        background=_BACKGROUND,
        dose=_DOSE,
        random_state=rng,
    )


def _dumbbells(shape: Shape, rng: np.random.Generator) -> Scene:
    """CdTe along [110]: pairs of columns that are hardly resolved."""
    lattice = zinc_blende_110(6.48, "Cd", "Te", 0.25)
    grain = Grain(
        lattice,
        rotation=rng.uniform(0, 180),
        sigma=lattice.nearest_distance / rng.uniform(1.75, 2.0),
        jitter=_JITTER,
    )
    return compose_scene(shape, [grain], background=_BACKGROUND, dose=_DOSE, random_state=rng)


def _shoulders(shape: Shape, rng: np.random.Generator) -> Scene:
    """MoS2 so blurred that S2 is a shoulder beside Mo."""
    lattice = mos2(0.15)
    grain = Grain(
        lattice,
        rotation=rng.uniform(0, 60),
        amplitudes={"S2": chalcogen_height()},
        sigma=lattice.nearest_distance / rng.uniform(2.2, 2.4),
        jitter=_JITTER,
    )
    return compose_scene(shape, [grain], background=_BACKGROUND, dose=_DOSE, random_state=rng)


def _single_atoms(shape: Shape, rng: np.random.Generator) -> Scene:
    """Single heavy atoms on uneven amorphous carbon."""
    n_atoms = round(rng.uniform(3e-4, 5e-4) * shape[0] * shape[1])
    atoms = SingleAtoms(n_atoms, min_distance=9, sigma=2.0, brightness=1.0, spread=0.2)
    film = AmorphousSupport(height=1.5, unevenness=0.3, patch=70, texture=0.12, grain=2.2)
    return compose_scene(
        shape, [atoms], support=film, dose=_DOSE, line_noise=0.03, random_state=rng
    )


def _stm(shape: Shape, rng: np.random.Generator) -> Scene:
    """Au(111) by tunnelling: heights below 0, broad atoms, offsets of the lines, a tilted plane."""
    lattice = gold_111(0.2)
    grain = Grain(
        lattice,
        rotation=rng.uniform(0, 60),
        sigma=0.3 * lattice.nearest_distance,
        jitter=_JITTER,
        vacancy_fraction=0.01,
    )
    return compose_scene(
        shape,
        [grain],
        scan=ScanDistortion(bend=0.003 * min(shape)),
        background=-2.5,
        tilt=0.8,
        line_noise=0.06,
        noise=0.03,
        random_state=rng,
    )


def _dark_atoms(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 in annular bright field: dark atoms, oxygen among them."""
    oxygen = (Column("O", "O", 0.5, 0), Column("O", "O", 0, 0.5))
    metals = Lattice.perovskite(3.905, 0.12)
    lattice = Lattice(metals.a, metals.b, columns=metals.columns + oxygen, pixel_size=0.12)
    return compose_scene(
        shape,
        [
            Grain(
                lattice,
                rotation=rng.uniform(0, 90),
                amplitudes={"A": 1.0, "B": 0.8, "O": 0.45},
                jitter=_JITTER,
            )
        ],
        polarity="dark",
        background=1.8,
        dose=_DOSE,
        random_state=rng,
    )


def _low_dose(shape: Shape, rng: np.random.Generator) -> Scene:
    """SrTiO3 at a third to one and a half electrons per pixel."""
    return compose_scene(
        shape,
        [Grain(Lattice.perovskite(3.905, 0.2), rotation=rng.uniform(0, 90), jitter=_JITTER)],
        background=0.1,
        dose=rng.uniform(0.3, 1.5),
        random_state=rng,
    )


_KINDS: dict[str, Maker] = {
    "defects": _defects,
    "amorphous": _amorphous,
    "grains": _grains,
    "twin": _twin,
    "interface": _interface,
    "affine_drift": _affine_drift,
    "bent_drift": _bent_drift,
    "particle": _particle,
    "five_fold_particle": _five_fold_particle,
    "supported_particle": _supported_particle,
    "flake_edge": _flake_edge,
    "holes": _holes,
    "contaminated": _contaminated,
    "saturated": _saturated,
    "streaks": _streaks,
    "dumbbells": _dumbbells,
    "shoulders": _shoulders,
    "single_atoms": _single_atoms,
    "stm": _stm,
    "dark_atoms": _dark_atoms,
    "low_dose": _low_dose,
}
