//! Pruning of blobs that overlap, by a rule that no order decides.
//!
//! The larger blob keeps the place, and only a blob that is itself kept removes another.
//! [`crate::sweep`] applies the same rule at many settings, by tables; each is tested against the
//! other. Scikit-image's rule is another one: see [`crate::skimage`].
//!
//! Time is near linear in the blobs even where each overlaps thousands: one that is settled is not
//! looked at again.

use crate::Result;
use crate::blob::{Blob, by_falling_size, check_blobs, falling};
use crate::geometry::overlap_fraction;
use crate::geometry::placed::{Placed, greedy};
use crate::interrupt::Effort;

/// Removes blobs whose overlap with a kept blob exceeds `max_overlap`.
///
/// Blobs claim their place in this order: larger sigma, then larger response, then lower row, then
/// lower column, then what comes first. Returns for each blob whether it is kept.
///
/// # Errors
/// [`crate::Error::Blob`] for a blob that is not finite, [`crate::Error::Interrupted`].
pub fn by_scale(
    blobs: &[Blob<f64>],
    responses: &[f64],
    max_overlap: f64,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let placed = Placed::new(blobs, claim_order(blobs, responses));
    let exceeds = |id: usize, other: usize| {
        overlap_fraction(&placed.blobs[id], &placed.blobs[other]) > max_overlap
    };
    greedy(&placed, max_overlap, exceeds, effort)
}

/// Indices of blobs in the order in which they claim their places by [`by_scale`]'s rule; a
/// response that is missing counts as 0.
pub(crate) fn claim_order(blobs: &[Blob<f64>], responses: &[f64]) -> Vec<u32> {
    let response = |i: usize| responses.get(i).copied().unwrap_or(0.0);
    let of_equal_size = |i: usize, j: usize| {
        let (a, b) = (&blobs[i], &blobs[j]);
        falling(response(i), response(j))
            .then_with(|| falling(b.row, a.row))
            .then_with(|| falling(b.col, a.col))
    };
    // As candidates of an image come.
    if (1..blobs.len()).all(|next| of_equal_size(next - 1, next).is_le()) {
        return by_falling_size(0..blobs.len() as u32, |index| blobs[index as usize].sigma_col);
    }
    // Sigmas beside the indices: most comparisons need no more.
    let mut claims: Vec<(f64, u32)> =
        (0..).zip(blobs).map(|(index, blob)| (blob.sigma_col, index)).collect();
    claims.sort_by(|&(a_sigma, i), &(b_sigma, j)| {
        falling(a_sigma, b_sigma).then_with(|| of_equal_size(i as usize, j as usize))
    });
    claims.into_iter().map(|claim| claim.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::geometry::testing::{blob, blobs, crowd, on, until};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn by_scale_is_a_maximal_set_without_overlap(blobs in blobs(), max_overlap in 0.0_f64..1.0) {
            let responses: Vec<f64> = (0..blobs.len()).map(|i| (i % 7) as f64).collect();
            let kept = by_scale(&blobs, &responses, max_overlap, on(2)).unwrap();
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
                let kept = by_scale(&blobs, &responses, max_overlap, on(2)).unwrap();
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
    fn claims_of_sorted_blobs_are_those_of_others() {
        let responses: Vec<f64> = (0..60).map(|i| f64::from(60 - i / 2)).collect();
        let mut blobs: Vec<_> =
            (0..60).map(|i| blob(f64::from(i), 0.0, 1.0 + f64::from(i % 3))).collect();
        let sorted = claim_order(&blobs, &responses);
        let mut expected: Vec<u32> = (0..60).collect();
        expected
            .sort_by(|&i, &j| falling(blobs[i as usize].sigma_col, blobs[j as usize].sigma_col));
        assert_eq!(sorted, expected);
        // With two that are not in order, all is sorted.
        blobs.swap(0, 1);
        let swapped = claim_order(&blobs, &responses);
        let place = |order: &[u32], index: u32| order.iter().position(|&i| i == index);
        assert_eq!(
            (place(&swapped, 1), place(&swapped, 0)),
            (place(&sorted, 0), place(&sorted, 1))
        );
        assert_eq!(swapped.len(), 60);
    }

    #[test]
    fn ties_go_to_the_response_then_to_the_upper_left() {
        let twins = [blob(0.0, 0.0, 1.0), blob(0.0, 1.0, 1.0)];
        assert_eq!(by_scale(&twins, &[1.0, 2.0], 0.1, on(2)).unwrap(), [false, true]);
        assert_eq!(by_scale(&twins, &[1.0, 1.0], 0.1, on(2)).unwrap(), [true, false]);
    }

    #[test]
    fn work_is_given_up_on_request() {
        let stop = || true;
        assert_eq!(by_scale(&crowd(), &[], 0.5, until(&stop)), Err(Error::Interrupted));
    }

    #[test]
    fn impossible_blobs_are_refused() {
        let bad = [blob(0.0, 0.0, 1.0), blob(f64::NAN, 0.0, 1.0)];
        assert_eq!(by_scale(&bad, &[1.0, 1.0], 0.5, on(2)), Err(Error::Blob { index: 1 }));
    }
}
