"""What a CIF states about its symmetry, against an expansion written here by other means.

Groups are built from generators typed in from the International Tables, as matrices that are
multiplied until nothing new comes; no table of space groups is used.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest

from logstar.lattice import Lattice
from logstar.lattice._cif import read_cif
from logstar.lattice._projection import project

CUBIC = (5.6, 5.6, 5.6, 90, 90, 90)
TETRAGONAL = (5.1, 5.1, 7.3, 90, 90, 90)
ORTHORHOMBIC = (5.3, 6.4, 7.7, 90, 90, 90)
MONOCLINIC_B = (5.3, 6.4, 7.7, 90, 107, 90)
MONOCLINIC_C = (5.3, 6.4, 7.7, 90, 90, 107)
HEXAGONAL = (5.2, 5.2, 8.1, 90, 90, 120)
RHOMBOHEDRAL = (5.4, 5.4, 5.4, 63, 63, 63)
TRICLINIC = (5.3, 6.4, 7.7, 82, 97, 106)

F = "x,1/2+y,1/2+z; 1/2+x,y,1/2+z"
R_OBVERSE = "2/3+x,1/3+y,1/3+z"
#: Name in the file, cell, generators, order of the group.
GROUPS = [
    ("P 1", TRICLINIC, "x,y,z", 1),
    ("P -1", TRICLINIC, "-x,-y,-z", 2),
    ("P 2/m", MONOCLINIC_B, "-x,y,-z; -x,-y,-z", 4),
    ("P 2/m", MONOCLINIC_C, "-x,-y,z; -x,-y,-z", 4),
    ("P 21/c", MONOCLINIC_B, "-x,1/2+y,1/2-z; -x,-y,-z", 4),
    ("P 21/n", MONOCLINIC_B, "1/2-x,1/2+y,1/2-z; -x,-y,-z", 4),
    ("P 1 1 21/b", MONOCLINIC_C, "-x,1/2-y,1/2+z; -x,-y,-z", 4),
    ("C 2/m", MONOCLINIC_B, "-x,y,-z; -x,-y,-z; 1/2+x,1/2+y,z", 8),
    ("P n m a", ORTHORHOMBIC, "1/2-x,-y,1/2+z; -x,1/2+y,-z; -x,-y,-z", 8),
    ("P b n m", ORTHORHOMBIC, "-x,-y,1/2+z; 1/2+x,1/2-y,-z; -x,-y,-z", 8),
    ("C m c m", ORTHORHOMBIC, "-x,-y,1/2+z; -x,y,1/2-z; -x,-y,-z; 1/2+x,1/2+y,z", 16),
    ("P 4/m m m", TETRAGONAL, "-y,x,z; -x,y,-z; -x,-y,-z", 16),
    ("P 42/m n m", TETRAGONAL, "1/2-y,1/2+x,1/2+z; 1/2-x,1/2+y,1/2-z; -x,-y,-z", 16),
    ("I 41/a m d:1", TETRAGONAL,
     "-y,1/2+x,1/4+z; 1/2-x,y,3/4-z; -x,1/2-y,1/4-z; 1/2+x,1/2+y,1/2+z", 32),
    ("I 41/a m d:2", TETRAGONAL,
     "1/4-y,3/4+x,1/4+z; 1/2-x,y,1/2-z; -x,-y,-z; 1/2+x,1/2+y,1/2+z", 32),
    ("P -3 m 1", HEXAGONAL, "-y,x-y,z; y,x,-z; -x,-y,-z", 12),
    ("P 31 2 1", HEXAGONAL, "-y,x-y,1/3+z; y,x,-z", 6),
    ("R -3 m", HEXAGONAL, f"-y,x-y,z; y,x,-z; -x,-y,-z; {R_OBVERSE}", 36),
    ("R -3 m", RHOMBOHEDRAL, "z,x,y; -z,-y,-x; -x,-y,-z", 12),
    ("R 3 c", HEXAGONAL, f"-y,x-y,z; -y,-x,1/2+z; {R_OBVERSE}", 18),
    ("P 63/m m c", HEXAGONAL, "-y,x-y,z; -x,-y,1/2+z; y,x,-z; -x,-y,-z", 24),
    ("P a -3", CUBIC, "1/2-x,-y,1/2+z; -x,1/2+y,1/2-z; z,x,y; -x,-y,-z", 24),
    ("F -4 3 m", CUBIC, f"-x,-y,z; -x,y,-z; z,x,y; y,x,z; {F}", 96),
    ("P m -3 m", CUBIC, "-x,-y,z; -x,y,-z; z,x,y; y,x,-z; -x,-y,-z", 48),
    ("F m -3 m", CUBIC, f"-x,-y,z; -x,y,-z; z,x,y; y,x,-z; -x,-y,-z; {F}", 192),
    ("F d -3 m:1", CUBIC,
     f"-x,1/2-y,1/2+z; 1/2-x,1/2+y,-z; z,x,y; 3/4+y,1/4+x,3/4-z; 1/4-x,1/4-y,1/4-z; {F}", 192),
    ("F d -3 m:2", CUBIC,
     f"3/4-x,1/4-y,1/2+z; 1/4-x,1/2+y,3/4-z; z,x,y; 3/4+y,1/4+x,1/2-z; -x,-y,-z; {F}", 192),
    ("F d -3 m S", CUBIC,
     f"-x,1/2-y,1/2+z; 1/2-x,1/2+y,-z; z,x,y; 3/4+y,1/4+x,3/4-z; 1/4-x,1/4-y,1/4-z; {F}", 192),
    ("F d -3 m Z", CUBIC,
     f"3/4-x,1/4-y,1/2+z; 1/4-x,1/2+y,3/4-z; z,x,y; 3/4+y,1/4+x,1/2-z; -x,-y,-z; {F}", 192),
]  # fmt: skip
#: A special site, one beside it that is split, a general one; with their occupancies.
SITES = [
    ("Ba1", "Ba", (Fraction(0), Fraction(0), Fraction(0)), 0.5),
    ("Ti1", "Ti", (Fraction(51, 100), Fraction(12, 25), Fraction(49, 100)), 0.02),
    ("O1", "O", (Fraction(13, 100), Fraction(27, 100), Fraction(38, 100)), 0.5),
]
#: Translations of all space groups are whole numbers of 24ths.
PARTS = 24
ZONES = [(0, 0, 1), (1, 0, 0), (1, 1, 0), (1, -1, 0), (1, 1, 1), (2, 1, 0)]


def matrix_of(text):
    """A 4 x 4 matrix of an operation such as '1/2-x,y-x,z', with translations in 24ths."""
    matrix = [[0] * 4 for _ in range(3)] + [[0, 0, 0, 1]]
    for row, part in enumerate(text.replace(" ", "").split(",")):
        for sign, number, axis in re.findall(r"([+-]?)(?:(\d+/\d+)|([xyz]))", part):
            value = int(PARTS * Fraction(number)) if number else 1
            column = "xyz".index(axis) if axis else 3
            matrix[row][column] += -value if sign == "-" else value
    return matrix


def product(one, other):
    rows = [[sum(a * b for a, b in zip(row, col)) for col in zip(*other)] for row in one]  # noqa: B905 - both have 4
    return tuple(
        tuple(x % PARTS if j == 3 and i < 3 else x for j, x in enumerate(row))
        for i, row in enumerate(rows)
    )


def group_of(generators):
    elements = [matrix_of(text) for text in generators.split(";")]
    identity = matrix_of("x,y,z")
    group = {product(identity, identity)}
    new = set(group)
    while new:
        new = {product(one, other) for one in new for other in elements} - group
        group |= new
    return group


def images_of(group, place):
    """All distinct images of a place, as exact fractions."""
    point = [*place, Fraction(1, PARTS)]
    return {
        tuple(sum(a * b for a, b in zip(row, point, strict=True)) % 1 for row in matrix[:3])
        for matrix in group
    }


def cif_of(name, cell, sites=SITES, more=""):
    lengths = "".join(f"_cell_length_{n} {v}\n" for n, v in zip("abc", cell, strict=False))
    angles = "".join(
        f"_cell_angle_{n} {v}\n" for n, v in zip(("alpha", "beta", "gamma"), cell[3:], strict=True)
    )
    stated = f"_symmetry_space_group_name_H-M '{name}'\n" if name else ""
    rows = "".join(
        f"{label} {species} {' '.join(f'{float(x):.4f}' for x in place)} {occupancy}\n"
        for label, species, place, occupancy in sites
    )
    return f"""\
data_x
{lengths}{angles}{stated}{more}loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{rows}"""


@pytest.fixture
def write(tmp_path):
    def write_cif(text, encoding="utf-8"):
        path = tmp_path / "crystal.cif"
        path.write_text(text, encoding=encoding)
        return path

    return write_cif


def places_of(atoms, label):
    return np.array([atom.place for atom in atoms if atom.label == label])


def assert_same_places(found, expected):
    expected = np.array([[float(x) for x in place] for place in expected])
    assert len(found) == len(expected)
    apart = found[:, None] - expected
    off = np.abs(apart - np.round(apart)).max(axis=2)
    assert off.min(axis=0).max() < 1e-6
    assert off.min(axis=1).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "cell", "generators", "order"),
    GROUPS,
    ids=[f"{name} {'-'.join(map(str, cell))}" for name, cell, _, _ in GROUPS],
)
def test_expansion_and_projections(write, name, cell, generators, order):
    group = group_of(generators)
    assert len(group) == order
    edges, atoms = read_cif(write(cif_of(name, cell)))
    expected = {label: images_of(group, place) for label, _, place, _ in SITES}
    for label, _, _, occupancy in SITES:
        # None is lost and none is there twice, however near to a symmetry element it is.
        found = places_of(atoms, label)
        assert_same_places(found, expected[label])
        total = sum(atom.occupancy for atom in atoms if atom.label == label)
        assert total == pytest.approx(occupancy * len(expected[label]))
    # What a projection shows is what the atoms of the independent expansion show.
    truth = [
        type(atoms[0])(label, species, tuple(map(float, place)), occupancy)
        for label, species, _, occupancy in SITES
        for place in expected[label]
    ]
    for zone in ZONES:
        assert_same_picture(project(edges, atoms, zone), project(edges, truth, zone))


def assert_same_picture(one, other):
    np.testing.assert_allclose(one.cell @ one.cell.T, other.cell @ other.cell.T, atol=1e-6)
    kinds = [[(c.kind, round(c.weight, 6)) for c in p.columns] for p in (one, other)]
    assert sorted(kinds[0]) == sorted(kinds[1])


def as_text(matrix):
    """An operation in the letters of a CIF, such as '-x,1/2+y,-z'."""
    terms = []
    for row in matrix[:3]:
        axes = "".join(
            ("+" if x > 0 else "-") + axis for x, axis in zip(row[:3], "xyz", strict=True) if x
        )
        terms.append(f"{Fraction(row[3], PARTS)}{axes}" if row[3] else axes)
    return ",".join(terms)


@pytest.mark.parametrize(
    ("name", "cell", "generators"),
    [group[:3] for group in GROUPS[2::4]],
    ids=[group[0] for group in GROUPS[2::4]],
)
def test_a_list_of_operations_gives_what_the_name_gives(write, name, cell, generators):
    _, by_name = read_cif(write(cif_of(name, cell)))
    texts = [as_text(matrix) for matrix in group_of(generators)]
    more = "loop_\n_space_group_symop_operation_xyz\n" + "".join(f"'{t}'\n" for t in texts)
    _, by_list = read_cif(write(cif_of("", cell, more=more)))
    assert len(by_list) == len(by_name)
    for label, *_ in SITES:
        assert_same_places(places_of(by_list, label), places_of(by_name, label))


SPLIT = [
    ("Ba", "Ba", (0, 0, 0), 1),
    ("Ti", "Ti", (0.485, 0.485, 0.485), 0.125),
    ("O", "O", (0.5, 0.5, 0), 1),
]


class TestSplitSites:
    def test_occupancies_sum_to_one(self, write):
        path = write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), SPLIT))
        _, atoms = read_cif(path)
        assert len(places_of(atoms, "Ti")) == 8
        lattice = Lattice.from_cif(path, "001", 0.2)
        assert [c.kind for c in lattice.columns] == ["Ba", "Ti"]
        # The column has the weight of one whole Ti, with the oxygen above it.
        whole = [*SPLIT[:1], ("Ti", "Ti", (0.5, 0.5, 0.5), 1), *SPLIT[2:]]
        same = Lattice.from_cif(write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), whole)), "001", 0.2)
        assert lattice.relative_intensities() == pytest.approx(same.relative_intensities())
        assert lattice.n_expected((256, 256)) == pytest.approx(327.68)

    def test_a_whole_atom_cannot_be_at_all_of_them(self, write):
        sites = [("Ti", "Ti", (0.485, 0.485, 0.485), 1)]
        with pytest.raises(ValueError, match="occupancies of 8 together; at most 1"):
            read_cif(write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), sites)))

    @pytest.mark.parametrize("off", ["0.0100", "0.0050", "0.0030", "0.0020", "0.0015"])
    @pytest.mark.parametrize(
        ("moved", "n_images"),
        [((1, 0, 0), 6), ((1, 1, 0), 12), ((1, 1, 1), 8), ((1, 2, 0), 24), ((1, 1, 3), 24),
         ((1, 2, 3), 48)],
    )  # fmt: skip
    def test_all_images_are_kept_however_near_they_are(self, write, moved, n_images, off):
        """Down to 0.012 angstrom from one another, in an edge of 4 angstrom."""
        place = tuple(m * Fraction(off) for m in moved)
        sites = [("Pb", "Pb", place, round(1 / n_images, 6))]
        _, atoms = read_cif(write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), sites)))
        group = group_of("-x,-y,z; -x,y,-z; z,x,y; y,x,-z; -x,-y,-z")
        assert_same_places(places_of(atoms, "Pb"), images_of(group, place))
        assert sum(atom.occupancy for atom in atoms) == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("occupancy", [1, 0.5, 0.33, 0.1])
    @pytest.mark.parametrize("two_thirds", ["rounded", "cut off"])
    @pytest.mark.parametrize("third", ["0.3333", "0.333", "0.33"])
    def test_rounded_coordinates_are_on_the_axis(self, write, third, two_thirds, occupancy):
        """Whatever the occupancy is: no split site is so near that its digits do not tell it."""
        last = "6" if two_thirds == "cut off" else "7"
        row = f"Mo Mo {third} {third.replace('3', '6')[:-1]}{last} 0.25 {occupancy}\n"
        text = cif_of("P 63/m m c", (3.16, 3.16, 12.3, 90, 90, 120), [])
        _, atoms = read_cif(write(text + row))
        assert_same_places(places_of(atoms, "Mo"), [(1 / 3, 2 / 3, 1 / 4), (2 / 3, 1 / 3, 3 / 4)])

    def test_digits_that_a_program_filled_up(self, write):
        sites = [("Mo", "Mo", (0.3333, 0.6666, 0.25), 0.3)]
        text = cif_of("P 63/m m c", (3.16, 3.16, 12.3, 90, 90, 120), sites)
        text = text.replace("0.3333 0.6666", "0.333300 0.666600")
        assert len(read_cif(write(text))[1]) == 2

    def test_atoms_that_cannot_be_so_near_are_told_of(self, write):
        # The split site of before, whose file leaves its occupancy out.
        sites = [("Ti", "Ti", (0.46, 0.46, 0.46), 1)]
        with pytest.warns(UserWarning, match=r"atoms Ti and Ti 0\.32 angstrom .* lack its occ"):
            read_cif(write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), sites)))


class TestWhatIsStated:
    def test_axes_follow_the_cell(self, write):
        sites = [("O", "O", (0.1, 0.2, 0.3), 1)]
        cell = (3, 4, 5, 90, 90, 110)
        _, atoms = read_cif(write(cif_of("P 2/m", cell, sites)))
        assert_same_places(
            places_of(atoms, "O"),
            [(0.1, 0.2, 0.3), (0.9, 0.8, 0.3), (0.9, 0.8, 0.7), (0.1, 0.2, 0.7)],
        )
        # A full symbol says which axis it is; a glide's direction cannot be guessed.
        for name in ("P 1 2/m 1", "P 21/c", "P 4/m m m"):
            with pytest.raises(ValueError, match=f"space group {name} do not fit the cell"):
                read_cif(write(cif_of(name, cell, sites)))

    def test_of_axes_that_the_cell_does_not_tell_the_standard_ones_are_taken(self, write):
        """However near to one another atoms then are: a symbol of one axis means b."""
        sites = [("C", "C", (0.5, 0.1, 0.02), 0.5)]
        with pytest.warns(UserWarning, match="axes its cell does not tell; P 1 21/c 1 is taken"):
            _, atoms = read_cif(write(cif_of("P 21/c", ORTHORHOMBIC, sites)))
        group = group_of("-x,1/2+y,1/2-z; -x,-y,-z")
        place = [Fraction(1, 2), Fraction(1, 10), Fraction(1, 50)]
        assert_same_places(places_of(atoms, "C"), images_of(group, place))

    @pytest.mark.parametrize("place", [(0, 0, 0), (0.125, 0.125, 0.125)])
    @pytest.mark.parametrize(
        "stated",
        [
            "_symmetry_space_group_name_H-M 'F d -3 m'\n",
            "_symmetry_Int_Tables_number 227\n",
            "_space_group_IT_number 227\n_space_group_name_H-M_alt 'F d 3 m odd'\n",
        ],
    )
    def test_the_origin_is_told_by_formula_and_number(self, write, place, stated):
        sites = [("Si", "Si", place, 1)]
        diamond = (5.4309, 5.4309, 5.4309, 90, 90, 90)
        counted = stated + "_chemical_formula_sum Si\n_cell_formula_units_Z 8\n"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert len(read_cif(write(cif_of("", diamond, sites, counted)))[1]) == 8
        assert not [w for w in caught if "which origin" in str(w.message)]
        # Without them the farther atoms are taken, and it is said.
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert len(read_cif(write(cif_of("", diamond, sites, stated)))[1]) == 8
        assert any("which origin" in str(w.message) for w in told)

    def test_impossible_distances_tell_the_origin(self, write):
        # Spinel: with origin 1 its oxygen would be 1.0 angstrom from the next.
        sites = [
            ("Mg", "Mg", (0.125, 0.125, 0.125), 1),
            ("Al", "Al", (0.5, 0.5, 0.5), 1),
            ("O", "O", (0.2624, 0.2624, 0.2624), 1),
        ]
        cell = (8.083, 8.083, 8.083, 90, 90, 90)
        _, atoms = read_cif(write(cif_of("F d -3 m", cell, sites)))
        assert [len(places_of(atoms, x)) for x in ("Mg", "Al", "O")] == [8, 16, 32]

    @pytest.mark.parametrize(("code", "n"), [("1", 8), ("2", 16)])
    def test_a_stated_origin_is_kept(self, write, code, n):
        sites = [("Si", "Si", (0, 0, 0), 1)]
        more = f"_space_group_IT_coordinate_system_code {code}\n"
        assert len(read_cif(write(cif_of("F d -3 m", CUBIC, sites, more)))[1]) == n
        assert len(read_cif(write(cif_of(f"F d -3 m :{code}", CUBIC, sites)))[1]) == n

    def test_only_a_number(self, write):
        _, named = read_cif(write(cif_of("P m -3 m", CUBIC)))
        _, numbered = read_cif(write(cif_of("", CUBIC, more="_space_group_IT_number 221\n")))
        assert numbered == named
        with pytest.warns(UserWarning, match="number 62 .* not the setting; P n m a is taken"):
            read_cif(write(cif_of("", ORTHORHOMBIC, more="_space_group_IT_number 62\n")))
        with pytest.warns(UserWarning, match="not the setting; P 1 1 2/m is taken"):
            read_cif(write(cif_of("", MONOCLINIC_C, more="_space_group_IT_number 10\n")))
        for odd in ("300", "0", "-1"):
            with pytest.raises(ValueError, match=rf"no space group No\. {odd}"):
                read_cif(write(cif_of("", CUBIC, more=f"_space_group_IT_number {odd}\n")))
        for none in ("cubic", "221.5"):
            with pytest.raises(ValueError, match=f"number of its space group is '{none}', which"):
                read_cif(write(cif_of("", CUBIC, more=f"_space_group_IT_number {none}\n")))

    def test_unknown_names(self, write):
        with pytest.raises(ValueError, match="space group 'P m 5 m' is unknown"):
            read_cif(write(cif_of("P m 5 m", CUBIC)))
        with pytest.warns(UserWarning, match="unknown space group 'P m 5 m'; its No. 221 is used"):
            _, atoms = read_cif(
                write(cif_of("P m 5 m", CUBIC, more="_space_group_IT_number 221\n"))
            )
        assert len(atoms) == len(read_cif(write(cif_of("P m -3 m", CUBIC)))[1])
        with pytest.warns(UserWarning, match=r"P m -3 m, No. 221, but states No. 225; the name"):
            read_cif(write(cif_of("P m -3 m", CUBIC, more="_space_group_IT_number 225\n")))

    def test_hall_symbols(self, write):
        more = "_space_group_name_Hall '-F 4vw 2vw 3'\n"
        sites = [("Si", "Si", (0.125, 0.125, 0.125), 1)]
        assert len(read_cif(write(cif_of("F d -3 m", CUBIC, sites, more)))[1]) == 8
        more = "_space_group_name_Hall '-P 4 2 3'\n"
        with pytest.warns(
            UserWarning, match=r"No\. 225, but its Hall symbol .* No\. 221; the Hall"
        ):
            _, atoms = read_cif(write(cif_of("F m -3 m", CUBIC, more=more)))
        assert len(atoms) == len(read_cif(write(cif_of("P m -3 m", CUBIC, more=more)))[1])
        with pytest.warns(UserWarning, match="Hall symbol 'odd', which is none"):
            read_cif(write(cif_of("P m -3 m", CUBIC, more="_space_group_name_Hall odd\n")))

    def test_nothing(self, write):
        with pytest.warns(UserWarning, match="states no symmetry; its 3 atoms"):
            assert len(read_cif(write(cif_of("", CUBIC)))[1]) == 3


def listed(*operations):
    return "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{x}'\n" for x in operations)


class TestListsOfOperations:
    def test_an_incomplete_list_is_completed_and_said(self, write):
        more = listed("x,y,z", "-y,x,z", "-x,y,-z")
        with pytest.warns(UserWarning, match="lists 3 .* no complete group; the 5 missing"):
            _, atoms = read_cif(write(cif_of("", TETRAGONAL, more=more)))
        assert_same_places(
            places_of(atoms, "O1"), images_of(group_of("-y,x,z; -x,y,-z"), SITES[2][2])
        )

    def test_a_shortened_list_of_a_named_group(self, write):
        more = listed("x,y,z")
        with pytest.warns(UserWarning, match="lists 1 of the 48 operations .* P m -3 m; all"):
            _, atoms = read_cif(write(cif_of("P m -3 m", CUBIC, more=more)))
        assert len(atoms) == len(read_cif(write(cif_of("P m -3 m", CUBIC)))[1])

    def test_a_shortened_list_beside_a_number(self, write):
        more = listed("x,y,z") + "_symmetry_Int_Tables_number 221\n"
        with pytest.warns(UserWarning, match="lists 1 of the 48 operations"):
            _, atoms = read_cif(write(cif_of("", CUBIC, more=more)))
        assert len(atoms) == len(read_cif(write(cif_of("P m -3 m", CUBIC)))[1])

    def test_operations_as_mineralogists_write_them(self, write):
        operations = ["x,y,z", "x,+y,-z", " -x , y , z", "-X,Y,-Z", "x,-y,z", "x,-y,-z", "-x,-y,z"]
        more = listed(*operations, "-x,-y,-z")
        _, atoms = read_cif(write(cif_of("P m m m", ORTHORHOMBIC, more=more)))
        assert_same_places(
            places_of(atoms, "O1"), images_of(group_of("-x,y,z; x,-y,z; x,y,-z"), SITES[2][2])
        )

    def test_a_full_cell_beside_the_name_of_its_group(self, write):
        full = [
            ("Ba1", "Ba", (0, 0, 0), 1),
            ("Ti1", "Ti", (0.5, 0.5, 0.5), 1),
            ("O1", "O", (0.5, 0.5, 0), 1),
            ("O2", "O", (0.5, 0, 0.5), 1),
            ("O3", "O", (0, 0.5, 0.5), 1),
        ]
        _, atoms = read_cif(write(cif_of("P m -3 m", (4, 4, 4, 90, 90, 90), full, listed("x,y,z"))))
        assert len(atoms) == 5

    def test_another_group_than_is_named(self, write):
        with pytest.warns(UserWarning, match="states .* P m -3 m, which has 48 .* lists 2 others"):
            read_cif(write(cif_of("P m -3 m", CUBIC, more=listed("x,y,z", "1/2+x,-y,z"))))

    def test_operations_that_do_not_fit(self, write):
        with pytest.raises(ValueError, match="do not fit the cell"):
            read_cif(write(cif_of("", ORTHORHOMBIC, more=listed("x,y,z", "y,x,-z"))))
        with pytest.raises(ValueError, match="'x,y' is no symmetry operation"):
            read_cif(write(cif_of("", CUBIC, more=listed("x,y"))))
        with pytest.raises(ValueError, match="make no space group"):
            read_cif(write(cif_of("", CUBIC, more=listed("x+1/24,y,z", "x,y+1/24,z"))))


class TestFilesOfOtherPrograms:
    def test_a_byte_order_mark(self, write):
        text = cif_of("P m -3 m", CUBIC)
        for encoding in ("utf-8-sig", "utf-16"):
            assert read_cif(write(text, encoding))[1] == read_cif(write(text))[1]

    def test_tags_of_the_newer_dictionaries(self, write):
        """These part a category from its names by a dot."""
        text = cif_of("P m -3 m", CUBIC, more="_space_group_IT_number 221\n")
        newer = re.sub(
            r"^(_cell|_space_group|_symmetry|_atom_site)_", r"\1.", text, flags=re.MULTILINE
        )
        assert "_atom_site.fract_x" in newer
        assert "_symmetry.space_group_name_H-M" in newer
        assert read_cif(write(newer))[1] == read_cif(write(text))[1]
        newer = cif_of("", CUBIC, more="_space_group.IT_number 221\n")
        assert len(read_cif(write(newer))[1]) == len(read_cif(write(text))[1])
        newer = listed("x,y,z", "-x,-y,-z").replace("equiv_pos", "equiv.pos")
        assert len(places_of(read_cif(write(cif_of("", CUBIC, more=newer)))[1], "O1")) == 2

    def test_names_of_authors_in_latin_1(self, write):
        text = cif_of("P m -3 m", CUBIC, more="_publ_author_name 'Müller'\n")
        assert read_cif(write(text, "latin-1"))[1] == read_cif(write(text))[1]

    def test_tags_that_stand_twice(self, write):
        more = "_chemical_formula_sum 'Ba Ti O3'\n_chemical_formula_sum ''\n"
        again = cif_of("P m -3 m", CUBIC, more=f"{more}_cell_length_a 5.6\n")
        assert read_cif(write(again))[1] == read_cif(write(cif_of("P m -3 m", CUBIC)))[1]
        with pytest.raises(ValueError, match=r"_cell_length_a has several values: 5\.6, 5\.7"):
            read_cif(write(cif_of("P m -3 m", CUBIC, more="_cell_length_a 5.7\n")))
        # A formula that is stated in two ways decides nothing, and is not needed here.
        other = "_chemical_formula_sum Ba\n_chemical_formula_sum Ti\n"
        assert read_cif(write(cif_of("P m -3 m", CUBIC, more=other)))[1]

    def test_uncertainties_and_missing_angles(self, write):
        text = cif_of("P m -3 m", CUBIC, [("Ti", "Ti4+", (0, 0, 0), 1)])
        text = re.sub(r"_cell_angle_\w+ 90\n", "", text).replace("a 5.6", "a 5.6(2)")
        cell, atoms = read_cif(write(text))
        np.testing.assert_allclose(cell, 5.6 * np.eye(3), atol=1e-12)
        assert [atom.species for atom in atoms] == ["Ti"]


@pytest.mark.parametrize(
    ("name", "cell", "zones"),
    [
        ("P 4/m m m", TETRAGONAL, ((1, -1, 0), (1, 1, 0))),
        ("P 4/m m m", TETRAGONAL, ((2, 1, 0), (-1, 2, 0))),
        ("P 63/m m c", HEXAGONAL, ((2, 1, 0), (1, 2, 0))),
        ("P m -3 m", CUBIC, ((1, 1, 1), (1, -1, 1))),
        ("P m -3 m", CUBIC, ((2, 1, 0), (0, 2, 1))),
    ],
)
def test_equivalent_zone_axes_show_the_same(write, name, cell, zones):
    # Crowded cells, in whose projections many atoms are at the verge of merging.
    rng = np.random.default_rng(4)
    for _ in range(4):
        sites = [
            (f"{s}{i}", s, tuple(rng.uniform(0, 1, 3).round(3)), 0.2)
            for i, s in enumerate(("Pb", "Zr", "Ti", "O"))
        ]
        edges, atoms = read_cif(write(cif_of(name, cell, sites)))
        one, other = (project(edges, atoms, zone, 0.0) for zone in zones)
        assert_same_picture(one, other)


def test_the_order_of_atoms_is_of_no_matter(write):
    rng = np.random.default_rng(5)
    _, atoms = read_cif(write(cif_of("P 4/m m m", TETRAGONAL)))
    cell = np.diag([5.1, 5.1, 7.3])
    for zone in itertools.islice(ZONES, 4):
        first = project(cell, atoms, zone, 0.0)
        for _ in range(5):
            shuffled = [atoms[i] for i in rng.permutation(len(atoms))]
            again = project(cell, shuffled, zone, 0.0)
            assert_same_picture(first, again)
            assert math.isclose(len(first.columns), len(again.columns))
