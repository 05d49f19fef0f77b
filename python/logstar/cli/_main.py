"""The commands, from arguments to an exit status."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from logstar import __version__

from . import _batch
from ._arguments import build_parser
from ._batch import FAILED, INTERRUPTED, KEPT, Row
from ._demo import judge_by_truth
from ._detect import Outcome, detect, find, request_of, write
from ._folders import PREFIX, SUMMARY, output_folders
from ._inputs import ALL, Input, files_of, images_of, is_folder_of_files, is_movie
from ._messages import in_options, message_of
from ._parser import NOT_DONE
from ._printing import Output, complain, occupy_closed_streams, one_line, shown
from ._progress import stages
from ._results import Results, earlier_result, is_free
from ._start import start, without_collection
from ._together import check_all_movies, check_movie, check_together
from ._values import Crystal

DONE, TO_CHECK, STOPPED = 0, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `logstar`.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    status : int
        0 done, 2 something could not be done, 3 with ``--strict`` if the verdict is to check, 130
        interrupted.

    Examples
    --------
    >>> from logstar.cli import main
    >>> main(["detect", "film.dm3", "--lattice", "auto"])
    2
    """
    # In a process of the command's own, all processor time until now was spent on starting it.
    start_up = time.process_time() if argv is None else 0.0
    if argv is None:
        occupy_closed_streams()
    try:
        args = build_parser(__version__).parse_args(argv)
    except SystemExit as stop:
        # argparse leaves for --help and for wrong usage, which it has explained.
        return int(stop.code or 0)
    output = Output()
    with _plain_warnings():
        command = _Command(args, output, start_up, is_own_process=argv is None)
        status = command.run()
    if output.problem is not None:
        written = "; ".join(command.written) or "nothing was written"
        complain(
            f"logstar: error: standard output cannot be written: {output.problem} ({written})."
        )
        return status or NOT_DONE
    return status


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings of users in one line; people cannot do anything about deprecations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = _print_warning
        yield


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    first_line = next(iter(str(message).splitlines()), "")
    complain(f"logstar: warning: {in_options(one_line(first_line))}")


class _Command:
    """One call of the command.

    Attributes
    ----------
    written : list of str
        Files written so far, to be named if the work is interrupted or cannot be reported.
    """

    def __init__(
        self, args: argparse.Namespace, output: Output, start_up: float, *, is_own_process: bool
    ) -> None:
        self.args = args
        self.is_own_process = is_own_process
        self.output = output
        self.start_up = start_up
        self.written: list[str] = []

    def run(self) -> int:
        """Do it, whatever happens."""
        commands: dict[str, Callable[[], int]] = {
            "demo": self._demo,
            "detect": self._micrographs,
            "segment": self._micrographs,
            "map": self._micrographs,
            "info": self._info,
            "compare": self._compare,
            "watch": self._watch,
            "oracle": self._oracle,
            "completion": self._completion,
        }
        try:
            return commands[self.args.command]()
        except KeyboardInterrupt:
            self._complain(
                f"interrupted; whole are {'; '.join(self.written)}."
                if self.written
                else "interrupted before anything was evaluated; nothing was written."
            )
            return STOPPED
        except Exception as error:  # noqa: BLE001 - people get a sentence, --debug shows where
            self._complain(message_of(error))
            return NOT_DONE

    def _micrographs(self) -> int:
        args = self.args
        crystal = check_together(args)
        retune = getattr(args, "retune", None)
        if retune not in {None, "none"}:
            return self._movies(args.files, crystal)
        files = files_of(args.files, recursive=args.recursive, skip=args.out)
        if args.command == "detect" and args.dataset == ALL and retune is None:
            movies = [file for file in files if is_movie(file)]
            if movies:
                check_all_movies(files, movies)
                args.retune = "auto"
                check_movie(args)
                return self._movies(files, crystal)
        many = len(files) > 1 or args.resume or args.dataset == ALL
        many = many or any(map(is_folder_of_files, args.files))
        self._start(files)
        inputs = [one for file in files for one in images_of(file, args.dataset)]
        if many:
            return self._many(inputs, crystal)
        (one,) = inputs
        folder = args.out or output_folders([one], None, is_free)[0]
        outcome = self._work(one, folder, crystal)
        outcome.seconds = {"start": self.start_up, **outcome.seconds}
        return self._tell(outcome)

    def _movies(self, paths: Sequence[Path], crystal: Crystal | None) -> int:
        """Tell of movies, one after the other."""
        from ._movie import MovieOutcome, detect_movie  # noqa: PLC0415 - images need none of it

        args = self.args
        self._start(paths)
        inputs = [Input(path) for path in paths]
        folders = output_folders(inputs, args.out, is_free)
        if len(paths) == 1 and args.out is not None:
            folders = [args.out]
        found: list[MovieOutcome] = []
        for number, (path, folder) in enumerate(zip(paths, folders, strict=True), 1):
            with (
                stages(str(path), number, len(paths)) as show,
                Results(folder) as results,
                self._noting(results),
            ):
                found.append(detect_movie(args, crystal, path, results, show))
            if not args.json:
                self.output.tell(found[-1].rows())
        if args.json:
            movies = [outcome.as_dict() for outcome in found]
            self.output.say(json.dumps({"version": __version__, "movies": movies}, indent=2))
        all_trusted = all(outcome.is_trusted for outcome in found)
        return DONE if all_trusted or not args.strict else TO_CHECK

    def _start(self, files: Sequence[Path] = ()) -> None:
        """Import what finding atoms needs, and count it as starting."""
        begin = time.perf_counter()
        if self.is_own_process:
            with without_collection():
                start(files, draws=getattr(self.args, "plots", False), is_own_process=True)
        else:
            start(files)
        self.start_up += time.perf_counter() - begin

    def _work(
        self, one: Input, folder: Path, crystal: Crystal | None, number: int = 1, n_files: int = 1
    ) -> Outcome:
        """Find the atoms of one image, write them, and say how long it took."""
        args = self.args
        with (
            stages(str(one), number, n_files) as show,
            Results(folder) as results,
            self._noting(results),
        ):
            outcome = detect(args, crystal, one, results, show)
            # Whoever interrupted the search wants no map.
            if args.command == "segment" and not outcome.interrupted:
                from ._segment import segment  # noqa: PLC0415 - heavy; detect needs none of it

                segment(outcome, results, args, show)
            if args.command == "map" and not outcome.interrupted:
                from ._map import map_fields  # noqa: PLC0415 - likewise

                map_fields(outcome, results, args, show)
            results.finish(outcome.as_dict(), request_of(args, one))
        return outcome

    @contextmanager
    def _noting(self, results: Results) -> Iterator[None]:
        """Remember the files that are written, even if an interruption ends that."""
        try:
            yield
        finally:
            self.written += map(shown, results.files.values())

    def _tell(self, outcome: Outcome) -> int:
        """Tell of one image."""
        if self.args.json:
            self.output.say(json.dumps(outcome.as_dict(), indent=2))
        else:
            self.output.tell(outcome.rows())
        if outcome.interrupted:
            return STOPPED
        return TO_CHECK if self.args.strict and outcome.verdict == "check" else DONE

    def _many(self, inputs: Sequence[Input], crystal: Crystal | None) -> int:
        """Tell of many images in one table."""
        args = self.args
        folders = output_folders(inputs, args.out, is_free)
        parent = args.out or Path()
        parent.mkdir(parents=True, exist_ok=True)
        summary = parent / (SUMMARY if args.out else f"{PREFIX}{SUMMARY}")
        table = None if args.json else _batch.Table(self.output, inputs)

        def work(number: int, one: Input, folder: Path) -> Row:
            if args.resume:
                with suppress(OSError):
                    kept = earlier_result(folder, request_of(args, one))
                    if kept is not None:
                        return Row(one, KEPT, folder, kept)
            outcome = self._work(one, folder, crystal, number, len(inputs))
            status = INTERRUPTED if outcome.interrupted else _batch.DONE
            return Row(one, status, folder, outcome.as_dict(), outcome.interrupted)

        def failed(one: Input, error: Exception) -> str:
            message = message_of(error)
            name = shown(one)
            self._complain(message if name in message else f"{name}: {message}")
            return message

        def told(row: Row, rows: Sequence[Row]) -> None:
            if table is not None:
                table.add(row)
            # After each image, so that what is known outlives a kill. Where the table cannot be
            # written the other images are done all the same, and the end tells of it.
            with suppress(OSError):
                _batch.write_summary(summary, rows)

        rows = _batch.run_all(inputs, folders, work, failed, told)
        status = _status_of(rows, strict=args.strict)
        try:
            _batch.write_summary(summary, rows)
            self.written.append(shown(summary))
        except OSError as error:
            self._complain(f"{shown(summary)} cannot be written: {message_of(error)}")
            status = status or NOT_DONE
        if args.json:
            entries = [row.as_dict() for row in rows]
            answer = {"version": __version__, "files": entries, "summary": str(summary)}
            self.output.say(json.dumps(answer))
        else:
            for row in rows:
                if row.status == _batch.NOT_REACHED and table is not None:
                    table.add(row)
            self.output.say(f"{_batch.total(rows)}; start {self.start_up:.2f} s")
            if shown(summary) in self.written:
                self.output.say(shown(summary))
        return status

    def _demo(self) -> int:
        from logstar.datasets import load_ybco  # noqa: PLC0415 - heavy; --help needs none of it

        self._start()
        args = self.args
        folder = args.out or Path(f"{PREFIX}demo")
        with stages("demo") as show, Results(folder) as results, self._noting(results):
            show.begin("reading")
            scene = load_ybco(noisy=args.noisy)
            outcome = find(
                args,
                scene.image,
                show,
                source=f"YBa2Cu3O7 [100], simulated{' at low dose' if args.noisy else ''}",
                lattice=scene.lattice,
            )
            outcome.seconds = {"start": self.start_up, **outcome.seconds}
            outcome.crystal = "ybco"
            judge_by_truth(outcome, scene)
            write(outcome, results, args, show)
            results.finish(outcome.as_dict(), {"command": "demo"})
        return self._tell(outcome)

    def _info(self) -> int:
        from ._info import inspect_file  # noqa: PLC0415 - heavy; --help needs none of it

        args = self.args
        found: list[dict[str, Any]] = []
        status = DONE
        for i, path in enumerate(files_of(args.files)):
            try:
                info = inspect_file(args, path)
            except Exception as error:  # noqa: BLE001 - the other files are not to suffer
                status = NOT_DONE
                message = message_of(error)
                self._complain(message)
                found.append({"file": str(path), "error": message})
                continue
            found.append(info.as_dict())
            if not args.json:
                if i > 0:
                    self.output.say("")
                self.output.tell(info.rows())
        if args.json:
            self.output.say(json.dumps({"version": __version__, "files": found}, indent=2))
        return status

    def _compare(self) -> int:
        from ._compare import compare  # noqa: PLC0415 - heavy; --help needs none of it

        found = compare(self.args.found, self.args.reference, self.args.tolerance)
        if self.args.json:
            self.output.say(json.dumps({"version": __version__, **found.as_dict()}, indent=2))
        else:
            self.output.tell(found.rows())
        return DONE

    def _oracle(self) -> int:
        from ._oracle import convert  # noqa: PLC0415 - only this needs it

        args = self.args
        done = convert(args.weights, args.out, args.architecture, args.spacing)
        self.written.append(str(done.network))
        if self.args.json:
            self.output.say(json.dumps({"version": __version__, **done.as_dict()}, indent=2))
        else:
            self.output.tell(done.rows())
        return DONE

    def _watch(self) -> int:
        crystal = check_together(self.args)
        from ._watch import watch  # noqa: PLC0415 - only this needs it

        n_done = watch(self.args, crystal, self.output, self._complain, self.written)
        return DONE if n_done else NOT_DONE

    def _completion(self) -> int:
        from ._completion import script  # noqa: PLC0415 - only this needs it

        self.output.say(script(build_parser(__version__), self.args.shell))
        return DONE

    def _complain(self, message: str) -> None:
        if self.args.debug and sys.exception() is not None:
            complain(traceback.format_exc())
        complain(f"logstar: error: {message}")


def _status_of(rows: Sequence[Row], *, strict: bool) -> int:
    """The exit status of many images: the gravest of theirs."""
    statuses = {row.status for row in rows}
    if INTERRUPTED in statuses:
        return STOPPED
    if FAILED in statuses:
        return NOT_DONE
    return TO_CHECK if strict and any(row.verdict == "check" for row in rows) else DONE
