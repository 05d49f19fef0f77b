//! The Python module `logstar._core`: converts arguments and results, never computes.
//!
//! # Types
//!
//! | Python | Rust |
//! |---|---|
//! | 2-D array of float32 or float64, any strides | `SharedPixels`, copied to an `Image`, or part by part, while detached |
//! | `(n, 4)` array: row, column, sigma of rows, sigma of columns; or `(n, 3)`: one sigma for both | `Vec<Blob>`, copied while attached |
//! | `(n, 2)` array of float64 | `Vec<[f64; 2]>`, copied while attached |
//! | 1-D array | `Vec`, copied while attached |
//! | `logstar_core::Error` | `ValueError`, `MemoryError`; see `errors` |
//! | a panic | `RuntimeError`; see `errors::guarded` |
//!
//! # Memory
//!
//! A call begins only where some memory is free (`errors::guarded`), and small allocations have a
//! reserve behind them, so that none ends the process (`logstar_core::reserve`). A computation
//! that draws on it ends in a `MemoryError`.
//!
//! # Arrays
//!
//! Arrays whose elements are not aligned are refused (`convert::elements`); `logstar._validation`
//! copies them before they come here.
//!
//! # The interpreter's lock
//!
//! Every computation that takes more than some ten microseconds runs detached from the
//! interpreter (`signals::detached`), so that other threads of Python run meanwhile. What
//! crosses into detached code is owned, or, of images, copied there first; see `shared` for why
//! and how. Ctrl-C ends what takes long: the calling thread asks for signals every 50 ms.
//!
//! The module states `gil_used`: a free-threaded interpreter turns its lock on when it is
//! imported. Wheels are built for the stable interface (abi3), which free-threaded interpreters do
//! not load, and a build without it has not been tested there. There is no state that Python can
//! reach but `CandidateSet`, which does not change once it is made, and the core's pool of buffers,
//! which has a lock of its own. Subinterpreters are not
//! supported and have not been tested: NumPy, whose arrays cross here, warns where one imports it.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod convert;
mod errors;
mod lattice;
mod mean_cell;
mod pareto;
mod patches;
mod point_filters;
mod refine;
mod shared;
mod signals;
mod sweep;

use std::alloc::System;
use std::num::NonZeroUsize;
use std::ops::Range;

use logstar_core::blob::Candidate;
use logstar_core::image::Pixel;
use logstar_core::memory::check_room;
use logstar_core::reserve::WithReserve;
use logstar_core::scale_space::{Query, Resources};
use logstar_core::simd::InstructionSet;
use logstar_core::source::{Pixels, Scaling};
use logstar_core::{Precision, Result, neighbors, order, prune, scale_space, skimage};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use convert::{Floats, ScaleKernels, in_its_precision};
use errors::{guarded, to_python};
use shared::SharedPixels;
use signals::{ALONE, detached};

/// Every allocation of the module, and of what it is built on.
#[global_allocator]
static MEMORY: WithReserve = WithReserve::behind(System);

/// Candidates `(row, col, scale)` and their responses.
type Candidates<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray1<f64>>);

/// Which blobs survive, and which of them are to be replayed.
type Verdict<'py> = (Bound<'py, PyArray1<bool>>, Bound<'py, PyArray1<bool>>);

/// Maxima of the Laplacian-of-Gaussian scale space over (row, column, scale), strongest first: for
/// each part `(first, end)` of the ladder, as if it were all of it. Intensities are scaled first, so
/// that `scaling`'s first becomes 0 and its second 1.
#[pyfunction]
#[pyo3(signature = (
    image, ladder, parts, threshold, border, n_threads, instruction_set=None, scaling=None
))]
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
    scaling: Option<(f64, f64)>,
) -> PyResult<Vec<Candidates<'py>>> {
    guarded(|| {
        let query = Query { threshold, border };
        let found =
            found_in(py, image, (&ladder, &parts), query, n_threads, instruction_set, scaling)?;
        let n_found = found.iter().map(Vec::len).sum();
        check_room::<[i64; 4]>(n_found, "the candidates").map_err(to_python)?;
        found
            .iter()
            .map(|found| {
                let places = convert::candidate_places(py, found)?;
                let responses = found.iter().map(|candidate| candidate.response);
                Ok((places, PyArray1::from_iter(py, responses)))
            })
            .collect()
    })
}

/// As [`find_candidates_of_parts`], in tables: row, column, the row of `of_scales` at the
/// candidate's scale, counted from the ladder's first, and response.
#[pyfunction]
#[pyo3(signature = (
    image, ladder, of_scales, parts, threshold, border, n_threads, instruction_set=None,
    scaling=None
))]
#[allow(clippy::too_many_arguments, reason = "what the core takes as structs")]
fn find_tables_of_parts<'py>(
    py: Python<'py>,
    image: Floats<'py>,
    ladder: Vec<ScaleKernels<'py>>,
    of_scales: PyReadonlyArray2<'py, f64>,
    parts: Vec<(usize, usize)>,
    threshold: Option<f64>,
    border: (usize, usize),
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
    scaling: Option<(f64, f64)>,
) -> PyResult<Vec<Bound<'py, PyArray2<f64>>>> {
    guarded(|| {
        let of_scales = convert::elements(&of_scales, "of_scales")?;
        if of_scales.nrows() != ladder.len() {
            let message = format!(
                "of_scales must have a row for each of {} scales, got {}",
                ladder.len(),
                of_scales.nrows()
            );
            return Err(PyValueError::new_err(message));
        }
        let of_scales: Vec<Vec<f64>> = of_scales.rows().into_iter().map(|r| r.to_vec()).collect();
        let query = Query { threshold, border };
        let found =
            found_in(py, image, (&ladder, &parts), query, n_threads, instruction_set, scaling)?;
        found
            .iter()
            .zip(&parts)
            .map(|(found, &(first, end))| {
                convert::candidate_table(py, found, &of_scales[first..end])
            })
            .collect()
    })
}

/// The candidates of each part of a ladder.
fn found_in(
    py: Python<'_>,
    image: Floats<'_>,
    (ladder, parts): (&[ScaleKernels<'_>], &[(usize, usize)]),
    query: Query,
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
    scaling: Option<(f64, f64)>,
) -> PyResult<Vec<Vec<Candidate>>> {
    let ladder = convert::ladder(ladder)?;
    let parts: Vec<Range<usize>> = parts.iter().map(|&(first, end)| first..end).collect();
    let instruction_set = convert::instruction_set(instruction_set)?;
    in_its_precision!(image, image => {
        let source = &SharedPixels::of(&image)?;
        let scaling = scaling.map(|(zero, one)| Scaling::between(zero, one));
        detached(py, n_threads, |effort| {
            let resources = Resources { effort, instruction_set };
            let pixels = Pixels { source, scaling };
            scale_space::find_candidates_in(&pixels, &ladder, &parts, query, resources)
        })
    })
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
    guarded(|| {
        let blobs = convert::blobs(&blobs)?;
        let responses = convert::vector(&responses, "responses")?;
        let kept = detached(py, n_threads, |effort| {
            prune::by_scale(&blobs, &responses, max_overlap, effort)
        })?;
        Ok(PyArray1::from_vec(py, kept))
    })
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
    guarded(|| {
        let verdict = in_its_precision!(blobs, blobs => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| {
                skimage::compatible(&blobs, Precision::from_f64(max_overlap), effort)
            })
        })?;
        let (survives, replayed) = (verdict.survives, verdict.replayed);
        Ok((PyArray1::from_vec(py, survives), PyArray1::from_vec(py, replayed)))
    })
}

/// Which blobs scikit-image's loop keeps when it meets the pairs in this order.
#[pyfunction]
fn prune_in_order<'py>(
    py: Python<'py>,
    blobs: Floats<'py>,
    pairs: PyReadonlyArray2<'py, i64>,
    max_overlap: f64,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    guarded(|| {
        let pairs = convert::pairs(&pairs)?;
        let pairs = pairs.into_iter().map(|pair| pair.map(|i| i as usize)).map(<(_, _)>::from);
        let kept = in_its_precision!(blobs, blobs => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, ALONE, |effort| {
                skimage::in_order(&blobs, pairs, Precision::from_f64(max_overlap), effort.interrupted)
            })
        })?;
        Ok(PyArray1::from_vec(py, kept))
    })
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
    guarded(|| {
        let kept = in_its_precision!(blobs, blobs => {
            let blobs = convert::blobs(&blobs)?;
            detached(py, n_threads, |effort| {
                skimage::largest_first(&blobs, Precision::from_f64(max_overlap), effort)
            })
        })?;
        Ok(PyArray1::from_vec(py, kept))
    })
}

/// Pairs in the order in which a set of CPython yields them, to which they were added in the given
/// order; only those between two marked numbers, if numbers are marked.
#[pyfunction]
#[pyo3(signature = (pairs, marked=None))]
fn set_order<'py>(
    py: Python<'py>,
    pairs: PyReadonlyArray2<'py, i64>,
    marked: Option<PyReadonlyArray1<'py, bool>>,
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    guarded(|| {
        let pairs = convert::pairs(&pairs)?;
        let marked = marked.map(|marked| convert::vector(&marked, "marked")).transpose()?;
        let ordered = detached(py, ALONE, |effort| match marked {
            None => skimage::set_order(&pairs, |_| true, effort.interrupted),
            Some(marked) => {
                let is_marked = |index: u32| marked.get(index as usize).copied().unwrap_or(false);
                let both = |[first, second]: [u32; 2]| is_marked(first) && is_marked(second);
                skimage::set_order(&pairs, both, effort.interrupted)
            }
        })?;
        convert::pair_table(py, &ordered)
    })
}

/// The intensities at these ranks, from 0, if all pixels were sorted.
#[pyfunction]
#[pyo3(signature = (image, ranks, n_threads=NonZeroUsize::MIN, instruction_set=None))]
fn order_statistics(
    py: Python<'_>,
    image: Floats<'_>,
    ranks: Vec<usize>,
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
) -> PyResult<Vec<f64>> {
    guarded(|| {
        let set = convert::instruction_set(instruction_set)?;
        in_its_precision!(image, image => {
            let pixels = &SharedPixels::of(&image)?;
            detached(py, n_threads, |effort| -> Result<Vec<f64>> {
                let values = order::order_statistics(pixels, &ranks, effort, set)?;
                Ok(values.into_iter().map(Pixel::to_f64).collect())
            })
        })
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
    guarded(|| {
        let points = convert::points(&points)?;
        let set = convert::instruction_set(instruction_set)?;
        let sums = detached(py, n_threads, |effort| {
            neighbors::distance_sums(&points, n_neighbors, effort, set)
        })?;
        Ok(PyArray1::from_vec(py, sums))
    })
}

#[pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use super::lattice::index_atoms;
    #[pymodule_export]
    use super::mean_cell::fold_cells;
    #[pymodule_export]
    use super::pareto::non_dominated;
    #[pymodule_export]
    use super::patches::extract_patches;
    #[pymodule_export]
    use super::point_filters::{gather_points, spread_points};
    #[pymodule_export]
    use super::refine::fit_peaks;
    #[pymodule_export]
    use super::sweep::CandidateSet;
    use super::{Bound, PyModule, PyModuleMethods, PyResult};
    #[pymodule_export]
    use super::{
        distance_sums, find_candidates_of_parts, find_tables_of_parts, instruction_sets,
        order_statistics, prune_by_scale, prune_compatible, prune_in_order, prune_largest_first,
        set_order,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
