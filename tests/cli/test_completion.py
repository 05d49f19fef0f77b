"""Completion by shells."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from logstar.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_knows_commands_and_options(capsys, shell):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for part in ("detect", "compare", "--crystal", "--no-plots"):
        assert part in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path, capsys):
    main(["completion", "bash"])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    code = (
        f"source {tmp_path}/script; COMP_WORDS=(logstar detect --no); COMP_CWORD=2; "
        "COMP_LINE='logstar detect --no'; _shtab_logstar; echo ${COMPREPLY[@]}"
    )
    shell = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert shell.stdout.split() == ["--no-plots"]


def test_other_shells_are_refused(capsys):
    assert main(["completion", "fish"]) == 2
    assert "invalid choice: 'fish'" in capsys.readouterr().err
