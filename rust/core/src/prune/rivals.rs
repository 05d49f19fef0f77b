//! Who is near enough to be removed by whom.

use super::overlap::Precision;
use crate::blob::Blob;
use crate::cells::{Cells, squared_distance};

/// Blobs numbered by place, in the order in which they claim their places.
///
/// A blob has no victims larger than itself, so it looks for them as far as its own size reaches:
/// a few large blobs do not make the many small ones look far.
pub(crate) struct Rivals<'a, T> {
    blobs: &'a [Blob<T>],
    points: &'a [[f64; 2]],
    cells: &'a Cells,
    /// The place of each in the order of claims.
    pub rank: Vec<u32>,
    /// For each the distance beyond which it removes none.
    reaches: Vec<f64>,
}

impl<'a, T: Precision> Rivals<'a, T> {
    /// Of blobs numbered by `cells`; `order` holds their numbers, the largest sigma first.
    pub(crate) fn new(
        blobs: &'a [Blob<T>],
        points: &'a [[f64; 2]],
        cells: &'a Cells,
        order: &[u32],
    ) -> Self {
        let mut rank = vec![0; order.len()];
        for (place, &id) in order.iter().enumerate() {
            rank[id as usize] = place as u32;
        }
        let mut reaches = reaches(blobs, order);
        for (reach, &point) in reaches.iter_mut().zip(points) {
            *reach += 2.0 * slack::<T>(point);
        }
        Self { blobs, points, cells, rank, reaches }
    }

    /// Those that claim later and are near enough that the two may overlap.
    pub(crate) fn of(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        let (claimant, point, rank) = (&self.blobs[id], self.points[id], self.rank[id]);
        let (round, slack) = (is_round(claimant), slack::<T>(point));
        self.cells.around(point, self.reaches[id]).spans().flatten().filter(move |&other| {
            // Spares the divisions of the overlap; the margin covers its rounding.
            let victim = &self.blobs[other];
            let radii: f64 = claimant.sigma_col.into() + victim.sigma_col.into();
            let reach = MARGIN * radii + slack;
            let apart = squared_distance(point, self.points[other]) > 2.0 * reach * reach;
            self.rank[other] > rank && !(apart && round && is_round(victim))
        })
    }
}

/// Covers the rounding of the overlap's own test of distance.
const MARGIN: f64 = 1.000_001;

/// Bound on the rounding of a difference from the coordinates of this point, as far as the margin
/// does not cover it, which grows with the distance.
fn slack<T: Precision>([row, col]: [f64; 2]) -> f64 {
    8.0 * T::ROUNDOFF * row.abs().max(col.abs())
}

fn is_round<T: Precision>(blob: &Blob<T>) -> bool {
    blob.sigma_row == blob.sigma_col
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
