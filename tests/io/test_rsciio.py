"""Which of RosettaSciIO's formats are read."""

from __future__ import annotations

import pytest

from logstar.io import EXTENSIONS
from logstar.io._formats import OWN_READERS, READERS

#: Extensions without images: spectra, curves, logs; and .csv, a table.
NO_IMAGES = {
    *(".spc", ".lsd", ".dens", ".sac", ".sbc", ".tvf", ".pts", ".eds", ".spx", ".csv"),
    *(".msa", ".ems", ".mas", ".emsa"),
}


def test_every_format_of_rosettasciio_is_read():
    rsciio = pytest.importorskip("rsciio", reason="needs the extra io")
    for plugin in rsciio.IO_PLUGINS:
        reader = plugin["api"].rpartition(".")[2]
        for extension in {f".{name.lower()}" for name in plugin["file_extensions"]}:
            if extension in NO_IMAGES:
                continue
            assert extension in EXTENSIONS, plugin["name"]
            # Pictures, TIFF, MRC and arrays are read without RosettaSciIO.
            assert extension in OWN_READERS or reader in READERS.get(extension, (reader,))


def test_readers_exist():
    rsciio = pytest.importorskip("rsciio", reason="needs the extra io")
    known = {plugin["api"].rpartition(".")[2] for plugin in rsciio.IO_PLUGINS}
    assert {reader for readers in READERS.values() for reader in readers} <= known
