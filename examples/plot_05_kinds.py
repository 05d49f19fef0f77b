"""
Four kinds of atoms, and two orientations of Ba
===============================================

In YBa2Cu3O7 along [100] there are four kinds of columns: Ba, Y, Cu in planes and Cu in chains. They
are told apart by their surroundings, without labels; so are the two orientations of Ba, whose
surroundings are turned by half a turn (Fig. 4 of the paper that logstar implements).
"""

import matplotlib.pyplot as plt
import numpy as np

from logstar import AtomTypeGMM, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.metrics import match_positions
from logstar.segmentation import extract_patches

crystal = Lattice.ybco(pixel_size=0.2)
scene = make_scene(crystal, shape=(320, 320), noise=0.1, random_state=0)
found = find_atoms(scene.image, lattice=crystal)

# %%
# Windows of two and a half nearest distances, centred on the atoms, are an ordinary table of
# samples. Atoms whose window the image's edge cuts are left out. In a pipeline, ``AtomPatches`` is
# this step.
side = int(2.5 * crystal.nearest_distance)
patches = extract_patches(scene.image, found.atoms_, side)
atoms = found.atoms_.positions[patches.kept]
types = AtomTypeGMM(random_state=0).fit(patches.windows.reshape(len(atoms), -1))
print(f"{len(atoms)} windows of {side} px, {types.n_types_} types")
print("orientations of each:", types.n_orientations_)

# %%
# Each type is one kind of column, judged by the truth.
match = match_positions(atoms, scene.positions, tolerance=3)
true = scene.kinds[match.true_indices]
labels = types.labels_[match.found_indices]
for label in range(types.n_types_):
    kinds, counts = np.unique(true[labels == label], return_counts=True)
    print(label, dict(zip(kinds.tolist(), counts.tolist(), strict=True)))

# %%
# The types over the image, the two orientations of one type in two shades.
fig, ax = plt.subplots(figsize=(6, 6), layout="constrained")
ax.imshow(scene.image, cmap="gray")
shades = plt.get_cmap("tab20")
for label in range(types.n_types_):
    for orientation in np.unique(types.orientations_[types.labels_ == label]):
        chosen = (types.labels_ == label) & (types.orientations_ == orientation)
        shade = shades(2 * label + (orientation == 2))
        name = f"type {label}" + (f", orientation {orientation}" if orientation else "")
        ax.plot(atoms[chosen, 1], atoms[chosen, 0], "o", color=shade, ms=6, label=name)
ax.set(xticks=[], yticks=[])
fig.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=8)
