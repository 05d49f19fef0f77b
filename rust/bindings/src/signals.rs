//! What ends a computation that runs detached from the interpreter: Ctrl-C, and the end of memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use logstar_core::interrupt::Effort;
use logstar_core::reserve::RESERVE;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::MEMORY;
use crate::errors::{CoreError, check_headroom, to_python};

/// What has no use for a second thread.
pub(crate) const ALONE: NonZeroUsize = NonZeroUsize::MIN;

/// What a computation may take from the reserve before it is given up: enough for the errors of
/// threads that are refused memory, and little enough that the rest lasts until they all stop.
const MOST_DRAWN: usize = RESERVE / 8;

/// How long an answer holds. To ask takes the interpreter's lock, which another thread may keep
/// for five milliseconds.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs a computation of the core detached from the interpreter, on so many threads; Ctrl-C ends
/// it, and so does the end of memory.
pub(crate) fn detached<R: Send, E: CoreError>(
    py: Python<'_>,
    threads: NonZeroUsize,
    work: impl FnOnce(Effort<'_>) -> Result<R, E> + Send,
) -> PyResult<R> {
    // What the arguments take has been taken since the call began.
    check_headroom()?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    py.detach(|| work(Effort { threads, interrupted: &interrupted }))
        .map_err(|error| signals.error().unwrap_or_else(|| to_python(error)))
}

/// Whether a signal's handler has raised an exception since the call began, or memory has ended.
struct Signals {
    /// Handlers run on the main thread alone: if any thread can ask, it is the calling one.
    caller: ThreadId,
    /// What had been drawn from the reserve when the call began.
    drawn: usize,
    raised: AtomicBool,
    state: Mutex<State>,
}

struct State {
    asked: Instant,
    error: Option<PyErr>,
}

impl Signals {
    fn new() -> Self {
        let state = State { asked: Instant::now(), error: None };
        Self {
            caller: thread::current().id(),
            drawn: MEMORY.drawn(),
            raised: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// To be called while detached, on any thread.
    fn interrupted(&self) -> bool {
        if self.memory_has_ended() {
            return true;
        }
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

    fn memory_has_ended(&self) -> bool {
        MEMORY.drawn() - self.drawn > MOST_DRAWN
    }

    /// The exception that was raised, or that of memory that has ended.
    fn error(self) -> Option<PyErr> {
        let has_ended = self.memory_has_ended();
        let raised = self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error;
        let of_memory = || PyMemoryError::new_err("there is no memory left to compute with");
        raised.or_else(|| has_ended.then(of_memory))
    }
}
