"""EMD files of Velox: a real one, and made ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logstar.io import list_images, read_image
from logstar.units import PixelSize

h5py = pytest.importorskip("h5py", reason="needs the extra io")

RNG = np.random.default_rng(0)


def write(path, images, *, unit="m", side=2e-11, spectra=False):
    """`images` are stacks by the names of their detectors."""
    with h5py.File(path, "w") as file:
        version = json.dumps({"format": "Velox", "version": "11"}).encode()
        file.create_dataset("Version", data=np.array([version], dtype=object),
                            dtype=h5py.string_dtype())  # fmt: skip
        for number, (name, stack) in enumerate(images.items()):
            group = file.create_group(f"Data/Image/{number:032x}")
            group["Data"] = np.moveaxis(stack, 0, -1)
            metadata = {
                "BinaryResult": {
                    "PixelSize": {"width": str(side), "height": str(side)},
                    "PixelUnitX": unit,
                    "PixelUnitY": unit,
                    "Detector": name,
                }
            }
            text = json.dumps(metadata).encode().ljust(2000, b"\0")
            column = np.frombuffer(text, dtype=np.uint8)[:, np.newaxis]
            group["Metadata"] = np.repeat(column, len(stack), axis=1)
        if spectra:
            file["Data/SpectrumImage/0/Data"] = np.zeros((1, 1))
            file["Data/SpectrumStream/0/Data"] = np.zeros((10, 1), dtype=np.uint16)
            file["Data/Spectrum/0/Data"] = np.zeros((4096, 1))
    return path


def test_a_real_file(shared_data):
    path = shared_data / "real" / "rsc_fei_example_tem_stack.emd"
    (entry,) = list_images(path)
    assert (entry.n_frames, entry.title) == (2, "BM-Ceta")
    emd = pytest.importorskip("rsciio.emd")
    (reference,) = emd.file_reader(str(path))
    for index in (0, 1):
        micrograph = read_image(path, dataset=index)
        np.testing.assert_array_equal(micrograph.image, reference["data"][index])
    axis = reference["axes"][-1]
    expected = PixelSize.of(axis["scale"], axis["units"])
    assert entry.pixel_size[1] == pytest.approx(expected.to(entry.unit).value)


def test_images_beside_spectra(tmp_path):
    images = {
        "HAADF": RNG.integers(0, 60000, size=(1, 24, 36), dtype=np.uint16),
        "BF": RNG.integers(0, 60000, size=(3, 24, 36), dtype=np.uint16),
    }
    path = write(tmp_path / "a.emd", images, spectra=True)
    with pytest.raises(ValueError, match=r"4 images \(0: 24 x 36 px 'HAADF', 1-3: 24 x 36 px 'BF'"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, dataset=0).image, images["HAADF"][0])
    micrograph = read_image(path, dataset=2)
    np.testing.assert_array_equal(micrograph.image, images["BF"][1])
    assert micrograph.pixel_size == PixelSize(0.02, "nm")
    assert micrograph.metadata["BinaryResult"]["Detector"] == "BF"


def test_transforms_are_no_images(tmp_path):
    kind = np.dtype([("real", "f4"), ("imag", "f4")])
    images = {"HAADF": np.ones((1, 8, 9), np.float32), "FFT": np.zeros((1, 8, 9), kind)}
    (entry,) = list_images(write(tmp_path / "a.emd", images))
    assert entry.title == "HAADF"


def test_a_file_of_spectra_alone(tmp_path):
    path = write(tmp_path / "a.emd", {}, spectra=True)
    with pytest.raises(ValueError, match="holds no 2-D image"):
        read_image(path)


def test_diffraction_patterns_have_no_pixel_size(tmp_path):
    path = write(tmp_path / "a.emd", {"Ceta": np.ones((1, 8, 9))}, unit="1/m", side=5e7)
    with pytest.warns(UserWarning, match="is reciprocal"):
        assert read_image(path).pixel_size is None
