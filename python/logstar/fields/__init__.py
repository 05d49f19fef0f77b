"""From atoms and their sites to maps: displacement, strain, polarisation, spacings, occupancy.

All take a fitted `logstar.lattice.LatticeIndexer` and its atoms with their errors, best a
`logstar.refinement.Refinement`. Every number comes with a standard deviation that is carried from
the covariances of the atoms it is made of, and is NaN where it is not defined.

Axes: x points along columns (to the right), y along rows (downwards). Vectors are (row, col), so
(y, x). Angles are in degrees, counter-clockwise as displayed with row 0 at the top.

=============================  ==============================================================
here                           symbol
=============================  ==============================================================
``deformation``                F, takes vectors of the reference to those seen
``e_xx``, ``e_yy``, ``e_xy``   strain, of (F + F^T) / 2 - 1 or of (F^T F - 1) / 2
``rotation``                   omega, of the lattice against the reference
``polarization``               p, a column's displacement from the centre of its neighbours
=============================  ==============================================================
"""

from ._displacements import displacements
from ._field_grid import FieldGrid
from ._field_table import field_table
from ._polarization import polarization
from ._sites import SiteStatistics
from ._spacings import ScalarField, spacings
from ._strain import StrainField, strain
from ._vacancies import VacancyEvidence, vacancy_evidence
from ._vector_field import VectorField, ZeroTest

__all__ = [
    "FieldGrid",
    "ScalarField",
    "SiteStatistics",
    "StrainField",
    "VacancyEvidence",
    "VectorField",
    "ZeroTest",
    "displacements",
    "field_table",
    "polarization",
    "spacings",
    "strain",
    "vacancy_evidence",
]
