"""What is said of an image that was found by tiles."""

from __future__ import annotations

import pytest

from logstar.tuning import find_atoms_tiled

from .large_scene import OPTIONS, large_scene


@pytest.fixture
def scene():
    return large_scene()


def test_what_is_said_is_of_the_whole_image(scene):
    told = []
    found = find_atoms_tiled(
        scene.image, **OPTIONS, n_parts=2, pixel_size="0.25 A", progress=told.append
    )
    stages = {"tuning", "detecting", "comparing with noise", "looking around", "refining"}
    assert {one.stage for one in told} == stages
    rows = dict(found.report().rows)
    assert rows["image"] == "640 x 700 px, 0.25 A/px"
    assert rows["tiles"].startswith("9 tiles, QC of each")
    assert "median error of a row or column" in rows["precision"]
    values = found.report().as_dict()
    assert values["n_found"] == len(found.atoms_)
    assert values["verdict"]["status"] == "ok"
    assert len(values["qc_of_tiles"]) == 9
