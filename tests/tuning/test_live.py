"""Frames one after another: what is found at once, when it is tuned anew, and what is trusted.

Executors of the tests run a job at once, or when they are told to, so that nothing hangs on time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene, make_scene
from logstar.io import Micrograph
from logstar.metrics import detection_metrics
from logstar.tuning import LiveFinder
from logstar.units import PixelSize

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)
SHAPE = (128, 128)


class AtOnce(Executor):
    """Runs a job where it is submitted, and counts."""

    def __init__(self) -> None:
        self.n_jobs = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.n_jobs += 1
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


class Later(Executor):
    """Keeps jobs until they are run."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, lambda: function(*args, **kwargs)))
        return future

    def run(self) -> None:
        for future, job in self.jobs:
            future.set_result(job())
        self.jobs = []


def _scene(seed: int, **given: Any) -> Scene:
    """The same place in another frame's noise."""
    return make_scene(
        CRYSTAL,
        SHAPE,
        **{"origin": (3, 4), "sigma": 4.0, "noise": 0.02, "random_state": seed, **given},
    )


def _stepped(seed: int) -> Scene:
    """The same place in another focus, at a lower dose: a third too many atoms are found."""
    return _scene(seed, sigma=2.0, noise=0.3)


def _f1(atoms: Any, scene: Scene) -> float:
    return detection_metrics(atoms, scene.positions, shape=SHAPE, margin=2).f1


@pytest.fixture(scope="module")
def tuned() -> AtomFinder:
    return AtomFinder(CRYSTAL, refine=None).fit(_scene(0).image)


def test_quiet_frames_are_what_predict_finds_and_nothing_is_tuned(tuned: AtomFinder) -> None:
    executor = AtOnce()
    live = LiveFinder(tuned, executor=executor)
    for seed in range(1, 21):
        scene = _scene(seed)
        result = live.process(scene.image)
        assert np.array_equal(result.atoms.positions, tuned.predict(scene.image)[:, :2])
        assert result.trusted
        assert not result.reasons
        assert result.number == seed - 1
    assert executor.n_jobs <= 1
    assert live.n_retuned_ == 0
    assert live.finder_ is tuned


def test_the_first_frame_is_tuned_on(tuned: AtomFinder) -> None:
    live = LiveFinder(AtomFinder(CRYSTAL, refine=None), executor=AtOnce())
    result = live.process(_scene(0).image)
    assert np.array_equal(result.atoms.positions, tuned.atoms_.positions)
    assert result.rewards == pytest.approx({"qc": tuned.qc_, "er": tuned.er_})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_step_of_focus_and_dose_is_noticed_at_once_and_over_two_frames_later(
    tuned: AtomFinder, seed: int
) -> None:
    live = LiveFinder(tuned, executor=AtOnce())
    for quiet in range(3):
        assert live.process(_scene(20 + quiet).image).trusted
    results = [live.process(_stepped(10 * seed + i).image) for i in range(3)]
    assert not results[0].trusted
    assert "outside the band" in results[0].reasons[0]
    # The second frame confirms it, and finds what was tuned on the first.
    assert [result.retuned for result in results] == [False, True, False]
    assert results[2].trusted
    scene = _stepped(10 * seed + 2)
    own = AtomFinder(CRYSTAL, refine=None).fit(scene.image)
    assert _f1(results[2].atoms, scene) >= _f1(own.atoms_, scene) - 0.01


def test_a_step_of_dose_that_hides_the_weak_columns_is_over_two_frames_later() -> None:
    """The frame that is tuned anew on shows no holes where noise hides columns of copper."""
    crystal = Lattice.ybco(pixel_size=0.2)

    def frame(seed: int, noise: float) -> Scene:
        return make_scene(crystal, (256, 256), origin=(3, 4), noise=noise, random_state=seed)

    live = LiveFinder(AtomFinder(crystal, refine=None), executor=AtOnce())
    for seed in range(3):
        assert live.process(frame(seed, 0.02).image).trusted
    frames = [frame(10 + i, 0.3) for i in range(3)]
    results = [live.process(each.image) for each in frames]
    own = AtomFinder(crystal, refine=None).fit(frames[2].image)
    found, best = (
        detection_metrics(atoms, frames[2].positions, shape=(256, 256), margin=2).f1
        for atoms in (results[2].atoms, own.atoms_)
    )
    assert best > 0.98
    assert found >= best - 0.01


def test_detection_does_not_wait_for_tuning(tuned: AtomFinder) -> None:
    executor = Later()
    live = LiveFinder(tuned, executor=executor)
    results = [live.process(_stepped(i).image) for i in range(4)]
    assert not any(result.retuned or result.trusted for result in results)
    assert len(executor.jobs) == 1
    executor.run()
    result = live.process(_stepped(4).image)
    assert result.retuned
    assert result.trusted
    assert live.n_retuned_ == 1


def test_one_frame_that_is_off_changes_nothing(tuned: AtomFinder) -> None:
    executor = Later()
    live = LiveFinder(tuned, executor=executor)
    assert not live.process(_stepped(0).image).trusted
    for seed in range(1, 4):
        assert live.process(_scene(seed).image).trusted
    # What was tuned on the flash is thrown away when it is ready, also before the next step.
    executor.run()
    assert live.process(_scene(4).image).trusted
    assert live.n_retuned_ == 0
    first = live.process(_stepped(1).image)
    assert not first.retuned
    assert len(executor.jobs) == 1


def test_a_blank_frame_has_no_atoms_and_is_not_tuned_on(tuned: AtomFinder) -> None:
    executor = AtOnce()
    live = LiveFinder(tuned, executor=executor)
    for _ in range(3):
        result = live.process(np.zeros(SHAPE))
        assert len(result.atoms) == 0
        assert result.reasons == ("the frame is constant",)
        assert result.rewards["qc"] == -1.0
    assert executor.n_jobs == 0
    assert live.process(_scene(1).image).trusted


def test_a_magnification_that_was_not_told_is_not_trusted(tuned: AtomFinder) -> None:
    """A new lattice, and an end of tuning; back at the old one all is well again."""
    executor = AtOnce()
    live = LiveFinder(tuned, executor=executor)
    larger = Lattice.perovskite(4.0, pixel_size=0.15)

    def magnified(seed: int) -> Scene:
        return make_scene(larger, SHAPE, origin=(3, 4), noise=0.05, random_state=seed)

    results = [live.process(magnified(seed).image) for seed in range(12)]
    assert not any(result.trusted for result in results)
    reasons = "; ".join(results[-1].reasons)
    assert "by the frame's own lattice" in reasons
    assert "distances of atoms are 1.33 times" in reasons
    assert executor.n_jobs <= 2
    # The atoms are right all the same: only what they mean is not known.
    own = AtomFinder("auto", refine=None).fit(magnified(11).image)
    assert _f1(results[-1].atoms, magnified(11)) >= _f1(own.atoms_, magnified(11)) - 0.01
    back = [live.process(_scene(seed).image) for seed in range(8)]
    assert back[-1].trusted


def test_a_magnification_that_a_frame_tells_is_tuned_on() -> None:
    finder = AtomFinder(Lattice.perovskite(4.0, pixel_size=0.2), refine=None)
    finder.set_params(lattice=lambda size: Lattice.perovskite(4.0, pixel_size=size))
    live = LiveFinder(finder, executor=AtOnce())
    first = live.process(Micrograph(_scene(0).image, PixelSize(0.2)))
    larger = Lattice.perovskite(4.0, pixel_size=0.15)
    frames = [
        Micrograph(
            make_scene(larger, SHAPE, origin=(3, 4), noise=0.05, random_state=i).image,
            PixelSize(0.15),
        )
        for i in range(2)
    ]
    results = [live.process(frame) for frame in frames]
    assert first.trusted
    assert results[0].retuned
    assert all(result.trusted for result in results)
    assert results[0].atoms.pixel_size.to("A").value == pytest.approx(0.15, rel=0.01)


def test_frames_of_another_shape_are_tuned_on() -> None:
    live = LiveFinder(AtomFinder("auto", refine=None), executor=AtOnce())
    live.process(_scene(0).image)
    scene = make_scene(CRYSTAL, (160, 144), noise=0.05, random_state=1)
    result = live.process(scene.image)
    assert result.retuned
    assert result.trusted
    assert detection_metrics(result.atoms, scene.positions, shape=(160, 144), margin=2).f1 > 0.99


def test_frames_without_a_crystal_are_tried_ever_more_rarely(tuned: AtomFinder) -> None:
    executor = AtOnce()
    live = LiveFinder(tuned, executor=executor)
    rng = np.random.default_rng(0)
    results = [live.process(rng.normal(size=SHAPE)) for _ in range(60)]
    assert not any(result.trusted for result in results)
    assert 1 <= executor.n_jobs <= 6
    again = [live.process(_scene(seed).image) for seed in range(70)]
    assert again[-1].trusted


class Broken(AtOnce):
    """Whose jobs all end in an error."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        del function, args, kwargs
        return super().submit(lambda: 1 // 0)


def test_what_could_not_be_tuned_is_said_and_forgotten_when_frames_are_quiet(
    tuned: AtomFinder,
) -> None:
    live = LiveFinder(tuned, executor=Broken())
    results = [live.process(_stepped(i).image) for i in range(6)]
    assert not any(result.trusted for result in results)
    assert "it could not be tuned anew: integer division" in results[-1].reasons[-1]
    back = live.process(_scene(1).image)
    assert back.trusted
    assert not back.reasons
    assert live.finder_ is tuned


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
def test_a_process_that_was_killed_is_replaced(tuned: AtomFinder) -> None:
    with LiveFinder(tuned) as live:
        pool = live._retuner._own
        os.kill(pool.submit(os.getpid).result(timeout=60), signal.SIGKILL)
        results = []
        for i in range(8):
            results.append(live.process(_stepped(i).image))
            if live._retuner._job is not None:
                wait([live._retuner._job], timeout=60)
        assert live.n_retuned_ == 1
        assert results[-1].trusted


def test_fields_of_windows_are_of_frames_of_one_shape() -> None:
    live = LiveFinder(AtomFinder("auto", refine=None, window=64), executor=AtOnce())
    live.process(_scene(0).image)
    assert live.process(_scene(1).image).trusted
    scene = make_scene(CRYSTAL, (160, 144), noise=0.05, random_state=1)
    result = live.process(scene.image)
    assert result.retuned
    assert live.finder_.windows_.threshold.shape == (4, 4)


def test_never_tunes_where_it_must_not(tuned: AtomFinder) -> None:
    live = LiveFinder(tuned, retune="never")
    assert not any(live.process(_stepped(i).image).trusted for i in range(4))
    assert live.n_retuned_ == 0


def test_refines_where_time_allows() -> None:
    """By a clock that ticks with each look at it: refinement at the beginning takes one tick."""
    ticks = iter(range(10**6))
    finder = AtomFinder(CRYSTAL, refine="window").fit(_scene(0).image)
    scene = _scene(1)
    ample, scarce = (
        LiveFinder(finder, latency, "never", clock=lambda: float(next(ticks)))
        for latency in (5.0, 2.0)
    )
    refined, coarse = ample.process(scene.image), scarce.process(scene.image)
    assert refined.refined
    assert not coarse.refined
    assert "row_error" in refined.atoms.columns
    assert np.allclose(refined.atoms.positions, finder.predict(scene.image)[:, :2])
    assert refined.seconds == 2.0


def test_single_atoms_are_watched_by_noise() -> None:
    rng = np.random.default_rng(0)

    def frame(n_atoms: int) -> NDArray[np.float64]:
        image = rng.normal(size=(96, 96))
        row, col = np.indices(image.shape)
        for r, c in rng.uniform(10, 86, (n_atoms, 2)):
            image += 15 * np.exp(-((row - r) ** 2 + (col - c) ** 2) / 8)
        return image

    live = LiveFinder(AtomFinder(None, atom_size=2.0, refine=None), executor=AtOnce())
    results = [live.process(frame(6)) for _ in range(4)]
    assert set(results[0].rewards) == {"qc", "er", "significance"}
    assert np.isnan(results[0].rewards["qc"])
    assert all(result.trusted for result in results)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"latency": 0}, ValueError, "latency"),
        ({"retune": "always"}, ValueError, "retune='always' must be one of"),
        ({"finder": CRYSTAL}, TypeError, "finder must be an AtomFinder"),
    ],
)
def test_refuses(tuned: AtomFinder, given: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        LiveFinder(**{"finder": tuned, **given})


def test_refuses_what_is_no_image(tuned: AtomFinder) -> None:
    live = LiveFinder(tuned, executor=AtOnce())
    with pytest.raises(ValueError, match="NaN"):
        live.process(np.full(SHAPE, np.nan))
    assert live.n_frames_ == 0
