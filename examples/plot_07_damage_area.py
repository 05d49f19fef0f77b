"""
Damage in square nanometres
===========================

How much of a film is amorphous, with the regions one by one, from the image alone: the pixel size
gives the unit.
"""

from logstar import AmorphousGMMSegmenter, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.inspection import AmorphousMapDisplay

crystal = Lattice.ybco(pixel_size="0.2 A")
pockets = [(110, 120, 48), (230, 240, 36)]
scene = make_scene(crystal, (320, 320), amorphous_pockets=pockets, noise=0.05, random_state=3)
found = find_atoms(scene.image, lattice=crystal)
segmenter = AmorphousGMMSegmenter(pixel_size="0.02 nm", random_state=0)
segmenter.fit(scene.image, positions=found.atoms_)

# %%
# A region has its area and perimeter in the pixel size's unit, squared and plain.
for region in segmenter.regions_:
    print(
        f"{region.kind} (confidence {region.confidence:.2f}): "
        f"{region.area_in_units:.2f} {region.unit}^2, {region.n_atoms} atoms, "
        f"compactness {region.compactness:.3f}"
    )
side = segmenter.pixel_size_.to("nm").value
damaged = segmenter.mask_.sum() * side**2
print(f"{damaged:.2f} of {scene.image.size * side**2:.1f} nm^2 are amorphous")

# %%
# The truth, since the scene is simulated.
true = scene.amorphous_mask.sum() * side**2
print(f"truly {true:.2f} nm^2: {damaged / true - 1:+.1%}")

# %%
# The map. Signs of a region that were too weak or too small are kept apart, with the reason.
AmorphousMapDisplay.from_estimator(segmenter, scene.image)
for region in segmenter.rejected_:
    print(f"rejected: {region.area_in_units:.3f} nm^2, {region.rejected_for}")
