"""The command `oracle`: weights of trained networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from logstar.oracle import convert_weights


@dataclass(frozen=True)
class Conversion:
    """What was converted to what.

    Attributes
    ----------
    weights, network : Path
        The checkpoint, and the ONNX file.
    architecture : str
        Whose network it is.
    spacing : float or None
        Distance of nearest neighbours that images are scaled to, in pixels.
    """

    weights: Path
    network: Path
    architecture: str
    spacing: float | None

    def rows(self) -> list[tuple[str, str]]:
        """Everything as names and texts."""
        scaled = "not scaled" if self.spacing is None else f"scaled to {self.spacing:g} px"
        return [
            ("weights", str(self.weights)),
            ("architecture", self.architecture),
            ("images", f"{scaled} between nearest neighbours" if self.spacing else scaled),
            ("written", str(self.network)),
        ]

    def as_dict(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "weights": str(self.weights),
            "architecture": self.architecture,
            "spacing": self.spacing,
            "file": str(self.network),
        }


def convert(
    weights: Path, network: Path | None, architecture: str, spacing: float | None
) -> Conversion:
    """Convert a checkpoint; see `convert_weights` for errors.

    Parameters
    ----------
    weights : Path
        The checkpoint.
    network : Path or None
        The ONNX file; None lies beside the checkpoint.
    architecture : str
        Whose network it is, or "auto".
    spacing : float or None
        Distance of nearest neighbours in training, in pixels.

    Returns
    -------
    conversion : Conversion
        What was done.
    """
    out = weights.with_suffix(".onnx") if network is None else network
    name = convert_weights(weights, out, architecture=architecture, spacing=spacing)
    return Conversion(weights, out, name, spacing)
