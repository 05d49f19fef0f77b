//! A separable filter of points alone, or of an image seen at points alone.

use logstar_core::point_filters::{self, Place};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert;
use crate::errors::guarded;
use crate::shared::SharedPixels;
use crate::signals::{ALONE, detached};

/// Filters an image that is 0 but at some pixels, the same along rows and columns.
#[pyfunction]
pub(crate) fn spread_points<'py>(
    py: Python<'py>,
    places: PyReadonlyArray2<'py, i64>,
    heights: PyReadonlyArray1<'py, f64>,
    kernel: PyReadonlyArray1<'py, f64>,
    shape: [usize; 2],
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    guarded(|| {
        let places: Vec<Place> = convert::places(&places)?;
        let heights = convert::vector(&heights, "heights")?;
        if heights.len() != places.len() {
            let message =
                format!("there are {} heights for {} places", heights.len(), places.len());
            return Err(PyValueError::new_err(message));
        }
        let kernel = convert::vector(&kernel, "kernel")?;
        let image = detached(py, ALONE, |effort| {
            point_filters::spread(&places, &heights, &kernel, shape, effort)
        })?;
        PyArray1::from_vec(py, image).reshape(shape)
    })
}

/// Filters an image, of which the mean of a square around each pixel is taken off before if a side
/// is given, the same along rows and columns; and gives what is at some pixels.
#[pyfunction]
#[pyo3(signature = (image, places, kernel, side=None))]
pub(crate) fn gather_points<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f64>,
    places: PyReadonlyArray2<'py, i64>,
    kernel: PyReadonlyArray1<'py, f64>,
    side: Option<usize>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    guarded(|| {
        let places: Vec<Place> = convert::places(&places)?;
        let kernel = convert::vector(&kernel, "kernel")?;
        if side.is_some_and(|side| side % 2 == 0) {
            return Err(PyValueError::new_err("the side must be an odd number of pixels"));
        }
        let pixels = &SharedPixels::of(&image)?;
        let found = detached(py, ALONE, |effort| {
            point_filters::gather(pixels, &places, &kernel, side, effort)
        })?;
        Ok(PyArray1::from_vec(py, found))
    })
}
