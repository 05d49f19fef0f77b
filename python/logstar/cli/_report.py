"""What a run leaves behind: files, a summary for people, an object for machines."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar import __version__
from logstar.io import AtomTable, provenance
from logstar.metrics import DetectionMetrics
from logstar.rewards import QualityReport, quality_report
from logstar.tuning._expectation import N_NEIGHBORS, Expectation
from logstar.units import PixelSize

from ._tuning import ER, QC, Tuned, plain_params

_POSITIONS, _FRONT, _PICTURE = "positions", "pareto.csv", "atoms.png"
_ZOOMS = "quality.png"
_DPI = 150


@dataclass
class Run:
    """Everything about one run.

    Attributes
    ----------
    source : str
        The file, or what else the image is.
    image : ndarray of shape (n_rows, n_cols)
        The micrograph.
    pixel_size, unit : float and str, or None
        Its calibration.
    crystal : str or None
        Name of the crystal.
    expectation : Expectation
        What physics expects.
    tuned : Tuned
        What was found.
    truth : DetectionMetrics or None
        Comparison with known atoms.
    seconds : dict of str to float
        How long each step took.
    path : Path or None
        The file, if it is one.
    dataset : int or None
        Which image of it.
    formats : tuple of str
        Extensions of the tables of positions.
    files : dict of str to Path
        What was written.
    quality : QualityReport or None
        What the diagnostics say, as soon as it is written; None without a lattice.
    """

    source: str
    image: NDArray[Any]
    pixel_size: float | None
    unit: str | None
    crystal: str | None
    expectation: Expectation
    tuned: Tuned
    truth: DetectionMetrics | None
    seconds: dict[str, float]
    path: Path | None = None
    dataset: int | None = None
    formats: tuple[str, ...] = ("csv",)
    files: dict[str, Path] = field(default_factory=dict)
    quality: QualityReport | None = None

    def write(self, folder: Path) -> None:
        """Write positions, front and picture into a folder."""
        tables = [f"{_POSITIONS}.{extension}" for extension in self.formats]
        size = None if self.pixel_size is None else PixelSize(self.pixel_size, self.unit or "A")
        atoms = AtomTable.from_array(
            self.tuned.detections,
            self.tuned.columns,
            pixel_size=size,
            provenance=self._provenance(),
        ).with_columns(flagged=self.tuned.flagged)
        for name in tables:
            atoms.save(folder / name, image=self.image)
        self._write_front(folder / _FRONT)
        self._draw(folder / _PICTURE)
        names = {"positions": tables[0], "pareto_front": _FRONT, "picture": _PICTURE}
        names |= {f"positions_{name.rpartition('.')[2]}": name for name in tables[1:]}
        if self.expectation.judge is not None:
            self.quality = quality_report(self.image, self.tuned.detections, self.expectation.judge)
            self._draw_zooms(folder / _ZOOMS)
            names["quality"] = _ZOOMS
        self.files = {kind: folder / name for kind, name in names.items()}

    def _provenance(self) -> dict[str, Any]:
        return provenance(
            self.path,
            dataset=self.dataset,
            parameters=self.tuned.params,
            rewards={QC: self.tuned.qc, ER: self.tuned.er},
        )

    def _write_front(self, path: Path) -> None:
        search = self.tuned.search
        results = search.cv_results_
        objectives = [results[f"objective_{name}"] for name in (QC, ER)]
        rows = sorted(
            {*search.pareto_indices_.tolist(), search.best_index_},
            key=lambda i: [abs(values[i]) for values in objectives],
        )
        parameters = list(self.tuned.params)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([QC, ER, *parameters, "chosen"])
            for i in rows:
                values = [abs(values[i]) for values in objectives]
                values += self.tuned.params_of(i).values()
                texts = [v if isinstance(v, str) else f"{v:.9g}" for v in values]
                writer.writerow([*texts, int(i == search.best_index_)])

    def _draw(self, path: Path) -> None:
        # A figure without pyplot needs no display and leaves no global state.
        from matplotlib.figure import Figure  # noqa: PLC0415 - only drawing pays for it

        from logstar.inspection import DetectionDisplay, ParetoFrontDisplay  # noqa: PLC0415

        size = None if self.pixel_size is None else PixelSize.of(self.pixel_size, self.unit)
        n_rows, n_cols = self.image.shape
        height = float(np.clip(7.0 * n_rows / n_cols, 4.0, 10.0))
        figure = Figure(figsize=(12.5, height + 0.5), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(7.0, 5.0))
        DetectionDisplay(
            self.image,
            self.tuned.detections,
            flagged=self.tuned.flagged,
            pixel_size=size,
        ).plot(ax=left)
        ParetoFrontDisplay.from_estimator(
            self.tuned.search,
            objectives=(QC, ER),
            ax=right,
            xlabel="|QC|: deviation from the expected number of atoms",
            ylabel="ER: share of atoms too close to their neighbours",
        )
        right.set_box_aspect(0.9)
        figure.savefig(path, dpi=_DPI, bbox_inches="tight", pad_inches=0.1)

    def _draw_zooms(self, path: Path) -> None:
        from logstar.inspection import QualityReportDisplay  # noqa: PLC0415 - as above

        if self.quality is not None:
            size = None if self.pixel_size is None else PixelSize.of(self.pixel_size, self.unit)
            QualityReportDisplay(self.quality, pixel_size=size).save(path)

    @property
    def _n_ladders(self) -> int:
        """How many were tried, each with all thresholds and overlaps."""
        settings = map(plain_params, self.tuned.search.cv_results_["params"])
        return len({(setting["min_sigma"], setting["max_sigma"]) for setting in settings})

    @property
    def _n_tradeoffs(self) -> int:
        """Distinct points of the front: many settings may give the same atoms."""
        return len(np.unique(self.tuned.search.pareto_front_, axis=0))

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        tuned = self.tuned
        corrected = self.expectation.pixel_size
        return {
            "version": __version__,
            "source": self.source,
            "shape": list(self.image.shape),
            "pixel_size": self.pixel_size,
            "unit": self.unit,
            "crystal": self.crystal,
            "n_found": len(tuned.detections),
            "n_expected": self.expectation.n_expected,
            "n_expected_uncertainty": self.expectation.uncertainty * self.expectation.n_expected,
            "calibration": self.expectation.calibration,
            "corrected_pixel_size": corrected and corrected.value,
            "lattice": self._lattice_as_dict(),
            "field_share": self.expectation.field_share,
            "quality": self._quality_as_dict(),
            "stable_thresholds": [tuned.plateau.low, tuned.plateau.high],
            "n_flagged": int(tuned.flagged.sum()),
            "distance_sum": self.expectation.distance_sum,
            "qc": tuned.qc,
            "er": tuned.er,
            "params": tuned.params,
            "n_ladders": self._n_ladders,
            "n_pareto": self._n_tradeoffs,
            "interrupted": bool(tuned.search.interrupted_),
            "truth": None if self.truth is None else asdict(self.truth),
            "files": {kind: str(path) for kind, path in self.files.items()},
            "seconds": {step: round(value, 3) for step, value in self.seconds.items()},
        }

    def _quality_as_dict(self) -> dict[str, Any] | None:
        report = self.quality
        if report is None:
            return None
        return {
            "concerns": report.concerns,
            "short_pairs": report.short_pairs,
            "gaps": report.gaps,
            "spread": report.spread,
            "on_lattice": report.on_lattice,
            "places": [asdict(place) for place in report.places],
        }

    def _lattice_as_dict(self) -> dict[str, Any] | None:
        lattice = self.expectation.lattice
        if lattice is None:
            return None
        return {
            "vectors_px": lattice.vectors.tolist(),
            "columns": len(lattice.columns),
            "nearest_distance_px": lattice.nearest_distance,
            "confidence": lattice.confidence,
        }

    def summary(self) -> str:
        """Everything as text."""
        tuned, search, expected = self.tuned, self.tuned.search, self.expectation
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size:.5g} {self.unit}/px"
        crystal = "" if self.crystal is None else f" ({self.crystal})"
        rule = (
            f"distances to {N_NEIGHBORS} neighbours sum to less than {expected.distance_sum:.1f} px"
        )
        spread = expected.uncertainty * expected.n_expected
        lines = [
            ("image", f"{self.source}, {n_rows} x {n_cols} px{size}"),
            ("found", f"{len(tuned.detections)} atoms"),
            ("expected", f"{expected.n_expected:.1f} +- {spread:.1f} atoms{crystal}"),
            *self._physics(),
            ("QC", f"{tuned.qc:+.4f}   (found - expected) / expected"),
            ("ER", f"{tuned.er:.4f}    {tuned.flagged.sum()} atoms flagged ({rule})"),
        ]
        if self.truth is not None:
            lines.append(("truth", self._compare(self.truth)))
        plateau = tuned.plateau
        stable = (
            f"within 0.2 % from threshold {plateau.low:.3g} to {plateau.high:.3g}"
            if tuned.is_stable
            else "NO: the count hangs on the threshold, it is the same only from "
            f"{plateau.low:.3g} to {plateau.high:.3g}"
        )
        lines.append(("stable", stable))
        if self.quality is not None:
            lines.append(("quality", str(self.quality)))
        parameters = ", ".join(
            f"{name} {value if isinstance(value, str) else format(value, '.3g')}"
            for name, value in tuned.params.items()
        )
        interrupted = ", INTERRUPTED before its end" if search.interrupted_ else ""
        steps = ", ".join(f"{step} {value:.2f} s" for step, value in self.seconds.items())
        lines += [
            ("parameters", parameters),
            ("search", f"{self._n_ladders} ladders of sigmas{interrupted}"),
            ("front", f"{self._n_tradeoffs} trade-offs"),
            ("time", steps),
            *(("written" if i == 0 else "", str(p)) for i, p in enumerate(self.files.values())),
        ]
        return "\n".join(f"{name:<12}{text}" for name, text in lines)

    def _physics(self) -> list[tuple[str, str]]:
        """What the image says about its lattice, its calibration and its field."""
        expected, lattice = self.expectation, self.expectation.lattice
        lines = []
        if lattice is not None:
            edges = f"{lattice.a:.5g} x {lattice.b:.5g} {lattice.unit}, {lattice.angle:.2f} degrees"
            n = len(lattice.columns)
            columns = f"{n} column{'s' if n > 1 else ''} a cell"
            lines.append(("lattice", f"{edges}, {columns} (confidence {lattice.confidence:.2f})"))
        if expected.calibration is not None:
            lines.append(("calibration", expected.calibration))
        if expected.field_share < 1:
            lines.append(("field", f"{expected.field_share:.0%} of the image shows crystal"))
        return lines

    def _compare(self, truth: DetectionMetrics) -> str:
        rmse = f"{truth.rmse:.2f} px"
        if self.pixel_size is not None:
            rmse += f" ({truth.rmse * self.pixel_size:.3f} {self.unit})"
        return (
            f"{truth.n_true} atoms: F1 {truth.f1:.4f}, precision {truth.precision:.4f}, recall "
            f"{truth.recall:.4f}, RMSE {rmse}"
        )
