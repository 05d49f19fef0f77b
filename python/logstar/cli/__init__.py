"""The command `logstar`: from a micrograph to its atoms."""

from ._main import main

__all__ = ["main"]
