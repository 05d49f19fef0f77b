"""Positions as HDF5 in the layout of Atomap's atom lattices.

Atomap takes every group with "sublattice" in its name for one: positions as (x, y), sigmas and
rotation of each atom, the image, pixel size, colour. What it does not know it leaves alone. Of an
image that is larger than memory the file has the atoms without it: this package reads these, Atomap
opens no sublattice without an image.
"""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from logstar._validation import FloatArray, Image
from logstar.units import PixelSize, is_no_unit

from ._atom_table import AtomTable
from ._calibration import calibration
from ._hdf5 import open_hdf5
from ._provenance import plain

_GROUP = "logstar_sublattice"
_COLUMNS, _PROVENANCE = "logstar_columns", "logstar_provenance"
_ORIGIN = "logstar_origin"
#: Of names of columns that Atomap does not have.
_PREFIX = "logstar_"
_COLOR = "red"
#: Which of the distances to nearest neighbours, in increasing order, stands for the separation.
_SEPARATION_PERCENTILE = 50


def import_h5py() -> Any:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError(
            f'hdf5 needs h5py, which is missing: pip install "logstar[io]" ({error})'
        ) from error
    return h5py


def write(path: Path, table: AtomTable, image: Image | None) -> None:
    """Write a table, with its image if there is one."""
    n_atoms, size = len(table), table.pixel_size
    separation = _separation(table.positions)
    h5py = import_h5py()
    # In memory first: HDF5 itself may raise anything, or hang, where a disk is full.
    content = BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["name"] = path.stem
        file.attrs["atom_lattice_type"] = "Atom_Lattice"
        file.attrs["pixel_separation"] = separation
        group = file.create_group(_GROUP)
        # Atomap calls a file without calibration one of pixels of 1.
        group.attrs["pixel_size"] = 1.0 if size is None else size.value
        group.attrs["units"] = "pixel" if size is None else size.unit
        group.attrs["pixel_separation"] = separation
        group.attrs["name"] = "logstar"
        group.attrs["plot_color"] = _COLOR
        group.attrs["sublattice_index"] = 0
        group.attrs[_COLUMNS] = json.dumps(table.columns)
        group.attrs[_PROVENANCE] = json.dumps(plain(table.provenance))
        group.attrs[_ORIGIN] = table.origin
        group["atom_positions"] = table.positions[:, ::-1]
        group["sigma_x"] = table["sigma"] if "sigma" in table else np.ones(n_atoms)
        group["sigma_y"] = group["sigma_x"][:]
        group["rotation"] = np.zeros(n_atoms)
        for name in table.columns[2:]:
            if name == "sigma":
                continue
            is_text = table[name].dtype.kind == "U"
            column = table[name].astype(h5py.string_dtype()) if is_text else table[name]
            group[f"{_PREFIX}{name}"] = column
        if image is not None:
            for where, name in ((file, "image_data"), (group, "original_image_data")):
                where.create_dataset(name, data=image, compression="gzip", shuffle=True)
            group["modified_image_data"] = group["original_image_data"]
    path.write_bytes(content.getvalue())


def _separation(positions: FloatArray) -> float:
    """Typical distance of nearest neighbours in pixels, which Atomap's refinement starts from."""
    from scipy.spatial import KDTree  # noqa: PLC0415 - heavy; only this format needs it

    if len(positions) < 2:
        return 1.0
    distances, _ = KDTree(positions).query(positions, k=[2])
    return float(np.percentile(distances, _SEPARATION_PERCENTILE))


def read(path: Path) -> AtomTable:
    """Read the sublattice of a file, or all of Atomap's own as one table.

    Raises
    ------
    ValueError
        If there is none, or they differ in their calibration.
    """
    import_h5py()
    with open_hdf5(path) as file:
        groups = {
            name: group
            for name, group in file.items()
            if "sublattice" in name or "atom_lattice" in name
        }
        if not groups:
            raise ValueError("it holds no sublattice")
        parts = {name: _read_group(group) for name, group in groups.items()}
    first, *others = parts.values()
    if not others:
        return first
    if any(_in_nm(other) != _in_nm(first) for other in others):
        sizes = ", ".join(f"{name}: {part.pixel_size or 'none'}" for name, part in parts.items())
        raise ValueError(f"its sublattices differ in their pixel size ({sizes})")
    columns = {
        name: np.concatenate([part[name] for part in (first, *others)])
        for name in ("row", "col", "sigma")
        if all(name in part for part in (first, *others))
    }
    return AtomTable(columns, pixel_size=first.pixel_size, origin=first.origin)


def _in_nm(table: AtomTable) -> float | None:
    return None if table.pixel_size is None else table.pixel_size.to("nm").value


def _read_group(group: Any) -> AtomTable:
    positions = group["atom_positions"][:].astype(np.float64).reshape(-1, 2)
    values = {"row": positions[:, 1], "col": positions[:, 0]}
    if "sigma_x" in group and "sigma_y" in group:
        sigmas = group["sigma_x"][:], group["sigma_y"][:]
        # The root of a square may be off by a bit.
        same = np.array_equal(*sigmas)
        values["sigma"] = sigmas[0] if same else np.sqrt(sigmas[0] * sigmas[1])
    else:
        values["sigma"] = np.ones(len(positions))
    columns = tuple(json.loads(group.attrs.get(_COLUMNS, '["row", "col", "sigma"]')))
    for name in columns:
        if name not in values:
            column = group[f"{_PREFIX}{name}"]
            is_text = column.dtype.kind == "O"
            values[name] = np.array(column.asstr()[:], dtype=str) if is_text else column[:]
    return AtomTable(
        {name: values[name] for name in columns},
        pixel_size=_pixel_size(group),
        provenance=json.loads(group.attrs.get(_PROVENANCE, "{}")),
        origin=tuple(group.attrs.get(_ORIGIN, (0.0, 0.0))),
    )


def _pixel_size(group: Any) -> PixelSize | None:
    unit = _text(group.attrs.get("units", "pixel"))
    if "pixel_size" not in group.attrs or is_no_unit(unit):
        return None
    side = float(group.attrs["pixel_size"])
    found = calibration((side, side), (unit, unit))
    if found.note:
        warnings.warn(f"{group.file.filename}: {found.note}", UserWarning, stacklevel=6)
    return found.pixel_size


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
