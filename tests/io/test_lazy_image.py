"""Images of files of which parts are read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tifffile

from logstar.exceptions import ChoiceNeededError
from logstar.io import _answers, list_images, open_image, read_image
from logstar.io._answers import answer
from logstar.io._signal import Frames, Signal
from logstar.units import PixelSize

from .files import DISTINCT, save_any

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 60000, (70, 90), dtype=np.uint16)
PLACES = [
    (slice(0, 70), slice(0, 90)),
    (slice(17, 41), slice(30, 33)),
    (slice(60, None), slice(None, 5)),
]


@pytest.mark.parametrize("extension", DISTINCT)
def test_parts_are_those_of_the_whole(tmp_path, extension):
    path = save_any(tmp_path / f"field{extension}", PIXELS)
    image = open_image(path)
    assert image.shape == PIXELS.shape
    assert image.dtype == PIXELS.dtype
    assert image.pixel_size == read_image(path).pixel_size
    for place in PLACES:
        np.testing.assert_array_equal(image[place], PIXELS[place])
    np.testing.assert_array_equal(np.asarray(image), PIXELS)
    # As it is sent to the worker of a cluster.
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image))[5:9, 1:3], PIXELS[5:9, 1:3])


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"rowsperstrip": 16},
        {"tile": (16, 32)},
        {"tile": (32, 16), "compression": "zlib"},
        {"rowsperstrip": 7, "compression": "zlib"},
        {"compression": "zlib", "predictor": True, "tile": (16, 16)},
        {"byteorder": ">"},
    ],
)
def test_strips_and_tiles_of_a_tiff(tmp_path, layout, photometric):
    tifffile.imwrite(tmp_path / "field.tif", PIXELS, photometric=photometric, **layout)
    expected = read_image(tmp_path / "field.tif").image
    image = open_image(tmp_path / "field.tif")
    for place in PLACES:
        np.testing.assert_array_equal(image[place], expected[place])


def test_codecs_that_pillow_knows(tmp_path):
    from PIL import Image  # noqa: PLC0415 - of this test alone

    Image.fromarray(PIXELS).save(tmp_path / "field.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(open_image(tmp_path / "field.tif")[9:20, 4:8], PIXELS[9:20, 4:8])


def test_frames_and_colours_are_chosen(tmp_path):
    np.save(tmp_path / "stack.npy", np.stack([PIXELS, PIXELS[::-1]]))
    with pytest.raises(ChoiceNeededError, match="dataset"):
        open_image(tmp_path / "stack.npy")
    image = open_image(tmp_path / "stack.npy", dataset=1, pixel_size="0.2 A")
    np.testing.assert_array_equal(image[3:9, 5:6], PIXELS[::-1][3:9, 5:6])
    assert image.pixel_size == PixelSize(0.2, "A")
    colours = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.save(tmp_path / "colours.npy", colours)
    grey = open_image(tmp_path / "colours.npy", channel="luminance")
    assert grey.dtype == np.float32
    expected = read_image(tmp_path / "colours.npy", channel="luminance").image
    np.testing.assert_array_equal(grey[2:4, 3:8], expected[2:4, 3:8])


def test_what_is_no_image_is_refused(tmp_path):
    np.save(tmp_path / "curve.npy", np.arange(5.0))
    with pytest.raises(ValueError, match="holds no 2-D image"):
        open_image(tmp_path / "curve.npy")
    np.save(tmp_path / "film.npy", PIXELS)
    with pytest.raises(ValueError, match="dataset must be 0 to 0, got 3"):
        open_image(tmp_path / "film.npy", dataset=3)
    with pytest.raises(FileNotFoundError):
        open_image(tmp_path / "none.tif")


def test_of_a_movie_one_frame_is_looked_at_and_of_a_large_one_its_middle(monkeypatch, tmp_path):
    monkeypatch.setattr(_answers, "_LOOKED_AT", 20)
    taken = []

    def load(index):
        raise AssertionError(f"all of image {index} was loaded")

    def load_part(index, place):
        taken.append((index, place))
        return PIXELS[place]

    signal = Signal(Frames((5, *PIXELS.shape), PIXELS.dtype, load, load_part))
    (found,) = answer([signal], statistics=True)["signals"]
    assert taken == [(0, (slice(25, 45), slice(35, 55)))]
    assert found["statistics"]["high"] == PIXELS[25:45, 35:55].max()
    np.save(tmp_path / "movie.npy", np.stack([PIXELS // 2, PIXELS]))
    (entry,) = list_images(tmp_path / "movie.npy")
    assert entry.n_frames == 2
    assert entry.high == (PIXELS // 2)[25:45, 35:55].max()
