"""Whether the atoms found can be believed, said once for summary, files and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from logstar.detection import SignificanceDetector
from logstar.rewards._quality import concerns_of_rewards

from ._grains import quality_of_grains
from ._overlap import overlapping_lattice
from ._single_atoms import FALSE_ALARMS, count_hidden
from ._space import count_ladders

if TYPE_CHECKING:
    from ._expectation import Expectation
    from ._finder import AtomFinder

#: Greatest relative correction of a pixel size that is no reason to doubt it: those of real files
#: are off by 2 to 8 %.
_LARGEST_CORRECTION = 0.08
#: Least share of an image without crystal, or under contamination, that is worth a word.
LEAST_EMPTY = 0.005
#: Where no number was told: least number of atoms that hide in noise, and least share of those
#: found, that is worth a word. In 20 images of ten kinds of noise 3 at most were counted. On scenes
#: of single atoms with 5 to 14 % of those found, F1 was 0.90 to 0.95.
_LEAST_HIDDEN, _HIDDEN_SHARE = 4.0, 0.04
#: Share of the atoms that noise may explain, where a number was told.
_EXPLAINED = 0.02


@dataclass(frozen=True)
class Verdict:
    """Whether atoms that were found can be believed.

    Parameters
    ----------
    status : {"ok", "check", "failed"}
        "ok" if nothing speaks against them; "check" if something does; "failed" if there are none.
    reasons : tuple of str
        What speaks against them, in words.
    remarks : tuple of str
        What else has to be known, such as how much of the field looks empty.

    Examples
    --------
    >>> from logstar.tuning import Verdict
    >>> print(Verdict("check", ("gaps without atoms, 1.2% of the field",)))
    check: gaps without atoms, 1.2% of the field
    """

    status: Literal["ok", "check", "failed"]
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = (*self.reasons, *self.remarks)
        return self.status if not said else f"{self.status}: {'; '.join(said)}"


def judge(finder: AtomFinder) -> Verdict:
    """Weigh everything that a finder has learnt.

    Parameters
    ----------
    finder : AtomFinder
        Fitted, but for its verdict.

    Returns
    -------
    verdict : Verdict
    """
    expected = finder.expectation_
    by_noise = isinstance(finder.detector_, SignificanceDetector)
    if len(finder.atoms_) == 0 and by_noise:
        reason = (
            f"no atom was found: nothing stands out of noise at {FALSE_ALARMS:g} false atom per "
            f"million pixels; are atoms {finder.polarity}?"
        )
        return Verdict("failed", (reason,))
    if len(finder.atoms_) == 0:
        n_ladders = count_ladders(finder.search_)
        reason = (
            f"no atom was found with {n_ladders} ladder{'s' if n_ladders > 1 else ''} of sigmas; "
            f"are atoms {finder.polarity}, and is the pixel size right?"
        )
        return Verdict("failed", (reason,))
    reasons = []
    if finder.search_.interrupted_:
        reasons.append("the search was interrupted before its end")
    reasons += _concerns_of_expectation(expected)
    if by_noise and finder.lattice is not None:
        reasons.append("the image shows no lattice: what stands out of noise is taken for atoms")
    if by_noise and expected.image_lattice is not None:
        reasons.append(
            "the image shows a lattice, which was not asked for: with it, weak atoms between "
            "strong ones are found as well"
        )
    if by_noise:
        # Their number hangs on how strong noise is, and that is measured.
        share = float(np.mean(finder.atoms_["significance"] <= 0))
        if share > _EXPLAINED:
            reasons.append(f"noise could explain {share:.0%} of the atoms")
        n_hidden = 0.0
        if finder.expected is None:
            n_hidden = count_hidden(finder.image_, finder.detector_)
        if n_hidden > max(_LEAST_HIDDEN, _HIDDEN_SHARE * len(finder.atoms_)):
            reasons.append(f"at least {n_hidden:.0f} more atoms are too weak to be told from noise")
    elif not finder.plateau_.is_stable:
        plateau = finder.plateau_
        reasons.append(
            "the number of atoms hangs on the threshold, it is the same only from "
            f"{plateau.low:.3g} to {plateau.high:.3g}"
        )
    each = quality_of_grains(expected, finder.atoms_.positions, finder.atoms_["flagged"])
    reasons += [one.concern for one in each if one.concern]
    reasons += finder.evidence_.concerns(finder.polarity, is_significant=by_noise)
    reasons += concerns_of_rewards(len(finder.atoms_), expected.count, finder.er_)
    for opinion in (finder.quality_, finder.second_opinion_):
        reasons += [] if opinion is None else opinion.concerns
    # The report repeats what the rewards say, in the same words.
    unique = tuple(dict.fromkeys(reasons))
    return Verdict("check" if unique else "ok", unique, _remarks(finder))


def _concerns_of_expectation(expected: Expectation) -> list[str]:
    """Say in words what an image contradicts, or does not tell clearly."""
    reasons = []
    comparison = expected.comparison
    if comparison is not None and not comparison.agrees:
        reasons.append(str(comparison))
    elif comparison is not None and abs(comparison.pixel_size_error) > _LARGEST_CORRECTION:
        reasons.append(
            f"the pixel size is off by {abs(comparison.pixel_size_error):.0%}, more than files "
            "usually are"
        )
    elif expected.lattice is not None and expected.image_lattice is None:
        reasons.append("the image does not show the crystal's lattice")
    if expected.strangers and expected.grains is not None:
        numbers = ", ".join(map(str, expected.strangers))
        share = sum(expected.grains.shares[i - 1] for i in expected.strangers)
        several = len(expected.strangers) > 1
        reasons.append(
            f"grain{'s' if several else ''} {numbers}, {share:.0%} of the image, "
            f"show{'' if several else 's'} another lattice than the crystal's"
        )
    if expected.is_faint:
        reasons.append("the lattice stands out of noise by all its Bragg peaks together only")
    if expected.is_elongated:
        reasons.append("columns look elongated: an unresolved pair?")
    overlapping = overlapping_lattice(expected)
    if overlapping is not None:
        n_shown, n_columns = len(overlapping.maxima), len(overlapping.columns)
        reasons.append(
            f"columns are not resolved: a cell has {n_columns} and shows {n_shown} "
            f"maxim{'um' if n_shown == 1 else 'a'}; atoms were placed by the mean cell"
        )
    return reasons


def _remarks(finder: AtomFinder) -> tuple[str, ...]:
    """What has to be known of the atoms, without speaking against them."""
    remarks = []
    empty = 1 - finder.expectation_.field_share
    if empty >= LEAST_EMPTY:
        remarks.append(f"{empty:.0%} of the field looks empty")
    area = finder.contamination_
    if area is not None:
        looked_at = area if finder.mask is None else area[np.asarray(finder.mask)]
        share, n_below = looked_at.mean(), int(finder.atoms_["contaminated"].sum())
        if share >= LEAST_EMPTY:
            remarks.append(said_of_contamination(float(share), n_below))
    return tuple(remarks)


def said_of_contamination(share: float, n_below: int) -> str:
    """Say how much of an image lies under contamination, and how many atoms."""
    return f"{share:.0%} of the image lies under contamination, {n_below} atoms among it"
