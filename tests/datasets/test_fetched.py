"""Downloading, from a server on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import socket
import stat
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar._validation import as_image
from logstar.datasets import (
    _fetched,
    _fetching,
    fetch_gold_grain_boundary,
    fetch_mos2,
    fetch_pt_on_carbon,
)
from logstar.datasets._fetching import data_folder
from logstar.units import PixelSize

FILES = ("_PT_IMAGE", "_PT_LABELS", "_MOS2", "_GOLD")
FETCHERS = (fetch_pt_on_carbon, fetch_mos2, fetch_gold_grain_boundary)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Small files in the place of the published ones, on a server that counts what it gives."""
    folder = tmp_path / "server"
    folder.mkdir()
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    tifffile.imwrite(folder / _fetched._PT_IMAGE.name, pixels)
    (folder / _fetched._PT_LABELS.name).write_text(" ,X,Y\r\n1,81,120\r\n2,146,118\r\n")
    np.save(folder / _fetched._MOS2.name, pixels)
    Image.fromarray(pixels).save(folder / _fetched._GOLD.name)
    given = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            given.append(args[1])

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name in FILES:
            file = getattr(_fetched, name)
            replaced = dataclasses.replace(
                file,
                url=f"http://127.0.0.1:{server.server_port}/{file.name}",
                sha256=hashlib.sha256((folder / file.name).read_bytes()).hexdigest(),
            )
            monkeypatch.setattr(_fetched, name, replaced)
        yield folder, given
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("fetch", FETCHERS)
def test_what_is_fetched_is_kept(published, tmp_path, fetch):
    _, given = published
    micrograph = fetch(data_home=tmp_path / "home")
    np.testing.assert_array_equal(micrograph.image, np.arange(48).reshape(6, 8))
    assert micrograph.license.startswith("MIT")
    assert "6 x 8 px" in repr(micrograph)
    assert micrograph.path.parent == tmp_path / "home"
    n_given = len(given)
    assert n_given > 0
    again = fetch(data_home=tmp_path / "home", download_if_missing=False)
    np.testing.assert_array_equal(again.image, micrograph.image)
    assert len(given) == n_given


@pytest.mark.usefixtures("published")
def test_clicks_are_rows_and_columns(tmp_path):
    micrograph = fetch_pt_on_carbon(data_home=tmp_path / "home")
    np.testing.assert_array_equal(micrograph.positions, [[120, 81], [118, 146]])


def test_other_content_is_refused_and_broken_files_are_fetched_again(published, tmp_path):
    folder, _ = published
    micrograph = fetch_mos2(data_home=tmp_path / "home")
    micrograph.path.write_bytes(b"half a fi")
    with pytest.raises(OSError, match="is there with another content and download_if_missing"):
        fetch_mos2(data_home=tmp_path / "home", download_if_missing=False)
    assert fetch_mos2(data_home=tmp_path / "home").image.shape == (6, 8)
    (folder / _fetched._MOS2.name).write_bytes(b"a wolf")
    micrograph.path.unlink()
    with pytest.raises(OSError, match=r"cannot be downloaded \(ValueError: its SHA-256 is"):
        fetch_mos2(data_home=tmp_path / "home")
    assert not micrograph.path.exists()


def test_without_a_network_the_error_says_what_to_do(published, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"http://127.0.0.1:{port}/film.npy"
    monkeypatch.setattr(_fetched, "_MOS2", dataclasses.replace(_fetched._MOS2, url=url))
    folder, _ = published
    with pytest.raises(OSError, match="cannot be downloaded") as caught:
        fetch_mos2(data_home=tmp_path / "home")
    path = tmp_path / "home" / _fetched._MOS2.name
    message = str(caught.value)
    assert f"Without a network: save {url} as {path} by hand" in message
    assert "or set LOGSTAR_DATA to the folder it is in" in message
    # It does what it says.
    monkeypatch.setenv("LOGSTAR_DATA", str(folder))
    assert fetch_mos2().path == folder / _fetched._MOS2.name


def test_a_file_that_is_too_large_is_not_taken(published, tmp_path, monkeypatch):
    folder, _ = published
    (folder / _fetched._MOS2.name).write_bytes(b"x" * 2000)
    monkeypatch.setattr(_fetching, "_MOST_BYTES", 1999)
    with pytest.raises(OSError, match="gives more than 0 MB"):
        fetch_mos2(data_home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions are of POSIX")
@pytest.mark.usefixtures("published")
def test_files_can_be_read_by_those_whom_the_folder_is_for(tmp_path):
    before = os.umask(0o022)
    try:
        path = fetch_mos2(data_home=tmp_path / "home").path
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.usefixtures("published")
def test_nothing_is_left_over(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    old = home / f".{_fetched._MOS2.name}.1.part"
    new = home / f".{_fetched._MOS2.name}.2.part"
    for part in (old, new):
        part.write_bytes(b"half a fi")
    # Somebody was killed an hour ago; somebody else is still at it.
    os.utime(old, (time.time() - 3600,) * 2)
    fetch_mos2(data_home=home)
    assert sorted(home.iterdir()) == sorted([new, home / _fetched._MOS2.name])
    new.unlink()
    (home / _fetched._MOS2.name).unlink()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch_mos2(data_home=home)
    assert list(home.iterdir()) == []


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("LOGSTAR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder(None) == tmp_path / "logstar"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder(None) == tmp_path / ".cache" / "logstar"
    assert data_folder("~/films") == tmp_path / "films"


@pytest.mark.parametrize("name", FILES)
def test_addresses_name_a_commit(name):
    file = getattr(_fetched, name)
    host, owner, repository, commit = file.url.removeprefix("https://").split("/")[:4]
    assert host == "raw.githubusercontent.com"
    assert owner
    assert repository
    assert len(commit) == 40
    assert len(file.sha256) == 64
    assert file.url.endswith(f"/{file.name}")


def test_the_copies_beside_the_project_are_the_published_files(shared_data, tmp_path):
    copies = {
        "_PT_IMAGE": "hpai_066_PtNC_15nm.tif",
        "_MOS2": "scilink_MoS2_stem_Exp-000-2.npy",
        "_GOLD": "atomsegnet_Grain_boundry_gold_512px.png",
    }
    for name, copy in copies.items():
        content = (shared_data / "real" / copy).read_bytes()
        assert hashlib.sha256(content).hexdigest() == getattr(_fetched, name).sha256
        (tmp_path / getattr(_fetched, name).name).write_bytes(content)
    options = {"data_home": tmp_path, "download_if_missing": False}
    assert fetch_mos2(**options).image.shape == (512, 512)
    # As in its tags: 15 nm across 512 pixels.
    expected_size = PixelSize(15 / 512, "nm")
    assert fetch_gold_grain_boundary(**options).image.shape == (512, 512)
    # Labels: the same clicks in the layout of the publisher, who ends lines as Windows does.
    text = (shared_data / "real" / "hpai_066_PtNC_15nm.truth.csv").read_text(encoding="utf-8")
    clicks = [line.split(",") for line in text.splitlines()[2:]]
    lines = [f"{i},{int(float(x))},{int(float(y))}" for i, (x, y) in enumerate(clicks, start=1)]
    labels = "\r\n".join([" ,X,Y", *lines, ""]).encode()
    (tmp_path / _fetched._PT_LABELS.name).write_bytes(labels)
    micrograph = fetch_pt_on_carbon(**options)
    assert micrograph.positions.shape == (101, 2)
    assert micrograph.pixel_size.unit == expected_size.unit
    assert micrograph.pixel_size.value == pytest.approx(expected_size.value, rel=1e-6)
    assert as_image(micrograph).shape == (512, 512)
    np.testing.assert_array_equal(micrograph.positions[0], [120, 81])
