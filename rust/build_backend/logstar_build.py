"""PEP 517 build backend: maturin's own, after a look for the Rust toolchain.

Without this look, maturin's front end would try to download a toolchain on its own, and on a
machine that cannot, the user would read a network error in place of what to install.
"""

import shutil

from maturin import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def get_requires_for_build_wheel(config_settings=None):  # noqa: ARG001 - PEP 517 names it
    """Nothing beyond maturin; stop here, in one sentence, when there is no Rust toolchain."""
    if shutil.which("cargo") is None:
        raise SystemExit(
            "logstar is built from Rust sources and found no 'cargo' on PATH: install the Rust "
            "toolchain (version 1.89 or newer) from https://rustup.rs and run the command again."
        )
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
