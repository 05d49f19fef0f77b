"""
Where the crystal is damaged
============================

Two irradiated pockets in YBa2Cu3O7, found from the surroundings of the atoms, beside the truth.
"""

import matplotlib.pyplot as plt
import numpy as np

from logstar import AmorphousGMMSegmenter, Lattice, find_atoms
from logstar.datasets import make_scene

crystal = Lattice.ybco(pixel_size=0.2)
pockets = [(140, 150, 55), (280, 270, 40)]
scene = make_scene(crystal, (384, 384), amorphous_pockets=pockets, noise=0.05, random_state=0)

# %%
# Atoms first. The verdict says that something is odd: the pockets are no crystal.
found = find_atoms(scene.image, lattice=crystal)
print(found.verdict_)

# %%
# Then the map.
segmenter = AmorphousGMMSegmenter(random_state=0).fit(scene.image, positions=found.atoms_)
truth = scene.amorphous_mask
overlap = np.count_nonzero(segmenter.mask_ & truth) / np.count_nonzero(segmenter.mask_ | truth)
print(f"{len(segmenter.regions_)} regions, intersection over union with the truth {overlap:.2f}")

figure, ax = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
ax.imshow(scene.image, cmap="gray")
ax.contour(truth, [0.5], colors="tab:green")
ax.contour(segmenter.mask_, [0.5], colors="tab:red")
ax.set(title="red: found, green: true", xticks=[], yticks=[])
