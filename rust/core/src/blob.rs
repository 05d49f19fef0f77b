//! What the detector finds: candidates in scale space and blobs in the image.

use std::cmp::Ordering;

use crate::{Error, Result};

/// A maximum over (row, column, scale).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Row in pixels.
    pub row: u32,
    /// Column in pixels.
    pub col: u32,
    /// Index of its scale in the ladder.
    pub scale: u32,
    /// Its response: minus the Laplacian of Gaussian times sigma squared.
    pub response: f64,
}

/// Orders candidates by falling response, then by row, column and scale.
pub(crate) fn strongest_first(a: &Candidate, b: &Candidate) -> Ordering {
    falling(a.response, b.response)
        .then_with(|| (a.row, a.col, a.scale).cmp(&(b.row, b.col, b.scale)))
}

/// A total order, the larger number first. 0.0 and -0.0 are the same, as for `==`.
pub(crate) fn falling(a: f64, b: f64) -> Ordering {
    // A sum with 0.0 is never -0.0.
    (b + 0.0).total_cmp(&(a + 0.0))
}

/// A Gaussian blob; in an isotropic ladder both sigmas are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blob<T> {
    /// Row in pixels.
    pub row: T,
    /// Column in pixels.
    pub col: T,
    /// Standard deviation along the rows' axis (the first sigma), in pixels.
    pub sigma_row: T,
    /// Standard deviation along the columns' axis (the last sigma), in pixels: the one by which
    /// sizes are compared.
    pub sigma_col: T,
}

/// Refuses blobs that no image has.
///
/// # Errors
/// [`Error::Blob`] for the first blob with a NaN or infinite number or a negative sigma.
pub fn check_blobs<T: Copy + Into<f64>>(blobs: &[Blob<T>]) -> Result<()> {
    let valid = |blob: &Blob<T>| {
        let [row, col, sigma_row, sigma_col] =
            [blob.row, blob.col, blob.sigma_row, blob.sigma_col].map(Into::into);
        row.is_finite()
            && col.is_finite()
            && (0.0..f64::INFINITY).contains(&sigma_row)
            && (0.0..f64::INFINITY).contains(&sigma_col)
    };
    match blobs.iter().position(|blob| !valid(blob)) {
        Some(index) => Err(Error::Blob { index }),
        None => Ok(()),
    }
}
