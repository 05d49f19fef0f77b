"""What there is to say of an image that was found by tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._choice import ER, N_NEIGHBORS, QC
from ._report import Report, said_of_significance
from ._tiled_atoms import said_of_place

if TYPE_CHECKING:
    from ._tiled_atoms import TiledAtoms

#: Rows of the part's own report that hold for the whole image; those without a name go on with the
#: row before them.
_OF_PART = ("grains", "lattice", "drift", "calibration", "stable", "parameters", "search", "front")

_SIGNIFICANCE = "significance"


def report_of_tiles(found: TiledAtoms, source: str, crystal: str | None) -> Report:
    """Say everything that was found out of the whole image; what a search has, of the part."""
    finder = found.finder
    of_part = finder.report(source=source, crystal=crystal)
    rows = _rows(found, source, of_part)
    return Report(rows, _values(found, of_part.as_dict()))


def _rows(found: TiledAtoms, source: str, of_part: Report) -> list[tuple[str, str]]:
    n_rows, n_cols = found.shape
    size = "" if found.pixel_size_ is None else f", {found.pixel_size_}"
    limit = found.finder.expectation_.distance_sum
    flagged = int(found.atoms_["flagged"].sum())
    rule = f"distances to {N_NEIGHBORS} neighbours sum to less than {limit:.1f} px"
    expected_of = dict(of_part.rows)["expected"].partition("(")[2]
    rows = [
        ("verdict", str(found.verdict_)),
        ("image", f"{source}{', ' if source else ''}{n_rows} x {n_cols} px{size}"),
        ("tuned on", _tuned_on(found)),
        ("tiles", _tiles(found)),
        ("found", f"{len(found.atoms_)} atoms"),
        ("expected", f"{found.count} atoms ({expected_of}"),
        (QC.upper(), f"{found.qc_:+.4f}   (found - expected) / expected"),
        (ER.upper(), f"{found.er_:.4f}    {flagged} atoms flagged ({rule})"),
    ]
    if found.field_share < 1:
        rows.append(("field", f"{found.field_share:.0%} of the image shows crystal"))
    if _SIGNIFICANCE in found.atoms_.columns:
        text = said_of_significance(found.atoms_[_SIGNIFICANCE], has_lattice=True)
        rows.append(("significant", text))
    precision = _precision(found)
    if precision:
        rows.append(("precision", precision))
    kept = False
    for name, text in of_part.rows:
        kept = name in _OF_PART if name else kept
        if kept:
            rows.append((name, text))
    rows.append(("time", ", ".join(f"{step} {s:.2f} s" for step, s in found.seconds_.items())))
    return rows


def _tuned_on(found: TiledAtoms) -> str:
    each = ", ".join(
        f"{said_of_place(place)} {qc:+.2%}"
        for place, qc in zip(found.parts, found.qc_of_parts, strict=True)
    )
    return f"{said_of_place(found.part)}; QC with its settings, by parts: {each}"


def _tiles(found: TiledAtoms) -> str:
    known = found.qc_of_tiles[np.isfinite(found.qc_of_tiles)]
    spread = ""
    if len(known):
        spread = f", QC of each {known.min():+.2%} to {known.max():+.2%}"
    n_tiles = len(found.tiles)
    return f"{n_tiles} tile{'s' if n_tiles > 1 else ''}{spread}"


def _precision(found: TiledAtoms) -> str:
    """How precise positions are, and how many could not be refined; empty if they were not."""
    table = found.atoms_
    if "row_error" not in table.columns:
        return ""
    errors = np.concatenate([table["row_error"], table["col_error"]])
    good = np.isfinite(errors)
    size = found.pixel_size_
    parts = []
    if good.any():
        error = float(np.median(errors[good]))
        length = "" if size is None else f" ({error * size.to('pm').value:.2g} pm)"
        parts.append(f"median error of a row or column {error:.2g} px{length}")
    n_left = int(np.isnan(table["row_error"]).sum())
    if n_left:
        parts.append(f"{n_left} of {len(table)} atoms not refined")
    return "; ".join(parts)


def _values(found: TiledAtoms, of_part: dict[str, Any]) -> dict[str, Any]:
    """The values of a whole image, as those of a finder; what only a part has is under "part"."""
    n_significant = None
    if _SIGNIFICANCE in found.atoms_.columns:
        n_significant = int((found.atoms_[_SIGNIFICANCE] > 0).sum())
    qc_of_tiles = [None if np.isnan(qc) else round(qc, 5) for qc in found.qc_of_tiles.tolist()]
    return {
        **of_part,
        "verdict": {"status": found.verdict_.status, "reasons": list(found.verdict_.reasons)},
        "shape": list(found.shape),
        "n_found": len(found.atoms_),
        "n_expected": found.count.n,
        "n_expected_uncertainty": found.count.uncertainty,
        "field_share": found.field_share,
        "quality": None,
        "n_flagged": int(found.atoms_["flagged"].sum()),
        "n_significant": n_significant,
        QC: found.qc_,
        ER: found.er_,
        "seconds": {step: round(value, 3) for step, value in found.seconds_.items()},
        "part": _ends(found.part),
        "parts": [_ends(place) for place in found.parts],
        "qc_of_parts": found.qc_of_parts.tolist(),
        "tiles": [_ends(place) for place in found.tiles],
        "qc_of_tiles": qc_of_tiles,
    }


def _ends(place: tuple[slice, slice]) -> list[list[int]]:
    return [[part.start, part.stop] for part in place]
