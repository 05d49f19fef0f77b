//! Memory that is kept from call to call: on small images, getting it anew from the operating
//! system is a good part of the time.

use std::sync::Mutex;

/// The most bytes that are kept of a kind: what two threads need for tiles of kernels of sigma 30,
/// some 20 MB each.
const MOST_BYTES: usize = 48 << 20;

/// What is kept of one kind, each with its size in bytes.
#[derive(Debug)]
pub struct Kept<T>(Mutex<Vec<(T, usize)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Kept<T> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One that was kept, of any size.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        // Nobody waits for the lock: in a forked process its owner may be gone for ever.
        let (one, _) = self.0.try_lock().ok().and_then(|mut kept| kept.pop())?;
        Some(one)
    }

    /// Keeps `one`, whose size is `bytes`, unless that is more than may be kept of its kind.
    pub fn keep(&self, one: T, bytes: usize) {
        if let Ok(mut kept) = self.0.try_lock() {
            let others: usize = kept.iter().map(|(_, bytes)| bytes).sum();
            if others.saturating_add(bytes) <= MOST_BYTES {
                kept.push((one, bytes));
            }
        }
    }
}

impl<T> Kept<Vec<T>> {
    /// Keeps the memory of a vector, if there is any.
    pub(crate) fn keep_memory(&self, memory: Vec<T>) {
        let bytes = memory.capacity() * size_of::<T>();
        if bytes > 0 {
            self.keep(memory, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_small() {
        let kept = Kept::new();
        assert_eq!(kept.take(), None);
        kept.keep("too large", MOST_BYTES + 1);
        kept.keep("far too large", usize::MAX);
        assert_eq!(kept.take(), None);
        for _ in 0..10 {
            kept.keep("a quarter", MOST_BYTES / 4);
        }
        assert_eq!(std::iter::from_fn(|| kept.take()).count(), 4);
    }

    #[test]
    fn vectors_without_memory_take_no_place() {
        let kept = Kept::new();
        kept.keep_memory(Vec::with_capacity(3));
        kept.keep_memory(Vec::<u8>::new());
        assert!(kept.take().is_some_and(|memory| memory.capacity() >= 3));
        assert_eq!(kept.take(), None);
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone() {
        let kept = Kept::new();
        kept.keep("one", 1);
        let held = kept.0.lock().unwrap();
        assert_eq!(kept.take(), None);
        kept.keep("another", 1);
        drop(held);
        assert_eq!((kept.take(), kept.take()), (Some("one"), None));
    }
}
