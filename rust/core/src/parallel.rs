//! Work split over threads, with results in the order of the work.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use crate::memory;

/// Beyond as many threads each has too little to do on any machine, and only takes memory.
const MOST_THREADS: usize = 256;

/// What a thread takes until it does its work: two megabytes of stack, and as much again.
const THREAD_BYTES: usize = 4 << 20;

/// Whether so many threads may find no memory to start with, in which case the C library of Linux
/// ends the process instead of refusing them.
fn has_no_room_for(threads: usize) -> bool {
    !memory::has_address_space(threads * THREAD_BYTES)
}

/// Applies `work` to every item on up to `threads` threads; the results keep the items' order.
pub(crate) fn map<I: Sync, R: Send>(
    items: &[I],
    threads: NonZeroUsize,
    work: impl Fn(&I) -> R + Sync,
) -> Vec<R> {
    map_with(items, threads, || (), |(), item| work(item))
}

/// As [`map`], with something of its own for every thread to work with.
///
/// The threads live as long as the call: nothing is left behind for a forked process to wait on.
pub(crate) fn map_with<I: Sync, R: Send, O>(
    items: &[I],
    threads: NonZeroUsize,
    own: impl Fn() -> O + Sync,
    work: impl Fn(&mut O, &I) -> R + Sync,
) -> Vec<R> {
    let threads = threads.get().min(items.len()).min(MOST_THREADS);
    if threads <= 1 || has_no_room_for(threads) {
        let mut own = own();
        return items.iter().map(|item| work(&mut own, item)).collect();
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = &|| {
        let (mut own, mut done) = (own(), Vec::new());
        loop {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match items.get(index) {
                Some(item) => done.push((index, work(&mut own, item))),
                None => return done,
            }
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        // Where the system starts no more threads, those that run do the work.
        let start = |_| Builder::new().spawn_scoped(scope, worker).ok();
        let handles: Vec<_> = (1..threads).map_while(start).collect();
        let mut results = worker();
        for handle in handles {
            match handle.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Does both, one of them on a thread of its own if the system starts one.
pub(crate) fn both(first: impl FnOnce() + Send, second: impl FnOnce()) {
    let first = Mutex::new(Some(first));
    let take = || first.lock().unwrap_or_else(PoisonError::into_inner).take();
    let do_first = || {
        if let Some(first) = take() {
            first();
        }
    };
    std::thread::scope(|scope| {
        let started = !has_no_room_for(1) && Builder::new().spawn_scoped(scope, do_first).is_ok();
        second();
        if !started {
            do_first();
        }
    });
}

/// Lets `work` change every item on up to `threads` threads, with something of its own for each.
pub(crate) fn for_each_with<I: Send, O>(
    items: &mut [I],
    threads: NonZeroUsize,
    own: impl Fn() -> O + Sync,
    work: impl Fn(&mut O, &mut I) + Sync,
) {
    // Each item is taken by one thread; the locks are never waited for.
    let items: Vec<Mutex<&mut I>> = items.iter_mut().map(Mutex::new).collect();
    map_with(&items, threads, own, |own, item| {
        let mut item = item.lock().unwrap_or_else(PoisonError::into_inner);
        work(own, &mut item);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_on_any_number_of_threads() {
        let items: Vec<usize> = (0..100).collect();
        let expected: Vec<usize> = items.iter().map(|i| i * i).collect();
        for threads in [1, 2, 3, 200] {
            let threads = NonZeroUsize::new(threads).unwrap();
            assert_eq!(map(&items, threads, |i| i * i), expected);
        }
        let none: Vec<usize> = map(&[], NonZeroUsize::MIN, |i: &usize| *i);
        assert!(none.is_empty());
    }

    #[test]
    fn every_item_is_changed_once() {
        for threads in [1, 2, 3, 200] {
            let mut items = vec![1; 100];
            let threads = NonZeroUsize::new(threads).unwrap();
            for_each_with(&mut items, threads, || (), |(), item| *item += 1);
            assert_eq!(items, [2; 100]);
        }
    }
}
