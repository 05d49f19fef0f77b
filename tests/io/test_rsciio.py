"""Which of RosettaSciIO's formats are read, and which axes of its signals are an image's."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.io import EXTENSIONS, Micrograph, read_image
from logstar.io._formats import OWN_READERS, READERS
from logstar.io._rsciio import signal_of_dictionary
from logstar.units import PixelSize

#: Extensions without images: spectra, curves, logs; and .csv, a table.
NO_IMAGES = {
    *(".spc", ".lsd", ".dens", ".sac", ".sbc", ".tvf", ".pts", ".eds", ".spx", ".csv"),
    *(".msa", ".ems", ".mas", ".emsa"),
}


def test_every_format_of_rosettasciio_is_read():
    rsciio = pytest.importorskip("rsciio", reason="needs the extra io")
    for plugin in rsciio.IO_PLUGINS:
        reader = plugin["api"].rpartition(".")[2]
        for extension in {f".{name.lower()}" for name in plugin["file_extensions"]}:
            if extension in NO_IMAGES:
                continue
            assert extension in EXTENSIONS, plugin["name"]
            # Pictures, TIFF, MRC and arrays are read without RosettaSciIO.
            assert extension in OWN_READERS or reader in READERS.get(extension, (reader,))


def test_readers_exist():
    rsciio = pytest.importorskip("rsciio", reason="needs the extra io")
    known = {plugin["api"].rpartition(".")[2] for plugin in rsciio.IO_PLUGINS}
    assert {reader for readers in READERS.values() for reader in readers} <= known


class Lazy:
    """An array that counts what is taken of it, and cannot be taken as a whole."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.taken = []

    def __getitem__(self, where):
        part = self._array[where]
        self.taken.append(part.size)
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("taken as a whole")


def described(data, navigates, scale=0.02, units="nm"):
    axes = [{"scale": scale, "units": units, "navigate": navigate} for navigate in navigates]
    return {"data": data, "axes": axes, "metadata": {}, "original_metadata": {}}


N, S = True, False


@pytest.mark.parametrize(
    ("shape", "navigates", "frames"),
    [
        ((40, 48), (S, S), (1, 40, 48)),
        ((5, 40, 48), (N, S, S), (5, 40, 48)),
        ((2, 3, 40, 48), (N, N, S, S), (6, 40, 48)),
        # A number at each place of a scan is an image.
        ((40, 48), (N, N), (1, 40, 48)),
        ((40, 48, 1), (N, N, S), (1, 40, 48)),
        ((3, 40, 48), (N, N, N), (3, 40, 48)),
        # Single entries are no axes of an image.
        ((40, 48, 1), (S, S, S), (1, 40, 48)),
        ((1, 40, 48), (S, S, S), (1, 40, 48)),
        ((40, 1, 48), (N, N, N), (1, 40, 48)),
        # A stack that does not say so.
        ((5, 40, 48), (S, S, S), (5, 40, 48)),
        # An image of one row is one.
        ((1, 48), (S, S), (1, 1, 48)),
    ],
)
def test_axes_of_images(shape, navigates, frames):
    data = np.arange(np.prod(shape)).reshape(shape)
    (found,) = signal_of_dictionary(described(data, navigates))
    assert found.frames.shape == frames
    for index in range(frames[0]):
        np.testing.assert_array_equal(found.frames[index], data.reshape(frames)[index])


@pytest.mark.parametrize(
    ("shape", "navigates"), [((40, 48), (N, S)), ((4, 5, 60), (N, N, S)), ((48,), (S,))]
)
def test_spectra_are_no_images(shape, navigates):
    assert list(signal_of_dictionary(described(np.zeros(shape), navigates))) == []


@pytest.mark.parametrize("average", [False, True])
def test_lazy_stacks_are_taken_one_image_at_a_time(average):
    data = Lazy(np.random.default_rng(0).random((7, 40, 48)))
    found = Micrograph.from_signal(
        described(data, (N, S, S)), dataset=None if average else 4, average=average
    )
    assert data.taken == [40 * 48] * (7 if average else 1)
    expected = data._array.mean(axis=0) if average else data._array[4]
    np.testing.assert_allclose(found.image, expected, rtol=1e-12)


def test_colours_are_fields():
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    data = np.zeros((2, 6, 8), kind)
    data["G"] = np.arange(96).reshape(2, 6, 8)
    found = Micrograph.from_signal(described(data, (N, S, S)), dataset=1, channel=1)
    np.testing.assert_array_equal(found.image, data["G"][1])
    with pytest.raises(ValueError, match="the image has colours"):
        Micrograph.from_signal(described(data, (N, S, S)), dataset=1)


def test_axes_that_are_not_even_are_lost_with_a_warning():
    data = np.ones((4, 5))
    entry = described(data, (S, S))
    entry["axes"][1] = {"axis": [0, 1, 2, 4, 8], "units": "nm", "navigate": False}
    with pytest.warns(UserWarning, match="the pixel size is ignored"):
        assert Micrograph.from_signal(entry).pixel_size is None


def test_the_shared_cases(shared_cases):
    found = read_image(shared_cases / "hspy_negative_scale.hspy")
    assert found.pixel_size == PixelSize(0.02, "nm")
    assert "count downwards" in found.notes[0]
    found = read_image(shared_cases / "hspy_two_navigation_axes.hspy")
    assert (found.image.shape, found.pixel_size) == ((40, 48), PixelSize(0.02, "nm"))
