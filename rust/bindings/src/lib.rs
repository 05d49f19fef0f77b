//! The Python module `logstar._core`: converts arguments and results, never computes.
//!
//! | Python | Rust |
//! |---|---|
//! | 2-D array of float32 or float64, row after row | [`Image`], borrowed |
//! | the same with other strides | [`Image`], copied while attached |
//! | `(n, 4)` array: row, column, sigma of rows, sigma of columns | `Vec<Blob>`, copied while attached |
//! | `(n, 2)` array of float64 | `Vec<[f64; 2]>`, copied while attached |
//!
//! Every computation runs detached from the interpreter. An image that another thread writes to
//! meanwhile gives a wrong result, as with NumPy's own functions; tables are out of its reach.
//! Errors of the core become `ValueError`; Ctrl-C ends what takes long.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod convert;
mod patches;
mod signals;
mod sweep;

use std::num::NonZeroUsize;
use std::ops::Range;

use logstar_core::scale_space::{Query, Resources};
use logstar_core::simd::InstructionSet;
use logstar_core::{neighbors, order, prune, scale_space};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use convert::{Floats, ScaleKernels};
use signals::detached;

/// What has no use for a second thread.
const ALONE: NonZeroUsize = NonZeroUsize::MIN;

/// Candidates `(row, col, scale)` and their responses.
type Candidates<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray1<f64>>);

/// Which blobs survive, and which of them are to be replayed.
type Verdict<'py> = (Bound<'py, PyArray1<bool>>, Bound<'py, PyArray1<bool>>);

/// Maxima of the Laplacian-of-Gaussian scale space over (row, column, scale), strongest first: for
/// each part `(first, end)` of the ladder, as if it were all of it.
#[pyfunction]
#[pyo3(signature = (image, ladder, parts, threshold, border, n_threads, instruction_set=None))]
#[allow(clippy::too_many_arguments, reason = "what the core takes as structs")]
fn find_candidates_of_parts<'py>(
    py: Python<'py>,
    image: Floats<'py>,
    ladder: Vec<ScaleKernels<'py>>,
    parts: Vec<(usize, usize)>,
    threshold: Option<f64>,
    border: (usize, usize),
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
) -> PyResult<Vec<Candidates<'py>>> {
    let ladder = convert::ladder(&ladder)?;
    let parts: Vec<Range<usize>> = parts.into_iter().map(|(first, end)| first..end).collect();
    let query = Query { threshold, border };
    let instruction_set = convert::instruction_set(instruction_set)?;
    let found = match image {
        Floats::Double(image) => {
            let image = convert::image(&image)?;
            detached(py, n_threads, |effort| {
                let resources = Resources { effort, instruction_set };
                scale_space::find_candidates_of_parts(&image, &ladder, &parts, query, resources)
            })
        }
        Floats::Single(image) => {
            let image = convert::image(&image)?;
            detached(py, n_threads, |effort| {
                let resources = Resources { effort, instruction_set };
                scale_space::find_candidates_of_parts(&image, &ladder, &parts, query, resources)
            })
        }
    }?;
    found
        .iter()
        .map(|found| {
            let places = convert::candidate_places(py, found)?;
            let responses = found.iter().map(|candidate| candidate.response);
            Ok((places, PyArray1::from_iter(py, responses)))
        })
        .collect()
}

/// Names of the instruction sets that this machine has, the widest first.
#[pyfunction]
fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::available().into_iter().map(InstructionSet::name).collect()
}

/// Which blobs to keep: larger sigma first, then larger response, lower row, lower column.
#[pyfunction]
#[pyo3(signature = (blobs, responses, max_overlap, n_threads=NonZeroUsize::MIN))]
fn prune_by_scale<'py>(
    py: Python<'py>,
    blobs: PyReadonlyArray2<'py, f64>,
    responses: PyReadonlyArray1<'py, f64>,
    max_overlap: f64,
    n_threads: NonZeroUsize,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let blobs = convert::blobs(&blobs)?;
    let responses = responses.as_array().to_vec();
    let kept =
        detached(py, n_threads, |effort| prune::by_scale(&blobs, &responses, max_overlap, effort))?;
    Ok(PyArray1::from_vec(py, kept))
}

/// Which blobs scikit-image's rule keeps, and between which the order of the pairs decides.
#[pyfunction]
#[pyo3(signature = (blobs, max_overlap, n_threads=NonZeroUsize::MIN))]
fn prune_compatible<'py>(
    py: Python<'py>,
    blobs: Floats<'py>,
    max_overlap: f64,
    n_threads: NonZeroUsize,
) -> PyResult<Verdict<'py>> {
    let verdict = match blobs {
        Floats::Double(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| prune::compatible(&blobs, max_overlap, effort))
        }
        Floats::Single(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| prune::compatible(&blobs, max_overlap as f32, effort))
        }
    }?;
    Ok((PyArray1::from_vec(py, verdict.survives), PyArray1::from_vec(py, verdict.replayed)))
}

/// Which blobs scikit-image's loop keeps when it meets the pairs in this order.
#[pyfunction]
fn prune_in_order<'py>(
    py: Python<'py>,
    blobs: Floats<'py>,
    pairs: PyReadonlyArray2<'py, i64>,
    max_overlap: f64,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let pairs = convert::pairs(&pairs)?;
    let pairs = pairs.into_iter().map(|pair| pair.map(|i| i as usize)).map(<(_, _)>::from);
    let kept = match blobs {
        Floats::Double(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, ALONE, |effort| {
                prune::in_order(&blobs, pairs, max_overlap, effort.interrupted)
            })
        }
        Floats::Single(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, ALONE, |effort| {
                prune::in_order(&blobs, pairs, max_overlap as f32, effort.interrupted)
            })
        }
    }?;
    Ok(PyArray1::from_vec(py, kept))
}

/// Which blobs scikit-image's loop keeps when it meets the pairs of larger blobs first.
#[pyfunction]
#[pyo3(signature = (blobs, max_overlap, n_threads=NonZeroUsize::MIN))]
fn prune_largest_first<'py>(
    py: Python<'py>,
    blobs: Floats<'py>,
    max_overlap: f64,
    n_threads: NonZeroUsize,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let kept = match blobs {
        Floats::Double(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| prune::largest_first(&blobs, max_overlap, effort))
        }
        Floats::Single(blobs) => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| {
                prune::largest_first(&blobs, max_overlap as f32, effort)
            })
        }
    }?;
    Ok(PyArray1::from_vec(py, kept))
}

/// Pairs in the order in which a set yields them that they were added to in the given order.
///
/// Only pairs between two of the marked numbers, if numbers are marked.
#[pyfunction]
#[pyo3(signature = (pairs, marked=None))]
fn set_order<'py>(
    py: Python<'py>,
    pairs: PyReadonlyArray2<'py, i64>,
    marked: Option<PyReadonlyArray1<'py, bool>>,
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let pairs = convert::pairs(&pairs)?;
    let marked = marked.map(|marked| marked.as_array().to_vec());
    let ordered = detached(py, ALONE, |effort| match marked {
        None => prune::set_order(&pairs, |_| true, effort.interrupted),
        Some(marked) => {
            let is_marked = |index: u32| marked.get(index as usize).copied().unwrap_or(false);
            let both = |[first, second]: [u32; 2]| is_marked(first) && is_marked(second);
            prune::set_order(&pairs, both, effort.interrupted)
        }
    })?;
    convert::pair_table(py, &ordered)
}

/// The intensities at these ranks, from 0, if all pixels were sorted.
#[pyfunction]
fn order_statistics(py: Python<'_>, image: Floats<'_>, ranks: Vec<usize>) -> PyResult<Vec<f64>> {
    Ok(match image {
        Floats::Double(image) => {
            let image = convert::image(&image)?;
            py.detach(|| order::order_statistics(&image, &ranks))
        }
        Floats::Single(image) => {
            let image = convert::image(&image)?;
            let values = py.detach(|| order::order_statistics(&image, &ranks));
            values.into_iter().map(f64::from).collect()
        }
    })
}

/// For each point the sum of its distances to its nearest neighbours.
#[pyfunction]
#[pyo3(signature = (points, n_neighbors, n_threads, instruction_set=None))]
fn distance_sums<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'py, f64>,
    n_neighbors: usize,
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let points = convert::points(&points)?;
    let set = convert::instruction_set(instruction_set)?;
    let sums = detached(py, n_threads, |effort| {
        neighbors::distance_sums(&points, n_neighbors, effort, set)
    })?;
    Ok(PyArray1::from_vec(py, sums))
}

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::patches::extract_patches;
    #[pymodule_export]
    use super::sweep::CandidateSet;
    use super::{Bound, PyModule, PyModuleMethods, PyResult};
    #[pymodule_export]
    use super::{
        distance_sums, find_candidates_of_parts, instruction_sets, order_statistics,
        prune_by_scale, prune_compatible, prune_in_order, prune_largest_first, set_order,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
