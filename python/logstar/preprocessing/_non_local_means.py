"""Denoising by non-local means."""

from __future__ import annotations

from typing import Literal

from logstar._validation import Image, check_integer, check_real

from ._base import ImageTransformer, in_precision_of
from ._noise import noise_level


class NonLocalMeansDenoiser(ImageTransformer):
    """Average each pixel with those that have like surroundings nearby.

    `skimage.restoration.denoise_nl_means`, the noise estimated from the image.

    Parameters
    ----------
    patch_size : int, default=7
        Side of the surroundings that are compared, in pixels.
    patch_distance : int, default=11
        How far like surroundings are sought, in pixels.
    strength : float, default=0.8
        How unlike surroundings may be, in standard deviations of the noise; more blurs more.
    noise : float or "auto", default="auto"
        Standard deviation of the noise, in intensities; "auto" estimates it.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.preprocessing import NonLocalMeansDenoiser
    >>> clean = make_scene(shape=(64, 64), random_state=0).image
    >>> noisy = make_scene(shape=(64, 64), noise=0.2, random_state=0).image
    >>> denoised = NonLocalMeansDenoiser().fit_transform(noisy)
    >>> bool(abs(denoised - clean).mean() < 0.6 * abs(noisy - clean).mean())
    True
    """

    def __init__(
        self,
        patch_size: int = 7,
        patch_distance: int = 11,
        *,
        strength: float = 0.8,
        noise: float | Literal["auto"] = "auto",
    ) -> None:
        self.patch_size = patch_size
        self.patch_distance = patch_distance
        self.strength = strength
        self.noise = noise

    def _check_parameters(self) -> None:
        check_integer(self.patch_size, name="patch_size", low=1)
        check_integer(self.patch_distance, name="patch_distance", low=1)
        check_real(self.strength, name="strength", low=0, low_included=False)
        if self.noise != "auto":
            check_real(self.noise, name="noise", low=0)

    def _transform_image(self, image: Image) -> Image:
        from skimage.restoration import denoise_nl_means  # noqa: PLC0415 - slow to import

        noise = noise_level(image) if self.noise == "auto" else float(self.noise)
        if noise == 0:
            return image.copy()
        result = denoise_nl_means(
            image,
            patch_size=int(self.patch_size),
            patch_distance=int(self.patch_distance),
            h=float(self.strength) * noise,
            sigma=noise,
            fast_mode=True,
        )
        return in_precision_of(image, result)
