"""Windows as rows of pixels: what is taken, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._features import as_windows


def test_one_window_is_enough_unless_more_are_asked_for():
    window = np.arange(9.0)
    np.testing.assert_array_equal(as_windows(window[None]), [window])
    np.testing.assert_array_equal(as_windows(window.reshape(1, 3, 3)), [window])
    with pytest.raises(ValueError, match="minimum of 2"):
        as_windows(window[None], min_samples=2)
    with pytest.raises(ValueError, match="minimum of 1"):
        as_windows(np.empty((0, 9)))


@pytest.mark.parametrize("shape", [(4, 8), (4, 3, 2), (4, 3, 3, 1)])
def test_windows_are_square(shape):
    with pytest.raises(ValueError, match="square windows"):
        as_windows(np.zeros(shape))
