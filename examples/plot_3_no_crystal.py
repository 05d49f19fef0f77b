"""
No crystal given
================

The lattice is read off the image: its cell, its columns, and how many atoms there must be.
"""

from logstar import find_atoms
from logstar.datasets import make_scene
from logstar.lattice import ImageLattice, Lattice

scene = make_scene(
    Lattice.perovskite(3.905, pixel_size=0.2),
    shape=(256, 256), rotation=17, noise=0.2, vacancy_fraction=0.02, random_state=1,
)  # fmt: skip

# %%
# What the image shows, with no pixel size: lengths are in pixels.
lattice = ImageLattice.from_image(scene.image)
print(f"{lattice.a:.3f} x {lattice.b:.3f} px, {lattice.angle:.2f} degrees")
print(f"{len(lattice.columns)} columns a cell, confidence {lattice.confidence:.2f}")

# %%
# ``find_atoms`` does this by itself where no crystal is given.
found = find_atoms(scene.image)
print(found.report())
found.plot()
