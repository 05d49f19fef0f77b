"""The simulated micrograph that is part of the package."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.lattice import Lattice

from ._base import Scene

#: Of the incident electrons, what one grey level of the clean image stands for.
_CLEAN_STEP = 2.0**-19


def load_ybco(noisy: bool = False) -> Scene:
    """Load a simulated HAADF-STEM micrograph of YBa2Cu3O7 with every column known.

    YBa2Cu3O7 along [100], c down the image, 512 x 512 pixels of 0.15 angstrom, turned by 2
    degrees counter-clockwise; 784 visible columns: 248 Ba, 138 Y, 120 Cu1 (chains), 278 Cu2
    (planes). O is not visible and not in the truth.

    Parameters
    ----------
    noisy : bool, default=False
        False gives the mean image, as the share of the incident electrons that the detector
        counts (0.0047 to 0.1023). True gives counted electrons at 20,000 per square angstrom, or
        450 per pixel: whole numbers from 0 to 69.

    Returns
    -------
    scene : Scene
        The image (float32), positions, kinds and the lattice at its pixel size. Positions are
        those of the nuclei: the tails of O and of neighbours pull a fitted peak away from Cu2 by
        0.53 px and from Ba by 0.05 px, from Y and Cu1 by less than 0.002 px.

    Notes
    -----
    Frozen-phonon multislice with abTEM 1.0.11: 200 kV, 25 mrad probe, detector 70-145 mrad, 76.4
    angstrom thick, two phonon configurations, averaged over the symmetry of the cell (2mm),
    interpolated by Fourier series, blurred by a source of 0.35 angstrom (sigma). The noise is
    Poisson's. The clean image is stored in 16 bits: at most 9.6e-7 (9.3e-6 of its maximum) away
    from the computed one. The noisy image is stored exactly.

    Examples
    --------
    >>> from logstar.datasets import load_ybco
    >>> scene = load_ybco()
    >>> scene.image.shape, len(scene.positions), scene.pixel_size
    ((512, 512), 784, PixelSize(0.15, 'A'))
    """
    if noisy:
        image = _read_image("ybco100_noisy.png").astype(np.float32)
    else:
        image = _read_image("ybco100_clean.png").astype(np.float32) * np.float32(_CLEAN_STEP)
    positions, kinds = _read_columns("ybco100_columns.csv")
    dose = "20,000 electrons per square angstrom" if noisy else "no noise"
    return Scene(
        image=image,
        positions=positions,
        kinds=kinds,
        lattice=Lattice.ybco(pixel_size=0.15),
        description=f"YBa2Cu3O7 along [100], HAADF simulated by multislice, {dose}",
    )


def _read_image(name: str) -> NDArray[np.uint16] | NDArray[np.uint8]:
    # Here, so that importing logstar.datasets does not cost an image library.
    from PIL import Image  # noqa: PLC0415

    with (files(__package__) / "data" / name).open("rb") as file, Image.open(file) as image:
        return np.asarray(image)


def _read_columns(name: str) -> tuple[FloatArray, NDArray[np.str_]]:
    text = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    positions = np.array([[float(row["row"]), float(row["col"])] for row in rows])
    return positions, np.array([row["kind"] for row in rows])
