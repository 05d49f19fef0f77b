"""Data frames, where pandas is installed."""

from __future__ import annotations

from typing import Any


def import_pandas() -> Any:
    """Give the module pandas, which only `to_frame` needs.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - optional, and heavy
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install pandas.") from error
    return pd
