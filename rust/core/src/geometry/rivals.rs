//! Who is near enough to be removed by whom.

use super::cells::{Cells, squared_distance};
use super::inset::inset;
use super::overlap::Precision;
use super::pending::{Marked, Pending};
use crate::blob::Blob;

/// Blobs numbered by place, in the order in which they claim their places.
///
/// A blob has no victims larger than itself, so it looks for them as far as its own size reaches:
/// a few large blobs do not make the many small ones look far.
pub(crate) struct Rivals<'a, T> {
    blobs: &'a [Blob<T>],
    cells: &'a Cells,
    /// The place of each in the order of claims.
    pub rank: Vec<u32>,
    /// For each the distance beyond which it removes none.
    reaches: Vec<f64>,
    /// Round blobs are rivals up to the larger sigma less so many of the smaller one.
    inset: f64,
}

impl<'a, T: Precision> Rivals<'a, T> {
    /// Of blobs numbered by `cells`; `order` holds their numbers, the largest sigma first. Overlaps
    /// up to `max_overlap` do not count.
    pub(crate) fn new(
        blobs: &'a [Blob<T>],
        cells: &'a Cells,
        order: &[u32],
        max_overlap: f64,
    ) -> Self {
        let mut rank = vec![0; order.len()];
        for (place, &id) in order.iter().enumerate() {
            rank[id as usize] = place as u32;
        }
        let sigma = |id: &u32| blobs[*id as usize].sigma_col.into();
        let (largest, smallest) =
            (order.first().map_or(1.0, sigma), order.last().map_or(1.0, sigma));
        let inset = inset(max_overlap, smallest / largest, T::ROUNDOFF);
        let mut reaches = if blobs.iter().all(is_round) {
            blobs.iter().map(|blob| round_reach(blob.sigma_col.into(), smallest, inset)).collect()
        } else {
            reaches(blobs, order)
        };
        for (reach, blob) in reaches.iter_mut().zip(blobs) {
            *reach += 2.0 * slack::<T>(place_of(blob));
        }
        Self { blobs, cells, rank, reaches, inset }
    }

    /// Those that claim later and are near enough that the two may overlap by more than allowed.
    pub(crate) fn of(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        let is_rival = self.test(id);
        self.spans(id).flatten().filter(move |&other| is_rival(other))
    }

    /// Lets `settles` decide on those of them that are pending; what it settles no longer is.
    pub(crate) fn settle(
        &self,
        id: usize,
        pending: &mut Pending,
        mut settles: impl FnMut(usize) -> bool,
    ) {
        let is_rival = self.test(id);
        for span in self.spans(id) {
            let mut other = pending.first_from(span.start);
            while other < span.end {
                if is_rival(other) && settles(other) {
                    pending.strike(other);
                }
                other = pending.first_from(other + 1);
            }
        }
    }

    /// Those of them that are marked.
    pub(crate) fn marked(&self, id: usize, marked: &Marked) -> impl Iterator<Item = usize> {
        let is_rival = self.test(id);
        self.spans(id).flat_map(|span| marked.within(span)).filter(move |&other| is_rival(other))
    }

    fn spans(&self, id: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<'a, T> {
        self.cells.around(place_of(&self.blobs[id]), self.reaches[id]).spans()
    }

    /// Spares the divisions of the overlap; the margin covers its rounding.
    fn test(&self, id: usize) -> impl Fn(usize) -> bool + '_ {
        let (claimant, rank) = (&self.blobs[id], self.rank[id]);
        let point = place_of(claimant);
        let (round, slack) = (is_round(claimant), slack::<T>(point));
        move |other| {
            let victim = &self.blobs[other];
            let reach = claimant.sigma_col.into() - self.inset * victim.sigma_col.into();
            let reach = MARGIN * reach + slack;
            let apart = squared_distance(point, place_of(victim)) > 2.0 * reach * reach;
            self.rank[other] > rank && !(apart && round && is_round(victim))
        }
    }
}

/// Covers the rounding of the overlap's own test of distance.
const MARGIN: f64 = 1.000_001;

/// Bound on the rounding of a difference from the coordinates of this point, as far as the margin
/// does not cover it, which grows with the distance.
fn slack<T: Precision>([row, col]: [f64; 2]) -> f64 {
    8.0 * T::ROUNDOFF * row.abs().max(col.abs())
}

/// Row and column of a blob.
pub(crate) fn place_of<T: Precision>(blob: &Blob<T>) -> [f64; 2] {
    [blob.row.into(), blob.col.into()]
}

fn is_round<T: Precision>(blob: &Blob<T>) -> bool {
    blob.sigma_row == blob.sigma_col
}

/// How far a round blob reaches among round ones, none of which is smaller than `smallest`.
fn round_reach(sigma: f64, smallest: f64, inset: f64) -> f64 {
    let farthest = if inset > 0.0 { smallest } else { sigma };
    std::f64::consts::SQRT_2 * MARGIN * (sigma - inset * farthest)
}

/// The unit in which the overlap is measured is the larger one's sigmas, or, among equals, one's
/// or the other's.
fn reaches<T: Precision>(blobs: &[Blob<T>], order: &[u32]) -> Vec<f64> {
    let mut reaches = vec![0.0; blobs.len()];
    let sigma = |id: u32| blobs[id as usize].sigma_col;
    for equals in order.chunk_by(|&a, &b| sigma(a) == sigma(b)) {
        let largest = equals
            .iter()
            .map(|&id| blobs[id as usize].sigma_row.into().max(sigma(id).into()))
            .fold(0.0, f64::max);
        for &id in equals {
            reaches[id as usize] = 2.0 * std::f64::consts::SQRT_2 * MARGIN * largest;
        }
    }
    reaches
}
