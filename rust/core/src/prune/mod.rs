//! Pruning of blobs that overlap.
//!
//! Two rules, for two purposes:
//!
//! * [`by_scale`] is the deterministic one: the larger blob keeps the place, and only a blob that
//!   is itself kept can remove another.
//! * [`compatible`] and [`in_order`] give scikit-image's result. Its loop over pairs lets dead
//!   blobs take part, so in principle the outcome depends on the order of the pairs. Most blobs'
//!   fate does not; [`compatible`] settles those and counts the rest, for which [`in_order`]
//!   replays a given order. [`largest_first`] decides them where there are too many pairs for
//!   that.
//!
//! Time is near linear in the blobs even where each overlaps thousands: one that is settled is not
//! looked at again.

mod inset;
mod overlap;
mod pending;
mod rivals;
mod set_order;

use std::num::NonZeroUsize;

pub use overlap::{Precision, overlap_fraction};
use pending::{Marked, Pending};
pub(crate) use rivals::Rivals;
pub use set_order::set_order;

use crate::blob::{Blob, check_blobs, falling};
use crate::cells::{Cells, squared_distance};
use crate::interrupt::{Effort, Interrupted};
use crate::{Error, Result, parallel};

/// Blobs that take their turn before the next question whether to stop.
const BETWEEN_QUESTIONS: usize = 64;

/// Blobs with more rivals are taken to remove one, unseen: in a crowd most do.
const FEW_RIVALS: usize = 4;

/// Blobs that a thread is started for at least: starting it takes 50 us, as do these.
const BLOBS_PER_THREAD: usize = 2048;

/// What the order-free part of scikit-image's rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether each blob survives; meaningless for the undecided.
    pub survives: Vec<bool>,
    /// Blobs whose fate only the order of the pairs decides, and all that could remove these,
    /// directly or through others: only pairs of two of them need be replayed. None of them if no
    /// blob is undecided.
    pub replayed: Vec<bool>,
}

/// Removes blobs whose overlap with a kept blob exceeds `max_overlap`.
///
/// Blobs claim their place in this order: larger sigma, then larger response, then lower row, then
/// lower column. Returns for each blob whether it is kept.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite, [`Error::Interrupted`].
pub fn by_scale(
    blobs: &[Blob<f64>],
    responses: &[f64],
    max_overlap: f64,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let response = |i: usize| responses.get(i).copied().unwrap_or(0.0);
    let mut claims: Vec<(f64, u32)> =
        (0..).zip(blobs).map(|(index, blob)| (blob.sigma_col, index)).collect();
    claims.sort_by(|&(a_sigma, i), &(b_sigma, j)| {
        let (i, j) = (i as usize, j as usize);
        let (a, b) = (&blobs[i], &blobs[j]);
        falling(a_sigma, b_sigma)
            .then_with(|| falling(response(i), response(j)))
            .then_with(|| falling(b.row, a.row))
            .then_with(|| falling(b.col, a.col))
    });
    let placed = Placed::new(blobs, claims.into_iter().map(|claim| claim.1));
    let exceeds = |id: usize, other: usize| {
        overlap_fraction(&placed.blobs[id], &placed.blobs[other]) > max_overlap
    };
    greedy(&placed, max_overlap, exceeds, effort)
}

/// What scikit-image's rule keeps if it meets the pairs of larger blobs first: of all its results
/// the one in which no blob is removed but by one that is kept.
///
/// Blobs come strongest first; of two equal ones the first is removed. `max_overlap` is not
/// negative.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite, [`Error::Interrupted`].
pub fn largest_first<T: Precision>(
    blobs: &[Blob<T>],
    max_overlap: T,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let placed = Placed::last_of_equals_first(blobs);
    let exceeds = |id: usize, other: usize| placed.exceed(blobs, id, other, max_overlap);
    greedy(&placed, max_overlap.into(), exceeds, effort)
}

/// Keeps each blob, in the order of claims, that none kept before removes.
fn greedy<T: Precision>(
    placed: &Placed<T>,
    max_overlap: f64,
    exceeds: impl Fn(usize, usize) -> bool + Sync,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    let rivals = placed.rivals(max_overlap);
    let mut kept = vec![true; placed.order.len()];
    let mut pending = Pending::new(placed.order.len());
    for ids in placed.removers(&rivals, &exceeds, effort)?.chunks(BETWEEN_QUESTIONS) {
        effort.check()?;
        for id in ids.iter().map(|&id| id as usize) {
            if kept[placed.index(id)] {
                pending.strike(id);
                rivals.settle(id, &mut pending, |other| {
                    let removed = exceeds(id, other);
                    kept[placed.index(other)] &= !removed;
                    removed
                });
            }
        }
    }
    Ok(kept)
}

/// Applies scikit-image's rule as far as no order of pairs can change it.
///
/// Blobs come strongest first. Of two that overlap by more than `max_overlap`, which is not
/// negative, the smaller one is to be removed, of two equal ones the first. A blob that nothing
/// removes survives; one that such a survivor removes does not; the others are undecided.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite, [`Error::Interrupted`].
pub fn compatible<T: Precision>(
    blobs: &[Blob<T>],
    max_overlap: T,
    effort: Effort<'_>,
) -> Result<Verdict> {
    check_blobs(blobs)?;
    let placed = Placed::last_of_equals_first(blobs);
    let rivals = placed.rivals(max_overlap.into());
    let exceed = |id: usize, other: usize| placed.exceed(blobs, id, other, max_overlap);
    let mut threatened = vec![false; blobs.len()];
    let mut removed = vec![false; blobs.len()];
    // Those yet to come that nothing threatens, or removes, so far.
    let mut unthreatened = Pending::new(blobs.len());
    let mut unremoved = Pending::new(blobs.len());
    let mut n_unthreatened = blobs.len();
    // In the order of claims, all that threaten a blob come before it.
    let removers = placed.removers(&rivals, exceed, effort)?;
    for ids in removers.chunks(BETWEEN_QUESTIONS) {
        effort.check()?;
        if n_unthreatened == 0 {
            break;
        }
        for id in ids.iter().map(|&id| id as usize) {
            unremoved.strike(id);
            if threatened[placed.index(id)] {
                rivals.settle(id, &mut unthreatened, |other| {
                    let threatens = exceed(id, other);
                    threatened[placed.index(other)] |= threatens;
                    n_unthreatened -= usize::from(threatens);
                    threatens
                });
            } else {
                n_unthreatened -= 1;
                unthreatened.strike(id);
                rivals.settle(id, &mut unremoved, |other| {
                    let removes = exceed(id, other);
                    if removes {
                        let victim = placed.index(other);
                        n_unthreatened -= usize::from(!threatened[victim]);
                        (threatened[victim], removed[victim]) = (true, true);
                        unthreatened.strike(other);
                    }
                    removes
                });
            }
        }
    }
    let mut replayed: Vec<bool> = threatened.iter().zip(&removed).map(|(&t, &r)| t && !r).collect();
    if replayed.contains(&true) {
        let by_number: Vec<bool> = placed.indices.iter().map(|&i| replayed[i as usize]).collect();
        let mut marked = Marked::new(&by_number);
        for ids in removers.rchunks(BETWEEN_QUESTIONS) {
            effort.check()?;
            for id in ids.iter().rev().map(|&id| id as usize) {
                let remover = placed.index(id);
                if !replayed[remover] && rivals.marked(id, &marked).any(|o| exceed(id, o)) {
                    replayed[remover] = true;
                    marked.mark(id);
                }
            }
        }
    }
    Ok(Verdict { survives: threatened.into_iter().map(|t| !t).collect(), replayed })
}

/// Applies scikit-image's rule to the pairs in the given order, dead blobs taking part.
///
/// # Errors
/// [`Error::Blob`] for a blob that is not finite, [`Error::PairOutOfRange`] for a pair that names
/// none, [`Error::Interrupted`].
pub fn in_order<T: Precision>(
    blobs: &[Blob<T>],
    pairs: impl IntoIterator<Item = (usize, usize)>,
    max_overlap: T,
    interrupted: Interrupted<'_>,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let mut blobs = blobs.to_vec();
    let len = blobs.len();
    for (met, (first, second)) in pairs.into_iter().enumerate() {
        if met % BETWEEN_QUESTIONS == 0 && interrupted() {
            return Err(Error::Interrupted);
        }
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

/// Blobs numbered by place.
struct Placed<T> {
    blobs: Vec<Blob<T>>,
    points: Vec<[f64; 2]>,
    cells: Cells,
    /// The index of each number.
    indices: Vec<u32>,
    /// The numbers in the order in which the blobs claim their places.
    order: Vec<u32>,
    /// Square of the distance up to which scikit-image meets pairs, as it is rounded there: of two
    /// that touch the overlap may come out above 0, and they are not met.
    met: f64,
}

impl<T: Precision> Placed<T> {
    /// `claims` are indices, in the order in which the blobs claim their places; what claims first
    /// is not smaller.
    fn new(blobs: &[Blob<T>], claims: impl Iterator<Item = u32>) -> Self {
        let points: Vec<[f64; 2]> = blobs.iter().map(|b| [b.row.into(), b.col.into()]).collect();
        let (cells, indices) = Cells::new(&points);
        let sigmas = blobs.iter().flat_map(|blob| [blob.sigma_row, blob.sigma_col]);
        let largest = sigmas.fold(T::default(), |a, b| if b > a { b } else { a });
        let root_two = T::from_f64(std::f64::consts::SQRT_2);
        let reach: f64 = (T::from_f64(2.0) * largest * root_two).into();
        let mut numbers = vec![0; blobs.len()];
        for (number, &index) in (0..).zip(&indices) {
            numbers[index as usize] = number;
        }
        Self {
            blobs: indices.iter().map(|&i| blobs[i as usize]).collect(),
            points: indices.iter().map(|&i| points[i as usize]).collect(),
            order: claims.map(|index| numbers[index as usize]).collect(),
            cells,
            indices,
            met: reach * reach,
        }
    }

    /// Of blobs that come strongest first, in scikit-image's order: of equal ones the last.
    fn last_of_equals_first(blobs: &[Blob<T>]) -> Self {
        let indices = (0..blobs.len() as u32).rev();
        let mut claims: Vec<(f64, u32)> =
            indices.map(|index| (blobs[index as usize].sigma_col.into(), index)).collect();
        // Stable, and few sigmas: near linear.
        claims.sort_by(|a, b| falling(a.0, b.0));
        Self::new(blobs, claims.into_iter().map(|claim| claim.1))
    }

    fn rivals(&self, max_overlap: f64) -> Rivals<'_, T> {
        Rivals::new(&self.blobs, &self.points, &self.cells, &self.order, max_overlap)
    }

    /// Those that may exceed the allowed overlap with one that claims later, in the order of claims:
    /// on a lattice they are few. Looked for by place, which is many times as fast as by claims,
    /// and on all threads.
    fn removers(
        &self,
        rivals: &Rivals<'_, T>,
        exceeds: impl Fn(usize, usize) -> bool + Sync,
        effort: Effort<'_>,
    ) -> Result<Vec<u32>> {
        let may_remove = |id: usize| {
            let mut few = [0; FEW_RIVALS];
            let mut n_rivals = 0;
            for rival in rivals.of(id) {
                if n_rivals == FEW_RIVALS {
                    return true;
                }
                few[n_rivals] = rival;
                n_rivals += 1;
            }
            few[..n_rivals].iter().any(|&rival| exceeds(id, rival))
        };
        let starts: Vec<usize> = (0..self.order.len()).step_by(BETWEEN_QUESTIONS).collect();
        let worth_starting = NonZeroUsize::new(self.order.len() / BLOBS_PER_THREAD);
        let threads = effort.threads.min(worth_starting.unwrap_or(NonZeroUsize::MIN));
        let found = parallel::map(&starts, threads, |&start| {
            effort.check()?;
            let ids = start..(start + BETWEEN_QUESTIONS).min(self.order.len());
            Ok(ids.map(may_remove).collect::<Vec<bool>>())
        });
        let mut may = Vec::with_capacity(self.order.len());
        for part in found {
            may.extend(part?);
        }
        Ok(self.order.iter().copied().filter(|&id| may[id as usize]).collect())
    }

    /// Whether two overlap by more than allowed, by their numbers. The overlap is not always the
    /// same to the bit the other way round: the one that comes first in `blobs` is first here, too.
    fn exceed(&self, blobs: &[Blob<T>], id: usize, other: usize, max_overlap: T) -> bool {
        let (a, b) = (self.index(id), self.index(other));
        overlap_fraction(&blobs[a.min(b)], &blobs[a.max(b)]) > max_overlap
            && squared_distance(self.points[id], self.points[other]) <= self.met
    }

    fn index(&self, id: usize) -> usize {
        self.indices[id] as usize
    }
}

fn first_survives<T: Precision>(first: &Blob<T>, second: &Blob<T>) -> bool {
    first.sigma_col > second.sigma_col
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use proptest::prelude::*;

    fn on(threads: usize) -> Effort<'static> {
        Effort::of(NonZeroUsize::new(threads).unwrap())
    }

    fn until(interrupted: Interrupted<'_>) -> Effort<'_> {
        Effort { interrupted, ..on(1) }
    }

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
    fn ties_go_to_the_response_then_to_the_upper_left() {
        let twins = [blob(0.0, 0.0, 1.0), blob(0.0, 1.0, 1.0)];
        assert_eq!(by_scale(&twins, &[1.0, 2.0], 0.1, on(2)).unwrap(), [false, true]);
        assert_eq!(by_scale(&twins, &[1.0, 1.0], 0.1, on(2)).unwrap(), [true, false]);
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
        let grid: Vec<_> =
            (0..400).map(|i| blob(f64::from(i / 20), f64::from(i % 20), 2.0)).collect();
        let stop = || true;
        assert_eq!(by_scale(&grid, &[], 0.5, until(&stop)), Err(Error::Interrupted));
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
        assert!(questions.is_some_and(|n| n > grid.len().div_ceil(BETWEEN_QUESTIONS)));
    }

    #[test]
    fn impossible_blobs_and_pairs_are_refused() {
        let bad = [blob(0.0, 0.0, 1.0), blob(f64::NAN, 0.0, 1.0)];
        assert_eq!(by_scale(&bad, &[1.0, 1.0], 0.5, on(2)), Err(Error::Blob { index: 1 }));
        assert_eq!(compatible(&[blob(0.0, 0.0, -1.0)], 0.5, on(2)), Err(Error::Blob { index: 0 }));
        let error = Error::PairOutOfRange { first: 0, second: 1, len: 1 };
        assert_eq!(in_order(&[blob(0.0, 0.0, 1.0)], [(0, 1)], 0.5, &never), Err(error));
    }
}
