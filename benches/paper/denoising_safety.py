"""What denoising invents and erases: scenes with vacancies, dopants, disorder, grains and vacuum.

    python benches/paper/denoising_safety.py [--seeds 5] [--out FOLDER]

Writes ``denoising_safety.png`` and ``denoising_safety.md``, a table with a row for each scene and
way of denoising. Detectors are tuned by reward alone. *invented*: detections at no atom, by a
thousand atoms; *filled*: share of vacancies with a detection; *erased*: share of atoms without
one, of the marked ones (dopants, atoms in pockets, at the boundary) and of the others; *rmse*:
distance of detections to the marked ones, in pixels.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.metrics import match_positions
from logstar.preprocessing import PatchPCADenoiser
from logstar.tuning import make_logstar_workflow

mpl.use("Agg")
from matplotlib import pyplot as plt

FloatArray = NDArray[np.float64]

SHAPE, PIXEL_SIZE, SIGMA, MARGIN, NOISE = (256, 256), 0.2, 3.1, 4.0, 0.3
LATTICE = Lattice.ybco(PIXEL_SIZE)
_TOLERANCE = 1.5 * SIGMA


class Case(NamedTuple):
    """An image and its truth."""

    image: FloatArray
    positions: FloatArray
    #: Which of the positions are of special interest.
    marked: NDArray[np.bool_]
    vacancies: FloatArray
    n_expected: float


def vacancies(seed: int) -> Case:
    scene = make_scene(
        LATTICE, SHAPE, sigma=SIGMA, noise=NOISE, vacancy_fraction=0.02, random_state=seed
    )
    return _case(scene.image, scene.positions, vacancies=scene.vacancies)


def dopants(seed: int) -> Case:
    """One Ba or Y in 50 replaced by an atom of a third of Ba's height, one Cu by one as high."""
    scene = make_scene(LATTICE, SHAPE, sigma=SIGMA, random_state=seed)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(scene.positions))[: len(scene.positions) // 50]
    image = scene.image.astype(np.float64)
    rows, cols = np.indices(SHAPE)
    for index in chosen:
        row, col = scene.positions[index]
        change = -0.65 if scene.kinds[index] in {"Ba", "Y"} else 0.65
        image += change * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * SIGMA**2))
    marked = np.zeros(len(scene.positions), dtype=np.bool_)
    marked[chosen] = True
    return _case(_noisy(image, rng), scene.positions, marked)


def pockets(seed: int) -> Case:
    scene = make_scene(
        LATTICE, SHAPE, sigma=SIGMA, noise=NOISE, amorphous_pockets=2, random_state=seed
    )
    rows, cols = np.rint(scene.positions).astype(int).T
    return _case(scene.image, scene.positions, scene.amorphous_mask[rows, cols])


def boundary(seed: int) -> Case:
    """Two grains, turned by 17 degrees; marked are the atoms within a nearest distance of it."""
    left = np.indices(SHAPE)[1] < SHAPE[1] / 2
    grains = [
        make_scene(LATTICE, SHAPE, sigma=SIGMA, rotation=turn, random_state=seed)
        for turn in (0.0, 17.0)
    ]
    image = np.where(left, *(g.image for g in grains)).astype(np.float64)
    middle = SHAPE[1] / 2
    tables = [g.positions for g in grains]
    positions = np.concatenate(
        [tables[0][tables[0][:, 1] < middle], tables[1][tables[1][:, 1] >= middle]]
    )
    marked = np.abs(positions[:, 1] - middle) < LATTICE.nearest_distance
    return _case(_noisy(image, np.random.default_rng(seed)), positions, marked)


def vacuum(seed: int) -> Case:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[:, : SHAPE[1] // 2] = True
    crystal = Lattice.ybco(PIXEL_SIZE, mask=mask)
    scene = make_scene(crystal, SHAPE, sigma=SIGMA, noise=NOISE, random_state=seed)
    return _case(scene.image, scene.positions, n_expected=crystal.n_expected(SHAPE))


def _noisy(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    return image + NOISE * float(np.ptp(image)) * rng.normal(size=image.shape)


def _case(
    image: NDArray[Any],
    positions: FloatArray,
    marked: NDArray[np.bool_] | None = None,
    vacancies: FloatArray | None = None,
    n_expected: float | None = None,
) -> Case:
    nothing = np.zeros(len(positions), dtype=np.bool_)
    inner = tuple(n - 2 for n in SHAPE)
    return Case(
        np.asarray(image, dtype=np.float32),
        positions,
        nothing if marked is None else marked,
        np.empty((0, 2)) if vacancies is None else vacancies,
        LATTICE.n_expected(inner) if n_expected is None else n_expected,
    )


SCENES = {f.__name__: f for f in (vacancies, dopants, pockets, boundary, vacuum)}
WAYS: dict[str, dict[str, Any]] = {
    "raw": {"denoise": None, "unsupported": "flag"},
    "PCA 24 px x 6, untested": {"denoise": [PatchPCADenoiser(24, 6)], "unsupported": "flag"},
    "PCA auto, untested": {"unsupported": "flag"},
    "PCA auto, tested": {},
    "PCA auto in blocks, tested": {"denoise": [PatchPCADenoiser(block_size=128)]},
}


def detect(case: Case, way: dict[str, Any]) -> FloatArray:
    """Tune by reward and detect."""
    search = make_logstar_workflow(LATTICE, SHAPE, n_expected=case.n_expected, n_jobs=-1, **way)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(search.fit(case.image).best_estimator_.detect(case.image))


def count(case: Case, found: FloatArray) -> dict[str, FloatArray]:
    """What was found of what there is: pairs of numbers, to be summed over seeds."""
    match = match_positions(found, case.positions, tolerance=_TOLERANCE)
    seen = np.zeros(len(case.positions), dtype=np.bool_)
    seen[match.true_indices] = True
    stray = np.ones(len(found), dtype=np.bool_)
    stray[match.found_indices] = False
    inside, inside_found, inside_empty = (
        ((p >= MARGIN) & (p <= np.array(SHAPE) - 1 - MARGIN)).all(axis=1)
        for p in (case.positions, found[:, :2], case.vacancies)
    )
    empty = case.vacancies[inside_empty]
    filled = len(match_positions(found, empty, tolerance=_TOLERANCE).distances)
    special = case.marked & inside
    usual = ~case.marked & inside
    squares = match.distances[case.marked[match.true_indices]] ** 2
    return {
        "invented": np.array([1000 * (stray & inside_found).sum(), inside.sum()]),
        "filled": np.array([filled, len(empty)]),
        "erased": np.array([(usual & ~seen).sum(), usual.sum()]),
        "erased, marked": np.array([(special & ~seen).sum(), special.sum()]),
        "rmse**2, marked": np.array([squares.sum(), len(squares)]),
    }


def study(n_seeds: int) -> dict[str, dict[str, dict[str, FloatArray]]]:
    """Every scene with every way, summed over seeds."""
    results: dict[str, dict[str, dict[str, FloatArray]]] = {}
    for name, make in SCENES.items():
        results[name] = {}
        for way, options in WAYS.items():
            counts = [count(case, detect(case, options)) for case in map(make, range(n_seeds))]
            results[name][way] = {key: sum(c[key] for c in counts) for key in counts[0]}
    return results


def table(results: dict[str, dict[str, dict[str, FloatArray]]]) -> str:
    """As Markdown."""
    head = "scene | denoising | invented of 1000 | filled | erased | erased, marked | rmse, marked"
    lines = [f"| {head} |", "|---" * 7 + "|"]
    for name, ways in results.items():
        for way, sums in ways.items():
            cells = [_share(sums["invented"], "{:.1f}")]
            cells += [_share(sums[k], "{:.1%}") for k in ("filled", "erased", "erased, marked")]
            squares = sums["rmse**2, marked"]
            cells.append(f"{np.sqrt(squares[0] / squares[1]):.2f} px" if squares[1] else "")
            lines.append("| " + " | ".join([name, way, *cells]) + " |")
    return "\n".join(lines)


def _share(pair: FloatArray, form: str) -> str:
    return form.format(pair[0] / pair[1]) if pair[1] else ""


def draw(path: Path, seed: int = 0) -> None:
    """Each scene raw, denoised, and with what is detected and tested."""
    figure, axes = plt.subplots(3, len(SCENES), figsize=(16, 9.8), layout="constrained")
    for column, (name, make) in zip(axes.T, SCENES.items(), strict=True):
        case = make(seed)
        denoised = PatchPCADenoiser().fit_transform(case.image)
        found = detect(case, WAYS["PCA auto, tested"])
        untested = detect(case, WAYS["PCA auto, untested"])
        for ax, image in zip(column, (case.image, denoised, denoised), strict=True):
            ax.imshow(image, cmap="gray", vmin=-0.2, vmax=1.1)
            ax.set_axis_off()
        column[0].set_title(name)
        match = match_positions(untested, found, tolerance=_TOLERANCE)
        dropped = np.delete(untested, match.found_indices, axis=0)
        column[2].plot(found[:, 1], found[:, 0], "c.", ms=2.5)
        column[2].plot(dropped[:, 1], dropped[:, 0], "rx", ms=6)
        column[2].plot(
            case.vacancies[:, 1], case.vacancies[:, 0], "o", mfc="none", mec="yellow", ms=9
        )
    figure.suptitle(
        "raw; denoised by PCA of windows; detected (cyan), dropped by the test (red), "
        "vacancies (yellow)"
    )
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    text = table(study(args.seeds))
    (args.out / "denoising_safety.md").write_text(f"{args.seeds} seeds, noise {NOISE}\n\n{text}\n")
    print(text)
    draw(args.out / "denoising_safety.png")


if __name__ == "__main__":
    main()
