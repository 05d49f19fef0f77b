"""Where the network and LoG* agree on real micrographs.

``python benches/oracle/agreement.py FOLDER [--model FILE] [--out FOLDER] [--table FILE]``

FOLDER holds the micrographs, none of which is part of the project. Prints a table, and with --out
draws a picture of each with crosses where the two disagree. The finder is told nothing but that
atoms of some are dark, or that there is no lattice.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

from logstar.inspection import AtomFinderDisplay
from logstar.io import read_image
from logstar.oracle import OnnxOracle
from logstar.tuning import AtomFinder

#: What is told about some files.
TOLD: dict[str, dict[str, Any]] = {
    "atomap_test_ABF_cropped.hdf5": {"polarity": "dark"},
    "hpai_066_PtNC_15nm.tif": {"lattice": None},
}
#: These are no micrographs of atoms.
LEFT_OUT = {"rsc_fei_example_tem_stack.emd", "scilink_MoS2_stem_Exp-000-2.json"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="lattice-v1")
    parser.add_argument("--only", default="", help="part of a file's name")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="where to write the table as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [
        "| file | LoG* | network | agree inside | only LoG* | only network | at .7 and 1.4 |",
        "|---|---|---|---|---|---|---|",
    ]
    for path in sorted(options.folder.iterdir()):
        if path.name in LEFT_OUT or path.suffix == ".csv" or options.only not in path.name:
            continue
        try:
            image = read_image(path)
        except (ValueError, OSError, ImportError) as error:
            print(f"{path.name} cannot be read: {error}", file=sys.stderr)
            continue
        told = {"lattice": "auto", **TOLD.get(path.name, {})}
        oracle = OnnxOracle(options.model, polarity=told.get("polarity", "bright"))
        finder = AtomFinder(oracle=oracle, **told).fit(image)
        opinion = finder.second_opinion_
        oracle.fit(finder.image_)
        alone = opinion.disagreements(finder.atoms_.positions)
        lines.append(
            f"| {path.name} | {len(finder.atoms_)} | {oracle.count(finder.image_)} | "
            f"{opinion.share:.1%} | {len(alone['unseen'])} | {len(alone['missed'])} | "
            f"{oracle.counts_[0.7]}, {oracle.counts_[1.4]} |"
        )
        print(lines[-1], flush=True)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            AtomFinderDisplay.of(finder, source=path.name).save(options.out / f"{path.stem}.png")
    if options.table is not None:
        options.table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
