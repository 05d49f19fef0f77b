//! Blobs in the order in which they claim their places.

use std::num::NonZeroUsize;

use super::cells::Cells;
use super::overlap::Precision;
use super::pending::Pending;
use super::rivals::{Rivals, place_of};
use crate::blob::Blob;
use crate::interrupt::Effort;
use crate::{Result, parallel};

/// Blobs that take their turn before the next question whether to stop.
pub(crate) const BLOBS_BETWEEN_QUESTIONS: usize = 64;

/// Blobs with more rivals are taken to remove one, unseen: in a crowd most do.
const RIVALS_LOOKED_AT: usize = 4;

/// Blobs that a thread is started for at least: starting it takes 50 us, as do these.
const BLOBS_PER_THREAD: usize = 2048;

/// Blobs numbered by place.
pub(crate) struct Placed<T> {
    pub blobs: Vec<Blob<T>>,
    cells: Cells,
    /// The index of each number.
    pub indices: Vec<u32>,
    /// The numbers in the order in which the blobs claim their places.
    order: Vec<u32>,
}

impl<T: Precision> Placed<T> {
    /// `claims` are indices, in the order in which the blobs claim their places; what claims first
    /// is not smaller.
    pub(crate) fn new(blobs: &[Blob<T>], claims: Vec<u32>) -> Self {
        let (cells, indices) = Cells::of(blobs.len(), |index| place_of(&blobs[index]));
        let mut numbers = vec![0; blobs.len()];
        for (number, &index) in (0..).zip(&indices) {
            numbers[index as usize] = number;
        }
        let mut order = claims;
        for place in &mut order {
            *place = numbers[*place as usize];
        }
        let blobs = indices.iter().map(|&i| blobs[i as usize]).collect();
        Self { blobs, cells, indices, order }
    }

    pub(crate) fn rivals(&self, max_overlap: f64) -> Rivals<'_, T> {
        Rivals::new(&self.blobs, &self.cells, &self.order, max_overlap)
    }

    /// The blobs that may exceed the allowed overlap with one that claims later, in the order of claims:
    /// on a lattice they are few. Looked for by place, which is many times as fast as by claims,
    /// and on all threads.
    pub(crate) fn removers(
        &self,
        rivals: &Rivals<'_, T>,
        exceeds: impl Fn(usize, usize) -> bool + Sync,
        effort: Effort<'_>,
    ) -> Result<Vec<u32>> {
        let may_remove = |id: usize| {
            let mut few = [0; RIVALS_LOOKED_AT];
            let mut n_rivals = 0;
            for rival in rivals.of(id) {
                if n_rivals == RIVALS_LOOKED_AT {
                    return true;
                }
                few[n_rivals] = rival;
                n_rivals += 1;
            }
            few[..n_rivals].iter().any(|&rival| exceeds(id, rival))
        };
        let starts: Vec<usize> = (0..self.order.len()).step_by(BLOBS_BETWEEN_QUESTIONS).collect();
        let worth_starting = NonZeroUsize::new(self.order.len() / BLOBS_PER_THREAD);
        let threads = effort.threads.min(worth_starting.unwrap_or(NonZeroUsize::MIN));
        let found = parallel::map(&starts, threads, |&start| {
            effort.check()?;
            let ids = start..(start + BLOBS_BETWEEN_QUESTIONS).min(self.order.len());
            Ok(ids.map(may_remove).collect::<Vec<bool>>())
        });
        let mut may = Vec::with_capacity(self.order.len());
        for part in found {
            may.extend(part?);
        }
        Ok(self.order.iter().copied().filter(|&id| may[id as usize]).collect())
    }

    pub(crate) fn index(&self, id: usize) -> usize {
        self.indices[id] as usize
    }
}

/// Keeps each blob, in the order of claims, that none kept before removes.
pub(crate) fn greedy<T: Precision>(
    placed: &Placed<T>,
    max_overlap: f64,
    exceeds: impl Fn(usize, usize) -> bool + Sync,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    let rivals = placed.rivals(max_overlap);
    let mut kept = vec![true; placed.order.len()];
    let mut pending = Pending::new(placed.order.len());
    for ids in placed.removers(&rivals, &exceeds, effort)?.chunks(BLOBS_BETWEEN_QUESTIONS) {
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
