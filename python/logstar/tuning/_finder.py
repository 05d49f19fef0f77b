"""The main job as an estimator: from an image and a crystal to atoms."""

from __future__ import annotations

import copy
import os
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, Image, OneImage, Stack, as_image, as_image_list
from logstar.exceptions import NoAtomsWarning, NotOneLatticeError
from logstar.io import AtomTable, Micrograph
from logstar.lattice import Lattice
from logstar.model_selection import MOBOSearchCV
from logstar.rewards import QualityReport
from logstar.units import PixelSize

from ._choice import CountCurve, Plateau
from ._evidence import Evidence
from ._expectation import Expectation
from ._field import looking_within
from ._finder_parameters import check_parameters, has_numbers
from ._found import finished
from ._learning import learn
from ._overlap import overlapping_lattice
from ._searching import front_of, search_for
from ._settling import settle
from ._single_atoms import is_worth_telling
from ._source import MakesLattice, Visible, as_field, as_micrograph
from ._verdict import Verdict
from ._window_maps import WindowMaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from logstar.lattice import LatticeIndexer
    from logstar.refinement import Refinement

    from ._report import Report
    from ._second_opinion import SecondOpinion


class AtomFinder(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Find the atoms of a micrograph: learn its lattice, tune a detector, and judge the result.

    What physics expects of the image (how many atoms, how far apart, how large) follows from the
    crystal, corrected by the lattice that the image shows; from that lattice alone; or from
    numbers. A search then tunes a `LoGStarDetector`, or a whole `DetectionPipeline`, until number
    (QC) and distances (ER) of the atoms agree with it, and a verdict says whether to believe them.
    The command ``logstar detect`` is this class.

    Parameters
    ----------
    lattice : "auto", Lattice, ImageLattice, callable or None, default="auto"
        The crystal. "auto" takes the lattice that the image shows, or those of its grains; if it
        shows none, but single atoms stand out of noise, these, to be checked. A callable is given
        the pixel size in angstrom and makes a `Lattice` of it: `Lattice.ybco`, or
        ``functools.partial(Lattice.from_cif, "SrTiO3.cif", "110")``. An `ImageLattice`, such as
        that of an earlier frame of a series, is taken for the image's own. None is for single
        atoms, and compares with noise alone: it finds what stands out of that at one false atom per
        million pixels, or the `expected` number of the strongest; see `SignificanceDetector`. Given
        `expected` and `distance_sum`, a detector is tuned to these, and kept unless noise explains
        more of it.
    pixel_size : PixelSize, str, float or None, default=None
        Side of a pixel, such as "0.2 A" or "0.02 nm"; a number is in angstrom. None takes that of
        a `Lattice`, else that of the image.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings (HAADF) or darker (ABF).
    denoise : {"none", "auto"} or sequence of transformers, default="none"
        "auto" finds atoms in the image denoised by `PatchPCADenoiser`, and tests each in the raw
        one: for noise that the eye hardly sees through. Where number and distances of the atoms
        say that the denoised image is wrong, the raw one is tried as well. A sequence is what to
        choose from; see `make_logstar_workflow`.
    expected : float, default=None
        Number of atoms, right within 3 %. None takes it from the lattice.
    distance_sum : float, default=None
        DS of ER in pixels: the least sum of an atom's distances to its four nearest neighbours,
        0.85 of the crystal's. None takes it from the lattice.
    atom_size : float, str or PixelSize, default=None
        Sigma of atoms: a number in pixels, or a length such as "0.5 A". None takes it from the
        distances of the lattice, or of `distance_sum`; without these, from the image.
    visible : float, str, iterable of str or None, default=None
        Which columns of the crystal show: those with at least this share of the strongest one's
        intensity, or those of the elements or kinds that are named. None shows all columns of a
        `Lattice`; of a CIF it shows the columns that HAADF shows, and all where atoms are dark.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look. None is everywhere.
    grain : int, default=None
        The grain to look at, by its label in `find_grains`: 1 is the largest. Its lattice alone
        tells what to expect, and atoms of other grains are not found. None takes all grains.
    n_iter : int, default=None
        Ladders of sigmas to try, each with all thresholds and overlaps; None tries all there are.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.
    random_state : int or None, default=0
        Seed of the order in which ladders are tried.
    calibration : {"correct", "keep"}, default="correct"
        Whether lengths follow from the pixel size as corrected by the image's lattice, or from the
        one that was given.
    refine : {"joint", "window"} or None, default="joint"
        Whether positions are refined to a fraction of a pixel, with their errors: all peaks fitted
        together, or each in a window of its own; see `GaussianRefiner`. None leaves them at whole
        pixels.
    oracle : object, default=None
        Gives a second opinion, such as `OnnxOracle`: has `predict`, and is fitted to the image
        first if it can be. It changes no atom.
    window : int, "auto" or None, default=None
        Side in pixels of windows that each say over which thresholds their own number of atoms is
        right; the threshold is then a smooth field. "auto" is windows of about 40 atoms. None is
        one threshold for the image. Single atoms, and columns that overlap, have no field.
    window_ladders : bool, default=False
        Whether each window has a ladder of sigmas and a threshold of its own, as Barakati et al.
        describe, in place of the field: in the pixels that are nearest to its centre. All are
        pruned together, so that no atom is found twice where windows meet. It needs a `window`,
        and does not find more than the field.
    force : bool, default=False
        Whether to go on with a crystal that the image contradicts.
    callback : callable or list of callables, default=None
        Called after each evaluation of the search with a `SearchProgress`.

    Attributes
    ----------
    atoms_ : AtomTable
        The atoms: "row", "col" and "sigma" in pixels, "response" (of single atoms, by that of
        noise), "support" if the image was denoised, "significance", minus the decimal logarithm of
        how many maxima as strong noise alone would show in the image, "flagged", the atoms
        that are too close to their neighbours, and where there is a lattice "contaminated", those
        under contamination. If they are refined also "row_error", "col_error",
        "sigma_error", "amplitude", "amplitude_error", "intensity" (the integral of the peak),
        "intensity_error" and "status", which says whose fit failed: such atoms stand where they
        were found, with NaN for errors. The strongest first.
    refinement_ : Refinement or None
        What the fit of the peaks found, if positions are refined.
    verdict_ : Verdict
        Whether to believe them: `status` ("ok", "check" or "failed") and `reasons`.
    expectation_ : Expectation
        What physics expects.
    lattice_ : Lattice, ImageLattice or None
        By which the atoms are judged: the image's own where it has the crystal's columns.
    qc_, er_ : float
        QC with its sign, and ER.
    plateau_ : Plateau
        Over which thresholds the number of atoms is the same.
    count_curve_ : CountCurve
        Number of atoms against the threshold.
    field_ : ndarray of shape (n_rows, n_cols), bool, or None
        Where atoms were looked for: half the nearest distance beyond the outermost columns, and not
        in holes; a part of the mask. None is everywhere.
    contamination_ : ndarray of shape (n_rows, n_cols), bool, or None
        Where the image is brighter than its crystal makes it (darker, if atoms are dark). None is
        nowhere, also without a lattice.
    evidence_ : Evidence
        How far the atoms stand out.
    second_opinion_ : SecondOpinion or None
        Where the oracle agrees; "seen_by_oracle" in the table says which atoms it sees.
    windows_ : WindowMaps or None
        What the windows say, if there are any: threshold, QC, ER, significance and a verdict, as
        maps. ``params_["threshold"]`` is then the median over windows.
    quality_ : QualityReport or None
        What the diagnostics say; None without a lattice.
    search_ : MOBOSearchCV
        The search.
    front_ : ndarray of shape (n_front,), int
        Rows of ``search_.cv_results_`` that were chosen from, the least ``|QC|`` first; `at` takes
        an index into it.
    index_ : int
        Index into `front_` of the chosen row.
    detector_ : LoGStarDetector or DetectionPipeline
        Fitted with the chosen parameters.
    params_ : dict
        The chosen parameters under the detector's own names.
    pixel_size_ : PixelSize or None
        The pixel size by which lengths are given.
    file_pixel_size_ : PixelSize or None
        The image's own pixel size; of a file, the one that `find_atoms` was given in its place.
    calibration_ : str or None
        What the image's lattice says of the pixel size.
    image_ : ndarray of shape (n_rows, n_cols)
        The image as analysed.
    source_ : str or None
        Its file.
    seconds_ : dict of str to float
        How long each part took.

    See Also
    --------
    find_atoms : Reads a file and fits.
    make_logstar_workflow : The search alone, over many choices of preprocessing.

    Examples
    --------
    >>> from logstar import AtomFinder, Lattice
    >>> from logstar.datasets import make_scene
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(128, 128), rotation=11, noise=0.05, random_state=0)
    >>> finder = AtomFinder(crystal).fit(scene.image)
    >>> finder.verdict_
    Verdict(status='ok', reasons=(), remarks=())
    >>> len(finder.atoms_)
    74
    >>> print(finder.expectation_.count)
    74.0 +- 3.5
    """

    # Fitted.
    image_: Image
    source_: str | None
    file_pixel_size_: PixelSize | None
    expectation_: Expectation
    calibration_: str | None
    lattice_: Lattice | None
    field_: NDArray[np.bool_] | None
    pixel_size_: PixelSize | None
    search_: MOBOSearchCV
    front_: NDArray[np.intp]
    index_: int
    detector_: Any
    params_: dict[str, Any]
    plateau_: Plateau
    qc_: float
    er_: float
    atoms_: AtomTable
    contamination_: NDArray[np.bool_] | None
    windows_: WindowMaps | None
    count_curve_: CountCurve
    evidence_: Evidence
    refinement_: Refinement | None
    quality_: QualityReport | None
    second_opinion_: SecondOpinion | None
    verdict_: Verdict
    seconds_: dict[str, float]

    def __init__(
        self,
        lattice: Lattice | MakesLattice | Literal["auto"] | None = "auto",
        *,
        pixel_size: PixelSize | str | float | None = None,
        polarity: Literal["bright", "dark"] = "bright",
        denoise: Literal["none", "auto"] | Sequence[Any] = "none",
        expected: float | None = None,
        distance_sum: float | None = None,
        atom_size: float | str | PixelSize | None = None,
        visible: Visible = None,
        mask: ArrayLike | None = None,
        grain: int | None = None,
        n_iter: int | None = None,
        n_jobs: int | None = None,
        random_state: int | None = 0,
        calibration: Literal["correct", "keep"] = "correct",
        refine: Literal["joint", "window"] | None = "joint",
        oracle: Any = None,
        window: int | Literal["auto"] | None = None,
        window_ladders: bool = False,
        force: bool = False,
        callback: Any = None,
    ) -> None:
        self.lattice = lattice
        self.pixel_size = pixel_size
        self.polarity = polarity
        self.denoise = denoise
        self.expected = expected
        self.distance_sum = distance_sum
        self.atom_size = atom_size
        self.visible = visible
        self.mask = mask
        self.grain = grain
        self.n_iter = n_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.calibration = calibration
        self.refine = refine
        self.oracle = oracle
        self.window = window
        self.window_ladders = window_ladders
        self.force = force
        self.callback = callback

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn what to expect of an image, tune on it, and find its atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols), Micrograph, HyperSpy signal or xarray DataArray
            One image; the latter three bring their calibration.
        y : object, default=None
            Ignored: nothing is learnt from positions.

        Returns
        -------
        self : AtomFinder
            Fitted.

        Raises
        ------
        CalibrationError
            If the image's lattice and the crystal differ by more than the calibration of a file
            can be wrong; see `force`.
        KeyboardInterrupt
            If it is interrupted before anything was evaluated; later, what was evaluated is kept,
            and `verdict_` says so.
        NotOneLatticeError
            If there is no crystal, and the image shows no lattice, or several but no grains.
        TypeError, ValueError
            For a path, a stack, an image that cannot hold atoms, a grain that there is not, and
            parameters that cannot be.

        Warns
        -----
        NoAtomsWarning
            If no atom is found; `verdict_` says "failed".
        """
        return self._fit(as_micrograph(X))

    def _fit(self, micrograph: Micrograph, dataset: int | None = None) -> Self:
        """Fit to one image, of whose file it may be the number `dataset`."""
        check_parameters(self)
        pixels = as_image(micrograph.image, name="X")
        if pixels.min() == pixels.max():
            raise ValueError(f"the image is constant: every pixel is {pixels.flat[0]:g}.")
        self.image_ = pixels
        self._dataset = dataset
        self._origin = micrograph.origin
        self.source_ = None if micrograph.path is None else str(micrograph.path)
        self.file_pixel_size_ = micrograph.pixel_size
        self.seconds_ = {}
        start = time.perf_counter()
        self._is_alone = self.lattice is None
        refusal: NotOneLatticeError | None = None
        try:
            learnt = learn(self, pixels, micrograph.pixel_size, alone=self._is_alone)
        except NotOneLatticeError as error:
            # The strongest of several lattices, or what may be one by chance, is no lack of any.
            if error.lattice is not None or self.grain is not None or has_numbers(self):
                raise
            refusal = error
            self._is_alone = True
            learnt = learn(self, pixels, micrograph.pixel_size, alone=True)
        self.expectation_ = learnt.expectation
        self.calibration_ = learnt.expectation.calibration
        self.lattice_, self.field_ = learnt.lattice, learnt.field
        self.pixel_size_ = learnt.pixel_size
        learning_ended = time.perf_counter()
        self.search_ = search_for(self, pixels, learnt, alone=self._is_alone)
        if refusal is not None and not is_worth_telling(pixels, self.search_.best_estimator_):
            raise refusal
        self.front_ = front_of(self.search_)
        searching_ended = time.perf_counter()
        self.seconds_ |= {
            "lattice": learning_ended - start,
            "tune": searching_ended - learning_ended,
        }
        self._settle(self.search_.best_index_)
        return self

    def _settle(self, row: int) -> None:
        """Take the setting of a row of the search."""
        settle(self, row, dataset=self._dataset, origin=self._origin, alone=self._is_alone)
        if len(self.atoms_) == 0:
            warnings.warn(self.verdict_.reasons[0], NoAtomsWarning, stacklevel=3)

    @overload
    def predict(self, X: OneImage | Micrograph) -> FloatArray: ...

    @overload
    def predict(self, X: Stack) -> list[FloatArray]: ...

    @overload
    def predict(self, X: Any) -> FloatArray | list[FloatArray]: ...

    def predict(self, X: Any) -> FloatArray | list[FloatArray]:
        """Find the atoms of another image with the tuned settings, where it shows crystal.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            One image or a stack.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3), or list of arrays for a stack
            Row, column and sigma in pixels, the strongest response first.

        Raises
        ------
        TypeError, ValueError
            For what is no image.

        Warns
        -----
        NoAtomsWarning
            If an image has no atom.
        """
        check_is_fitted(self, "detector_")
        image = X.image if isinstance(X, Micrograph) else X
        images, is_stack = as_image_list(image)
        if self.expectation_.field is None:
            predicted = self.detector_.predict(images)
        else:
            predicted = [self._detector_for(one).predict([one])[0] for one in images]
        found: list[FloatArray] = predicted
        if self.refine is not None or overlapping_lattice(self.expectation_) is not None:
            found = [finished(self, *one) for one in zip(images, found, strict=True)]
        return found if is_stack else found[0]

    def _detector_for(self, image: Image) -> Any:
        """The tuned detector, looking where an image shows crystal."""
        expected = self.expectation_
        if np.array_equal(image, self.image_):
            return self.detector_
        field = expected.field_of(image, self.polarity, as_field(self.mask, image.shape))
        return looking_within(self.detector_, field)

    def fit_predict(self, X: Any, y: object = None) -> FloatArray:
        """Fit to an image and give its atoms.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols), Micrograph, HyperSpy signal or xarray DataArray
            One image.
        y : object, default=None
            Ignored.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 3)
            Row, column and sigma in pixels, the strongest response first; `atoms_` holds more.
        """
        table = self.fit(X, y).atoms_
        return np.column_stack([table["row"], table["col"], table["sigma"]])

    def at(self, i: int) -> Self:
        """Choose another setting of the front.

        Parameters
        ----------
        i : int
            Index into `front_`; the row of pareto.csv, from 0.

        Returns
        -------
        finder : AtomFinder
            A fitted finder with that setting, which shares this one's search.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        check_is_fitted(self, "front_")
        if not -len(self.front_) <= i < len(self.front_):
            raise IndexError(f"i={i} is no row of the front, which has {len(self.front_)}.")
        other = copy.copy(self)
        other.seconds_ = dict(self.seconds_)
        other._settle(int(self.front_[i]))  # noqa: SLF001 - of this class
        return other

    def index(self) -> LatticeIndexer:
        """Tell which site of the lattice each atom is, and which sites have none.

        Returns
        -------
        indexer : LatticeIndexer
            Fitted to `atoms_`, in their order: `logstar.fields` takes it together with these, or
            with `refinement_`.

        Raises
        ------
        ValueError
            If the atoms were found without a lattice, or are of several phases.

        Warns
        -----
        AmbiguousMotifWarning
            If nothing tells which kind is which.

        Examples
        --------
        >>> from logstar import Lattice, find_atoms
        >>> from logstar.datasets import make_scene
        >>> from logstar.fields import strain
        >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
        >>> scene = make_scene(crystal, shape=(128, 128), noise=0.05, random_state=0)
        >>> finder = find_atoms(scene.image, lattice=crystal)
        >>> strain(finder.index(), finder.refinement_)
        StrainField(infinitesimal, axes='image': 72 of 72 defined)
        """
        from ._indexing import index_atoms  # noqa: PLC0415 - fitting needs none of it

        check_is_fitted(self, "verdict_")
        return index_atoms(self)

    def report(self, *, source: str | None = None, crystal: str | None = None) -> Report:
        """Say everything that was found out.

        Parameters
        ----------
        source, crystal : str, default=None
            Names of the image and the crystal. None takes the file's name, and the kinds of the
            crystal's columns.

        Returns
        -------
        report : Report
            As text by `str`, as pairs of name and text in `rows`, and for machines by `as_dict`.
        """
        from ._report import Report  # noqa: PLC0415 - fitting needs none of it

        check_is_fitted(self, "verdict_")
        return Report.of(self, *self._names(source, crystal))

    def plot(self, *, source: str | None = None, crystal: str | None = None) -> Figure:
        """Draw the atoms over the image, and what decided.

        Parameters
        ----------
        source, crystal : str, default=None
            As in `report`.

        Returns
        -------
        figure : matplotlib Figure
            Of pyplot.
        """
        # Only drawing pays for matplotlib.
        from logstar.inspection import AtomFinderDisplay  # noqa: PLC0415

        check_is_fitted(self, "verdict_")
        source, crystal = self._names(source, crystal)
        display = AtomFinderDisplay.from_estimator(self, source=source, crystal=crystal)
        # The display made a whole figure, since it was given no part of one.
        return cast("Figure", display.figure_)

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        formats: Iterable[str] = ("csv",),
        plots: bool = True,
        source: str | None = None,
        crystal: str | None = None,
    ) -> dict[str, Path]:
        """Write atoms, front and pictures into a folder.

        Parameters
        ----------
        folder : path-like
            Made if there is none; files of the same names in it are overwritten.
        formats : iterable of str, default=("csv",)
            Formats of the atoms: csv, json, parquet, hdf5, xyz; see `AtomTable.save`.
        plots : bool, default=True
            Whether to draw; False imports no matplotlib. The picture of places that are to be
            doubted is drawn only if there are any.
        source, crystal : str, default=None
            As in `report`, for the pictures.

        Returns
        -------
        files : dict of str to Path
            What was written: "positions", "pareto_front", and so on.
        """
        from ._writing import write_finder  # noqa: PLC0415 - fitting needs none of it

        check_is_fitted(self, "verdict_")
        start = time.perf_counter()
        source, crystal = self._names(source, crystal)
        files = write_finder(
            self, Path(folder), tuple(formats), plots=plots, source=source, crystal=crystal
        )
        self.seconds_["write"] = time.perf_counter() - start
        return files

    def _repr_html_(self) -> str:
        if not hasattr(self, "verdict_"):
            return str(super()._repr_html_())
        return self.report().as_html()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        # What notebooks ask before `_repr_html_`, which scikit-learn answers by its diagram.
        bundle = dict(super()._repr_mimebundle_(**options))
        if hasattr(self, "verdict_"):
            bundle["text/html"] = self._repr_html_()
        return bundle

    def _names(self, source: str | None, crystal: str | None) -> tuple[str, str]:
        """What to call the image and the crystal."""
        if source is None:
            source = "" if self.source_ is None else self.source_
        if crystal is None:
            if self._is_alone:
                crystal = ""
            elif self.expectation_.comparison is None and self.expectation_.image_lattice:
                crystal = "the image's own lattice"
            else:
                known = self.lattice if isinstance(self.lattice, Lattice) else self.lattice_
                kinds = () if known is None else known.kinds
                crystal = f"columns {' '.join(kinds)}"
        return source, crystal
