"""What another finder of atoms, such as a trained network, sees in the same image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from sklearn.base import clone

from logstar._validation import FloatArray, Image, as_positions
from logstar.metrics import match_positions

#: Two positions are of one atom within this share of the distance of nearest neighbours.
_SAME_ATOM = 0.25
#: Nearer to the edge of the field than this share of it the two need not agree: whether an atom
#: that is cut by the edge counts is a matter of convention.
_EDGE = 0.5
#: Below this share of agreement the atoms are to be checked.
_AGREEMENT = 0.97


@dataclass(frozen=True, eq=False)
class SecondOpinion:
    """Where an oracle agrees with the atoms that were found.

    Parameters
    ----------
    seen : ndarray of shape (n_atoms,), bool
        Which of the atoms the oracle sees as well.
    missed : ndarray of shape (n_missed, 2)
        Row and column in pixels of what only the oracle sees.
    judged : ndarray of shape (n_atoms,), bool
        Which of the atoms are so far from the edge of the field that both have to agree.
    missed_judged : ndarray of shape (n_missed,), bool
        Which of `missed` are.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.detection import LoGStarDetector
    >>> from logstar.lattice import Lattice
    >>> from logstar.tuning import AtomFinder
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(128, 128), noise=0.05, random_state=0)
    >>> other = LoGStarDetector(*crystal.sigma_range, threshold=0.1)
    >>> AtomFinder(crystal, oracle=other).fit(scene.image).second_opinion_.share
    1.0
    """

    seen: NDArray[np.bool_]
    missed: FloatArray
    judged: NDArray[np.bool_]
    missed_judged: NDArray[np.bool_]

    @classmethod
    def of(
        cls, oracle: Any, image: Image, atoms: FloatArray, field: NDArray[np.bool_] | None = None
    ) -> Self:
        """Ask an oracle.

        Parameters
        ----------
        oracle : object
            Has `predict`, which gives positions; if it has `fit` as well, a clone is fitted to the
            image first.
        image : ndarray of shape (n_rows, n_cols)
            The image.
        atoms : ndarray of shape (n_atoms, >=2)
            What was found in it: row and column in pixels.
        field : ndarray of shape (n_rows, n_cols), bool, default=None
            Where atoms can be; None is everywhere.

        Returns
        -------
        opinion : SecondOpinion
            By positions within a quarter of the median distance of nearest neighbours.

        Raises
        ------
        TypeError, ValueError
            If the oracle gives no positions.
        """
        asked = clone(oracle).fit(image) if hasattr(oracle, "fit") else oracle
        with warnings.catch_warnings():
            # That there are none is an opinion as well.
            warnings.simplefilter("ignore")
            answer = as_positions(asked.predict(image), name="what the oracle predicts")[:, :2]
        points = atoms[:, :2]
        spacing = _spacing(points if len(points) > 1 else answer)
        if field is not None:
            row, col = np.rint(answer).astype(int).clip(0, np.array(image.shape) - 1).T
            answer = answer[field[row, col]]
        seen = np.zeros(len(points), dtype=np.bool_)
        only = np.ones(len(answer), dtype=np.bool_)
        if len(points) and len(answer):
            match = match_positions(points, answer, tolerance=_SAME_ATOM * spacing)
            seen[match.found_indices] = True
            only[match.true_indices] = False
        missed = answer[only]
        margin = _EDGE * spacing
        return cls(
            seen=seen,
            missed=missed,
            judged=_far_from_edge(points, image.shape, field, margin),
            missed_judged=_far_from_edge(missed, image.shape, field, margin),
        )

    @property
    def share(self) -> float:  # numpydoc ignore=RT01
        """Of all atoms that one of the two sees away from the edge, those that both see; or NaN."""
        both = int((self.seen & self.judged).sum())
        either = int(self.judged.sum() + self.missed_judged.sum())
        return both / either if either else float("nan")

    def disagreements(self, positions: FloatArray) -> dict[str, FloatArray]:
        """Where the two differ away from the edge.

        Parameters
        ----------
        positions : ndarray of shape (n_atoms, 2)
            Row and column in pixels of the atoms that the oracle was asked about.

        Returns
        -------
        disagreements : dict
            "unseen": those that the oracle does not see; "missed": what only the oracle sees; row
            and column in pixels.
        """
        return {
            "unseen": positions[~self.seen & self.judged],
            "missed": self.missed[self.missed_judged],
        }

    @property
    def concerns(self) -> list[str]:  # numpydoc ignore=RT01
        """What speaks against the atoms, in words."""
        if not self.share < _AGREEMENT:
            return []
        alone = int((~self.seen & self.judged).sum())
        unlike = f"it does not see {alone}, and sees {int(self.missed_judged.sum())} others"
        return [f"the oracle agrees on {self.share:.1%} of the atoms: {unlike}"]


def _spacing(points: FloatArray) -> float:
    """Median distance of nearest neighbours in pixels; 1 where there are no two."""
    if len(points) < 2:
        return 1.0
    distances, _ = cKDTree(points).query(points, k=[2])
    return float(np.median(distances)) or 1.0


def _far_from_edge(
    points: FloatArray, shape: tuple[int, ...], field: NDArray[np.bool_] | None, margin: float
) -> NDArray[np.bool_]:
    inside = (points >= margin) & (points <= np.array(shape) - 1 - margin)
    result = np.asarray(inside.all(axis=1))
    if field is not None and not field.all():
        row, col = np.rint(points).astype(int).clip(0, np.array(shape) - 1).T
        result &= ndimage.distance_transform_edt(field)[row, col] >= margin
    return result
