"""What one part of the report holds, and how much of it a run measures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _pairs import Ratio


@dataclass(frozen=True)
class Figure:
    """A measured number that a target may speak of, and how it is shown."""

    value: float
    text: str

    @classmethod
    def of(cls, ratio: Ratio) -> Figure:
        return cls(ratio.median, str(ratio))


@dataclass
class Section:
    """A table with its heading, and its figures by key."""

    title: str
    columns: Sequence[str]
    remark: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)
    figures: dict[Hashable, Figure] = field(default_factory=dict)

    def markdown(self) -> str:
        parts = [f"## {self.title}", self.remark, table(self.columns, self.rows)]
        return "\n\n".join(part for part in parts if part)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; all columns but the first are aligned to the right."""
    rule = [":--", *["--:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, rule, *rows))


@dataclass(frozen=True)
class Plan:
    """Sizes and rounds of a run."""

    #: Rounds by size in pixels.
    blob_log: Mapping[int, int]
    #: Rounds of images that are not of the targets' kind.
    side_rounds: int
    hard: Sequence[str]
    #: Size of the image on which large sigmas are tried.
    wide_size: int
    #: Size of the images on which growth with atoms and sigma is measured.
    growth_size: int
    growth_sigmas: Sequence[float]
    memory_size: int
    #: Rounds by number of points.
    points: Mapping[int, int]
    #: Rounds by image; each has a seed of its own.
    tuning: Mapping[str, int]
    #: Evaluations of the paper's loop.
    n_evaluations: int
    #: Rounds by size of image: lattices, maps of damage, quality reports, predictions.
    images: Mapping[int, int]
    #: Likewise of images of grains, and of maps of strain.
    grains: Mapping[int, int]
    strain: Mapping[int, int]
    #: Sizes of the images that are tuned on one core, and that of the noisy ones.
    tuned: Sequence[int]
    noisy_size: int
    n_frames: int
    #: Micrographs that the command is run on; without any a simulated one.
    files: Sequence[Path] = ()
    #: A Python that has Atomap and HyperSpy; None leaves them out.
    peers: str | None = None


FULL = Plan(
    blob_log={256: 9, 512: 7, 1024: 5, 2048: 3, 4096: 2},
    side_rounds=3,
    hard=("256d", "256n"),
    wide_size=512,
    growth_size=512,
    growth_sigmas=(3, 6, 12, 25, 50),
    memory_size=4096,
    points={5_000: 9, 50_000: 5, 500_000: 3},
    tuning={"256": 3, "256d": 1, "256n": 1},
    n_evaluations=50,
    images={512: 5, 1024: 3, 2048: 2},
    grains={512: 2},
    strain={512: 5, 1024: 2},
    tuned=(256, 512, 1024),
    noisy_size=512,
    n_frames=200,
)
QUICK = Plan(
    blob_log={256: 3, 512: 2},
    side_rounds=1,
    hard=("256d",),
    wide_size=256,
    growth_size=256,
    growth_sigmas=(3, 12),
    memory_size=512,
    points={5_000: 3, 50_000: 1},
    tuning={"256": 1},
    n_evaluations=12,
    images={256: 2, 512: 1},
    grains={256: 1},
    strain={256: 1},
    tuned=(256,),
    noisy_size=256,
    n_frames=8,
)
