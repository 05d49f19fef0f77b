"""The simulated column, against the optics of a round aperture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from logstar import Lattice
from logstar.datasets import SimulatedColumn
from logstar.datasets._column import _wavelength
from logstar.lattice import Column
from logstar.rewards import NormalizedVariance


def test_wavelengths() -> None:
    # Kirkland, table 2.2, in angstrom.
    for voltage, wavelength in ((100, 0.03701), (200, 0.02508), (300, 0.01969)):
        assert _wavelength(voltage) == pytest.approx(wavelength, abs=1e-5)


def test_without_aberrations_the_transfer_is_that_of_a_round_aperture() -> None:
    """Incoherent transfer falls as the overlap of two discs, and ends at twice the aperture."""
    square = Lattice(6.4, 6.4, columns=[Column("Fe", "Fe", 0, 0)], pixel_size=0.1)
    column = SimulatedColumn(
        square, (128, 128), misalignment={}, source=0.1, background=0.0, random_state=0
    )
    spectrum = np.abs(np.fft.rfft2(column.acquire({}).astype(np.float64))[0])
    frequencies = np.fft.rfftfreq(128, 0.1)
    share = frequencies * _wavelength(200) / (2 * 22e-3)
    # Two cells are in the image, so that every second frequency is one of the crystal.
    passed = np.flatnonzero(share < 0.9)[::2]
    expected = [
        2 / math.pi * (math.acos(s) - s * math.sqrt(1 - s**2))
        * math.exp(-2 * (math.pi * q * 0.1) ** 2)
        for s, q in zip(share[passed], frequencies[passed], strict=True)
    ]  # fmt: skip
    assert spectrum[passed] / spectrum[0] == pytest.approx(expected, abs=0.01)
    assert spectrum[share > 1.05].max() < 1e-5 * spectrum[0]


def test_intensity_moves_but_stays() -> None:
    column = SimulatedColumn(misalignment={}, random_state=0)
    sharp, off = column.acquire({}), column.acquire({"defocus": 6.0})
    assert off.mean() == pytest.approx(sharp.mean(), rel=0.02)
    assert off.max() < 0.8 * sharp.max()


def test_symmetries_of_the_aberrations() -> None:
    """A focused probe does not tell the sign of defocus; astigmatism of it turns by 90 degrees."""
    column = SimulatedColumn(misalignment={}, random_state=0)
    under, over = column.acquire({"defocus": -4.0}), column.acquire({"defocus": 4.0})
    assert np.allclose(under, over, atol=1e-5)
    plus, minus = (
        column.acquire({"defocus": 3.0, "astigmatism_x": value}) for value in (2.0, -2.0)
    )
    assert not np.allclose(plus, minus, atol=1e-2)

    def widths(image: Any) -> tuple[float, float]:
        down, along = np.gradient(image)
        return float((down**2).mean()), float((along**2).mean())

    # The crystal is the same along rows and columns, so exchanging them exchanges the two signs.
    assert widths(plus) == pytest.approx(widths(minus)[::-1], rel=0.05)
    assert widths(plus)[0] != pytest.approx(widths(plus)[1], rel=0.2)


def test_coma_turns_with_its_components() -> None:
    """The probe of a coma along the rows is the one along the columns, exchanged."""
    square = Lattice(6.4, 6.4, columns=[Column("Fe", "Fe", 0, 0)], pixel_size=0.1)
    given = {"misalignment": {}, "random_state": 0}
    along, down = (
        SimulatedColumn(square, (128, 128), **given).acquire({name: 600.0})
        for name in ("coma_x", "coma_y")
    )
    focused = SimulatedColumn(square, (128, 128), **given).acquire({})
    assert along.max() < 0.8 * focused.max()
    # The crystal lies where it was drawn; in the spectrum its place is a phase only.
    assert np.allclose(np.abs(np.fft.fft2(along)), np.abs(np.fft.fft2(down)).T, atol=1e-2)
    assert not np.allclose(np.abs(np.fft.fft2(along)), np.abs(np.fft.fft2(along)).T, atol=1.0)


def test_the_optimum_is_minus_the_misalignment() -> None:
    column = SimulatedColumn(random_state=0)
    reward = NormalizedVariance()
    best = {name: -off for name, off in column.misalignment.items()}
    top = reward.measure(column.acquire(best))
    for name, step in (("defocus", 2.0), ("astigmatism_y", 2.0), ("coma_x", 60.0)):
        for sign in (1, -1):
            assert reward.measure(column.acquire(best | {name: best[name] + sign * step})) < top


def test_the_same_seed_gives_the_same_frames_and_each_its_own_counts() -> None:
    first, second = (SimulatedColumn(dose=20, random_state=4) for _ in range(2))
    frames = [first.acquire({}) for _ in range(2)]
    assert np.array_equal(frames[0], second.acquire({}))
    assert not np.array_equal(*frames)
    assert first.n_frames == 2


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"misalignment": {"focus": 1.0}}, ValueError, "misalignment names the aberrations"),
        ({"voltage": 0.0}, ValueError, "voltage"),
        ({"convergence": 40.0}, ValueError, "pixels of 0.2 A are too coarse"),
        (
            {"lattice": Lattice(20, 20, columns=[Column("Fe", "Fe", 0, 0)], pixel_size=None)},
            TypeError,
            "a Lattice with a pixel size",
        ),
    ],
)
def test_refuses(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SimulatedColumn(**given)


def test_refuses_settings_of_other_aberrations() -> None:
    with pytest.raises(ValueError, match="settings names the aberrations \\['tilt'\\]"):
        SimulatedColumn(random_state=0).acquire({"tilt": 1.0})
