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

/// Sizes up to which blobs are ordered by counting those of each; most ladders have no more.
const FEW_SIZES: usize = 64;

/// Indices by falling size, equals as they come: in linear time where sizes are few.
pub(crate) fn by_falling_size(
    indices: impl Iterator<Item = u32> + Clone,
    size: impl Fn(u32) -> f64,
) -> Vec<u32> {
    let Some(sizes) = few_sizes(indices.clone().map(&size)) else {
        // Sizes beside the indices, so that comparisons look nothing up.
        let mut ordered: Vec<(f64, u32)> = indices.map(|index| (size(index), index)).collect();
        ordered.sort_by(|a, b| falling(a.0, b.0));
        return ordered.into_iter().map(|(_, index)| index).collect();
    };
    let larger = |own: f64| sizes.iter().map(|&other| usize::from(other > own)).sum::<usize>();
    let classes: Vec<u8> = indices.clone().map(|index| larger(size(index)) as u8).collect();
    // Where the next of each size goes.
    let mut next = vec![0_usize; sizes.len() + 1];
    for &class in &classes {
        next[usize::from(class) + 1] += 1;
    }
    for class in 1..next.len() {
        next[class] += next[class - 1];
    }
    let mut ordered = vec![0; classes.len()];
    for (index, class) in indices.zip(classes) {
        let place = &mut next[usize::from(class)];
        ordered[*place] = index;
        *place += 1;
    }
    ordered
}

/// The different ones of some sizes; None if they are many.
fn few_sizes(sizes: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
    let mut few: Vec<f64> = Vec::with_capacity(FEW_SIZES);
    for size in sizes {
        // All are compared: a search that ends early takes longer to guess where.
        if few.iter().filter(|&&other| other == size).count() == 0 {
            if few.len() == FEW_SIZES {
                return None;
            }
            few.push(size);
        }
    }
    Some(few)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blobs_are_ordered_as_by_a_stable_sort(
            levels in proptest::collection::vec(0_u16..200, 0..400),
            n_sizes in 1_u16..200,
        ) {
            // -0.0 and 0.0 are one size.
            let size = |index: u32| match levels[index as usize] % n_sizes {
                0 => if index.is_multiple_of(2) { 0.0 } else { -0.0 },
                level => f64::from(level).sqrt(),
            };
            for reversed in [false, true] {
                let mut indices: Vec<u32> = (0..levels.len() as u32).collect();
                if reversed {
                    indices.reverse();
                }
                let mut expected = indices.clone();
                expected.sort_by(|&a, &b| falling(size(a), size(b)));
                prop_assert_eq!(by_falling_size(indices.into_iter(), size), expected);
            }
        }
    }
}
