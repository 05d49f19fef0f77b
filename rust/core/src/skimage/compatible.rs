//! The part of scikit-image's rule that no order of pairs can change.

use super::met::Met;
use crate::Result;
use crate::blob::{Blob, check_blobs};
use crate::geometry::Precision;
use crate::geometry::pending::{Marked, Pending};
use crate::geometry::placed::BLOBS_BETWEEN_QUESTIONS;
use crate::interrupt::Effort;

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

/// Applies scikit-image's rule as far as no order of pairs can change it.
///
/// Blobs come strongest first. Of two that overlap by more than `max_overlap`, which is not
/// negative, the smaller one is to be removed, of two equal ones the first. A blob that nothing
/// removes survives; one that such a survivor removes does not; the others are undecided.
///
/// # Errors
/// [`crate::Error::Blob`] for a blob that is not finite, [`crate::Error::Interrupted`].
pub fn compatible<T: Precision>(
    blobs: &[Blob<T>],
    max_overlap: T,
    effort: Effort<'_>,
) -> Result<Verdict> {
    check_blobs(blobs)?;
    let met = Met::new(blobs, max_overlap);
    let placed = &met.placed;
    let rivals = placed.rivals(max_overlap.into());
    let exceed = |id: usize, other: usize| met.exceed(id, other);
    let mut threatened = vec![false; blobs.len()];
    let mut removed = vec![false; blobs.len()];
    // Those yet to come that nothing threatens, or removes, so far.
    let mut unthreatened = Pending::new(blobs.len());
    let mut unremoved = Pending::new(blobs.len());
    let mut n_unthreatened = blobs.len();
    // In the order of claims, all that threaten a blob come before it.
    let removers = placed.removers(&rivals, exceed, effort)?;
    for ids in removers.chunks(BLOBS_BETWEEN_QUESTIONS) {
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
        for ids in removers.rchunks(BLOBS_BETWEEN_QUESTIONS) {
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
