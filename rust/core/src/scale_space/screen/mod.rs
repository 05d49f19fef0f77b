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
//! | [`kept`] | the same, from call to call |
//! | [`thinning`] | kernels for coarser grids, and how far they are from the exact ones |
//! | [`axis`] | what lies where along an axis that is thinned |
//! | [`grids`] | the grids of a tile, and the way to half of its rows and columns and back |
//! | [`one_axis`] | the way to grids that are coarser along one axis, and their filter |
//! | [`passes`] | the filter of the others |
//! | [`pairs`] | the pairs of vectors that it sums |
//! | [`maxima`] | the search in its responses |
mod axis;
mod buffers;
mod grids;
mod kept;
mod maxima;
mod one_axis;
mod pairs;
mod passes;
mod scale;
#[cfg(test)]
mod tests;
mod thinning;

pub(super) use grids::beyond;
pub(super) use kept::Lease;
pub(super) use maxima::{Suspect, Suspects, Voxel};
use scale::{Filtering, TileRange};
pub(super) use scale::{Normalization, Reach, ScreenScale};

use super::parts::Ends;
use crate::image::{Image, Pixel};
use crate::interrupt::Interrupted;
use crate::simd::{Available, Kernel, Lanes};
use buffers::{Buffers, gather};
use grids::Grids;
use maxima::Search;
use passes::filter;

/// Rivals per voxel beyond which filtering everything exactly is no more work.
const MAX_RIVALS: f64 = 0.05;

/// Rivals per scale that are no reason to filter anything once more.
const RIVALS_FOR_FREE: f64 = 64.0;

/// How the screening of a tile ended.
pub(super) enum Screened {
    /// With all voxels that may be maxima.
    Suspects(Suspects),
    /// With more rivals than it is worth to decide on one by one.
    TooManyRivals,
    /// On request.
    Interrupted,
}

/// A part of the image.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
}

/// One tile to screen.
pub(super) struct Tile<'a, T: Pixel> {
    pub image: &'a Image<T>,
    pub normalization: Normalization,
    pub scales: &'a [ScreenScale],
    /// Which of them are the ends of parts of the ladder.
    pub ends: &'a [Ends],
    /// How far they reach.
    pub reach: Reach,
    /// Scaled as the responses are.
    pub threshold: f64,
    pub border: (usize, usize),
    pub block: Block,
    /// Asked scale by scale; the tile is left once the answer is yes.
    pub interrupted: Interrupted<'a>,
    pub buffers: &'a mut Buffers,
}

impl<T: Pixel> Kernel for Tile<'_, T> {
    type Output = Screened;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Screened {
        let Self { image, scales, reach, block, buffers, .. } = self;
        let grids = Grids::new(block.rows, block.cols, reach);
        let own = grids.own();
        let range = gather(available, image, self.normalization, block, own, buffers);
        // There is room: the buffers were made for the largest tile and reach.
        let mut holds =
            grids::thin(available, &grids, buffers) && one_axis::thin(available, &grids, buffers);
        let vectors = own.lines.div_ceil(V::COUNT);
        let mut search = Search {
            errors: vec![0.0; scales.len()],
            scales,
            ends: self.ends,
            threshold: self.threshold,
            block,
            shape: (image.rows(), image.cols()),
            rows: inside(block.row, block.rows, image.rows(), self.border.0),
            cols: inside(block.col, block.cols, image.cols(), self.border.1),
            stride: own.place_stride,
            masks: vec![0; vectors],
            found: Suspects::default(),
        };
        let pixels = (block.rows * block.cols) as f64;
        let most_steps = (RIVALS_FOR_FREE + MAX_RIVALS * pixels)
            * scales.iter().map(ScreenScale::exact_steps).sum::<f64>();
        let (mut thin, mut saved_steps) = (scales.iter().any(|s| s.thinned.is_some()), 0.0);
        for step in 0..=scales.len() {
            saved_steps += scales.get(step).map_or(0.0, |scale| {
                RIVALS_FOR_FREE * scale.exact_steps() + pixels * scale.saved_steps()
            });
            let mut first = step;
            loop {
                for (index, scale) in scales.iter().enumerate().take(step + 1).skip(first) {
                    let filtering = scale.filtering(thin);
                    let error = error::<V, OUTPUTS>(available, filtering, &grids, range, buffers);
                    holds = holds && error.is_some();
                    search.errors[index] = error.unwrap_or(f32::MAX);
                    let (middle, plane) = (range.middle, index % 3);
                    holds = holds
                        && filter::<V, OUTPUTS>(
                            available, scale, filtering, &grids, middle, plane, buffers,
                        );
                }
                if !holds {
                    return Screened::TooManyRivals;
                }
                let Some(scale) = step.checked_sub(1) else { break };
                let limit = if thin { saved_steps } else { most_steps };
                if search.plane(available, scale, &buffers.responses, limit) {
                    break;
                }
                if !thin {
                    return Screened::TooManyRivals;
                }
                // Where responses hardly differ, exact arithmetic takes back what coarser grids
                // save: this scale once more, and all that follow, with all pixels.
                (thin, first) = (false, scale);
            }
            if (self.interrupted)() {
                return Screened::Interrupted;
            }
        }
        Screened::Suspects(search.found)
    }
}

/// Bound on the error of a tile's responses. None if the buffers do not hold what it asks for.
#[inline(always)]
fn error<V: Lanes, const OUTPUTS: usize>(
    available: Available<V>,
    filtering: &Filtering,
    grids: &Grids,
    range: TileRange,
    buffers: &Buffers,
) -> Option<f32> {
    let level = filtering.way.level();
    let values = match filtering.seconds() {
        Some(of) => one_axis::seconds::<V, OUTPUTS>(available, of, (grids, level), buffers)?,
        None => [(0.0, 0.0); 2],
    };
    Some(filtering.error(range, values))
}

/// Rows (or columns) of the tile whose maxima count; its first is the pixel before the block.
fn inside(start: usize, len: usize, size: usize, border: usize) -> std::ops::Range<usize> {
    let first = start.max(border);
    let last = (start + len).min(size.saturating_sub(border));
    if first < last { first - start + 1..last - start + 1 } else { 1..1 }
}
