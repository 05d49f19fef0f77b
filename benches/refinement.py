"""How precise and how fast refinement is, beside its peers.

Run ``python benches/refinement.py [white counted clean multislice real coverage speed large ...]
[--seeds N] [--million]``; without a name all parts. Peers (Atomap, photutils) that are not
installed are named and left out; SciPy's ``curve_fit`` is always there. Real micrographs are read
from ``../shared/data/real``, and left out where that is absent.
Times are those of the processor, on one core. Scenes have seeds that nothing was tuned on, and
starts are off by one sigma, root mean square.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.spatial import KDTree

from logstar import AtomFinder, Lattice
from logstar.datasets import load_ybco, make_scene
from logstar.datasets._grains import kind_heights
from logstar.io import read_image
from logstar.lattice import ImageLattice, LatticeIndexer
from logstar.refinement import GaussianRefiner, Refinement, cramer_rao_bound

FloatArray = NDArray[np.float64]
Method = Callable[[FloatArray, FloatArray, float], FloatArray]

CRYSTALS = {
    "STO": Lattice.perovskite(3.905, pixel_size=0.2),
    "YBCO": Lattice.ybco(pixel_size=0.2),
}
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
#: Micrographs of SrTiO3, pm a pixel, and goals of the two sublattices in pm, the brighter first.
REAL = (
    ("ncem_16_STOimage_1.ser", 10.013, {"A": 3.7, "B": 3.65}),
    ("atomap_test_ADF_cropped.hdf5", 9.33, {"A": 1.65, "B": 1.65}),
)
_FIRST_SEED = 7000
_SHAPE = (256, 256)
#: Atoms nearer to the frame than this many sigmas are not counted: of them less is seen.
_INNER = 4.0
#: Atoms within this many nearest distances of one that was lost are beside it.
_BESIDE = 1.6
#: Pixels of the large image, and of the smaller one that tells what grows with an image.
_LARGE, _SMALLER = 14_000, 4_400


class Trial:
    """A scene, the atoms that are refined, and where they start."""

    def __init__(self, crystal: str, seed: int, shape: tuple[int, int] = _SHAPE, **how: Any):
        lattice = CRYSTALS[crystal]
        self.sigma = 0.18 * lattice.nearest_distance
        self.scene = make_scene(lattice, shape=shape, random_state=_FIRST_SEED + seed, **how)
        positions = self.scene.positions
        self.truth, self.kinds = positions, self.scene.kinds
        rng = np.random.default_rng(_FIRST_SEED + seed)
        off = rng.normal(0, self.sigma / np.sqrt(2), positions.shape)
        self.starts = np.clip(positions + off, 0, np.array(shape) - 1)
        margin = _INNER * self.sigma
        self.inner = ((positions > margin) & (positions < np.array(shape) - 1 - margin)).all(axis=1)

    def refine(self, **options: Any) -> Refinement:
        return quiet(
            GaussianRefiner(**options).refine, self.scene.image, self.starts, kinds=self.kinds
        )


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def say(*parts: str) -> None:
    print("| " + " | ".join(parts) + " |", flush=True)


def by_curve_fit(image: FloatArray, starts: FloatArray, sigma: float) -> FloatArray:
    """A round peak and a constant in a window of two sigmas, atom by atom."""

    def peak(at: FloatArray, row: float, col: float, height: float, s: float, b: float) -> Any:
        return b + height * np.exp(-((at[0] - row) ** 2 + (at[1] - col) ** 2) / (2 * s**2))

    found = np.full(starts.shape, np.nan)
    half = round(2 * sigma)
    for index, (row, col) in enumerate(starts):
        top, left = max(round(row) - half, 0), max(round(col) - half, 0)
        part = image[top : round(row) + half + 1, left : round(col) + half + 1]
        at = np.indices(part.shape).reshape(2, -1) + np.array([[top], [left]])
        guess = (row, col, float(np.ptp(part)), sigma, float(part.min()))
        with suppress(RuntimeError, ValueError):
            found[index] = curve_fit(peak, at, part.ravel(), guess, maxfev=400)[0][:2]
    return found


def by_atomap(image: FloatArray, starts: FloatArray, _sigma: float) -> FloatArray:
    """Centre of mass, then Gaussians, as Atomap's own guide does."""
    # Its modules import one another: this one first.
    api = importlib.import_module("atomap.api")
    atoms = api.Sublattice(starts[:, ::-1], image=np.asarray(image, dtype=float))
    atoms.find_nearest_neighbors()
    atoms.refine_atom_positions_using_center_of_mass(show_progressbar=False)
    atoms.refine_atom_positions_using_2d_gaussian(show_progressbar=False)
    return np.column_stack([atoms.y_position, atoms.x_position])


def by_photutils(image: FloatArray, starts: FloatArray, sigma: float) -> FloatArray:
    """Its fit of a Gaussian to a window of two sigmas."""
    centroids = importlib.import_module("photutils.centroids")
    half = round(2 * sigma)
    found = np.full(starts.shape, np.nan)
    for index, (row, col) in enumerate(starts):
        top, left = max(round(row) - half, 0), max(round(col) - half, 0)
        part = image[top : round(row) + half + 1, left : round(col) + half + 1]
        x, y = centroids.centroid_2dg(np.asarray(part, dtype=float))
        found[index] = top + y, left + x
    return found


def peers() -> dict[str, Method]:
    methods: dict[str, Method] = {"curve_fit": by_curve_fit}
    for name, method in {"atomap": by_atomap, "photutils": by_photutils}.items():
        try:
            quiet(importlib.import_module, name)
        except ImportError as error:
            print(f"{name} is left out: {error}")
        else:
            methods[name] = method
    return methods


class Ratio:
    """Root mean square of errors by their bounds; errors beyond a sigma are lost atoms."""

    def __init__(self) -> None:
        self.squares: list[FloatArray] = []
        self.lost = 0

    def add(self, off: FloatArray, bound: FloatArray, sigma: float) -> None:
        fine = np.isfinite(off).all(axis=1) & (np.abs(off).max(axis=1) < sigma)
        self.lost += int((~fine).sum())
        self.squares.append(((off[fine] / bound[fine, None]) ** 2).ravel())

    def __str__(self) -> str:
        squares = np.concatenate(self.squares)
        ratio = float(np.sqrt(squares.mean()))
        error = ratio / np.sqrt(2 * squares.size)
        return f"{ratio:.3f} ± {error:.3f}" + (f" ({self.lost} lost)" if self.lost else "")


def ratios(
    trials: Iterator[tuple[Trial, FloatArray]], methods: dict[str, Callable[[Trial], FloatArray]]
) -> dict[tuple[str, str], Ratio]:
    """By method and kind, over trials and the bounds of their atoms."""
    table: dict[tuple[str, str], Ratio] = {}
    for trial, bounds in trials:
        for name, method in methods.items():
            found = method(trial)
            for kind in np.unique(trial.kinds):
                some = trial.inner & (trial.kinds == kind)
                off = found[some] - trial.truth[some]
                table.setdefault((name, kind), Ratio()).add(off, bounds[some], trial.sigma)
    return table


def ours(**options: Any) -> Callable[[Trial], FloatArray]:
    def method(trial: Trial) -> FloatArray:
        found = trial.refine(**options)
        return np.where(found.converged[:, None], found.atoms[:, :2], np.nan)

    return method


def others(methods: dict[str, Method]) -> dict[str, Callable[[Trial], FloatArray]]:
    def of(method: Method) -> Callable[[Trial], FloatArray]:
        return lambda trial: quiet(method, trial.scene.image, trial.starts, trial.sigma)

    return {name: of(method) for name, method in methods.items()}


def bounded(crystal: str, seeds: int, **how: Any) -> Iterator[tuple[Trial, FloatArray]]:
    """Scenes, and the least error of a row or column of each of their atoms."""
    heights = kind_heights(CRYSTALS[crystal], None)
    for seed in range(seeds):
        bare = {name: value for name, value in how.items() if name not in ("noise", "dose")}
        clean = Trial(crystal, seed, **bare).scene.image
        law = dict(how)
        if "noise" in how:
            # A scene's noise is by the range of its intensities.
            law["noise"] = how["noise"] * float(np.ptp(clean))
            trial = Trial(crystal, seed, **how)
        else:
            # A scene's dose is that of its mean intensity; here it is that of an intensity of 1.
            trial = Trial(crystal, seed, **bare, dose=how["dose"] * float(clean.mean()))
        least = {
            kind: cramer_rao_bound([[20.3, 20.4]], trial.sigma, height, **law)[0, 0]
            for kind, height in heights.items()
        }
        yield trial, np.array([least[kind] for kind in trial.kinds])


def isolated(seeds: int, noise: float) -> str:
    """Atoms 12 sigmas apart."""
    ratio = Ratio()
    sigma, pitch = 2.5, 30.0
    for seed in range(seeds):
        rng = np.random.default_rng(_FIRST_SEED + seed)
        places = pitch * (0.5 + np.stack(np.indices((8, 8)), axis=-1).reshape(-1, 2))
        truth = places + rng.uniform(-1, 1, places.shape)
        rows, cols = np.indices((240, 240))
        image = rng.normal(0, noise, (240, 240))
        for row, col in truth:
            image += np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
        starts = truth + rng.normal(0, sigma / np.sqrt(2), truth.shape)
        found = quiet(GaussianRefiner().refine, image, starts)
        bound = np.full(len(truth), cramer_rao_bound([[20.3, 20.4]], sigma, noise=noise)[0, 0])
        ratio.add(
            np.where(found.converged[:, None], found.atoms[:, :2], np.nan) - truth, bound, sigma
        )
    return str(ratio)


def white_noise(seeds: int, methods: dict[str, Method]) -> None:
    for noise in (0.02, 0.05, 0.1):
        say(f"isolated, noise {noise}", "<= 1.05 + 2 s.e.", isolated(seeds, noise))
        for crystal in CRYSTALS:
            trials = bounded(crystal, seeds, noise=noise)
            # Peers are too slow for all seeds.
            mine = ratios(trials, {"ours": ours()})
            theirs = ratios(bounded(crystal, 1, noise=noise), others(methods))
            for (name, kind), ratio in (mine | theirs).items():
                what = f"{crystal} {kind}, noise {noise}: RMSE / bound, {name}"
                say(what, "<= 1.05 + 2 s.e." if name == "ours" else "peer", str(ratio))


def counted(seeds: int) -> None:
    for dose in (1000.0, 100.0):
        for crystal in CRYSTALS:
            table = ratios(
                bounded(crystal, seeds, dose=dose, background=0.02),
                {name: ours(likelihood=name) for name in ("poisson", "gaussian")},
            )
            for (name, kind), ratio in table.items():
                goal = "<= 1.05 + 2 s.e." if name == "poisson" else "least squares: >= 12 % worse"
                say(f"{crystal} {kind}, dose {dose:g}: RMSE / bound, {name}", goal, str(ratio))


def noise_free() -> None:
    for edge, goal in (("lattice", 1e-4), ("mask", 4e-3)):
        for crystal, plain in CRYSTALS.items():
            trial = Trial(crystal, 0)
            lattice = ImageLattice.from_image(trial.scene.image)
            found = quiet(
                GaussianRefiner(edge=edge, tol=1e-5).refine,
                trial.scene.image,
                trial.starts,
                kinds=trial.kinds,
                lattice=lattice,
            )
            # A start further off than an atom may move bends its neighbours' fits.
            some = trial.inner & found.converged
            if not found.converged.all():
                lost = trial.truth[~found.converged]
                some &= KDTree(lost).query(trial.truth)[0] > _BESIDE * plain.nearest_distance
            off = np.abs(found.atoms[:, :2] - trial.truth)[some]
            rmse = float(np.sqrt((off**2).mean()))
            say(
                f"{crystal}, no noise, edge={edge!r}, away from lost atoms: RMSE, px",
                f"<= {goal:g}",
                f"{rmse:.2g} (n = {some.sum()}, {(~found.converged).sum()} lost)",
            )


def multislice(methods: dict[str, Method]) -> None:
    """Against nuclei, and for Cu2, which merges with a column of oxygen, against the merged column.

    Where that is, says the image without noise.
    """
    scene, clean = load_ybco(noisy=True), load_ybco()
    sigma = 0.18 * scene.lattice.nearest_distance
    rng = np.random.default_rng(_FIRST_SEED)
    starts = np.clip(
        scene.positions + rng.normal(0, sigma / np.sqrt(2), (len(scene.positions), 2)), 0, 511
    )
    inner = ((scene.positions > 10) & (scene.positions < 501)).all(axis=1)
    goals = {"Ba": 0.08, "Y": 0.103, "Cu1": 0.17, "Cu2": None}
    found = quiet(
        GaussianRefiner(likelihood="poisson").refine, scene.image, starts, kinds=scene.kinds
    )
    table = {"ours": np.where(found.converged[:, None], found.atoms[:, :2], np.nan)}
    table |= {name: quiet(method, scene.image, starts, sigma) for name, method in methods.items()}
    merged = quiet(GaussianRefiner().refine, clean.image, clean.positions, kinds=clean.kinds)
    for name, atoms in table.items():
        for kind, goal in goals.items():
            truths = {"": scene.positions}
            if kind == "Cu2":
                truths |= {" as merged with O2": merged.atoms[:, :2]}
            for of_what, truth in truths.items():
                off = (atoms - truth)[inner & (scene.kinds == kind)]
                off = off[np.isfinite(off).all(axis=1) & (np.abs(off).max(axis=1) < sigma)]
                rmse = float(np.sqrt((off**2).mean()))
                what = f"multislice, noisy, {kind}{of_what}: RMSE, px, {name}"
                limit = "peer" if name != "ours" else f"<= {goal}" if goal else "-"
                say(what, limit, f"{rmse:.3f} (n = {len(off)})")


def real(methods: dict[str, Method]) -> None:
    """Scatter of atoms about the middle of their four neighbours of the same sublattice.

    Strain and drift shift the middle with the atom, so that what is left is the error of the atom
    and half that of a neighbour: it is divided by the root of 1.25.
    """
    for name, pixel, goals in REAL:
        path = DATA / name
        if not path.exists():
            print(f"{name} is left out: there is no {path}")
            continue
        image = np.asarray(read_image(path), dtype=float)
        finder = AtomFinder(refine=None).fit(image)
        indexer, starts = finder.index(), finder.atoms_.positions
        sigma = float(np.median(finder.atoms_["sigma"]))
        table = {"not refined": starts}
        for ours, options in (("ours", {}), ("ours, one sigma a kind", {"share_sigma": "kind"})):
            found = quiet(GaussianRefiner(**options).refine, image, starts, kinds=indexer.kinds_)
            table[ours] = np.where(found.converged[:, None], found.atoms[:, :2], np.nan)
        table |= {peer: quiet(method, image, starts, sigma) for peer, method in methods.items()}
        for kind, goal in goals.items():
            rows = surrounded(indexer, kind)
            for method, atoms in table.items():
                off = atoms[rows[:, 0]] - atoms[rows[:, 1:]].mean(axis=1)
                fine = np.isfinite(off).all(axis=1) & (np.abs(off).max(axis=1) < sigma)
                root = float(np.sqrt((off[fine] ** 2).mean() / 1.25)) * pixel
                what = f"{path.stem}, {kind}: scatter about neighbours, pm, {method}"
                lost = f", {(~fine).sum()} lost" if not fine.all() else ""
                limit = f"<= {goal}" if method == "ours" else "-"
                say(what, limit, f"{root:.2f} (n = {fine.sum()}{lost})")


def surrounded(indexer: LatticeIndexer, kind: str) -> NDArray[np.intp]:
    """Atoms of a kind and their neighbours by one cell along both edges, (n, 5)."""
    sites = np.column_stack([indexer.columns_, indexer.indices_]).tolist()
    numbers = {tuple(site): i for i, site in enumerate(sites) if indexer.components_[i] >= 0}
    rows = []
    for (column, h, k), number in numbers.items():
        steps = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
        cross = [numbers.get((column, h + i, k + j)) for i, j in steps]
        if indexer.kinds_[number] == kind and None not in cross:
            rows.append(cross)
    return np.array(rows, dtype=np.intp).reshape(-1, 5)


def coverage(seeds: int) -> None:
    for what, how, goals in (
        ("white noise", {"noise": 0.05}, ".65-.71 / .93-.97"),
        ("jitter .35 px", {"noise": 0.02, "scan_jitter": 0.35, "jitter": 1.5}, ">= .63 / .92"),
    ):
        off, errors = [], []
        for crystal in CRYSTALS:
            for seed in range(seeds):
                trial = Trial(crystal, seed, **how)
                found = trial.refine()
                some = trial.inner & found.converged
                # Where the sample is, not where a displaced scan line shows it.
                truth = trial.scene.positions
                if trial.scene.sample_positions is not None:
                    truth = trial.scene.sample_positions
                off.append(np.abs(found.atoms[:, :2] - truth)[some].ravel())
                errors.append(found.errors[some, :2].ravel())
        share = np.concatenate(off) / np.concatenate(errors)
        say(
            f"coverage of 68 / 95 % intervals, {what}",
            goals,
            f"{(share < 1).mean():.3f} / {(share < 1.96).mean():.3f} (n = {len(share)})",
        )


def speed(methods: dict[str, Method]) -> None:
    for crystal, goal in (("STO", 30), ("YBCO", 45)):
        trial = Trial(crystal, 0, (512, 512), noise=0.05)
        given = np.column_stack([trial.starts, np.full(len(trial.starts), trial.sigma)])
        for name, options, limit in (
            ("joint with covariances", {}, f"<= {goal}"),
            ("window", {"joint": False}, "<= 5"),
        ):
            refiner = GaussianRefiner(**options)

            def run(refiner: GaussianRefiner = refiner, given: FloatArray = given) -> None:
                quiet(refiner.refine, trial.scene.image, given, kinds=trial.kinds)  # noqa: B023

            say(f"{crystal}, {name}: us an atom", limit, f"{microseconds(run, 5) / len(given):.1f}")
    trial = Trial("STO", 0, (192, 192), noise=0.05)
    for name, method in methods.items():
        took = microseconds(lambda: quiet(method, trial.scene.image, trial.starts, trial.sigma), 1)  # noqa: B023
        say(f"STO, {name}: us an atom", "peer", f"{took / len(trial.starts):.0f}")
    trial = Trial("STO", 0, (1400, 1400), noise=0.05)
    wall = {}
    for threads in (1, 2):
        refiner = GaussianRefiner(n_jobs=threads)
        rounds = []
        for _ in range(3):
            start = time.perf_counter()
            found = quiet(refiner.refine, trial.scene.image, trial.starts)
            rounds.append(time.perf_counter() - start)
        wall[threads] = (min(rounds), found.atoms.tobytes() + found.errors.tobytes())
    same = "same bits" if wall[1][1] == wall[2][1] else "OTHER BITS"
    say("two threads", ">= 1.7 x, same bits", f"{wall[1][0] / wall[2][0]:.2f} x, {same}")


def microseconds(run: Callable[[], Any], rounds: int) -> float:
    best = np.inf
    for _ in range(rounds):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return 1e6 * best


def large(side: int) -> None:
    """Time and memory of an image of peaks on a square lattice, 194 square pixels an atom."""
    pitch = side / round(side / np.sqrt(194.0))
    n = round(side / pitch)
    axis = (np.arange(n) + 0.5) * pitch
    rng = np.random.default_rng(_FIRST_SEED)
    profile = np.exp(-((np.arange(side)[:, None] - axis) ** 2) / (2 * 2.5**2)).sum(axis=1)
    image = np.empty((side, side), dtype=np.float32)
    for row in range(side):
        image[row] = profile[row] * profile + rng.normal(0, 0.05, side)
    truth = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    starts = truth + rng.normal(0, 2.5 / np.sqrt(2), truth.shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    found = quiet(GaussianRefiner().refine, image, starts)
    took = time.process_time() - start
    used = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    allowed = 8 * image.size + 800 * len(starts)
    say(
        f"{side} px square, {len(starts)} atoms: CPU, memory beyond the image",
        f"<= 35 s at {_LARGE}; <= {allowed / 1e6:.0f} MB",
        f"{took:.1f} s ({1e6 * took / len(starts):.1f} us an atom), {used / 1e6:.0f} MB, "
        f"{found.converged.mean():.4f} ok",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="parts to run, instead of all")
    parser.add_argument("--seeds", type=int, default=4, help="scenes for each figure")
    parser.add_argument("--million", action="store_true", help="also the image of a million atoms")
    args = parser.parse_args()
    methods = peers()
    parts: dict[str, Callable[[], None]] = {
        "white": lambda: white_noise(args.seeds, methods),
        "counted": lambda: counted(args.seeds),
        "clean": noise_free,
        "multislice": lambda: multislice(methods),
        "real": lambda: real(methods),
        "coverage": lambda: coverage(args.seeds),
        "speed": lambda: speed(methods),
        "large": lambda: large(_LARGE if args.million else _SMALLER),
    }
    if unknown := set(args.parts) - set(parts):
        parser.error(f"no parts {', '.join(sorted(unknown))}; there are {', '.join(parts)}.")
    say("what", "goal", "measured")
    say("---", "---", "---")
    for name in args.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
