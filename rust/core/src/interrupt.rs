//! Work that is given up on request.

use std::num::NonZeroUsize;

/// Asked on every thread between parts of the work, which is given up once the answer is yes; it
/// must stay yes then.
pub type Interrupted<'a> = &'a (dyn Fn() -> bool + Sync);

/// Asks for nothing: for work that is to be done to the end.
#[must_use]
pub fn never() -> bool {
    false
}

/// What a long computation may use, and until when; no result depends on it.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    /// Number of threads.
    pub threads: NonZeroUsize,
    /// Whether to stop.
    pub interrupted: Interrupted<'a>,
}

impl Effort<'static> {
    /// To the end, on so many threads.
    #[must_use]
    pub fn of(threads: NonZeroUsize) -> Self {
        Self { threads, interrupted: &never }
    }
}

impl Effort<'_> {
    pub(crate) fn check(&self) -> crate::Result<()> {
        if (self.interrupted)() { Err(crate::Error::Interrupted) } else { Ok(()) }
    }
}
