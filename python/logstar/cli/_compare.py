"""The command `compare`: two tables of positions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from logstar.io import read_positions
from logstar.metrics import DetectionMetrics, detection_metrics
from logstar.units import PixelSize

#: Share by which the pixel sizes of two tables may differ and count as the same; a larger
#: difference is told of.
_SAME_SIZE = 1e-3


@dataclass(frozen=True)
class Comparison:
    """What was found of a reference.

    Attributes
    ----------
    found, reference : Path
        The files.
    metrics : DetectionMetrics
        The comparison, in pixels.
    tolerance : float or None
        In pixels; None where the spacing of the reference gave it.
    pixel_size : PixelSize or None
        That of the reference, else of what was found.
    note : str
        What is odd about the two.
    """

    found: Path
    reference: Path
    metrics: DetectionMetrics
    tolerance: float | None
    pixel_size: PixelSize | None
    note: str = ""

    @property
    def _rmse_in_units(self) -> float | None:
        if self.pixel_size is None or math.isnan(self.metrics.rmse):
            return None
        return self.metrics.rmse * self.pixel_size.value

    def rows(self) -> list[tuple[str, str]]:
        """Everything as names and texts."""
        one = self.metrics
        missing, extra = one.n_true - one.n_matched, one.n_found - one.n_matched
        rmse = "none matched"
        if one.n_matched:
            rmse = f"{one.rmse:.3f} px"
            if self.pixel_size is not None and self._rmse_in_units is not None:
                rmse += f" ({self._rmse_in_units:.4g} {self.pixel_size.unit})"
        within = (
            "a quarter of the reference's spacing"
            if self.tolerance is None
            else f"{self.tolerance:.4g} px"
        )
        rows = [
            ("found", f"{self.found}, {one.n_found} positions"),
            ("reference", f"{self.reference}, {one.n_true} positions"),
            ("matched", f"{one.n_matched} within {within}"),
            ("missing", f"{missing} of the reference were not found"),
            ("extra", f"{extra} of those found are not in the reference"),
            ("RMSE", rmse),
            ("F1", f"{one.f1:.4f}, precision {one.precision:.4f}, recall {one.recall:.4f}"),
        ]
        return [*rows, ("note", self.note)] if self.note else rows

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        one = self.metrics
        return {
            "found": str(self.found),
            "reference": str(self.reference),
            **asdict(one),
            "rmse": None if math.isnan(one.rmse) else one.rmse,
            "n_missing": one.n_true - one.n_matched,
            "n_extra": one.n_found - one.n_matched,
            "tolerance": self.tolerance,
            "rmse_in_units": self._rmse_in_units,
            "unit": None if self.pixel_size is None else self.pixel_size.unit,
            "note": self.note,
        }


def compare(found: Path, reference: Path, tolerance: float | PixelSize | None) -> Comparison:
    """Compare two tables of positions.

    Parameters
    ----------
    found, reference : Path
        Their files.
    tolerance : float, PixelSize or None
        Greatest distance of two that are matched, in pixels or as a length; None takes a quarter
        of the reference's spacing.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ImportError, OSError, ValueError
        If a file cannot be read, or a length is given and neither table has a pixel size.
    """
    tables = read_positions(found), read_positions(reference)
    sizes = [table.pixel_size for table in tables]
    size = sizes[1] if sizes[1] is not None else sizes[0]
    note = ""
    if sizes[0] is not None and sizes[1] is not None:
        ratio = sizes[0].to(sizes[1].unit).value / sizes[1].value
        if abs(ratio - 1) > _SAME_SIZE:
            note = (
                f"the pixel sizes differ, {sizes[0]} and {sizes[1]}: positions were compared in "
                "pixels, lengths are the reference's"
            )
    if isinstance(tolerance, PixelSize):
        if size is None:
            raise ValueError(
                f"--tolerance {tolerance.value:g}{tolerance.unit} needs a pixel size, which "
                "neither table has; give it in pixels, such as 2px."
            )
        tolerance = tolerance.to(size.unit).value / size.value
    metrics = detection_metrics(tables[0].positions, tables[1].positions, tolerance=tolerance)
    return Comparison(found, reference, metrics, tolerance, size, note)
