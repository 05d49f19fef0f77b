//! The exact response at single voxels.
//!
//! The steps and their rounding are those of [`super::filter`]: the same bits, for a few voxels
//! instead of all. Of wide kernels many voxels side by side may be maxima, as the responses around
//! one hardly differ. So what the vertical pass makes of a row is kept, column by column, and a
//! voxel further along the row adds only the columns that are missing.

use super::Scale;
use super::screen::Voxel;
use crate::image::{Pixel, Plane, reflect};

/// Columns that are summed at a time: as many sums as stay in registers.
const CHUNK: usize = 8;

/// Columns before a crowded voxel whose responses are computed with its own: voxels around one are
/// asked for next, and rows are gone through from left to right.
const BEFORE: usize = 2;

/// Working memory, kept from voxel to voxel of one image and ladder.
#[derive(Default)]
pub(super) struct Scratch {
    /// Of the last rows and scales, each at the remainder of its number by three: a voxel and
    /// those around it have nine.
    rows: [[Row; 3]; 3],
    /// Where rows at every distance begin, to both sides.
    starts: Vec<(usize, usize)>,
}

/// What is known of one row at one scale.
#[derive(Default)]
struct Row {
    /// Scale and row.
    of: Option<(u32, u32)>,
    /// The column of the first sum, which may lie beyond the image's edge.
    first: isize,
    /// What the vertical pass makes of the columns from there on.
    curved: Vec<f64>,
    smooth: Vec<f64>,
    /// The column of the first response.
    first_known: usize,
    responses: Vec<f64>,
}

impl Scratch {
    /// Forgets all, so that no columns are added that lie between one part of an image and another.
    pub(super) fn forget(&mut self) {
        for row in self.rows.iter_mut().flatten() {
            row.of = None;
        }
    }
}

/// How many rows and columns beyond a voxel the responses of it and of those around it are made of.
pub(super) fn reach(ladder: &[Scale]) -> [usize; 2] {
    let widest = |radius: fn(&Scale) -> usize| ladder.iter().map(radius).max().unwrap_or(0);
    let beyond = const { if CHUNK > BEFORE { CHUNK } else { BEFORE + 1 } };
    [
        widest(|scale| scale.vertical.radius()) + 1,
        widest(|scale| scale.horizontal.radius()) + beyond,
    ]
}

impl Row {
    /// The column after the last sum.
    fn end(&self) -> isize {
        self.first + self.curved.len() as isize
    }

    /// Forgets what it holds, unless columns from `first` on may follow it and are not so far
    /// behind it that starting anew is less.
    fn begin(&mut self, of: (u32, u32), first: isize, most_between: usize) {
        let follows = self.first <= first && first <= self.end() + most_between as isize;
        if self.of != Some(of) || !follows {
            self.of = Some(of);
            self.first = first;
            self.curved.clear();
            self.smooth.clear();
            self.responses.clear();
        }
    }

    /// Adds sums up to a column.
    #[inline(always)]
    fn fill<T: Pixel>(
        &mut self,
        image: &Plane<T>,
        scale: &Scale,
        row: usize,
        end: isize,
        starts: &mut Vec<(usize, usize)>,
    ) {
        if self.end() >= end {
            return;
        }
        let (rows, radius) = (image.rows(), scale.vertical.radius());
        if (radius..rows.saturating_sub(radius)).contains(&row) {
            let (start, width) = (image.start(row), image.held_cols().len());
            let pair = |distance: usize| (start - distance * width, start + distance * width);
            self.fill_from(image, scale, end, pair);
        } else {
            let start = |row: isize| image.start(reflect(row, rows));
            let row = row as isize;
            starts.clear();
            starts.extend((0..=radius as isize).map(|far| (start(row - far), start(row + far))));
            self.fill_from(image, scale, end, |distance: usize| starts[distance]);
        }
    }

    /// As [`Row::fill`]; `pair` tells where the rows at a distance begin.
    #[inline(always)]
    fn fill_from<T: Pixel>(
        &mut self,
        image: &Plane<T>,
        scale: &Scale,
        end: isize,
        pair: impl Fn(usize) -> (usize, usize) + Copy,
    ) {
        let (pixels, held) = (image.pixels(), image.held_cols());
        while self.end() < end {
            let col = self.end();
            if col >= held.start as isize && col as usize + CHUNK <= held.end {
                let at = col as usize - held.start;
                let (curved, smooth) = vertical_sums::<T, CHUNK>(pixels, scale, at, pair);
                self.curved.extend_from_slice(&curved);
                self.smooth.extend_from_slice(&smooth);
            } else {
                let at = reflect(col, image.cols()) - held.start;
                let ([curved], [smooth]) = vertical_sums::<T, 1>(pixels, scale, at, pair);
                self.curved.push(curved);
                self.smooth.push(smooth);
            }
        }
    }
}

/// The response of the scale that a voxel is of. Of a crowded one, others to both sides in its row
/// are likely to be asked for as well.
#[inline(always)]
pub(super) fn response<T: Pixel>(
    image: &Plane<T>,
    scale: &Scale,
    voxel: Voxel,
    is_crowded: bool,
    scratch: &mut Scratch,
) -> f64 {
    let Scratch { rows, starts } = scratch;
    let row = &mut rows[voxel.scale as usize % 3][voxel.row as usize % 3];
    let (at, col) = (voxel.row as usize, voxel.col as usize);
    let of = (voxel.scale, voxel.row);
    let radius = scale.horizontal.radius();
    let width = 2 * radius + 1;
    if !is_crowded {
        let first = col as isize - radius as isize;
        row.begin(of, first, width);
        row.fill(image, scale, at, first + width as isize, starts);
        let place = (first - row.first) as usize;
        let (curved, smooth) = (&row.curved[place..], &row.smooth[place..]);
        return horizontal_sums::<T, 1>(scale, curved, smooth)[0];
    }
    if row.of == Some(of) {
        let known = col.checked_sub(row.first_known).and_then(|place| row.responses.get(place));
        if let Some(&response) = known {
            return response;
        }
    }
    let from = col.saturating_sub(BEFORE);
    row.begin(of, from as isize - radius as isize, width);
    // A block that follows those known joins them.
    let next = row.first_known + row.responses.len();
    if row.responses.is_empty() || !(next..next + CHUNK).contains(&col) {
        row.first_known = from;
        row.responses.clear();
    }
    let from = row.first_known + row.responses.len();
    let first = from as isize - radius as isize;
    row.fill(image, scale, at, first + (width + CHUNK - 1) as isize, starts);
    let place = (first - row.first) as usize;
    let block = horizontal_sums::<T, CHUNK>(scale, &row.curved[place..], &row.smooth[place..]);
    row.responses.extend_from_slice(&block);
    block[col - from]
}

/// Both vertical sums of `N` columns from `at` on, among those held; `pair` tells where the rows at a distance
/// begin.
#[inline(always)]
fn vertical_sums<T: Pixel, const N: usize>(
    pixels: &[T],
    scale: &Scale,
    at: usize,
    pair: impl Fn(usize) -> (usize, usize),
) -> ([f64; N], [f64; N]) {
    let (second, gaussian) = (scale.vertical.second(), scale.vertical.smooth());
    let radius = scale.vertical.radius();
    let load = |start: usize| -> [f64; N] {
        let from = &pixels[start + at..][..N];
        std::array::from_fn(|lane| from[lane].to_f64())
    };
    let x = load(pair(0).0);
    let mut curved = x.map(|x| x * second.center());
    let mut smooth = x.map(|x| x * gaussian.center());
    let weights = second.pairs().iter().zip(gaussian.pairs());
    for (step, (&w_second, &w_smooth)) in weights.enumerate() {
        let (above, below) = pair(radius - step);
        let (a, b) = (load(above), load(below));
        for lane in 0..N {
            let pair = a[lane] + b[lane];
            curved[lane] += pair * w_second;
            smooth[lane] += pair * w_smooth;
        }
    }
    let rounded = |sum: f64| T::from_f64(sum).to_f64();
    (curved.map(rounded), smooth.map(rounded))
}

/// The responses at `N` voxels side by side, of what the vertical pass made of the columns from the
/// leftmost that the first one's kernel reads.
#[inline(always)]
fn horizontal_sums<T: Pixel, const N: usize>(
    scale: &Scale,
    curved: &[f64],
    smooth: &[f64],
) -> [f64; N] {
    let (gaussian, second) = (scale.horizontal.smooth(), scale.horizontal.second());
    let radius = scale.horizontal.radius();
    // One check of the bounds for all.
    let (curved, smooth) = (&curved[..2 * radius + N], &smooth[..2 * radius + N]);
    let load = |sums: &[f64], at: usize| -> [f64; N] {
        let from = &sums[at..][..N];
        std::array::from_fn(|lane| from[lane])
    };
    let mut curved_sums = load(curved, radius).map(|x| x * gaussian.center());
    let mut smooth_sums = load(smooth, radius).map(|x| x * second.center());
    for (index, (&w_smooth, &w_second)) in gaussian.pairs().iter().zip(second.pairs()).enumerate() {
        let (left, right) = (index, 2 * radius - index);
        let (a, b) = (load(curved, left), load(curved, right));
        let (c, d) = (load(smooth, left), load(smooth, right));
        for lane in 0..N {
            curved_sums[lane] += (a[lane] + b[lane]) * w_smooth;
            smooth_sums[lane] += (c[lane] + d[lane]) * w_second;
        }
    }
    let rounded = |value: f64| T::from_f64(value).to_f64();
    let weight = rounded(scale.weight);
    std::array::from_fn(|lane| {
        let laplacian = rounded(rounded(curved_sums[lane]) + rounded(smooth_sums[lane]));
        rounded(-laplacian * weight)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::interrupt::Effort;
    use crate::scale_space::filter;
    use proptest::prelude::*;

    fn voxel(scale: usize, row: usize, col: usize) -> Voxel {
        let [row, col, scale] = [row, col, scale].map(|index| index as u32);
        Voxel { row, col, scale }
    }

    /// Asks for all voxels in turn, and then for some in an order of their own.
    fn check<T: Pixel>(image: &Image<T>, scale: &Scale, others: &[(usize, bool)]) {
        let mut scratch = Scratch::default();
        let plane =
            filter::response(image, scale, Effort::of(std::num::NonZeroUsize::MIN)).unwrap();
        let (rows, cols) = (image.rows(), image.cols());
        let in_turn =
            [false, true].map(|is_crowded| (0..rows * cols).map(move |i| (i, is_crowded)));
        let [alone, crowded] = in_turn;
        for (place, is_crowded) in alone.chain(crowded).chain(others.iter().copied()) {
            let (row, col) = (place / cols % rows, place % cols);
            let single = response(image, scale, voxel(4, row, col), is_crowded, &mut scratch);
            assert_eq!(single, plane.row(row)[col].to_f64(), "({row}, {col})");
        }
    }

    proptest! {
        #[test]
        fn single_voxels_have_the_bits_of_the_whole_plane(
            rows in 1_usize..40,
            cols in 1_usize..60,
            sigmas in (0.3_f64..4.0, 0.3_f64..4.0),
            seed in proptest::collection::vec(-1e3_f64..1e3, 40 * 60),
            others in proptest::collection::vec((0_usize..2_400, any::<bool>()), 0..200),
        ) {
            let pixels = seed[..rows * cols].to_vec();
            let single = Image::new(rows, cols, pixels.iter().map(|&x| x as f32).collect()).unwrap();
            let double = Image::new(rows, cols, pixels).unwrap();
            let mut scale = Scale::isotropic(sigmas.0).unwrap();
            scale.horizontal = Scale::isotropic(sigmas.1).unwrap().horizontal;
            check(&double, &scale, &others);
            check(&single, &scale, &others);
        }
    }

    #[test]
    fn scales_and_rows_that_share_a_place_are_told_apart() {
        let image = Image::new(9, 9, (0..81).map(|i| f64::from(i * i % 17)).collect()).unwrap();
        let scales = [1.0, 2.0, 3.0, 4.0].map(|sigma| Scale::isotropic(sigma).unwrap());
        let effort = Effort::of(std::num::NonZeroUsize::MIN);
        let mut scratch = Scratch::default();
        for (row, is_crowded) in [(0, true), (3, true), (3, false), (0, false), (6, true)] {
            for scale in [0, 3, 0] {
                let plane = filter::response(&image, &scales[scale], effort).unwrap();
                let voxel = voxel(scale, row, 4);
                let found = response(&image, &scales[scale], voxel, is_crowded, &mut scratch);
                assert_eq!(found, plane.row(row)[4]);
            }
        }
    }
}
