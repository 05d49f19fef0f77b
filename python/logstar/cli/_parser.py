"""A parser of arguments that says what is wrong in one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ._printing import Output, complain, one_line

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
        complain(f"{self.prog}: error: {one_line(message)} (see {self.prog} --help)")
        raise SystemExit(NOT_DONE)


class Version(argparse.Action):
    """Write the version and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if isinstance(parser, Parser):
            parser.tell(str(self.const))
        parser.exit()
