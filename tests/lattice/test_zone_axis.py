"""Zone axes in the habits that people write them in."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice import parse_zone_axis


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("[1 0 0]", (1, 0, 0)),
        ("100", (1, 0, 0)),
        (100, (1, 0, 0)),
        ("1,0,0", (1, 0, 0)),
        ((1, 0, 0), (1, 0, 0)),
        (np.array([1.0, 0.0, 0.0]), (1, 0, 0)),
        ("[1-10]", (1, -1, 0)),
        ("-110", (-1, 1, 0)),
        ("<1 \u22121 0>", (1, -1, 0)),
        ("[11\u03050]", (1, -1, 0)),
        (" 2; 2; 0 ", (1, 1, 0)),
        ("[10 1 2]", (10, 1, 2)),
        ([-2, 4, 6], (-1, 2, 3)),
    ],
)
def test_habits(text, indices):
    assert parse_zone_axis(text) == indices


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ValueError),
        ("abc", ValueError),
        ("[1 0 0", ValueError),
        ("0 0 0", ValueError),
        ("11", ValueError),
        ("1 0 x", ValueError),
        ("1.5 0 0", ValueError),
        ((1, 0), ValueError),
        ((1, 0.5, 0), TypeError),
        ((True, 0, 0), TypeError),
        (None, TypeError),
        (1.5, TypeError),
    ],
)
def test_what_is_no_direction_is_refused(text, error):
    with pytest.raises(error, match="zone_axis must"):
        parse_zone_axis(text)


def test_four_indices_are_explained():
    with pytest.raises(ValueError, match=r"\(2u \+ v, u \+ 2v, w\)"):
        parse_zone_axis("[1 1 -2 0]")
