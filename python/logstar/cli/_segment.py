"""The command `segment`: from atoms to a map of what is no crystal."""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from logstar.io import write_mask
from logstar.segmentation import KINDS, AmorphousGMMSegmenter, Region
from logstar.units import PixelSize

from ._detect import Outcome, write_files
from ._progress import Stages
from ._results import Results

_AMORPHOUS = "amorphous"
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
    finder = outcome.whole
    segmenter = AmorphousGMMSegmenter(
        random_state=args.random_state, n_jobs=-1, pixel_size=finder.pixel_size_
    )
    if args.threshold is not None:
        segmenter.set_params(threshold=args.threshold)
    image = finder.image_ if args.polarity == "bright" else -finder.image_
    try:
        segmenter.fit(image, positions=finder.atoms_.positions)
    except KeyboardInterrupt:
        outcome.interrupted = "while regions were mapped; there are atoms, but no regions"
        return
    outcome.seconds["segment"] = time.perf_counter() - start

    def save(folder: Path, plots: bool) -> dict[str, Path]:
        return _write(segmenter, finder.image_, folder, plots=plots)

    write_files(outcome, results, save, args, stages)
    regions = segmenter.regions_
    shares = {kind: float((segmenter.kinds_ == i).mean()) for i, kind in enumerate(KINDS)}
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
        "rejected_regions": [_plain(region) for region in segmenter.rejected_],
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
    files["kinds"] = folder / "kinds.npy"
    np.save(files["kinds"], segmenter.kinds_)
    for name, regions in (
        ("regions", segmenter.regions_),
        ("rejected_regions", segmenter.rejected_),
    ):
        files[name] = folder / f"{name}.csv"
        _write_regions(files[name], regions, segmenter.pixel_size_)
    if plots:
        from logstar.inspection import AmorphousMapDisplay  # noqa: PLC0415 - only drawing pays

        files["map"] = folder / "amorphous.png"
        AmorphousMapDisplay.of(segmenter, image, pixel_size=segmenter.pixel_size_).save(
            files["map"]
        )
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
