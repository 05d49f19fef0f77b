//! Indices of atoms in a lattice.

use logstar_core::lattice::{self, Edge, Indexed, Template};
use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert;
use crate::errors::{guarded, to_python};
use crate::signals::{ALONE, detached};

/// Component, column and two indices of each atom; their maps; atom, edge and atom of each bond.
type Sites<'py> = (Bound<'py, PyArray2<i32>>, Bound<'py, PyArray3<f64>>, Bound<'py, PyArray2<i64>>);

/// Gives atoms their indices in a lattice; edges are rows of row and column, in pixels.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "what the core takes as structs")]
pub(crate) fn index_atoms<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'py, f64>,
    kinds: PyReadonlyArray1<'py, i32>,
    first: PyReadonlyArray1<'py, u32>,
    edge_columns: PyReadonlyArray1<'py, u32>,
    edge_cells: PyReadonlyArray2<'py, i32>,
    edge_vectors: PyReadonlyArray2<'py, f64>,
    column_kinds: PyReadonlyArray1<'py, i32>,
    nearest: f64,
    tolerance: f64,
    is_oriented: bool,
) -> PyResult<Sites<'py>> {
    guarded(|| {
        let points = convert::points(&points)?;
        let kinds = convert::vector(&kinds, "kinds")?;
        let columns = convert::vector(&edge_columns, "edge_columns")?;
        let cells = convert::elements(&edge_cells, "edge_cells")?;
        let vectors = convert::points(&edge_vectors)?;
        if cells.dim() != (columns.len(), 2) || vectors.len() != columns.len() {
            let message = "edge_columns, edge_cells and edge_vectors must be equally many";
            return Err(PyValueError::new_err(message));
        }
        let edges = columns.iter().zip(cells.rows()).zip(vectors);
        let edges = edges
            .map(|((&column, cell), vector)| Edge { column, cell: [cell[0], cell[1]], vector })
            .collect();
        let first = convert::vector(&first, "first")?;
        let column_kinds = convert::vector(&column_kinds, "column_kinds")?;
        let template = Template::new(edges, &first, column_kinds).map_err(to_python)?;
        let indexed = detached(py, ALONE, |effort| {
            lattice::index(&points, &kinds, &template, nearest, tolerance, is_oriented, effort)
        })?;
        sites(py, &indexed)
    })
}

fn sites<'py>(py: Python<'py>, indexed: &Indexed) -> PyResult<Sites<'py>> {
    let Indexed { sites, bonds } = indexed;
    let table = sites.iter().flat_map(|site| {
        let [h, k] = site.cell;
        [site.component, site.column, h, k]
    });
    let maps = sites.iter().flat_map(|site| site.map).flatten();
    let ends = bonds
        .iter()
        .flat_map(|bond| [i64::from(bond.from), i64::from(bond.edge), i64::from(bond.to)]);
    Ok((
        PyArray1::from_iter(py, table).reshape([sites.len(), 4])?,
        PyArray1::from_iter(py, maps).reshape([sites.len(), 2, 2])?,
        PyArray1::from_iter(py, ends).reshape([bonds.len(), 3])?,
    ))
}
