//! Screening: where a maximum can be, found fast and with a bound on the error.
//!
//! A tile of the image is filtered in `f32`, scale by scale, and compared with its neighbours in
//! space and scale. What rounding could have decided otherwise is kept, so that no maximum is
//! lost; exact arithmetic decides later. Only three scales of responses are held at a time, never
//! the cube.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scale`] | the image's and the scales' numbers in `f32`, and the bound on the error |
//! | [`buffers`] | the tile's memory |
//! | [`passes`] | the filter |
//! | [`maxima`] | the search in its responses |
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

mod buffers;
mod maxima;
mod passes;
mod scale;

pub(super) use buffers::Buffers;
pub(super) use maxima::{Suspects, Voxel};
pub(super) use scale::{Normalization, ScreenScale};

use crate::image::{Image, Pixel};
use crate::simd::{Kernel, Lanes};
use buffers::{Layout, TileSize, gather};
use maxima::Search;
use passes::{horizontal, vertical};

/// A part of the image.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
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
    /// Asked scale by scale; the tile is left once the answer is yes.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
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
            if search.found.overflow || (self.interrupted)() {
                break;
            }
        }
        search.found
    }
}

/// Rows (or columns) of the tile whose maxima count; its first is the pixel before the block.
fn inside(start: usize, len: usize, size: usize, border: usize) -> std::ops::Range<usize> {
    let first = start.max(border);
    let last = (start + len).min(size.saturating_sub(border));
    if first < last { first - start + 1..last - start + 1 } else { 1..1 }
}
