//! Pareto fronts.

use logstar_core::interrupt::Effort;
use logstar_core::pareto;
use numpy::{PyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::convert;
use crate::errors::{guarded, guarded_briefly, to_python};
use crate::signals::{ALONE, detached};

/// Numbers whose points are compared in some ten microseconds.
const FEW: usize = 1 << 9;

/// Which points, a row for each, no other dominates: is nowhere larger than, and somewhere smaller.
#[pyfunction]
pub(crate) fn non_dominated<'py>(
    py: Python<'py>,
    losses: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let flat = || {
        let table = convert::elements(&losses, "losses")?;
        Ok::<_, PyErr>((table.iter().copied().collect::<Vec<f64>>(), table.ncols()))
    };
    if losses.len() <= FEW {
        return guarded_briefly(|| {
            let (flat, n_objectives) = flat()?;
            let mask = pareto::non_dominated(&flat, n_objectives, Effort::of(ALONE));
            Ok(PyArray1::from_vec(py, mask.map_err(to_python)?))
        });
    }
    guarded(|| {
        let (flat, n_objectives) = flat()?;
        let find = |effort: Effort<'_>| pareto::non_dominated(&flat, n_objectives, effort);
        Ok(PyArray1::from_vec(py, detached(py, ALONE, find)?))
    })
}
