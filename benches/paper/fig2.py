"""The paper's Fig. 2: both workflows as they are run here, drawn from the estimators themselves.

    python benches/paper/fig2.py [--out FOLDER]

Writes ``fig2.png``. Names of steps, of their parameters and of objectives are read from the objects
that run, so that the picture cannot fall behind the code.
"""

from __future__ import annotations

import re
from typing import Any

from _common import LATTICE, Claim, folder_of
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from sklearn.pipeline import Pipeline

from logstar.detection import LoGStarDetector
from logstar.model_selection import MOBOSearchCV
from logstar.preprocessing import PatchPCADenoiser
from logstar.rewards import Compactness, Perimeter
from logstar.segmentation import AmorphousGMMSegmenter
from logstar.tuning import make_logstar_workflow

#: Parameters of the paper's second workflow and where it searches for them.
REGIONS = {
    "window_size": (9, 64),
    "threshold": (0.05, 0.95),
    "covariance_type": ["full", "tied", "diag", "spherical"],
}


def steps_of(search: MOBOSearchCV) -> list[str]:
    """Classes of the steps of what is searched, in order; of a step that is chosen all choices."""
    estimator = search.estimator
    if not isinstance(estimator, Pipeline):
        nested = getattr(estimator, "detector", None)
        return [broken(step) for step in (nested, estimator) if step is not None]
    spaces = search.search_spaces
    return ["\nor ".join(map(broken, spaces.get(name, [step]))) for name, step in estimator.steps]


def broken(step: Any) -> str:
    """A class's name, on two lines if it is long."""
    name = step if isinstance(step, str) else type(step).__name__
    words = re.findall("[A-Z]+[a-z*]*", name) or [name]
    middle = len(words) // 2
    return name if len(name) < 16 else "".join(words[:middle]) + "\n" + "".join(words[middle:])


def tuned_of(search: MOBOSearchCV) -> list[str]:
    """Names of what the search chooses."""
    spaces = search.search_spaces
    spaces = spaces if isinstance(spaces, list) else [spaces]
    names = dict.fromkeys(name for space in spaces for name in space)
    swept = search.sweep if isinstance(search.sweep, dict) else dict.fromkeys(search.sweep or ())
    return [*names, *(f"{name} (swept)" for name in swept if name not in names)]


def draw(ax: Axes, title: str, search: MOBOSearchCV) -> None:
    """One workflow as a row of boxes, with what is tuned below and what comes back above."""
    steps = steps_of(search)
    names = ["image", *steps, "rewards", "front", "compromise"]
    ax.set(xlim=(-0.5, len(names) - 0.5), ylim=(-1.2, 1.2))
    ax.axis("off")
    ax.set_title(title, loc="left")
    boxes = []
    for i, name in enumerate(names):
        below = "\n".join(search.scoring) if name == "rewards" else ""
        color = "lightsteelblue" if name in steps else "0.93"
        text = ax.text(
            i, 0, f"{name}\n{below}".strip(), ha="center", va="center", fontsize=9,
            bbox={"boxstyle": "round,pad=0.5", "fc": color},
        )  # fmt: skip
        boxes.append(text.get_bbox_patch())
    for i in range(1, len(names)):
        ax.annotate(
            "", (i, 0), (i - 1, 0),
            arrowprops={"arrowstyle": "->", "patchA": boxes[i - 1], "patchB": boxes[i]},
        )  # fmt: skip
    rewards = names.index("rewards")
    ax.annotate(
        "", (1, 0), (rewards, 0),
        arrowprops={
            "arrowstyle": "->", "connectionstyle": "arc3,rad=0.35",
            "patchA": boxes[rewards], "patchB": boxes[1],
        },
    )  # fmt: skip
    ax.text((1 + rewards) / 2, 0.95, "next setting", ha="center", fontsize=9)
    ax.text(-0.3, -0.9, "tuned: " + ", ".join(tuned_of(search)), fontsize=9)


def main(argv: list[str] | None = None) -> list[Claim]:
    """Draw the figure."""
    out = folder_of(argv, __doc__.splitlines()[0])
    atoms = make_logstar_workflow(LATTICE, (256, 256), denoise=["passthrough", PatchPCADenoiser()])
    regions = MOBOSearchCV(
        AmorphousGMMSegmenter(LoGStarDetector(*LATTICE.sigma_range)),
        REGIONS,
        scoring={"compactness": Compactness(), "perimeter": Perimeter()},
    )
    figure, axes = plt.subplots(2, 1, figsize=(12, 5.5), layout="constrained")
    draw(axes[0], "A  LoG*: atoms", atoms)
    draw(axes[1], "B  amorphous regions", regions)
    figure.savefig(out / "fig2.png", dpi=110)
    plt.close(figure)
    return [
        Claim(
            "2",
            "two workflows, tuned by QC and ER, by compactness and perimeter",
            "the same two; with denoising as a step that is chosen, and thresholds swept exactly",
        )
    ]


if __name__ == "__main__":
    for claim in main():
        print(claim)
