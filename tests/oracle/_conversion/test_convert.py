"""Converted networks give what a forward pass in plain NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, special

from logstar.oracle import OnnxOracle, convert_weights
from logstar.oracle._network import Network

from .checkpoints import pretend_torch, write

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


# Layers, one channel after the other, as their definitions say.


def convolve(x, weight, bias, dilation=1, padded=True):
    side = weight.shape[-1]
    reach = dilation * (side // 2)
    if padded:
        x = np.pad(x, [(0, 0), (reach, reach), (reach, reach)])
    rows, cols = (n - 2 * reach for n in x.shape[1:])
    out = np.zeros((len(weight), rows, cols)) + bias[:, None, None]
    for i in range(side):
        for j in range(side):
            part = x[:, dilation * i : dilation * i + rows, dilation * j : dilation * j + cols]
            out += np.tensordot(weight[:, :, i, j], part, axes=1)
    return out


def leaky(x):
    return np.where(x < 0, 0.01 * x, x)


def normalized(x, weights, name):
    weight, bias, mean, variance = (
        weights[f"{name}.{part}"][:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def pooled(x):
    n, rows, cols = x.shape
    return x.reshape(n, rows // 2, 2, cols // 2, 2).max(axis=(2, 4))


def doubled(x):
    """Bilinear, between the middles of pixels, constant beyond the outermost."""
    for axis in (1, 2):
        n = x.shape[axis]
        place = ((np.arange(2 * n) + 0.5) / 2 - 0.5).clip(0, n - 1)
        low = np.minimum(np.floor(place).astype(int), n - 2)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(3)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, low + 1, axis) * share
    return x


class Maker:
    """Draws weights under the names that a network's modules would give them."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.weights = {}

    def conv(self, name, n_in, n_out, side=3):
        scale = 1 / np.sqrt(n_in * side**2)
        self.weights[f"{name}.weight"] = self.rng.normal(0, scale, (n_out, n_in, side, side))
        self.weights[f"{name}.bias"] = self.rng.normal(0, 0.1, n_out)

    def norm(self, name, n):
        self.weights[f"{name}.weight"] = self.rng.uniform(0.5, 1.5, n)
        self.weights[f"{name}.bias"] = self.rng.normal(0, 0.1, n)
        self.weights[f"{name}.running_mean"] = self.rng.normal(0, 0.1, n)
        self.weights[f"{name}.running_var"] = self.rng.uniform(0.5, 1.5, n)
        self.weights[f"{name}.num_batches_tracked"] = np.array(3)

    def run(self, x, name, dilation=1, padded=True):
        return convolve(
            x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], dilation, padded
        )


class AtomAI(Maker):
    """AtomAI's blocks: convolution, perhaps dropout, leaky ReLU, normalisation."""

    def __init__(self, seed, dropout, normalizing):
        super().__init__(seed)
        self.dropout, self.normalizing = dropout, normalizing

    def block(self, x, name, n_out, n_layers, *, dropout=False, dilated=False):
        index, outputs = 0, []
        for layer in range(n_layers):
            self.conv(f"{name}.{index}", len(x), n_out)
            x = self.run(x, f"{name}.{index}", 2 * (layer + 1) if dilated else 1)
            outputs += [x, x] if dropout else [x]
            x = leaky(x)
            outputs.append(x)
            index += 2 + dropout
            if self.normalizing:
                self.norm(f"{name}.{index}", n_out)
                x = normalized(x, self.weights, f"{name}.{index}")
                outputs.append(x)
                index += 1
        return sum(outputs) if dilated else x

    def up(self, x, name, n_out):
        self.conv(f"{name}.conv", len(x), n_out, side=1)
        return self.run(doubled(x), f"{name}.conv")

    def classified(self, x, n_classes):
        self.conv("px", len(x), n_classes, side=1)
        logits = self.run(x, "px")
        if n_classes == 1:
            return special.expit(logits[0])
        return 1 - special.softmax(logits, axis=0)[-1]

    def unet(self, x, n, layers, n_classes, *, dilated):
        drop = self.dropout
        c1 = self.block(x, "c1.block", n, layers[0])
        c2 = self.block(pooled(c1), "c2.block", 2 * n, layers[1])
        c3 = self.block(pooled(c2), "c3.block", 4 * n, layers[2], dropout=drop)
        name = "bn.atrous_module" if dilated else "bn.block"
        deepest = self.block(pooled(c3), name, 8 * n, layers[3], dropout=drop, dilated=dilated)
        u = np.concatenate([c3, self.up(deepest, "upsample_block1", 4 * n)])
        u = self.block(u, "c4.block", 4 * n, layers[2], dropout=drop)
        u = np.concatenate([c2, self.up(u, "upsample_block2", 2 * n)])
        u = self.block(u, "c5.block", 2 * n, layers[1])
        u = np.concatenate([c1, self.up(u, "upsample_block3", n)])
        return self.classified(self.block(u, "c6.block", n, layers[0]), n_classes)

    def dilnet(self, x, n, layers, n_classes):
        c1 = self.block(x, "c1.block", n, layers[0])
        names = ("at1.atrous_module", "at2.atrous_module")
        a = pooled(c1)
        for name, n_layers in zip(names, layers[1:3], strict=True):
            a = self.block(a, name, 2 * n, n_layers, dropout=self.dropout, dilated=True)
        u = np.concatenate([c1, self.up(a, "up1", n)])
        return self.classified(self.block(u, "c2.block", n, layers[3]), n_classes)

    def residual(self, x, name, n_out, depth):
        for k in range(depth):
            inner = f"{name}.res_module.{k}"
            self.conv(f"{inner}.c0", len(x), n_out, side=1)
            x = self.run(x, f"{inner}.c0")
            y = x
            for i in (1, 2):
                self.conv(f"{inner}.c{i}", n_out, n_out)
                self.norm(f"{inner}.bn{i}", n_out)  # there, and not applied
                y = self.run(y, f"{inner}.c{i}")
                y = leaky(y if i == 1 else y + x)
            x = y
        return x

    def cubic(self, x, n):
        c1 = self.block(x, "c1.block", n, 1)
        c2 = self.residual(pooled(c1), "c2", 2 * n, 2)
        u = self.residual(pooled(c2), "bn", 4 * n, 2)
        u = np.concatenate([c2, self.up(u, "upsample_block1", 2 * n)])
        u = self.residual(u, "c3", 2 * n, 2)
        u = np.concatenate([c1, self.up(u, "upsample_block2", n)])
        return self.classified(self.block(u, "c4.block", n, 1), 1)


def classify_windows(maker, image):
    """A classifier of windows of 21 pixels, at each pixel by itself."""
    channels = [1, 4, 6, 8]
    for i in range(3):
        maker.conv(f"features.{3 * i}", channels[i], channels[i + 1])
        maker.norm(f"features.{3 * i + 1}", channels[i + 1])
    sizes = [8 * 9, 12, 12, 2]
    names = ["fc_layers.0", "fc_layers.2", "fc3"]
    for name, n_in, n_out in zip(names, sizes[:-1], sizes[1:], strict=True):
        maker.weights[f"{name}.weight"] = maker.rng.normal(0, n_in**-0.5, (n_out, n_in))
        maker.weights[f"{name}.bias"] = maker.rng.normal(0, 0.1, n_out)
    padded, result = np.pad(image, 10), np.empty(image.shape)
    for row, col in np.ndindex(*image.shape):
        x = padded[None, row : row + 21, col : col + 21]
        for i in range(3):
            x = maker.run(x, f"features.{3 * i}", padded=False)
            x = normalized(x, maker.weights, f"features.{3 * i + 1}").clip(0)
        x = x.reshape(8, 3, 5, 3, 5).mean(axis=(2, 4)).ravel()
        for name in names:
            x = maker.weights[f"{name}.weight"] @ x + maker.weights[f"{name}.bias"]
            x = x if name == "fc3" else x.clip(0)
        result[row, col] = special.softmax(x)[1]
    return result


@pytest.fixture
def torch(monkeypatch):
    return pretend_torch(monkeypatch)


def converted(tmp_path, torch, content, **options):
    content = {
        key: {
            name: np.asarray(w, "i8" if w.dtype.kind == "i" else "f4") for name, w in value.items()
        }
        if isinstance(value, dict)
        else value
        for key, value in content.items()
    }
    write(tmp_path / "weights.tar", content, torch)
    name = convert_weights(tmp_path / "weights.tar", tmp_path / "net.onnx", **options)
    return name, Network.load(tmp_path / "net.onnx")


IMAGE = np.random.default_rng(5).random((48, 64)).astype(np.float32)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("normalizing", [False, True])
@pytest.mark.parametrize("dilated", [False, True])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_unet(tmp_path, torch, dropout, normalizing, dilated, n_classes):
    maker = AtomAI(1, dropout, normalizing)
    expected = maker.unet(IMAGE[None], 3, [1, 2, 2, 3], n_classes, dilated=dilated)
    content = {"model": "Unet", "nb_filters": 3, "dropout": dropout, "weights": maker.weights}
    name, network = converted(tmp_path, torch, content)
    assert name == "atomai-unet"
    np.testing.assert_allclose(network.probability(IMAGE, 1024, 1), expected, atol=2e-5)
    # The far surroundings of a tile make no difference.
    np.testing.assert_array_less(np.abs(network.probability(IMAGE, 16, 1) - expected), 2e-5)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("layers", [[1, 3, 3, 3], [2, 1, 1, 1]])
def test_dilnet(tmp_path, torch, dropout, layers):
    maker = AtomAI(2, dropout, True)
    expected = maker.dilnet(IMAGE[None], 4, layers, 1)
    content = {"model": "dilnet", "dropout": dropout, "weights": maker.weights}
    name, network = converted(tmp_path, torch, content)
    assert name == "atomai-dilnet"
    np.testing.assert_allclose(network.probability(IMAGE, 1024, 1), expected, atol=2e-5)


def test_cubic(tmp_path, torch):
    maker = AtomAI(3, False, False)
    expected = maker.cubic(IMAGE[None], 3)
    name, network = converted(tmp_path, torch, {"state_dict": maker.weights})
    assert name == "atomnet-cubic"
    np.testing.assert_allclose(network.probability(IMAGE, 1024, 1), expected, atol=2e-5)


def test_window_classifier(tmp_path, torch):
    maker = Maker(4)
    small = IMAGE[:14, :17]
    expected = classify_windows(maker, small.astype(float))
    name, network = converted(tmp_path, torch, {"state_dict": maker.weights})
    assert name == "window-classifier"
    np.testing.assert_allclose(network.probability(small, 8, 1), expected, atol=2e-5)
    spiky = 10 + ndimage.gaussian_filter(IMAGE, 8)
    spiky[20, 30] += 5
    prepared = network.prepare(spiky.astype(float))
    assert prepared.max() == prepared[20, 30] == 1
    assert prepared.min() == 0


# Its weights are random, so that any scale is as good as another.
@pytest.mark.filterwarnings("ignore::logstar.exceptions.OracleScaleWarning")
def test_a_converted_network_is_an_oracle(tmp_path, torch):
    maker = AtomAI(1, False, False)
    maker.unet(IMAGE[None], 2, [1, 1, 1, 1], 1, dilated=False)
    converted(tmp_path, torch, {"weights": maker.weights}, spacing=6.0)
    oracle = OnnxOracle(tmp_path / "net.onnx", spacing=12.0, threshold=0.01)
    assert oracle.fit(IMAGE).scale_ == 0.5
    assert oracle.predict_proba(IMAGE).shape == IMAGE.shape


def test_weights_of_another_network_are_refused_by_name(tmp_path, torch):
    other = {"encoder.weight": np.zeros((1, 1, 3, 3))}
    with pytest.raises(
        ValueError, match=r"unknown network, of which the first are encoder\.weight"
    ):
        converted(tmp_path, torch, {"weights": other})
    with pytest.raises(ValueError, match="no network of the kind 'atomai-dilnet'"):
        converted(tmp_path, torch, {"weights": other}, architecture="atomai-dilnet")
    with pytest.raises(ValueError, match="architecture must be 'auto' or one of atomai-unet"):
        convert_weights(tmp_path / "a", tmp_path / "b", architecture="vgg")
    with pytest.raises(ValueError, match="holds no weights"):
        converted(tmp_path, torch, {"epoch": 3})
    with pytest.raises(ValueError, match="spacing"):
        convert_weights(tmp_path / "a", tmp_path / "b", spacing=0)
