"""The command `logstar`: from a micrograph to its atoms."""

from ._exit import run
from ._main import main

__all__ = ["main", "run"]
