"""Fields as columns of tables."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.fields import displacements, field_table, polarization, spacings, strain
from logstar.io import AtomTable
from logstar.lattice import Lattice, LatticeIndexer

LATTICE = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def measured():
    """Atoms with errors, one of which is far from any site."""
    positions, kinds = LATTICE.positions((200, 200))
    rng = np.random.default_rng(0)
    positions = positions + rng.normal(scale=0.05, size=positions.shape)
    positions = np.concatenate([positions, [[95.0, 400.0]]])
    row, col = positions.T
    error = np.full(len(row), 0.05)
    columns = {"row": row, "col": col, "row_error": error, "col_error": error}
    atoms = AtomTable(columns, pixel_size="0.2 A", origin=(3.0, 4.0))
    return LatticeIndexer(LATTICE).fit(positions, [*kinds, ""]), atoms


def test_every_atom_has_its_site_and_its_fields(measured):
    indexer, atoms = measured
    fields = [f(indexer, atoms) for f in (strain, displacements, polarization, spacings)]
    table = field_table(indexer, atoms, *fields)
    assert len(table) == len(atoms)
    assert table.columns[:5] == ("row", "col", "row_error", "col_error", "kind")
    np.testing.assert_array_equal(table["kind"], indexer.kinds_)
    np.testing.assert_array_equal(table["cell_a"][:-1], indexer.indices_[:-1, 0])
    assert np.isnan([table[name][-1] for name in ("grain", "site", "cell_a", "e_xx")]).all()
    np.testing.assert_array_equal(table["e_xx"][fields[0].atoms], fields[0].e_xx)
    np.testing.assert_array_equal(table["rotation_error"][fields[0].atoms], fields[0].errors[:, 3])
    is_b = indexer.kinds_ == "B"
    np.testing.assert_array_equal(table["polarization_col"][is_b], fields[2].vectors[:, 1])
    assert np.isnan(table["polarization_row"][~is_b]).all()
    np.testing.assert_array_equal(table["spacing"][fields[3].atoms], fields[3].values)


@pytest.mark.parametrize("extension", ["csv", "json", "parquet"])
def test_lengths_are_written_in_units_and_read_again(measured, tmp_path, extension):
    indexer, atoms = measured
    table = field_table(indexer, atoms, displacements(indexer, atoms), spacings(indexer, atoms))
    table.save(tmp_path / f"fields.{extension}")
    again = AtomTable.load(tmp_path / f"fields.{extension}")
    assert again.pixel_size == atoms.pixel_size
    for name in ("spacing", "spacing_error", "displacement_row", "displacement_col_error"):
        # A csv has four decimals at least, and four digits of errors.
        np.testing.assert_allclose(
            again[name],
            table[name],
            rtol=6e-4 if extension == "csv" and name.endswith("error") else 0,
            atol=6e-5 if extension == "csv" else 0,
        )
        # Displacements are measured from no origin.
        np.testing.assert_allclose(table.in_units(name), 0.2 * table[name])
    assert again.origin == pytest.approx(atoms.origin)
    if extension == "csv":
        head = (tmp_path / "fields.csv").read_text().splitlines()[0]
        assert "displacement_row_A" in head.split(",")


def test_bare_positions_and_what_is_no_field(measured):
    indexer, atoms = measured
    table = field_table(indexer, atoms.positions)
    assert table.columns == ("row", "col", "kind", "grain", "site", "cell_a", "cell_b")
    assert table.pixel_size == LATTICE.pixel_size
    with pytest.raises(TypeError, match="field must be one of"):
        field_table(indexer, atoms, "strain")
