"""Parameters of a finder that cannot be, told before any image is looked at."""

from __future__ import annotations

from functools import partial

import pytest

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.lattice import ImageLattice
from logstar.tuning._finder_parameters import check_parameters

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)
NUMBERS = {"expected": 100, "distance_sum": 40.0}


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"polarity": "grey"}, ValueError, "polarity must be one of"),
        ({"polarity": ["bright"]}, ValueError, r"polarity must be one of .* got \['bright'\]"),
        ({"calibration": True}, ValueError, "calibration must be one of"),
        ({"refine": "all"}, ValueError, "refine must be one of"),
        ({"lattice": "ybco"}, TypeError, "lattice must be 'auto', a Lattice"),
        ({"visible": ["Sr"]}, ValueError, "visible chooses among the columns of a crystal"),
        ({"lattice": None, "grain": 1}, ValueError, "grain chooses among the lattices"),
        ({"grain": 0}, ValueError, "grain must be"),
        ({"oracle": 3}, TypeError, "oracle must have a method predict"),
        ({"window": "wide"}, ValueError, "window must be"),
        ({"expected": -4}, ValueError, "expected must be"),
        ({"distance_sum": "wide"}, TypeError, "distance_sum must be"),
        ({"lattice": None, "denoise": "auto"}, ValueError, "'auto' needs a lattice, or expected"),
        ({"lattice": None, "denoise": "auto", "expected": 9}, ValueError, "needs a lattice, or"),
    ],
)
def test_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        check_parameters(AtomFinder(**parameters))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"lattice": CRYSTAL, "visible": 0.5, "grain": 2},
        {"lattice": partial(Lattice.perovskite, 4.0), "window": "auto"},
        {"lattice": None, "denoise": "auto"} | NUMBERS,
        {"refine": None, "polarity": "dark"},
    ],
)
def test_taken(parameters):
    check_parameters(AtomFinder(**parameters))


@pytest.mark.parametrize("parameters", [{"visible": 0.5}, {"grain": 1}])
def test_the_lattice_of_an_image_leaves_nothing_to_choose(parameters):
    seen = ImageLattice.from_image(make_scene(CRYSTAL, (96, 96), random_state=0).image)
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} chooses among"):
        check_parameters(AtomFinder(seen, **parameters))
