"""Work for another process, which need not import a viewer to do it."""

from __future__ import annotations

import time

from logstar.napari._finding import Told


def double(tell, x):
    tell(Told("doubling", 1, 2))
    return 2 * x


def fail(_tell):
    raise RuntimeError("this cannot be done.")


def never_end(tell):
    tell(Told("waiting"))
    while True:
        time.sleep(60)
