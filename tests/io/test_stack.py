"""Stacks and movies, frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from logstar.exceptions import ChoiceNeededError
from logstar.io import Micrograph, _stack, open_stack
from logstar.units import PixelSize

from .files import write_emd, write_hspy, write_mrc, write_ser


@pytest.fixture
def movie(rng):
    return rng.integers(0, 60000, (7, 12, 16), dtype=np.uint16)


def check(stack, movie):
    assert stack.shape == movie.shape[1:]
    found = list(stack)
    assert all(image.dtype.isnative for image in found)
    np.testing.assert_array_equal(found, movie)
    if stack.is_repeatable:
        assert len(stack) == len(movie)
        np.testing.assert_array_equal(list(stack.frames(3)), movie[3:])
        np.testing.assert_array_equal(stack[-1], movie[-1])


def test_arrays_in_memory_and_lazy_ones(movie, tmp_path):
    da = pytest.importorskip("dask.array")
    h5py = pytest.importorskip("h5py")
    check(open_stack(movie), movie)
    check(open_stack(da.from_array(movie, chunks=(2, 8, 16))), movie)
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["movie"] = movie
        check(open_stack(file["movie"]), movie)
    check(open_stack(list(movie)), movie)
    check(open_stack([Micrograph(image, PixelSize(0.2, "A")) for image in movie]), movie)


def test_arrays_of_zarr(movie, tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(
        str(tmp_path / "movie.zarr"), shape=movie.shape, dtype=movie.dtype, chunks=(1, 8, 16)
    )
    stored[:] = movie
    check(open_stack(zarr.open_array(str(tmp_path / "movie.zarr"), mode="r")), movie)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_lazy_signals_of_hyperspy(movie, tmp_path):
    hyperspy = pytest.importorskip("hyperspy.api")
    signal = hyperspy.signals.Signal2D(movie)
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.02, "nm"
    signal.save(tmp_path / "movie.hspy", show_progressbar=False)
    lazy = hyperspy.load(tmp_path / "movie.hspy", lazy=True)
    for source in (signal, signal.as_lazy(), lazy):
        stack = open_stack(source)
        assert stack.pixel_size == PixelSize(0.02, "nm")
        check(stack, movie)
    lazy.close_file()


def test_iterators_are_taken_once(movie):
    stack = open_stack(iter(movie))
    assert stack.n_frames is None
    with pytest.raises(TypeError, match="cannot be chosen from"):
        stack[0]
    with pytest.raises(TypeError, match="nobody knows how many"):
        len(stack)
    check(stack, movie)
    np.testing.assert_array_equal(list(open_stack(iter(movie)).frames(4)), movie[4:])


@pytest.mark.parametrize("extension", [".npy", ".tif", ".mrc", ".emd", ".hspy", ".ser"])
def test_files(movie, tmp_path, extension, monkeypatch):
    monkeypatch.setattr(_stack, "_AT_ONCE", 3)
    path = tmp_path / f"movie{extension}"
    if extension == ".npy":
        np.save(path, movie)
    elif extension == ".tif":
        tifffile.imwrite(path, movie)
    elif extension == ".mrc":
        write_mrc(path, movie, 0.2)
    elif extension == ".ser":
        write_ser(path, movie, 2e-11)
    else:
        write = {".emd": write_emd, ".hspy": write_hspy}[extension]
        write(path, movie, (1.0, 0.02, 0.02), "nm", navigate=[True, False, False])
    stack = open_stack(path, pixel_size="0.2 A")
    check(stack, movie)
    assert stack.path == path
    assert stack.pixel_size == PixelSize(0.2, "A")


def test_mapped_files_do_not_stay_in_memory(tmp_path):
    big = np.lib.format.open_memmap(tmp_path / "movie.npy", "w+", np.float32, (64, 512, 1024))
    big[:, 0, 0] = np.arange(64)
    big.flush()
    del big

    def mapped():
        status = Path("/proc/self/status")
        if not status.exists():
            pytest.skip("nothing here tells how much of files is in memory")
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("RssFile"))
        return int(line.split()[1]) / 1024

    before = mapped()
    most = 0.0
    for i, frame in enumerate(open_stack(tmp_path / "movie.npy")):
        assert frame[0, 0] == i
        most = max(most, mapped() - before)
    # Of 128 MB.
    assert most < 10


def test_folders_and_series_of_files(movie, tmp_path):
    for i, image in enumerate(movie):
        tifffile.imwrite(tmp_path / f"frame{i:02d}.tif", image)
    (tmp_path / "notes.txt").write_text("of the operator")
    check(open_stack(tmp_path), movie)
    check(open_stack(sorted(tmp_path.glob("*.tif"))), movie)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image of a known format"):
        open_stack(tmp_path / "empty")


def test_signals_bring_their_calibration_and_are_loaded_frame_by_frame(movie):
    da = pytest.importorskip("dask.array")
    loaded = []

    def load(block, block_info=None):
        loaded.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(movie, chunks=(1, 12, 16)).map_blocks(load, dtype=movie.dtype)
    axes = [{"size": 7, "scale": 1, "units": "s", "navigate": True}]
    axes += [{"size": n, "scale": 0.02, "units": "nm", "navigate": False} for n in (12, 16)]
    stack = open_stack({"data": lazy, "axes": axes}, binning=2)
    loaded.clear()
    frame = next(stack.frames(5))
    assert loaded == [5]
    np.testing.assert_allclose(frame, movie[5].reshape(6, 2, 8, 2).mean(axis=(1, 3)))
    assert stack.pixel_size.value == pytest.approx(0.04)
    assert stack.origin == (0.25, 0.25)


def test_what_is_no_stack_is_refused(movie, tmp_path):
    with pytest.raises(ValueError, match="three axes"):
        open_stack(movie[0])
    with pytest.raises(TypeError, match="source must be a file"):
        open_stack(3)
    with pytest.raises(TypeError, match="real numbers"):
        open_stack(movie.astype(complex))
    for empty in ([], iter([])):
        with pytest.raises(ValueError, match="empty stack"):
            open_stack(empty)
    with pytest.raises(ValueError, match="for files and signals"):
        open_stack(movie, binning=2)
    with pytest.raises(ValueError, match=r"frame 1 has 5 x 16 pixels, the first 12 x 16"):
        list(open_stack([movie[0], movie[1][:5]]))
    with pytest.raises(FileNotFoundError):
        open_stack(tmp_path / "none.tif")


def test_of_several_stacks_one_has_to_be_chosen(movie, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(movie, photometric="minisblack")
        file.write(movie[:, :8, :8].copy(), photometric="minisblack")
    with pytest.raises(ChoiceNeededError, match="several stacks"):
        open_stack(tmp_path / "two.tif")
    check(open_stack(tmp_path / "two.tif", dataset=9), movie[:, :8, :8])
    check(open_stack(tmp_path / "two.tif", dataset=0), movie)
    with pytest.raises(ValueError, match="dataset must be 0 to 13, got 14"):
        open_stack(tmp_path / "two.tif", dataset=14)
