//! Work split over threads, with results in the order of the work.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use crate::{Result, memory};

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

/// Fewer elements are sorted sooner than a thread starts.
const FEW_TO_SORT: usize = 1 << 13;

/// All elements of some lists in an order that is total: each thread sorts a part, and parts are
/// merged.
///
/// # Errors
/// [`crate::Error::Memory`].
pub(crate) fn sorted<T: Copy + Send + Sync>(
    lists: &[Vec<T>],
    threads: NonZeroUsize,
    order: impl Fn(&T, &T) -> Ordering + Sync,
    what: &'static str,
) -> Result<Vec<T>> {
    let len: usize = lists.iter().map(Vec::len).sum();
    let threads = threads.min(NonZeroUsize::new(len / FEW_TO_SORT).unwrap_or(NonZeroUsize::MIN));
    let groups: Vec<&[Vec<T>]> = lists.chunks(lists.len().div_ceil(threads.get()).max(1)).collect();
    let parts = map(&groups, threads, |group| {
        let mut part = memory::room(group.iter().map(Vec::len).sum(), what)?;
        for list in *group {
            part.extend_from_slice(list);
        }
        part.sort_unstable_by(&order);
        Ok(part)
    });
    let mut parts = parts.into_iter().collect::<Result<Vec<Vec<T>>>>()?;
    while parts.len() > 1 {
        let pairs: Vec<&[Vec<T>]> = parts.chunks(2).collect();
        let merged = map(&pairs, threads, |pair| merged(pair, &order, what));
        parts = merged.into_iter().collect::<Result<_>>()?;
    }
    Ok(parts.pop().unwrap_or_default())
}

/// One list of one or two that are sorted.
fn merged<T: Copy>(
    pair: &[Vec<T>],
    order: impl Fn(&T, &T) -> Ordering,
    what: &'static str,
) -> Result<Vec<T>> {
    let mut all = memory::room(pair.iter().map(Vec::len).sum(), what)?;
    let mut rests = [pair.first(), pair.get(1)].map(|list| list.map_or(&[][..], Vec::as_slice));
    while let [[one, ones @ ..], [other, others @ ..]] = rests {
        if order(one, other).is_le() {
            all.push(*one);
            rests[0] = ones;
        } else {
            all.push(*other);
            rests[1] = others;
        }
    }
    for rest in rests {
        all.extend_from_slice(rest);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn lists_are_sorted_as_one(
            lens in proptest::collection::vec(0_usize..9_000, 0..9),
            threads in 1_usize..6,
            factor in 1_usize..1000,
        ) {
            let lists: Vec<Vec<(usize, usize)>> = lens
                .iter()
                .enumerate()
                .map(|(list, &len)| (0..len).map(|i| (i * factor % 257, i * 9 + list)).collect())
                .collect();
            let mut expected: Vec<(usize, usize)> = lists.iter().flatten().copied().collect();
            expected.sort_unstable();
            let threads = NonZeroUsize::new(threads).unwrap();
            prop_assert_eq!(sorted(&lists, threads, Ord::cmp, "numbers").unwrap(), expected);
        }
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
