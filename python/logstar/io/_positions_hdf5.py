"""Positions as HDF5 in the layout of Atomap's atom lattices.

Atomap takes every group with "sublattice" in its name for one: positions as (x, y), sigmas and
rotation of each atom, the image, pixel size, colour. What it does not know it leaves alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from logstar._validation import FloatArray, Image

from ._provenance import plain
from ._table import FLAGGED, Positions

_GROUP = "logstar_sublattice"
_COLUMNS, _PROVENANCE = "logstar_columns", "logstar_provenance"
_COLOR = "red"
#: Which of the distances to nearest neighbours, in increasing order, stands for the separation.
_SEPARATION_PERCENTILE = 50


def _h5py() -> Any:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError(
            f'hdf5 needs h5py, which is missing: pip install "logstar[io]" ({error})'
        ) from error
    return h5py


def write(path: Path, table: Positions, image: Image) -> None:
    """Write a table with its image."""
    values = dict(zip(table.columns, table.detections.T, strict=True))
    n_atoms = len(table.detections)
    sigma = values.get("sigma", np.ones(n_atoms))
    separation = _separation(table.detections)
    with _h5py().File(path, "w") as file:
        file.attrs["name"] = path.stem
        file.attrs["atom_lattice_type"] = "Atom_Lattice"
        file.attrs["pixel_separation"] = separation
        group = file.create_group(_GROUP)
        # Atomap calls a file without calibration one of pixels of 1.
        group.attrs["pixel_size"] = 1.0 if table.pixel_size is None else table.pixel_size
        group.attrs["units"] = "pixel" if table.unit is None else table.unit
        group.attrs["pixel_separation"] = separation
        group.attrs["name"] = "logstar"
        group.attrs["plot_color"] = _COLOR
        group.attrs["sublattice_index"] = 0
        group.attrs[_COLUMNS] = json.dumps(table.columns)
        group.attrs[_PROVENANCE] = json.dumps(plain(table.provenance))
        group["atom_positions"] = table.detections[:, 1::-1]
        group["sigma_x"] = group["sigma_y"] = np.asarray(sigma)
        group["rotation"] = np.zeros(n_atoms)
        others = {name: values[name] for name in table.columns[2:] if name != "sigma"}
        for name, column in others.items():
            group[f"logstar_{name}"] = column
        if table.flagged is not None:
            group[FLAGGED] = table.flagged
        for where, name in ((file, "image_data"), (group, "original_image_data")):
            where.create_dataset(name, data=image, compression="gzip", shuffle=True)
        group["modified_image_data"] = group["original_image_data"]


def _separation(detections: FloatArray) -> float:
    """Typical distance of nearest neighbours in pixels, which Atomap's refinement starts from."""
    from scipy.spatial import KDTree  # noqa: PLC0415 - heavy; only this format needs it

    if len(detections) < 2:
        return 1.0
    distances, _ = KDTree(detections[:, :2]).query(detections[:, :2], k=[2])
    return float(np.percentile(distances, _SEPARATION_PERCENTILE))


def read(path: Path) -> Positions:
    """Read the sublattice of a file, or all of Atomap's own as one table.

    Raises
    ------
    ValueError
        If there is none.
    """
    with _h5py().File(path, "r") as file:
        groups = [
            group for name, group in file.items() if "sublattice" in name or "atom_lattice" in name
        ]
        if not groups:
            raise ValueError("it holds no sublattice")
        parts = [_read_group(group) for group in groups]
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Positions(
        np.concatenate([part.detections[:, :3] for part in parts]),
        first.columns[:3],
        first.pixel_size,
        first.unit,
    )


def _read_group(group: Any) -> Positions:
    positions = group["atom_positions"][:].astype(np.float64).reshape(-1, 2)
    n_atoms = len(positions)
    values = {"row": positions[:, 1], "col": positions[:, 0]}
    if "sigma_x" in group and "sigma_y" in group:
        sigmas = group["sigma_x"][:], group["sigma_y"][:]
        # The root of a square may be off by a bit.
        same = np.array_equal(*sigmas)
        values["sigma"] = sigmas[0] if same else np.sqrt(sigmas[0] * sigmas[1])
    else:
        values["sigma"] = np.ones(n_atoms)
    columns = tuple(json.loads(group.attrs.get(_COLUMNS, '["row", "col", "sigma"]')))
    for name in columns:
        if name not in values:
            values[name] = group[f"logstar_{name}"][:]
    unit = _text(group.attrs.get("units", "pixel"))
    calibrated = unit not in {"pixel", "px", ""}
    return Positions(
        np.column_stack([values[name] for name in columns]).reshape(-1, len(columns)),
        columns,
        float(group.attrs["pixel_size"]) if calibrated else None,
        unit if calibrated else None,
        group[FLAGGED][:].astype(bool) if FLAGGED in group else None,
        json.loads(group.attrs.get(_PROVENANCE, "{}")),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
