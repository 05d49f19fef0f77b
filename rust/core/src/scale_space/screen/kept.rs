//! A tile's working memory, kept from call to call.

use std::ops::{Deref, DerefMut};

use super::buffers::Buffers;
use super::scale::Reach;
use crate::Result;
use crate::kept::Kept;

static KEPT: Kept<Buffers> = Kept::new();

/// A tile's working memory, given back when dropped.
pub(in crate::scale_space) struct Lease(Buffers);

impl Lease {
    /// Memory for tiles of up to `rows` by `cols` pixels and kernels of up to this reach.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(in crate::scale_space) fn new(rows: usize, cols: usize, reach: Reach) -> Result<Self> {
        let mut buffers = KEPT.take().unwrap_or_default();
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
        let bytes = self.0.bytes();
        KEPT.keep(std::mem::take(&mut self.0), bytes);
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
        Lease::new(rows, 100, Reach { own: [8, 8], ..Reach::default() }).unwrap()
    }

    #[test]
    fn memory_that_was_larger_or_smaller_has_room() {
        for rows in [10, 200, 30] {
            let lease = lease(rows);
            assert!(lease.pixels.get().len() >= (rows + 18) * 100);
        }
    }
}
