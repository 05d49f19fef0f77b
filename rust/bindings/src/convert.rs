//! From NumPy arrays to the core's plain types and back.

use logstar_core::blob::{Blob, Candidate};
use logstar_core::memory::check_room;
use logstar_core::scale_space::{AxisKernels, HalfKernel, Scale};
use logstar_core::simd::InstructionSet;
use numpy::ndarray::{ArrayView, Dimension};
use numpy::{
    Element, PyArray2, PyArrayMethods, PyReadonlyArray, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::to_python;

/// An image, or a table of blobs, in one of the precisions that are computed in.
#[derive(FromPyObject)]
pub(crate) enum Floats<'py> {
    Double(PyReadonlyArray2<'py, f64>),
    Single(PyReadonlyArray2<'py, f32>),
}

/// Evaluates an expression with the array of a [`Floats`], whichever precision it has.
macro_rules! in_its_precision {
    ($floats:expr, $array:ident => $result:expr) => {
        match $floats {
            $crate::convert::Floats::Double($array) => $result,
            $crate::convert::Floats::Single($array) => $result,
        }
    };
}
pub(crate) use in_its_precision;

/// The half kernels of one scale: vertical smooth and second derivative, horizontal smooth and
/// second derivative, and the weight of the scale.
pub(crate) type ScaleKernels<'py> = (
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray1<'py, f64>,
    f64,
);

/// The elements of an array, where each of them lies as Rust reads it: at a multiple of its size
/// from the first, which lies where its type may. Fields of packed structures do not, and views of
/// bytes need not. The one way from an array to its elements: all conversions go through it, or
/// ask [`check_places`] themselves.
pub(crate) fn elements<'a, T: Element, D: Dimension>(
    array: &'a PyReadonlyArray<'_, T, D>,
    name: &str,
) -> PyResult<ArrayView<'a, T, D>> {
    check_places(array, name)?;
    Ok(array.as_array())
}

/// Refuses arrays whose elements do not lie as Rust reads them.
pub(crate) fn check_places<T: Element, D: Dimension>(
    array: &PyReadonlyArray<'_, T, D>,
    name: &str,
) -> PyResult<()> {
    let steps = array.strides().iter().zip(array.shape());
    // The stride of an axis of one element is never taken.
    let whole = steps.filter(|&(_, &len)| len > 1).all(|(s, _)| s % size_of::<T>() as isize == 0);
    if whole && array.data().is_aligned() {
        return Ok(());
    }
    let message = format!(
        "{name} is not aligned: its strides are {:?} bytes and its first element lies at {:p}, \
         but elements take {} bytes; pass numpy.require({name}, requirements=\"A\")",
        array.strides(),
        array.data(),
        size_of::<T>(),
    );
    Err(PyValueError::new_err(message))
}

pub(crate) fn vector<T: Copy + Element>(
    array: &PyReadonlyArray1<'_, T>,
    name: &str,
) -> PyResult<Vec<T>> {
    Ok(elements(array, name)?.to_vec())
}

pub(crate) fn instruction_set(name: Option<&str>) -> PyResult<InstructionSet> {
    let Some(name) = name else { return Ok(InstructionSet::widest()) };
    let available = InstructionSet::available();
    available.iter().copied().find(|set| set.name() == name).ok_or_else(|| {
        let names: Vec<_> = available.into_iter().map(InstructionSet::name).collect();
        let names = names.join(", ");
        PyValueError::new_err(format!("instruction set must be one of {names}, got {name:?}"))
    })
}

pub(crate) fn ladder(scales: &[ScaleKernels<'_>]) -> PyResult<Vec<Scale>> {
    let half = |weights: &PyReadonlyArray1<'_, f64>| {
        HalfKernel::new(vector(weights, "a kernel")?).map_err(to_python)
    };
    let axis = |smooth, second| AxisKernels::new(half(smooth)?, half(second)?).map_err(to_python);
    scales
        .iter()
        .map(|(v_smooth, v_second, h_smooth, h_second, weight)| {
            Ok(Scale {
                vertical: axis(v_smooth, v_second)?,
                horizontal: axis(h_smooth, h_second)?,
                weight: *weight,
            })
        })
        .collect()
}

/// Blobs in rows of row, column, sigma of rows and of columns, or of one sigma for both.
pub(crate) fn blobs<T: Copy + Element>(array: &PyReadonlyArray2<'_, T>) -> PyResult<Vec<Blob<T>>> {
    let blob = |[row, col, sigma_row, sigma_col]: [T; 4]| Blob { row, col, sigma_row, sigma_col };
    if array.shape()[1] == 3 {
        return table(array, "blobs", |[row, col, sigma]| blob([row, col, sigma, sigma]));
    }
    table(array, "blobs", blob)
}

pub(crate) fn points(array: &PyReadonlyArray2<'_, f64>) -> PyResult<Vec<[f64; 2]>> {
    table(array, "points", |point| point)
}

/// A table of four columns.
pub(crate) fn rows_of_four(
    array: &PyReadonlyArray2<'_, f64>,
    name: &'static str,
) -> PyResult<Vec<[f64; 4]>> {
    table(array, name, |row| row)
}

/// Rows and columns of pixels.
pub(crate) fn places(array: &PyReadonlyArray2<'_, i64>) -> PyResult<Vec<[i64; 2]>> {
    table(array, "places", |place| place)
}

/// Pairs of indices. An index that 32 bits do not hold, or that is none, becomes the largest that
/// they hold, which no list of blobs reaches.
pub(crate) fn pairs(array: &PyReadonlyArray2<'_, i64>) -> PyResult<Vec<[u32; 2]>> {
    table(array, "pairs", |pair: [i64; 2]| pair.map(|i| u32::try_from(i).unwrap_or(u32::MAX)))
}

pub(crate) fn pair_table<'py>(
    py: Python<'py>,
    pairs: &[[u32; 2]],
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    check_room::<[i64; 2]>(pairs.len(), "the pairs in order").map_err(to_python)?;
    let flat: Vec<i64> = pairs.iter().flatten().map(|&index| i64::from(index)).collect();
    numpy::PyArray1::from_vec(py, flat).reshape([pairs.len(), 2])
}

fn table<T: Copy + Element, R, const COLS: usize>(
    array: &PyReadonlyArray2<'_, T>,
    name: &'static str,
    of_row: impl Fn([T; COLS]) -> R,
) -> PyResult<Vec<R>> {
    let view = elements(array, name)?;
    if view.ncols() != COLS {
        let got = view.ncols();
        let message = format!("{name} must have {COLS} columns, got {got}");
        return Err(PyValueError::new_err(message));
    }
    check_room::<R>(view.nrows(), name).map_err(to_python)?;
    // Rows of strided memory take several times as long.
    Ok(if let Some(flat) = view.as_slice() {
        flat.as_chunks().0.iter().copied().map(of_row).collect()
    } else {
        view.rows().into_iter().map(|row| of_row(std::array::from_fn(|col| row[col]))).collect()
    })
}

/// Row, column, what stands in the table for the scale, and response.
pub(crate) fn candidate_table<'py>(
    py: Python<'py>,
    candidates: &[Candidate],
    of_scales: &[Vec<f64>],
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let n_columns = 3 + of_scales.first().map_or(0, Vec::len);
    check_room::<f64>(candidates.len() * n_columns, "the candidates").map_err(to_python)?;
    let mut flat = Vec::with_capacity(candidates.len() * n_columns);
    for &Candidate { row, col, scale, response } in candidates {
        flat.extend([f64::from(row), f64::from(col)]);
        flat.extend(of_scales.get(scale as usize).into_iter().flatten());
        flat.push(response);
    }
    numpy::PyArray1::from_vec(py, flat).reshape([candidates.len(), n_columns])
}

pub(crate) fn candidate_places<'py>(
    py: Python<'py>,
    candidates: &[Candidate],
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let flat: Vec<i64> =
        candidates.iter().flat_map(|c| [c.row, c.col, c.scale].map(i64::from)).collect();
    numpy::PyArray1::from_vec(py, flat).reshape([candidates.len(), 3])
}
