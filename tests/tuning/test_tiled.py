"""Images tile by tile: the atoms of the whole image, to the bit."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar import Lattice, LoGStarDetector
from logstar.datasets import make_scene
from logstar.exceptions import NoAtomsWarning
from logstar.tuning import RunProgress, detect_tiled
from logstar.tuning._tiled import tiles_of


def scene(shape=(260, 330), seed=0, noise=0.3):
    crystal = Lattice.perovskite(4.0, pixel_size=0.3)
    return make_scene(crystal, shape, rotation=11, noise=noise, random_state=seed).image


def flat_islands(rng, shape):
    """Few grey levels, wide plateaus, and rows of equal peaks whose discs overlap in chains."""
    image = np.zeros(shape)
    for _ in range(6):
        row, col = rng.integers(0, shape[0] - 20), rng.integers(0, shape[1] - 20)
        height, width = rng.integers(5, 120, 2)
        image[row : row + height, col : col + width] = rng.integers(0, 3)
    row = rng.integers(0, shape[0])
    image[row, :: rng.integers(3, 7)] += 4
    col = rng.integers(0, shape[1])
    image[:: rng.integers(3, 7), col] += 4
    return image


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(60, 300), st.integers(60, 300)),
    tile=st.integers(64, 256),
    ends=st.tuples(st.floats(0.5, 4.0), st.floats(0.0, 6.0)),
    num_sigma=st.integers(1, 5),
    threshold=st.sampled_from([-0.01, 0.0, 0.0005, 0.02]),
    overlap=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    kind=st.sampled_from(["noise", "scene", "flat"]),
    dtype=st.sampled_from(["f4", "f8", "u2", ">f4"]),
    options=st.fixed_dictionaries(
        {
            "polarity": st.sampled_from(["bright", "dark"]),
            "intensity_range": st.sampled_from([None, (0.1, 99.9), (5, 60)]),
            "exclude_border": st.sampled_from([False, 1, 70]),
        }
    ),
    n_jobs=st.sampled_from([1, 2]),
)
def test_atoms_are_those_of_the_whole_image(
    seed, shape, tile, ends, num_sigma, threshold, overlap, kind, dtype, options, n_jobs
):
    rng = np.random.default_rng(seed)
    if kind == "flat":
        image = flat_islands(rng, shape)
    elif kind == "scene":
        image = scene(shape, int(seed)) * 1000
    else:
        image = 100 * rng.random(shape)
    image = (image - image.min()).astype(dtype)
    if image.min() == image.max():
        image[0, 0] += 1
    detector = LoGStarDetector(
        ends[0], ends[0] + ends[1], num_sigma, threshold, overlap, **options, n_jobs=n_jobs
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        expected = detector.fit(image).detect(image)
        found = detect_tiled(detector, image, tile=tile, n_jobs=n_jobs)
    np.testing.assert_array_equal(found, expected)


def test_a_plateau_that_fills_tiles_has_all_its_maxima():
    # Of a constant 1 a kernel that is cut makes a response above 0, the same everywhere.
    image = np.ones((400, 300))
    image[350:, 250:] = 0
    detector = LoGStarDetector(2.5, 2.5, 1, 0.0001, 1.0, intensity_range=None)
    expected = detector.fit(image).detect(image)
    assert len(expected) > 64 * 64
    np.testing.assert_array_equal(detect_tiled(detector, image, tile=64), expected)


def test_chains_of_overlaps_cross_many_tiles():
    # Each peak of the row overlaps the next and is a little lower: which of the last tile are kept
    # follows from the first one's.
    image = np.zeros((64, 700), dtype=np.float32)
    columns = np.arange(10, 690, 5)
    image[32, columns] = np.linspace(2, 1, len(columns))
    detector = LoGStarDetector(2, 2, 1, 0.01, 0.01, intensity_range=None)
    expected = detector.fit(image).detect(image)
    everything = LoGStarDetector(2, 2, 1, 0.01, 1.0, intensity_range=None).fit(image).detect(image)
    assert 2 * len(expected) <= len(everything) + 2
    np.testing.assert_array_equal(detect_tiled(detector, image, tile=64), expected)


def test_tiles_make_up_the_image_and_halos_end_with_it():
    seen = np.zeros((100, 70), dtype=int)
    for tile in tiles_of((100, 70), 32, 5):
        seen[tile.core] += 1
        assert all(
            w.start <= c.start and c.stop <= w.stop
            for c, w in zip(tile.core, tile.whole, strict=True)
        )
    assert (seen == 1).all()
    first = tiles_of((100, 70), 32, 5)[0]
    assert first.whole == (slice(0, 37), slice(0, 37))


class Lazy:
    """An array that tells how much of it was taken at a time."""

    def __init__(self, image):
        self._image = image
        self.shape, self.dtype = image.shape, image.dtype
        self.largest = 0

    def __getitem__(self, place):
        part = self._image[place]
        self.largest = max(self.largest, part.size)
        return part


def test_no_more_than_a_tile_with_its_halo_is_taken():
    image = scene().astype(np.float32)
    lazy = Lazy(image)
    detector = LoGStarDetector(1, 3, 3, 0.05)
    np.testing.assert_array_equal(
        detect_tiled(detector, lazy, tile=64), detector.fit(image).detect(image)
    )
    # From an even row and column on.
    assert lazy.largest <= max((64 + 2 * 13 + 1) ** 2, 55 * 44)


def test_arrays_of_other_libraries_are_read_by_parts(tmp_path):
    da = pytest.importorskip("dask.array")
    h5py = pytest.importorskip("h5py")
    image = scene().astype(np.float32)
    mask = np.zeros(image.shape, dtype=bool)
    mask[40:200, 50:300] = True
    detector = LoGStarDetector(1, 3, 3, 0.05, mask=mask)
    expected = detector.fit(image).detect(image)
    np.save(tmp_path / "image.npy", image)
    with h5py.File(tmp_path / "image.h5", "w") as file:
        file["image"] = image
        arrays = [
            np.load(tmp_path / "image.npy", mmap_mode="r"),
            da.from_array(image, chunks=(100, 120)),
            file["image"],
        ]
        for array in arrays:
            np.testing.assert_array_equal(detect_tiled(detector, array, tile=100), expected)


def test_every_tile_of_both_passes_is_told_of():
    told = []
    detect_tiled(LoGStarDetector(1, 3, 3), scene(), tile=128, progress=told.append)
    assert [(one.stage, one.n_done) for one in told] == [
        (stage, i + 1) for stage in ("scaling", "detecting") for i in range(9)
    ]
    assert str(RunProgress("detecting", 1, None, 0.25)) == "detecting: 1, 0.2 s"


SCRIPT = """
import sys, time
import numpy as np
from logstar import LoGStarDetector
from logstar.tuning import detect_tiled
image = np.load(sys.argv[1], mmap_mode="r")
tell = lambda state: (print(state, flush=True), time.sleep(0.02))
detect_tiled(LoGStarDetector(1, 3, 3, 0.05), image, tile=64, checkpoint=sys.argv[2], progress=tell)
"""


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    image = scene()
    np.save(tmp_path / "image.npy", image)
    checkpoint = tmp_path / "run"
    arguments = [sys.executable, "-c", SCRIPT, tmp_path / "image.npy", checkpoint]
    n_done = []
    for n_lines in (3, 5):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            detecting = (line for line in process.stdout if line.startswith("detecting"))
            for _ in range(n_lines):
                line = next(detecting)
            process.kill()
        n_done.append(int(line.split()[1]))
    assert n_done[1] >= n_done[0] + 5
    assert checkpoint.exists()
    # What a kill in the middle of writing leaves behind.
    with checkpoint.open("ab") as file:
        file.write(b"half a record")
    told = []
    detector = LoGStarDetector(1, 3, 3, 0.05)
    image = np.load(tmp_path / "image.npy", mmap_mode="r")
    found = detect_tiled(detector, image, tile=64, checkpoint=checkpoint, progress=told.append)
    np.testing.assert_array_equal(found, detector.fit(image).detect(image))
    assert sum(one.stage == "detecting" for one in told) <= 30 - n_done[1]
    assert not checkpoint.exists()


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    image = scene((100, 100))

    def stop(state):
        if state.stage == "detecting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_tiled(
            LoGStarDetector(1, 3, 3), image, tile=64, checkpoint=tmp_path / "run", progress=stop
        )
    with pytest.raises(ValueError, match=r"is of another run: threshold was 0.05, is 0.1"):
        detect_tiled(LoGStarDetector(1, 3, 3, 0.1), image, tile=64, checkpoint=tmp_path / "run")


def test_what_cannot_be_is_refused():
    image = scene((100, 100))
    detector = LoGStarDetector(1, 3, 3)
    with pytest.raises(TypeError, match="detector must be a LoGStarDetector, got dict"):
        detect_tiled({}, image)
    with pytest.raises(TypeError, match="array must be an array with shape, dtype and slices"):
        detect_tiled(detector, image.tolist())
    with pytest.raises(ValueError, match=r"array must have 2 axes .* got shape \(1, 100, 100\)"):
        detect_tiled(detector, image[None])
    with pytest.raises(ValueError, match="tile must be at least 64, got 5"):
        detect_tiled(detector, image, tile=5)
    with pytest.raises(ValueError, match="the image is constant: every pixel is 3"):
        detect_tiled(detector, np.full((100, 100), 3.0), tile=64)
    with pytest.raises(ValueError, match="smaller than the reach of the largest kernel"):
        detect_tiled(detector, image[:10], tile=64)
    with pytest.raises(TypeError, match=r"client must be a dask\.distributed\.Client or None"):
        detect_tiled(detector, image, client="here")
    image[70, 80] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        detect_tiled(detector, image, tile=64)
    with pytest.warns(NoAtomsWarning, match="no response exceeds threshold=100"):
        detect_tiled(LoGStarDetector(1, 3, 3, 100.0), scene((100, 100)))
