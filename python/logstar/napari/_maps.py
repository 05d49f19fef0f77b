"""Maps of atoms that were found: of damage, strain, displacement, polarisation.

Nothing here needs napari or Qt; panels run these functions in a process of their own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.exceptions import AmbiguousMotifWarning
from logstar.fields import FieldGrid, displacements, polarization, strain
from logstar.io import AtomTable
from logstar.lattice import ImageLattice, LatticeIndexer
from logstar.segmentation import KINDS, AmorphousGMMSegmenter, Region
from logstar.tuning import AtomFinder
from logstar.units import PixelSize

from ._finding import Told, indexer_of
from ._layers import LayerData, field_images, vectors

#: What can be mapped, by the words that the user reads.
STRAIN, DISPLACEMENT, POLARIZATION = "strain", "displacement", "polarization"
FIELDS = (STRAIN, DISPLACEMENT, POLARIZATION)


class Damage(NamedTuple):
    """What an image shows where it does not show its crystal.

    Parameters
    ----------
    kinds : ndarray of shape (n_rows, n_cols), uint8
        Places in `logstar.segmentation.KINDS`.
    regions : list of Region
        The largest first.
    """

    kinds: NDArray[np.uint8]
    regions: list[Region]

    def __str__(self) -> str:
        parts = [
            f"{kind} {(self.kinds == i).mean():.2%}"
            for i, kind in enumerate(KINDS)
            if i and (self.kinds == i).any()
        ]
        return ", ".join(parts) + " of the image" if parts else "crystal everywhere"


def map_damage(
    tell: Callable[[Told], object],
    image: Image,
    table: AtomTable,
    pixel_size: PixelSize | None,
    polarity: Literal["bright", "dark"],
) -> Damage:
    """Find where an image does not show its crystal.

    Parameters
    ----------
    tell : callable
        Is told what is being done.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    table : AtomTable
        Its atoms.
    pixel_size : PixelSize or None
        Of the image.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.

    Returns
    -------
    damage : Damage
        As `logstar segment` gives it.
    """
    tell(Told("comparing atoms"))
    segmenter = AmorphousGMMSegmenter(random_state=0, n_jobs=-1, pixel_size=pixel_size)
    segmenter.fit(image if polarity == "bright" else -image, positions=table.positions)
    return Damage(segmenter.kinds_, segmenter.regions_)


def rows_of(damage: Damage) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of a table of regions, for people to read."""
    size = damage.regions[0].pixel_size if damage.regions else None
    area = "area (px²)" if size is None else "area (nm²)"
    side = 1.0 if size is None else size.to("nm").value
    rows = [
        [
            region.kind,
            f"{region.area * side**2:.3g}",
            str(region.n_atoms),
            "" if math.isnan(region.confidence) else f"{region.confidence:.0%}",
        ]
        for region in damage.regions
    ]
    return ["what", area, "atoms", "sure"], rows


def map_field(
    tell: Callable[[Told], object],
    image: Image,
    table: AtomTable,
    finder: AtomFinder | None,
    pixel_size: PixelSize | None,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    what: str = STRAIN,
    reference: Literal["fit", "crystal"] = "fit",
    kinds: tuple[str, str] = ("B", "A"),
) -> tuple[list[LayerData], str]:
    """Measure a field at atoms.

    Parameters
    ----------
    tell : callable
        Is told what is being done.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    table : AtomTable
        Its atoms, by which fields have errors if they were refined.
    finder : AtomFinder or None
        What found them: its lattice is the reference. None takes that which the image shows.
    pixel_size : PixelSize or None
        Of the layer of the image, over which the field is drawn.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    what : {"strain", "displacement", "polarization"}, default="strain"
        The field.
    reference : {"fit", "crystal"}, default="fit"
        What strain and displacement are measured from; see `logstar.fields.strain`.
    kinds : tuple of two str, default=("B", "A")
        Kind of the displaced columns and of their neighbours, for polarisation.

    Returns
    -------
    layers : list of tuple
        Images of the components of strain, or vectors.
    text : str
        What there is to say of them.

    Raises
    ------
    NotOneLatticeError, ValueError
        If the atoms have no lattice, or it has no such kinds.
    """
    tell(Told("telling which site each atom is"))
    if finder is not None:
        indexer = indexer_of(table, finder)
    else:
        lattice = ImageLattice.from_image(image, table.pixel_size, polarity=polarity)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AmbiguousMotifWarning)
            indexer = LatticeIndexer(lattice).fit(table.positions)
    n_sites = int((indexer.components_ >= 0).sum())
    told = [f"{n_sites} of {len(table)} atoms have a site"]
    if what == STRAIN:
        measured = strain(indexer, table, reference=reference)
        spread = 100 * np.nanstd(measured.components[:, :3], axis=0)
        told.append("standard deviations {:.2g}, {:.2g}, {:.2g} % (xx, yy, xy)".format(*spread))
        error = 100 * np.nanmedian(measured.errors[:, 0]) if _any(measured.errors) else math.nan
        if math.isfinite(error):
            told.append(f"median error of e_xx {error:.2g} %")
        return field_images(
            FieldGrid.of(measured, shape=image.shape), pixel_size=pixel_size
        ), "\n".join(told)
    if what == DISPLACEMENT:
        field = displacements(indexer, table, reference=reference)
    else:
        field = polarization(indexer, table, *kinds)
    known = np.isfinite(field.vectors).all(axis=1)
    if not known.any():
        raise ValueError(f"{what} is nowhere defined: no atom has all that it is measured from.")
    row, col = field.in_units[known].mean(axis=0)
    told.append(f"mean {row:.2g}, {col:.2g} {field.unit} along rows and columns")
    test = field.zero_test()
    if math.isfinite(test.p_value):
        same = "consistent with zero" if test.consistent else "differs from zero"
        told.append(f"{same} (p = {test.p_value:.2g})")
    return [vectors(field, pixel_size=pixel_size)], "\n".join(told)


def _any(values: Any) -> bool:
    return bool(np.isfinite(values).any())
