//! A tile's working memory: how things lie in it, and the pixels.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use super::scale::{Reach, TileRange};
use super::{Block, Normalization, halving};
use crate::Result;
use crate::image::{Image, Pixel, reflect};
use crate::memory::filled;
use crate::simd::{Available, LINE, Lanes, MAX_LANES, MOST_OUTPUTS};

const LINE_FLOATS: usize = LINE / size_of::<f32>();

/// A buffer whose first element starts a cache line.
#[derive(Default)]
pub(super) struct Aligned {
    storage: Vec<f32>,
    offset: usize,
}

impl Aligned {
    /// Makes room for so many floats; what they are is left open.
    fn make_room(&mut self, len: usize) -> Result<()> {
        if self.storage.len() < len + LINE_FLOATS {
            self.storage = Vec::new();
            self.storage = filled(0.0, len + LINE_FLOATS, "a tile as far as its kernels reach")?;
            self.offset = self.storage.as_ptr().align_offset(LINE);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.storage.capacity() * size_of::<f32>()
    }

    pub(super) fn get(&self) -> &[f32] {
        &self.storage[self.offset..]
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.offset..]
    }
}

/// Rounds up to an odd number of cache lines: things so far apart do not fall on the same few sets
/// of the cache.
fn odd_lines(len: usize) -> usize {
    (len.div_ceil(LINE_FLOATS) | 1) * LINE_FLOATS
}

/// Working memory of a tile, kept from tile to tile.
#[derive(Default)]
pub(in crate::scale_space) struct Buffers {
    pub(super) pixels: Aligned,
    /// Every other column of the pixels, smoothed.
    pub(super) halved: Aligned,
    /// The even and the odd pixels of a row.
    pub(super) split: [Aligned; 2],
    /// Vertical second derivative and smoothed of a strip, transposed: column after column.
    pub(super) curved: Aligned,
    pub(super) smooth: Aligned,
    /// Responses of three scales, transposed.
    pub(super) responses: [Aligned; 3],
    /// Rows of one block of vectors before they are transposed.
    pub(super) rows: [Aligned; 2],
}

impl Buffers {
    /// How many floats each needs for tiles of up to `rows` by `cols` pixels and kernels of up to
    /// this reach.
    pub(super) fn lengths(rows: usize, cols: usize, reach: Reach) -> Lengths {
        let size = TileSize::new(rows, cols, reach);
        let pixel_rows = size.rows + 2 * reach.vertical;
        Lengths {
            pixels: pixel_rows * size.row_stride,
            halved: pixel_rows * size.halved_stride,
            split: size.halved + 2 * MAX_LANES,
            filtered: size.columns * MAX_LANES,
            responses: size.outputs * size.column_stride,
            rows: MAX_LANES * MAX_LANES,
        }
    }

    /// Makes that room.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(super) fn make_room(&mut self, rows: usize, cols: usize, reach: Reach) -> Result<()> {
        let lengths = Self::lengths(rows, cols, reach);
        self.pixels.make_room(lengths.pixels)?;
        self.halved.make_room(lengths.halved)?;
        for split in &mut self.split {
            split.make_room(lengths.split)?;
        }
        for filtered in [&mut self.curved, &mut self.smooth] {
            filtered.make_room(lengths.filtered)?;
        }
        for response in &mut self.responses {
            response.make_room(lengths.responses)?;
        }
        for row in &mut self.rows {
            row.make_room(lengths.rows)?;
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        let all = [&self.pixels, &self.halved, &self.curved, &self.smooth];
        all.into_iter()
            .chain(&self.split)
            .chain(&self.responses)
            .chain(&self.rows)
            .map(Aligned::bytes)
            .sum()
    }
}

/// Floats that each of the buffers holds.
pub(super) struct Lengths {
    pixels: usize,
    halved: usize,
    split: usize,
    filtered: usize,
    responses: usize,
    rows: usize,
}

impl Lengths {
    pub(super) fn total(&self) -> usize {
        self.pixels
            + self.halved
            + 2 * (self.split + self.filtered + self.rows)
            + 3 * self.responses
    }
}

/// Sizes of a tile's buffers, for vectors of any width.
#[derive(Clone, Copy)]
pub(super) struct TileSize {
    /// Rows of responses, the pixel around the block and whole vectors included.
    pub rows: usize,
    /// Columns of responses, likewise.
    pub outputs: usize,
    /// Columns of pixels.
    pub columns: usize,
    pub row_stride: usize,
    /// Columns where half of them are kept, none if none need be.
    pub halved: usize,
    pub halved_stride: usize,
    pub column_stride: usize,
}

impl TileSize {
    pub(super) fn new(rows: usize, cols: usize, reach: Reach) -> Self {
        let rows = (rows + 2).next_multiple_of(MAX_LANES);
        let outputs = (cols + 2).next_multiple_of(2 * MOST_OUTPUTS);
        let columns = (outputs + 2 * reach.horizontal).next_multiple_of(MAX_LANES);
        let halved = |reach: usize| (outputs / 2 + 2 * reach).next_multiple_of(MAX_LANES);
        let halved = reach.halved.map_or(0, halved);
        Self {
            rows,
            outputs,
            columns,
            row_stride: odd_lines(columns),
            halved,
            halved_stride: odd_lines(halved),
            column_stride: odd_lines(rows),
        }
    }
}

/// How a tile lies in its buffers.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub size: TileSize,
    /// Vectors along the rows of the tile.
    pub vectors: usize,
    /// Columns of responses that are computed.
    pub outputs: usize,
    pub reach: Reach,
}

/// Copies the tile's pixels and those around it as far as the kernels reach, reflected at the
/// image's edges; the halved columns too, if a scale reads them. Returns the range of the pixels.
#[inline(always)]
pub(super) fn gather<V: Lanes, T: Pixel>(
    available: Available<V>,
    image: &Image<T>,
    normalization: Normalization,
    block: Block,
    layout: Layout,
    buffers: &mut Buffers,
) -> TileRange {
    let Normalization { middle, factor, .. } = normalization;
    let Layout { size, reach, .. } = layout;
    let first_row = block.row as isize - 1 - reach.vertical as isize;
    let first_col = block.col as isize - 1 - reach.horizontal as isize;
    let rows = size.rows + 2 * reach.vertical;
    let columns = size.columns;
    let before = first_col.min(0).unsigned_abs().min(columns);
    let direct = image.cols().saturating_sub(first_col.max(0) as usize).min(columns - before);
    // Where the smoothing of the first column that is kept begins.
    let kept = reach.horizontal - 2 * reach.halved.unwrap_or(0);
    let kept = kept.saturating_sub(halving::REACH);
    let smoothing = halving::smoothing();
    let row_of = |index: usize| image.row(reflect(first_row + index as isize, image.rows()));
    // SAFETY: the proof of the instruction set.
    let (mut low, mut high) = unsafe { (V::splat(f32::MAX), V::splat(f32::MIN)) };
    for index in 0..rows {
        let pixels = row_of(index);
        // The next row may lie on another page, where no machine looks for itself.
        let next = &row_of(index + 1)[first_col.max(0) as usize..][..direct];
        for line in next.chunks(LINE / size_of::<T>()) {
            // SAFETY: the proof of the instruction set.
            unsafe { V::prefetch(line.as_ptr().cast()) };
        }
        let normalized = |x: T| ((x.to_f64() - middle) * factor) as f32;
        let from = &pixels[first_col.max(0) as usize..][..direct];
        let out = &mut buffers.pixels.get_mut()[index * size.row_stride..][..columns];
        for (out, &x) in out[before..before + direct].iter_mut().zip(from) {
            *out = normalized(x);
        }
        for col in (0..before).chain(before + direct..columns) {
            out[col] = normalized(pixels[reflect(first_col + col as isize, image.cols())]);
        }
        for chunk in out.chunks_exact(V::COUNT) {
            // SAFETY: the proof of the instruction set; a chunk holds a vector.
            unsafe {
                let x = V::load(chunk.as_ptr());
                (low, high) = (low.min(x), high.max(x));
            }
        }
        if reach.halved.is_some() {
            let halved = &mut buffers.halved.get_mut()[index * size.halved_stride..][..size.halved];
            let [even, odd] = &mut buffers.split;
            let split = [even.get_mut(), odd.get_mut()];
            halving::halve_row(available, &out[kept..], &smoothing, split, halved);
        }
    }
    let (mut lows, mut highs) = ([f32::MAX; MAX_LANES], [f32::MIN; MAX_LANES]);
    // SAFETY: the proof of the instruction set; the arrays hold a vector.
    unsafe {
        low.store(lows.as_mut_ptr());
        high.store(highs.as_mut_ptr());
    }
    let low = f64::from(lows.into_iter().fold(f32::MAX, f32::min));
    let high = f64::from(highs.into_iter().fold(f32::MIN, f32::max));
    TileRange { middle: f64::midpoint(low, high), half: (high - low) / 2.0 }
}
