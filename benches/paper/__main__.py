"""All figures of the paper: ``python -m benches.paper [--out FOLDER]``.

Writes the figures and ``RESULTS.md``, a table of what the paper says beside what is measured. It
takes some five minutes of CPU; with ``--full`` Fig. 3 has all levels of noise and five seeds, and
takes an hour more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HEAD = """\
# The paper's figures, measured here

Barakati et al., Digital Discovery 2024, 3, 2061, on simulated YBa2Cu3O7; written by
`python -m benches.paper`. Times are of one core.
"""
sys.path.insert(0, str(FOLDER))

import fig1  # noqa: E402 - from this folder
import fig2  # noqa: E402
import fig3  # noqa: E402
import fig4  # noqa: E402
import fig5  # noqa: E402
from _common import as_table  # noqa: E402


def main() -> None:
    """Make all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="Fig. 3 with all levels and seeds")
    size.add_argument("--quick", action="store_true", help="fewer of all, to see that all work")
    size.add_argument(
        "--networks", action="store_true", help="Fig. 3 with its networks alone measured anew"
    )
    args = parser.parse_args()
    out = ["--out", str(args.out)]
    noise = ["--seeds", "2", "--steps", "6", "--evaluations", "20"]
    if args.quick:
        noise = ["--seeds", "1", "--steps", "2", "--evaluations", "10"]
    if args.networks:
        noise += ["--only", *fig3.NETWORKS]
    claims = [
        *fig1.main(out),
        *fig2.main(out),
        *fig3.main([*out, *([] if args.full else noise)]),
        *fig4.main([*out, *(["--n-iter", "12"] if args.quick else [])]),
        *fig5.main([*out, *(["--repeats", "1"] if args.quick else [])]),
    ]
    text = as_table(claims)
    (args.out / "RESULTS.md").write_text(f"{HEAD}\n{text}\n")
    print(text)


if __name__ == "__main__":
    main()
