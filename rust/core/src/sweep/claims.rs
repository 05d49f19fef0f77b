//! Who may remove whom, and at which overlap: the rule of [`crate::prune::by_scale`] as a table.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use super::SweepError;
use crate::blob::{Blob, falling};
use crate::geometry::cells::Cells;
use crate::geometry::overlap_fraction;
use crate::geometry::rivals::Rivals;
use crate::interrupt::Effort;
use crate::parallel;

/// The most overlapping pairs that are held: 12 bytes each, so 400 MB. Pairs that touch count.
pub(super) const MAX_PAIRS: usize = 1 << 25;

/// Candidates between two questions whether to stop.
const CLAIMS_BETWEEN_QUESTIONS: usize = 16;

/// Candidates per task.
const PER_TASK: usize = 512;

/// For each candidate those that it removes if it is kept, the most overlapped first.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    /// Candidates in the order in which they claim their places: larger sigma, larger response,
    /// lower row, lower column, and what came first.
    pub order: Vec<u32>,
    /// The place of each candidate in that order.
    pub rank: Vec<u32>,
    /// Those that have victims, in that order.
    pub claimants: Vec<u32>,
    starts: Vec<u32>,
    overlaps: Vec<f64>,
    victims: Vec<u32>,
}

/// Candidates as they are numbered within the set.
pub(super) struct Numbered<'a> {
    pub blobs: &'a [Blob<f64>],
    /// Their numbers in the order in which they claim their places.
    pub order: Vec<u32>,
}

impl Claims {
    pub(super) fn new(
        candidates: Numbered<'_>,
        cells: &Cells,
        max_pairs: usize,
        effort: Effort<'_>,
    ) -> Result<Self, SweepError> {
        let Numbered { blobs, order } = candidates;
        let rivals = Rivals::new(blobs, cells, &order, 0.0);
        let tasks: Vec<usize> = (0..order.len()).step_by(PER_TASK).collect();
        let ids = |&start: &usize| start..(start + PER_TASK).min(order.len());
        let asks =
            |id: usize| id.is_multiple_of(CLAIMS_BETWEEN_QUESTIONS) && (effort.interrupted)();
        // To count takes a fiftieth of what the overlaps do, and nothing is held.
        let n_pairs = AtomicUsize::new(0);
        parallel::map(&tasks, effort.threads, |start| {
            for id in ids(start) {
                if n_pairs.load(Memory::Relaxed) > max_pairs || asks(id) {
                    break;
                }
                n_pairs.fetch_add(rivals.of(id).count(), Memory::Relaxed);
            }
        });
        effort.check()?;
        if n_pairs.into_inner() > max_pairs {
            let candidates = order.len();
            return Err(SweepError::TooManyPairs { candidates, limit: max_pairs });
        }
        let found = parallel::map(&tasks, effort.threads, |start| {
            let mut found = Found::default();
            for id in ids(start) {
                if asks(id) {
                    break;
                }
                let before = found.pairs.len();
                victims_of(id, blobs, &rivals, &mut found.pairs);
                found.counts.push((found.pairs.len() - before) as u32);
            }
            found
        });
        effort.check()?;
        let mut starts = Vec::with_capacity(order.len() + 1);
        let n_found = found.iter().map(|found| found.pairs.len()).sum();
        let (mut overlaps, mut victims) =
            (Vec::with_capacity(n_found), Vec::with_capacity(n_found));
        let mut end = 0;
        starts.push(end);
        // By value, so that the pairs are not held twice.
        for Found { counts, pairs } in found {
            for count in counts {
                end += count;
                starts.push(end);
            }
            overlaps.extend(pairs.iter().map(|pair| pair.0));
            victims.extend(pairs.iter().map(|pair| pair.1));
        }
        let has_victims = |&&id: &&u32| starts[id as usize] < starts[id as usize + 1];
        let claimants = order.iter().filter(has_victims).copied().collect();
        let rank = rivals.rank;
        Ok(Self { order, rank, claimants, starts, overlaps, victims })
    }

    /// Those that this candidate removes if it is kept and no more than `max_overlap` is allowed.
    pub(super) fn victims(&self, id: usize, max_overlap: f64) -> &[u32] {
        let pairs = self.pairs(id);
        let overlaps = &self.overlaps[pairs.clone()];
        let more = overlaps.iter().take_while(|&&overlap| overlap > max_overlap).count();
        &self.victims[pairs.start..pairs.start + more]
    }

    /// The overlaps of all pairs.
    pub(super) fn overlaps(&self) -> &[f64] {
        &self.overlaps
    }

    fn pairs(&self, id: usize) -> Range<usize> {
        self.starts[id] as usize..self.starts[id + 1] as usize
    }
}

/// The pairs of a task's candidates.
#[derive(Default)]
struct Found {
    counts: Vec<u32>,
    pairs: Vec<(f64, u32)>,
}

/// Appends those that the candidate may remove.
fn victims_of(
    id: usize,
    blobs: &[Blob<f64>],
    rivals: &Rivals<'_, f64>,
    pairs: &mut Vec<(f64, u32)>,
) {
    let start = pairs.len();
    for other in rivals.of(id) {
        let overlap = overlap_fraction(&blobs[id], &blobs[other]);
        if overlap > 0.0 {
            pairs.push((overlap, other as u32));
        }
    }
    pairs[start..].sort_unstable_by(|a, b| falling(a.0, b.0).then(a.1.cmp(&b.1)));
}
