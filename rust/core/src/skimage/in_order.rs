//! Scikit-image's rule over pairs in a given order.

use crate::blob::{Blob, check_blobs};
use crate::geometry::{Precision, overlap_fraction};
use crate::interrupt::Interrupted;
use crate::{Error, Result};

/// Pairs that are gone through before the next question whether to stop.
const PAIRS_BETWEEN_QUESTIONS: usize = 64;

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
        if met % PAIRS_BETWEEN_QUESTIONS == 0 && interrupted() {
            return Err(Error::Interrupted);
        }
        if first >= len || second >= len {
            return Err(Error::PairOutOfRange { first, second, len });
        }
        if overlap_fraction(&blobs[first], &blobs[second]) > max_overlap {
            // Of equal ones the first is removed.
            let is_first_larger = blobs[first].sigma_col > blobs[second].sigma_col;
            let victim = if is_first_larger { second } else { first };
            blobs[victim].sigma_col = T::default();
        }
    }
    Ok(blobs.iter().map(|blob| blob.sigma_col > T::default()).collect())
}
