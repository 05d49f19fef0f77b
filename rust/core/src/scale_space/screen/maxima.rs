//! The search for voxels that may be maxima.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use std::ops::Range;

use super::buffers::Aligned;
use super::{Block, ScreenScale};
use crate::scale_space::parts::Ends;
use crate::simd::{Available, Lanes};

/// A voxel that may be a maximum.
pub(in crate::scale_space) struct Suspect {
    pub row: u32,
    pub col: u32,
    pub scale: u32,
    /// Which of the rivals are its own.
    pub rivals: Range<usize>,
    /// Whether it may stand against the scales below and above.
    pub may_stand: [bool; 2],
}

/// A neighbour of a suspect that may be above it.
#[derive(Clone, Copy)]
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
    /// Steps of exact arithmetic that the rivals take.
    pub rival_steps: f64,
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
    /// How far responses may be off, scale by scale.
    pub errors: Vec<f32>,
    pub scales: &'a [ScreenScale],
    /// Which scales are the ends of parts of the ladder.
    pub ends: &'a [Ends],
    pub threshold: f64,
    pub block: Block,
    /// Rows and columns of the image.
    pub shape: (usize, usize),
    /// Rows and columns of the tile whose maxima count.
    pub rows: Range<usize>,
    pub cols: Range<usize>,
    /// From one column of responses to the next.
    pub stride: usize,
    /// Of one column: which rows may hold a maximum, vector by vector.
    pub masks: Vec<u32>,
    pub found: Suspects,
}

impl Search<'_> {
    /// Searches the responses of one scale. If the rivals of all scales so far then take more
    /// steps of exact arithmetic than `most_steps`, it forgets what it found in this one and says
    /// false; it also does where the responses do not hold the tile, which then goes another way.
    #[inline(always)]
    pub(super) fn plane<V: Lanes>(
        &mut self,
        _: Available<V>,
        scale: usize,
        responses: &[Aligned; 3],
        most_steps: f64,
    ) -> bool {
        let before = (self.found.voxels.len(), self.found.rivals.len(), self.found.rival_steps);
        let stride = self.stride;
        let error = self.errors[scale];
        let plane = |scale: usize| Plane {
            scale,
            responses: responses[scale % 3].get(),
            slack: error + self.errors[scale],
        };
        let own = plane(scale);
        let below = scale.checked_sub(1).map_or(own, plane);
        let above = if scale + 1 < self.scales.len() { plane(scale + 1) } else { own };
        // Columns from the one before the first to the one after the last, and a vector's rows
        // from the one before its first to the one after its last.
        let holds = |plane: Plane<'_>| plane.responses.len() > (self.cols.end + 1) * stride;
        let is_inside = self.cols.start > 0 && self.masks.len() * V::COUNT <= stride;
        if !(is_inside && [own, below, above].into_iter().all(holds)) {
            return false;
        }
        // Rounded down, so that nothing above the threshold is lost.
        let limit = ((self.threshold - f64::from(error)) as f32).next_down();
        // SAFETY: the proof of the instruction set, and the bounds just checked.
        unsafe {
            let limit = V::splat(limit);
            let load = |plane: Plane<'_>, at: usize| V::load(plane.responses.as_ptr().add(at));
            // The largest will do: what is left is weighed one by one.
            let slack = V::splat(own.slack.max(below.slack).max(above.slack));
            let Ends { first, last, .. } = self.ends[scale];
            let beyond = [if first { own } else { below }, if last { own } else { above }];
            for col in self.cols.clone() {
                let mut any = 0;
                for (vector, mask) in self.masks.iter_mut().enumerate() {
                    let at = col * stride + vector * V::COUNT;
                    let value = load(own, at);
                    let beside = load(own, at - stride).max(load(own, at + stride));
                    let along = load(own, at - 1).max(load(own, at + 1));
                    let across = load(beyond[0], at).max(load(beyond[1], at));
                    let rival = beside.max(along).max(across);
                    *mask = value.above(limit) & !rival.above(value.add(slack));
                    any |= *mask;
                }
                // Rare, so that the vectors need not be asked one by one.
                if any != 0 {
                    self.weigh_column::<V>(col, [own, below, above]);
                    if self.found.rival_steps > most_steps {
                        self.found.voxels.truncate(before.0);
                        self.found.rivals.truncate(before.1);
                        self.found.rival_steps = before.2;
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Compares what the masks leave of a column with all its neighbours.
    fn weigh_column<V: Lanes>(&mut self, col: usize, planes: [Plane<'_>; 3]) {
        for vector in 0..self.masks.len() {
            let mut mask = self.masks[vector];
            while mask != 0 {
                let row = vector * V::COUNT + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if self.rows.contains(&row) {
                    self.weigh(row, col, planes);
                }
            }
        }
    }

    /// Compares one voxel, the first plane's, with all its neighbours there, below and above.
    fn weigh(&mut self, row: usize, col: usize, planes: [Plane<'_>; 3]) {
        let stride = self.stride;
        let value = planes[0].responses[col * stride + row];
        let first_rival = self.found.rivals.len();
        // A neighbour beyond the image's edge is the reflection of one inside.
        let around = |place: usize, start: usize, size: usize| {
            let first = if start + place == 1 { place } else { place - 1 };
            first..=(place + 1).min(size - start)
        };
        let rows = around(row, self.block.row, self.shape.0);
        let cols = around(col, self.block.col, self.shape.1);
        let Ends { first, last, alone } = self.ends[planes[0].scale];
        let mut stands = [true; 3];
        for (index, plane) in planes.iter().enumerate() {
            // Where there is no scale below or above, its plane is the first once more.
            if index > 0 && plane.scale == planes[0].scale {
                continue;
            }
            let before = self.found.rivals.len();
            'plane: for c in cols.clone() {
                for r in rows.clone() {
                    let other = plane.responses[c * stride + r];
                    if other > value + plane.slack {
                        self.found.rivals.truncate(before);
                        stands[index] = false;
                        break 'plane;
                    }
                    let itself = index == 0 && (r, c) == (row, col);
                    if other >= value - plane.slack && !itself {
                        self.found.rivals.push(self.voxel(r, c, plane.scale));
                    }
                }
            }
            if !stands[0] || !(stands[1] || first) {
                self.found.rivals.truncate(first_rival);
                return;
            }
        }
        let [_, below, above] = stands;
        if !(alone || (below || first) && (above || last) && (below || above)) {
            self.found.rivals.truncate(first_rival);
            return;
        }
        let rivals = &self.found.rivals[first_rival..];
        let steps = rivals.iter().map(|rival| self.scales[rival.scale as usize].rival_steps());
        self.found.rival_steps += steps.sum::<f64>();
        let Voxel { row, col, scale } = self.voxel(row, col, planes[0].scale);
        let (rivals, may_stand) = (first_rival..self.found.rivals.len(), [below, above]);
        self.found.voxels.push(Suspect { row, col, scale, rivals, may_stand });
    }

    fn voxel(&self, row: usize, col: usize, scale: usize) -> Voxel {
        Voxel {
            row: (self.block.row + row - 1) as u32,
            col: (self.block.col + col - 1) as u32,
            scale: scale as u32,
        }
    }
}
