"""Warnings of logstar."""


class NoAtomsWarning(UserWarning):
    """A detector found no atom at all in an image.

    Rewards stay silent about it: while a search tries parameters, finding nothing is a result.
    """
