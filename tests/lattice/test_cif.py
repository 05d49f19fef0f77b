"""Projected CIF structures against numbers derived by hand."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from logstar.lattice import Lattice
from logstar.lattice._expansion import Site
from logstar.lattice._projection import _complement, project
from logstar.units import PixelSize

# YBa2Cu3O7, Pmmm: P. Schweiss et al., Phys. Rev. B 49, 1387 (1994).
A, B, C = 3.819, 3.885, 11.680
Z_BA, Z_CU2 = 0.1842, 0.3551
YBCO = f"""\
data_YBa2Cu3O7
_cell_length_a {A}
_cell_length_b {B}
_cell_length_c {C}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P m m m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Y Y 0.5 0.5 0.5 1
Ba Ba 0.5 0.5 {Z_BA} 1
Cu1 Cu 0 0 0 1
Cu2 Cu 0 0 {Z_CU2} 1
O1 O 0 0 0.1592 1
O2 O 0.5 0 0.3783 1
O3 O 0 0.5 0.3783 1
O4 O 0 0.5 0 1
"""
# SrTiO3, Pm-3m: a = 3.905 angstrom.
S = 3.905
STO_SITES = """\
Sr Sr 0 0 0 1
Ti Ti 0.5 0.5 0.5 1
O O 0.5 0.5 0 1
"""


def cubic(sites: str, a: float = S, group: str | None = "P m -3 m") -> str:
    symmetry = "" if group is None else f"_symmetry_space_group_name_H-M '{group}'\n"
    return f"""\
data_cubic
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{symmetry}loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}"""


@pytest.fixture
def write(tmp_path):
    def write_cif(text: str):
        path = tmp_path / "crystal.cif"
        path.write_text(text, encoding="utf-8")
        return path

    return write_cif


def assert_lattice(lattice, cell, columns, sums):
    """Cell edges, columns a cell by kind, and sums of four neighbours, in angstrom."""
    assert (lattice.a, lattice.b, lattice.angle) == pytest.approx((*cell, 90), rel=1e-3)
    kinds = [column.kind for column in lattice.columns]
    assert {kind: kinds.count(kind) for kind in kinds} == columns
    found = {
        kind: total * lattice.pixel_size.value for kind, total in lattice.distance_sums().items()
    }
    assert found == pytest.approx(sums, rel=1e-3)
    area = cell[0] * cell[1] / lattice.pixel_size.value**2
    expected = 512 * 640 * sum(columns.values()) / area
    assert lattice.n_expected((512, 640)) == pytest.approx(expected, rel=1e-3)


class TestHandDerived:
    def test_ybco_100(self, write):
        # Seen along a: y across, z up. Y and Ba at y = 1/2, Cu at y = 0; O stands alone at y = 1/2
        # (O3, O4), with Cu (O2, 0.27 angstrom off) or at y = 0 between (O1): alone it is not seen.
        y_cu2 = math.hypot(B / 2, (0.5 - Z_CU2) * C)
        ba_cu1 = math.hypot(B / 2, Z_BA * C)
        ba_cu2 = math.hypot(B / 2, (Z_CU2 - Z_BA) * C)
        lattice = Lattice.from_cif(write(YBCO), "100", 0.15)
        assert_lattice(
            lattice,
            (B, C),
            {"Ba": 2, "Y": 1, "Cu2": 2, "Cu1": 1},
            {
                "Y": 4 * y_cu2,
                "Ba": 2 * ba_cu1 + 2 * ba_cu2,
                "Cu1": 4 * ba_cu1,
                "Cu2": 2 * y_cu2 + 2 * ba_cu2,
            },
        )
        assert lattice.nearest_distance_in_units == pytest.approx(y_cu2)
        assert lattice.distance_sums() == pytest.approx(Lattice.ybco(0.15).distance_sums())
        # By Z^1.7: 39 and 29 against 56; Cu2 with its oxygen.
        intensities = {
            "Ba": 1.0,
            "Y": (39 / 56) ** 1.7,
            "Cu1": (29 / 56) ** 1.7,
            "Cu2": (29**1.7 + 8**1.7) / 56**1.7,
        }
        assert lattice.relative_intensities() == pytest.approx(intensities)

    def test_ybco_001(self, write):
        # Along c: Y and two Ba in the middle, three Cu with O at the corners, O alone at the
        # edges. Every column has four of the other kind around it at half the diagonal.
        half = math.hypot(A, B) / 2
        lattice = Lattice.from_cif(write(YBCO), (0, 0, 1), 0.15)
        sums = {"Ba/Y": 4 * half, "Cu2/Cu1": 4 * half}
        assert_lattice(lattice, (A, B), {"Ba/Y": 1, "Cu2/Cu1": 1}, sums)
        heavy, light = 39**1.7 + 2 * 56**1.7, 3 * 29**1.7 + 2 * 8**1.7
        assert lattice.relative_intensities()["Cu2/Cu1"] == pytest.approx(light / heavy)

    def test_ybco_110(self, write):
        # Along [110] the cell's area is a b c over |a + b|, so across c it repeats every
        # a b / sqrt(a^2 + b^2); there x - y is whole for Y, Ba and Cu, half for O2, O3 and O4. So
        # all that is seen is one row along c: Cu1, Ba, Cu2, Y, Cu2, Ba.
        across = A * B / math.hypot(A, B)
        cu1_ba, ba_cu2, cu2_y = Z_BA * C, (Z_CU2 - Z_BA) * C, (0.5 - Z_CU2) * C
        sums = {
            # Two neighbours up and down, two across: the next diagonal is longer.
            "Cu1": 2 * cu1_ba + 2 * across,
            "Ba": cu1_ba + ba_cu2 + 2 * across,
            "Cu2": ba_cu2 + cu2_y + 2 * across,
            "Y": 2 * cu2_y + 2 * across,
        }
        lattice = Lattice.from_cif(write(YBCO), "[1 1 0]", 0.15)
        columns = {"Ba": 2, "Y": 1, "Cu1": 1, "Cu2": 2}
        assert_lattice(lattice, (across, C), columns, sums)
        assert lattice.nearest_distance_in_units == pytest.approx(cu2_y)

    def test_sto_001(self, write):
        lattice = Lattice.from_cif(write(cubic(STO_SITES)), "001", 0.0976)
        sums = 4 * S / math.sqrt(2)
        assert_lattice(lattice, (S, S), {"Sr": 1, "Ti": 1}, {"Sr": sums, "Ti": sums})
        # Ti has one O above it, pure O columns 0.07 of Sr.
        expected = (22**1.7 + 8**1.7) / 38**1.7
        assert lattice.relative_intensities()["Ti"] == pytest.approx(expected)

    def test_sto_110(self, write):
        # Across the axis it repeats every a / sqrt(2) = 2.761, along c every a. Sr at height 0, Ti
        # at 1/2, both at x - y = 0: up and down at a / 2, across at 2.761.
        lattice = Lattice.from_cif(write(cubic(STO_SITES)), "110", 0.0933)
        sums = 2 * S / 2 + 2 * S / math.sqrt(2)
        cell = (S / math.sqrt(2), S)
        assert_lattice(lattice, cell, {"Sr": 1, "Ti": 1}, {"Sr": sums, "Ti": sums})
        assert lattice.nearest_distance_in_units == pytest.approx(S / 2)

    def test_graphite_like_hexagonal_cell_is_primitive(self, write):
        # Diamond along [111]: projected primitive vectors a sqrt(3/2) / sqrt(3) = a / sqrt(6).
        diamond = cubic("C C 0.125 0.125 0.125 1\n", 3.567, "F d -3 m :2")
        lattice = Lattice.from_cif(write(diamond), "111", 0.1)
        assert lattice.a == pytest.approx(lattice.b)
        assert lattice.angle == pytest.approx(120)
        assert lattice.plane_group().symbol == "p6mm"
        assert lattice.n_expected((200, 200)) == pytest.approx(
            400 * len(lattice.columns) / (lattice.a**2 * math.sin(math.pi / 3))
        )


class TestCentredCells:
    def test_face_centred_gold(self, write):
        gold = write(cubic("Au Au 0 0 0 1\n", 4.078, "F m -3 m"))
        # [001]: a square of a / 2; [110]: two columns in a / sqrt(2) x a, a centred cell.
        square = Lattice.from_cif(gold, "001", 0.1)
        assert (square.a, square.b) == pytest.approx((4.078 / 2, 4.078 / 2))
        assert len(square.columns) == 1
        rhombic = Lattice.from_cif(gold, "110", 0.1)
        assert len(rhombic.columns) == 1
        assert rhombic.unit_cell_area * 0.1**2 == pytest.approx(4.078**2 / math.sqrt(2) / 2)
        assert rhombic.plane_group().symbol == "c2mm"

    @pytest.mark.parametrize("axis", [(1, 0, 0), (0, 0, 1), (2, 1, 0), (3, -2, 5), (-1, 4, -7)])
    def test_the_complement_spans_the_lattice(self, axis):
        first, second = _complement(axis)
        assert abs(round(np.linalg.det(np.array([axis, first, second])))) == 1

    @pytest.mark.parametrize("axis", [(1, 1, 0), (1, 2, 3), (2, -1, 1)])
    def test_all_atoms_are_in_the_columns(self, axis):
        # Columns per area, by their repeat along the axis, are the crystal's atoms per volume.
        sites = [Site("A", "Au", (0, 0, 0)), Site("B", "Au", (0.31, 0.47, 0.11))]
        cell = np.diag([3.0, 4.0, 5.0]) + 0.3
        edges, columns = project(cell, sites, axis, visible=0)
        repeat = np.linalg.norm(np.array(axis) @ cell)
        per_area = len(columns) / abs(np.linalg.det(edges))
        assert per_area / repeat == pytest.approx(2 / abs(np.linalg.det(cell)))


class TestVisible:
    def test_share_and_names(self, write):
        path = write(cubic(STO_SITES))
        kinds = {
            share: Lattice.from_cif(path, "001", 0.1, visible=share).kinds
            for share in (0, 0.06, 0.5)
        }
        assert kinds == {0: ("Sr", "Ti", "O"), 0.06: ("Sr", "Ti", "O"), 0.5: ("Sr",)}
        assert Lattice.from_cif(path, "001", 0.1, visible=["Ti"]).kinds == ("Ti",)
        assert Lattice.from_cif(path, "001", 0.1, visible="Sr").kinds == ("Sr",)
        with pytest.raises(ValueError, match=r"visible must name atoms .*got \['Pb'\]"):
            Lattice.from_cif(path, "001", 0.1, visible=["Pb"])
        with pytest.raises(ValueError, match="visible must be"):
            Lattice.from_cif(path, "001", 0.1, visible=2)

    def test_light_atoms_are_seen_among_themselves(self, write):
        # hBN as a flat cubic cell would have it: B has (5 / 7)^1.7 = 0.56 of N.
        path = write(cubic("B B 0 0 0 1\nN N 0.5 0.5 0 1\n", 3.6, "P 1"))
        assert Lattice.from_cif(path, "001", 0.1).kinds == ("N", "B")

    def test_partial_occupancy_weighs_less(self, write):
        path = write(cubic("Pb Pb 0 0 0 0.5\nSr Sr 0 0 0 0.5\nTi Ti 0.5 0.5 0.5 1\n", S, "P 1"))
        lattice = Lattice.from_cif(path, "001", 0.1)
        assert lattice.kinds == ("Pb/Sr", "Ti")
        assert lattice.columns[0].species == "Pb"
        mixed = (82**1.7 + 38**1.7) / 2
        assert lattice.relative_intensities()["Ti"] == pytest.approx(22**1.7 / mixed)


class TestBadInput:
    def test_no_symmetry_is_taken_as_all_atoms_and_said(self, write):
        path = write(cubic("Sr Sr 0 0 0 1\nTi Ti 0.5 0.5 0.5 1\n", group=None))
        with pytest.warns(UserWarning, match="states no symmetry; its 2 atoms"):
            assert len(Lattice.from_cif(path, "001", 0.1).columns) == 2

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            (cubic("Q1 Qq 0 0 0 1\n"), ValueError, "atom 'Q1' has the unknown element 'Qq'"),
            (cubic("Sr Sr 0 0 0 1.5\n"), ValueError, "occupancy 1.5; 0 to 1 can be"),
            (cubic("Sr Sr 0 0 0 1\nLa La 0 0 0 1\n"), ValueError, "La, Sr at .* 2 together"),
            (cubic("Sr Sr 0 0 0 0.6\nLa La 0 0 0 0.5\n"), ValueError, "La, Sr at .* 1.1 together"),
            (cubic("Sr Sr ? ? ? 1\n"), ValueError, "no coordinates"),
            ("data_empty\n_cell_length_a 3\n", ValueError, "holds no atoms"),
            (
                cubic("Sr Sr 0 0 0 1\n").replace(f"_cell_length_b {S}\n", ""),
                ValueError,
                "no unit cell",
            ),
            ("loop_ _atom", OSError, "is no CIF, or broken"),
            ("", ValueError, "holds no atoms"),
        ],
    )
    def test_files(self, write, text, error, message):
        with pytest.raises(error, match=message):
            Lattice.from_cif(write(text), "001", 0.1)

    def test_binary_and_missing(self, tmp_path):
        path = tmp_path / "x.cif"
        path.write_bytes(bytes(range(256)) * 20)
        with pytest.raises(OSError, match="is no CIF, or broken"):
            Lattice.from_cif(path, "001", 0.1)
        with pytest.raises(FileNotFoundError, match="no such file"):
            Lattice.from_cif(tmp_path / "y.cif", "001", 0.1)
        with pytest.raises(FileNotFoundError, match="a directory"):
            Lattice.from_cif(tmp_path, "001", 0.1)

    @pytest.mark.parametrize(
        ("pixel_size", "expected"),
        [
            ("0.2966 A", (0.2966, "A")),
            ("0.02966nm", (0.02966, "nm")),
            ("29.66 pm", (29.66, "pm")),
            ("2.966e-11 m", (0.02966, "nm")),
            (("0.1 nm", "0.1 nm"), (0.1, "nm")),
            (PixelSize(0.1, "nm"), (0.1, "nm")),
            (0.1, (0.1, "A")),
        ],
    )
    def test_pixel_sizes(self, write, pixel_size, expected):
        lattice = Lattice.from_cif(write(cubic(STO_SITES)), "001", pixel_size)
        assert lattice.pixel_size == PixelSize(*expected)
        angstrom = {"A": 1, "nm": 0.1, "pm": 100}[lattice.unit]
        assert lattice.a == pytest.approx(S * angstrom)

    @pytest.mark.parametrize(
        ("pixel_size", "error", "message"),
        [
            (None, TypeError, "pixel_size is missing"),
            ("wide", ValueError, "a number with a unit"),
            ("0.2", ValueError, "has no unit"),
            ("0.2 furlong", ValueError, "unit of pixel_size must be one of"),
            (-1, ValueError, "pixel_size must be"),
            ((0.1, 0.2), ValueError, "pixels must be square.*resample .* to 0.141421 A"),
            ((0.1, 0.2, 0.3), ValueError, "height and width"),
        ],
    )
    def test_bad_pixel_sizes(self, write, pixel_size, error, message):
        with pytest.raises(error, match=message):
            Lattice.from_cif(write(cubic(STO_SITES)), "001", pixel_size)

    def test_without_the_extra(self, write, monkeypatch):
        monkeypatch.setitem(sys.modules, "gemmi", None)
        with pytest.raises(ImportError, match=r'pip install "logstar\[crystal\]"'):
            Lattice.from_cif(write(YBCO), "001", 0.1)
