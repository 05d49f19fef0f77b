"""
SrTiO3 in five lines
====================

The main job: an image and its crystal, to atoms and a verdict.
"""

from logstar import Lattice, find_atoms
from logstar.datasets import make_scene

crystal = Lattice.perovskite(3.905, pixel_size=0.2)
scene = make_scene(crystal, shape=(256, 256), rotation=8, noise=0.1, random_state=0)
found = find_atoms(scene.image, lattice=crystal)

# %%
# Everything that was found out about the image. The verdict comes first; the guide has a page on
# each line.
print(found.report())

# %%
# The picture that the command writes as well: atoms over the image, and how their number depends on
# the threshold. The plateau is where the number does not change.
found.plot()

# %%
# Rows and columns below a pixel, each with its standard deviation.
for row, error, col in zip(
    found.atoms_["row"][:3], found.atoms_["row_error"][:3], found.atoms_["col"][:3], strict=True
):
    print(f"row {row:.3f} +- {error:.3f} px, column {col:.3f} px")

# %%
# The scene is simulated, so that the result can be judged by the truth.
from logstar.metrics import detection_metrics

scores = detection_metrics(found.atoms_, scene.positions, tolerance=3, shape=scene.image.shape)
print(f"F1 {scores.f1:.4f}, RMSE {scores.rmse:.3f} px")
