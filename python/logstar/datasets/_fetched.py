"""Real micrographs under open licences, downloaded when they are first asked for.

Addresses on GitHub name a commit, so that what they give never changes.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._fetching import RemoteFile, fetch

_GITHUB = "https://raw.githubusercontent.com"
_PT_IMAGE = RemoteFile(
    "066_HAADF_15nm_Sample_PtNC_21Oct20.tif",
    f"{_GITHUB}/HPAI-BSC/AtomDetection_ACSTEM/938747043ef0a07b842ee5adb22e2a8e2785f3f3"
    "/data/tif_data/066_HAADF_15nm_Sample_PtNC_21Oct20.tif",
    "7898c66b8d9a99bc9888bcfad19765a2928df24da2bea918a0f446b8cba18eb1",
)
_PT_LABELS = RemoteFile(
    "066_Results.csv",
    f"{_GITHUB}/HPAI-BSC/AtomDetection_ACSTEM/354bb5493acc1163d6888456f9df0ecdc5c6ced4"
    "/data/label_coordinates/066_Results.csv",
    "2a0acbef21b132f166cfcad494b98218f0f1b93a1ee49350b3e65c1a3c1a6104",
)
_MOS2 = RemoteFile(
    "MoS2_stem_Exp-000-2.npy",
    f"{_GITHUB}/ziatdinovmax/SciLink/4087378661eb6b358537c8210593fe3cbe9423c2"
    "/examples/data/MoS2_stem_Exp-000-2.npy",
    "ecec2cb6c35cf176b9388b0d945d474c97a155dc0363d8f488c896f87998af66",
)
_GOLD = RemoteFile(
    "Grain_boundry_gold_512px.png",
    f"{_GITHUB}/xinhuolin/AtomSegNet/ab780da888154f1a3448f6150eed368e0c6e36a1"
    "/test_img/Grain_boundry_gold_512px.png",
    "7c071fd2f9fb723e0810992962535e3fb7c7e2b4342c469a68944848d3351ac5",
)


@dataclass(frozen=True, eq=False, repr=False)
class RealMicrograph:
    """A real micrograph and what its publisher says about it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        In the number type of the file.
    pixel_size : float or None
        Side of a pixel in `unit`; None if nobody says.
    unit : str or None
        Unit of `pixel_size`.
    description : str
        What it shows.
    license : str
        Under which licence it was published.
    source : str
        The address.
    path : Path
        The file.
    positions : ndarray of shape (n, 2), float64, or None
        Row and column of each atom that an expert saw, in whole pixels.

    Examples
    --------
    >>> from logstar.datasets import fetch_mos2
    >>> micrograph = fetch_mos2()  # doctest: +SKIP
    >>> micrograph.license  # doctest: +SKIP
    'MIT'
    """

    image: NDArray[Any]
    pixel_size: float | None
    unit: str | None
    description: str
    license: str
    source: str
    path: Path
    positions: FloatArray | None = None

    def __repr__(self) -> str:
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size:.5g} {self.unit}/px"
        return f"RealMicrograph({n_rows} x {n_cols} px{size}: {self.description})"


def fetch_pt_on_carbon(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> RealMicrograph:
    """Fetch a HAADF micrograph of single Pt atoms on N-doped carbon, with an expert's clicks.

    512 x 512 pixels of 0.0293 nm (1.0 MB): bright single atoms on an uneven amorphous support, no
    lattice; 101 atoms marked by experts, in whole pixels. A hard one. Published with Mitchell et
    al., J. Am. Chem. Soc. 2022, 144, 8018, doi 10.1021/jacs.1c12466.

    Source: github.com/HPAI-BSC/AtomDetection_ACSTEM. Licence: MIT, Copyright (c) 2022 HPAI-BSC
    (the file LICENSE there).

    Parameters
    ----------
    data_home : path-like, default=None
        Folder of downloaded files. None is that in ``LOGSTAR_DATA``, else ``logstar`` in the
        user's cache.
    download_if_missing : bool, default=True
        False raises instead of downloading.

    Returns
    -------
    micrograph : RealMicrograph
        With `positions`.

    Raises
    ------
    ImportError
        If it must be downloaded without the extra ``fetch``.
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_pt_on_carbon
    >>> micrograph = fetch_pt_on_carbon()  # doctest: +SKIP
    >>> micrograph.image.shape, len(micrograph.positions)  # doctest: +SKIP
    ((512, 512), 101)
    """
    import tifffile  # noqa: PLC0415 - heavy; most data sets need none of it

    path = fetch(_PT_IMAGE, data_home, download_if_missing=download_if_missing)
    labels = fetch(_PT_LABELS, data_home, download_if_missing=download_if_missing)
    with labels.open(newline="", encoding="utf-8") as file:
        clicks = [(float(row["Y"]), float(row["X"])) for row in csv.DictReader(file)]
    return RealMicrograph(
        image=tifffile.imread(path),
        # As in its tags: 15 nm across 512 pixels.
        pixel_size=15 / 512,
        unit="nm",
        description="single Pt atoms on N-doped carbon, HAADF-STEM",
        license="MIT, Copyright (c) 2022 HPAI-BSC",
        source=_PT_IMAGE.url,
        path=path,
        positions=np.array(clicks),
    )


def fetch_mos2(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> RealMicrograph:
    """Fetch a noisy HAADF micrograph of a V-doped MoS2 monolayer.

    512 x 512 pixels of 0.01758 nm (1.0 MB): MoS2 with 1 % V, grown by MOCVD, at 60 kV and 30 pA;
    noisy, sheared by the scan by about 15 %.

    Source: github.com/ziatdinovmax/SciLink. Licence: MIT (as its pyproject.toml says).

    Parameters
    ----------
    data_home : path-like, default=None
        Folder of downloaded files. None is that in ``LOGSTAR_DATA``, else ``logstar`` in the
        user's cache.
    download_if_missing : bool, default=True
        False raises instead of downloading.

    Returns
    -------
    micrograph : RealMicrograph
        The image, its pixel size where known, licence and source.

    Raises
    ------
    ImportError
        If it must be downloaded without the extra ``fetch``.
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_mos2
    >>> fetch_mos2().image.shape  # doctest: +SKIP
    (512, 512)
    """
    path = fetch(_MOS2, data_home, download_if_missing=download_if_missing)
    return RealMicrograph(
        image=np.load(path),
        # Its description gives a field of 9 nm.
        pixel_size=9 / 512,
        unit="nm",
        description="MoS2 monolayer with 1 % V, HAADF-STEM at 60 kV",
        license="MIT, SciLink Team",
        source=_MOS2.url,
        path=path,
    )


def fetch_gold_grain_boundary(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> RealMicrograph:
    """Fetch a micrograph of a grain boundary in gold: two lattices in one image.

    512 x 512 pixels of unknown size (0.2 MB); nearest atoms are 18 to 19 pixels apart. Published
    with Lin et al., Sci. Rep. 2021, 11, 5386, doi 10.1038/s41598-021-84499-w.

    Source: github.com/xinhuolin/AtomSegNet. Licence: MIT, Copyright (c) 2019 xinhuolin (the file
    LICENSE there).

    Parameters
    ----------
    data_home : path-like, default=None
        Folder of downloaded files. None is that in ``LOGSTAR_DATA``, else ``logstar`` in the
        user's cache.
    download_if_missing : bool, default=True
        False raises instead of downloading.

    Returns
    -------
    micrograph : RealMicrograph
        The image, its pixel size where known, licence and source.

    Raises
    ------
    ImportError
        If it must be downloaded without the extra ``fetch``.
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_gold_grain_boundary
    >>> fetch_gold_grain_boundary().pixel_size is None  # doctest: +SKIP
    True
    """
    from PIL import Image  # noqa: PLC0415 - heavy; most data sets need none of it

    path = fetch(_GOLD, data_home, download_if_missing=download_if_missing)
    with path.open("rb") as file, Image.open(file) as picture:
        image = np.asarray(picture.convert("L"))
    return RealMicrograph(
        image=image,
        pixel_size=None,
        unit=None,
        description="grain boundary in gold, STEM",
        license="MIT, Copyright (c) 2019 xinhuolin",
        source=_GOLD.url,
        path=path,
    )
