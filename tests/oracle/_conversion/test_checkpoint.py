"""PyTorch's checkpoints, read without it."""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from logstar.oracle._conversion._checkpoint import read_checkpoint

from . import checkpoints
from .checkpoints import pretend_torch, write


@pytest.fixture
def torch(monkeypatch):
    return pretend_torch(monkeypatch)


@pytest.mark.parametrize("legacy", [False, True])
def test_what_was_written_is_read(tmp_path, torch, legacy):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 3, 3)).astype("f4")
    content = {
        "model": "Unet",
        "layers": [1, 2, 2, 3],
        "weights": OrderedDict(
            a=weight, turned=weight.transpose(2, 0, 1), part=weight[1:, :, 2], n=np.array([7])
        ),
    }
    write(tmp_path / "a.pt", content, torch, legacy=legacy)
    for name in ("torch", "torch._utils"):
        del sys.modules[name]
    read = read_checkpoint(tmp_path / "a.pt")
    assert read["model"] == "Unet"
    assert read["layers"] == [1, 2, 2, 3]
    for name, expected in content["weights"].items():
        np.testing.assert_array_equal(read["weights"][name], expected)
        assert read["weights"][name].dtype == expected.dtype


class _Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("legacy", [False, True])
def test_what_is_no_tensor_is_refused_and_not_called(tmp_path, legacy):
    path = tmp_path / "evil.pt"
    if legacy:
        path.write_bytes(pickle.dumps(_Evil()))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"weights": _Evil()}))
    with pytest.raises(ValueError, match=r"builtins\.exec, and only tensors are admitted"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("shape", "strides"), [((10, 10), (10, 1)), ((3,), (-1,)), ((2**50,), (0,))]
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, torch, shape, strides):
    small = np.zeros(12, "f4")
    reference = checkpoints._Reference(torch.FloatStorage, "0", small)
    tensor = checkpoints._Tensor(reference, 0, shape, strides)
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        with archive.open("archive/data.pkl", "w") as file:
            checkpoints._Pickler(file, legacy=False).dump({"a": tensor})
        archive.writestr("archive/data/0", small.tobytes())
    with pytest.raises(ValueError, match="no checkpoint of PyTorch that can be read"):
        read_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("legacy", [False, True])
def test_every_cut_file_is_refused_in_a_sentence(tmp_path, torch, legacy):
    write(tmp_path / "a.pt", {"a": np.arange(6.0, dtype="f4")}, torch, legacy=legacy)
    whole = (tmp_path / "a.pt").read_bytes()
    for length in range(0, len(whole) - 1, 7):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.pt is no checkpoint of PyTorch"):
            read_checkpoint(tmp_path / "cut.pt")
