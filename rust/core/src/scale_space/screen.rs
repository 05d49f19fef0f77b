//! Screening: where a maximum can be, found fast and with a bound on the error.
//!
//! A tile of the image is filtered in `f32`, scale by scale, and compared with its neighbours in
//! space and scale. What rounding could have decided otherwise is kept, so that no maximum is
//! lost; exact arithmetic decides later. Only three scales of responses are held at a time, never
//! the cube.
//!
//! The vertical pass makes both of its results, smoothed and second derivative, from the same sums
//! of pairs, with vectors along the columns, and leaves them transposed. So the horizontal pass
//! has its vectors along the rows, and no load of it crosses a cache line. Responses stay
//! transposed.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#![allow(clippy::needless_range_loop, reason = "arrays of vectors in step, kept in registers")]

use super::Scale;
use super::kernel::HalfKernel;
use crate::image::{Image, Pixel, reflect};
use crate::simd::{Kernel, Lanes, MAX_LANES};

/// Unit roundoff of `f32`.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// The image's intensities in screening: less their middle, and scaled to [-1, 1].
#[derive(Clone, Copy)]
pub(super) struct Normalization {
    pub middle: f64,
    pub factor: f64,
    /// Bound on the rounding error of exact responses, in units of the second derivative's and
    /// the Gaussian's absolute weight, after scaling.
    pub exact_error: f64,
}

impl Normalization {
    /// That of an image; a constant one has none.
    pub(super) fn of<T: Pixel>(image: &Image<T>) -> Option<Self> {
        let (low, high) = image.pixels().iter().fold((f64::MAX, f64::MIN), |(low, high), x| {
            let x = x.to_f64();
            (if x < low { x } else { low }, if x > high { x } else { high })
        });
        let middle = f64::midpoint(low, high);
        let half = high - middle;
        let largest = low.abs().max(high.abs());
        // The reciprocal of a subnormal is infinite.
        (half >= f64::MIN_POSITIVE).then(|| Self {
            middle,
            factor: 1.0 / half,
            exact_error: T::ROUNDOFF * largest / half,
        })
    }
}

/// A scale as screening needs it.
pub(super) struct ScreenScale {
    vertical_smooth: Vec<f32>,
    vertical_second: Vec<f32>,
    horizontal_smooth: Vec<f32>,
    horizontal_second: Vec<f32>,
    /// Minus the weight of the scale.
    factor: f32,
    /// Response to what normalisation took off.
    offset: f32,
    /// Bound on the difference between a screened response and the exact one, scaled.
    pub error: f32,
}

impl ScreenScale {
    pub(super) fn new(scale: &Scale, normalization: Normalization) -> Self {
        let single = |kernel: &HalfKernel| kernel.weights().iter().map(|&w| w as f32).collect();
        let sum = |kernel: &HalfKernel| 2.0 * kernel.pairs().iter().sum::<f64>() + kernel.center();
        let absolute = |kernel: &HalfKernel| {
            2.0 * kernel.pairs().iter().map(|w| w.abs()).sum::<f64>() + kernel.center().abs()
        };
        let (v, h) = (&scale.vertical, &scale.horizontal);
        let response_to_one =
            -scale.weight * (sum(v.second()) * sum(h.smooth()) + sum(v.smooth()) * sum(h.second()));
        let offset = normalization.factor * normalization.middle * response_to_one;
        let gain = scale.weight
            * (absolute(v.second()) * absolute(h.smooth())
                + absolute(v.smooth()) * absolute(h.second()));
        // A sum of n products is off by at most n + 2 roundoffs of its absolute terms, the
        // pairs' sum and the weight's rounding included. There are two passes, the rounding of
        // the pixels and a few operations to combine the terms. The exact side has the same count
        // in its own precision, of the terms before normalisation. The factor below covers the
        // quadratic terms.
        let steps = (v.radius() + h.radius() + 16) as f64;
        let screened = ROUNDOFF * (gain * steps + 2.0 * offset.abs());
        let exact = normalization.exact_error * gain * steps;
        Self {
            vertical_smooth: single(v.smooth()),
            vertical_second: single(v.second()),
            horizontal_smooth: single(h.smooth()),
            horizontal_second: single(h.second()),
            factor: -scale.weight as f32,
            offset: offset as f32,
            error: (1.01 * (screened + exact)) as f32,
        }
    }

    fn vertical_radius(&self) -> usize {
        self.vertical_smooth.len() - 1
    }

    fn horizontal_radius(&self) -> usize {
        self.horizontal_smooth.len() - 1
    }
}

/// A part of the image.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
}

/// A voxel that may be a maximum.
pub(super) struct Suspect {
    pub row: u32,
    pub col: u32,
    pub scale: u32,
    /// Where `rivals` of it begin.
    pub rivals: u32,
}

/// A neighbour of a suspect that may be above it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Voxel {
    pub row: u32,
    pub col: u32,
    pub scale: u32,
}

/// What screening found in a tile.
#[derive(Default)]
pub(super) struct Suspects {
    pub voxels: Vec<Suspect>,
    pub rivals: Vec<Voxel>,
    /// There would be more than the limit: the image has wide plateaus.
    pub overflow: bool,
}

/// Bytes of a cache line.
const LINE: usize = 64;
const LINE_FLOATS: usize = LINE / size_of::<f32>();

/// A buffer whose first element starts a cache line.
struct Aligned {
    storage: Vec<f32>,
    offset: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let storage = vec![0.0; len + LINE_FLOATS];
        let offset = storage.as_ptr().align_offset(LINE);
        Self { storage, offset }
    }

    fn get(&self) -> &[f32] {
        &self.storage[self.offset..]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.offset..]
    }
}

/// Rounds up to an odd number of cache lines: things so far apart do not fall on the same few sets
/// of the cache.
fn odd_lines(len: usize) -> usize {
    (len.div_ceil(LINE_FLOATS) | 1) * LINE_FLOATS
}

/// Working memory of a tile, kept from tile to tile.
pub(super) struct Buffers {
    pixels: Aligned,
    /// Vertical second derivative and smoothed, transposed: column after column.
    curved: Aligned,
    smooth: Aligned,
    /// Responses of three scales, transposed.
    responses: [Aligned; 3],
    /// Rows of one block of vectors before they are transposed.
    rows: [Aligned; 2],
}

impl Buffers {
    /// Memory for tiles of up to `rows` by `cols` pixels and kernels of up to these radii.
    pub(super) fn new(rows: usize, cols: usize, vertical: usize, horizontal: usize) -> Self {
        let size = TileSize::new(rows, cols, horizontal);
        let filtered = || Aligned::new(size.columns * size.column_stride);
        let response = || Aligned::new(size.outputs * size.column_stride);
        let row = || Aligned::new(MAX_LANES * MAX_LANES);
        Self {
            pixels: Aligned::new((size.rows + 2 * vertical) * size.row_stride),
            curved: filtered(),
            smooth: filtered(),
            responses: [response(), response(), response()],
            rows: [row(), row()],
        }
    }
}

/// Sizes of a tile's buffers, for vectors of any width.
#[derive(Clone, Copy)]
struct TileSize {
    /// Rows of responses, the pixel around the block and whole vectors included.
    rows: usize,
    /// Columns of responses, likewise.
    outputs: usize,
    /// Columns of pixels.
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl TileSize {
    fn new(rows: usize, cols: usize, horizontal: usize) -> Self {
        let rows = (rows + 2).next_multiple_of(MAX_LANES);
        let outputs = (cols + 2).next_multiple_of(4);
        let columns = (outputs + 2 * horizontal).next_multiple_of(MAX_LANES);
        Self {
            rows,
            outputs,
            columns,
            row_stride: odd_lines(columns),
            column_stride: odd_lines(rows),
        }
    }
}

/// One tile to screen.
pub(super) struct Tile<'a, T> {
    pub image: &'a Image<T>,
    pub normalization: Normalization,
    pub scales: &'a [ScreenScale],
    /// Scaled as the responses are.
    pub threshold: f64,
    pub border: (usize, usize),
    pub block: Block,
    /// Suspects and rivals beyond which the search is given up.
    pub limit: usize,
    pub buffers: &'a mut Buffers,
}

impl<T: Pixel> Kernel for Tile<'_, T> {
    type Output = Suspects;

    #[inline(always)]
    unsafe fn run<V: Lanes, const OUTPUTS: usize>(self) -> Suspects {
        let reach = |radius: fn(&ScreenScale) -> usize| self.scales.iter().map(radius).max();
        let vertical_reach = reach(ScreenScale::vertical_radius).unwrap_or(0);
        let horizontal_reach = reach(ScreenScale::horizontal_radius).unwrap_or(0);
        let block = self.block;
        let size = TileSize::new(block.rows, block.cols, horizontal_reach);
        let layout = Layout {
            size,
            vectors: (block.rows + 2).div_ceil(V::COUNT),
            outputs: (block.cols + 2).next_multiple_of(OUTPUTS),
            reach: (vertical_reach, horizontal_reach),
        };
        let buffers = self.buffers;
        gather(self.image, self.normalization, block, layout, buffers.pixels.get_mut());
        let mut search = Search {
            scales: self.scales,
            threshold: self.threshold,
            block,
            shape: (self.image.rows(), self.image.cols()),
            rows: inside(block.row, block.rows, self.image.rows(), self.border.0),
            cols: inside(block.col, block.cols, self.image.cols(), self.border.1),
            layout,
            limit: self.limit,
            found: Suspects::default(),
        };
        let count = self.scales.len();
        for step in 0..=count {
            // SAFETY: the instruction set is the caller's to have; the buffers hold the layout.
            unsafe {
                if let Some(scale) = self.scales.get(step) {
                    vertical::<V, OUTPUTS>(scale, layout, buffers);
                    horizontal::<V, OUTPUTS>(scale, layout, buffers, step % 3);
                }
                if step > 0 {
                    search.plane::<V>(step - 1, &buffers.responses);
                }
            }
            if search.found.overflow {
                break;
            }
        }
        search.found
    }
}

/// How a tile lies in its buffers.
#[derive(Clone, Copy)]
struct Layout {
    size: TileSize,
    /// Vectors along the rows of the tile.
    vectors: usize,
    /// Columns of responses that are computed.
    outputs: usize,
    /// Largest vertical and horizontal radius.
    reach: (usize, usize),
}

/// Rows (or columns) of the tile whose maxima count; its first is the pixel before the block.
fn inside(start: usize, len: usize, size: usize, border: usize) -> std::ops::Range<usize> {
    let first = start.max(border);
    let last = (start + len).min(size.saturating_sub(border));
    if first < last { first - start + 1..last - start + 1 } else { 1..1 }
}

/// Copies the tile's pixels and those around it as far as the kernels reach, reflected at the
/// image's edges.
#[inline(always)]
fn gather<T: Pixel>(
    image: &Image<T>,
    normalization: Normalization,
    block: Block,
    layout: Layout,
    out: &mut [f32],
) {
    let Normalization { middle, factor, .. } = normalization;
    let first_row = block.row as isize - 1 - layout.reach.0 as isize;
    let first_col = block.col as isize - 1 - layout.reach.1 as isize;
    let rows = layout.size.rows + 2 * layout.reach.0;
    let columns = layout.size.columns;
    let before = first_col.min(0).unsigned_abs().min(columns);
    let direct = image.cols().saturating_sub(first_col.max(0) as usize).min(columns - before);
    for (index, out) in out.chunks_exact_mut(layout.size.row_stride).take(rows).enumerate() {
        let pixels = image.row(reflect(first_row + index as isize, image.rows()));
        let normalized = |x: T| ((x.to_f64() - middle) * factor) as f32;
        let from = &pixels[first_col.max(0) as usize..][..direct];
        for (out, &x) in out[before..before + direct].iter_mut().zip(from) {
            *out = normalized(x);
        }
        for col in (0..before).chain(before + direct..columns) {
            out[col] = normalized(pixels[reflect(first_col + col as isize, image.cols())]);
        }
    }
}

/// Filters the columns of the tile.
///
/// # Safety
/// The machine must have the instruction set of `V`, and the buffers hold the layout.
#[inline(always)]
unsafe fn vertical<V: Lanes, const OUTPUTS: usize>(
    scale: &ScreenScale,
    layout: Layout,
    buffers: &mut Buffers,
) {
    let radius = scale.vertical_radius();
    let (row_stride, column_stride) = (layout.size.row_stride, layout.size.column_stride);
    // Columns that the horizontal pass of this scale reads.
    let first = layout.reach.1 - scale.horizontal_radius();
    let last = layout.reach.1 + layout.outputs + scale.horizontal_radius();
    let pixels = buffers.pixels.get();
    let (curved, smooth) = (buffers.curved.get_mut(), buffers.smooth.get_mut());
    let [curved_rows, smooth_rows] = &mut buffers.rows;
    let (curved_rows, smooth_rows) = (curved_rows.get_mut(), smooth_rows.get_mut());
    debug_assert!(last.next_multiple_of(V::COUNT) * column_stride <= curved.len());
    debug_assert!(last.next_multiple_of(V::COUNT) <= row_stride && radius <= layout.reach.0);
    debug_assert!(layout.vectors * V::COUNT <= column_stride);
    debug_assert!((layout.vectors * V::COUNT + 2 * layout.reach.0) * row_stride <= pixels.len());
    debug_assert!(V::COUNT * V::COUNT <= curved_rows.len() && V::COUNT.is_multiple_of(OUTPUTS));
    // SAFETY: the assertions' bounds.
    unsafe {
        for col in (first / V::COUNT * V::COUNT..last).step_by(V::COUNT) {
            for group in 0..layout.vectors {
                let row = layout.reach.0 + group * V::COUNT;
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
                let to = col * column_stride + group * V::COUNT;
                let (curved_to, smooth_to) =
                    (curved.as_mut_ptr().add(to), smooth.as_mut_ptr().add(to));
                V::transpose(curved_rows.as_ptr(), V::COUNT, curved_to, column_stride);
                V::transpose(smooth_rows.as_ptr(), V::COUNT, smooth_to, column_stride);
            }
        }
    }
}

/// Filters along the rows of the tile what the vertical pass left, and combines both terms into
/// the responses of `plane`.
///
/// # Safety
/// As for [`vertical`].
#[inline(always)]
unsafe fn horizontal<V: Lanes, const OUTPUTS: usize>(
    scale: &ScreenScale,
    layout: Layout,
    buffers: &mut Buffers,
    plane: usize,
) {
    let radius = scale.horizontal_radius();
    let stride = layout.size.column_stride;
    let (curved, smooth) = (buffers.curved.get(), buffers.smooth.get());
    let out = buffers.responses[plane].get_mut();
    debug_assert!((layout.reach.1 + layout.outputs + radius) * stride <= curved.len());
    debug_assert!(layout.reach.1 >= radius && layout.outputs * stride <= out.len());
    debug_assert!(layout.vectors * V::COUNT <= stride && layout.outputs.is_multiple_of(OUTPUTS));
    // SAFETY: the assertions' bounds.
    unsafe {
        let factor = V::splat(scale.factor);
        let offset = V::splat(scale.offset);
        for vector in 0..layout.vectors {
            let first = layout.reach.1 * stride + vector * V::COUNT;
            let (curved, smooth) = (curved.as_ptr().add(first), smooth.as_ptr().add(first));
            let out = out.as_mut_ptr().add(vector * V::COUNT);
            for col in (0..layout.outputs).step_by(OUTPUTS) {
                let laplacian = sum_of_both::<V, OUTPUTS>(
                    [curved.add(col * stride), smooth.add(col * stride)],
                    stride,
                    [&scale.horizontal_smooth, &scale.horizontal_second],
                );
                for k in 0..OUTPUTS {
                    offset.add_product(laplacian[k], factor).store(out.add((col + k) * stride));
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
        let mut windows = Windows::<V, OUTPUTS>::new(at, stride, radius);
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
        let mut first_windows = Windows::<V, OUTPUTS>::new(first_at, stride, radius);
        let mut second_windows = Windows::<V, OUTPUTS>::new(second_at, stride, radius);
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

/// The vectors at equal distance to both sides of `OUTPUTS` neighbouring places of a line, from
/// the outermost inwards.
///
/// From one distance to the next the vectors of all places move on by one, so on each side only
/// one is loaded anew; it takes the place of the one that is done with.
///
/// # Safety
/// All methods need the instruction set of `V` and the radius' vectors to each side.
struct Windows<V, const OUTPUTS: usize> {
    left_at: *const f32,
    right_at: *const f32,
    stride: usize,
    left: [V; OUTPUTS],
    right: [V; OUTPUTS],
}

impl<V: Lanes, const OUTPUTS: usize> Windows<V, OUTPUTS> {
    #[inline(always)]
    unsafe fn new(at: *const f32, stride: usize, radius: usize) -> Self {
        // SAFETY: the caller's bounds.
        unsafe {
            let empty = [V::splat(0.0); OUTPUTS];
            let (left_at, right_at) = (at.sub(radius * stride), at.add(radius * stride));
            Self { left_at, right_at, stride, left: empty, right: empty }
        }
    }

    /// The sum of the pair of place `k`, loaded.
    #[inline(always)]
    unsafe fn load_pair(&self, k: usize) -> V {
        // SAFETY: the caller's bounds.
        unsafe {
            let right = V::load(self.right_at.add(k * self.stride));
            V::load(self.left_at.add(k * self.stride)).add(right)
        }
    }

    /// Goes one inwards without the windows.
    #[inline(always)]
    unsafe fn skip(&mut self) {
        // SAFETY: the caller's bounds.
        unsafe {
            self.left_at = self.left_at.add(self.stride);
            self.right_at = self.right_at.sub(self.stride);
        }
    }

    /// Loads the windows.
    #[inline(always)]
    unsafe fn open(&mut self) {
        for k in 0..OUTPUTS {
            // SAFETY: the caller's bounds.
            unsafe {
                self.left[k] = V::load(self.left_at.add(k * self.stride));
                self.right[k] = V::load(self.right_at.add(k * self.stride));
            }
        }
    }

    /// The sum of the pair of place `k`, `step` modulo `OUTPUTS` steps after opening.
    #[inline(always)]
    unsafe fn pair(&self, k: usize, step: usize) -> V {
        // SAFETY: the caller's instruction set.
        unsafe { self.left[(k + step) % OUTPUTS].add(self.right[(k + OUTPUTS - step) % OUTPUTS]) }
    }

    /// Goes one inwards after `step` modulo `OUTPUTS` steps.
    #[inline(always)]
    unsafe fn advance(&mut self, step: usize) {
        // SAFETY: the caller's bounds.
        unsafe {
            self.skip();
            self.left[step] = V::load(self.left_at.add((OUTPUTS - 1) * self.stride));
            self.right[OUTPUTS - 1 - step] = V::load(self.right_at);
        }
    }
}

/// Responses of one scale and how far they may be off against those of the scale searched.
#[derive(Clone, Copy)]
struct Plane<'a> {
    scale: usize,
    responses: &'a [f32],
    slack: f32,
}

/// The search for maxima in a tile's responses.
struct Search<'a> {
    scales: &'a [ScreenScale],
    threshold: f64,
    block: Block,
    /// Rows and columns of the image.
    shape: (usize, usize),
    /// Rows and columns of the tile whose maxima count.
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    layout: Layout,
    limit: usize,
    found: Suspects,
}

impl Search<'_> {
    /// Searches the responses of one scale.
    ///
    /// # Safety
    /// As for [`vertical`].
    #[inline(always)]
    unsafe fn plane<V: Lanes>(&mut self, scale: usize, responses: &[Aligned; 3]) {
        let stride = self.layout.size.column_stride;
        let error = self.scales[scale].error;
        let plane = |scale: usize| Plane {
            scale,
            responses: responses[scale % 3].get(),
            slack: error + self.scales[scale].error,
        };
        let own = plane(scale);
        let below = scale.checked_sub(1).map_or(own, plane);
        let above = if scale + 1 < self.scales.len() { plane(scale + 1) } else { own };
        debug_assert!((self.cols.end + 1) * stride <= own.responses.len());
        // Rounded down, so that nothing above the threshold is lost.
        let limit = ((self.threshold - f64::from(error)) as f32).next_down();
        // SAFETY: the assertion's bound; a column holds `vectors` vectors.
        unsafe {
            let limit = V::splat(limit);
            let load = |plane: Plane<'_>, at: usize| V::load(plane.responses.as_ptr().add(at));
            let slacks = [own, below, above].map(|plane| V::splat(plane.slack));
            for col in self.cols.clone() {
                for vector in 0..self.layout.vectors {
                    let at = col * stride + vector * V::COUNT;
                    let value = load(own, at);
                    let mut mask = value.above(limit);
                    if mask == 0 {
                        continue;
                    }
                    let raised = value.add(slacks[0]);
                    mask &= !load(own, at - stride).above(raised);
                    mask &= !load(own, at + stride).above(raised);
                    mask &= !load(below, at).above(value.add(slacks[1]));
                    mask &= !load(above, at).above(value.add(slacks[2]));
                    if mask == 0 {
                        continue;
                    }
                    mask &= !load(own, at - 1).above(raised);
                    mask &= !load(own, at + 1).above(raised);
                    while mask != 0 {
                        let row = vector * V::COUNT + mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        if self.rows.contains(&row) {
                            self.weigh(row, col, [own, below, above]);
                        }
                    }
                }
            }
        }
    }

    /// Compares one voxel, the first plane's, with all its neighbours.
    fn weigh(&mut self, row: usize, col: usize, planes: [Plane<'_>; 3]) {
        let stride = self.layout.size.column_stride;
        let value = planes[0].responses[col * stride + row];
        let first_rival = self.found.rivals.len();
        // A neighbour beyond the image's edge is the reflection of one inside.
        let around = |place: usize, start: usize, size: usize| {
            let first = if start + place == 1 { place } else { place - 1 };
            first..=(place + 1).min(size - start)
        };
        let rows = around(row, self.block.row, self.shape.0);
        let cols = around(col, self.block.col, self.shape.1);
        for (index, plane) in planes.iter().enumerate() {
            // Where there is no scale below or above, its plane is the first once more.
            if index > 0 && plane.scale == planes[0].scale {
                continue;
            }
            for c in cols.clone() {
                for r in rows.clone() {
                    let other = plane.responses[c * stride + r];
                    if other > value + plane.slack {
                        self.found.rivals.truncate(first_rival);
                        return;
                    }
                    let itself = index == 0 && (r, c) == (row, col);
                    if other >= value - plane.slack && !itself {
                        self.found.rivals.push(self.voxel(r, c, plane.scale));
                    }
                }
            }
        }
        let Voxel { row, col, scale } = self.voxel(row, col, planes[0].scale);
        self.found.voxels.push(Suspect { row, col, scale, rivals: first_rival as u32 });
        self.found.overflow |= self.found.rivals.len() > self.limit;
    }

    fn voxel(&self, row: usize, col: usize, scale: usize) -> Voxel {
        Voxel {
            row: (self.block.row + row - 1) as u32,
            col: (self.block.col + col - 1) as u32,
            scale: scale as u32,
        }
    }
}
