//! Peaks fitted to an image.

use std::num::NonZeroUsize;

use logstar_core::refine::{self, Fitted, Likelihood, Options, Shape, Start};
use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{self, Floats, in_its_precision};
use crate::errors::guarded;
use crate::shared::SharedPixels;
use crate::signals::detached;

/// Row, column, sigma, amplitude, a, b, c, background, residual and steps of each atom; covariances
/// of the first four; their variances by residuals; statuses; steps of the whole; correlation of
/// neighbouring residuals.
type Peaks<'py> = (
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray3<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<u8>>,
    usize,
    f64,
);

/// Fits a Gaussian peak to each start: row, column, sigma, and how far it may move.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "what the core takes as structs")]
pub(crate) fn fit_peaks<'py>(
    py: Python<'py>,
    image: Floats<'py>,
    mask: Option<PyReadonlyArray2<'py, bool>>,
    starts: PyReadonlyArray2<'py, f64>,
    kinds: PyReadonlyArray1<'py, u32>,
    ghosts: PyReadonlyArray1<'py, bool>,
    elliptical: bool,
    poisson: bool,
    reach: f64,
    background_step: f64,
    share_shape: bool,
    edge: Option<f64>,
    window: Option<f64>,
    max_iter: usize,
    tolerance: f64,
    n_threads: NonZeroUsize,
    instruction_set: Option<&str>,
) -> PyResult<Peaks<'py>> {
    guarded(|| {
        let rows = convert::rows_of_four(&starts, "starts")?;
        let (kinds, ghosts) =
            (convert::vector(&kinds, "kinds")?, convert::vector(&ghosts, "ghosts")?);
        if kinds.len() != rows.len() || ghosts.len() != rows.len() {
            let message = "starts, kinds and ghosts must be equally many";
            return Err(PyValueError::new_err(message));
        }
        let starts: Vec<Start> = rows
            .into_iter()
            .zip(kinds)
            .zip(ghosts)
            .map(|(([row, col, sigma, limit], kind), is_ghost)| Start {
                row,
                col,
                sigma,
                kind,
                limit,
                is_ghost,
            })
            .collect();
        let mask: Option<Vec<bool>> = mask
            .map(|mask| convert::elements(&mask, "mask").map(|mask| mask.iter().copied().collect()))
            .transpose()?;
        let options = Options {
            shape: if elliptical { Shape::Elliptical } else { Shape::Isotropic },
            likelihood: if poisson { Likelihood::Poisson } else { Likelihood::Gaussian },
            reach,
            background_step,
            share_shape,
            edge,
            window,
            max_iter,
            tolerance,
        };
        let set = convert::instruction_set(instruction_set)?;
        let fitted = in_its_precision!(image, image => {
            let pixels = SharedPixels::of(&image)?;
            detached(py, n_threads, |effort| {
                let image = pixels.copied(effort)?;
                refine::fit(&image, mask.as_deref(), &starts, options, effort, set)
            })
        })?;
        peaks(py, &fitted)
    })
}

fn peaks<'py>(py: Python<'py>, fitted: &Fitted) -> PyResult<Peaks<'py>> {
    let n = fitted.atoms.len();
    let table: Vec<f64> = fitted
        .atoms
        .iter()
        .flat_map(|fit| {
            let [row, col] = fit.centre;
            let [a, b, c] = fit.precision;
            let steps = f64::from(fit.iterations);
            [row, col, fit.sigma, fit.amplitude, a, b, c, fit.background, fit.residual, steps]
        })
        .collect();
    let covariances: Vec<f64> =
        fitted.atoms.iter().flat_map(|fit| fit.covariance).flatten().collect();
    let robust: Vec<f64> = fitted.atoms.iter().flat_map(|fit| fit.robust).collect();
    let statuses: Vec<u8> = fitted.atoms.iter().map(|fit| fit.status as u8).collect();
    Ok((
        PyArray1::from_vec(py, table).reshape([n, 10])?,
        PyArray1::from_vec(py, covariances).reshape([n, 4, 4])?,
        PyArray1::from_vec(py, robust).reshape([n, 4])?,
        PyArray1::from_vec(py, statuses),
        fitted.iterations,
        fitted.autocorrelation,
    ))
}
