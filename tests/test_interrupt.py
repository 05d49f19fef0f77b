"""Ctrl-C during a long computation of the core."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from logstar import _core
from logstar._scale_space import half_kernels

from .conftest import atoms_image


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("flat", [False, True], ids=["screened", "plain"])
def test_a_long_call_ends_soon_after_ctrl_c(n_threads, flat):
    image = np.zeros((60, 60)) if flat else atoms_image((300, 300), pitch=12)[0]
    kernels = half_kernels(np.float64(20.0))
    scale = (*kernels, *kernels, 400.0)

    def run(n_scales):
        start = time.perf_counter()
        try:
            _core.find_candidates(image, [scale] * n_scales, 10.0, (0, 0), n_threads, None)
        finally:
            durations.append(time.perf_counter() - start)

    durations = []
    run(20)
    n_scales = 20 * int(np.ceil(4 / durations[-1]))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(n_scales)
    timer.join()
    # To the end it would have taken some 4 s.
    assert durations[-1] < 2
