"""A microscope column that is out of tune, to try searches on before an instrument is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from logstar._validation import FloatArray, check_real
from logstar.lattice import Lattice

from ._exposure import expose, streams
from ._grains import draw_origin, kind_heights
from ._rendering import CUTOFF, PixelGrid

#: The aberrations that can be set, in nm, and for each the power of the angle in the phase and how
#: many times it repeats in a turn. Those with an azimuth have two components, along the columns and
#: 45 (astigmatism) or 90 degrees (coma) from there.
_ABERRATIONS = {
    "defocus": (2, 0, "cos"),
    "astigmatism_x": (2, 2, "cos"),
    "astigmatism_y": (2, 2, "sin"),
    "coma_x": (3, 1, "cos"),
    "coma_y": (3, 1, "sin"),
}
#: How far the column is off unless told otherwise, in nm.
_MISALIGNMENT = MappingProxyType(
    {
        "defocus": 5.0,
        "astigmatism_x": -3.0,
        "astigmatism_y": 2.0,
        "coma_x": 140.0,
        "coma_y": -90.0,
    }
)
#: Share of the image, and least number of pixels, that is rendered around it: the probe wraps
#: around at the edges.
_FRAME_SHARE, _FRAME = 0.25, 16


class SimulatedColumn:
    """A simulated microscope whose focus, two-fold astigmatism and coma are off.

    Each frame is what the probe makes of a lattice of atoms (incoherent imaging, as of a thin
    crystal in HAADF): the aperture with the phase of the aberrations, transformed and squared, is
    convolved with the atoms. Zero of a setting is where the column is when it is turned on, off by
    `misalignment`; the best setting is minus that.

    Parameters
    ----------
    lattice : Lattice, default=None
        The crystal; None is ``Lattice.perovskite(3.905, pixel_size=0.2)``.
    shape : tuple of two int, default=(128, 128)
        Rows and columns of a frame.
    misalignment : mapping of str to float, default=None
        How far the column is off in nm, of `aberrations`; those that are not in it are not off.
        None is off in all of them.
    voltage : float, default=200.0
        Of acceleration, in kV.
    convergence : float, default=22.0
        Half angle of the probe, in mrad.
    source : float, default=0.4
        Standard deviation in angstrom of what the source and vibrations of atoms blur.
    background : float, default=0.1
        Added everywhere, in units of what an atom's column of the heaviest kind holds.
    dose : float, default=None
        Mean number of electrons per pixel; None is no counting.
    random_state : int, Generator or None, default=None
        Seed of the place of the crystal and of the counting; the same settings in the same order
        give the same frames.

    Attributes
    ----------
    lattice : Lattice
        The crystal.
    misalignment : dict of str to float
        How far the column is off, in nm, of every aberration.
    n_frames : int
        How many frames were acquired.

    Raises
    ------
    TypeError, ValueError
        For a parameter that cannot be, and for pixels that are too coarse for the probe.

    References
    ----------
    O. L. Krivanek, N. Dellby, A. R. Lupini, Ultramicroscopy 78 (1999) 1 (the aberration function);
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010 (the probe and
    incoherent imaging).

    Examples
    --------
    >>> from logstar.datasets import SimulatedColumn
    >>> from logstar.rewards import NormalizedVariance
    >>> column = SimulatedColumn(random_state=0)
    >>> best = {name: -off for name, off in column.misalignment.items()}
    >>> sharp, blurred = column.acquire(best), column.acquire({})
    >>> sharpness = NormalizedVariance()
    >>> sharpness.measure(sharp) > 2 * sharpness.measure(blurred)
    True
    """

    #: The aberrations that can be set, in nm.
    aberrations: tuple[str, ...] = tuple(_ABERRATIONS)

    def __init__(
        self,
        lattice: Lattice | None = None,
        shape: tuple[int, int] = (128, 128),
        *,
        misalignment: Mapping[str, float] | None = None,
        voltage: float = 200.0,
        convergence: float = 22.0,
        source: float = 0.4,
        background: float = 0.1,
        dose: float | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        lattice = Lattice.perovskite(3.905, pixel_size=0.2) if lattice is None else lattice
        if not isinstance(lattice, Lattice) or lattice.pixel_size is None:
            raise TypeError(f"lattice must be a Lattice with a pixel size, got {lattice!r}.")
        lattice.n_expected(shape)  # refuses a shape that is none, or that does not fit
        off = _MISALIGNMENT if misalignment is None else misalignment
        self.lattice = lattice
        self.misalignment = self._checked(off, "misalignment")
        self.n_frames = 0
        self._shape = shape
        self._dose = dose
        place, self._counting = streams(random_state, 2)
        voltage = check_real(voltage, name="voltage", low=0, low_included=False)
        convergence = check_real(convergence, name="convergence", low=0, low_included=False)
        source = check_real(source, name="source", low=0, low_included=False)
        background = check_real(background, name="background", low=0)
        pixel = lattice.pixel_size.to("A").value
        wavelength = _wavelength(voltage)
        finest = wavelength / (4e-3 * convergence)
        if pixel > finest:
            raise ValueError(
                f"pixels of {pixel:.3g} A are too coarse for a probe of convergence="
                f"{convergence:g} mrad at voltage={voltage:g} kV, which needs {finest:.3g} A at "
                "most."
            )
        self._frame = [max(_FRAME, math.ceil(_FRAME_SHARE * length)) for length in shape]
        padded = [length + 2 * frame for length, frame in zip(shape, self._frame, strict=True)]
        self._atoms = fft.rfft2(self._render(padded, source / pixel, place) + background)
        self._set_up_aperture(padded, pixel, wavelength, 1e-3 * convergence)

    def acquire(self, settings: Mapping[str, float]) -> NDArray[np.float32]:
        """Record a frame.

        Parameters
        ----------
        settings : mapping of str to float
            What is set of the `aberrations`, in nm; 0 of those that are not in it.

        Returns
        -------
        frame : ndarray of shape (n_rows, n_cols), float32
            In units of what a column of the heaviest kind would be without a probe's width.

        Raises
        ------
        TypeError, ValueError
            For other aberrations, and values that are no numbers.
        """
        total = self._checked(settings, "settings")
        phase = sum(
            (self.misalignment[name] + value) * self._terms[name] for name, value in total.items()
        )
        wave = np.zeros(self._aperture.shape, dtype=np.complex128)
        wave[self._aperture] = np.exp(-1j * np.asarray(phase))
        probe = np.abs(fft.ifft2(wave)) ** 2
        transfer = fft.rfft2(probe / probe.sum())
        image = fft.irfft2(self._atoms * transfer, self._aperture.shape)
        rows, cols = (
            slice(frame, frame + length)
            for frame, length in zip(self._frame, self._shape, strict=True)
        )
        # Rounding in the transforms may leave intensities that are just below 0.
        image = np.maximum(image[rows, cols], 0.0)
        (counting,) = self._counting.spawn(1)
        self.n_frames += 1
        return expose(image, self._dose, 0.0, counting).astype(np.float32)

    def _checked(self, values: Mapping[str, float], name: str) -> dict[str, float]:
        if unknown := [key for key in values if key not in _ABERRATIONS]:
            raise ValueError(
                f"{name} names the aberrations {unknown}; there are {list(_ABERRATIONS)}."
            )
        return {
            key: check_real(values.get(key, 0.0), name=f"{name}[{key!r}]") for key in _ABERRATIONS
        }

    def _render(self, shape: list[int], sigma: float, place: np.random.Generator) -> FloatArray:
        size = shape[0], shape[1]
        origin = draw_origin(self.lattice, place)
        points, kinds = self.lattice.positions(size, origin=origin, margin=CUTOFF * sigma)
        heights = kind_heights(self.lattice, None)
        return PixelGrid(size).render(points, np.array([heights[str(k)] for k in kinds]), sigma)

    def _set_up_aperture(
        self, shape: list[int], pixel: float, wavelength: float, convergence: float
    ) -> None:
        rows, cols = (wavelength * fft.fftfreq(length, pixel) for length in shape)
        theta = np.hypot(rows[:, np.newaxis], cols)
        azimuth = np.arctan2(rows[:, np.newaxis], cols)
        self._aperture = theta <= convergence
        theta, azimuth = theta[self._aperture], azimuth[self._aperture]
        # Phase of one nm of each; lengths are in angstrom.
        self._terms = {
            name: 10 * 2 * math.pi / wavelength * theta**power / power
            * (np.cos if part == "cos" else np.sin)(fold * azimuth)
            for name, (power, fold, part) in _ABERRATIONS.items()
        }  # fmt: skip


def _wavelength(voltage: float) -> float:
    """Wavelength of electrons in angstrom, of a voltage in kV, with relativity."""
    volts = 1e3 * voltage
    return 12.2643 / math.sqrt(volts * (1 + 0.978476e-6 * volts))
