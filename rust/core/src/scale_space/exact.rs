//! The exact response at single voxels.
//!
//! The steps and their rounding are those of [`super::filter`]: the same bits, for a few voxels
//! instead of all. Of wide kernels many voxels side by side may be maxima, as the responses around
//! one hardly differ. So what the vertical pass makes of a row is kept, column by column, and a
//! voxel further along the row adds only the columns that are missing.

use std::marker::PhantomData;

use super::Scale;
use super::screen::Voxel;
use crate::image::{Pixel, Plane, reflect};
use crate::simd::{Available, EIGHT, Kernel, Lanes, Octet};

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
    let beyond = EIGHT.max(BEFORE + 1);
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
    fn fill<V: Lanes, T: Pixel>(
        &mut self,
        available: Available<V>,
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
            self.fill_from(available, image, scale, end, pair);
        } else {
            let start = |row: isize| image.start(reflect(row, rows));
            let row = row as isize;
            starts.clear();
            starts.extend((0..=radius as isize).map(|far| (start(row - far), start(row + far))));
            self.fill_from(available, image, scale, end, |distance: usize| starts[distance]);
        }
    }

    /// As [`Row::fill`]; `pair` tells where the rows at a distance begin.
    #[inline(always)]
    fn fill_from<V: Lanes, T: Pixel>(
        &mut self,
        available: Available<V>,
        image: &Plane<T>,
        scale: &Scale,
        end: isize,
        pair: impl Fn(usize) -> (usize, usize) + Copy,
    ) {
        let pixels = image.pixels();
        while self.end() < end {
            let col = self.end();
            // Of two octets, the sums of one do not wait for those of the other.
            if let Some(first) = Run::of(col, image) {
                let next = col + EIGHT as isize;
                let second = Run::of(next, image).filter(|_| next < end);
                let starts = [first, second.unwrap_or(first)].map(|run| run.at);
                let sums = available.run_apart(VerticalSums { pixels, scale, starts, pair });
                for (run, sums) in [Some(first), second].into_iter().flatten().zip(sums) {
                    for (known, mut sums) in
                        [&mut self.curved, &mut self.smooth].into_iter().zip(sums)
                    {
                        if run.falls {
                            sums.reverse();
                        }
                        known.extend_from_slice(&sums);
                    }
                }
            } else {
                let at = reflect(col, image.cols()) - image.held_cols().start;
                let (curved, smooth) = vertical_sums(pixels, scale, at, pair);
                self.curved.push(curved);
                self.smooth.push(smooth);
            }
        }
    }
}

/// Eight columns side by side, among those held, that as many of the image's reflections are.
#[derive(Clone, Copy)]
struct Run {
    /// The leftmost, counted from the first that is held.
    at: usize,
    /// Whether it is that of the last.
    falls: bool,
}

impl Run {
    /// Of those from `col` on, which may lie beyond the image's edge. None if they turn back or are
    /// not all held.
    fn of<T: Pixel>(col: isize, image: &Plane<T>) -> Option<Self> {
        let [first, last] = [col, col + EIGHT as isize - 1].map(|col| reflect(col, image.cols()));
        let (held, left) = (image.held_cols(), first.min(last));
        // Where they turn back, the same column comes twice.
        let is_run = first.abs_diff(last) == EIGHT - 1;
        (is_run && left >= held.start && left + EIGHT <= held.end)
            .then(|| Self { at: left - held.start, falls: last < first })
    }
}

/// The response of the scale that a voxel is of. Of a crowded one, others to both sides in its row
/// are likely to be asked for as well.
#[inline(always)]
pub(super) fn response<V: Lanes, T: Pixel>(
    available: Available<V>,
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
        row.fill(available, image, scale, at, first + width as isize, starts);
        let place = (first - row.first) as usize;
        let (curved, smooth) = (&row.curved[place..], &row.smooth[place..]);
        return response_of::<T>(scale, curved, smooth);
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
    if row.responses.is_empty() || !(next..next + EIGHT).contains(&col) {
        row.first_known = from;
        row.responses.clear();
    }
    let from = row.first_known + row.responses.len();
    let first = from as isize - radius as isize;
    row.fill(available, image, scale, at, first + (width + EIGHT - 1) as isize, starts);
    let place = (first - row.first) as usize;
    let (curved, smooth) = (&row.curved[place..], &row.smooth[place..]);
    let block = available.run_apart(Responses { scale, curved, smooth, of: PhantomData::<T> });
    row.responses.extend_from_slice(&block);
    block[col - from]
}

/// Eight pixels or sums, the first of those given.
#[inline(always)]
fn octet<V: Lanes, T: Pixel>(available: Available<V>, from: &[T]) -> Octet<V> {
    let from = &from[..EIGHT];
    let mut values = [0.0; EIGHT];
    for (value, &x) in values.iter_mut().zip(from) {
        *value = x.to_f64();
    }
    Octet::load(available, &values)
}

/// Both vertical sums of two octets of columns, from the leftmost of each on; `pair` tells where
/// the rows at a distance begin.
struct VerticalSums<'a, T, F> {
    pixels: &'a [T],
    scale: &'a Scale,
    starts: [usize; 2],
    pair: F,
}

impl<T: Pixel, F: Fn(usize) -> (usize, usize)> Kernel for VerticalSums<'_, T, F> {
    /// By octet, the second derivative first.
    type Output = [[[f64; EIGHT]; 2]; 2];

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Self::Output {
        let Self { pixels, scale, starts, pair } = self;
        let (second, gaussian) = (scale.vertical.second(), scale.vertical.smooth());
        let radius = scale.vertical.radius();
        let [a, b] = starts;
        let row = pair(0).0;
        let (w_second, w_smooth) = (second.center(), gaussian.center());
        let (w_second, w_smooth) =
            (Octet::splat(available, w_second), Octet::splat(available, w_smooth));
        let x = octet(available, &pixels[row + a..]);
        let (mut curved_a, mut smooth_a) = (x * w_second, x * w_smooth);
        let x = octet(available, &pixels[row + b..]);
        let (mut curved_b, mut smooth_b) = (x * w_second, x * w_smooth);
        let weights = second.pairs().iter().zip(gaussian.pairs());
        for (step, (&w_second, &w_smooth)) in weights.enumerate() {
            let (above, below) = pair(radius - step);
            let w_second = Octet::splat(available, w_second);
            let w_smooth = Octet::splat(available, w_smooth);
            let x = octet(available, &pixels[above + a..]) + octet(available, &pixels[below + a..]);
            curved_a = curved_a + x * w_second;
            smooth_a = smooth_a + x * w_smooth;
            let x = octet(available, &pixels[above + b..]) + octet(available, &pixels[below + b..]);
            curved_b = curved_b + x * w_second;
            smooth_b = smooth_b + x * w_smooth;
        }
        let mut sums = [[[0.0; EIGHT]; 2]; 2];
        curved_a.store(&mut sums[0][0]);
        smooth_a.store(&mut sums[0][1]);
        curved_b.store(&mut sums[1][0]);
        smooth_b.store(&mut sums[1][1]);
        for sum in sums.as_flattened_mut().as_flattened_mut() {
            *sum = T::from_f64(*sum).to_f64();
        }
        sums
    }
}

/// Both vertical sums of one column.
#[inline(always)]
fn vertical_sums<T: Pixel>(
    pixels: &[T],
    scale: &Scale,
    at: usize,
    pair: impl Fn(usize) -> (usize, usize),
) -> (f64, f64) {
    let (second, gaussian) = (scale.vertical.second(), scale.vertical.smooth());
    let radius = scale.vertical.radius();
    let load = |start: usize| pixels[start + at].to_f64();
    let center = load(pair(0).0);
    let (mut curved, mut smooth) = (center * second.center(), center * gaussian.center());
    for (step, (&w_second, &w_smooth)) in second.pairs().iter().zip(gaussian.pairs()).enumerate() {
        let (above, below) = pair(radius - step);
        let pair = load(above) + load(below);
        curved += pair * w_second;
        smooth += pair * w_smooth;
    }
    let rounded = |sum: f64| T::from_f64(sum).to_f64();
    (rounded(curved), rounded(smooth))
}

/// The responses at eight voxels side by side, of what the vertical pass made of the columns from
/// the leftmost that the first one's kernel reads.
struct Responses<'a, T> {
    scale: &'a Scale,
    curved: &'a [f64],
    smooth: &'a [f64],
    of: PhantomData<T>,
}

impl<T: Pixel> Kernel for Responses<'_, T> {
    type Output = [f64; EIGHT];

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> [f64; EIGHT] {
        let Self { scale, curved, smooth, .. } = self;
        let (gaussian, second) = (scale.horizontal.smooth(), scale.horizontal.second());
        let radius = scale.horizontal.radius();
        // One check of the bounds for all.
        let width = 2 * radius + EIGHT;
        let (curved, smooth) = (&curved[..width], &smooth[..width]);
        let mut curved_sums =
            octet(available, &curved[radius..]) * Octet::splat(available, gaussian.center());
        let mut smooth_sums =
            octet(available, &smooth[radius..]) * Octet::splat(available, second.center());
        for (left, (&w_smooth, &w_second)) in
            gaussian.pairs().iter().zip(second.pairs()).enumerate()
        {
            let right = 2 * radius - left;
            let curved = octet(available, &curved[left..]) + octet(available, &curved[right..]);
            let smooth = octet(available, &smooth[left..]) + octet(available, &smooth[right..]);
            curved_sums = curved_sums + curved * Octet::splat(available, w_smooth);
            smooth_sums = smooth_sums + smooth * Octet::splat(available, w_second);
        }
        let (mut responses, mut others) = ([0.0; EIGHT], [0.0; EIGHT]);
        curved_sums.store(&mut responses);
        smooth_sums.store(&mut others);
        for (response, other) in responses.iter_mut().zip(others) {
            *response = weighed::<T>(scale, *response, other);
        }
        responses
    }
}

/// The response at one voxel, of the same.
#[inline(always)]
fn response_of<T: Pixel>(scale: &Scale, curved: &[f64], smooth: &[f64]) -> f64 {
    let (gaussian, second) = (scale.horizontal.smooth(), scale.horizontal.second());
    let last = 2 * scale.horizontal.radius();
    let (curved, smooth) = (&curved[..=last], &smooth[..=last]);
    let mut curved_sum = curved[last / 2] * gaussian.center();
    let mut smooth_sum = smooth[last / 2] * second.center();
    for (left, (&w_smooth, &w_second)) in gaussian.pairs().iter().zip(second.pairs()).enumerate() {
        curved_sum += (curved[left] + curved[last - left]) * w_smooth;
        smooth_sum += (smooth[left] + smooth[last - left]) * w_second;
    }
    weighed::<T>(scale, curved_sum, smooth_sum)
}

/// A response by its two terms.
#[inline(always)]
fn weighed<T: Pixel>(scale: &Scale, curved: f64, smooth: f64) -> f64 {
    let rounded = |value: f64| T::from_f64(value).to_f64();
    let laplacian = rounded(rounded(curved) + rounded(smooth));
    rounded(-laplacian * rounded(scale.weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::interrupt::Effort;
    use crate::scale_space::filter;
    use crate::simd::{InstructionSet, Kernel};
    use proptest::prelude::*;

    fn voxel(scale: usize, row: usize, col: usize) -> Voxel {
        let [row, col, scale] = [row, col, scale].map(|index| index as u32);
        Voxel { row, col, scale }
    }

    /// One response after the other, in vectors of an instruction set.
    struct Asked<'a, T: Pixel> {
        image: &'a Image<T>,
        scale: &'a Scale,
        voxel: Voxel,
        is_crowded: bool,
        scratch: &'a mut Scratch,
    }

    impl<T: Pixel> Kernel for Asked<'_, T> {
        type Output = f64;

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> f64 {
            let Self { image, scale, voxel, is_crowded, scratch } = self;
            response(available, image, scale, voxel, is_crowded, scratch)
        }
    }

    /// Asks for all voxels in turn, and then for some in an order of their own.
    fn check<T: Pixel>(
        set: InstructionSet,
        image: &Image<T>,
        scale: &Scale,
        others: &[(usize, bool)],
    ) {
        let mut scratch = Scratch::default();
        let plane =
            filter::response(image, scale, Effort::of(std::num::NonZeroUsize::MIN)).unwrap();
        let (rows, cols) = (image.rows(), image.cols());
        let in_turn =
            [false, true].map(|is_crowded| (0..rows * cols).map(move |i| (i, is_crowded)));
        let [alone, crowded] = in_turn;
        for (place, is_crowded) in alone.chain(crowded).chain(others.iter().copied()) {
            let (row, col) = (place / cols % rows, place % cols);
            let (voxel, scratch) = (voxel(4, row, col), &mut scratch);
            let single = set.run(Asked { image, scale, voxel, is_crowded, scratch });
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
            for set in InstructionSet::available() {
                check(set, &double, &scale, &others);
                check(set, &single, &scale, &others);
            }
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
                let (image, scale) = (&image, &scales[scale]);
                let asked = Asked { image, scale, voxel, is_crowded, scratch: &mut scratch };
                let found = InstructionSet::widest().run(asked);
                assert_eq!(found, plane.row(row)[4]);
            }
        }
    }
}
