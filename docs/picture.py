"""Draw the README's picture: ``python docs/picture.py`` writes ``docs/logstar.png``.

A simulated film with one edge dislocation, at few electrons per pixel: atoms with their standard
deviations, the strain that follows from them, and the fronts that the setting was chosen from.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import PercentFormatter
from PIL import Image

from logstar import AtomFinder, Lattice, ScaleSpaceCandidates, find_atoms
from logstar.fields import strain
from logstar.inspection import DetectionDisplay, FieldMapDisplay

CRYSTAL = Lattice.perovskite(3.905, pixel_size=0.2)
SIDE = 384  # px
#: Electrons in the brightest pixel.
DOSE = 20
#: Standard deviation of an atom, in px.
SIGMA = 2.9
HEIGHTS = {"A": 1.0, "B": 0.45}
BACKGROUND = 0.05
#: Where the dislocation is, in px.
CORE = (SIDE / 2 + 3.1, SIDE / 2 + 4.3)
POISSON_RATIO = 0.3
#: Upper left corner and side of the part that is enlarged, in px.
ZOOM = (228, 84, 72)
#: Ladders of sigmas whose fronts are drawn, by the sizes that the crystal lets expect.
LADDERS = (0.4, 0.5, 0.65, 0.9)
#: By how much standard deviations are enlarged, to be seen.
ENLARGED = 8


def displacement(points: np.ndarray) -> np.ndarray:
    """Give what an edge dislocation does to an isotropic crystal, as (row, col) in px."""
    edge = float(np.linalg.norm(CRYSTAL.vectors[0]))
    x, y = points[:, 1] - CORE[1], CORE[0] - points[:, 0]
    r2 = x * x + y * y
    stiffness = 2 * (1 - POISSON_RATIO)
    along = np.arctan2(y, x) + x * y / (stiffness * r2)
    across = -((1 - 2 * POISSON_RATIO) * np.log(r2 / edge**2) + (x * x - y * y) / r2) / (
        2 * stiffness
    )
    return edge / (2 * np.pi) * np.column_stack([-across, along])


def micrograph(rng: np.random.Generator) -> np.ndarray:
    """Count electrons of Gaussian atoms."""
    margin = 40
    atoms, kinds = CRYSTAL.positions((SIDE + 2 * margin, SIDE + 2 * margin))
    atoms = atoms - margin
    atoms = atoms + displacement(atoms)
    grid = np.arange(SIDE)
    heights = np.array([HEIGHTS[kind] for kind in kinds])
    # A Gaussian of row and column is a product, so that all atoms are one product of matrices.
    rows = np.exp(-((grid[:, None] - atoms[:, 0]) ** 2) / (2 * SIGMA**2))
    cols = np.exp(-((grid[:, None] - atoms[:, 1]) ** 2) / (2 * SIGMA**2))
    mean = BACKGROUND + (rows * heights) @ cols.T
    return rng.poisson(DOSE * mean).astype(np.float32)


def draw_zoom(ax: plt.Axes, found: AtomFinder) -> None:
    """Draw positions with ellipses of their standard deviations, enlarged."""
    row, col, side = ZOOM
    ax.imshow(found.image_, cmap="gray")
    atoms = found.atoms_
    for r, c, dr, dc in zip(
        atoms["row"], atoms["col"], atoms["row_error"], atoms["col_error"], strict=True
    ):
        wide, high = 2 * ENLARGED * dc, 2 * ENLARGED * dr
        ax.add_patch(Ellipse((c, r), wide, high, fc="none", ec="tab:orange", lw=1.3))
    ax.plot(atoms["col"], atoms["row"], ".", color="cyan", ms=3)
    ax.set(xlim=(col, col + side), ylim=(row + side, row), xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_color("tab:orange")
    error = np.nanmedian(np.concatenate([atoms["row_error"], atoms["col_error"]]))
    picometres = error * found.pixel_size_.to("pm").value
    ax.set_title(f"errors, {ENLARGED} times: median {picometres:.1f} pm", loc="left", fontsize=9)


def draw_fronts(ax: plt.Axes, found: AtomFinder) -> None:
    """Draw the exact front of several ladders of sigmas over all thresholds and overlaps."""
    expected = found.expectation_
    low, high = np.percentile(found.image_, (0.5, 99.5))
    scaled = np.clip((found.image_ - low) / (high - low), 0, 1)
    smallest, largest = expected.sigma_range
    ax.axvspan(0, expected.uncertainty, color="0.9", label="within its uncertainty")
    for number, share in enumerate(LADDERS):
        ladder = np.linspace(share * smallest, share * largest, 6)
        candidates = ScaleSpaceCandidates.from_image(
            scaled, ladder, threshold=0.01, exclude_border=1
        )
        front = candidates.pareto_front(
            n_expected=expected.n_expected,
            distance_sum=expected.distance_sum,
            threshold_range=(0.01, 0.5),
            max_overlaps=24,
        )
        order = np.argsort(front.qc)
        ax.step(
            np.abs(front.qc)[order], front.er[order], where="post", marker="o", ms=3,
            lw=1, color=plt.get_cmap("viridis")(number / len(LADDERS)),
            label=f"sigma {ladder[0]:.1f} to {ladder[-1]:.1f} px",
        )  # fmt: skip
    ax.plot(abs(found.qc_), found.er_, "*", color="tab:red", ms=13, label="chosen", clip_on=False)
    ax.set_title("fronts of number and distances", loc="left", fontsize=9)
    ax.set(xlabel="|QC|: deviation from the expected number", ylabel="ER: atoms too close")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlim=(-0.01, 0.5), ylim=(-0.01, 0.3))
    ax.legend(fontsize=8, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)


def draw(path: Path) -> AtomFinder:
    """Draw everything into a file, and give what was found."""
    found = find_atoms(micrograph(np.random.default_rng(0)), lattice=CRYSTAL, calibration="keep")
    figure = plt.figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplot_mosaic(
        [["image", "zoom", "strain"], ["image", "front", "front"]], width_ratios=(2.1, 1, 1.1)
    )
    atoms = found.atoms_.positions
    DetectionDisplay(found.image_, atoms, pixel_size=found.pixel_size_).plot(axes["image"])
    row, col, side = ZOOM
    axes["image"].add_patch(Rectangle((col, row), side, side, fc="none", ec="tab:orange", lw=1.5))
    draw_zoom(axes["zoom"], found)
    FieldMapDisplay(strain(found.index(), found.atoms_), component="e_xx").plot(axes["strain"])
    axes["strain"].set_title("strain along the rows (%)", loc="left", fontsize=9)
    draw_fronts(axes["front"], found)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=100)
    # With a palette the file is a third as large, and looks the same.
    palette = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    palette.save(path, optimize=True)
    return found


if __name__ == "__main__":
    print(draw(Path(__file__).with_name("logstar.png")).report())
