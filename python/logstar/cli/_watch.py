"""The command `watch`: the atoms of each frame of a folder that fills."""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._detect import physics_of, refine_of
from ._messages import message_of
from ._printing import Output, shown
from ._values import Crystal

if TYPE_CHECKING:
    from logstar.io import Micrograph
    from logstar.tuning import LiveResult

#: The table of all frames, a line each.
TABLE = "frames.csv"
_COLUMNS = ("file", "atoms", "qc", "er", "trusted", "retuned", "refined", "seconds", "reasons")


def watch(
    args: argparse.Namespace,
    crystal: Crystal | None,
    output: Output,
    complain: Callable[[str], None],
    written: list[str],
) -> int:
    """Find the atoms of frames as they come, until nothing comes or somebody interrupts it.

    Parameters
    ----------
    args : Namespace
        Of the whole command.
    crystal : Crystal or None
        That of the options.
    output : Output
        Where to tell of each frame.
    complain : callable
        Is told of frames that cannot be worked on.
    written : list of str
        Is told what was written.

    Returns
    -------
    n_done : int
        How many frames were worked on.
    """
    from logstar.tuning import AtomFinder, LiveFinder, frames  # noqa: PLC0415 - heavy

    finder = AtomFinder(
        pixel_size=args.pixel_size,
        denoise=args.denoise,
        window=args.window,
        n_iter=args.n_iter,
        random_state=args.random_state,
        **refine_of(args),
        **physics_of(args, crystal),
    )
    folder = args.out or Path(f"logstar-watch-{args.folder.resolve().name}")
    # Checks the folder before anything is made.
    source = frames(args.folder, timeout=args.timeout, existing=not args.new_only)
    folder.mkdir(parents=True, exist_ok=True)
    n_done = 0
    with (
        LiveFinder(finder, args.latency, args.retune) as live,
        (folder / TABLE).open("a", newline="", encoding="utf-8") as file,
    ):
        written.append(shown(folder / TABLE))
        table = csv.writer(file)
        if file.tell() == 0:
            table.writerow(_COLUMNS)
        try:
            for frame in source:
                name = frame.path.name if frame.path else ""
                try:
                    result = live.process(frame)
                except (TypeError, ValueError, RuntimeError) as error:
                    complain(f"{name}: {message_of(error)}")
                    continue
                result.atoms.save(folder / f"{name}-positions.csv")
                row = row_of(frame, result)
                table.writerow(row.values())
                # So that what is known outlives a kill.
                file.flush()
                output.say(json.dumps(row) if args.json else line_of(row))
                n_done += 1
        except KeyboardInterrupt:
            # Nobody else can say when a session ends.
            pass
        if not args.json:
            output.say(f"{n_done} frames, tuned anew {live.n_retuned_} times; {shown(folder)}")
    return n_done


def row_of(frame: Micrograph, result: LiveResult) -> dict[str, Any]:
    """Describe a frame by the columns of the table."""
    values = (
        "" if frame.path is None else frame.path.name,
        len(result.atoms),
        *(_rounded(result.rewards[name]) for name in ("qc", "er")),
        result.trusted,
        result.retuned,
        result.refined,
        round(result.seconds, 4),
        "; ".join(result.reasons),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def line_of(row: dict[str, Any]) -> str:
    """Say it in a line for people."""
    said = "ok" if row["trusted"] else f"NOT TRUSTED: {row['reasons']}"
    new = ", tuned anew" if row["retuned"] else ""
    rewards = "".join(
        f", {name.upper()} {row[name]:.3f}" for name in ("qc", "er") if row[name] is not None
    )
    return (
        f"{row['file']}  {row['atoms']} atoms{rewards}, {1e3 * row['seconds']:.0f} ms{new}  {said}"
    )


def _rounded(reward: float) -> float | None:
    """Round; of single atoms nothing is expected."""
    return None if math.isnan(reward) else round(reward, 4)
