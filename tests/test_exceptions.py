"""Errors that carry what they are about."""

from __future__ import annotations

import pickle

from logstar.exceptions import ChoiceNeededError


def test_a_choice_can_be_said_in_another_language():
    error = ChoiceNeededError("a.tif holds 3 images", {"dataset": 0, "average": True}, "takes one")
    assert str(error) == "a.tif holds 3 images; dataset=0 or average=True takes one."
    options = " or ".join(f"--{name}" for name in error.choices)
    assert (error.message, options) == ("a.tif holds 3 images", "--dataset or --average")
    # It comes back whole from another process.
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.choices, again.hint) == (str(error), error.choices, error.hint)
