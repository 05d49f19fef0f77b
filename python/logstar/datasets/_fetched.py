"""Real micrographs under open licences, downloaded when they are first asked for.

Addresses on GitHub name a commit, so that what they give never changes.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from logstar._validation import FloatArray
from logstar.io import Micrograph, read_image
from logstar.units import PixelSize

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


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RealMicrograph(Micrograph):
    """A real micrograph and what its publisher says about it.

    Parameters
    ----------
    image, pixel_size, notes, metadata, path, origin : optional
        As of `logstar.io.Micrograph`.
    description : str
        What it shows.
    license : str
        Under which licence it was published.
    source : str
        The address.
    positions : ndarray of shape (n, 2), float64, or None, default=None
        Row and column of each atom that an expert saw, in whole pixels.

    Examples
    --------
    >>> from logstar.datasets import fetch_mos2
    >>> micrograph = fetch_mos2()  # doctest: +SKIP
    >>> micrograph.license  # doctest: +SKIP
    'MIT'
    """

    description: str
    license: str
    source: str
    positions: FloatArray | None = None

    @classmethod
    def of(cls, micrograph: Micrograph, **about: Any) -> Self:
        """Add to a micrograph what its publisher says.

        Parameters
        ----------
        micrograph : Micrograph
            As it was read.
        **about : object
            What this class has besides, and what replaces fields of the micrograph.

        Returns
        -------
        micrograph : RealMicrograph
        """
        return cls(**{**{f.name: getattr(micrograph, f.name) for f in fields(micrograph)}, **about})

    def __repr__(self) -> str:
        return f"{super().__repr__().removesuffix(')')}, {self.description})"


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
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_pt_on_carbon
    >>> micrograph = fetch_pt_on_carbon()  # doctest: +SKIP
    >>> micrograph.image.shape, len(micrograph.positions)  # doctest: +SKIP
    ((512, 512), 101)
    """
    path = fetch(_PT_IMAGE, data_home, download_if_missing=download_if_missing)
    labels = fetch(_PT_LABELS, data_home, download_if_missing=download_if_missing)
    with labels.open(newline="", encoding="utf-8") as file:
        clicks = [(float(row["Y"]), float(row["X"])) for row in csv.DictReader(file)]
    return RealMicrograph.of(
        read_image(path),
        description="single Pt atoms on N-doped carbon, HAADF-STEM",
        license="MIT, Copyright (c) 2022 HPAI-BSC",
        source=_PT_IMAGE.url,
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
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_mos2
    >>> fetch_mos2().image.shape  # doctest: +SKIP
    (512, 512)
    """
    path = fetch(_MOS2, data_home, download_if_missing=download_if_missing)
    return RealMicrograph.of(
        read_image(path),
        # A npy holds none. Its description gives a field of 9 nm.
        pixel_size=PixelSize(9 / 512, "nm"),
        description="MoS2 monolayer with 1 % V, HAADF-STEM at 60 kV",
        license="MIT, SciLink Team",
        source=_MOS2.url,
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
    OSError
        If it cannot be downloaded; the message says what to save where.

    Examples
    --------
    >>> from logstar.datasets import fetch_gold_grain_boundary
    >>> fetch_gold_grain_boundary().pixel_size is None  # doctest: +SKIP
    True
    """
    path = fetch(_GOLD, data_home, download_if_missing=download_if_missing)
    return RealMicrograph.of(
        read_image(path),
        description="grain boundary in gold, STEM",
        license="MIT, Copyright (c) 2019 xinhuolin",
        source=_GOLD.url,
    )
