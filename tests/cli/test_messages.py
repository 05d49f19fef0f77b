"""Errors in the language of the command."""

from __future__ import annotations

import inspect

import pytest

import logstar
from logstar import fields, io, tuning
from logstar.cli._arguments import build_parser
from logstar.cli._messages import in_options, message_of

#: What the commands call with what people typed.
CALLED = (
    logstar.AmorphousGMMSegmenter,
    logstar.AtomFinder,
    logstar.AtomPatches,
    logstar.Lattice.from_cif,
    logstar.find_atoms,
    fields.displacements,
    fields.polarization,
    fields.strain,
    io.read_image,
    tuning.LiveFinder,
    tuning.find_atoms_in_stack,
)


def options_by_parameter():
    """The option of each parameter that people can set."""
    (commands,) = (
        action.choices for action in build_parser("0")._actions if isinstance(action.choices, dict)
    )
    options = {
        action.dest: option
        for command in commands.values()
        for action in command._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    parameters = {name for called in CALLED for name in inspect.signature(called).parameters}
    return {name: option for name, option in options.items() if name in parameters}


@pytest.mark.parametrize(("name", "option"), options_by_parameter().items())
def test_every_parameter_that_has_an_option_is_named_by_it(name, option):
    assert in_options(f"{name} must be 1, got 3.") == f"{option} must be 1, got 3."
    # The other way is that of every option: it is left out. Without tiles is a word of its own.
    other = "--tile none" if name == "tile" else f"no {option}"
    assert in_options(f"leave {name}=None") == f"leave {other}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.npy: dataset must be 0 to 0, got 7.", "a.npy: --dataset must be 0 to 0, got 7."),
        ("one, dataset=0 to 3, or average=True.", "one, --dataset 0 to 3, or --average."),
        ('give channel=0 or channel="luminance".', "give --channel 0 or --channel luminance."),
        ("channel='luminance'; resample=True does", "--channel luminance; --resample does"),
        ("force=True goes on all the same.", "--force goes on all the same."),
        ("lattice='auto' takes the image's own", "--lattice auto takes the image's own"),
        ("the image's lattice is 19.5 px", "the image's lattice is 19.5 px"),
        ("grain must be at most 2, got 3", "--grain must be at most 2, got 3"),
        ("grain 2 has 30% fewer atoms", "grain 2 has 30% fewer atoms"),
        ("Check pixel_size=0.1 nm/px against", "Check --pixel-size 0.1 nm/px against"),
        ("roi=((0, 9), (5, 2)): columns must", "--roi 0:9,5:2: columns must"),
        ("kind must be one of 'A', got 'X'.", "--kinds must be one of 'A', got 'X'."),
        ("roi=((None, 9), (5, None)) is", "--roi :9,5: is"),
        ("zone_axis must be three integers", "--zone must be three integers"),
        ("got distance_sum=None.", "got no --distance-sum."),
        ("make room, and go on with resume=True", "make room, and go on with --resume"),
        ("another path, or resume=False.", "another path, or no --resume."),
        ("X holds 3 pixels that are NaN", "the image holds 3 pixels that are NaN"),
        # What is no parameter stays as it is.
        ("the expected number is uncertain", "the expected number is uncertain"),
        ("its calibration is right", "its calibration is right"),
        ("calibration is right within 0.4%", "calibration is right within 0.4%"),
        ("film_dataset=3.npy: no such file", "film_dataset=3.npy: no such file"),
    ],
)  # fmt: skip
def test_parameters_become_options(text, expected):
    assert in_options(text) == expected


def test_a_message_is_one_line_that_a_terminal_can_show():
    assert message_of(ValueError("a\nb \x1b[31mc")) == "a b \\x1b[31mc"
    assert message_of(OSError()) == "OSError"
    assert message_of(OSError(28, "No space left on device")) == "No space left on device"
    full = OSError(28, "No space left on device: go on with resume=True", "a.h5")
    assert message_of(full) == "a.h5: No space left on device: go on with --resume"
    assert message_of(PermissionError(13, "Permission denied", "a\n")) == "a\\n: Permission denied"


def test_what_nobody_foresaw_is_named():
    assert message_of(KeyError("x")) == "unexpected KeyError: 'x' (--debug shows where)"
    assert message_of(MemoryError("of 9 GB")) == "there is not enough memory (of 9 GB)"
