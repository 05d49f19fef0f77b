"""What a finder has to say: for people, for machines, for notebooks."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logstar.detection import SignificanceDetector
from logstar.lattice import ImageLattice

from ._choice import ER, N_NEIGHBORS, QC
from ._grains import GrainQuality, quality_of_grains
from ._refining import describe
from ._space import count_ladders
from ._verdict import LEAST_EMPTY

if TYPE_CHECKING:
    from logstar._validation import FloatArray

    from ._finder import AtomFinder

#: Width of the names before the texts.
_NAME_WIDTH = 12


@dataclass(frozen=True, repr=False)
class Report:
    """Everything that an `AtomFinder` has found out, in words and in plain values.

    Made by `AtomFinder.report`.

    Parameters
    ----------
    rows : list of tuple of two str
        Names and texts, the verdict first.
    values : dict
        The same as plain values.

    Examples
    --------
    >>> from logstar import find_atoms, Lattice
    >>> from logstar.datasets import make_scene
    >>> scene = make_scene(Lattice.perovskite(4.0, pixel_size=0.2), (128, 128), random_state=0)
    >>> report = find_atoms(scene.image).report()
    >>> report.rows[0]
    ('verdict', 'ok')
    >>> report.as_dict()["interrupted"]
    False
    """

    rows: list[tuple[str, str]]
    values: dict[str, Any]

    @classmethod
    def of(cls, finder: AtomFinder, source: str, crystal: str) -> Report:
        """Ask a fitted finder.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.
        source, crystal : str
            What to call its image and its crystal.

        Returns
        -------
        report : Report
            Everything that it has found out.
        """
        return cls(_rows(finder, source, crystal), _values(finder, source, crystal))

    def __repr__(self) -> str:
        return f"Report({len(self.rows)} rows, verdict {self.values['verdict']['status']})"

    def __str__(self) -> str:
        return "\n".join(f"{name:<{_NAME_WIDTH}}{text}" for name, text in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, which JSON can hold.

        Returns
        -------
        values : dict of str to object
            Numbers, texts, and lists and dicts of these.
        """
        return dict(self.values)

    def as_html(self) -> str:
        """Give the rows as a table for notebooks.

        Returns
        -------
        table : str
            Markup of HTML.
        """
        cells = (
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.rows
        )
        return f"<table>{''.join(cells)}</table>"

    def _repr_html_(self) -> str:
        return self.as_html()


def _rows(finder: AtomFinder, source: str, crystal: str) -> list[tuple[str, str]]:
    expected = finder.expectation_
    n_rows, n_cols = finder.image_.shape
    size = "" if finder.pixel_size_ is None else f", {finder.pixel_size_}"
    expected_of = "as given" if finder.expected is not None else crystal or "as given"
    number = f"{expected.count} atoms ({expected_of})"
    if math.isnan(expected.n_expected):
        number = "no number told; about one false atom per million pixels"
    flagged = int(finder.atoms_["flagged"].sum())
    rule = f"distances to {N_NEIGHBORS} neighbours sum to less than {expected.distance_sum:.1f} px"
    plateau = finder.plateau_
    within = "within 0.2 %" if plateau.is_stable else "NO: within 0.2 % only"
    stable = f"{within} from threshold {plateau.low:.3g} to {plateau.high:.3g}"
    # What was not told cannot be compared with.
    rewards = []
    if not math.isnan(finder.qc_):
        rewards.append(("QC", f"{finder.qc_:+.4f}   (found - expected) / expected"))
    if not math.isnan(finder.er_):
        rewards.append(("ER", f"{finder.er_:.4f}    {flagged} atoms flagged ({rule})"))
    rows = [
        ("verdict", str(finder.verdict_)),
        ("image", f"{source}{', ' if source else ''}{n_rows} x {n_cols} px{size}{_part(finder)}"),
        ("found", f"{len(finder.atoms_)} atoms"),
        ("expected", number),
        *_physics(finder),
        *rewards,
        ("significant", _significance(finder)),
    ]
    if not isinstance(finder.detector_, SignificanceDetector):
        # Otherwise the number hangs on how strong noise is, which is measured.
        rows.append(("stable", stable))
    if finder.refinement_ is not None:
        rows.append(("precision", describe(finder.refinement_, finder.pixel_size_)))
    if finder.quality_ is not None:
        # What there is to doubt about it stands in the verdict.
        rows.append(("quality", finder.quality_.numbers))
    opinion = finder.second_opinion_
    if opinion is not None:
        both = int(opinion.seen.sum())
        said = f"sees {both} of the atoms, and {len(opinion.missed)} others"
        rows.append(("oracle", f"{said}; away from edges it agrees on {opinion.share:.1%}"))
    parameters = ", ".join(
        f"{name} {value if isinstance(value, str) else format(value, '.3g')}"
        for name, value in finder.params_.items()
    )
    n_ladders, n_tradeoffs = count_ladders(finder.search_), _n_tradeoffs(finder)
    interrupted = ", INTERRUPTED before its end" if finder.search_.interrupted_ else ""
    return [
        *rows,
        ("parameters", parameters),
        ("search", f"{n_ladders} ladder{'s' if n_ladders > 1 else ''} of sigmas{interrupted}"),
        ("front", f"{n_tradeoffs} trade-off{'s' if n_tradeoffs > 1 else ''}"),
        ("time", ", ".join(f"{step} {value:.2f} s" for step, value in finder.seconds_.items())),
    ]


def _part(finder: AtomFinder) -> str:
    """Which share of the image a mask leaves."""
    if finder.mask is None:
        return ""
    return f"; {np.asarray(finder.mask).mean():.1%} of it inside the mask"


def _significance(finder: AtomFinder) -> str:
    has_lattice = finder.expectation_.image_lattice is not None
    return said_of_significance(finder.atoms_["significance"], has_lattice=has_lattice)


def said_of_significance(significance: FloatArray, *, has_lattice: bool) -> str:
    """Say how many atoms noise does not explain."""
    n_atoms, n_clear = len(significance), int((significance > 0).sum())
    if n_clear == 0 and has_lattice:
        return f"none of {n_atoms} atoms by itself; they stand out of noise by their lattice"
    others = ", the others by their lattice" if n_clear < n_atoms and has_lattice else ""
    return f"{n_clear} of {n_atoms} atoms stand out of noise each by itself{others}"


def _physics(finder: AtomFinder) -> list[tuple[str, str]]:
    """What the image says about its lattice, its calibration and its field."""
    lattice = _image_lattice(finder)
    rows = []
    grains = finder.expectation_.grains
    if grains is not None:
        rows.append(("grains", str(grains)))
        rows += [("", text) for text in map(str, _grain_quality(finder))]
    if lattice is not None:
        edges = f"{lattice.a:.5g} x {lattice.b:.5g} {lattice.unit}, {lattice.angle:.2f} degrees"
        n = len(lattice.columns)
        columns = f"{n} column{'s' if n > 1 else ''} a cell"
        of = "" if grains is None else "of the largest grain "
        confidence = f"(confidence {lattice.confidence:.2f})"
        rows.append(("lattice", f"{of}{edges}, {columns} {confidence}"))
        if lattice.drift is not None:
            rows.append(
                ("drift", f"the crystal is {lattice.drift}, largest {lattice.drift.largest:.1f} px")
            )
    given = finder.file_pixel_size_
    if finder.calibration_ is not None:
        says = "" if given is None or given == finder.pixel_size_ else f"; given was {given}"
        # The row's name says what is right, or too large.
        text = finder.calibration_.removeprefix("calibration is ")
        rows.append(("calibration", f"{text}{says}"))
    share = finder.expectation_.field_share
    if 1 - share >= LEAST_EMPTY:
        rows.append(("field", f"{share:.0%} of the image shows crystal"))
    return rows


def _image_lattice(finder: AtomFinder) -> ImageLattice | None:
    """The image's own lattice, in the unit of the pixel size."""
    lattice, size = finder.expectation_.image_lattice, finder.pixel_size_
    if lattice is None or size is None:
        return lattice
    return lattice.with_pixel_size(size)


def _n_tradeoffs(finder: AtomFinder) -> int:
    """Distinct points of the front: many settings may give the same atoms."""
    return len(np.unique(finder.search_.pareto_front_, axis=0))


def _values(finder: AtomFinder, source: str, crystal: str) -> dict[str, Any]:
    from logstar import __version__  # noqa: PLC0415 - the package is still being made on import

    expected, size, given = finder.expectation_, finder.pixel_size_, finder.file_pixel_size_
    by_noise = isinstance(finder.detector_, SignificanceDetector)
    return {
        "version": __version__,
        "verdict": {
            "status": finder.verdict_.status,
            "reasons": list(finder.verdict_.reasons),
            "remarks": list(finder.verdict_.remarks),
        },
        "source": source or None,
        "crystal": crystal or None,
        "shape": list(finder.image_.shape),
        "pixel_size": None if size is None else size.value,
        "unit": None if size is None else size.unit,
        "file_pixel_size": None if given is None else given.value,
        "file_unit": None if given is None else given.unit,
        "n_found": len(finder.atoms_),
        "n_expected": _known(expected.n_expected),
        "n_expected_uncertainty": _known(expected.count.uncertainty),
        "calibration": finder.calibration_,
        "lattice": _lattice_values(finder),
        "grains": _grain_values(finder),
        "field_share": expected.field_share,
        "quality": _quality_values(finder),
        "oracle": _oracle_values(finder),
        # Of single atoms none are: their number hangs on how strong noise is.
        "stable_thresholds": None if by_noise else [finder.plateau_.low, finder.plateau_.high],
        "n_flagged": int(finder.atoms_["flagged"].sum()),
        "n_significant": int((finder.atoms_["significance"] > 0).sum()),
        "distance_sum": _known(expected.distance_sum),
        QC: _known(finder.qc_),
        ER: _known(finder.er_),
        "params": finder.params_,
        "n_ladders": count_ladders(finder.search_),
        "n_pareto": _n_tradeoffs(finder),
        "interrupted": bool(finder.search_.interrupted_),
        "seconds": {step: round(value, 3) for step, value in finder.seconds_.items()},
    }


def _oracle_values(finder: AtomFinder) -> dict[str, Any] | None:
    opinion = finder.second_opinion_
    if opinion is None:
        return None
    return {
        "share": _known(opinion.share),
        "n_seen": int(opinion.seen.sum()),
        "missed": opinion.missed.tolist(),
    }


def _known(value: float) -> float | None:
    """JSON knows no NaN: what is not known is null."""
    return None if math.isnan(value) else value


def _quality_values(finder: AtomFinder) -> dict[str, Any] | None:
    report = finder.quality_
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


def _grain_quality(finder: AtomFinder) -> list[GrainQuality]:
    atoms = finder.atoms_
    return quality_of_grains(finder.expectation_, atoms.positions, atoms["flagged"])


def _grain_values(finder: AtomFinder) -> dict[str, Any] | None:
    grains = finder.expectation_.grains
    if grains is None:
        return None
    each = _grain_quality(finder)
    return {
        "shares": grains.shares.tolist(),
        "n_found": [one.n_found for one in each],
        "n_expected": [one.n_expected for one in each],
        "n_flagged": [one.n_flagged for one in each],
        "vectors_px": [lattice.vectors.tolist() for lattice in grains.lattices],
        "distance_sums": [
            lattice.distance_sum_threshold(N_NEIGHBORS) for lattice in grains.lattices
        ],
        "boundaries": [asdict(boundary) for boundary in grains.boundaries],
    }


def _lattice_values(finder: AtomFinder) -> dict[str, Any] | None:
    lattice = finder.expectation_.image_lattice
    if lattice is None:
        return None
    return {
        "vectors_px": lattice.vectors.tolist(),
        "columns": len(lattice.columns),
        "nearest_distance_px": lattice.nearest_distance,
        "confidence": lattice.confidence,
        "bend_px": 0.0 if lattice.drift is None else lattice.drift.rms,
    }
