"""Which options go together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ._inputs import ALL
from ._values import CRYSTALS, Crystal, crystal_of_cif


def check_together(args: argparse.Namespace) -> Crystal | None:
    """Check what the parser alone cannot: which options go together.

    Returns
    -------
    crystal : Crystal or None
        That of --crystal or --cif.

    Raises
    ------
    OSError, ValueError
        Saying what to give.
    """
    by_number = [args.expected is not None, args.distance_sum is not None]
    if (args.cif is None) != (args.zone is None):
        given, missing = ("--cif", "--zone")[:: 1 if args.zone is None else -1]
        raise ValueError(f"{given} needs {missing} as well.")
    ways = [args.crystal is not None, args.cif is not None, args.lattice is not None]
    # Numbers are welcome where there is no lattice.
    alone = args.lattice == "none"
    if sum(ways) + (any(by_number) and not alone) > 1:
        raise ValueError(
            "give --crystal, or --cif with --zone, or --lattice auto, or --expected with "
            "--distance-sum, but not both or several."
        )
    if any(by_number) and not all(by_number) and not alone:
        given, missing = ("--expected", "--distance-sum")[:: 1 if by_number[0] else -1]
        raise ValueError(f"{given} needs {missing} as well: the count alone can be met by chance.")
    if not any(ways) and not any(by_number):
        raise ValueError(
            f"say what physics expects: --crystal ({CRYSTALS}), --cif FILE --zone UVW, --lattice "
            "auto or none, or --expected N with --distance-sum PX."
        )
    if args.command == "map" and (alone or not any(ways)):
        raise ValueError(
            "map needs a lattice, whose sites atoms are on: --crystal, --cif or --lattice auto."
        )
    if args.visible is not None and not any(ways[:2]):
        raise ValueError("--visible names columns of a crystal; it needs --crystal or --cif.")
    if args.dataset == ALL and args.average:
        raise ValueError("give --dataset all or --average, but not both.")
    if args.command == "detect" and args.retune is not None:
        check_movie(args)
    if args.cif is not None:
        return crystal_of_cif(args.cif, args.zone)
    crystal: Crystal | None = args.crystal
    return crystal


def check_all_movies(files: Sequence[Path], movies: Sequence[Path]) -> None:
    """Check that files are movies all together, of which some are found to be.

    Raises
    ------
    ValueError
        Naming one that is, and one that is not.
    """
    others = sorted(set(files) - set(movies))
    if others:
        raise ValueError(
            f"{movies[0]} holds a movie and {others[0]} does not; give --retune auto to take each "
            "file as a movie, or --retune none to take each image for itself."
        )


def check_movie(args: argparse.Namespace) -> None:
    """Check what goes with --retune.

    Raises
    ------
    ValueError
        Saying what to give.
    """
    if args.dataset != ALL:
        raise ValueError("--retune is for movies: give --dataset all as well.")
    if args.retune == "none":
        return
    others = sorted(set(args.formats or ()) - {"hdf5", "parquet"})
    if others:
        raise ValueError(
            f"--format {others[0]} holds one image; movies are hdf5 or parquet. --retune none "
            "takes each frame for itself."
        )
