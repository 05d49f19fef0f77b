"""The drop-in for scikit-image's `blob_log`, and what exists only to equal it to the bit."""

from ._blob_log import blob_log

__all__ = ["blob_log"]
