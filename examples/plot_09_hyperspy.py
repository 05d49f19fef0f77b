"""
From HyperSpy to strain
=======================

A HyperSpy signal goes in with its calibration; atoms, their sites and a map of strain come out. The
film has an edge dislocation, whose strain is known.
"""

import hyperspy.api as hs
import numpy as np

from logstar import Lattice, find_atoms
from logstar.fields import strain
from logstar.inspection import StrainMapDisplay

# %%
# A micrograph of a perovskite with a dislocation, as a signal with axes in nanometres. Atoms are
# moved as isotropic elasticity says.
crystal = Lattice.perovskite(3.905, pixel_size="0.2 A")
side, sigma, edge = 320, 2.9, 3.905 / 0.2
atoms, kinds = crystal.positions((side + 80, side + 80))
atoms = atoms - 40
x, y = atoms[:, 1] - 163, 164 - atoms[:, 0]
r2, stiffness = x**2 + y**2, 2 * (1 - 0.3)
along = np.arctan2(y, x) + x * y / (stiffness * r2)
across = -(0.4 * np.log(r2 / edge**2) + (x**2 - y**2) / r2) / (2 * stiffness)
atoms = atoms + edge / (2 * np.pi) * np.column_stack([-across, along])

grid = np.arange(side)
heights = np.where(kinds == "A", 1.0, 0.5)
rows = np.exp(-((grid[:, None] - atoms[:, 0]) ** 2) / (2 * sigma**2))
cols = np.exp(-((grid[:, None] - atoms[:, 1]) ** 2) / (2 * sigma**2))
counts = np.random.default_rng(0).poisson(40 * (0.05 + (rows * heights) @ cols.T))

signal = hs.signals.Signal2D(counts.astype(np.float32))
for axis in signal.axes_manager.signal_axes:
    axis.scale, axis.units = 0.02, "nm"
print(signal)

# %%
# The pixel size is the signal's. It is kept as it is, since this crystal is strained.
found = find_atoms(signal, lattice=crystal, calibration="keep")
print(found.pixel_size_, found.verdict_)

# %%
# Which site each atom is, over the strain. Around a dislocation indices disagree along a cut, by
# its Burgers vector in cells.
indexer = found.index()
print("Burgers vector:", np.unique(np.abs(indexer.conflict_cells_), axis=0))

# %%
# Strain against the mean lattice: compressed above the core, where the extra half plane is, and
# stretched below.
field = strain(indexer, found.atoms_)
StrainMapDisplay(field).plot()

# %%
# Each value has a standard deviation, which tells what of the map is noise.
print(f"median standard deviation of e_xx: {np.nanmedian(field.errors[:, 0]):.2%}")
