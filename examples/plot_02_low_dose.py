"""
Noise that the eye hardly sees through
======================================

At a noise of 0.8 of the image's range the atoms are found in a denoised image, and each one is
tested in the raw image.
"""

import matplotlib.pyplot as plt

from logstar import Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.metrics import detection_metrics

crystal = Lattice.ybco(pixel_size=0.2)
scene = make_scene(crystal, shape=(256, 256), noise=0.8, random_state=0)

# %%
# Without and with denoising, judged by the truth.
plain = find_atoms(scene.image, lattice=crystal)
denoised = find_atoms(scene.image, lattice=crystal, denoise="auto")
for name, found in (("plain", plain), ("denoised", denoised)):
    scores = detection_metrics(found.atoms_, scene.positions, tolerance=3)
    print(f"{name}: F1 {scores.f1:.3f}, verdict {found.verdict_.status}")

# %%
# The atoms that were found through the denoised image, over the raw one.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
axes[0].imshow(scene.image, cmap="gray")
axes[1].imshow(scene.image, cmap="gray")
axes[1].plot(
    denoised.atoms_["col"], denoised.atoms_["row"], "o", mfc="none", color="tab:cyan", ms=5
)
for ax, title in zip(axes, ("raw", f"{len(denoised.atoms_)} atoms"), strict=True):
    ax.set(title=title, xticks=[], yticks=[])
