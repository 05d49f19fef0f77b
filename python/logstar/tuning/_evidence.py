"""Whether detections stand out: against the other candidates, and against the other polarity.

Both tests need no lattice and no expected number. Measured on 40 images of noise (white, smooth and
Poisson's, with any number expected), on simulated perovskites and YBa2Cu3O7 at noise 0 to 2, and on
eleven real micrographs, each with the right and with the wrong polarity.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from logstar._validation import FloatArray, Image
from logstar.detection import LoGStarDetector, ScaleSpaceCandidates
from logstar.exceptions import NoAtomsWarning

#: Threshold at which all maxima are candidates. Kernels are cut off and do not sum to 0: the core
#: of a saturated patch responds by up to 0.0014, alike at all of its pixels, each a maximum then.
LEAST_RESPONSE = 2e-3
#: Least number of maxima of the other polarity, for each atom, with which atoms are compared.
_AS_MANY = 0.8
#: Bounds on the ratio of median responses, the other polarity's over the atoms'. Above the first,
#: atoms stand out no better than noise; above the second, the polarity is taken for wrong. In noise
#: the ratio is 0.86 to 1.08; with the right polarity it is at most 0.82 wherever F1 is above 0.87,
#: with the wrong one at least 1.24.
_AS_STRONG, _STRONGER = 0.85, 1.15
#: Candidates that are no atoms tell how noise responds if there are at least `_MANY` for each atom.
#: Atoms are clear of noise if their median response is at least `_CLEAR` times the root mean square
#: of the responses of these candidates: in noise alone it is 1.8 to 3.3 times that, and more than
#: 3.5 times wherever F1 is above 0.95.
_MANY, _CLEAR = 0.1, 3.5


class Evidence(NamedTuple):
    """How far detections stand out.

    Parameters
    ----------
    other_polarity : float
        Median response of the strongest maxima of the other polarity, as many as there are atoms,
        by the median response of the atoms; 0 where there are fewer.
    clearance : float
        Median response of the atoms by the root mean square of that of the other candidates;
        infinite where there are hardly any.

    Examples
    --------
    >>> from logstar.tuning import Evidence
    >>> Evidence(other_polarity=0.6, clearance=20.0).concerns("bright")
    []
    >>> Evidence(other_polarity=1.9, clearance=20.0).concerns("bright")
    ['dark maxima are as many and 1.9 times as strong: are atoms dark?']
    """

    other_polarity: float
    clearance: float

    def concerns(self, polarity: str, *, is_significant: bool = False) -> list[str]:
        """Say in words what gives reason to doubt.

        Parameters
        ----------
        polarity : {"bright", "dark"}
            What the atoms are taken to be.
        is_significant : bool, default=False
            Whether each atom was compared with noise already, which is the sharper test.

        Returns
        -------
        words : list of str
            Empty where there is nothing to doubt.
        """
        words = []
        if self.other_polarity > _STRONGER:
            other = "dark" if polarity == "bright" else "bright"
            words.append(
                f"{other} maxima are as many and {self.other_polarity:.1f} times as strong: are "
                f"atoms {other}?"
            )
        elif not is_significant and (self.other_polarity > _AS_STRONG or self.clearance < _CLEAR):
            words.append("the atoms stand out no better than maxima of noise do")
        return words


def weigh(
    detector: Any,
    image: Image,
    candidates: ScaleSpaceCandidates,
    *,
    responses: FloatArray,
    overlap: float,
) -> Evidence:
    """Compare detections with what else there is.

    Parameters
    ----------
    detector : LoGStarDetector or DetectionPipeline
        Fitted to the image.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    candidates : ScaleSpaceCandidates
        Its candidates by that detector, from `LEAST_RESPONSE` on.
    responses : ndarray of shape (n_atoms,)
        Those of the atoms.
    overlap : float
        The detector's.

    Returns
    -------
    evidence : Evidence
    """
    n_atoms = len(responses)
    if n_atoms == 0:
        return Evidence(0.0, np.inf)
    typical = float(np.median(responses))
    # The strongest first, so those beyond the atoms are what the threshold leaves out.
    others = candidates.detections(LEAST_RESPONSE, overlap)[n_atoms:, 3]
    clearance = np.inf
    if len(others) >= _MANY * n_atoms:
        clearance = typical / float(np.sqrt(np.mean(others**2)))
    opposite = _responses_of_the_other_polarity(detector, image, overlap)
    if len(opposite) < _AS_MANY * n_atoms:
        return Evidence(0.0, clearance)
    return Evidence(float(np.median(opposite[:n_atoms])) / typical, clearance)


def _responses_of_the_other_polarity(
    detector: Any, image: Image, overlap: float
) -> NDArray[np.float64]:
    """Responses of the other polarity's maxima on the same ladder, the strongest first."""
    steps = getattr(detector, "steps", None)
    if steps is not None:
        for _, step in steps[:-1]:
            image = image if step == "passthrough" else step.transform(image)
        detector = steps[-1][1]
    polarity = "dark" if detector.polarity == "bright" else "bright"
    other = clone(detector).set_params(polarity=polarity)
    if isinstance(other, LoGStarDetector):
        # Asked at one setting, it need not know which candidates are in each other's way.
        other.set_params(threshold=LEAST_RESPONSE, overlap=overlap)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoAtomsWarning)
            found = other.fit(image).detect(image)
    else:
        found = other.find_candidates(image, LEAST_RESPONSE).detections(LEAST_RESPONSE, overlap)
    responses: NDArray[np.float64] = found[:, 3]
    return responses
