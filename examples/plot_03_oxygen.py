"""
Oxygen in annular bright field
==============================

Atoms are dark there, and light ones show. The crystal is told with its oxygen, the polarity is told
as dark.
"""

import matplotlib.pyplot as plt

from logstar import find_atoms
from logstar.datasets import make_typical_scene
from logstar.metrics import detection_metrics

scene = make_typical_scene("dark_atoms", (256, 256), random_state=0)
crystal = scene.lattice
print([column.kind for column in crystal.columns])

# %%
# Oxygen columns are weak beside those of Sr, and half as far from Ti.
found = find_atoms(scene.image, lattice=crystal, polarity="dark")
print(found.verdict_)
scores = detection_metrics(found.atoms_, scene.positions, tolerance=3, shape=scene.image.shape)
print(f"{len(found.atoms_)} atoms, F1 {scores.f1:.3f}")

# %%
# Which of them are oxygen, the indexer tells: it lays the crystal over the atoms.
kinds = found.index().kinds_
fig, ax = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
ax.imshow(scene.image, cmap="gray")
for kind, element, color in (
    ("A", "Sr", "tab:blue"), ("B", "Ti", "tab:orange"), ("O", "O", "tab:red"),
):  # fmt: skip
    of_kind = found.atoms_.positions[kinds == kind]
    label = f"{len(of_kind)} {element}"
    ax.plot(of_kind[:, 1], of_kind[:, 0], "o", mfc="none", color=color, ms=6, label=label)
ax.set(xticks=[], yticks=[])
fig.legend(loc="outside upper left", ncols=3, frameon=False)

# %%
# With the wrong polarity the same image gives the gaps between atoms, and the verdict notices.
print(find_atoms(scene.image, lattice="auto", polarity="bright").verdict_)
