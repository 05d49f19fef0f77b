"""The commands: what each leaves to the library, and that they are told."""

from __future__ import annotations

import argparse

from logstar import __version__
from logstar.cli._arguments import build_parser
from logstar.cli._together import check_together


def test_defaults_leave_the_policy_to_the_library():
    args = build_parser(__version__).parse_args(["detect", "a.npy", "--lattice", "auto"])
    assert args.n_iter is None
    assert args.visible is args.mask is args.roi is args.pixel_size is None
    assert (args.calibration, args.force, args.plots, args.strict) == (
        "correct",
        False,
        True,
        False,
    )
    assert check_together(args) is None


def test_every_command_says_in_a_line_what_it_does():
    parser = build_parser(__version__)
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    told = {action.dest: action.help for action in commands._choices_actions}
    assert set(told) == set(commands.choices)
    shown = " ".join(parser.format_help().split())
    for name, text in told.items():
        assert f"{name} {text}" in shown
        assert commands.choices[name].description
