"""Options that several commands have: what each takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from logstar import __version__
from logstar.cli._arguments import build_parser
from logstar.cli._values import FORMATS
from tests.cli.common import NUMBERS, assert_one_line_error, detect


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lattice", "none", "--atom-size", "-2"], "argument --atom-size: "),
        (["--crystal", "gold"], "unknown crystal 'gold'; known are ybco, perovskite"),
        (["--expected", "-5", "--distance-sum", "50"], "argument --expected: "),
        ([*NUMBERS, "--n-iter", "0"], "must be an integer above 0"),
        ([*NUMBERS, "--random-state", "-1"], "must be an integer from 0"),
        ([*NUMBERS, "--pixel-size", "1e-300A"], "argument --pixel-size: must be from 0.0001"),
        ([*NUMBERS, "--format", "docx"], "invalid choice: 'docx'"),
        ([*NUMBERS, "--colour"], "unrecognized arguments: --colour"),
        ([*NUMBERS, "--\x1b[31m"], "unrecognized arguments: --\\x1b[31m"),
        (["--cif", "x.cif", "--zone", "abc"], "zone_axis must be three integers"),
        (["--lattice", "cubic"], "invalid choice: 'cubic'"),
        ([*NUMBERS, "--polarity", "drak"], "did you mean 'dark'? (see logstar detect --help)"),
    ],
)
def test_wrong_usage_is_one_line(film, capsys, options, message):
    assert detect(film, *options) == 2
    assert_one_line_error(capsys, message)
    assert not Path("logstar-film").exists()


def test_segment_takes_what_detect_takes():
    parser = build_parser(__version__)
    options = ["x", "y", "--crystal", "ybco", "--roi", "1:9,1:9", "--dataset", "all", "--resume",
               "--recursive", "--format", FORMATS[1], "--strict", "--no-plots"]  # fmt: skip
    detect_args, segment_args = (
        vars(parser.parse_args([command, *options])) for command in ("detect", "segment")
    )
    assert set(segment_args) - set(detect_args) == {"threshold"}
    assert set(detect_args) - set(segment_args) == {"retune"}
