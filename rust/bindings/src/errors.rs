//! Errors of the core as exceptions.
//!
//! [`Error::Memory`] is a `MemoryError`, a panic a `RuntimeError`, everything else a `ValueError`.
//! Each has the attribute `kind`, the name of the core's variant, and `numbers`, a dictionary of
//! what the variant holds.

use logstar_core::guard::{Panicked, caught};
use logstar_core::memory::check_room;
use logstar_core::sweep::SweepError;
use logstar_core::{Error, error::Numbers};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What must be free when a call begins, for arguments and results that are small.
const ROOM_TO_CONVERT: usize = 1 << 20;

/// An error of the core, which knows its numbers.
pub(crate) trait CoreError: std::error::Error + Send {
    fn is_memory(&self) -> bool;
    fn details(&self) -> (&'static str, Numbers);
}

impl CoreError for Error {
    fn is_memory(&self) -> bool {
        matches!(self, Error::Memory { .. })
    }
    fn details(&self) -> (&'static str, Numbers) {
        self.details()
    }
}

impl CoreError for SweepError {
    fn is_memory(&self) -> bool {
        matches!(self, SweepError::Core(Error::Memory { .. }))
    }
    fn details(&self) -> (&'static str, Numbers) {
        self.details()
    }
}

pub(crate) fn to_python(error: impl CoreError) -> PyErr {
    let message = error.to_string();
    let exception = if error.is_memory() {
        PyMemoryError::new_err(message)
    } else {
        PyValueError::new_err(message)
    };
    let (kind, numbers) = error.details();
    Python::attach(|py| {
        let describe = || {
            let of_python = PyDict::new(py);
            for (name, number) in numbers {
                of_python.set_item(name, number)?;
            }
            exception.value(py).setattr("kind", kind)?;
            exception.value(py).setattr("numbers", of_python)
        };
        // The exception itself matters more than what could not be added to it.
        let described: PyResult<()> = describe();
        drop(described);
    });
    exception
}

/// The one way from Python into the module: every function and method does its work in here, so
/// that a panic of the core, or of a conversion, ends as an exception that scripts can handle.
pub(crate) fn guarded<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    check_room::<u8>(ROOM_TO_CONVERT, "the arguments of a call").map_err(to_python)?;
    caught(work).unwrap_or_else(|panic| Err(of_panic(&panic)))
}

fn of_panic(panic: &Panicked) -> PyErr {
    PyRuntimeError::new_err(format!(
        "logstar {} met a state that it should never be in: {panic}. This is a fault of logstar, \
         not of what it was given; please report it, with what was called.",
        env!("CARGO_PKG_VERSION"),
    ))
}
