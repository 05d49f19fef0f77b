"""Pictures: frames are counted before they are loaded."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from logstar.io import _signal, list_images, read_image
from logstar.io._pictures import open_picture

PIXELS = np.random.default_rng(0).integers(0, 256, size=(24, 36), dtype=np.uint8)


def test_a_gif_of_many_frames_is_loaded_one_at_a_time(tmp_path):
    path = tmp_path / "a.gif"
    frames = [Image.new("L", (2000, 1500), color) for color in range(0, 240, 60)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=20)
    with open_picture(path) as (signal,):
        assert signal.frames.shape[:3] == (4, 1500, 2000)
        assert (signal.frames[3] == 180).all()
    assert (read_image(path, dataset=2).image == 120).all()
    assert read_image(path, average=True).image[0, 0] == 90
    (entry,) = list_images(path)
    # The least and greatest intensity are those of the first frame; no other is read.
    assert (entry.n_frames, entry.low, entry.high) == (4, 0, 0)


def test_an_animation_that_turns_to_colours(tmp_path):
    colours = np.stack([PIXELS, PIXELS // 2, PIXELS], axis=-1)
    frames = [Image.fromarray(np.stack([PIXELS] * 3, axis=-1)), Image.fromarray(colours)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", dataset=0).image, PIXELS)
    with pytest.raises(ValueError, match="the image has colours"):
        read_image(tmp_path / "a.png", dataset=1)
    found = read_image(tmp_path / "a.png", dataset=1, channel=1).image
    np.testing.assert_array_equal(found, PIXELS // 2)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_flipped_bit_of_a_png_is_noticed(tmp_path, share):
    """Uncompressed, so that what is flipped decodes to other pixels all the same."""
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path, compress_level=0)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + round(share * PIXELS.size)] ^= 4
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"a\.png"):
        read_image(path)


def test_large_pictures_are_no_attack(tmp_path):
    # Pillow alone refuses more than 179 million pixels.
    Image.new("1", (14000, 14000)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").image.shape == (14000, 14000)


def test_pictures_too_large_for_their_file(tmp_path, monkeypatch):
    Image.new("L", (2000, 2000)).save(tmp_path / "a.png")
    monkeypatch.setattr(_signal, "_IMAGE_BYTES", 2**20)
    size = (tmp_path / "a.png").stat().st_size
    message = rf"2000 x 2000 x 1 needs 4 MB; a file of {size} bytes may give 1 MB"
    with pytest.raises(ValueError, match=message), open_picture(tmp_path / "a.png"):
        pass


@pytest.mark.parametrize("n_channels", [3, 4])
def test_grey_in_colours_is_listed_as_grey(tmp_path, n_channels):
    channels = np.repeat(PIXELS[..., np.newaxis], n_channels, axis=-1)
    channels[..., 3:] = 255
    Image.fromarray(channels).save(tmp_path / "a.png")
    (entry,) = list_images(tmp_path / "a.png")
    # So whoever asks what is in a file and whoever reads it are of one mind.
    assert entry.n_channels == 1
    assert read_image(tmp_path / "a.png").image.shape == entry.shape
    channels[3, 4, 1] ^= 255
    Image.fromarray(channels).save(tmp_path / "a.png")
    assert list_images(tmp_path / "a.png")[0].n_channels == 3
