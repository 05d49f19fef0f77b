"""A search over a whole workflow, ready for a crystal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from logstar._validation import check_real
from logstar.lattice import Lattice
from logstar.model_selection import MOBOSearchCV
from logstar.preprocessing import PatchPCADenoiser

from ._choice import N_NEIGHBORS
from ._space import BORDER, make_search

if TYPE_CHECKING:
    from joblib import Memory


def make_logstar_workflow(
    lattice: Lattice | None,
    shape: tuple[int, int],
    *,
    denoise: Literal["auto", "none"] | Sequence[Any] | None = "auto",
    n_expected: float | None = None,
    uncertainty: float = 0.0,
    distance_sum: float | None = None,
    sigma_range: tuple[float, float] | None = None,
    polarity: Literal["bright", "dark"] = "bright",
    unsupported: Literal["drop", "flag"] = "drop",
    n_iter: int | None = None,
    refit: Any = None,
    memory: str | Memory | None = None,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    callback: Callable[[Any], Any] | None = None,
) -> MOBOSearchCV:
    """Make a search over denoising and detection, to be fitted to an image of a known crystal.

    Whether and how to denoise, the ladder of sigmas, threshold and overlap are chosen together, by
    the number of atoms (QC) and their distances (ER). Threshold and overlap are swept exactly for
    every choice of the others, and detections that the raw image does not support are left out.

    Parameters
    ----------
    lattice : Lattice or None
        The crystal; None if `n_expected`, `distance_sum` and `sigma_range` are given.
    shape : tuple of two int
        Rows and columns of the images.
    denoise : "auto", None or sequence of transformers, default="auto"
        What to try as first step, "passthrough" for nothing; one of them is chosen. "auto" is
        `PatchPCADenoiser` by its defaults, which follow spacing and noise; None is no denoising.
        See Notes before giving several.
    n_expected : float, default=None
        Expected number of atoms; None asks the lattice, for the field less a frame of one pixel.
    uncertainty : float, default=0.0
        Share by which the expected number may be wrong; see `QualityCount`.
    distance_sum : float, default=None
        DS of ER in pixels; None asks the lattice.
    sigma_range : tuple of float, default=None
        Smallest and largest sigma in pixels; None asks the lattice.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    unsupported : {"drop", "flag"}, default="drop"
        As in `DetectionPipeline`.
    n_iter : int, default=None
        How many choices of denoising and ladder to try; None tries them all, ten ladders for each
        way to denoise.
    refit : str or callable, default=None
        As in `MOBOSearchCV`. None is "euclidean"; where the expected number is uncertain it is the
        rule of `AtomFinder`, which prefers a number of atoms that hangs on no threshold.
    memory : None, str or joblib.Memory, default=None
        Where to cache what transformers give, as in `Pipeline`. Worth it for slow ones.
    n_jobs : int, default=None
        Threads of the steps: None is one, -1 is all. The result does not depend on it.
    random_state : int or None, default=0
        Seed of the order in which choices are tried; of settings that are equally good the earlier
        one is taken. None gives another order each time.
    callback : callable, default=None
        As in `MOBOSearchCV`.

    Returns
    -------
    search : MOBOSearchCV
        Over a `DetectionPipeline` with the steps "denoise" and "detect". Once fitted, its
        `cv_results_` hold the time of each evaluation too.

    Raises
    ------
    TypeError, ValueError
        For a lattice that does not fit the shape, or numbers that are missing without one.

    Notes
    -----
    QC and ER cannot tell how well an image was denoised: at moderate noise the raw image, too, has
    a setting with the right number of atoms at good distances. Given the choice between nothing
    and `PatchPCADenoiser` on simulated YBa2Cu3O7 at noise 0.25, they took nothing in five cases of
    five, and F1 fell from 1.000 to 0.990; of several sizes of windows they favour those that fill
    vacancies, which the expected number does not know. So "auto" leaves that to the noise itself.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.metrics import detection_metrics
    >>> from logstar.tuning import make_logstar_workflow
    >>> lattice = Lattice.ybco(pixel_size=0.2)
    >>> scene = make_scene(lattice, (128, 128), noise=0.6, random_state=0)
    >>> search = make_logstar_workflow(lattice, scene.image.shape).fit(scene.image)
    >>> atoms = search.best_estimator_.detect(scene.image)
    >>> detection_metrics(atoms, scene.positions, shape=(128, 128), margin=4).f1 > 0.95
    True
    """
    if lattice is not None:
        if n_expected is None:
            # Columns at the edge show a flank only, so this expects 3 % too many at 256 px. That
            # does no harm, since a denoised image has hardly a maximum that is no atom (F1 1.000 on
            # perfect images); to expect too few makes the search give up weak atoms (0.997).
            n_rows, n_cols = shape
            field = max(1, n_rows - 2 * BORDER), max(1, n_cols - 2 * BORDER)
            n_expected = lattice.n_expected(field)
        distance_sum = (
            lattice.distance_sum_threshold(N_NEIGHBORS) if distance_sum is None else distance_sum
        )
        sigma_range = lattice.sigma_range if sigma_range is None else sigma_range
    if n_expected is None or distance_sum is None or sigma_range is None:
        raise ValueError(
            "without a lattice n_expected, distance_sum and sigma_range are needed, got "
            f"n_expected={n_expected!r}, distance_sum={distance_sum!r}, "
            f"sigma_range={sigma_range!r}."
        )
    low, high = (check_real(x, name="sigma_range", low=0, low_included=False) for x in sigma_range)
    if low >= high:
        raise ValueError(f"sigma_range must rise, got {sigma_range!r}.")
    return make_search(
        n_expected=n_expected,
        uncertainty=uncertainty,
        distance_sum=distance_sum,
        sigma_range=(low, high),
        polarity=polarity,
        denoisers=["passthrough"] if denoise is None else denoisers_of(denoise, n_jobs),
        unsupported=unsupported,
        memory=memory,
        n_iter=n_iter,
        refit=refit,
        n_jobs=n_jobs,
        random_state=random_state,
        callback=callback,
    )


def denoisers_of(denoise: Any, n_jobs: int | None) -> list[Any] | None:
    """Read what to try as first step of a pipeline; None searches the bare detector.

    Raises
    ------
    ValueError
        For a text that is not known, or an empty sequence.
    """
    if isinstance(denoise, str):
        if denoise not in {"auto", "none"}:
            raise ValueError(
                f"denoise must be 'auto', 'none' or a sequence of transformers, got {denoise!r}."
            )
        return None if denoise == "none" else [PatchPCADenoiser(n_jobs=n_jobs)]
    choices = list(denoise)
    if not choices:
        raise ValueError("denoise is an empty sequence; give 'passthrough' for nothing.")
    return choices
