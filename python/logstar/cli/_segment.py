"""From atoms to a map of amorphous regions."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile

from logstar._validation import as_image
from logstar.segmentation import AmorphousGMMSegmenter
from logstar.tuning import AtomFinder

from ._report import Run

_COLUMNS = ("label", "row", "col", "n_atoms", "area_px2", "perimeter_px", "compactness")


@dataclass
class Segmentation:
    """The map of a run, and the run that found its atoms.

    Attributes
    ----------
    run : Run
        The atoms.
    segmenter : AmorphousGMMSegmenter
        Fitted to the image.
    """

    run: Run
    segmenter: Any

    @property
    def finder(self) -> AtomFinder:
        """Who found the atoms."""
        return self.run.finder

    def write(self, folder: Path) -> None:
        """Write mask, regions and picture into a folder, beside the files of the atoms."""
        from PIL import Image  # noqa: PLC0415 - only writing pays for it

        mask = self.segmenter.mask_
        pixels = np.where(mask, 255, 0).astype(np.uint8)
        names = {f"mask_{kind}": f"mask.{kind}" for kind in ("tif", "png", "npy")}
        names |= {"regions": "regions.csv", "map": "amorphous.png"}
        files = {kind: folder / name for kind, name in names.items()}
        tifffile.imwrite(files["mask_tif"], pixels)
        Image.fromarray(pixels).save(files["mask_png"])
        np.save(files["mask_npy"], mask)
        self._write_regions(files["regions"])
        self._draw(files["map"])
        self.run.files |= files

    def _write_regions(self, path: Path) -> None:
        size, unit = self.run.pixel_size, self.run.unit
        in_units = () if size is None else (f"area_{unit}2", f"perimeter_{unit}")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*_COLUMNS, *in_units])
            for region in self.segmenter.regions_:
                values = [*region.centroid, region.n_atoms, region.area, region.perimeter]
                values.append(region.compactness)
                if size is not None:
                    values += [region.area * size**2, region.perimeter * size]
                writer.writerow([region.label, *(f"{value:.9g}" for value in values)])

    def _draw(self, path: Path) -> None:
        from logstar.inspection import AmorphousMapDisplay  # noqa: PLC0415 - only drawing pays

        AmorphousMapDisplay.of(
            self.segmenter, self.run.finder.image_, pixel_size=self.run.finder.pixel_size_
        ).save(path)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        regions = [
            {
                "row": region.centroid[0],
                "col": region.centroid[1],
                "n_atoms": region.n_atoms,
                "area": region.area,
                "perimeter": region.perimeter,
                "compactness": region.compactness,
            }
            for region in self.segmenter.regions_
        ]
        share = float(self.segmenter.mask_.mean())
        return self.run.as_dict() | {"amorphous_share": share, "regions": regions}

    def summary(self) -> str:
        """Everything as text."""
        share, regions = self.segmenter.mask_.mean(), self.segmenter.regions_
        text = f"{share:.2%} of the area, in {len(regions)} regions" if regions else "no region"
        return f"{'amorphous':<12}{text}\n{self.run.summary()}"


def segment(
    run: Run,
    folder: Path,
    *,
    threshold: float | None,
    polarity: Literal["bright", "dark"],
    random_state: int,
) -> Segmentation:
    """Map the amorphous regions of a run's image and write them into a folder.

    Parameters
    ----------
    run : Run
        Whose atoms to compare.
    folder : Path
        Where to write.
    threshold : float or None
        Probability above which a place is amorphous; None leaves it to the segmenter.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    random_state : int
        Seed.

    Returns
    -------
    segmentation : Segmentation
    """
    start = time.perf_counter()
    segmenter = AmorphousGMMSegmenter(random_state=random_state, n_jobs=-1)
    if threshold is not None:
        segmenter.set_params(threshold=threshold)
    image = as_image(run.finder.image_)
    segmenter.fit(image if polarity == "bright" else -image, positions=run.finder.atoms_.positions)
    result = Segmentation(run, segmenter)
    run.seconds["segment"] = time.perf_counter() - start
    start = time.perf_counter()
    result.write(folder)
    run.seconds["write"] += time.perf_counter() - start
    return result
