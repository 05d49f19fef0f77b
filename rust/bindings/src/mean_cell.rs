//! Cells of an image laid over one another.

use logstar_core::mean_cell::{self, Cell, Grid};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert;
use crate::errors::guarded;
use crate::shared::SharedPixels;
use crate::signals::{ALONE, detached};

/// Weighted pixels and weights in each bin; weighted squares of pixels and squared weights of all.
type Sums<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>, f64, f64);

/// Sums up the pixels of all cells in the bins of one. At the points of the grid, which are
/// `spacing` apart, are: what is added to either fractional coordinate, and an amplitude.
#[pyfunction]
pub(crate) fn fold_cells<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: Option<PyReadonlyArray2<'py, bool>>,
    grid: PyReadonlyArray3<'py, f64>,
    spacing: [f64; 2],
    gradients: [[f64; 2]; 2],
    bins: [usize; 2],
) -> PyResult<Sums<'py>> {
    guarded(|| {
        let values = convert::elements(&grid, "grid")?;
        let &[3, rows, cols] = values.shape() else {
            return Err(PyValueError::new_err("grid must hold three maps"));
        };
        let values: Vec<f64> = values.iter().copied().collect();
        let mask: Option<Vec<bool>> = mask
            .map(|mask| convert::elements(&mask, "mask").map(|mask| mask.iter().copied().collect()))
            .transpose()?;
        let pixels = SharedPixels::of(&image)?;
        let sums = detached(py, ALONE, |effort| {
            let (first, rest) = values.split_at(rows * cols);
            let (second, amplitude) = rest.split_at(rows * cols);
            let grid = Grid { shape: [rows, cols], spacing, fractions: [first, second], amplitude };
            let cell = Cell { gradients, bins };
            mean_cell::fold(&pixels.copied(effort)?, mask.as_deref(), grid, cell, effort)
        })?;
        Ok((
            PyArray1::from_vec(py, sums.total).reshape(bins)?,
            PyArray1::from_vec(py, sums.weight).reshape(bins)?,
            sums.squares,
            sums.squared_weights,
        ))
    })
}
