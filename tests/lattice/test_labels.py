"""Elements of type symbols and of labels alone."""

from __future__ import annotations

import pytest

from logstar.lattice._cif import read_cif
from logstar.lattice._labels import element_of_label, element_of_symbol


@pytest.mark.parametrize(
    ("symbol", "element"),
    [
        ("Ba", "Ba"),
        ("BA", "Ba"),
        ("Ba2+", "Ba"),
        ("O2-", "O"),
        ("O-2", "O"),
        ("Ti4.0+", "Ti"),
        ("Fe(III)", "Fe"),
        ("D", "H"),
        ("T", "H"),
        ("OH", "O"),
        ("OH1-", "O"),
        ("H2O", "O"),
        ("Qq", None),
        ("Cval", None),
        ("Vac", None),
        ("", None),
        ("12", None),
    ],
)
def test_symbols(symbol, element):
    assert element_of_symbol(symbol) == element


@pytest.mark.parametrize(
    ("label", "formula", "element"),
    [
        # As mineralogists name sites: element, then the site.
        ("KM", (), "K"),
        ("SiT1", (), "Si"),
        ("OA1", (), "O"),
        ("Oh1", (), "O"),
        ("Ow1", (), "O"),
        ("Wat1", (), "O"),
        ("WAT2", (), "O"),
        ("CaM2", (), "Ca"),
        ("Ba", (), "Ba"),
        ("O11", (), "O"),
        ("D1", (), "H"),
        # The formula decides.
        ("CO1", {"Co", "O"}, "Co"),
        ("CO1", {"Ca", "C", "O"}, "C"),
        ("Sc1", {"S", "O"}, "S"),
        ("HO1", {"Fe", "O"}, "O"),
        ("Ho1", {"Ho", "Ti", "O"}, "Ho"),
        # A symbol that the formula forgets stays one.
        ("H1", {"Si", "O"}, "H"),
    ],
)
def test_labels(label, formula, element):
    assert element_of_label(label, formula) == element


@pytest.mark.parametrize(
    ("label", "formula", "message"),
    [
        ("HO1", (), "'HO1' may be H or O or Ho; state which by _atom_site_type_symbol"),
        ("HO1", {"Mg", "O", "H"}, "'HO1' may be H or O;"),
        ("CO1", (), "may be Co or C"),
        ("T1", (), "'T1' is no element"),
        ("M2", {"Mg", "O"}, "'M2' is no element of the formula, Mg O"),
        ("Va1", {"Ti", "O"}, "'Va1' is no element of the formula"),
        ("1", (), "is no element"),
    ],
)
def test_labels_that_do_not_tell(label, formula, message):
    with pytest.raises(ValueError, match=message):
        element_of_label(label, formula)


def test_a_file_without_type_symbols(tmp_path):
    sites = "KM 0 0 0\nSiT1 .5 .5 .5\nOA1 .25 .25 .25\nOh1 .75 .25 .25\nWat1 .25 .75 .25\n"
    path = tmp_path / "mineral.cif"
    path.write_text(
        "data_x\n_cell_length_a 7\n_cell_length_b 7\n_cell_length_c 7\n"
        "_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n_atom_site_fract_x\n"
        f"_atom_site_fract_y\n_atom_site_fract_z\n{sites}"
    )
    _, atoms = read_cif(path)
    assert [atom.species for atom in atoms] == ["K", "Si", "O", "O", "O"]
    path.write_text(path.read_text().replace("Oh1", "HO1"))
    with pytest.raises(ValueError, match=r"mineral\.cif: atom 'HO1' may be H or O or Ho"):
        read_cif(path)
