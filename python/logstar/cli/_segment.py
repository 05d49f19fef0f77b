"""The command `segment`: from atoms to a map of what is no crystal, as a whole or by tiles."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from logstar.io import write_mask
from logstar.io._masks import write_mask_by_rows
from logstar.segmentation import KINDS, AmorphousGMMSegmenter, Region
from logstar.segmentation._kind_names import is_amorphous
from logstar.tuning import AtomFinder, RunProgress, TiledAtoms, TiledDamage, segment_tiled
from logstar.tuning._array_parts import part_of
from logstar.tuning._large_images import TILE
from logstar.tuning._reduced import reduced, reduced_by
from logstar.units import PixelSize

from ._detect import Outcome, write_files
from ._progress import Stages
from ._results import Results

_AMORPHOUS = "amorphous"
#: Names of the files of a map.
_KINDS, _PICTURE, _WHOLE_PICTURE = "kinds.npy", "amorphous.png", "kinds.png"
#: What is done of a map by tiles, while it runs.
_RUNNING = "kinds.running"
#: Pixels along the longer side of a large image that is drawn.
_DRAWN = 2048
_COLUMNS = (
    "label", "row", "col", "n_atoms", "area_px2", "perimeter_px", "compactness", "kind",
    "confidence", "disorder", "area_atoms",
)  # fmt: skip


def segment(outcome: Outcome, results: Results, args: argparse.Namespace, stages: Stages) -> None:
    """Map what is no crystal in an image whose atoms were found, and write it.

    Parameters
    ----------
    outcome : Outcome
        Whose atoms to compare; is told of regions, files and seconds. Interrupted before there are
        regions, it is told that.
    results : Results
        Where to write.
    args : Namespace
        Of the whole command.
    stages : Stages
        Is told what is being done.
    """
    stages.begin("mapping")
    start = time.perf_counter()
    finder = outcome.finder
    segmenter = AmorphousGMMSegmenter(
        random_state=args.random_state, n_jobs=-1, pixel_size=finder.pixel_size_
    )
    if args.threshold is not None:
        segmenter.set_params(threshold=args.threshold)
    try:
        if isinstance(finder, AtomFinder):
            _segment_whole(outcome, finder, segmenter, results, args, stages, start)
        else:
            _segment_by_tiles(outcome, finder, segmenter, results, args, stages, start)
    except KeyboardInterrupt:
        outcome.interrupted = "while regions were mapped; there are atoms, but no regions"


def _segment_whole(
    outcome: Outcome,
    finder: AtomFinder,
    segmenter: AmorphousGMMSegmenter,
    results: Results,
    args: argparse.Namespace,
    stages: Stages,
    start: float,
) -> None:
    image = finder.image_ if args.polarity == "bright" else -finder.image_
    segmenter.fit(image, positions=finder.atoms_.positions)
    outcome.seconds["segment"] = time.perf_counter() - start

    def save(folder: Path, plots: bool) -> dict[str, Path]:
        return _write(segmenter, finder.image_, folder, plots=plots)

    write_files(outcome, results, save, args, stages)
    shares = {kind: float((segmenter.kinds_ == i).mean()) for i, kind in enumerate(KINDS)}
    _tell(outcome, shares, segmenter.regions_, segmenter.rejected_)


def _segment_by_tiles(
    outcome: Outcome,
    found: TiledAtoms,
    segmenter: AmorphousGMMSegmenter,
    results: Results,
    args: argparse.Namespace,
    stages: Stages,
    start: float,
) -> None:
    def tell(state: RunProgress) -> None:
        stages.counted(state.stage, state.n_done, state.n_total)

    checkpoint = results.folder / _RUNNING
    if not args.resume:
        checkpoint.unlink(missing_ok=True)
    damage = segment_tiled(
        segmenter,
        found.image_,
        found.atoms_,
        polarity=args.polarity,
        tile=args.tile if isinstance(args.tile, int) else TILE,
        out=results.stage / _KINDS,
        checkpoint=checkpoint,
        progress=tell,
    )
    # A file that is mapped could not be moved everywhere.
    damage = dataclasses.replace(damage, kinds_=np.empty((0, 0), dtype=np.uint8))
    outcome.seconds["segment"] = time.perf_counter() - start

    def save(folder: Path, plots: bool) -> dict[str, Path]:
        return _write_tiled(damage, found, folder, plots=plots)

    write_files(outcome, results, save, args, stages)
    _tell(outcome, damage.shares_, damage.regions_, damage.rejected_)


def _tell(
    outcome: Outcome, shares: dict[str, float], regions: list[Region], rejected: list[Region]
) -> None:
    """Tell of regions, to people and machines."""
    for kind in sorted({region.kind for region in regions}, key=KINDS.index):
        n_regions = sum(region.kind == kind for region in regions)
        text = f"{shares[kind]:.2%} of the area, in {n_regions} region" + "s" * (n_regions > 1)
        outcome.more.append((kind, text))
    if shares[_AMORPHOUS] == 0:
        outcome.more.append((_AMORPHOUS, "no region"))
    outcome.more_values |= {
        "amorphous_share": shares[_AMORPHOUS],
        "shares": shares,
        "n_regions": len(regions),
        "regions": [_plain(region) for region in regions],
        "rejected_regions": [_plain(region) for region in rejected],
    }


def _write(
    segmenter: AmorphousGMMSegmenter, image: Any, folder: Path, *, plots: bool
) -> dict[str, Path]:
    """Write mask, regions and picture into a folder."""
    files = {f"mask_{kind}": folder / f"mask.{kind}" for kind in ("tif", "png", "npy")}
    for kind, path in files.items():
        # A npy holds no pixel size.
        size = None if kind == "mask_npy" else segmenter.pixel_size_
        write_mask(path, segmenter.mask_, pixel_size=size)
    files["kinds"] = folder / _KINDS
    np.save(files["kinds"], segmenter.kinds_)
    files |= _write_tables(folder, segmenter.regions_, segmenter.rejected_, segmenter.pixel_size_)
    if plots:
        from logstar.inspection import AmorphousMapDisplay  # noqa: PLC0415 - only drawing pays

        files["map"] = folder / _PICTURE
        AmorphousMapDisplay.of(segmenter, image, pixel_size=segmenter.pixel_size_).save(
            files["map"]
        )
    return files


def _write_tiled(
    damage: TiledDamage, found: TiledAtoms, folder: Path, *, plots: bool
) -> dict[str, Path]:
    """Write the same of a large image, whose kinds are in the folder already.

    There is no png of each pixel, but pictures of the whole and of the part.
    """
    size = found.pixel_size_
    kinds = np.load(folder / _KINDS, mmap_mode="r")
    files = {"mask_tif": folder / "mask.tif", "mask_npy": folder / "mask.npy"}
    for path in files.values():
        write_mask_by_rows(
            path,
            lambda rows: is_amorphous(kinds[rows]),
            found.shape,
            pixel_size=size if path.suffix == ".tif" else None,
        )
    files["kinds"] = folder / _KINDS
    files |= _write_tables(folder, damage.regions_, damage.rejected_, size)
    if plots:
        from logstar.inspection import AmorphousMapDisplay, KindMapDisplay  # noqa: PLC0415

        factor = reduced_by(found.shape, _DRAWN)
        small = reduced(found.image_, found.shape, factor)
        n_rows, n_cols = small.shape
        shown = kinds[factor // 2 :: factor, factor // 2 :: factor][:n_rows, :n_cols]
        side = None if size is None else PixelSize(size.value * factor, size.unit)
        files["map"] = KindMapDisplay(small, shown, pixel_size=side).save(folder / _WHOLE_PICTURE)
        if damage.part is not None:
            image = part_of(found.image_, damage.part)
            display = AmorphousMapDisplay.of(damage.segmenter, image, pixel_size=size)
            files["map_of_part"] = display.save(folder / _PICTURE)
    return files


def _write_tables(
    folder: Path, kept: list[Region], rejected: list[Region], size: PixelSize | None
) -> dict[str, Path]:
    files = {}
    for name, regions in (("regions", kept), ("rejected_regions", rejected)):
        files[name] = folder / f"{name}.csv"
        _write_regions(files[name], regions, size)
    return files


def _write_regions(path: Path, regions: Any, size: PixelSize | None) -> None:
    in_units = () if size is None else (f"area_{size.unit}2", f"perimeter_{size.unit}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *in_units, "rejected_for"])
        for region in regions:
            # The area counts pixels; places and perimeters are no better than a hundredth of one.
            row, col = region.centroid
            values = [f"{row:.2f}", f"{col:.2f}", region.n_atoms, f"{region.area:.0f}"]
            values += [f"{region.perimeter:.2f}", f"{region.compactness:.5f}"]
            values.append(region.kind)
            numbers = (region.confidence, region.disorder, region.area_in_atoms)
            values += ["" if math.isnan(number) else f"{number:.3g}" for number in numbers]
            if size is not None:
                values += [f"{region.area_in_units:.6g}", f"{region.perimeter_in_units:.6g}"]
            writer.writerow([region.label, *values, region.rejected_for or ""])


def _plain(region: Region) -> dict[str, Any]:
    row, col = region.centroid
    names = (
        "kind", "n_atoms", "area", "perimeter", "compactness", "area_in_units",
        "perimeter_in_units", "confidence", "disorder", "area_in_atoms", "rejected_for",
    )  # fmt: skip
    values = {name: getattr(region, name) for name in names}
    # JSON knows no NaN.
    known = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
    return {"row": row, "col": col, **known}
