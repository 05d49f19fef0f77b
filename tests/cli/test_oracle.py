"""The command that converts weights of trained networks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logstar.cli import main
from logstar.oracle import OnnxOracle
from tests.cli.common import assert_one_line_error
from tests.oracle._conversion.checkpoints import pretend_torch, write

pytest.importorskip("onnxruntime")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A classifier of windows with random weights."""
    rng = np.random.default_rng(0)
    tensors = {}
    for i, (n_in, n_out) in enumerate([(1, 2), (2, 2), (2, 3)]):
        tensors[f"features.{3 * i}.weight"] = rng.normal(size=(n_out, n_in, 3, 3))
        tensors[f"features.{3 * i}.bias"] = rng.normal(size=n_out)
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"features.{3 * i + 1}.{part}"] = rng.uniform(0.5, 1, size=n_out)
    for name, n_in, n_out in [("fc_layers.0", 27, 4), ("fc_layers.2", 4, 4), ("fc3", 4, 2)]:
        tensors[f"{name}.weight"] = rng.normal(size=(n_out, n_in))
        tensors[f"{name}.bias"] = rng.normal(size=n_out)
    content = {"state_dict": {name: w.astype("f4") for name, w in tensors.items()}}
    write(tmp_path / "model.ckpt", content, pretend_torch(monkeypatch))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_weights_become_a_network(weights, capsys):
    assert main(["oracle", "convert", "model.ckpt", "--spacing", "9"]) == 0
    text = capsys.readouterr().out
    assert "window-classifier" in text
    assert "model.onnx" in text
    oracle = OnnxOracle(weights / "model.onnx", spacing=9.0)
    assert oracle.fit(np.zeros((30, 30))).scale_ == 1
    assert main(["oracle", "convert", "model.ckpt", "--out", "b.onnx", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == "b.onnx"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["gone.ckpt"], "gone.ckpt"),
        (["model.ckpt", "--architecture", "vgg"], "architecture must be"),
        (["model.ckpt", "--architecture", "ferronet"], "no network of the kind 'ferronet'"),
        (["text.ckpt"], "text.ckpt is no checkpoint of PyTorch"),
    ],
)
def test_what_cannot_be_converted_is_told_in_a_sentence(weights, capsys, options, message):
    (weights / "text.ckpt").write_text("no weights")
    assert main(["oracle", "convert", *options]) == 2
    assert_one_line_error(capsys, message)
    assert sorted(path.name for path in weights.iterdir()) == ["model.ckpt", "text.ckpt"]
