//! Ctrl-C during a computation that runs detached from the interpreter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long an answer holds. To ask takes the interpreter's lock, which another thread may keep
/// for five milliseconds.
const PATIENCE: Duration = Duration::from_millis(50);

/// Whether a signal's handler has raised an exception since the call began.
pub(crate) struct Signals {
    /// Handlers run on the main thread alone: if any thread can ask, it is the calling one.
    caller: ThreadId,
    raised: AtomicBool,
    state: Mutex<State>,
}

struct State {
    asked: Instant,
    error: Option<PyErr>,
}

impl Signals {
    pub(crate) fn new() -> Self {
        let state = State { asked: Instant::now(), error: None };
        Self {
            caller: thread::current().id(),
            raised: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// To be called while detached, on any thread.
    pub(crate) fn interrupted(&self) -> bool {
        if self.raised.load(Ordering::Relaxed) || thread::current().id() != self.caller {
            return self.raised.load(Ordering::Relaxed);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.asked.elapsed() < PATIENCE {
            return false;
        }
        #[allow(clippy::redundant_closure_for_method_calls, reason = "the method has one lifetime")]
        let answer = Python::attach(|py| py.check_signals());
        state.asked = Instant::now();
        state.error = answer.err();
        self.raised.store(state.error.is_some(), Ordering::Relaxed);
        state.error.is_some()
    }

    /// The exception that was raised.
    pub(crate) fn error(self) -> Option<PyErr> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }
}
