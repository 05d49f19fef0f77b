"""The command `demo`: what was found against what is there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ._detect import Outcome

if TYPE_CHECKING:
    from logstar.datasets import Scene

#: What the shipped micrograph shows is no place of a nucleus for one of its kinds.
_MERGED = "Cu2 shows as one with the O beside it, and is off by what that pulls"


def judge_by_truth(outcome: Outcome, scene: Scene) -> None:
    """Compare what was found with known positions, and add that to what is told.

    Parameters
    ----------
    outcome : Outcome
        What was found.
    scene : Scene
        What there is.
    """
    from logstar.metrics import detection_metrics  # noqa: PLC0415 - heavy; --help needs none of it

    atoms, size = outcome.finder.atoms_, outcome.finder.pixel_size_
    truth = detection_metrics(atoms.positions, scene.positions)
    rmse = f"{truth.rmse:.2f} px"
    if size is not None:
        rmse += f" ({truth.rmse * size.value:.3f} {size.unit})"
    text = (
        f"{truth.n_true} atoms: F1 {truth.f1:.4f}, precision {truth.precision:.4f}, recall "
        f"{truth.recall:.4f}, RMSE {rmse}"
    )
    outcome.more.append(("truth", text))
    by_kind = {
        kind: detection_metrics(atoms.positions, scene.positions[scene.kinds == kind]).rmse
        for kind in sorted(set(scene.kinds.tolist()))
    }
    each = ", ".join(f"{kind} {rmse:.3f}" for kind, rmse in by_kind.items())
    outcome.more.append(("", f"RMSE by kind, px: {each}; {_MERGED}"))
    outcome.more_values["truth"] = {**asdict(truth), "rmse_by_kind": by_kind}
