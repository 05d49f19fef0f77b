"""What the fuzz of kernels runs, and how it knows whether the result is right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _fuzz_inputs import draw_blobs, draw_image, draw_points
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import blob_log as peer_blob_log, peak_local_max
from skimage.feature.blob import _blob_overlap, _prune_blobs
from skimage.util import img_as_float

from logstar import _core, blob_log
from logstar.detection import ScaleSpaceCandidates
from logstar.detection._scale_space import find_candidates
from logstar.detection._skimage._blob_log import _prune
from logstar.detection._skimage._pair_order import MAX_PAIRS
from logstar.neighbors import distance_sums

OVERLAPS = (0.0, 0.1, 0.5, 0.9, 0.99, 1.0, 1.5)
#: Greatest number of blobs that are given to scikit-image, which goes through their pairs in some
#: tenths of a second.
MOST_FOR_PEER = 110
#: Number of points whose sums are computed by brute force, for comparison.
SAMPLE = 40


class WrongError(Exception):
    """A result that is not the truth."""


class Check(NamedTuple):
    """A call to measure, and a test of its result: whether there is one, or it was refused."""

    name: str
    units: int
    run: Callable[[], Any]
    verify: Callable[[Any], bool]
    #: Pairs that have to be gone through: where their order decides, or where hardly any overlap is
    #: too large, so that crowds stay as they are.
    pairs: int = 0


def _expect(ours: Any, truth: Any, what: str) -> None:
    # Words of a refusal are no numbers, which may be NaN.
    same = ours == truth if isinstance(ours, str) else np.array_equal(ours, truth, equal_nan=True)
    if not same:
        raise WrongError(f"{what}: {np.asarray(ours).tolist()!s:.300} instead of "
                    f"{np.asarray(truth).tolist()!s:.300}")  # fmt: skip


def sums(rng: Generator, *, benign: bool = False) -> Check:
    n = 5_000 if benign else int(10 ** rng.uniform(0, 4.2))
    k = 4 if benign else int(rng.choice([1, 2, 3, 4, 5, 8, 9, 16, 17, 24, 32, 33, 70]))
    name, points = draw_points(rng, n, "uniform" if benign else None)
    sample = rng.permutation(n)[:SAMPLE]

    def at(index: int) -> float:
        squared = ((points - points[index]) ** 2).sum(axis=1)
        roots = np.sqrt(np.sort(np.delete(squared, index))[:k])
        # From the nearest outwards: `sum` would add in pairs.
        return float(np.cumsum(roots)[-1]) if len(roots) else 0.0

    def verify(result: NDArray[np.float64]) -> bool:
        for instruction_set in _core.instruction_sets():
            for n_threads in (1, 2):
                same = _core.distance_sums(points, k, n_threads, instruction_set)
                _expect(same, result, f"{instruction_set}, {n_threads} threads")
        _expect(result[sample], [at(index) for index in sample], "brute force")
        return True

    return Check(
        f"{n} points, {name}, k={k}", n * (4 + k), lambda: distance_sums(points, k), verify
    )


def prune(rng: Generator, *, benign: bool = False) -> Check:
    is_small = not benign and rng.random() < 0.7
    n = int(rng.integers(1, MOST_FOR_PEER)) if is_small else int(10 ** rng.uniform(2.5, 4.2))
    name, blobs = draw_blobs(rng, 5_000 if benign else n)
    overlap = float(rng.choice(OVERLAPS) if rng.random() < 0.7 else rng.random())
    responses = np.sort(rng.choice(rng.random(1 + len(blobs) // 2), len(blobs)))[::-1].copy()
    if benign:
        blobs, overlap = np.column_stack([draw_points(rng, 5_000, "uniform")[1], blobs[:, 2]]), 0.5
        blobs[:, 2] = rng.choice([1.0, 2.0, 3.0], len(blobs))
    table = blobs[:, [0, 1, 2, 2]]
    double = table.astype(np.float64)

    def run() -> tuple[Any, ...]:
        by_scale = _core.prune_by_scale(double, responses, overlap)
        return by_scale, *_core.prune_compatible(table, overlap)

    def verify(result: tuple[Any, ...]) -> bool:
        by_scale, survives, _ = result
        again = _core.prune_by_scale(double[by_scale], responses[by_scale], overlap)
        _expect(again, np.ones(by_scale.sum(), bool), "by scale, twice")
        largest_first = _core.prune_largest_first(table, overlap)
        _expect(survives & ~largest_first, np.zeros(len(blobs), bool), "survivors, largest first")
        if is_small:
            _expect(_prune(blobs, overlap), _prune_blobs(blobs.copy(), overlap), "scikit-image")
            _expect(by_scale, _by_scale(blobs.astype(np.float64), responses, overlap), "by scale")
        return True

    crowds_stay = overlap >= OVERLAPS[3]
    pairs = len(blobs) * (len(blobs) - 1) // 2 if crowds_stay else 0
    label = f"{len(blobs)} blobs, {name}, overlap {overlap:.3g}"
    return Check(label, len(blobs), run, verify, pairs)


def _by_scale(blobs: NDArray[np.float64], responses: NDArray[Any], overlap: float) -> list[bool]:
    claims = sorted(range(len(blobs)), key=lambda i: (-blobs[i, 2], -responses[i], *blobs[i, :2]))
    kept: list[int] = []
    for i in claims:
        if all(_blob_overlap(blobs[j], blobs[i]) <= overlap for j in kept):
            kept.append(i)
    return [i in set(kept) for i in range(len(blobs))]


def sweep(rng: Generator, *, benign: bool = False) -> Check:
    n = 600 if benign else int(rng.integers(0, 400))
    name, blobs = draw_blobs(rng, n)
    if benign:
        blobs = np.column_stack([draw_points(rng, n, "uniform")[1], np.ones(n)])
    table = blobs[:, [0, 1, 2, 2]].astype(np.float64)
    responses = np.sort(rng.choice(rng.random(1 + n // 2), n))[::-1].copy()
    thresholds, overlaps = rng.uniform(-0.1, 1, 4), rng.choice(OVERLAPS, 3)
    rule = (int(rng.integers(1, 40)), float(10 ** rng.uniform(-1, 3)))

    def run() -> tuple[Any, ...]:
        candidates = _core.CandidateSet(table, responses, 1)
        return candidates, candidates.grid(thresholds, overlaps, *rule, 1)

    def verify(result: tuple[Any, ...]) -> bool:
        candidates, (n_kept, n_crowded) = result
        twice = _core.CandidateSet(table, responses, 2).grid(thresholds, overlaps, *rule, 2)
        _expect(twice, (n_kept, n_crowded), "two threads")
        for i, threshold in enumerate(thresholds):
            above = responses > threshold
            for j, overlap in enumerate(overlaps):
                kept = _core.prune_by_scale(table[above], responses[above], overlap)
                _expect(candidates.kept(threshold, overlap), np.flatnonzero(kept), "kept")
                left = distance_sums(table[above][kept, :2], rule[0])
                crowded = int((left < rule[1]).sum())
                _expect([n_kept[i, j], n_crowded[i, j]], [kept.sum(), crowded], "counts")
        return True

    return Check(f"{n} candidates, {name}, {rule}", max(n, 1), run, verify)


def scale(rng: Generator, *, benign: bool = False) -> Check:
    name, image = draw_image(rng, int(rng.choice([24, 24, 60, 130])))
    low = float(rng.uniform(0.3, 4))
    options: dict[str, Any] = {
        "min_sigma": low,
        "max_sigma": low + float(rng.uniform(0, 8)),
        "num_sigma": int(rng.integers(1, 6)),
        "threshold": None if rng.random() < 0.1 else float(rng.choice([0.0, 0.0, 1e-3, -1.0])),
        "overlap": float(rng.choice([0.0, 0.5, 0.9])),
        "exclude_border": int(rng.choice([0, 0, 0, 2])),
    }
    if benign:
        image = ndimage.gaussian_filter(rng.normal(size=(130, 130)), 2)
        options = {"min_sigma": 1, "max_sigma": 6, "num_sigma": 5, "threshold": 0.01}
    elif options["threshold"] == 1e-3 and image.dtype.kind == "f":
        options["threshold"] = float(1e-2 * np.abs(image).max())
    sigmas = np.linspace(options["min_sigma"], options["max_sigma"], options["num_sigma"])

    def run() -> Any:
        with _paths(_core.instruction_sets()[0], 1):
            return _blobs(image, options)

    def verify(result: Any) -> bool:
        for instruction_set in _core.instruction_sets():
            for threads in (1, 2):
                with _paths(instruction_set, threads):
                    same = _blobs(image, options)
                _expect(same, result, f"{instruction_set}, {threads} threads")
        return not isinstance(result, str) and _as_scikit_image(image, options, result)

    units = image.size * int((8 * sigmas + 1).sum())
    return Check(f"{image.shape} {name}, {options}", units, run, verify, _pairs(image, options))


def _pairs(image: NDArray[Any], options: dict[str, Any]) -> int:
    """Pairs that may have to be followed in scikit-image's order."""
    try:
        n_all = len(blob_log(image, **{**options, "overlap": 2.0}))
    except ValueError:
        return 0
    return min(n_all * (n_all - 1) // 2, MAX_PAIRS)


def _blobs(image: NDArray[Any], options: dict[str, Any]) -> Any:
    try:
        return blob_log(image, **options)
    except ValueError as error:
        return str(error)


@contextmanager
def _paths(instruction_set: str, threads: int) -> Iterator[None]:
    os.environ["LOGSTAR_INSTRUCTION_SET"] = instruction_set
    os.environ["LOGSTAR_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        del os.environ["LOGSTAR_INSTRUCTION_SET"], os.environ["LOGSTAR_NUM_THREADS"]


def _as_scikit_image(image: NDArray[Any], options: dict[str, Any], result: Any) -> bool:
    """Compare with scikit-image's blobs, or with its maxima where the blobs' pairs are too many."""
    pixels = img_as_float(image)
    steps = [options[name] for name in ("min_sigma", "max_sigma", "num_sigma")]
    pairs = [np.full(2, sigma, pixels.dtype) for sigma in steps[:2]]
    sigmas = np.linspace(*pairs, steps[2])
    cube = [-ndimage.gaussian_laplace(pixels, pair) * np.mean(pair) ** 2 for pair in sigmas]
    stacked = np.stack(cube, axis=-1)
    if not np.isfinite(stacked).all():
        # Beyond the range of floats scikit-image goes on with what is not a number.
        return True
    border = options.get("exclude_border", 0)
    peaks = peak_local_max(
        stacked,
        threshold_abs=options["threshold"],
        exclude_border=(border, border, 0),
        footprint=np.ones((3, 3, 3)),
    )
    if len(peaks) <= MOST_FOR_PEER:
        _expect(result, peer_blob_log(image, **options), "scikit-image")
        return True
    threshold = options["threshold"]
    limit = None if threshold is None else float(pixels.dtype.type(threshold))
    found = find_candidates(pixels, sigmas, threshold=limit, border=(border, border))
    _expect(found.places, peaks, "maxima of scikit-image")
    return True


FAMILIES: dict[str, Callable[..., Check]] = {
    "sums": sums,
    "prune": prune,
    "sweep": sweep,
    "scale": scale,
}


def _noise(kind: str = "normal") -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    if kind == "two levels":
        return rng.integers(0, 2, (2048, 2048)).astype(float)
    return rng.normal(size=(2048, 2048))


def _giant_image(image: Callable[[], NDArray[np.float64]], **options: Any) -> Check:
    pixels = image()

    def verify(result: Any) -> bool:
        return len(result) > 10_000

    return Check("", pixels.size, lambda: blob_log(pixels, **options), verify)


def _giant_set() -> Check:
    pixels, ladder = _noise(), np.linspace(0.4, 3, 8)

    def run() -> Any:
        return ScaleSpaceCandidates.from_image(pixels, ladder, threshold=0.0)

    def verify(result: Any) -> bool:
        table = result.table[:, [0, 1, 2, 2]]
        kept = _core.prune_by_scale(table, result.table[:, 3].copy(), 0.5)
        _expect(result.detections(0.0, 0.5), result.table[kept], "detections")
        return True

    return Check("", pixels.size, run, verify)


def _giant_table(n_side: int, sigma: float) -> NDArray[np.float64]:
    places = np.stack(np.indices((n_side, n_side)), axis=-1).reshape(-1, 2)
    return np.column_stack([places, np.full(len(places), sigma)]).astype(float)


def _giant_refusal() -> Check:
    """Candidates on every pixel of a plateau: more pairs than are held."""
    table = np.column_stack([_giant_table(1024, 6.0), np.linspace(2, 1, 1024**2)])

    def run() -> Any:
        try:
            return ScaleSpaceCandidates(table, threshold=0.0)
        except ValueError as error:
            return str(error)

    return Check("", len(table), run, lambda result: not isinstance(result, str))


def _giant_prune(overlap: float) -> Check:
    blobs = _giant_table(1024, 6.0)[:, [0, 1, 2, 2]]
    responses = np.linspace(2, 1, len(blobs))

    def run() -> Any:
        by_scale = _core.prune_by_scale(blobs, responses, overlap)
        return by_scale, *_core.prune_compatible(blobs, overlap)

    return Check("", len(blobs), run, lambda result: bool(result[0].any()))


def _giant_sums(kind: str, k: int) -> Check:
    rng = np.random.default_rng(0)
    _, points = draw_points(rng, 10**6, kind)
    sample = rng.integers(0, len(points), 3)

    def verify(result: Any) -> bool:
        for index in sample:
            squared = np.delete(((points - points[index]) ** 2).sum(axis=1), index)
            truth = np.cumsum(np.sqrt(np.sort(np.partition(squared, k)[:k])))[-1]
            _expect(result[index], truth, "brute force")
        return True

    return Check("", len(points), lambda: distance_sums(points, k), verify)


def _delta() -> NDArray[np.float64]:
    return np.pad([[1.0]], (511, 512))


#: Cases of a million candidates and more, as functions: each is built only when its turn comes.
GIANTS: dict[str, Callable[[], Check]] = {
    "blob_log, noise of 2048 px, sigma 1 to 6": partial(
        _giant_image, _noise, max_sigma=6, threshold=0.0
    ),
    "blob_log, noise of 2048 px, sigma 1 to 50": partial(_giant_image, _noise, threshold=0.0),
    "blob_log, noise of two levels, 2048 px": partial(
        _giant_image, partial(_noise, "two levels"), max_sigma=6, threshold=0.0
    ),
    "blob_log, all of 1024 px at three scales": partial(
        _giant_image, _delta, max_sigma=6, num_sigma=3, threshold=-1.0
    ),
    "ScaleSpaceCandidates, noise of 2048 px, sigma 0.4 to 3": _giant_set,
    "ScaleSpaceCandidates, a plateau of 1024 px": _giant_refusal,
    **{
        f"pruning of a million on a grid, overlap {overlap}": partial(_giant_prune, overlap)
        for overlap in (0.0, 0.5, 0.95)
    },
    **{
        f"distance sums, a million, {kind}, k={k}": partial(_giant_sums, kind, k)
        for kind in ("uniform", "one place", "clusters", "spiral", "cross", "all magnitudes")
        for k in (4, 32)
    },
}
