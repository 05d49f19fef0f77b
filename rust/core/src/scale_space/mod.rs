//! Scale-space maxima of the Laplacian of Gaussian.

mod filter;
mod kernel;
mod maxima;

use std::num::NonZeroUsize;

pub use kernel::{AxisKernels, HalfKernel, Scale};

use crate::blob::Candidate;
use crate::image::{Image, Pixel};
use crate::{Error, Result, parallel};

/// The candidates of a scale space and the range of its responses.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleSpace {
    /// The maxima, strongest first; equal responses by row, column, scale.
    pub candidates: Vec<Candidate>,
    /// The least response at any voxel.
    pub min_response: f64,
    /// The largest response at any voxel.
    pub max_response: f64,
}

/// Finds the maxima of the scale space over (row, column, scale).
///
/// A voxel is a candidate if its response is at least that of each of its neighbours in the
/// 3 x 3 x 3 box around it, cut at the image's and the ladder's ends, and above `threshold`. So
/// every voxel of a flat maximum is a candidate, and the first and last scale can hold maxima. A
/// scale space of more than one voxel that is constant has none. `border` drops candidates within
/// so many rows and columns of the edge.
///
/// # Errors
/// [`Error::EmptyLadder`] if there is no scale.
pub fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    threshold: f64,
    border: (usize, usize),
    threads: NonZeroUsize,
) -> Result<ScaleSpace> {
    if ladder.is_empty() {
        return Err(Error::EmptyLadder);
    }
    let planes = parallel::map(ladder, threads, |scale| filter::response(image, scale));
    let indices: Vec<usize> = (0..planes.len()).collect();
    let found = parallel::map(&indices, threads, |&scale| {
        maxima::of_plane(&planes, scale, threshold, border)
    });

    let (mut min_response, mut max_response) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut candidates = Vec::new();
    for plane in found {
        min_response = min_response.min(plane.min_response);
        max_response = max_response.max(plane.max_response);
        candidates.extend(plane.candidates);
    }
    let voxels = image.pixels().len() * ladder.len();
    if voxels > 1 && min_response >= max_response {
        candidates.clear();
    }
    candidates.sort_unstable_by(maxima::strongest_first);
    Ok(ScaleSpace { candidates, min_response, max_response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of a candidate, voxel by voxel over the whole cube.
    fn slow_twin(
        image: &Image<f64>,
        ladder: &[Scale],
        threshold: f64,
        border: (usize, usize),
    ) -> Vec<Candidate> {
        let planes: Vec<Image<f64>> = ladder.iter().map(|s| filter::response(image, s)).collect();
        let shape = [image.rows(), image.cols(), planes.len()].map(|n| n as isize);
        let at = |v: [isize; 3]| planes[v[2] as usize].row(v[0] as usize)[v[1] as usize];
        let inside = |v: &[isize; 3]| (0..3).all(|axis| (0..shape[axis]).contains(&v[axis]));
        let mut found = Vec::new();
        for row in border.0 as isize..shape[0] - border.0 as isize {
            for col in border.1 as isize..shape[1] - border.1 as isize {
                for scale in 0..shape[2] {
                    let offsets = (0..27).map(|i| [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1]);
                    let box_max = offsets
                        .map(|[a, b, c]| [row + a, col + b, scale + c])
                        .filter(inside)
                        .map(at)
                        .fold(f64::MIN, f64::max);
                    let response = at([row, col, scale]);
                    if response >= box_max && response > threshold {
                        let [row, col, scale] = [row, col, scale].map(|i| i as u32);
                        found.push(Candidate { row, col, scale, response });
                    }
                }
            }
        }
        found.sort_by(|a, b| b.response.partial_cmp(&a.response).unwrap());
        found
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_the_definition(
            rows in 1_usize..14,
            cols in 1_usize..14,
            // Few grey levels make plateaus and ties.
            levels in proptest::collection::vec(0_u8..4, 14 * 14),
            sigmas in proptest::collection::vec(0.4_f64..3.0, 1..5),
            threshold in -0.2_f64..0.5,
            border in (0_usize..4, 0_usize..4),
            threads in 1_usize..4,
        ) {
            let pixels: Vec<f64> = levels[..rows * cols].iter().map(|&x| f64::from(x)).collect();
            let constant = pixels.iter().all(|&x| x == pixels[0]);
            let image = Image::new(rows, cols, pixels).unwrap();
            let ladder: Vec<Scale> =
                sigmas.iter().map(|&s| Scale::isotropic(s).unwrap()).collect();
            let threads = NonZeroUsize::new(threads).unwrap();
            let fast = find_candidates(&image, &ladder, threshold, border, threads).unwrap();
            if !(constant && ladder.len() == 1 && rows * cols > 1) {
                prop_assert_eq!(fast.candidates, slow_twin(&image, &ladder, threshold, border));
            }
        }
    }

    #[test]
    fn a_constant_scale_space_has_no_maximum() {
        let image = Image::new(5, 5, vec![0.0_f64; 25]).unwrap();
        let ladder = [Scale::isotropic(1.0).unwrap()];
        let space = find_candidates(&image, &ladder, -1.0, (0, 0), NonZeroUsize::MIN).unwrap();
        assert_eq!(space.candidates, []);
        assert!(space.min_response >= space.max_response);
    }

    #[test]
    fn a_single_voxel_is_compared_with_the_threshold_only() {
        let image = Image::new(1, 1, vec![1.0_f64]).unwrap();
        let ladder = [Scale::isotropic(1.0).unwrap()];
        let space = find_candidates(&image, &ladder, -1.0, (0, 0), NonZeroUsize::MIN).unwrap();
        assert_eq!(space.candidates.len(), 1);
    }

    #[test]
    fn an_empty_ladder_is_refused() {
        let image = Image::new(1, 1, vec![1.0_f64]).unwrap();
        let error = find_candidates(&image, &[], 0.0, (0, 0), NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error, Error::EmptyLadder);
    }
}
