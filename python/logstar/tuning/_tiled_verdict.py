"""Whether the atoms of a large image can be believed, by its parts and as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logstar.lattice import Count
from logstar.rewards._quality import concerns_of_rewards

from ._tiled_atoms import said_of_place
from ._verdict import LEAST_EMPTY, Verdict, said_of_contamination

if TYPE_CHECKING:
    from logstar.io import AtomTable

    from ._parts import TunedParts
    from ._tiled_diagnosis import Diagnosis

#: QC of a part beyond which the settings do not fit there: three times what tuning on the part
#: itself leaves on hard images.
_MISFIT = 0.05


def judge_tiles(
    tuned: TunedParts,
    atoms: AtomTable,
    count: Count,
    er: float,
    field_share: float,
    diagnosis: Diagnosis | None,
) -> Verdict:
    """Weigh what the part that was chosen says, what the others say, and the whole image.

    Parameters
    ----------
    tuned : TunedParts
        The parts.
    atoms : AtomTable
        Of the whole image.
    count : Count
        Their expected number.
    er : float
        ER of the whole image.
    field_share : float
        Share of the image that shows crystal.
    diagnosis : Diagnosis or None
        What else the whole image says; None leaves that to the part.

    Returns
    -------
    verdict : Verdict
    """
    n_found = len(atoms)
    if n_found == 0:
        return Verdict("failed", ("no atom was found with the settings of the part",))
    finder = tuned.chosen.finder
    reasons = list(finder.verdict_.reasons)
    if diagnosis is not None and finder.quality_ is not None:
        # What the whole image says of the same is told in place of it.
        of_part = finder.quality_.concerns_of_whole
        reasons = [one for one in reasons if one not in of_part] + diagnosis.concerns
    reasons += concerns_of_rewards(n_found, count, er)
    for part, qc in zip(tuned.parts, tuned.quality.tolist(), strict=True):
        if abs(qc) > max(_MISFIT, 2 * part.finder.expectation_.uncertainty):
            more = "more" if qc > 0 else "fewer"
            reasons.append(
                f"in {said_of_place(part.place)} the settings find {abs(qc):.0%} {more} atoms than "
                "expected there"
            )
    place = tuned.chosen.place
    remarks = [f"found by tiles, with the settings of {said_of_place(place)}"]
    if 1 - field_share >= LEAST_EMPTY:
        remarks.append(f"{1 - field_share:.0%} of the field looks empty")
    if diagnosis is not None and diagnosis.contaminated_share >= LEAST_EMPTY:
        n_below = int(atoms["contaminated"].sum())
        remarks.append(said_of_contamination(diagnosis.contaminated_share, n_below))
    unique = tuple(dict.fromkeys(reasons))
    return Verdict("check" if unique else "ok", unique, tuple(remarks))
