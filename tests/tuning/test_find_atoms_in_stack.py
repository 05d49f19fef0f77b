"""Stacks and movies: as frame by frame, whatever interrupts it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.metrics import detection_metrics
from logstar.tuning import StackAtoms, find_atoms_in_stack

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.25)
SHAPE = (128, 128)


@cache
def truth():
    return make_scene(CRYSTAL, SHAPE, rotation=11, random_state=0)


@cache
def quiet_movie(n=6):
    clear = truth().image
    rng = np.random.default_rng(1)
    frames = [clear + 0.1 * rng.standard_normal(SHAPE) for _ in range(n)]
    return np.array(frames, dtype=np.float32)


@cache
def movie_with_a_step(n=14, step=7):
    """From frame `step` on the focus is another one: atoms are wide and low in their noise."""
    rng = np.random.default_rng(2)
    frames = [
        (truth().image if i < step else ndimage.gaussian_filter(truth().image, 2.6))
        + 0.05 * rng.standard_normal(SHAPE)
        for i in range(n)
    ]
    return np.array(frames, dtype=np.float32)


def short_movie():
    """With a step between its third frame and its fourth."""
    return movie_with_a_step()[[0, 1, 2, 7, 8, 9, 10]]


def positions(tables):
    return [np.column_stack([t["row"], t["col"], t["sigma"]]) for t in tables]


def check_equal(found, expected):
    assert len(found) == len(expected)
    for name in expected.frames:
        np.testing.assert_array_equal(found.frames[name], expected.frames[name], err_msg=name)
    for one, other in zip(found, expected, strict=True):
        assert one.columns == other.columns
        for name in other.columns:
            np.testing.assert_array_equal(one[name], other[name])


def test_frames_are_found_with_the_settings_of_the_first():
    movie = quiet_movie()
    finder = AtomFinder(CRYSTAL, refine=None).fit(movie[0])
    found = find_atoms_in_stack(movie, lattice=CRYSTAL)
    assert found.frames["state"].tolist() == ["tuned"] + ["within"] * 5
    assert found.frames["trusted"].all()
    for one, expected in zip(positions(found), finder.predict(movie), strict=True):
        np.testing.assert_array_equal(one, expected)
    first = found[0]
    for name in first.columns:
        np.testing.assert_array_equal(first[name], finder.atoms_[name])
    assert found.frames["qc"][0] == finder.qc_
    assert found.frames["er"][0] == finder.er_
    assert found.pixel_size == CRYSTAL.pixel_size
    for atoms in found:
        assert detection_metrics(atoms, truth().positions, shape=SHAPE, margin=4).f1 > 0.99


@pytest.mark.parametrize("refine", ["joint", "window"])
def test_positions_are_refined_as_by_the_finder(refine):
    movie = quiet_movie()[:2]
    finder = AtomFinder(CRYSTAL, refine=refine).fit(movie[0])
    found = find_atoms_in_stack(movie, lattice=CRYSTAL, refine=refine)
    np.testing.assert_array_equal(positions(found)[1], finder.predict(movie[1]))
    for name in found[0].columns:
        np.testing.assert_array_equal(found[0][name], finder.atoms_[name])


def test_settings_are_tuned_anew_after_a_step_and_not_before():
    found = find_atoms_in_stack(movie_with_a_step(), lattice=CRYSTAL)
    states = found.frames["state"].tolist()
    assert states == ["tuned", *["within"] * 6, "again", "tuned", *["within"] * 5]
    assert found.frames["tuned_on"].tolist() == [0] * 7 + [8] * 7
    assert found.frames["trusted"].all()
    f1 = [detection_metrics(atoms, truth().positions, shape=SHAPE, margin=4).f1 for atoms in found]
    assert min(f1) > 0.98
    never = find_atoms_in_stack(movie_with_a_step(), lattice=CRYSTAL, retune="never")
    assert never.frames["state"].tolist() == ["tuned", *["within"] * 6, *["outside"] * 7]
    assert never.frames["trusted"].tolist() == [True] * 7 + [False] * 7


def test_always_is_each_frame_for_itself():
    movie = movie_with_a_step()[5:9]
    found = find_atoms_in_stack(movie, lattice=CRYSTAL, retune="always", n_jobs=2)
    assert found.frames["tuned_on"].tolist() == [0, 1, 2, 3]
    for one, image in zip(positions(found), movie, strict=True):
        alone = AtomFinder(CRYSTAL, refine=None).fit_predict(image)
        np.testing.assert_array_equal(one, alone)


def test_a_flash_a_blank_and_a_movie_that_begins_late():
    movie = quiet_movie().copy()
    blank = np.zeros_like(movie[:1])
    noise = np.random.default_rng(0).standard_normal((1, *SHAPE)).astype(np.float32)
    mixed = np.concatenate([blank, movie[:3], noise, movie[3:5], blank, blank, blank, movie[:3]])
    found = find_atoms_in_stack(mixed, lattice=CRYSTAL)
    assert found.frames["state"].tolist() == [
        *("untuned", "tuned", "within", "within", "outside", "within", "within"),
        # No settings help with what is blank; what comes after it leaves in its turn.
        *("outside", "left", "within", "again", "tuned", "within"),
    ]
    assert found.frames["n_atoms"][[0, 7, 8, 9]].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(
        found.frames["trusted"], np.isin(np.arange(13), [1, 2, 3, 5, 6, 10, 11, 12])
    )


def test_a_blank_frame_is_nothing_to_a_denoiser_either():
    movie = quiet_movie()[:3].copy()
    movie[1] = 5
    found = find_atoms_in_stack(movie, lattice=CRYSTAL, denoise="auto")
    assert found.frames["state"].tolist() == ["tuned", "outside", "within"]
    assert found.frames["n_atoms"][1] == 0
    assert found[0].columns == found[2].columns


@pytest.mark.parametrize("retune", ["auto", "always"])
def test_any_number_of_threads_and_any_source_give_the_same(retune, tmp_path):
    movie = movie_with_a_step()
    expected = find_atoms_in_stack(movie, lattice=CRYSTAL, retune=retune)
    np.save(tmp_path / "movie.npy", movie)
    sources = [tmp_path / "movie.npy", iter(movie)] if retune == "auto" else [movie]
    for source in sources:
        for_threads = {"n_jobs": 2, "prefetch": 5}
        check_equal(
            find_atoms_in_stack(source, lattice=CRYSTAL, retune=retune, **for_threads), expected
        )


@pytest.mark.parametrize("extension", [".h5", ".hdf5", ".parquet"])
def test_files_hold_what_was_found(tmp_path, extension):
    pytest.importorskip("h5py")
    pytest.importorskip("pyarrow")
    movie = np.concatenate([np.zeros((1, *SHAPE), np.float32), quiet_movie()[:3]])
    options = {"lattice": CRYSTAL, "refine": "window"}
    expected = find_atoms_in_stack(movie, **options, pixel_size="0.25 A")
    path = tmp_path / f"atoms{extension}"
    found = find_atoms_in_stack(movie, out=path, **options, pixel_size="0.25 A")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert found.pixel_size == expected.pixel_size
    for one in (found, StackAtoms.load(path)):
        assert len(one) == 4
        for i in range(1, 4):
            assert one[i].columns == expected[i].columns
            for name in one[i].columns:
                np.testing.assert_array_equal(one[i][name], expected[i][name])
        for name, values in expected.frames.items():
            np.testing.assert_array_equal(one.frames[name], values)
    copy = tmp_path / ("copy.parquet" if extension == ".h5" else "copy.h5")
    found.save(copy)
    check_equal(StackAtoms.load(copy), found)


def test_data_frames_have_the_names_of_trackpy():
    pytest.importorskip("pandas")
    found = find_atoms_in_stack(quiet_movie()[:3], lattice=CRYSTAL)
    frame = found.to_frame()
    assert len(frame) == found.frames["n_atoms"].sum()
    assert {"frame", "x", "y"} <= set(frame.columns)
    second = frame[frame["frame"] == 1]
    np.testing.assert_array_equal(second["y"], found[1]["row"])
    np.testing.assert_array_equal(second["x"], found[1]["col"])


def test_a_first_frame_without_atoms_takes_no_columns_from_the_others():
    pytest.importorskip("pandas")
    movie = np.concatenate([np.zeros((1, *SHAPE), np.float32), quiet_movie()[:1]])
    found = find_atoms_in_stack(movie, lattice=CRYSTAL, refine="window")
    frame = found.to_frame()
    np.testing.assert_array_equal(frame["row_error"], found[1]["row_error"])
    assert set(found[1].columns) <= set(frame.columns)


SCRIPT = """
import sys, time
import numpy as np
from logstar import Lattice
from logstar.tuning import find_atoms_in_stack
def tell(state):
    print(state.n_done, flush=True)
    time.sleep(0.05)
find_atoms_in_stack(
    sys.argv[1], out=sys.argv[2], resume=True, progress=tell, n_jobs=2,
    lattice=Lattice.perovskite(4.0, pixel_size=0.25),
)
"""


def test_a_run_that_is_killed_goes_on_without_loss_or_doubles(tmp_path):
    pytest.importorskip("h5py")
    movie = movie_with_a_step()
    np.save(tmp_path / "movie.npy", movie)
    out = tmp_path / "atoms.h5"
    arguments = [sys.executable, "-c", SCRIPT, tmp_path / "movie.npy", out]
    n_done = []
    # Before the step; between the frame that is done again and the one that is tuned on.
    for n_lines in (4, 4):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(n_lines):
                line = process.stdout.readline()
            process.kill()
        n_done.append(int(line))
    assert n_done[1] > n_done[0] >= 4
    assert not out.exists()
    told = []
    found = find_atoms_in_stack(
        tmp_path / "movie.npy", out=out, resume=True, progress=told.append, lattice=CRYSTAL
    )
    assert len(told) <= 14 - n_done[1]
    check_equal(found, find_atoms_in_stack(movie, lattice=CRYSTAL))
    # What has come to its end is opened.
    told.clear()
    again = find_atoms_in_stack(
        tmp_path / "movie.npy", out=out, resume=True, progress=told.append, lattice=CRYSTAL
    )
    assert told == []
    check_equal(again, found)


@pytest.mark.parametrize("stop", range(1, 7))
def test_a_run_goes_on_from_every_frame(tmp_path, stop):
    pytest.importorskip("h5py")
    movie = short_movie()

    def interrupt(state):
        if state.n_done == stop:
            raise KeyboardInterrupt

    out = tmp_path / "atoms.h5"
    options = {"lattice": CRYSTAL, "out": out}
    with pytest.raises(KeyboardInterrupt):
        find_atoms_in_stack(movie, **options, progress=interrupt)
    found = find_atoms_in_stack(iter(movie), **options, resume=True)
    expected = find_atoms_in_stack(movie, lattice=CRYSTAL)
    assert expected.frames["state"].tolist()[3:5] == ["again", "tuned"]
    check_equal(found, expected)


def test_without_room_for_the_file_the_log_stays(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    options = {"lattice": CRYSTAL, "out": tmp_path / "atoms.h5"}
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(OSError, match=r"make room, and go on with resume=True.*atoms\.h5"):
            find_atoms_in_stack(quiet_movie(), **options)
    told = []
    found = find_atoms_in_stack(quiet_movie(), **options, resume=True, progress=told.append)
    assert told == []
    check_equal(found, find_atoms_in_stack(quiet_movie(), lattice=CRYSTAL))


def test_what_cannot_be_is_refused(tmp_path):
    movie = quiet_movie()
    with pytest.raises(ValueError, match="retune must be one of"):
        find_atoms_in_stack(movie, retune="often")
    with pytest.raises(ValueError, match=r"unknown extension '\.xyz' of a file for many"):
        find_atoms_in_stack(movie, out=tmp_path / "atoms.xyz")
    with pytest.raises(ValueError, match="resume=True needs out"):
        find_atoms_in_stack(movie, resume=True)
    with pytest.raises(ValueError, match="prefetch must be at least 1"):
        find_atoms_in_stack(movie, prefetch=0)
    with pytest.raises(TypeError, match="client must be"):
        find_atoms_in_stack(movie, client=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        find_atoms_in_stack(movie, colour="red")
    h5py = pytest.importorskip("h5py")
    out = tmp_path / "atoms.h5"
    find_atoms_in_stack(movie[:2], out=out, lattice=CRYSTAL)
    with pytest.raises(ValueError, match=r"of another run: finder.n_iter was 'None', is '1'"):
        find_atoms_in_stack(movie[:2], out=out, resume=True, lattice=CRYSTAL, n_iter=1)
    with pytest.raises(ValueError, match="holds the 2 frames of a run that has come to its end"):
        find_atoms_in_stack(movie[:3], out=out, resume=True, lattice=CRYSTAL)
    h5py.File(tmp_path / "other.h5", "w").close()
    with pytest.raises(ValueError, match="holds no atoms of a stack"):
        StackAtoms.load(tmp_path / "other.h5")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["dask", "zarr", "hyperspy"])
def test_lazy_movies_of_other_libraries_are_found_alike(kind):
    movie = short_movie()[:3]
    lazy = pytest.importorskip("dask.array").from_array(movie, chunks=(1, 64, 64))
    if kind == "zarr":
        lazy = pytest.importorskip("zarr").array(movie, chunks=(1, 64, 64))
    elif kind == "hyperspy":
        signals = pytest.importorskip("hyperspy.api").signals
        lazy = signals.Signal2D(lazy).as_lazy()
    options = {"lattice": CRYSTAL, "n_iter": 2}
    check_equal(find_atoms_in_stack(lazy, **options), find_atoms_in_stack(movie, **options))
