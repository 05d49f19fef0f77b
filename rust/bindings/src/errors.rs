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

use crate::MEMORY;

/// What must be free when a call begins, and when its computation does. What grows with a parameter
/// or is a multiple of the image is asked for where it is needed; all else fits in here.
const HEADROOM: usize = 32 << 20;

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

/// Whether there is memory for what a call needs beside that which it asks for.
pub(crate) fn check_headroom() -> PyResult<()> {
    check_room::<u8>(HEADROOM, "the working memory of a call").map_err(to_python)
}

/// The way from Python into the module: every function and method does its work in here, or in
/// [`guarded_briefly`], so that a panic of the core, or of a conversion, ends as an exception that
/// scripts can handle, and that nothing begins where there is next to no memory.
pub(crate) fn guarded<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    without_panic(|| check_headroom().and_then(|()| work()))
}

/// As [`guarded`], for work of microseconds that takes some kilobytes of memory at most: to ask the
/// system for the headroom would take longer than the work. The reserve stands in for it, and where
/// it did, the headroom is asked for afterwards.
pub(crate) fn guarded_briefly<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    let drawn = MEMORY.drawn();
    without_panic(|| {
        let result = work()?;
        if MEMORY.drawn() > drawn {
            check_headroom()?;
        }
        Ok(result)
    })
}

fn without_panic<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    let drawn = MEMORY.drawn();
    let of_panic = |panic| {
        // Python's interface panics where it finds no memory for a string.
        if MEMORY.drawn() > drawn || check_headroom().is_err() {
            no_memory()
        } else {
            of_panic(&panic)
        }
    };
    caught(work).unwrap_or_else(|panic| Err(of_panic(panic))).map_err(made)
}

/// The error with its exception made, which otherwise is once the guard is left: there is one for
/// which there is always memory.
fn made(error: PyErr) -> PyErr {
    let made = caught(|| Python::attach(|py| error.value(py).is_none()));
    if made.is_ok() { error } else { no_memory() }
}

/// A `MemoryError` without words: Python keeps some of these.
fn no_memory() -> PyErr {
    PyMemoryError::new_err(())
}

fn of_panic(panic: &Panicked) -> PyErr {
    PyRuntimeError::new_err(format!(
        "logstar {} met a state that it should never be in: {panic}. This is a fault of logstar, \
         not of what it was given; please report it, with what was called.",
        env!("CARGO_PKG_VERSION"),
    ))
}
