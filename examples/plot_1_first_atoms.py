"""
Atoms in five lines
===================

The main job: an image and its crystal, to atoms and a verdict.
"""

# %%
# The micrograph that comes with the package is simulated by multislice, so its columns are known.
from logstar import Lattice, find_atoms
from logstar.datasets import load_ybco

scene = load_ybco()
found = find_atoms(scene.image, lattice=Lattice.ybco(pixel_size="0.15 A"))
print(found.report())

# %%
# The picture that the command writes as well: atoms over the image, and how their number depends on
# the threshold. The plateau is where the number does not change.
found.plot()

# %%
# The truth is known here, so that the result can be judged by it.
from logstar.metrics import detection_metrics

scores = detection_metrics(found.atoms_, scene.positions, tolerance=3, shape=scene.image.shape)
print(f"F1 {scores.f1:.4f}, RMSE {scores.rmse:.2f} px")
