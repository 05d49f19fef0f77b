"""Fields of simulated and real micrographs as pictures, beside the truth where there is one.

Run ``python benches/fields_pictures.py FOLDER [strain wall barium dislocation twin silicon grains
residual
...]``; without names all of them. Figures are printed as well. Real micrographs are read from
``../shared/data/real``, and left out where that is absent.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from logstar import AtomFinder, Lattice
from logstar.datasets import load_ybco
from logstar.datasets._grains import kind_heights
from logstar.datasets._rendering import PixelGrid
from logstar.fields import StrainField, VectorField, polarization, strain
from logstar.inspection import FieldMapDisplay, ResidualDisplay
from logstar.inspection._field_map import STRAIN_TITLES
from logstar.inspection._image import draw_image
from logstar.io import read_image
from logstar.lattice import Column, LatticeIndexer

mpl.use("Agg")
import matplotlib.pyplot as plt

FloatArray = NDArray[np.float64]

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)
EDGE = 3.905 / 0.2
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
NOISE = 0.05
#: Atoms are drawn so far beyond the frame, in pixels.
MARGIN = 40


def micrograph(
    positions: FloatArray, kinds: NDArray[np.str_], side: int, lattice: Lattice = CRYSTAL
) -> FloatArray:
    """An image of these atoms, those beyond the frame included, with white noise."""
    heights = kind_heights(lattice, None)
    sigma = 0.18 * lattice.nearest_distance if lattice.kinds != ("Si",) else 3.2
    image = 0.1 + PixelGrid((side, side)).render(
        positions, np.array([heights[kind] for kind in kinds]), sigma
    )
    return image + np.random.default_rng(0).normal(0, NOISE, image.shape)


def sites(side: int, **options: Any) -> tuple[FloatArray, NDArray[np.str_]]:
    positions, kinds = CRYSTAL.positions((side + 2 * MARGIN, side + 2 * MARGIN), **options)
    return positions - MARGIN, kinds


def measured(image: FloatArray, lattice: Any = CRYSTAL) -> tuple[AtomFinder, LatticeIndexer]:
    finder = AtomFinder(lattice, calibration="keep" if lattice is CRYSTAL else "auto").fit(image)
    return finder, finder.index()


def strain_of_an_inclusion(folder: Path) -> None:
    """A misfit inclusion, stretched by 3 % in its middle and turned; the truth; what is between."""
    side, width, middle = 512, 90.0, np.array([256.0, 256.0])
    stretch, turn = np.array([[0.03, 0.012], [0.012, -0.02]]), np.radians(1.2)
    linear = stretch + np.array([[0, turn], [-turn, 0]])

    def displaced(places: FloatArray) -> FloatArray:
        off = places - middle
        fall = np.exp(-(off**2).sum(axis=1, keepdims=True) / (2 * width**2))
        return places + fall * (off @ linear.T)

    def gradient(places: FloatArray) -> FloatArray:
        """F (n, 2, 2) in (x, y)."""
        off = places - middle
        fall = np.exp(-(off**2).sum(axis=1) / (2 * width**2))[:, None, None]
        moved = off @ linear.T
        by_row_col = np.eye(2) + fall * (linear - moved[:, :, None] * off[:, None, :] / width**2)
        return by_row_col[:, ::-1, ::-1]

    positions, kinds = sites(side)
    moved = displaced(positions)
    finder, indexer = measured(micrograph(moved, kinds, side))
    atoms = finder.atoms_.positions
    # Where each atom was before, by the nearest of the displaced.
    nearest = np.array([np.hypot(*(moved - atom).T).argmin() for atom in atoms])
    undisturbed = np.hypot(*(atoms - middle).T) > 2.6 * width
    field = strain(indexer, finder.refinement_, reference=undisturbed)
    F = gradient(positions[nearest[field.atoms]])
    tensor = (F + F.swapaxes(1, 2)) / 2 - np.eye(2)
    truth = np.column_stack(
        [tensor[:, 0, 0], tensor[:, 1, 1], tensor[:, 0, 1],
         np.degrees((F[:, 0, 1] - F[:, 1, 0]) / 2)]
    )  # fmt: skip
    true = dataclasses.replace(field, components=truth)
    rest = dataclasses.replace(field, components=field.components - truth)
    figure = plt.figure(figsize=(17, 12.4), layout="constrained")
    for row, (title, one) in enumerate({"measured": field, "truth": true, "off": rest}.items()):
        for i, name in enumerate(STRAIN_TITLES):
            ax = figure.add_subplot(3, 4, 4 * row + i + 1)
            limit = float(np.abs(truth[:, i]).max()) * (1 if name == "rotation" else 100)
            FieldMapDisplay(one, component=name, image=finder.image_).plot(ax, limit=limit)
            ax.set_title(f"{title}: {ax.get_title(loc='left')}", loc="left")
    figure.savefig(folder / "strain.png", dpi=80)
    z = rest.components / field.errors
    inner = np.isfinite(z).all(axis=1)
    in_errors = np.sqrt((z[inner] ** 2).mean(axis=0)).round(3)
    off = np.sqrt((rest.components[inner] ** 2).mean(axis=0)) * [100, 100, 100, 1]
    print(f"strain: {inner.sum()} atoms; root mean squares of what is off in errors: {in_errors}; "
          f"in % and degrees: {off.round(3)}")  # fmt: skip


def polarization_at_a_wall(folder: Path) -> None:
    """A ferroelectric: B columns are displaced, by a wall of 90 and one of 180 degrees."""
    side = 400
    positions, kinds = sites(side, rotation=4.0)
    shift = ferroelectric(positions)
    moved = positions + np.where(kinds[:, None] == "B", shift, 0.0)
    finder, indexer = measured(micrograph(moved, kinds, side))
    field = polarization(indexer, finder.refinement_)
    truth = ferroelectric(field.positions)
    known = np.isfinite(field.vectors).all(axis=1)
    z = (field.vectors - truth)[known] / field.errors[known]
    figure = plt.figure(figsize=(15, 8.2), layout="constrained")
    true = dataclasses.replace(field, vectors=np.where(known[:, None], truth, np.nan))
    for i, (title, one) in enumerate({"measured": field, "truth": true}.items(), start=1):
        ax = figure.add_subplot(1, 2, i)
        FieldMapDisplay(one, image=finder.image_).plot(ax, limit=0.25)
        ax.set_title(f"{title}", loc="left")
    figure.savefig(folder / "wall.png", dpi=80)
    print(f"wall: {known.sum()} columns, spread in errors {z.std(axis=0).round(3)}, "
          f"mean {z.mean(axis=0).round(3)}; {field.zero_test()}")  # fmt: skip


def ferroelectric(places: FloatArray) -> FloatArray:
    """Displacement of B: left up, right down, below to the right; walls are a cell wide."""
    row, col = places.T
    down = np.tanh((col - 200) / EDGE)
    below = (1 + np.tanh((row - 270) / EDGE)) / 2
    return 0.9 * np.column_stack([(1 - below) * down, below])


def polarization_of_barium_titanate(folder: Path) -> None:
    """The real one, filtered by its author."""
    path = DATA / "baghizadeh_BTO_crystal_1.dm4"
    if not path.exists():
        print(f"barium is left out: there is no {path}")
        return
    image = read_image(path)
    finder = AtomFinder(Lattice.perovskite(3.86, a_site="Ba", b_site="Ti", pixel_size="0.2966 A"))
    finder.fit(image)
    indexer = finder.index()
    field = polarization(indexer, finder.refinement_)
    figure = plt.figure(figsize=(16, 8), layout="constrained")
    FieldMapDisplay(field, image=finder.image_).plot(figure.add_subplot(1, 2, 1))
    lengths = _lengths(field)
    ax = figure.add_subplot(1, 2, 2)
    ax.hist(lengths, bins=40)
    ax.set_xlabel(f"length ({field.unit})")
    figure.savefig(folder / "barium.png", dpi=80)
    error = np.nanmedian(field.errors)
    print(f"barium: {finder.verdict_}; {len(finder.atoms_)} atoms; {field}; median length "
          f"{np.median(lengths):.3f} {field.unit}, median error {error:.3f} px; "
          f"{field.zero_test()}")  # fmt: skip


def _lengths(field: VectorField) -> FloatArray:
    lengths = np.hypot(*field.in_units.T)
    return lengths[np.isfinite(lengths)]


def dislocation(folder: Path) -> None:
    """An edge dislocation by isotropic elasticity, Burgers vector a."""
    side, middle = 400, np.array([203.0, 197.0])
    positions, kinds = sites(side)
    y, x = (positions - middle).T
    nu, square = 0.3, x**2 + y**2
    ux = EDGE / (2 * np.pi) * (np.arctan2(y, x) + x * y / (2 * (1 - nu) * square))
    uy = (
        -EDGE
        / (2 * np.pi)
        * ((1 - 2 * nu) / (4 * (1 - nu)) * np.log(square) + (x**2 - y**2) / (4 * (1 - nu) * square))
    )
    uy -= np.median(uy)
    image = micrograph(positions + np.column_stack([uy, ux]), kinds, side)
    finder, indexer = measured(image)
    field = strain(indexer, finder.refinement_)
    _draw_sites(folder / "dislocation.png", finder, indexer, (field, "e_xx"))
    steps = sorted({tuple(np.abs(step).tolist()) for step in indexer.conflict_cells_})
    print(f"  conflicts are by {steps} cells")
    _told("dislocation", finder, indexer)


def twin(folder: Path) -> None:
    """A sheared perovskite (86 degrees) and its mirror image: the lattice goes on over the wall."""
    side = 400
    lattice = Lattice(3.905, 3.905, 86.0, columns=CRYSTAL.columns, pixel_size=0.2)
    positions, kinds = lattice.positions((side + 2 * MARGIN, side + 2 * MARGIN))
    atoms = positions - MARGIN
    # The first edge lies along columns: rows of the crystal are rows of the image.
    wall = atoms[np.abs(atoms[:, 0] - side / 2).argmin(), 0]
    upper = atoms[:, 0] <= wall + 1e-6
    below = atoms[:, 0] < wall - 1e-6
    points = np.concatenate([atoms[upper], atoms[below] * (-1, 1) + (2 * wall, 0)])
    names = np.concatenate([kinds[upper], kinds[below]])
    finder = AtomFinder(lattice, calibration="keep").fit(micrograph(points, names, side))
    indexer = _indexed(finder, lattice)
    field = strain(indexer, finder.refinement_, reference=finder.atoms_["row"] < wall - 50)
    _draw_sites(folder / "twin.png", finder, indexer, (field, "e_xy"))
    _told("twin", finder, indexer)
    far = np.abs(field.positions[:, 0] - wall) > 30
    for where, some in (
        ("above", field.positions[:, 0] < wall),
        ("below", field.positions[:, 0] > wall),
    ):
        shear, turn = np.nanmedian(field.components[some & far][:, 2:], axis=0)
        print(f"  {where}: e_xy {100 * shear:.2f} %, rotation {turn:.2f} degrees")
    print(f"  to expect below: e_xy {100 * np.tan(np.radians(4)):.2f} % in size, rotation "
          f"{np.degrees(np.tan(np.radians(4))):.2f} degrees")  # fmt: skip


def twin_of_silicon(folder: Path) -> None:
    """A coherent {111} twin of Si along [110], whose halves are two grains."""
    side, pixel = 400, 0.12
    columns = [Column("Si", "Si", u, v) for u, v in ((0, 0), (0.25, 0), (0.5, 0.5), (0.75, 0.5))]
    lattice = Lattice(5.431, 3.840, columns=columns, pixel_size=pixel)
    positions, kinds = lattice.positions((side + 8 * MARGIN, side + 8 * MARGIN))
    atoms = positions - 4 * MARGIN
    a, b = lattice.vectors
    along = (a + b) / np.linalg.norm(a + b)
    across = np.array([-along[1], along[0]])
    height = atoms @ across
    # Planes lie in pairs; the mirror is in the middle of the wide gap between two pairs.
    start = height[np.hypot(*(atoms - side / 2).T).argmin()]
    planes = np.unique(np.round(height[np.abs(height - start) < 6 / pixel], 3))
    wide = int(np.argmax(np.diff(planes)))
    wall = planes[wide : wide + 2].mean()
    kept = height < wall
    mirrored = atoms[kept] + 2 * (wall - height[kept])[:, None] * across
    points, names = np.concatenate([atoms[kept], mirrored]), np.tile(kinds[kept], 2)
    finder = AtomFinder(lattice, calibration="keep").fit(micrograph(points, names, side, lattice))
    indexer = _indexed(finder, lattice)
    _draw_sites(folder / "silicon.png", finder, indexer)
    _told("silicon", finder, indexer)
    print(f"  to expect between them: {2 * np.degrees(np.arctan2(3.840, 5.431)):.2f} degrees")


def _indexed(finder: AtomFinder, lattice: Lattice) -> LatticeIndexer:
    refined = finder.refinement_
    assert refined is not None
    return LatticeIndexer(lattice).fit(refined.atoms, intensities=refined.amplitudes)


def grains(folder: Path) -> None:
    """Two grains, turned by 20 degrees against one another."""
    side = 400
    halves = []
    for turn, sign in ((4.0, 1), (24.0, -1)):
        positions, kinds = sites(side, rotation=turn)
        mine = sign * (positions[:, 1] - side / 2 - 0.2 * (positions[:, 0] - side / 2)) < -4
        halves.append((positions[mine], kinds[mine]))
    points, names = (np.concatenate(parts) for parts in zip(*halves, strict=True))
    finder = AtomFinder(CRYSTAL, calibration="keep").fit(micrograph(points, names, side))
    indexer = _indexed(finder, CRYSTAL)
    _draw_sites(folder / "grains.png", finder, indexer)
    _told("grains", finder, indexer)


def _told(name: str, finder: AtomFinder, indexer: LatticeIndexer) -> None:
    sizes = np.bincount(indexer.components_[indexer.components_ >= 0])
    turns = [np.degrees(np.arctan2(-v[0, 0], v[0, 1])).round(2) for v in indexer.vectors_]
    print(f"{name}: {len(finder.atoms_)} atoms, components of {sizes.tolist()}, turned by {turns} "
          f"degrees, {len(indexer.conflicts_)} conflicts, {len(indexer.extras_)} extras, "
          f"{len(indexer.vacancies_)} vacancies")  # fmt: skip


def _draw_sites(
    path: Path,
    finder: AtomFinder,
    indexer: LatticeIndexer,
    beside: tuple[StrainField, str] | None = None,
) -> None:
    """Atoms in the colour of their component, conflicts as red lines, vacancies as squares."""
    figure = plt.figure(figsize=(16.8 if beside else 8.4, 8.4), layout="constrained")
    ax = figure.add_subplot(1, 2 if beside else 1, 1)
    draw_image(ax, finder.image_)
    atoms = finder.atoms_.positions
    colors = np.array(["#19c8ff", "#ffb000", "#7cff6b", "#d58bff", "#ffffff"])
    inside = indexer.components_ >= 0
    ax.scatter(
        atoms[inside, 1], atoms[inside, 0], s=np.where(indexer.kinds_[inside] == "A", 26, 9),
        c=colors[np.minimum(indexer.components_[inside], 4)], linewidths=0,
    )  # fmt: skip
    ax.plot(atoms[~inside, 1], atoms[~inside, 0], "x", color="white")
    for pair in indexer.conflicts_:
        ax.plot(atoms[pair, 1], atoms[pair, 0], color="#ff2a1f", lw=2.2)
    ax.plot(*indexer.vacancies_.T[::-1], "s", mfc="none", mec="#ff2a1f")
    if beside:
        field, name = beside
        map_of = FieldMapDisplay(field, component=name, image=finder.image_)
        map_of.plot(figure.add_subplot(1, 2, 2), limit=8)
    figure.savefig(path, dpi=80)


def residual(folder: Path) -> None:
    """What the fit leaves of the shipped micrograph."""
    scene = load_ybco(noisy=True)
    finder = AtomFinder(scene.lattice).fit(scene.image)
    assert finder.refinement_ is not None
    ResidualDisplay(finder.refinement_, scene.image, pixel_size=scene.pixel_size).save(
        folder / "residual.png"
    )


def main() -> None:
    parts: dict[str, Callable[[Path], None]] = {
        "strain": strain_of_an_inclusion,
        "wall": polarization_at_a_wall,
        "barium": polarization_of_barium_titanate,
        "dislocation": dislocation,
        "twin": twin,
        "silicon": twin_of_silicon,
        "grains": grains,
        "residual": residual,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", help="pictures to draw, instead of all")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(parts):
        parser.error(f"no pictures {', '.join(sorted(unknown))}; there are {', '.join(parts)}.")
    args.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name in args.parts or parts:
        parts[name](args.folder)


if __name__ == "__main__":
    main()
