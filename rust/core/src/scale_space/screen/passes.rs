//! The passes of the filter, over vectors.
//!
//! The first pass, across the lines of a grid, makes both of its results, smoothed and second
//! derivative, from the same sums of pairs, with vectors along the lines, and leaves them
//! transposed. So the second pass, along the lines, has its vectors across them, and no load of it
//! crosses a cache line. Responses stay transposed.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#![allow(clippy::needless_range_loop, reason = "arrays of vectors in step, kept in registers")]

use super::buffers::{Aligned, Buffers};
use super::grids::{self, Grid, Grids, Room, Steps};
use super::one_axis;
use super::pairs::Pairs;
use super::scale::{Filtering, Kernels, ScreenScale};
use super::thinning::Way;
use crate::simd::{Available, Lanes};

/// Filters the tile that lies in some buffers into the responses of `plane`, one of three; `middle`
/// is that of its pixels. False if the buffers do not hold what is read and written.
#[inline(always)]
#[must_use]
pub(super) fn filter<V: Lanes, const OUTPUTS: usize>(
    available: Available<V>,
    scale: &ScreenScale,
    filtering: &Filtering,
    grids: &Grids,
    middle: f64,
    plane: usize,
    buffers: &mut Buffers,
) -> bool {
    let [factor, offset] = [scale.factor, scale.offset(filtering, middle)];
    let [rows, cols] = &filtering.axes;
    let Buffers { pixels, half_pixels, curved, smooth, rows: block, half, responses, .. } = buffers;
    match filtering.way {
        Way::Own => {
            let kernel = Kernel { across: rows, along: cols, factor, offset };
            let out = &mut responses[plane];
            let memory = Memory { pixels, curved, smooth, rows: block, out };
            Filter::of::<OUTPUTS>(available, kernel, grids.own(), memory)
        }
        Way::Half => {
            // Its lines are columns.
            let kernel = Kernel { across: cols, along: rows, factor, offset };
            let Some(grid) = grids.half() else { return false };
            let memory = Memory { pixels: half_pixels, curved, smooth, rows: block, out: half };
            Filter::of::<OUTPUTS>(available, kernel, grid, memory)
                && grids::widen(available, grids, plane, buffers)
        }
        Way::Slim(level) => one_axis::filter::<V, OUTPUTS>(
            available,
            &filtering.axes,
            one_axis::Scaling { factor, offset },
            (grids, level),
            plane,
            buffers,
        ),
    }
}

/// What a grid is filtered with: the kernels of both passes, and what is made of their sums.
#[derive(Clone, Copy)]
struct Kernel<'a> {
    across: &'a Kernels,
    along: &'a Kernels,
    factor: f32,
    offset: f32,
}

/// What the passes read and write.
struct Memory<'a> {
    pixels: &'a Aligned,
    curved: &'a mut Aligned,
    smooth: &'a mut Aligned,
    rows: &'a mut [Aligned; 2],
    out: &'a mut Aligned,
}

/// The filter of one scale on one grid.
///
/// Its passes load and store by pointers. That these stay within the buffers is checked once, in
/// [`Filter::new`], the only way to make one; the buffers cannot change their sizes as long as it
/// borrows them.
struct Filter<'a, V> {
    kernel: Kernel<'a>,
    grid: &'a Grid,
    memory: Memory<'a>,
    steps: Steps,
    _available: Available<V>,
}

impl<'a, V: Lanes> Filter<'a, V> {
    /// Filters a grid. False if the buffers do not hold what is read and written.
    #[inline(always)]
    fn of<const OUTPUTS: usize>(
        available: Available<V>,
        kernel: Kernel<'a>,
        grid: &'a Grid,
        memory: Memory<'a>,
    ) -> bool {
        let Some(mut filter) = Self::new::<OUTPUTS>(available, kernel, grid, memory) else {
            return false;
        };
        filter.run::<OUTPUTS>();
        true
    }

    /// None if the buffers do not hold what the filter reads and writes.
    fn new<const OUTPUTS: usize>(
        available: Available<V>,
        kernel: Kernel<'a>,
        grid: &'a Grid,
        memory: Memory<'a>,
    ) -> Option<Self> {
        let fits = |kernels: &Kernels| {
            !kernels.smooth.is_empty() && kernels.smooth.len() == kernels.second.len()
        };
        let Kernel { across, along, .. } = kernel;
        let room = Room {
            pixels: memory.pixels.get().len(),
            strip: memory.curved.get().len().min(memory.smooth.get().len()),
            block: memory.rows[0].get().len().min(memory.rows[1].get().len()),
            out: memory.out.get().len(),
            stride: grid.place_stride,
        };
        let reach = [across.radius(), along.radius()];
        let steps = grid.steps(reach, (V::COUNT, OUTPUTS), &room)?;
        (fits(across) && fits(along)).then_some(Self {
            kernel,
            grid,
            memory,
            steps,
            _available: available,
        })
    }

    /// Filters all strips of the tile, which are as many lines as a vector has lanes.
    #[inline(always)]
    fn run<const OUTPUTS: usize>(&mut self) {
        for strip in 0..self.steps.strips {
            self.across::<OUTPUTS>(strip);
            self.along::<OUTPUTS>(strip);
        }
    }

    /// Filters across the lines of a strip.
    #[inline(always)]
    fn across<const OUTPUTS: usize>(&mut self, strip: usize) {
        let Self { kernel: Kernel { across, along, .. }, grid, steps: Steps { count, .. }, .. } =
            *self;
        let Memory { pixels, curved, smooth, rows, .. } = &mut self.memory;
        let stride = grid.line_stride;
        // Places that the second pass reads.
        let first = grid.first_place - along.radius();
        let last = grid.first_place + count + along.radius();
        let (curved, smooth) = (curved.get_mut(), smooth.get_mut());
        let [curved_rows, smooth_rows] = rows;
        let (curved_rows, smooth_rows) = (curved_rows.get_mut(), smooth_rows.get_mut());
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let line = grid.first_line + strip * V::COUNT;
            for place in (first / V::COUNT * V::COUNT..last).step_by(V::COUNT) {
                let block = pixels.get().as_ptr().add(line * stride + place);
                for lane in (0..V::COUNT).step_by(OUTPUTS) {
                    let at = block.add(lane * stride);
                    let (curved_sums, smooth_sums) =
                        both_sums::<V, OUTPUTS>(at, stride, &across.second, &across.smooth);
                    for k in 0..OUTPUTS {
                        let to = (lane + k) * V::COUNT;
                        curved_sums[k].store(curved_rows.as_mut_ptr().add(to));
                        smooth_sums[k].store(smooth_rows.as_mut_ptr().add(to));
                    }
                }
                let curved_to = curved.as_mut_ptr().add(place * V::COUNT);
                let smooth_to = smooth.as_mut_ptr().add(place * V::COUNT);
                V::transpose(curved_rows.as_ptr(), V::COUNT, curved_to, V::COUNT);
                V::transpose(smooth_rows.as_ptr(), V::COUNT, smooth_to, V::COUNT);
            }
        }
    }

    /// Filters along the lines of the strip what the first pass left, and combines both terms into
    /// the responses.
    #[inline(always)]
    fn along<const OUTPUTS: usize>(&mut self, strip: usize) {
        let Self {
            kernel: Kernel { along, factor, offset, .. },
            grid,
            steps: Steps { count, .. },
            ..
        } = *self;
        let (curved, smooth) = (self.memory.curved.get(), self.memory.smooth.get());
        let out = self.memory.out.get_mut();
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let (factor, offset) = (V::splat(factor), V::splat(offset));
            let first = grid.first_place * V::COUNT;
            let (curved, smooth) = (curved.as_ptr().add(first), smooth.as_ptr().add(first));
            let out = out.as_mut_ptr().add(strip * V::COUNT);
            for place in (0..count).step_by(OUTPUTS) {
                let laplacian = sum_of_both::<V, OUTPUTS>(
                    [curved.add(place * V::COUNT), smooth.add(place * V::COUNT)],
                    V::COUNT,
                    [&along.smooth, &along.second],
                );
                for k in 0..OUTPUTS {
                    let out = out.add((place + k) * grid.place_stride);
                    offset.add_product(laplacian[k], factor).store(out);
                }
            }
        }
    }
}

/// What two kernels of one radius make of the same line of vectors, at `OUTPUTS` neighbouring
/// places.
#[inline(always)]
unsafe fn both_sums<V: Lanes, const OUTPUTS: usize>(
    at: *const f32,
    stride: usize,
    first_weights: &[f32],
    second_weights: &[f32],
) -> ([V; OUTPUTS], [V; OUTPUTS]) {
    let radius = first_weights.len() - 1;
    // SAFETY: the caller's bounds; both kernels have the same length.
    unsafe {
        let (first_at, second_at) = (first_weights.as_ptr(), second_weights.as_ptr());
        let (w1, w2) = (V::splat(*first_at.add(radius)), V::splat(*second_at.add(radius)));
        let (mut first, mut second) = ([w1; OUTPUTS], [w2; OUTPUTS]);
        for k in 0..OUTPUTS {
            let x = V::load(at.add(k * stride));
            first[k] = x.mul(w1);
            second[k] = x.mul(w2);
        }
        let mut pairs = Pairs::<V, OUTPUTS>::new(at, stride, radius);
        let single = radius % OUTPUTS;
        for index in 0..single {
            let (w1, w2) = (V::splat(*first_at.add(index)), V::splat(*second_at.add(index)));
            for k in 0..OUTPUTS {
                let pair = pairs.load_pair(k);
                first[k] = first[k].add_product(pair, w1);
                second[k] = second[k].add_product(pair, w2);
            }
            pairs.skip();
        }
        pairs.open();
        for index in (single..radius).step_by(OUTPUTS) {
            for step in 0..OUTPUTS {
                let w1 = V::splat(*first_at.add(index + step));
                let w2 = V::splat(*second_at.add(index + step));
                for k in 0..OUTPUTS {
                    let pair = pairs.pair(k, step);
                    first[k] = first[k].add_product(pair, w1);
                    second[k] = second[k].add_product(pair, w2);
                }
                pairs.advance(step);
            }
        }
        (first, second)
    }
}

/// The sum of what two kernels of one radius make of two lines of vectors, at `OUTPUTS`
/// neighbouring places.
#[inline(always)]
unsafe fn sum_of_both<V: Lanes, const OUTPUTS: usize>(
    [first_at, second_at]: [*const f32; 2],
    stride: usize,
    [first_weights, second_weights]: [&[f32]; 2],
) -> [V; OUTPUTS] {
    let radius = first_weights.len() - 1;
    // SAFETY: the caller's bounds; both kernels have the same length.
    unsafe {
        let (w1_at, w2_at) = (first_weights.as_ptr(), second_weights.as_ptr());
        let (w1, w2) = (V::splat(*w1_at.add(radius)), V::splat(*w2_at.add(radius)));
        let (mut first, mut second) = ([w1; OUTPUTS], [w2; OUTPUTS]);
        for k in 0..OUTPUTS {
            first[k] = V::load(first_at.add(k * stride)).mul(w1);
            second[k] = V::load(second_at.add(k * stride)).mul(w2);
        }
        let mut first_pairs = Pairs::<V, OUTPUTS>::new(first_at, stride, radius);
        let mut second_pairs = Pairs::<V, OUTPUTS>::new(second_at, stride, radius);
        let single = radius % OUTPUTS;
        for index in 0..single {
            let (w1, w2) = (V::splat(*w1_at.add(index)), V::splat(*w2_at.add(index)));
            for k in 0..OUTPUTS {
                first[k] = first[k].add_product(first_pairs.load_pair(k), w1);
                second[k] = second[k].add_product(second_pairs.load_pair(k), w2);
            }
            first_pairs.skip();
            second_pairs.skip();
        }
        first_pairs.open();
        second_pairs.open();
        for index in (single..radius).step_by(OUTPUTS) {
            for step in 0..OUTPUTS {
                let w1 = V::splat(*w1_at.add(index + step));
                let w2 = V::splat(*w2_at.add(index + step));
                for k in 0..OUTPUTS {
                    first[k] = first[k].add_product(first_pairs.pair(k, step), w1);
                    second[k] = second[k].add_product(second_pairs.pair(k, step), w2);
                }
                first_pairs.advance(step);
                second_pairs.advance(step);
            }
        }
        for k in 0..OUTPUTS {
            first[k] = first[k].add(second[k]);
        }
        first
    }
}
