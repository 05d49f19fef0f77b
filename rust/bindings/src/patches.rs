//! Windows centred on atoms.

use std::num::NonZeroUsize;

use logstar_core::patches::{Border, Normalization, Plan, Sample, Windows};
use numpy::{PyArray1, PyArray3, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{self, Floats, in_its_precision};
use crate::errors::{guarded, to_python};
use crate::shared::{Loaded, SharedPixels};
use crate::signals::detached;

/// Windows `(n_kept, size, size)`, and for each position whether it has one.
type Patches<'py> = (Bound<'py, PyArray3<f32>>, Bound<'py, PyArray1<bool>>);

/// Cut windows that are centred on positions `(row, col)`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "a question in full")]
pub(crate) fn extract_patches<'py>(
    py: Python<'py>,
    image: Floats<'py>,
    positions: PyReadonlyArray2<'py, f64>,
    size: usize,
    subpixel: bool,
    border: &str,
    normalization: &str,
    n_threads: NonZeroUsize,
) -> PyResult<Patches<'py>> {
    guarded(|| {
        let border =
            choose("border", border, [("drop", Border::Drop), ("reflect", Border::Reflect)])?;
        let normalization = choose(
            "normalization",
            normalization,
            [
                ("none", Normalization::None),
                ("mean", Normalization::Mean),
                ("zscore", Normalization::ZScore),
            ],
        )?;
        let windows = Windows { size, subpixel, border, normalization };
        let positions = convert::points(&positions)?;
        in_its_precision!(image, image => {
            cut(py, &SharedPixels::of(&image)?, &positions, windows, n_threads)
        })
    })
}

fn cut<'py, T: Sample + Loaded>(
    py: Python<'py>,
    pixels: &SharedPixels<'_, T>,
    positions: &[[f64; 2]],
    windows: Windows,
    n_threads: NonZeroUsize,
) -> PyResult<Patches<'py>> {
    let plan = Plan::new(pixels.shape(), positions, windows).map_err(to_python)?;
    plan.values().map_err(to_python)?;
    // NumPy's own memory, which no one else knows of until it is returned. It asks for huge pages,
    // which halves the time: most of it is the system's handing out memory.
    let patches = PyArray3::zeros(py, [plan.len(), windows.size, windows.size], false);
    {
        let mut borrowed = patches.readwrite();
        let out = borrowed.as_slice_mut()?;
        detached(py, n_threads, |effort| plan.cut(&pixels.copied(effort)?, out, effort))?;
    }
    Ok((patches, PyArray1::from_slice(py, plan.kept())))
}

fn choose<T, const N: usize>(what: &str, name: &str, among: [(&str, T); N]) -> PyResult<T> {
    let names = among.each_ref().map(|(name, _)| *name).join(", ");
    let chosen = among.into_iter().find(|(candidate, _)| *candidate == name);
    chosen.map(|(_, value)| value).ok_or_else(|| {
        PyValueError::new_err(format!("{what} must be one of {names}, got {name:?}"))
    })
}
