"""From channels to one brightness."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar.exceptions import ChoiceNeededError

from ._answers import WITHOUT_ALPHA

Channel: TypeAlias = int | Literal["luminance"] | None

#: Weights of red, green and blue in the luminance of Rec. ITU-R BT.709.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def grey(frame: NDArray[Any], channel: Channel = None) -> NDArray[Any]:
    """Make a 2-D image of a frame, which may have channels as its last axis.

    Parameters
    ----------
    frame : ndarray of shape (n_rows, n_cols) or (n_rows, n_cols, n_channels)
        The second of two channels and the fourth of four are alpha, which is ignored.
    channel : int, "luminance" or None, default=None
        The channel to take, or 0.2126 R + 0.7152 G + 0.0722 B in float32. None takes the common
        value of equal channels.

    Returns
    -------
    image : ndarray of shape (n_rows, n_cols)

    Raises
    ------
    ChoiceNeededError
        If channels differ and none is chosen.
    ValueError
        If the channel chosen does not exist.
    """
    if frame.ndim == 2:
        if channel not in {None, 0, "luminance"}:
            raise ValueError(f"the image is grey; channel must be 0 or left out, got {channel!r}.")
        return frame
    last = int(frame.shape[-1])
    n_channels = WITHOUT_ALPHA.get(last, last)
    if channel == "luminance":
        if n_channels != len(_LUMINANCE):
            raise ValueError(
                f"channel='luminance' needs red, green and blue; the image has {n_channels} "
                "channels."
            )
        return np.asarray(frame[..., :n_channels] @ _LUMINANCE, dtype=np.float32)
    if channel is not None:
        if isinstance(channel, bool) or not isinstance(channel, (int, np.integer)):
            raise ValueError(f'channel must be an integer, "luminance" or None, got {channel!r}.')
        if not 0 <= channel < n_channels:
            raise ValueError(f"channel must be 0 to {n_channels - 1}, got {channel!r}.")
        return frame[..., channel]
    colors = frame[..., :n_channels]
    if (colors != colors[..., :1]).any():
        is_rgb = n_channels == len(_LUMINANCE)
        raise ChoiceNeededError(
            f"the image has colours ({n_channels} channels that differ)",
            {"channel": "luminance" if is_rgb else 0},
            f"takes {'their grey value, or' if is_rgb else 'one of them,'} 0 to {n_channels - 1}"
            f"{' one channel' if is_rgb else ''}",
        )
    return colors[..., 0]
