//! The search for voxels that may be maxima.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use super::buffers::{Aligned, Layout};
use super::{Block, ScreenScale};
use crate::simd::Lanes;

/// A voxel that may be a maximum.
pub(in crate::scale_space) struct Suspect {
    pub row: u32,
    pub col: u32,
    pub scale: u32,
    /// Where `rivals` of it begin.
    pub rivals: u32,
}

/// A neighbour of a suspect that may be above it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::scale_space) struct Voxel {
    pub row: u32,
    pub col: u32,
    pub scale: u32,
}

/// What screening found in a tile.
#[derive(Default)]
pub(in crate::scale_space) struct Suspects {
    pub voxels: Vec<Suspect>,
    pub rivals: Vec<Voxel>,
    /// There would be more than the limit: the image has wide plateaus.
    pub overflow: bool,
}

/// Responses of one scale and how far they may be off against those of the scale searched.
#[derive(Clone, Copy)]
struct Plane<'a> {
    scale: usize,
    responses: &'a [f32],
    slack: f32,
}

/// The search for maxima in a tile's responses.
pub(super) struct Search<'a> {
    pub scales: &'a [ScreenScale],
    pub threshold: f64,
    pub block: Block,
    /// Rows and columns of the image.
    pub shape: (usize, usize),
    /// Rows and columns of the tile whose maxima count.
    pub rows: std::ops::Range<usize>,
    pub cols: std::ops::Range<usize>,
    pub layout: Layout,
    pub limit: usize,
    pub found: Suspects,
}

impl Search<'_> {
    /// Searches the responses of one scale.
    ///
    /// # Safety
    /// As for [`super::passes::vertical`].
    #[inline(always)]
    pub(super) unsafe fn plane<V: Lanes>(&mut self, scale: usize, responses: &[Aligned; 3]) {
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
