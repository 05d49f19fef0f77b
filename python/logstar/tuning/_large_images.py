"""Which images are found by tiles: one policy for the main job, the command and its estimates."""

from __future__ import annotations

import math

#: Pixels of the largest image that is worked on as a whole, 4096 x 4096. Beyond, parts of an image
#: tell all that there is to tune on, at a fraction of the time and the memory.
LARGEST_WHOLE = 2**24


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether an image is found by tiles, however it is held, unless somebody says otherwise."""
    return math.prod(shape) > LARGEST_WHOLE
