//! Working memory that is kept from call to call: on small images, getting it anew from the
//! operating system is a good part of the time.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use super::buffers::Buffers;
use super::scale::Reach;
use crate::Result;

/// The most that is kept, and the largest that is: 32 MB in all.
const MOST_KEPT: usize = 8;
const MOST_BYTES: usize = 4 << 20;

static KEPT: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());

/// A tile's working memory, given back when dropped.
pub(in crate::scale_space) struct Lease(Buffers);

impl Lease {
    /// Memory for tiles of up to `rows` by `cols` pixels and kernels of up to this reach.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(in crate::scale_space) fn new(rows: usize, cols: usize, reach: Reach) -> Result<Self> {
        // Nobody waits for the lock: in a forked process its owner may be gone for ever.
        let kept = KEPT.try_lock().ok().and_then(|mut kept| kept.pop());
        let mut buffers = kept.unwrap_or_default();
        buffers.make_room(rows, cols, reach)?;
        Ok(Self(buffers))
    }

    /// How many bytes that takes.
    pub(in crate::scale_space) fn bytes(rows: usize, cols: usize, reach: Reach) -> usize {
        Buffers::lengths(rows, cols, reach).total() * size_of::<f32>()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.0.bytes() > MOST_BYTES {
            return;
        }
        if let Ok(mut kept) = KEPT.try_lock()
            && kept.len() < MOST_KEPT
        {
            kept.push(std::mem::take(&mut self.0));
        }
    }
}

impl Deref for Lease {
    type Target = Buffers;

    fn deref(&self) -> &Buffers {
        &self.0
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Buffers {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(rows: usize) -> Lease {
        Lease::new(rows, 100, Reach { grids: [Some([8, 8]), None, None] }).unwrap()
    }

    #[test]
    fn what_is_kept_stays_small() {
        // Other tests lease as well, so only bounds hold.
        drop((0..2 * MOST_KEPT).map(|_| lease(50)).collect::<Vec<_>>());
        drop(lease(100_000));
        let kept = KEPT.lock().unwrap();
        assert!(kept.len() <= MOST_KEPT);
        assert!(kept.iter().all(|buffers| buffers.bytes() <= MOST_BYTES));
    }

    #[test]
    fn memory_that_was_larger_or_smaller_has_room() {
        for rows in [10, 200, 30] {
            let lease = lease(rows);
            assert!(lease.pixels[0].get().len() >= (rows + 18) * 100);
        }
    }
}
