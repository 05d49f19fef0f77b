"""A parser of arguments that says what is wrong in one line."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import NoReturn

from ._printing import Output, complain, one_line

#: What argparse says of a choice that there is not, and how it writes each of those that there are.
_INVALID = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_QUOTED = re.compile(r"'?([^',\s]+)'?")
#: Exit status of wrong usage, and of anything else that could not be done.
NOT_DONE = 2


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and writes to any standard output."""

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        """Write the help."""
        self.tell(self.format_help().rstrip())

    def tell(self, text: str) -> None:
        """Write to standard output; where that cannot be, end with exit status 2."""
        output = Output()
        output.say(text)
        if output.problem is not None:
            complain(f"logstar: error: standard output cannot be written: {output.problem}.")
            raise SystemExit(NOT_DONE)

    def error(self, message: str) -> NoReturn:
        """End with exit status 2."""
        text = one_line(message)
        complain(f"{self.prog}: error: {text}{_meant(text)} (see {self.prog} --help)")
        raise SystemExit(NOT_DONE)


def _meant(message: str) -> str:
    """Say which choice was probably meant, where one was mistyped."""
    found = _INVALID.search(message)
    if found is None:
        return ""
    near = difflib.get_close_matches(found[1].lower(), _QUOTED.findall(found[2]), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Version(argparse.Action):
    """Write the version and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if isinstance(parser, Parser):
            parser.tell(str(self.const))
        parser.exit()
