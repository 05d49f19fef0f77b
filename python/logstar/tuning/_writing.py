"""What a finder leaves behind in a folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ._choice import QC
from ._space import plain_params
from ._window_maps import WINDOW_COLUMNS

if TYPE_CHECKING:
    from logstar._validation import Image
    from logstar.io import AtomTable

    from ._finder import AtomFinder
    from ._window_maps import WindowMaps

_ATOMS, _FRONT, _PICTURE, _ZOOMS = "positions", "pareto.csv", "atoms.png", "quality.png"
_WINDOWS, _MAPS = "windows.csv", "windows.png"


def write_finder(
    finder: AtomFinder,
    folder: Path,
    formats: tuple[str, ...],
    *,
    plots: bool,
    source: str,
    crystal: str,
) -> dict[str, Path]:
    """Write atoms, front and pictures; `AtomFinder.save` documents it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = write_atoms(finder.atoms_, folder, formats, finder.image_)
    return files | write_parts(finder, folder, plots=plots, source=source, crystal=crystal)


def write_atoms(
    atoms: AtomTable, folder: Path, formats: tuple[str, ...], image: Image | None
) -> dict[str, Path]:
    """Write a table in each format; hdf5 needs the image."""
    files = {}
    for i, extension in enumerate(formats):
        path = folder / f"{_ATOMS}.{extension}"
        atoms.save(path, image=image)
        files["positions" if i == 0 else f"positions_{extension}"] = path
    return files


def write_parts(
    finder: AtomFinder, folder: Path, *, plots: bool, source: str, crystal: str
) -> dict[str, Path]:
    """Write what chose the settings of a finder, and its pictures."""
    files = {"pareto_front": folder / _FRONT}
    _write_front(finder, files["pareto_front"])
    if finder.windows_ is not None:
        files["windows"] = folder / _WINDOWS
        _write_windows(finder.windows_, files["windows"])
    if plots:
        files |= _draw(finder, folder, source, crystal)
    return files


def _draw(finder: AtomFinder, folder: Path, source: str, crystal: str) -> dict[str, Path]:
    """Draw the atoms, and what is to be doubted if there is anything."""
    # Only drawing pays for matplotlib.
    from logstar.inspection import (  # noqa: PLC0415
        AtomFinderDisplay,
        QualityReportDisplay,
    )

    display = AtomFinderDisplay.of(finder, source=source, crystal=crystal)
    files = {"picture": display.save(folder / _PICTURE)}
    if finder.quality_ is not None:
        zooms = QualityReportDisplay(finder.quality_, pixel_size=finder.pixel_size_)
        if zooms.has_doubts:
            files["quality"] = zooms.save(folder / _ZOOMS)
    if finder.windows_ is not None:
        files["window_maps"] = finder.windows_.display().save(folder / _MAPS)
    return files


def _write_windows(maps: WindowMaps, path: Path) -> None:
    """Write a line for each window."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "col", *WINDOW_COLUMNS])
        for i, row in enumerate(maps.rows.tolist()):
            for j, col in enumerate(maps.cols.tolist()):
                values = [getattr(maps, name)[i, j] for name in WINDOW_COLUMNS]
                writer.writerow([row, col, *map(_cell, values)])


def _cell(value: str | float) -> str:
    """How a table has a number, or a word; nothing where there is no number."""
    if isinstance(value, str):
        return str(value)
    return "" if np.isnan(value) else f"{value:.9g}"


def _write_front(finder: AtomFinder, path: Path) -> None:
    """Write the settings that were chosen from, with what chose among them."""
    results, n_expected = finder.search_.cv_results_, finder.expectation_.n_expected
    # Where the expected number is uncertain the objective is not QC but what is beyond that.
    objectives = {
        "qc_beyond" if name == QC else name: results[f"objective_{name}"]
        for name in finder.search_.objective_names_
        if name != QC or finder.expectation_.uncertainty > 0
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["n_atoms", QC, *objectives, *finder.params_, "chosen"])
        for i, row in enumerate(finder.front_.tolist()):
            is_chosen = i == finder.index_
            # Of a search without a sweep, the chosen setting is all that there is.
            counts = results.get("detail_n_atoms")
            n_atoms = len(finder.atoms_) if counts is None else int(counts[row])
            values = [n_atoms / n_expected - 1, *(column[row] for column in objectives.values())]
            params = finder.params_ if is_chosen else plain_params(finder.search_, row)
            values += params.values()
            texts = [v if isinstance(v, str) else f"{v:.9g}" for v in values]
            writer.writerow([n_atoms, *texts, int(is_chosen)])
