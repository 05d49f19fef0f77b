"""
A folder of frames to one table
===============================

A session's frames lie in a folder. One command finds the atoms of all of them; what fails is told,
and the rest is done.
"""

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile

from logstar import Lattice
from logstar.cli import main
from logstar.datasets import make_scene

# %%
# Four frames with more and more noise, and one file that is none.
session = Path(tempfile.mkdtemp())
crystal = Lattice.perovskite(3.905, pixel_size=0.2)
for number, noise in enumerate((0.05, 0.2, 0.4, 0.6)):
    frame = make_scene(crystal, (192, 192), noise=noise, random_state=number).image
    tifffile.imwrite(
        session / f"frame_{number}.tif", frame, resolution=(5e8, 5e8), resolutionunit="CENTIMETER"
    )
(session / "frame_4.tif").write_bytes(b"not a picture")

# %%
# In a shell this is ``logstar detect SESSION --crystal perovskite:a=3.905 --out FOUND``. The exit
# status is 2, since one file could not be read.
results = session / "found"
options = ["--crystal", "perovskite:a=3.905", "--out", str(results), "--no-plots"]
status = main(["detect", str(session), *options])
print("exit status", status)

# %%
# One table, a line for each frame.
with (results / "summary.csv").open(newline="") as file:
    frames = list(csv.DictReader(file))
for frame in frames:
    file = Path(frame["file"]).name
    print(f"{file}: {frame['verdict']}, {frame['n_found'] or 'no'} atoms. {frame['message']}")

# %%
# And the atoms of each frame in a folder of its own, with their errors.
from logstar.io import read_positions

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for path in sorted(results.glob("*/positions.csv")):
    atoms = read_positions(path)
    errors = np.asarray(atoms["row_error"], dtype=float)
    ax.hist(errors, bins=np.linspace(0, 0.6, 40), histtype="step", label=path.parent.name)
ax.set(xlabel="standard deviation of a row (px)", ylabel="atoms")
ax.legend(frameon=False)
