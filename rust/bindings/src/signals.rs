//! Ctrl-C during a computation that runs detached from the interpreter.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use logstar_core::interrupt::Effort;
use logstar_core::memory::check_room;
use pyo3::prelude::*;

use crate::errors::{CoreError, to_python};

/// What has no use for a second thread.
pub(crate) const ALONE: NonZeroUsize = NonZeroUsize::MIN;

/// What must be free when a computation begins. What grows with a parameter or is a multiple of
/// the image is asked for where it is needed; all else fits in here.
const HEADROOM: usize = 32 << 20;

/// How long an answer holds. To ask takes the interpreter's lock, which another thread may keep
/// for five milliseconds.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs a computation of the core detached from the interpreter, on so many threads; Ctrl-C ends
/// it.
pub(crate) fn detached<R: Send, E: CoreError>(
    py: Python<'_>,
    threads: NonZeroUsize,
    work: impl FnOnce(Effort<'_>) -> Result<R, E> + Send,
) -> PyResult<R> {
    check_room::<u8>(HEADROOM, "the working memory of a call").map_err(to_python)?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    py.detach(|| work(Effort { threads, interrupted: &interrupted }))
        .map_err(|error| signals.error().unwrap_or_else(|| to_python(error)))
}

/// Whether a signal's handler has raised an exception since the call began.
struct Signals {
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
    fn new() -> Self {
        let state = State { asked: Instant::now(), error: None };
        Self {
            caller: thread::current().id(),
            raised: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// To be called while detached, on any thread.
    fn interrupted(&self) -> bool {
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
    fn error(self) -> Option<PyErr> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }
}
