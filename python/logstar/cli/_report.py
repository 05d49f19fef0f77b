"""What a run of the command says: a summary for people, an object for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from logstar.metrics import DetectionMetrics
from logstar.tuning import AtomFinder


class NothingFoundError(Exception):
    """The tuned detector finds no atom."""


@dataclass
class Run:
    """One image, what was found in it, and what was written.

    Attributes
    ----------
    source : str
        The file, or what else the image is.
    crystal : str or None
        Name of the crystal.
    finder : AtomFinder
        Fitted to the image.
    formats : tuple of str
        Extensions of the tables of positions.
    truth : DetectionMetrics or None
        Comparison with known atoms.
    files : dict of str to Path
        What was written.
    """

    source: str
    crystal: str | None
    finder: AtomFinder
    formats: tuple[str, ...] = ("csv",)
    truth: DetectionMetrics | None = None
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, float]:
        """How long each step took."""
        return self.finder.seconds_

    @property
    def pixel_size(self) -> float | None:
        """Side of a pixel in `unit`."""
        size = self.finder.pixel_size_
        return None if size is None else size.value

    @property
    def unit(self) -> str | None:
        """Unit of the pixel size."""
        size = self.finder.pixel_size_
        return None if size is None else size.unit

    def write(self, folder: Path) -> None:
        """Write positions, front and picture into a folder."""
        self.files = self.finder.save(
            folder, formats=self.formats, source=self.source, crystal=self.crystal
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        report = self.finder.report(source=self.source, crystal=self.crystal)
        return report.as_dict() | {
            "truth": None if self.truth is None else asdict(self.truth),
            "files": {kind: str(path) for kind, path in self.files.items()},
        }

    def summary(self) -> str:
        """Everything as text."""
        lines = list(self.finder.report(source=self.source, crystal=self.crystal).rows)
        if self.truth is not None:
            lines.append(("truth", self._compare(self.truth)))
        lines += [("written" if i == 0 else "", str(p)) for i, p in enumerate(self.files.values())]
        return "\n".join(f"{name:<12}{text}" for name, text in lines)

    def _compare(self, truth: DetectionMetrics) -> str:
        rmse = f"{truth.rmse:.2f} px"
        if self.pixel_size is not None:
            rmse += f" ({truth.rmse * self.pixel_size:.3f} {self.unit})"
        return (
            f"{truth.n_true} atoms: F1 {truth.f1:.4f}, precision {truth.precision:.4f}, recall "
            f"{truth.recall:.4f}, RMSE {rmse}"
        )
