"""Denoising by Wiener's filter, without a crystal in mind."""

from __future__ import annotations

import numpy as np
import scipy.fft as sf

from logstar._runtime import threads_of
from logstar._validation import Image

from ._base import ImageTransformer, in_precision_of

#: Above this frequency, in cycles per pixel, there is noise only.
_NOISE_FREQUENCY = 0.45
#: Number of rings of the spectrum, as a share of the pixels along the shorter side.
_RINGS_SHARE = 0.5


class WienerDenoiser(ImageTransformer):
    """Multiply each spatial frequency by the share of signal in it, the same in all directions.

    Wiener's filter, ``1 - noise / power``, where the power is the mean of a ring of the spectrum.
    Bragg spots do not show in the mean of a ring, so the filter falls smoothly: it can blur, but
    it carries nothing from one cell of a crystal to the next, and paints no atom into a vacancy.

    Parameters
    ----------
    n_jobs : int, default=None
        Threads: None is one, -1 is all.

    Notes
    -----
    R. Kilaas, Optimal and near-optimal filters in high-resolution electron microscopy, J. Microsc.
    190, 45 (1998), averages over rings to find the amorphous background, and keeps what stands out
    of it; here the ring's mean itself is what is kept.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.preprocessing import WienerDenoiser
    >>> clean = make_scene(shape=(128, 128), random_state=0).image
    >>> noisy = make_scene(shape=(128, 128), noise=0.5, random_state=0).image
    >>> denoised = WienerDenoiser().fit_transform(noisy)
    >>> bool(abs(denoised - clean).mean() < 0.4 * abs(noisy - clean).mean())
    True
    """

    def __init__(self, *, n_jobs: int | None = None) -> None:
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        threads_of(self.n_jobs)

    def _transform_image(self, image: Image) -> Image:
        workers = threads_of(self.n_jobs)
        mean = image.mean(dtype=np.float64)
        # The cosine transform continues the image by its mirror image: no edges in the spectrum.
        spectrum = sf.dctn(image - image.dtype.type(mean), norm="ortho", workers=workers)
        axes = [np.arange(n) / (2 * n) for n in image.shape]
        frequency = np.hypot(*np.meshgrid(*axes, indexing="ij"))
        power = spectrum.astype(np.float64) ** 2
        noisy = frequency >= _NOISE_FREQUENCY
        noise = float(power[noisy].mean()) if noisy.any() else 0.0
        n_rings = max(4, int(_RINGS_SHARE * min(image.shape)))
        ring = np.minimum((frequency * 2 * n_rings).astype(int), int(np.sqrt(2) * n_rings) + 1)
        counts = np.bincount(ring.ravel())
        means = np.bincount(ring.ravel(), power.ravel()) / np.maximum(counts, 1)
        # The mean is interpolated between the middles of the rings, or their edges would show.
        filled = np.flatnonzero(counts)
        middles = (filled + 0.5) / (2 * n_rings)
        smooth = np.interp(frequency.ravel(), middles, means[filled]).reshape(image.shape)
        share = np.clip(1.0 - noise / np.maximum(smooth, np.finfo(float).tiny), 0.0, 1.0)
        passed = sf.idctn(spectrum * share.astype(image.dtype), norm="ortho", workers=workers)
        return in_precision_of(image, passed + mean)
