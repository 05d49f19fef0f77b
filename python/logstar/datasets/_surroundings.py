"""What lies beneath and above the atoms: amorphous supports, contamination, streaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from logstar._validation import FloatArray, check_integer, check_real

from ._plane import as_point

#: Outlines of blobs: they have so many lobes at once, those of k lobes deviating as 1/k^2.
_LOBES = np.arange(2, 6)
#: How far the outline of a blob deviates from a circle, rms by its radius.
_RAGGEDNESS = 0.08


def smooth_field(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> FloatArray:
    """White noise after a Gaussian filter, with a variance of 1 over all that could be drawn.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns.
    scale : float
        Sigma of the filter in pixels.
    rng : Generator
        Draws the noise.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), float64
        Opposite edges are independent.
    """
    # The transform is periodic: beyond three sigma the filter reaches across the edge no more.
    padded = tuple(fft.next_fast_len(n + math.ceil(3 * scale), real=True) for n in shape)
    rows, cols = fft.fftfreq(padded[0])[:, None], fft.rfftfreq(padded[1])
    gain = np.exp(-2 * (math.pi * scale) ** 2 * (rows**2 + cols**2))
    field = fft.irfft2(fft.rfft2(rng.normal(size=padded)) * gain, s=padded)
    # Of white noise with variance 1 the filter leaves the mean square of its gain.
    two_sided = np.where((cols > 0) & (cols < 0.5), 2.0, 1.0)
    rms = math.sqrt(float((gain**2 * two_sided).sum()) / math.prod(padded))
    return np.asarray(field[: shape[0], : shape[1]] / rms)


@dataclass(frozen=True)
class AmorphousSupport:
    """A film without order beneath everything, such as carbon.

    Parameters
    ----------
    height : float, default=0.3
        Mean intensity, in units of the brightest columns.
    unevenness : float, default=0.3
        Relative rms by which the thickness varies over `patch` pixels.
    patch : float, default=60.0
        Sigma of these variations in pixels.
    texture : float, default=0.05
        Rms of the fine texture in intensity, whose grains look like weak atoms.
    grain : float, default=2.0
        Sigma of the texture's grains in pixels.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import AmorphousSupport, SingleAtoms, compose_scene
    >>> film = AmorphousSupport(height=0.5, unevenness=0.2)
    >>> atoms = SingleAtoms(5, min_distance=8)
    >>> scene = compose_scene((100, 100), [atoms], support=film, random_state=0)
    >>> bool(scene.amorphous_mask.all())
    True
    """

    height: float = 0.3
    unevenness: float = 0.3
    patch: float = 60.0
    texture: float = 0.05
    grain: float = 2.0

    def __post_init__(self) -> None:
        for name in ("height", "unevenness", "texture"):
            check_real(getattr(self, name), name=name, low=0)
        for name in ("patch", "grain"):
            check_real(getattr(self, name), name=name, low=0, low_included=False)

    def render(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw the film's intensity, nowhere below 0.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        rng : Generator
            Draws what is left open.

        Returns
        -------
        intensity : ndarray of shape (n_rows, n_cols), float64
            In units of the brightest columns.
        """
        thick, fine = rng.spawn(2)
        film = self.height * (1 + self.unevenness * smooth_field(shape, self.patch, thick))
        film += self.texture * smooth_field(shape, self.grain, fine)
        return np.asarray(film.clip(0))


@dataclass(frozen=True)
class Blob:
    """A patch of contamination: bright, smooth, with a ragged outline.

    Parameters
    ----------
    center : tuple of two float, default=None
        Row and column. None draws it inside the image.
    radius : float, default=None
        In pixels, where it has 1 / e of its height. None draws 0.12 to 0.2 of the shorter side.
    height : float, default=0.8
        In units of the brightest columns. Where the sum exceeds the detector's range (`saturation`
        of `compose_scene`), the blob has a saturated core.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import Blob, Grain, compose_scene
    >>> from logstar.lattice import Lattice
    >>> crystal = Grain(Lattice.perovskite(4.0, pixel_size=0.2))
    >>> dirt = Blob((64, 64), radius=20)
    >>> scene = compose_scene((128, 128), [crystal], contamination=[dirt], random_state=0)
    >>> bool(scene.contamination_mask[64, 64]), bool(scene.contamination_mask[5, 5])
    (True, False)
    """

    center: tuple[float, float] | None = None
    radius: float | None = None
    height: float = 0.8

    def __post_init__(self) -> None:
        if self.center is not None:
            as_point(self.center, "center")
        if self.radius is not None:
            check_real(self.radius, name="radius", low=0, low_included=False)
        check_real(self.height, name="height", low=0, low_included=False)

    def render(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw the blob's intensity.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        rng : Generator
            Draws what is left open.

        Returns
        -------
        intensity : ndarray of shape (n_rows, n_cols), float64
            In units of the brightest columns.
        """
        placing, outlining = rng.spawn(2)
        side = min(shape)
        drawn_radius = side * placing.uniform(0.12, 0.2)
        radius = drawn_radius if self.radius is None else self.radius
        drawn_center = [placing.uniform(0.2, 0.8) * (n - 1) for n in shape]
        row, col = drawn_center if self.center is None else self.center
        rows, cols = np.arange(shape[0])[:, None] - row, np.arange(shape[1]) - col
        lobes = outlining.normal(size=len(_LOBES)) / _LOBES**2
        lobes *= _RAGGEDNESS * math.sqrt(2) / np.hypot.reduce(lobes)
        starts = outlining.uniform(0, 2 * math.pi, size=len(_LOBES))
        angles = np.arctan2(rows, cols)
        outline = 1 + sum(
            lobe * np.cos(k * angles + start)
            for k, lobe, start in zip(_LOBES, lobes, starts, strict=True)
        )
        # A quartic has a flat top and a soft edge, as thick contamination has. Lobes of half the
        # radius at the most, as a radius of 0 has no outline.
        return np.asarray(
            self.height
            * np.exp(-(((rows**2 + cols**2) / (radius * np.maximum(outline, 0.5)) ** 2) ** 2))
        )


@dataclass(frozen=True)
class Streaks:
    """Bright streaks along the rows: charging, or a particle dragged along by the probe.

    Parameters
    ----------
    n_streaks : int, default=6
        How many.
    height : float, default=1.0
        Greatest intensity of the strongest one, in units of the brightest columns; each is drawn
        from a half of it up.
    length : float, default=120.0
        Over which it falls to 1 / e, in pixels.
    width : float, default=2.0
        Sigma across, in pixels.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import Grain, Streaks, compose_scene
    >>> from logstar.lattice import Lattice
    >>> crystal = Grain(Lattice.perovskite(4.0, pixel_size=0.2))
    >>> scene = compose_scene((128, 128), [crystal], contamination=[Streaks(3)], random_state=0)
    >>> bool(scene.contamination_mask.any())
    True
    """

    n_streaks: int = 6
    height: float = 1.0
    length: float = 120.0
    width: float = 2.0

    def __post_init__(self) -> None:
        check_integer(self.n_streaks, name="n_streaks", low=1)
        for name in ("height", "length", "width"):
            check_real(getattr(self, name), name=name, low=0, low_included=False)

    def render(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw the streaks' intensity.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        rng : Generator
            Draws what is left open.

        Returns
        -------
        intensity : ndarray of shape (n_rows, n_cols), float64
            In units of the brightest columns.
        """
        added = np.zeros(shape)
        rows, cols = np.arange(shape[0])[:, None], np.arange(shape[1])
        for _ in range(self.n_streaks):
            row, start = rng.uniform(0, shape[0] - 1), rng.uniform(-0.2, 0.7) * shape[1]
            strength = self.height * rng.uniform(0.5, 1)
            along = np.where(cols >= start, np.exp(-(cols - start).clip(0) / self.length), 0)
            added += strength * np.exp(-((rows - row) ** 2) / (2 * self.width**2)) * along
        return added


def as_contamination(contamination: Sequence[Blob | Streaks]) -> tuple[Blob | Streaks, ...]:
    """Check a list of contamination."""
    for i, piece in enumerate(contamination):
        if not isinstance(piece, (Blob, Streaks)):
            raise TypeError(f"contamination[{i}] must be a Blob or Streaks, got {piece!r}.")
    return tuple(contamination)
