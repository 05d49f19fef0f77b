"""Whether parts of an image show different Bragg peaks of one lattice, as twins do."""

from __future__ import annotations

import numpy as np

from ._bragg import BraggLattice
from ._peaks import Pixels
from ._phases import local_amplitudes

#: The strongest peaks are compared, this many at most, as long as they have this share of the power
#: of the strongest one: weaker ones drown in noise from place to place.
_MOST_PEAKS, _LEAST_POWER = 10, 0.03
#: Amplitudes over their 90th percentile in the image: a peak is there above the first number, and
#: is not below the second.
_THERE, _NOT_THERE = 0.7, 0.35
#: The image shows domains if two peaks are there without each other in this share of it.
_LEAST_SHARE = 0.1


def shows_domains(flat: Pixels, bragg: BraggLattice) -> bool:
    """Tell whether some peaks of a lattice are in one part of an image, and others in another.

    The lattice that two twins have in common explains the peaks of both, but each part of the image
    shows those of one only.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    bragg : BraggLattice
        A lattice that it shows.

    Returns
    -------
    shows : bool
    """
    order = np.argsort(-bragg.powers, kind="stable")[:_MOST_PEAKS]
    order = order[bragg.powers[order] >= _LEAST_POWER * bragg.powers.max()]
    amplitudes = local_amplitudes(flat, bragg.vectors, bragg.indices[order])
    amplitudes = amplitudes.reshape(len(order), -1)
    usual = np.percentile(amplitudes, 90, axis=1, keepdims=True)
    there = (amplitudes > _THERE * usual).astype(float)
    missing = (amplitudes < _NOT_THERE * usual).astype(float)
    alone = there @ missing.T / amplitudes.shape[1]
    return bool((np.minimum(alone, alone.T) > _LEAST_SHARE).any())
