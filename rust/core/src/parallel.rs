//! Work split over threads, with results in the order of the work.

use std::num::NonZeroUsize;

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
    let threads = threads.get().min(items.len());
    if threads <= 1 {
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
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
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
}
