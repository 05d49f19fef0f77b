//! A tile's working memory: how things lie in it, and the pixels.

use super::{Block, Normalization};
use crate::image::{Image, Pixel, reflect};
use crate::simd::MAX_LANES;

/// Bytes of a cache line.
const LINE: usize = 64;
const LINE_FLOATS: usize = LINE / size_of::<f32>();

/// A buffer whose first element starts a cache line.
pub(super) struct Aligned {
    storage: Vec<f32>,
    offset: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let storage = vec![0.0; len + LINE_FLOATS];
        let offset = storage.as_ptr().align_offset(LINE);
        Self { storage, offset }
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
pub(in crate::scale_space) struct Buffers {
    pub(super) pixels: Aligned,
    /// Vertical second derivative and smoothed, transposed: column after column.
    pub(super) curved: Aligned,
    pub(super) smooth: Aligned,
    /// Responses of three scales, transposed.
    pub(super) responses: [Aligned; 3],
    /// Rows of one block of vectors before they are transposed.
    pub(super) rows: [Aligned; 2],
}

impl Buffers {
    /// Memory for tiles of up to `rows` by `cols` pixels and kernels of up to these radii.
    pub(in crate::scale_space) fn new(
        rows: usize,
        cols: usize,
        vertical: usize,
        horizontal: usize,
    ) -> Self {
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
pub(super) struct TileSize {
    /// Rows of responses, the pixel around the block and whole vectors included.
    pub rows: usize,
    /// Columns of responses, likewise.
    pub outputs: usize,
    /// Columns of pixels.
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl TileSize {
    pub(super) fn new(rows: usize, cols: usize, horizontal: usize) -> Self {
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

/// How a tile lies in its buffers.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub size: TileSize,
    /// Vectors along the rows of the tile.
    pub vectors: usize,
    /// Columns of responses that are computed.
    pub outputs: usize,
    /// Largest vertical and horizontal radius.
    pub reach: (usize, usize),
}

/// Copies the tile's pixels and those around it as far as the kernels reach, reflected at the
/// image's edges.
#[inline(always)]
pub(super) fn gather<T: Pixel>(
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
