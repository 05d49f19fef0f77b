"""Which options go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.common import NUMBERS, assert_one_line_error, detect


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say what physics expects: --crystal"),
        (["--expected", "64"], "--expected needs --distance-sum as well"),
        (["--distance-sum", "50"], "--distance-sum needs --expected as well"),
        (["--crystal", "ybco", *NUMBERS], "not both"),
        (["--crystal", "ybco", "--lattice", "none"], "not both"),
        (["--lattice", "none", "--visible", "Sr"], "--visible names columns of a crystal"),
        ([*NUMBERS, "--visible", "Sr"], "--visible names columns of a crystal"),
        ([*NUMBERS, "--dataset", "all", "--average"], "--dataset all or --average"),
        (["--cif", "x.cif"], "--cif needs --zone as well"),
        (["--zone", "100"], "--zone needs --cif as well"),
        (["--cif", "missing.cif", "--zone", "100"], "missing.cif: no such file"),
        (["--cif", "x.cif", "--zone", "100"], "--cif needs one: pass --pixel-size"),
        (["--lattice", "auto", *NUMBERS], "not both or several"),
        (["--lattice", "auto", "--crystal", "ybco"], "not both or several"),
    ],
)
def test_what_does_not_is_one_line(film, capsys, options, message):
    Path("x.cif").touch()
    assert detect(film, *options) == 2
    assert_one_line_error(capsys, message)
    assert not Path("logstar-film").exists()
