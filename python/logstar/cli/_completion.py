"""Scripts with which shells complete the command."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write the script of a shell.

    Parameters
    ----------
    parser : ArgumentParser
        Of the whole command.
    shell : {"bash", "zsh"}
        The shell.

    Returns
    -------
    script : str
    """
    _complete_files(parser)
    return str(shtab.complete(parser, shell=shell))


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Have names of files completed wherever one is taken."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells of its actions in no other way
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                _complete_files(command)
