"""Grey images in axes: contrast, and no more pixels than are seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Percentiles of the image that are drawn black and white: a hot pixel must not darken the rest.
_CONTRAST = (0.1, 99.8)
#: Pixels that the percentiles are taken from. Of an image with more, every second, third, ... row
#: and column is looked at: sorting 4 million pixels takes longer than drawing them.
_MOST_SAMPLED = 65_536
#: An image with more pixels than this along its longer side is averaged over blocks before it is
#: drawn where the size of the drawing is not known: no screen shows more.
_MOST_DRAWN = 4096


def contrast_limits(image: Image) -> tuple[float, float]:
    """Intensities that are drawn black and white."""
    step = max(1, math.isqrt(image.size // _MOST_SAMPLED))
    low, high = np.percentile(image[::step, ::step], _CONTRAST)
    return float(low), float(high)


def draw_image(ax: Axes, image: Image, image_kw: dict[str, Any] | None = None) -> Any:
    """Draw an image in grey and let the axes show it whole, pixel centres at integers.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    image : ndarray of shape (n_rows, n_cols)
        The image; above 4096 px a side means over blocks of it are drawn.
    image_kw : dict, default=None
        Handed to `imshow`.

    Returns
    -------
    drawn : matplotlib AxesImage
    """
    low, high = contrast_limits(image)
    options: dict[str, Any] = {"cmap": "gray", "vmin": low, "vmax": high}
    shown, extent = _reduced(image, math.ceil(max(image.shape) / _MOST_DRAWN))
    drawn = ax.imshow(shown, **(options | {"extent": extent} | (image_kw or {})))
    show_whole(ax, image.shape)
    return drawn


def draw_picture(ax: Axes, image: Image, longest: int) -> Any:
    """Draw an image for a file, with as many pixels as the file has for it.

    Pillow averages the image to the size of the drawing, and grey values are made here, in bytes.
    Matplotlib does the same with weights and a mask, which takes several times as long.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    longest : int
        Pixels along the longer side of the drawing. A smaller image is drawn as it is.

    Returns
    -------
    drawn : matplotlib AxesImage
    """
    # Only drawing pays for these.
    from PIL import Image as pillow  # noqa: PLC0415, N813

    from ._pictures import add_picture  # noqa: PLC0415

    low, high = contrast_limits(image)
    span = (high - low) or 1.0
    shown: NDArray[Any] = image
    if max(image.shape) > longest:
        scale = longest / max(image.shape)
        size = [max(1, round(n * scale)) for n in image.shape[::-1]]
        # Pillow averages in single precision, of which large numbers leave the contrast too little.
        if image.dtype != np.float32:
            shown = ((image - low) / span).astype(np.float32)
            low, span = 0.0, 1.0
        picture = pillow.fromarray(np.ascontiguousarray(shown))
        shown = np.asarray(picture.resize(size, pillow.Resampling.BOX))
    gray = np.clip((shown - low) * (255.0 / span), 0, 255).astype(np.uint8)
    opaque = np.full_like(gray, 255)
    colors = np.dstack([gray, gray, gray, opaque])
    drawn = add_picture(ax, colors, (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    show_whole(ax, image.shape)
    return drawn


def show_whole(ax: Axes, shape: tuple[int, ...]) -> None:
    """Let axes show an image and nothing beyond it, without ticks."""
    ax.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    ax.set_axis_off()


def _reduced(image: Image, factor: int) -> tuple[NDArray[Any], tuple[float, float, float, float]]:
    """Means over square blocks, and the extent that they cover: left, right, bottom, top."""
    n_rows, n_cols = image.shape
    if factor <= 1:
        return image, (-0.5, n_cols - 0.5, n_rows - 0.5, -0.5)
    # Rows and columns that do not fill a block are left out, at most `factor - 1` pixels.
    rows, cols = max(1, n_rows // factor), max(1, n_cols // factor)
    height, width = min(factor, n_rows), min(factor, n_cols)
    blocks = image[: rows * height, : cols * width].reshape(rows, height, cols, width)
    extent = (-0.5, cols * width - 0.5, rows * height - 0.5, -0.5)
    return blocks.mean(axis=(1, 3), dtype=image.dtype), extent
