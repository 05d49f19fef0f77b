"""The command `map`: from atoms to fields, of strain and others, and to vacancies."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from logstar.exceptions import AmbiguousMotifWarning
from logstar.fields import (
    FieldGrid,
    ScalarField,
    StrainField,
    VacancyEvidence,
    VectorField,
    displacements,
    field_table,
    polarization,
    spacings,
    strain,
    vacancy_evidence,
)
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.tuning import AtomFinder, TiledAtoms
from logstar.tuning._array_parts import part_of
from logstar.tuning._tiles_with_atoms import lies_in
from logstar.units import PixelSize

from ._detect import Outcome, write_files
from ._progress import Stages
from ._results import Results

Field: TypeAlias = StrainField | VectorField | ScalarField

#: A map of vacancies has no field: it is drawn over the image.
_VACANCIES = "vacancies"
#: Nodes along the longer side of the grid of an image that is found by tiles, at most, if no step
#: is told.
_NODES = 2048

#: Share of the length of vectors below which their mean is what rounding leaves.
_ROUNDING = 1e-6
#: Least probability that is printed: smaller ones say no more.
_LEAST_P = 1e-16
#: Names of fields that are longer than the column of names in a report.
_SHORT = {"polarization": "polar shift", "displacement": "displaced"}


@dataclass
class Maps:
    """What was measured of one image.

    Attributes
    ----------
    indexer : LatticeIndexer
        Sites of the atoms.
    fields : dict of str to field
        By the names of the option --field.
    vacancies : VacancyEvidence or None
        What the image says of sites without an atom; None where atoms were not refined.
    """

    indexer: LatticeIndexer
    fields: dict[str, Field]
    vacancies: VacancyEvidence | None


def map_fields(
    outcome: Outcome, results: Results, args: argparse.Namespace, stages: Stages
) -> None:
    """Measure fields of an image whose atoms were found, and write them.

    Parameters
    ----------
    outcome : Outcome
        Whose atoms to take; is told of fields, files and seconds. Interrupted before there are
        fields, it is told that.
    results : Results
        Where to write.
    args : Namespace
        Of the whole command.
    stages : Stages
        Is told what is being done.

    Raises
    ------
    ValueError
        If atoms have no sites, or the lattice not the kinds that are asked for.
    """
    stages.begin("mapping")
    start = time.perf_counter()
    try:
        maps = _measure(outcome.finder, args)
    except KeyboardInterrupt:
        outcome.interrupted = "while fields were measured; there are atoms, but no fields"
        return
    outcome.seconds["map"] = time.perf_counter() - start

    def save(folder: Path, plots: bool) -> dict[str, Path]:
        return _write(maps, _Drawn.of(outcome.finder), folder, args, plots=plots)

    write_files(outcome, results, save, args, stages)
    outcome.more += _rows(maps)
    outcome.more_values |= _values(maps)


class _Drawn(NamedTuple):
    """What is measured, and what is drawn of it.

    Attributes
    ----------
    atoms : AtomTable
        All of them.
    shape : tuple of int
        Rows and columns of the image.
    image : ndarray or None
        For tables that hold it; None of one that is found by tiles.
    pixels : ndarray
        What arrows and marks are drawn over: the image, or a part of it.
    part : tuple of two slice or None
        Which part.
    pixel_size : PixelSize or None
        Side of a pixel.
    """

    atoms: AtomTable
    shape: tuple[int, ...]
    image: Any
    pixels: Any
    part: tuple[slice, slice] | None
    pixel_size: PixelSize | None

    @classmethod
    def of(cls, finder: AtomFinder | TiledAtoms) -> Self:
        size = finder.pixel_size_
        if isinstance(finder, AtomFinder):
            image = finder.image_
            return cls(finder.atoms_, image.shape, image, image, None, size)
        pixels = part_of(finder.image_, finder.part)
        return cls(finder.atoms_, finder.shape, None, pixels, finder.part, size)

    def places(self, points: Any) -> Any:
        """Of some points those that are in the part, as seen from there."""
        if self.part is None or points is None:
            return points
        return points[lies_in(points, self.part)] - [axis.start for axis in self.part]

    def field(self, field: VectorField) -> VectorField:
        """Vectors of the part."""
        if self.part is None:
            return field
        inside = lies_in(field.positions, self.part)
        return replace(
            field,
            atoms=field.atoms[inside],
            positions=self.places(field.positions),
            vectors=field.vectors[inside],
            covariances=field.covariances[inside],
            weights=field.weights[np.flatnonzero(inside)],
        )


def _measure(finder: AtomFinder | TiledAtoms, args: argparse.Namespace) -> Maps:
    with warnings.catch_warnings():
        # It is a row of the report.
        warnings.simplefilter("ignore", AmbiguousMotifWarning)
        indexer = finder.index()
    # Of an image that is found by tiles the table tells all that is known.
    table = finder.atoms_ if "row_error" in finder.atoms_.columns else None
    refined: Any = finder.refinement_ if isinstance(finder, AtomFinder) else table
    atoms: Any = finder.atoms_ if refined is None else refined
    makers: dict[str, Callable[[], Field]] = {
        "strain": lambda: strain(
            indexer,
            atoms,
            args.radius,
            measure=args.measure,
            reference=args.reference,
            axes=args.axes,
        ),
        "displacement": lambda: displacements(indexer, atoms, reference=args.reference),
        "polarization": lambda: polarization(indexer, atoms, *args.kinds),
        "spacing": lambda: spacings(indexer, atoms, args.step),
    }
    chosen = list(dict.fromkeys(args.fields or ["strain"]))
    fields = {name: makers[name]() for name in chosen if name != _VACANCIES}
    vacancies = None
    if refined is not None:
        vacancies = vacancy_evidence(finder.image_, indexer, refined)
    elif _VACANCIES in chosen:
        raise ValueError("--field vacancies needs refined atoms: leave out --refine none.")
    return Maps(indexer, fields, vacancies)


def _write(
    maps: Maps, drawn: _Drawn, folder: Path, args: argparse.Namespace, *, plots: bool
) -> dict[str, Path]:
    """Write tables, grids and pictures into a folder."""
    table = field_table(maps.indexer, drawn.atoms, *maps.fields.values())
    files = _tables("fields", table, folder, args.formats or (), drawn.image)
    if maps.vacancies is not None:
        found = maps.vacancies.to_table()
        empty = AtomTable(
            {name: found[name] for name in found.columns},
            pixel_size=table.pixel_size,
            origin=table.origin,
            provenance=table.provenance,
        )
        files |= _tables("vacancies", empty, folder, args.formats or (), drawn.image)
    if maps.fields and args.grids:
        step = args.grid_step
        if step is None and drawn.part is not None:
            step = max(1.0, max(drawn.shape) / _NODES)
        grid = FieldGrid.of(*maps.fields.values(), shape=drawn.shape, step=step)
        for kind in dict.fromkeys(args.grids):
            files[f"grid_{kind}"] = grid.save(folder / f"fields.{kind}")
    return files | (_draw(maps, drawn, folder, args) if plots else {})


def _tables(
    name: str, table: AtomTable, folder: Path, formats: Sequence[str], image: Any
) -> dict[str, Path]:
    """Write a table as csv and in further formats; xyz holds no such columns."""
    files = {}
    for extension in dict.fromkeys(("csv", *formats)):
        if extension == "xyz":
            continue
        path = folder / f"{name}.{extension}"
        table.save(path, image=image)
        files[name if extension == "csv" else f"{name}_{extension}"] = path
    return files


def _draw(maps: Maps, drawn: _Drawn, folder: Path, args: argparse.Namespace) -> dict[str, Path]:
    """Draw numbers of the whole image, and arrows and marks of what can be seen of it at once."""
    # Only drawing pays for matplotlib.
    from logstar.inspection import FieldMapDisplay, StrainMapDisplay  # noqa: PLC0415

    empty = None
    if maps.vacancies is not None:
        empty = maps.vacancies.positions[maps.vacancies.empty()]
    files = {}
    for name, field in maps.fields.items():
        path = folder / f"{name}.png"
        if isinstance(field, StrainField):
            display: Any = StrainMapDisplay(field, image=drawn.image, vacancies=empty)
        elif isinstance(field, VectorField):
            display = FieldMapDisplay(
                drawn.field(field), image=drawn.pixels, vacancies=drawn.places(empty)
            )
        else:
            display = FieldMapDisplay(field, image=drawn.image, vacancies=empty)
        files[f"{name}_map"] = display.save(path)
    if _VACANCIES in (args.fields or ()):
        marks = FieldMapDisplay(
            None,
            image=drawn.pixels,
            vacancies=drawn.places(empty),
            pixel_size=drawn.pixel_size,
        )
        files["vacancies_map"] = marks.save(folder / "vacancies.png")
    return files


def _rows(maps: Maps) -> list[tuple[str, str]]:
    """What people are told, each a name and a text."""
    indexer = maps.indexer
    n, has = len(indexer.components_), indexer.components_ >= 0
    n_grains, n_conflicts = len(indexer.vectors_), len(indexer.conflicts_)
    text = f"{int(has.sum())} of {n} atoms, in {_counted(n_grains, 'grain')}"
    if n_conflicts:
        text += f"; {_counted(n_conflicts, 'bond')} across the cuts of dislocations or boundaries"
    rows = [("sites", text)]
    if indexer.ambiguous_.any():
        text = (
            "which kind is which is a guess: a shift of the lattice exchanges them, and neither "
            "places nor intensities tell"
        )
        rows.append(("", text))
    if maps.vacancies is not None:
        empty = maps.vacancies.empty()
        kinds, counts = np.unique(maps.vacancies.kinds[empty], return_counts=True)
        each = ", ".join(f"{count} {kind}" for kind, count in zip(kinds, counts, strict=True))
        rows.append(("vacancies", each or "none"))
    return rows + [(_SHORT.get(name, name), _told(field)) for name, field in maps.fields.items()]


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _told(field: Any) -> str:
    """What there is to say of a field in one line."""
    if isinstance(field, StrainField):
        known = np.isfinite(field.components).all(axis=1)
        if not known.any():
            return "nowhere defined: no atom has enough neighbours of its column"
        spread = np.std(field.components[known], axis=0)
        parts = [
            f"{100 * value:.2g} % in {name}"
            for name, value in zip(("e_xx", "e_yy", "e_xy"), spread, strict=False)
        ]
        text = f"standard deviations over the image {', '.join(parts)}"
        error = _median(field.errors[:, 0])
        return text if error is None else f"{text}; median error of e_xx {100 * error:.2g} %"
    if isinstance(field, VectorField):
        known = np.isfinite(field.vectors).all(axis=1)
        if not known.any():
            return "nowhere defined: no atom has all its neighbours"
        scale = 1.0 if field.pixel_size is None else field.pixel_size.value
        vectors = field.vectors[known] * scale
        size = float(np.sqrt((vectors**2).sum(axis=1).mean()))
        # A mean that is zero by definition, as that of displacements is, is so but for rounding.
        mean = np.where(np.abs(vectors.mean(axis=0)) < _ROUNDING * size, 0.0, vectors.mean(axis=0))
        text = (
            f"{size:.2g} {field.unit} (root mean square), mean ({mean[0]:.2g}, {mean[1]:.2g}) "
            "along rows and columns"
        )
        test = field.zero_test()
        if not np.isfinite(test.p_value):
            return text
        told = "consistent with zero" if test.consistent else "differs from zero"
        p = f"p = {test.p_value:.2g}" if test.p_value > _LEAST_P else f"p < {_LEAST_P:g}"
        scatter = (
            ""
            if np.isnan(test.scatter)
            else (f"; neighbours differ by {test.scatter:.2f} of what their errors say")
        )
        return f"{text}; {told} ({p}{scatter})"
    values = field.in_units[np.isfinite(field.values)]
    if not len(values):
        return "nowhere defined: no atom has the other"
    return f"mean {values.mean():.5g} {field.unit}, standard deviation {values.std():.2g}"


def _median(values: Any) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _values(maps: Maps) -> dict[str, Any]:
    """What machines are told."""
    indexer = maps.indexer
    tests = {
        name: field.zero_test() for name, field in maps.fields.items()
        if isinstance(field, VectorField)
    }  # fmt: skip
    return {
        "n_indexed": int((indexer.components_ >= 0).sum()),
        "n_grains": len(indexer.vectors_),
        "n_conflicts": len(indexer.conflicts_),
        "kinds_are_ambiguous": bool(indexer.ambiguous_.any()),
        "n_vacancies": None if maps.vacancies is None else int(maps.vacancies.empty().sum()),
        "consistent_with_zero": {
            name: test.consistent for name, test in tests.items() if np.isfinite(test.p_value)
        },
        "p_of_zero": {
            name: test.p_value for name, test in tests.items() if np.isfinite(test.p_value)
        },
    }
