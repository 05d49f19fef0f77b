//! The exact response at single voxels.
//!
//! The steps and their rounding are those of [`super::filter`]: the same bits, for a few voxels
//! instead of all.

use super::Scale;
use crate::image::{Pixel, Plane, reflect};

/// Columns that are summed at a time: as many sums as stay in registers.
const CHUNK: usize = 8;

/// Working memory, kept from voxel to voxel.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where rows at every distance begin, to both sides.
    starts: Vec<(usize, usize)>,
    columns: Vec<usize>,
    curved: Vec<f64>,
    smooth: Vec<f64>,
}

/// The response of `scale` at one pixel.
#[inline(always)]
pub(super) fn response<T: Pixel>(
    image: &Plane<T>,
    scale: &Scale,
    row: usize,
    col: usize,
    scratch: &mut Scratch,
) -> f64 {
    let (rows, cols) = (image.rows(), image.cols());
    let vertical = scale.vertical.radius();
    let horizontal = scale.horizontal.radius();
    let width = 2 * horizontal + 1;
    let chunked = width.next_multiple_of(CHUNK);
    let Scratch { starts, columns, curved, smooth } = scratch;
    curved.resize(chunked, 0.0);
    smooth.resize(chunked, 0.0);

    let pixels = image.pixels();
    let rows_inside = (vertical..rows.saturating_sub(vertical)).contains(&row);
    let cols_inside = col >= horizontal && col - horizontal + chunked <= cols;
    if !(rows_inside && cols_inside) {
        let reflected = |row: isize| image.place(reflect(row, rows), 0);
        starts.clear();
        starts.extend((0..=vertical as isize).map(|distance| {
            (reflected(row as isize - distance), reflected(row as isize + distance))
        }));
    }
    if cols_inside {
        let first = col - horizontal;
        let center = image.place(row, first);
        if rows_inside {
            let pair = |distance: usize| (center - distance * cols, center + distance * cols);
            vertical_sums(pixels, scale, center, pair, curved, smooth);
        } else {
            let pair = |distance: usize| (starts[distance].0 + first, starts[distance].1 + first);
            vertical_sums(pixels, scale, center, pair, curved, smooth);
        }
    } else {
        let first = col as isize - horizontal as isize;
        columns.clear();
        columns.extend((0..width).map(|i| reflect(first + i as isize, cols)));
        gathered_sums(pixels, scale, starts, columns, curved, smooth);
    }
    horizontal_sum::<T>(scale, curved, smooth)
}

/// Both vertical sums of whole chunks of columns; `center` is the first pixel of the middle row,
/// and `pair` gives those of the rows at a distance.
#[inline(always)]
fn vertical_sums<T: Pixel>(
    pixels: &[T],
    scale: &Scale,
    center: usize,
    pair: impl Fn(usize) -> (usize, usize),
    curved: &mut [f64],
    smooth: &mut [f64],
) {
    let (second, gaussian) = (scale.vertical.second(), scale.vertical.smooth());
    let radius = scale.vertical.radius();
    let outputs =
        curved.as_chunks_mut::<CHUNK>().0.iter_mut().zip(smooth.as_chunks_mut::<CHUNK>().0);
    for (index, (curved, smooth)) in outputs.enumerate() {
        let load = |start: usize| -> [f64; CHUNK] {
            let from = &pixels[start + index * CHUNK..][..CHUNK];
            std::array::from_fn(|lane| from[lane].to_f64())
        };
        let x = load(center);
        let mut curved_sums = x.map(|x| x * second.center());
        let mut smooth_sums = x.map(|x| x * gaussian.center());
        let weights = second.pairs().iter().zip(gaussian.pairs());
        for (step, (&w_second, &w_smooth)) in weights.enumerate() {
            let (above, below) = pair(radius - step);
            let (a, b) = (load(above), load(below));
            for lane in 0..CHUNK {
                let pair = a[lane] + b[lane];
                curved_sums[lane] += pair * w_second;
                smooth_sums[lane] += pair * w_smooth;
            }
        }
        for lane in 0..CHUNK {
            curved[lane] = T::from_f64(curved_sums[lane]).to_f64();
            smooth[lane] = T::from_f64(smooth_sums[lane]).to_f64();
        }
    }
}

/// As [`vertical_sums`], where columns are reflected; the rows at every distance, from 0, begin at
/// `starts`.
fn gathered_sums<T: Pixel>(
    pixels: &[T],
    scale: &Scale,
    starts: &[(usize, usize)],
    columns: &[usize],
    curved: &mut [f64],
    smooth: &mut [f64],
) {
    let (second, gaussian) = (scale.vertical.second(), scale.vertical.smooth());
    let radius = scale.vertical.radius();
    for ((&col, curved), smooth) in columns.iter().zip(curved).zip(smooth) {
        let x = pixels[starts[0].0 + col].to_f64();
        let (mut curved_sum, mut smooth_sum) = (x * second.center(), x * gaussian.center());
        let weights = second.pairs().iter().zip(gaussian.pairs());
        for (&(above, below), (&w_second, &w_smooth)) in
            starts[1..=radius].iter().rev().zip(weights)
        {
            let pair = pixels[above + col].to_f64() + pixels[below + col].to_f64();
            curved_sum += pair * w_second;
            smooth_sum += pair * w_smooth;
        }
        *curved = T::from_f64(curved_sum).to_f64();
        *smooth = T::from_f64(smooth_sum).to_f64();
    }
}

#[inline(always)]
fn horizontal_sum<T: Pixel>(scale: &Scale, curved: &[f64], smooth: &[f64]) -> f64 {
    let (gaussian, second) = (scale.horizontal.smooth(), scale.horizontal.second());
    let radius = scale.horizontal.radius();
    let mut curved_sum = curved[radius] * gaussian.center();
    let mut smooth_sum = smooth[radius] * second.center();
    for (index, (&w_smooth, &w_second)) in gaussian.pairs().iter().zip(second.pairs()).enumerate() {
        let (left, right) = (index, 2 * radius - index);
        curved_sum += (curved[left] + curved[right]) * w_smooth;
        smooth_sum += (smooth[left] + smooth[right]) * w_second;
    }
    let rounded = |value: f64| T::from_f64(value).to_f64();
    let laplacian = rounded(rounded(curved_sum) + rounded(smooth_sum));
    rounded(-laplacian * rounded(scale.weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::interrupt::Effort;
    use crate::scale_space::filter;
    use proptest::prelude::*;

    fn check<T: Pixel>(image: &Image<T>, scale: &Scale) {
        let mut scratch = Scratch::default();
        let plane =
            filter::response(image, scale, Effort::of(std::num::NonZeroUsize::MIN)).unwrap();
        for row in 0..image.rows() {
            for col in 0..image.cols() {
                let single = response(image, scale, row, col, &mut scratch);
                assert_eq!(single, plane.row(row)[col].to_f64(), "({row}, {col})");
            }
        }
    }

    proptest! {
        #[test]
        fn single_voxels_have_the_bits_of_the_whole_plane(
            rows in 1_usize..40,
            cols in 1_usize..60,
            sigmas in (0.3_f64..4.0, 0.3_f64..4.0),
            seed in proptest::collection::vec(-1e3_f64..1e3, 40 * 60),
        ) {
            let pixels = seed[..rows * cols].to_vec();
            let single = Image::new(rows, cols, pixels.iter().map(|&x| x as f32).collect()).unwrap();
            let double = Image::new(rows, cols, pixels).unwrap();
            let mut scale = Scale::isotropic(sigmas.0).unwrap();
            scale.horizontal = Scale::isotropic(sigmas.1).unwrap().horizontal;
            check(&double, &scale);
            check(&single, &scale);
        }
    }
}
