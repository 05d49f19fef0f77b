//! Scikit-image's rule where there are too many pairs to go through.

use super::met::Met;
use crate::Result;
use crate::blob::{Blob, check_blobs};
use crate::geometry::Precision;
use crate::geometry::placed::greedy;
use crate::interrupt::Effort;

/// What scikit-image's rule keeps if it meets the pairs of larger blobs first: of all its results
/// the one in which no blob is removed but by one that is kept.
///
/// Blobs come strongest first; of two equal ones the first is removed. `max_overlap` is not
/// negative.
///
/// # Errors
/// [`crate::Error::Blob`] for a blob that is not finite, [`crate::Error::Interrupted`].
pub fn largest_first<T: Precision>(
    blobs: &[Blob<T>],
    max_overlap: T,
    effort: Effort<'_>,
) -> Result<Vec<bool>> {
    check_blobs(blobs)?;
    let met = Met::new(blobs, max_overlap);
    greedy(&met.placed, max_overlap.into(), |id, other| met.exceed(id, other), effort)
}
