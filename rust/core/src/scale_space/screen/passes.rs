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
use super::scale::Across;
use super::windows::Windows;
use crate::simd::Lanes;

/// The columns of a tile that a scale's filter reads.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub across: &'a Across,
    pub are_halved: bool,
    /// The one that the first output lies at.
    pub center: usize,
    /// How many outputs lie at one.
    pub count: usize,
    pub row_stride: usize,
    /// The middle of the tile's pixels.
    pub middle: f64,
}

impl<'a> Columns<'a> {
    pub(super) fn new(scale: &'a ScreenScale, halve: bool, layout: Layout, middle: f64) -> Self {
        let across = scale.across(halve);
        let Layout { size, outputs, reach, .. } = layout;
        let are_halved = across.phases.len() > 1;
        let (center, row_stride) = if are_halved {
            (reach.halved.unwrap_or(0), size.halved_stride)
        } else {
            (reach.horizontal, size.row_stride)
        };
        Self {
            across,
            are_halved,
            center,
            count: outputs / across.phases.len(),
            row_stride,
            middle,
        }
    }
}

/// Filters the columns of a strip of the tile: so many rows as a vector has lanes.
///
/// # Safety
/// The machine must have the instruction set of `V`, and the buffers hold the layout.
#[inline(always)]
pub(super) unsafe fn vertical<V: Lanes, const OUTPUTS: usize>(
    scale: &ScreenScale,
    layout: Layout,
    columns: Columns<'_>,
    strip: usize,
    buffers: &mut Buffers,
) {
    let radius = scale.vertical_radius();
    let Columns { across, center, count, row_stride, .. } = columns;
    // Columns that the horizontal pass of this scale reads.
    let first = center - across.reach;
    let last = center + count + across.reach;
    let pixels = if columns.are_halved { &buffers.halved } else { &buffers.pixels }.get();
    let (curved, smooth) = (buffers.curved.get_mut(), buffers.smooth.get_mut());
    let [curved_rows, smooth_rows] = &mut buffers.rows;
    let (curved_rows, smooth_rows) = (curved_rows.get_mut(), smooth_rows.get_mut());
    debug_assert!(last.next_multiple_of(V::COUNT) * V::COUNT <= curved.len());
    debug_assert!(last.next_multiple_of(V::COUNT) <= row_stride);
    debug_assert!(radius <= layout.reach.vertical);
    debug_assert!(
        (layout.vectors * V::COUNT + 2 * layout.reach.vertical) * row_stride <= pixels.len()
    );
    debug_assert!(V::COUNT * V::COUNT <= curved_rows.len() && V::COUNT.is_multiple_of(OUTPUTS));
    // SAFETY: the assertions' bounds.
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
            let (curved_to, smooth_to) =
                (curved.as_mut_ptr().add(col * V::COUNT), smooth.as_mut_ptr().add(col * V::COUNT));
            V::transpose(curved_rows.as_ptr(), V::COUNT, curved_to, V::COUNT);
            V::transpose(smooth_rows.as_ptr(), V::COUNT, smooth_to, V::COUNT);
        }
    }
}

/// Filters along the rows of the strip what the vertical pass left, and combines both terms into
/// the responses of `plane`.
///
/// # Safety
/// As for [`vertical`].
#[inline(always)]
pub(super) unsafe fn horizontal<V: Lanes, const OUTPUTS: usize>(
    scale: &ScreenScale,
    layout: Layout,
    columns: Columns<'_>,
    strip: usize,
    buffers: &mut Buffers,
    plane: usize,
) {
    let Columns { across, center, count, middle, .. } = columns;
    let column_stride = layout.size.column_stride;
    let (curved, smooth) = (buffers.curved.get(), buffers.smooth.get());
    let out = buffers.responses[plane].get_mut();
    let steps = across.phases.len();
    debug_assert!((center + count + across.reach) * V::COUNT <= curved.len());
    debug_assert!(center >= across.reach && steps * count * column_stride <= out.len());
    debug_assert!(layout.vectors * V::COUNT <= column_stride && count.is_multiple_of(OUTPUTS));
    // SAFETY: the assertions' bounds.
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
        let mut windows = Windows::<V, OUTPUTS>::new(at, stride, radius, false);
        let single = radius % OUTPUTS;
        for index in 0..single {
            let (w1, w2) = (V::splat(*first_at.add(index)), V::splat(*second_at.add(index)));
            for k in 0..OUTPUTS {
                let pair = windows.load_pair(k);
                first[k] = first[k].add_product(pair, w1);
                second[k] = second[k].add_product(pair, w2);
            }
            windows.skip();
        }
        windows.open();
        for index in (single..radius).step_by(OUTPUTS) {
            for step in 0..OUTPUTS {
                let w1 = V::splat(*first_at.add(index + step));
                let w2 = V::splat(*second_at.add(index + step));
                for k in 0..OUTPUTS {
                    let pair = windows.pair(k, step);
                    first[k] = first[k].add_product(pair, w1);
                    second[k] = second[k].add_product(pair, w2);
                }
                windows.advance(step);
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
        let mut first_windows = Windows::<V, OUTPUTS>::new(first_at, stride, radius, between);
        let mut second_windows = Windows::<V, OUTPUTS>::new(second_at, stride, radius, between);
        let single = radius % OUTPUTS;
        for index in 0..single {
            let (w1, w2) = (V::splat(*w1_at.add(index)), V::splat(*w2_at.add(index)));
            for k in 0..OUTPUTS {
                first[k] = first[k].add_product(first_windows.load_pair(k), w1);
                second[k] = second[k].add_product(second_windows.load_pair(k), w2);
            }
            first_windows.skip();
            second_windows.skip();
        }
        first_windows.open();
        second_windows.open();
        for index in (single..radius).step_by(OUTPUTS) {
            for step in 0..OUTPUTS {
                let w1 = V::splat(*w1_at.add(index + step));
                let w2 = V::splat(*w2_at.add(index + step));
                for k in 0..OUTPUTS {
                    first[k] = first[k].add_product(first_windows.pair(k, step), w1);
                    second[k] = second[k].add_product(second_windows.pair(k, step), w2);
                }
                first_windows.advance(step);
                second_windows.advance(step);
            }
        }
        for k in 0..OUTPUTS {
            first[k] = first[k].add(second[k]);
        }
        first
    }
}
