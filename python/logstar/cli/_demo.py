"""The command `demo`: what was found against what is there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ._detect import Outcome


def judge_by_truth(outcome: Outcome, positions: Any) -> None:
    """Compare what was found with known positions, and add that to what is told.

    Parameters
    ----------
    outcome : Outcome
        What was found.
    positions : ndarray of shape (n_atoms, 2)
        Where the atoms are, in pixels.
    """
    from logstar.metrics import detection_metrics  # noqa: PLC0415 - heavy; --help needs none of it

    atoms, size = outcome.finder.atoms_, outcome.finder.pixel_size_
    truth = detection_metrics(atoms.positions, positions)
    rmse = f"{truth.rmse:.2f} px"
    if size is not None:
        rmse += f" ({truth.rmse * size.value:.3f} {size.unit})"
    text = (
        f"{truth.n_true} atoms: F1 {truth.f1:.4f}, precision {truth.precision:.4f}, recall "
        f"{truth.recall:.4f}, RMSE {rmse}"
    )
    outcome.more.append(("truth", text))
    outcome.more_values["truth"] = asdict(truth)
