//! The passes of the filter, over vectors.
//!
//! The vertical pass makes both of its results, smoothed and second derivative, from the same sums
//! of pairs, with vectors along the columns, and leaves them transposed. So the horizontal pass
//! has its vectors along the rows, and no load of it crosses a cache line. Responses stay
//! transposed.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#![allow(clippy::needless_range_loop, reason = "arrays of vectors in step, kept in registers")]

use super::ScreenScale;
use super::buffers::{Buffers, Layout};
use super::pairs::Pairs;
use super::scale::Across;
use crate::simd::{Available, Lanes};

/// The filter of one scale on the tile that lies in some buffers.
///
/// Its passes load and store by pointers. That these stay within the buffers is checked once, in
/// [`Filter::new`], the only way to make one; the buffers cannot change their sizes as long as it
/// borrows them.
pub(super) struct Filter<'a, V> {
    scale: &'a ScreenScale,
    layout: Layout,
    across: &'a Across,
    buffers: &'a mut Buffers,
    are_halved: bool,
    /// The column that the first output lies at.
    center: usize,
    /// How many outputs lie at one.
    count: usize,
    row_stride: usize,
    /// The middle of the tile's pixels.
    middle: f64,
    _available: Available<V>,
}

impl<'a, V: Lanes> Filter<'a, V> {
    /// With half of the columns where `halve` says so and the scale allows it; `middle` is that of
    /// the tile's pixels. None if the buffers do not hold what the filter reads and writes.
    pub(super) fn new<const OUTPUTS: usize>(
        available: Available<V>,
        scale: &'a ScreenScale,
        halve: bool,
        layout: Layout,
        middle: f64,
        buffers: &'a mut Buffers,
    ) -> Option<Self> {
        let across = scale.across(halve);
        let Layout { size, outputs, reach, .. } = layout;
        let are_halved = across.phases.len() > 1;
        let (center, row_stride) = if are_halved {
            (reach.halved.unwrap_or(0), size.halved_stride)
        } else {
            (reach.horizontal, size.row_stride)
        };
        let filter = Self {
            scale,
            layout,
            across,
            buffers,
            are_halved,
            center,
            count: outputs / across.phases.len().max(1),
            row_stride,
            middle,
            _available: available,
        };
        filter.holds::<OUTPUTS>().then_some(filter)
    }

    fn holds<const OUTPUTS: usize>(&self) -> bool {
        let Self { scale, layout, across, buffers, center, count, row_stride, .. } = self;
        let n_rows = layout.vectors * V::COUNT;
        let last = (center + count + across.reach).next_multiple_of(V::COUNT);
        let pixels = if self.are_halved { &buffers.halved } else { &buffers.pixels }.get().len();
        let filtered = buffers.curved.get().len().min(buffers.smooth.get().len());
        let block = buffers.rows[0].get().len().min(buffers.rows[1].get().len());
        let outputs = across.phases.len() * count * layout.size.column_stride;
        let fits = |smooth: &[f32], second: &[f32], reach: usize| {
            !smooth.is_empty() && smooth.len() == second.len() && smooth.len() <= reach + 1
        };
        V::COUNT.is_multiple_of(OUTPUTS)
            && count.is_multiple_of(OUTPUTS)
            && *center >= across.reach
            && last <= *row_stride
            && last * V::COUNT <= filtered
            && V::COUNT * V::COUNT <= block
            && (n_rows + 2 * layout.reach.vertical) * row_stride <= pixels
            && n_rows <= layout.size.column_stride
            && buffers.responses.iter().all(|responses| outputs <= responses.get().len())
            && fits(&scale.vertical_smooth, &scale.vertical_second, layout.reach.vertical)
            && across.phases.iter().all(|phase| fits(&phase.smooth, &phase.second, across.reach))
    }

    /// Filters all strips of the tile, which are as many rows as a vector has lanes, into the
    /// responses of `plane`, one of three.
    #[inline(always)]
    pub(super) fn run<const OUTPUTS: usize>(&mut self, plane: usize) {
        for strip in 0..self.layout.vectors {
            self.vertical::<OUTPUTS>(strip);
            self.horizontal::<OUTPUTS>(strip, plane);
        }
    }

    /// Filters the columns of a strip.
    #[inline(always)]
    fn vertical<const OUTPUTS: usize>(&mut self, strip: usize) {
        let Self { scale, layout, across, center, count, row_stride, .. } = *self;
        let buffers = &mut *self.buffers;
        // Columns that the horizontal pass of this scale reads.
        let first = center - across.reach;
        let last = center + count + across.reach;
        let pixels = if self.are_halved { &buffers.halved } else { &buffers.pixels }.get();
        let (curved, smooth) = (buffers.curved.get_mut(), buffers.smooth.get_mut());
        let [curved_rows, smooth_rows] = &mut buffers.rows;
        let (curved_rows, smooth_rows) = (curved_rows.get_mut(), smooth_rows.get_mut());
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let row = layout.reach.vertical + strip * V::COUNT;
            for col in (first / V::COUNT * V::COUNT..last).step_by(V::COUNT) {
                let block = pixels.as_ptr().add(row * row_stride + col);
                for lane in (0..V::COUNT).step_by(OUTPUTS) {
                    let at = block.add(lane * row_stride);
                    let (curved_sums, smooth_sums) = both_sums::<V, OUTPUTS>(
                        at,
                        row_stride,
                        &scale.vertical_second,
                        &scale.vertical_smooth,
                    );
                    for k in 0..OUTPUTS {
                        let to = (lane + k) * V::COUNT;
                        curved_sums[k].store(curved_rows.as_mut_ptr().add(to));
                        smooth_sums[k].store(smooth_rows.as_mut_ptr().add(to));
                    }
                }
                let curved_to = curved.as_mut_ptr().add(col * V::COUNT);
                let smooth_to = smooth.as_mut_ptr().add(col * V::COUNT);
                V::transpose(curved_rows.as_ptr(), V::COUNT, curved_to, V::COUNT);
                V::transpose(smooth_rows.as_ptr(), V::COUNT, smooth_to, V::COUNT);
            }
        }
    }

    /// Filters along the rows of the strip what the vertical pass left, and combines both terms
    /// into the responses of `plane`.
    #[inline(always)]
    fn horizontal<const OUTPUTS: usize>(&mut self, strip: usize, plane: usize) {
        let Self { scale, layout, across, center, count, middle, .. } = *self;
        let column_stride = layout.size.column_stride;
        let (curved, smooth) = (self.buffers.curved.get(), self.buffers.smooth.get());
        let out = self.buffers.responses[plane].get_mut();
        let steps = across.phases.len();
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let factor = V::splat(scale.factor);
            let first = center * V::COUNT;
            let (curved, smooth) = (curved.as_ptr().add(first), smooth.as_ptr().add(first));
            for (step, phase) in across.phases.iter().enumerate() {
                let offset = V::splat(scale.offset(phase, middle));
                let out = out.as_mut_ptr().add(step * column_stride + strip * V::COUNT);
                for col in (0..count).step_by(OUTPUTS) {
                    let laplacian = sum_of_both::<V, OUTPUTS>(
                        [curved.add(col * V::COUNT), smooth.add(col * V::COUNT)],
                        V::COUNT,
                        [&phase.smooth, &phase.second],
                        phase.between,
                    );
                    for k in 0..OUTPUTS {
                        let out = out.add((col + k) * steps * column_stride);
                        offset.add_product(laplacian[k], factor).store(out);
                    }
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
        let mut pairs = Pairs::<V, OUTPUTS>::new(at, stride, radius, false);
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
/// neighbouring places, or half a place beyond.
#[inline(always)]
unsafe fn sum_of_both<V: Lanes, const OUTPUTS: usize>(
    [first_at, second_at]: [*const f32; 2],
    stride: usize,
    [first_weights, second_weights]: [&[f32]; 2],
    between: bool,
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
        let mut first_pairs = Pairs::<V, OUTPUTS>::new(first_at, stride, radius, between);
        let mut second_pairs = Pairs::<V, OUTPUTS>::new(second_at, stride, radius, between);
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
