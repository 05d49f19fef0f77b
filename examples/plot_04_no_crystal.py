"""
MoS2 with no crystal given
==========================

The lattice is read off the image: its cell, its columns, and how many atoms there must be. The
layer is doped, and some of its atoms are missing.
"""

import matplotlib.pyplot as plt

from logstar import find_atoms
from logstar.datasets import make_typical_scene
from logstar.lattice import ImageLattice
from logstar.metrics import detection_metrics

scene = make_typical_scene("defects", (256, 256), random_state=0)

# %%
# What the image shows, with no pixel size: lengths are in pixels.
lattice = ImageLattice.from_image(scene.image)
print(f"{lattice.a:.3f} x {lattice.b:.3f} px, {lattice.angle:.2f} degrees")
print(f"{len(lattice.columns)} columns a cell, confidence {lattice.confidence:.2f}")

# %%
# ``find_atoms`` does this by itself where no crystal is given.
found = find_atoms(scene.image)
print(found.report())
scores = detection_metrics(found.atoms_, scene.positions, tolerance=3, shape=scene.image.shape)
print(f"F1 {scores.f1:.3f}")

# %%
# The lattice says where an atom is missing: sites whose neighbours are there. At the edge, where
# atoms are cut off, nothing is said.
missing = found.index().vacancies_
missing = missing[((missing > 5) & (missing < 250)).all(axis=1)]
fig, ax = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
ax.imshow(scene.image, cmap="gray")
ax.plot(found.atoms_["col"], found.atoms_["row"], ".", color="tab:cyan", ms=4, label="atoms")
ax.plot(missing[:, 1], missing[:, 0], "s", mfc="none", color="tab:red", ms=9, label="missing")
if scene.vacancies is not None:
    ax.plot(*scene.vacancies.T[::-1], "x", color="tab:green", ms=5, label="truly missing")
ax.set(xticks=[], yticks=[], xlim=(0, 255), ylim=(255, 0))
fig.legend(loc="outside upper left", ncols=3, frameon=False)
