//! A tile's working memory, and its pixels.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use super::axis::LEVELS;
use super::grids::{Grid, Grids};
use super::scale::{Reach, TileRange};
use super::{Block, Normalization, one_axis};
use crate::Result;
use crate::image::{Image, Pixel, reflect};
use crate::memory::filled;
use crate::simd::{Available, LINE, Lanes, MAX_LANES};

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
pub(super) fn odd_lines(len: usize) -> usize {
    (len.div_ceil(LINE_FLOATS) | 1) * LINE_FLOATS
}

/// Working memory of a tile, kept from tile to tile.
#[derive(Default)]
pub(in crate::scale_space) struct Buffers {
    pub(super) pixels: Aligned,
    /// Those of half the rows and columns.
    pub(super) half_pixels: Aligned,
    /// Those of the grids that are coarser along one axis, by axis and level.
    pub(super) slim_pixels: [[Aligned; LEVELS]; 2],
    /// What lies between two grids.
    pub(super) turned: Aligned,
    /// Pixels that are thinned along one axis, line by line across it, by axis and level.
    pub(super) thinned: [[Aligned; LEVELS]; 2],
    /// Vertical second derivative and smoothed of a strip, transposed: column after column.
    pub(super) curved: Aligned,
    pub(super) smooth: Aligned,
    /// Responses of three scales, transposed.
    pub(super) responses: [Aligned; 3],
    /// Those of one scale on half the rows and columns.
    pub(super) half: Aligned,
    /// Those of one term of a scale, as they are widened along one axis: at even levels and at odd
    /// ones.
    pub(super) slim: [Aligned; 2],
    /// Rows of one block of vectors before they are transposed.
    pub(super) rows: [Aligned; 2],
}

impl Buffers {
    /// How many floats each needs for tiles of up to `rows` by `cols` pixels and kernels of up to
    /// this reach.
    pub(super) fn lengths(rows: usize, cols: usize, reach: Reach) -> Lengths {
        let grids = Grids::new(rows, cols, reach);
        let half = |of: fn(&Grid) -> usize| grids.half().map_or(0, of);
        let slim = |axis: usize, level: usize| grids.slim(axis, level).map_or(0, Grid::pixels);
        Lengths {
            pixels: grids.own().pixels(),
            half_pixels: half(Grid::pixels),
            slim_pixels: std::array::from_fn(|axis| std::array::from_fn(|level| slim(axis, level))),
            turned: grids.turned(),
            thinned: one_axis::thinned(&grids),
            filtered: grids.all().map(Grid::strip).max().unwrap_or(0),
            responses: grids.own().responses(),
            half: half(Grid::responses),
            slim: one_axis::widened(&grids),
            rows: MAX_LANES * MAX_LANES,
        }
    }

    /// Makes that room.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(super) fn make_room(&mut self, rows: usize, cols: usize, reach: Reach) -> Result<()> {
        let lengths = Self::lengths(rows, cols, reach);
        self.each(&lengths).try_for_each(|(buffer, len)| buffer.make_room(len))
    }

    /// All of them, and how long they are to be.
    fn each(&mut self, lengths: &Lengths) -> impl Iterator<Item = (&mut Aligned, usize)> {
        let single = [
            (&mut self.pixels, lengths.pixels),
            (&mut self.half_pixels, lengths.half_pixels),
            (&mut self.turned, lengths.turned),
            (&mut self.curved, lengths.filtered),
            (&mut self.smooth, lengths.filtered),
            (&mut self.half, lengths.half),
        ];
        let alike = [(lengths.responses, &mut self.responses[..]), (lengths.rows, &mut self.rows)];
        let slim_pixels = self.slim_pixels.iter_mut().flatten();
        single
            .into_iter()
            .chain(slim_pixels.zip(lengths.slim_pixels.into_iter().flatten()))
            .chain(self.thinned.iter_mut().flatten().zip(lengths.thinned.into_iter().flatten()))
            .chain(self.slim.iter_mut().zip(lengths.slim))
            .chain(alike.into_iter().flat_map(|(len, all)| all.iter_mut().map(move |b| (b, len))))
    }

    pub(super) fn bytes(&mut self) -> usize {
        self.each(&Lengths::default()).map(|(buffer, _)| buffer.bytes()).sum()
    }
}

/// Floats that each of the buffers holds.
#[derive(Default)]
pub(super) struct Lengths {
    pixels: usize,
    half_pixels: usize,
    slim_pixels: [[usize; LEVELS]; 2],
    turned: usize,
    thinned: [[usize; LEVELS]; 2],
    filtered: usize,
    responses: usize,
    half: usize,
    slim: [usize; 2],
    rows: usize,
}

impl Lengths {
    pub(super) fn total(&self) -> usize {
        let slim = self.slim_pixels.iter().chain(&self.thinned).flatten();
        self.pixels
            + self.half_pixels
            + self.turned
            + self.half
            + slim.chain(&self.slim).sum::<usize>()
            + 2 * (self.filtered + self.rows)
            + 3 * self.responses
    }
}

/// Copies the tile's pixels and those around it as far as the kernels and the coarser grids reach,
/// reflected at the image's edges. Returns their range.
#[inline(always)]
pub(super) fn gather<V: Lanes, T: Pixel>(
    _: Available<V>,
    image: &Image<T>,
    normalization: Normalization,
    block: Block,
    grid: &Grid,
    buffers: &mut Buffers,
) -> TileRange {
    let Normalization { middle, factor, .. } = normalization;
    let first_row = block.row as isize - 1 - grid.first_line as isize;
    let first_col = block.col as isize - 1 - grid.first_place as isize;
    let columns = grid.pixel_places.next_multiple_of(V::COUNT);
    let before = first_col.min(0).unsigned_abs().min(columns);
    let direct = image.cols().saturating_sub(first_col.max(0) as usize).min(columns - before);
    let left = image.held_cols().start;
    let row_of = |index: usize| image.row(reflect(first_row + index as isize, image.rows()));
    let own = buffers.pixels.get_mut();
    // SAFETY: the proof of the instruction set.
    let (mut low, mut high) = unsafe { (V::splat(f32::MAX), V::splat(f32::MIN)) };
    for index in 0..grid.pixel_lines {
        let pixels = row_of(index);
        // The next row may lie on another page, where no machine looks for itself.
        let next = &row_of(index + 1)[first_col.max(0) as usize - left..][..direct];
        for line in next.chunks(LINE / size_of::<T>()) {
            // SAFETY: the proof of the instruction set.
            unsafe { V::prefetch(line.as_ptr().cast()) };
        }
        let normalized = |x: T| ((x.to_f64() - middle) * factor) as f32;
        let from = &pixels[first_col.max(0) as usize - left..][..direct];
        let out = &mut own[index * grid.line_stride..][..columns];
        for (out, &x) in out[before..before + direct].iter_mut().zip(from) {
            *out = normalized(x);
        }
        // Those beyond an edge mirror those inside, as far as there are any.
        let (after, mirrored) = (before + direct, before.min(direct));
        for far in 0..mirrored {
            out[before - 1 - far] = out[before + far];
        }
        let (mirrored_from, mirrored_to) = (before - mirrored, columns.min(after + direct));
        for far in 0..mirrored_to - after {
            out[after + far] = out[after - 1 - far];
        }
        for col in (0..mirrored_from).chain(mirrored_to..columns) {
            let from = reflect(first_col + col as isize, image.cols()) - left;
            out[col] = normalized(pixels[from]);
        }
        for chunk in out.chunks_exact(V::COUNT) {
            // SAFETY: the proof of the instruction set; a chunk holds a vector.
            unsafe {
                let x = V::load(chunk.as_ptr());
                (low, high) = (low.min(x), high.max(x));
            }
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
