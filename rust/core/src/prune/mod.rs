//! Pruning of blobs that overlap.
//!
//! Two rules, for two purposes:
//!
//! * [`by_scale`] is the deterministic one: the larger blob keeps the place, and only a blob that
//!   is itself kept can remove another.
//! * [`compatible`] and [`in_order`] give scikit-image's result. Its loop over pairs lets dead
//!   blobs take part, so in principle the outcome depends on the order of the pairs. Most blobs'
//!   fate does not; [`compatible`] settles those and counts the rest, for which [`in_order`]
//!   replays a given order.

mod grid;
mod overlap;

use std::cmp::Ordering;

pub use overlap::{Precision, overlap_fraction};

use crate::blob::{Blob, check_blobs};
use crate::{Error, Result};
use grid::Grid;

/// What the order-free part of scikit-image's rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether each blob survives; meaningless for the undecided.
    pub survives: Vec<bool>,
    /// How many blobs only the order of the pairs decides.
    pub n_undecided: usize,
}

/// Removes blobs whose overlap with a kept blob exceeds `max_overlap`.
///
/// Blobs claim their place in this order: larger sigma, then larger response, then lower row, then
/// lower column. Returns for each blob whether it is kept.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite.
pub fn by_scale(blobs: &[Blob<f64>], responses: &[f64], max_overlap: f64) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let response = |i: usize| responses.get(i).copied().unwrap_or(0.0);
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_by(|&i, &j| {
        let (a, b) = (&blobs[i], &blobs[j]);
        descending(a.sigma_col, b.sigma_col)
            .then_with(|| descending(response(i), response(j)))
            .then_with(|| descending(b.row, a.row))
            .then_with(|| descending(b.col, a.col))
    });
    let mut kept = vec![false; blobs.len()];
    let grid = Grid::new(blobs, reach(blobs));
    for i in order {
        kept[i] = !grid
            .near(&blobs[i])
            .any(|j| kept[j] && overlap_fraction(&blobs[j], &blobs[i]) > max_overlap);
    }
    Ok(kept)
}

/// Applies scikit-image's rule as far as no order of pairs can change it.
///
/// Blobs come strongest first. Of two that overlap by more than `max_overlap`, the smaller one is
/// to be removed, of two equal ones the first. A blob that nothing removes survives; one that such
/// a survivor removes does not; the others are undecided.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite.
pub fn compatible<T: Precision>(blobs: &[Blob<T>], max_overlap: T) -> Result<Verdict> {
    check_blobs(blobs)?;
    let grid = Grid::new(blobs, reach(blobs));
    let mut removals: Vec<(usize, usize)> = Vec::new();
    for (j, blob) in blobs.iter().enumerate() {
        for i in grid.near(blob).filter(|&i| i < j) {
            if overlap_fraction(&blobs[i], blob) > max_overlap {
                removals.push(if first_survives(&blobs[i], blob) { (i, j) } else { (j, i) });
            }
        }
    }
    let mut threatened = vec![false; blobs.len()];
    for &(_, victim) in &removals {
        threatened[victim] = true;
    }
    let mut removed = vec![false; blobs.len()];
    for &(remover, victim) in &removals {
        removed[victim] |= !threatened[remover];
    }
    Ok(Verdict {
        n_undecided: threatened.iter().zip(&removed).filter(|&(t, r)| *t && !*r).count(),
        survives: threatened.into_iter().map(|t| !t).collect(),
    })
}

/// Applies scikit-image's rule to the pairs in the given order, dead blobs taking part.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite, [`Error::PairOutOfRange`] for a pair that names
/// none.
pub fn in_order<T: Precision>(
    blobs: &[Blob<T>],
    pairs: impl IntoIterator<Item = (usize, usize)>,
    max_overlap: T,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let mut blobs = blobs.to_vec();
    let len = blobs.len();
    for (first, second) in pairs {
        if first >= len || second >= len {
            return Err(Error::PairOutOfRange { first, second, len });
        }
        if overlap_fraction(&blobs[first], &blobs[second]) > max_overlap {
            let victim = if first_survives(&blobs[first], &blobs[second]) { second } else { first };
            blobs[victim].sigma_col = T::default();
        }
    }
    Ok(blobs.iter().map(|blob| blob.sigma_col > T::default()).collect())
}

/// Distance beyond which no two of the blobs overlap.
fn reach<T: Precision>(blobs: &[Blob<T>]) -> f64 {
    let largest = blobs
        .iter()
        .flat_map(|blob| [blob.sigma_row.into(), blob.sigma_col.into()])
        .fold(0.0, f64::max);
    2.0 * std::f64::consts::SQRT_2 * largest
}

fn first_survives<T: Precision>(first: &Blob<T>, second: &Blob<T>) -> bool {
    first.sigma_col > second.sigma_col
}

fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(row: f64, col: f64, sigma: f64) -> Blob<f64> {
        Blob { row, col, sigma_row: sigma, sigma_col: sigma }
    }

    /// Integer positions and few sigmas, as a ladder gives them: many ties and chains.
    fn blobs() -> impl Strategy<Value = Vec<Blob<f64>>> {
        proptest::collection::vec((0_u8..24, 0_u8..24, 1_u8..6), 0..60).prop_map(|blobs| {
            blobs
                .into_iter()
                .map(|(row, col, sigma)| blob(row.into(), col.into(), 0.7 * f64::from(sigma)))
                .collect()
        })
    }

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
            let verdict = compatible(&blobs, max_overlap).unwrap();
            let replayed = in_order(&blobs, shuffled, max_overlap).unwrap();
            let differing = (0..blobs.len()).filter(|&i| verdict.survives[i] != replayed[i]);
            prop_assert!(differing.count() <= verdict.n_undecided);
            // A survivor of the verdict survives every order.
            for (survives, replayed) in verdict.survives.iter().zip(&replayed) {
                prop_assert!(!survives || *replayed);
            }
        }

        #[test]
        fn by_scale_is_a_maximal_set_without_overlap(blobs in blobs(), max_overlap in 0.0_f64..1.0) {
            let responses: Vec<f64> = (0..blobs.len()).map(|i| (i % 7) as f64).collect();
            let kept = by_scale(&blobs, &responses, max_overlap).unwrap();
            let over = |i: usize, j: usize| overlap_fraction(&blobs[i], &blobs[j]) > max_overlap;
            for i in 0..blobs.len() {
                let removers: Vec<usize> =
                    (0..blobs.len()).filter(|&j| j != i && kept[j] && over(j, i)).collect();
                if kept[i] {
                    prop_assert!(removers.is_empty());
                } else {
                    prop_assert!(removers.iter().any(|&j| blobs[j].sigma_col >= blobs[i].sigma_col));
                }
            }
        }

        #[test]
        fn by_scale_does_not_depend_on_the_order_of_the_blobs(
            numbered in blobs()
                .prop_map(|b| b.into_iter().enumerate().collect::<Vec<_>>())
                .prop_shuffle(),
            max_overlap in 0.0_f64..1.0,
        ) {
            let kept_of = |order: &[(usize, Blob<f64>)]| {
                let blobs: Vec<_> = order.iter().map(|(_, b)| *b).collect();
                let responses: Vec<f64> = blobs.iter().map(|b| b.row * 31.0 + b.col).collect();
                let kept = by_scale(&blobs, &responses, max_overlap).unwrap();
                let mut places: Vec<(u64, u64, u64)> = blobs
                    .iter()
                    .zip(kept)
                    .filter(|(_, kept)| *kept)
                    .map(|(b, _)| (b.row.to_bits(), b.col.to_bits(), b.sigma_col.to_bits()))
                    .collect();
                places.sort_unstable();
                places
            };
            let mut sorted = numbered.clone();
            sorted.sort_by_key(|(i, _)| *i);
            prop_assert_eq!(kept_of(&numbered), kept_of(&sorted));
        }
    }

    #[test]
    fn ties_go_to_the_response_then_to_the_upper_left() {
        let twins = [blob(0.0, 0.0, 1.0), blob(0.0, 1.0, 1.0)];
        assert_eq!(by_scale(&twins, &[1.0, 2.0], 0.1).unwrap(), [false, true]);
        assert_eq!(by_scale(&twins, &[1.0, 1.0], 0.1).unwrap(), [true, false]);
    }

    #[test]
    fn scikit_image_removes_the_brighter_of_two_equal_blobs() {
        let twins = [blob(0.0, 0.0, 1.0), blob(0.0, 1.0, 1.0)];
        let verdict = compatible(&twins, 0.1).unwrap();
        assert_eq!((verdict.survives, verdict.n_undecided), (vec![false, true], 0));
    }

    #[test]
    fn a_chain_is_undecided_and_replays_both_ways() {
        let chain = [blob(0.0, 0.0, 3.0), blob(0.0, 3.0, 2.0), blob(0.0, 6.0, 1.5)];
        let verdict = compatible(&chain, 0.2).unwrap();
        assert_eq!(verdict.survives, [true, false, false]);
        assert_eq!(verdict.n_undecided, 1);
        let forwards = in_order(&chain, [(0, 1), (0, 2), (1, 2)], 0.2).unwrap();
        let backwards = in_order(&chain, [(1, 2), (0, 2), (0, 1)], 0.2).unwrap();
        assert_eq!((forwards, backwards), (vec![true, false, true], vec![true, false, false]));
    }

    #[test]
    fn impossible_blobs_and_pairs_are_refused() {
        let bad = [blob(0.0, 0.0, 1.0), blob(f64::NAN, 0.0, 1.0)];
        assert_eq!(by_scale(&bad, &[1.0, 1.0], 0.5), Err(Error::Blob { index: 1 }));
        assert_eq!(compatible(&[blob(0.0, 0.0, -1.0)], 0.5), Err(Error::Blob { index: 0 }));
        let error = Error::PairOutOfRange { first: 0, second: 1, len: 1 };
        assert_eq!(in_order(&[blob(0.0, 0.0, 1.0)], [(0, 1)], 0.5), Err(error));
    }
}
