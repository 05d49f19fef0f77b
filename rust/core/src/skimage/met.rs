//! The pairs of blobs that scikit-image meets.

use crate::blob::{Blob, by_falling_size};
use crate::geometry::cells::squared_distance;
use crate::geometry::placed::Placed;
use crate::geometry::rivals::place_of;
use crate::geometry::{Precision, overlap_fraction};

/// Blobs in the order in which scikit-image lets them remove others, and the pairs that it meets.
pub(super) struct Met<'a, T> {
    /// As given: the strongest first.
    given: &'a [Blob<T>],
    pub placed: Placed<T>,
    /// Square of the distance up to which pairs are met, as it is rounded there: of two that touch
    /// the overlap may come out above 0, and they are not met.
    squared_reach: f64,
    max_overlap: T,
}

impl<'a, T: Precision> Met<'a, T> {
    /// Of blobs that come strongest first. The larger one removes the smaller; of equal ones the
    /// last removes the others.
    pub(super) fn new(given: &'a [Blob<T>], max_overlap: T) -> Self {
        let last_first = (0..given.len() as u32).rev();
        let claims = by_falling_size(last_first, |index| given[index as usize].sigma_col.into());
        let placed = Placed::new(given, claims);
        let sigmas = given.iter().flat_map(|blob| [blob.sigma_row, blob.sigma_col]);
        let largest = sigmas.fold(T::default(), |a, b| if b > a { b } else { a });
        let root_two = T::from_f64(std::f64::consts::SQRT_2);
        let reach: f64 = (T::from_f64(2.0) * largest * root_two).into();
        Self { given, placed, squared_reach: reach * reach, max_overlap }
    }

    /// Whether two are met and overlap by more than allowed, by their numbers. The overlap is not
    /// always the same to the bit the other way round: the one that was given first is first here,
    /// too.
    pub(super) fn exceed(&self, id: usize, other: usize) -> bool {
        let Self { given, placed, squared_reach, max_overlap } = self;
        let (a, b) = (placed.index(id), placed.index(other));
        overlap_fraction(&given[a.min(b)], &given[a.max(b)]) > *max_overlap
            && squared_distance(place_of(&placed.blobs[id]), place_of(&placed.blobs[other]))
                <= *squared_reach
    }
}
