"""HDF5 files in which something lies in another file."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.io import read_image, read_positions, write_positions

from .files import write_hspy

h5py = pytest.importorskip("h5py", reason="needs the extra io")


def link(file, target):
    file["Experiments/other"] = h5py.ExternalLink(target, "/data")


def storage(file, target):
    file.create_dataset("Experiments/raw", (8, 8), np.uint8, external=[(target, 0, 64)])


def virtual(file, target):
    layout = h5py.VirtualLayout((8, 8), np.uint8)
    layout[:] = h5py.VirtualSource(target, "data", shape=(8, 8))
    file.create_virtual_dataset("Experiments/virtual", layout)


@pytest.mark.parametrize("point", [link, storage, virtual])
@pytest.mark.parametrize("extension", [".hspy", ".hdf5", ".emd", ".nxs"])
def test_what_lies_elsewhere_is_refused(tmp_path, point, extension):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"s" * 64)
    path = write_hspy(tmp_path / f"a{extension}", np.eye(8), (0.02, 0.02), "nm")
    with h5py.File(path, "a") as file:
        point(file, str(secret))
    with pytest.raises(OSError, match="lies in another file, which is not followed"):
        read_image(path)


def test_positions_that_lie_elsewhere_are_refused(tmp_path):
    path = tmp_path / "a.hdf5"
    write_positions(path, [[1, 2, 3]], image=np.eye(8))
    with h5py.File(path, "a") as file:
        file["logstar_sublattice/more"] = h5py.ExternalLink("b.hdf5", "/data")
    with pytest.raises(OSError, match="'logstar_sublattice/more' lies in another file"):
        read_positions(path)


def test_links_within_a_file_are_followed(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", np.eye(8), (0.02, 0.02), "nm")
    with h5py.File(path, "a") as file:
        file["again"] = h5py.SoftLink("/Experiments")
        file["hard"] = file["Experiments"]
        layout = h5py.VirtualLayout((8, 8), np.float64)
        (name,) = file["Experiments"]
        layout[:] = h5py.VirtualSource(file[f"Experiments/{name}/data"])
        file.create_virtual_dataset("virtual", layout)
    np.testing.assert_array_equal(read_image(path).image, np.eye(8))
