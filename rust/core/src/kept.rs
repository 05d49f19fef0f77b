//! Memory that is kept from call to call: on small images, getting it anew from the operating
//! system is a good part of the time.

use std::sync::Mutex;

/// The most that is kept of a kind, and the largest that is: 32 MB in all.
const MOST_KEPT: usize = 8;
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// What is kept of one kind.
#[derive(Debug)]
pub struct Kept<T>(Mutex<Vec<T>>);

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
        self.0.try_lock().ok().and_then(|mut kept| kept.pop())
    }

    /// Keeps `one`, whose size is `bytes`, unless it is too large or enough of its kind are kept.
    pub fn keep(&self, one: T, bytes: usize) {
        if bytes > MOST_BYTES {
            return;
        }
        if let Ok(mut kept) = self.0.try_lock()
            && kept.len() < MOST_KEPT
        {
            kept.push(one);
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
        assert_eq!(kept.take(), None);
        for _ in 0..2 * MOST_KEPT {
            kept.keep("small", MOST_BYTES);
        }
        assert_eq!(std::iter::from_fn(|| kept.take()).count(), MOST_KEPT);
    }

    #[test]
    fn vectors_without_memory_take_no_place() {
        let kept = Kept::new();
        kept.keep_memory(Vec::with_capacity(3));
        (0..MOST_KEPT).for_each(|_| kept.keep_memory(Vec::<u8>::new()));
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
