"""Which images are found by tiles."""

from __future__ import annotations

import pytest

from logstar.tuning._large_images import is_large, needs_whole, tile_for


def test_the_limit_is_4096_x_4096():
    assert not is_large((4096, 4096))
    assert is_large((4096, 4097))
    assert tile_for((4096, 4096), "auto", {}) is None
    assert tile_for((4096, 4097), "auto", {}) == 2048
    assert tile_for((4096, 4097), None, {"denoise": "auto"}) is None
    assert tile_for((100, 100), 64, {}) == 64


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"denoise": "auto"}, "denoise"),
        ({"denoise": [None]}, "denoise"),
        ({"expected": 100.0, "distance_sum": 60.0}, "expected"),
        ({"grain": 2}, "grain"),
        ({"window": 128}, "window"),
        ({"lattice": None}, "lattice"),
        ({"denoise": "none", "grain": None, "lattice": "auto"}, None),
    ],
)
def test_what_is_about_an_image_as_a_whole(parameters, name):
    assert needs_whole(parameters) == name
    if name is not None:
        with pytest.raises(ValueError, match=f"{name}=.* is about an image as a whole"):
            tile_for((5000, 5000), "auto", parameters)
