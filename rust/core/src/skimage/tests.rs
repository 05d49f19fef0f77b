//! The parts of scikit-image's rule against one another.

use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::geometry::placed::BLOBS_BETWEEN_QUESTIONS;
use crate::geometry::testing::{blob, blobs, crowd, on, until};
use crate::interrupt::never;

fn all_pairs(len: usize) -> Vec<(usize, usize)> {
    (0..len).flat_map(|j| (0..j).map(move |i| (i, j))).collect()
}

proptest! {
    #[test]
    fn undecided_aside_no_order_of_pairs_changes_the_verdict(
        (blobs, shuffled) in blobs().prop_flat_map(|blobs| {
            let pairs = all_pairs(blobs.len());
            (Just(blobs), Just(pairs).prop_shuffle())
        }),
        max_overlap in 0.0_f64..1.0,
    ) {
        let verdict = compatible(&blobs, max_overlap, on(2)).unwrap();
        let part: Vec<_> = shuffled
            .iter()
            .copied()
            .filter(|&(i, j)| verdict.replayed[i] && verdict.replayed[j])
            .collect();
        let replayed = in_order(&blobs, shuffled, max_overlap, &never).unwrap();
        let partly = in_order(&blobs, part, max_overlap, &never).unwrap();
        for i in 0..blobs.len() {
            let survives = if verdict.replayed[i] { partly[i] } else { verdict.survives[i] };
            prop_assert_eq!(survives, replayed[i]);
        }
        // A survivor of the verdict survives every order.
        for (survives, replayed) in verdict.survives.iter().zip(&replayed) {
            prop_assert!(!survives || *replayed);
        }
    }

    #[test]
    fn largest_first_is_the_loop_over_pairs_of_larger_blobs_first(
        blobs in blobs(),
        max_overlap in 0.0_f64..1.0,
    ) {
        let mut pairs = all_pairs(blobs.len());
        // Of equals the later one removes.
        let remover = |&(i, j): &(usize, usize)| {
            let (a, b) = (blobs[i].sigma_col, blobs[j].sigma_col);
            if a > b { (a, i) } else { (b, j) }
        };
        pairs.sort_by(|a, b| remover(b).partial_cmp(&remover(a)).unwrap());
        let expected = in_order(&blobs, pairs, max_overlap, &never).unwrap();
        prop_assert_eq!(largest_first(&blobs, max_overlap, on(2)).unwrap(), expected);
    }
}

#[test]
fn scikit_image_removes_the_brighter_of_two_equal_blobs() {
    let twins = [blob(0.0, 0.0, 1.0), blob(0.0, 1.0, 1.0)];
    let verdict = compatible(&twins, 0.1, on(2)).unwrap();
    assert_eq!((verdict.survives, verdict.replayed), (vec![false, true], vec![false; 2]));
}

#[test]
fn a_chain_is_undecided_and_replays_both_ways() {
    let chain = [blob(0.0, 0.0, 3.0), blob(0.0, 3.0, 2.0), blob(0.0, 6.0, 1.5)];
    let verdict = compatible(&chain, 0.2, on(2)).unwrap();
    assert_eq!(verdict.survives, [true, false, false]);
    assert_eq!(verdict.replayed, [true; 3]);
    let forwards = in_order(&chain, [(0, 1), (0, 2), (1, 2)], 0.2, &never).unwrap();
    let backwards = in_order(&chain, [(1, 2), (0, 2), (0, 1)], 0.2, &never).unwrap();
    assert_eq!((forwards, backwards), (vec![true, false, true], vec![true, false, false]));
}

#[test]
fn work_is_given_up_on_request() {
    let grid = crowd();
    let stop = || true;
    assert_eq!(largest_first(&grid, 0.5, until(&stop)), Err(Error::Interrupted));
    assert_eq!(compatible(&grid, 0.5, until(&stop)), Err(Error::Interrupted));
    assert_eq!(in_order(&grid, [(0, 1)], 0.5, &stop), Err(Error::Interrupted));
    assert_eq!(set_order(&[[0, 1]], |_| true, &stop), Err(Error::Interrupted));
    // While undecided blobs are traced back.
    let ends_after = |questions: usize| {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let later = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= questions;
        compatible(&grid, 0.3, until(&later)).is_ok()
    };
    let questions = (0..100).find(|&questions| ends_after(questions));
    assert!(questions.is_some_and(|n| n > grid.len().div_ceil(BLOBS_BETWEEN_QUESTIONS)));
}

#[test]
fn impossible_blobs_and_pairs_are_refused() {
    let negative = [blob(0.0, 0.0, -1.0)];
    assert_eq!(compatible(&negative, 0.5, on(2)), Err(Error::Blob { index: 0 }));
    let error = Error::PairOutOfRange { first: 0, second: 1, len: 1 };
    assert_eq!(in_order(&[blob(0.0, 0.0, 1.0)], [(0, 1)], 0.5, &never), Err(error));
}
