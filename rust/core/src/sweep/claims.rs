//! Who may remove whom, and at which overlap.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use super::SweepError;
use super::cells::{Cells, squared_distance};
use crate::blob::Blob;
use crate::parallel;
use crate::prune::overlap_fraction;

/// The most overlapping pairs that are held: 12 bytes each, so 400 MB.
pub(super) const MAX_PAIRS: usize = 1 << 25;

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
    pub responses: &'a [f64],
    /// Their indices in the order in which they were given.
    pub indices: &'a [u32],
    pub points: &'a [[f64; 2]],
}

impl Claims {
    pub(super) fn new(
        candidates: &Numbered<'_>,
        cells: &Cells,
        least: f64,
        max_pairs: usize,
        threads: NonZeroUsize,
    ) -> Result<Self, SweepError> {
        let order = claim_order(candidates);
        let mut rank = vec![0; order.len()];
        for (place, &id) in order.iter().enumerate() {
            rank[id as usize] = place as u32;
        }
        let reaches = reaches(candidates.blobs, &order);
        let n_pairs = AtomicUsize::new(0);
        let starts: Vec<usize> = (0..order.len()).step_by(PER_TASK).collect();
        let found = parallel::map(&starts, threads, |&start| {
            let ids = start..(start + PER_TASK).min(order.len());
            let search = Search { candidates, cells, rank: &rank, reaches: &reaches, least };
            let mut found = Found::default();
            for id in ids {
                let before = found.pairs.len();
                search.victims_of(id, &mut found.pairs);
                found.counts.push((found.pairs.len() - before) as u32);
                // So that what is held stays bounded even where the limit is far exceeded.
                let added = found.pairs.len() - before;
                if n_pairs.fetch_add(added, Memory::Relaxed) + added > max_pairs {
                    break;
                }
            }
            found
        });
        if n_pairs.into_inner() > max_pairs {
            let candidates = order.len();
            return Err(SweepError::TooManyPairs { candidates, limit: max_pairs });
        }
        let mut starts = Vec::with_capacity(order.len() + 1);
        let mut end = 0;
        starts.push(end);
        for count in found.iter().flat_map(|found| &found.counts) {
            end += count;
            starts.push(end);
        }
        let pairs = || found.iter().flat_map(|found| &found.pairs);
        let overlaps = pairs().map(|pair| pair.0).collect();
        let victims = pairs().map(|pair| pair.1).collect();
        let has_victims = |&&id: &&u32| starts[id as usize] < starts[id as usize + 1];
        let claimants = order.iter().filter(has_victims).copied().collect();
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

struct Search<'a> {
    candidates: &'a Numbered<'a>,
    cells: &'a Cells,
    rank: &'a [u32],
    reaches: &'a [f64],
    least: f64,
}

impl Search<'_> {
    /// Appends those that the candidate may remove.
    fn victims_of(&self, id: usize, pairs: &mut Vec<(f64, u32)>) {
        let Numbered { blobs, points, .. } = *self.candidates;
        let (claimant, point, start) = (&blobs[id], points[id], pairs.len());
        for other in self.cells.around(point, self.reaches[id]).spans().flatten() {
            if self.rank[other] <= self.rank[id] {
                continue;
            }
            let victim = &blobs[other];
            // Spares the divisions of the exact test; the margin covers its rounding.
            let radii = claimant.sigma_col + victim.sigma_col;
            let apart = squared_distance(point, points[other]) > 2.000_001 * radii * radii;
            if apart && is_round(claimant) && is_round(victim) {
                continue;
            }
            let overlap = overlap_fraction(claimant, victim);
            if overlap > self.least {
                pairs.push((overlap, other as u32));
            }
        }
        pairs[start..].sort_unstable_by(|a, b| descending(a.0, b.0).then(a.1.cmp(&b.1)));
    }
}

fn is_round(blob: &Blob<f64>) -> bool {
    blob.sigma_row == blob.sigma_col
}

/// The order of `prune::by_scale`.
fn claim_order(candidates: &Numbered<'_>) -> Vec<u32> {
    let Numbered { blobs, responses, indices, .. } = *candidates;
    let mut order: Vec<u32> = (0..blobs.len() as u32).collect();
    order.sort_unstable_by(|&i, &j| {
        let (i, j) = (i as usize, j as usize);
        let (a, b) = (&blobs[i], &blobs[j]);
        descending(a.sigma_col, b.sigma_col)
            .then_with(|| descending(responses[i], responses[j]))
            .then_with(|| descending(b.row, a.row))
            .then_with(|| descending(b.col, a.col))
            .then_with(|| indices[i].cmp(&indices[j]))
    });
    order
}

/// For each candidate the distance beyond which it removes none.
///
/// Its victims are not larger than it; the unit in which the overlap is measured is the larger
/// one's sigmas, or, among equals, the victim's, which in the other direction may be any.
fn reaches(blobs: &[Blob<f64>], order: &[u32]) -> Vec<f64> {
    let mut reaches = vec![0.0; blobs.len()];
    let sigma = |id: u32| blobs[id as usize].sigma_col;
    for equals in order.chunk_by(|&a, &b| sigma(a) == sigma(b)) {
        let largest = equals
            .iter()
            .map(|&id| blobs[id as usize].sigma_row.max(sigma(id)))
            .fold(0.0, f64::max);
        for &id in equals {
            // The margin covers the rounding of the overlap's own test of distance.
            reaches[id as usize] = 2.000_001 * std::f64::consts::SQRT_2 * largest;
        }
    }
    reaches
}

fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}
