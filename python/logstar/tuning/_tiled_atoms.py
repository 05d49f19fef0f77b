"""The atoms of an image that was found by tiles, and everything that is to be said of them."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from logstar.io import AtomTable
from logstar.lattice import Count, ImageLattice, Lattice, LatticeIndexer
from logstar.units import PixelSize

from ._indexing import lattice_of_sites
from ._looked_at import Place
from ._verdict import Verdict
from ._writing import write_atoms, write_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._expectation import Expectation
    from ._finder import AtomFinder
    from ._report import Report

_TILES = "tiles.csv"


@dataclass(frozen=True, eq=False, repr=False)
class TiledAtoms:
    """The atoms of an image that was tuned on in parts, and found by tiles.

    Made by `find_atoms` of a large image, and by `find_atoms_tiled`. What is named as in
    `AtomFinder` says the same of the whole image; everything else that a search has is that of the
    part whose settings were chosen, in `finder`.

    Parameters
    ----------
    atoms_ : AtomTable
        "row", "col", "sigma" in pixels, "response" in the scale of the part that was chosen,
        "significance", "flagged" and "contaminated"; the strongest first. Refined, also the columns
        that `AtomFinder` has then.
    verdict_ : Verdict
        Whether to believe them, by the whole image and by the part.
    finder : AtomFinder
        Fitted to the part that was chosen.
    part : tuple of two slice
        Which part of the image.
    parts : tuple of tuple of two slice
        All that were tuned on.
    qc_of_parts : ndarray of shape (n_parts,)
        QC in each of them with the chosen settings: whether these fit everywhere.
    tiles : tuple of tuple of two slice
        Rows and columns of the tiles.
    qc_of_tiles : ndarray of shape (n_tiles,)
        QC in each tile, by the number of atoms that its area has in the chosen part; NaN where it
        shows no crystal.
    count : Count
        The expected number of atoms in the whole image.
    er_ : float
        ER.
    field_share : float
        Share of the image, or of what was looked at, that shows crystal.
    shape : tuple of int
        Rows and columns of the image.
    source_ : str or None
        Its file.
    contaminated_share : float
        Share of the image, or of what was looked at, that lies under contamination; NaN if that was
        not looked for.
    seconds_ : dict of str to float
        How long each stage took.
    image_ : array-like of shape (n_rows, n_cols)
        What parts of the image are taken of: the array that was given, or the file.

    See Also
    --------
    find_atoms : Where they come from.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_tiled
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    >>> scene = make_scene(crystal, (200, 200), noise=0.1, random_state=0)
    >>> found = find_atoms_tiled(
    ...     scene.image, lattice=crystal, n_parts=1, part_side=160, refine=None
    ... )
    >>> found
    TiledAtoms(295 atoms in 200 x 200 px, tuned on 1 part: ok)
    >>> found.atoms_.columns
    ('row', 'col', 'sigma', 'response', 'significance', 'flagged', 'contaminated')
    """

    atoms_: AtomTable
    verdict_: Verdict
    finder: AtomFinder
    part: Place
    parts: tuple[Place, ...]
    qc_of_parts: NDArray[np.float64]
    tiles: tuple[Place, ...]
    qc_of_tiles: NDArray[np.float64]
    count: Count
    er_: float
    field_share: float
    shape: tuple[int, int]
    source_: str | None
    contaminated_share: float
    seconds_: dict[str, float]
    image_: Any

    def __repr__(self) -> str:
        n_rows, n_cols = self.shape
        n_parts = f"{len(self.parts)} part{'s' if len(self.parts) > 1 else ''}"
        return (
            f"{type(self).__name__}({len(self.atoms_)} atoms in {n_rows} x {n_cols} px, tuned on "
            f"{n_parts}: {self.verdict_.status})"
        )

    @property
    def qc_(self) -> float:  # numpydoc ignore=RT01
        """QC with its sign, of the whole image."""
        return len(self.atoms_) / self.count.n - 1

    @property
    def expectation_(self) -> Expectation:  # numpydoc ignore=RT01
        """What physics expects of the whole image, by the part that was chosen."""
        return dataclasses.replace(
            self.finder.expectation_, count=self.count, field=None, field_share=self.field_share
        )

    @property
    def params_(self) -> dict[str, Any]:  # numpydoc ignore=RT01
        """The chosen parameters under the detector's own names."""
        return self.finder.params_

    @property
    def pixel_size_(self) -> PixelSize | None:  # numpydoc ignore=RT01
        """The pixel size by which lengths are given."""
        return self.finder.pixel_size_

    @property
    def calibration_(self) -> str | None:  # numpydoc ignore=RT01
        """What the lattice says of the pixel size."""
        return self.finder.calibration_

    @property
    def lattice_(self) -> Lattice | None:  # numpydoc ignore=RT01
        """By which the atoms are judged, in rows and columns of the whole image."""
        lattice = self.finder.lattice_
        return None if lattice is None else self._in_whole(lattice)

    def index(self) -> LatticeIndexer:
        """Tell which site of the lattice each atom is, and which sites have none.

        Indices spread from atom to atom over the whole table: time and memory go with the number of
        atoms, whatever the image's size.

        Returns
        -------
        indexer : LatticeIndexer
            Fitted to `atoms_`, in their order: `logstar.fields` takes it together with these.

        Raises
        ------
        ValueError
            If the atoms are of several phases.

        Warns
        -----
        AmbiguousMotifWarning
            If nothing tells which kind is which.
        """
        lattice = self._in_whole(lattice_of_sites(self.finder))
        table = self.atoms_
        name = "amplitude" if "amplitude" in table.columns else "response"
        # The greater the more there is of an atom; amplitudes of dark ones are negative.
        return LatticeIndexer(lattice).fit(table.positions, intensities=np.abs(table[name]))

    def _in_whole(self, lattice: Lattice) -> Lattice:
        """A lattice that was seen in the part, in the whole image."""
        lattice = lattice.with_mask(None)
        if not isinstance(lattice, ImageLattice):
            return lattice
        row, col = lattice.origin
        origin = row + self.part[0].start, col + self.part[1].start
        return dataclasses.replace(lattice, origin=origin, shape=self.shape, drift=None)

    def report(self, *, source: str | None = None, crystal: str | None = None) -> Report:
        """Say everything that was found out.

        Parameters
        ----------
        source, crystal : str, default=None
            As of `AtomFinder.report`.

        Returns
        -------
        report : Report
            As text by `str`, as pairs of name and text in `rows`, and for machines by `as_dict`.
        """
        from ._tiled_report import report_of_tiles  # noqa: PLC0415 - finding needs none of it

        return report_of_tiles(self, self._name(source), crystal)

    def plot(self, *, source: str | None = None, crystal: str | None = None) -> Figure:
        """Draw the atoms of the part that was chosen, and what decided there.

        Parameters
        ----------
        source, crystal : str, default=None
            As of `AtomFinder.plot`.

        Returns
        -------
        figure : matplotlib Figure
            Of pyplot.
        """
        return self.finder.plot(source=self._name_of_part(source), crystal=crystal)

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        formats: Iterable[str] = ("csv",),
        plots: bool = True,
        source: str | None = None,
        crystal: str | None = None,
    ) -> dict[str, Path]:
        """Write atoms, tiles, front and pictures into a folder.

        Parameters
        ----------
        folder : path-like
            Made if there is none; files of the same names in it are overwritten.
        formats : iterable of str, default=("csv",)
            Formats of the atoms: csv, json, parquet, hdf5, xyz; see `AtomTable.save`. The hdf5 has
            no image, and names its file.
        plots : bool, default=True
            Whether to draw, the part that was chosen; False imports no matplotlib.
        source, crystal : str, default=None
            As of `AtomFinder.report`, for the pictures.

        Returns
        -------
        files : dict of str to Path
            What was written: "positions", "tiles", "pareto_front", and so on.
        """
        names = tuple(formats)
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        files = write_atoms(self.atoms_, place, names, None)
        files["tiles"] = place / _TILES
        self._write_tiles(files["tiles"])
        return files | write_parts(
            self.finder,
            place,
            plots=plots,
            source=self._name_of_part(source),
            crystal=self.finder._names(None, crystal)[1],  # noqa: SLF001 - of this package
        )

    def _write_tiles(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["first_row", "last_row", "first_col", "last_col", "qc"])
            for (rows, cols), qc in zip(self.tiles, self.qc_of_tiles.tolist(), strict=True):
                ends = rows.start, rows.stop - 1, cols.start, cols.stop - 1
                writer.writerow([*ends, "" if np.isnan(qc) else f"{qc:+.4f}"])

    def _name(self, source: str | None) -> str:
        return source if source is not None else self.source_ or ""

    def _name_of_part(self, source: str | None) -> str:
        return f"{self._name(source)} {said_of_place(self.part)}".strip()


def said_of_place(place: Place) -> str:
    """Say where a part of an image is."""
    rows, cols = place
    return f"[{rows.start}:{rows.stop}, {cols.start}:{cols.stop}]"
