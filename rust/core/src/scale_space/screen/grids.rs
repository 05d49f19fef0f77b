//! The grids of a tile: what lies where on each, and the way from one to the next.
//!
//! Pixels of a grid lie in lines. The filter passes first across the lines, then along them, and
//! leaves its responses turned: what was a place in all lines is a line of responses. So does each
//! thinning and each widening. The lines of the image's own pixels are its rows; those of the next
//! grid are columns, those of the one after it rows again. Responses of all grids so arrive as
//! those that were filtered on the image's own pixels, column by column.

use super::buffers::{Buffers, odd_lines};
use super::scale::Reach;
use super::thinning::{self, GRIDS, Lines, REACH, WIDENED_FROM};
use crate::simd::{Available, Lanes, MAX_LANES, MOST_OUTPUTS};

/// Responses of a grid before the first of the image's own: as many as it takes to widen them, in
/// pairs.
const BEFORE: [usize; GRIDS] = [0, 2, 3];

/// One grid of a tile.
#[derive(Clone, Copy, Default)]
pub(super) struct Grid {
    /// Lines and places that have responses.
    pub lines: usize,
    pub places: usize,
    /// Lines and places of pixels before the first response.
    pub first_line: usize,
    pub first_place: usize,
    /// Likewise before the first response of the image's own pixels.
    before_line: usize,
    before_place: usize,
    /// Lines and places of pixels.
    pub pixel_lines: usize,
    pub pixel_places: usize,
    /// From one line of pixels to the next.
    pub line_stride: usize,
    /// From the responses at one place to those at the next.
    pub place_stride: usize,
    /// Lines of pixels that there is room for: whole vectors of responses are computed.
    room_lines: usize,
    room_places: usize,
}

impl Grid {
    /// Pixels that it has room for.
    pub(super) fn pixels(&self) -> usize {
        self.room_lines * self.line_stride
    }

    /// Responses that it has room for.
    pub(super) fn responses(&self) -> usize {
        self.places.next_multiple_of(2 * MOST_OUTPUTS) * self.place_stride
    }

    /// Elements of as many lines of pixels, or of places of responses, as a vector has lanes.
    pub(super) fn strip(&self) -> usize {
        self.room_places.max(self.place_stride) * MAX_LANES
    }
}

/// All grids of a tile, down to the coarsest that a scale is filtered on.
#[derive(Clone, Copy)]
pub(super) struct Grids {
    all: [Grid; GRIDS],
    /// How many there are.
    count: usize,
}

impl Grids {
    /// Of a block of so many rows and columns, with the pixel around it.
    pub(super) fn new(rows: usize, cols: usize, reach: Reach) -> Self {
        let count = reach.grids.iter().flatten().count().max(1);
        let mut all = [Grid::default(); GRIDS];
        // By axis, rows first: responses of each grid, and how many pixels lie before the first
        // response of the image's own and from there on.
        let mut responses = [[rows + 2, cols + 2]; GRIDS];
        for grid in 1..count {
            responses[grid] = responses[grid - 1].map(|finer| finer.div_ceil(2) + WIDENED_FROM - 1);
        }
        let (mut before, mut after) = ([0; 2], [0; 2]);
        for index in (0..count).rev() {
            let reach = reach.grids[index].unwrap_or_default();
            for axis in 0..2 {
                let (coarser_before, coarser_after) = (before[axis], after[axis]);
                before[axis] = BEFORE[index] + reach[axis];
                after[axis] = responses[index][axis] - BEFORE[index] + reach[axis];
                if index + 1 < count {
                    before[axis] = before[axis].max(2 * coarser_before + REACH);
                    after[axis] = after[axis].max(2 * (coarser_after - 1) + REACH + 1);
                }
            }
            let (line, place) = (index % 2, 1 - index % 2);
            let [lines, places] = [line, place].map(|axis| responses[index][axis]);
            let [before_line, before_place] = [line, place].map(|axis| before[axis]);
            let [first_line, first_place] =
                [before_line, before_place].map(|before| before - BEFORE[index]);
            let [pixel_lines, pixel_places] = [line, place].map(|axis| before[axis] + after[axis]);
            let padded = lines.next_multiple_of(MAX_LANES);
            let room_lines = pixel_lines.max(first_line + padded + reach[line]);
            let room_places = first_place + places.next_multiple_of(MOST_OUTPUTS) + reach[place];
            let room_places = pixel_places.max(room_places).next_multiple_of(MAX_LANES);
            all[index] = Grid {
                lines,
                places,
                first_line,
                first_place,
                before_line,
                before_place,
                pixel_lines,
                pixel_places,
                line_stride: odd_lines(room_places),
                place_stride: odd_lines(padded),
                room_lines,
                room_places,
            };
        }
        Self { all, count }
    }

    pub(super) fn get(&self) -> &[Grid] {
        &self.all[..self.count]
    }

    /// The image's own pixels.
    pub(super) fn own(&self) -> &Grid {
        &self.all[0]
    }

    /// Elements of what lies between two grids, at most.
    pub(super) fn turned(&self) -> usize {
        let pairs = self.get().windows(2);
        pairs
            .map(|pair| turned_thin(pair[0], pair[1]).max(turned_wide(pair[0], pair[1])))
            .max()
            .unwrap_or(0)
    }
}

/// How many of the image's rows and columns to each side of its own a block of so many is made of,
/// and one of a row or a column less: what is read, columns in whole vectors, and a row that is
/// brought near.
pub(in crate::scale_space) fn beyond(block: [usize; 2], reach: Reach) -> [usize; 2] {
    let of = |[rows, cols]: [usize; 2]| {
        let own = *Grids::new(rows, cols, reach).own();
        let columns = own.pixel_places.next_multiple_of(MAX_LANES);
        let axes = [(own.first_line, own.pixel_lines, rows), (own.first_place, columns, cols)];
        axes.map(|(first, read, len)| (first + 1).max(read.saturating_sub(first + len) + 1))
    };
    let (all, less) = (of(block), of(block.map(|len| len.saturating_sub(1))));
    std::array::from_fn(|axis| all[axis].max(less[axis]))
}

/// From one place to the next of lines that were thinned and turned.
fn thin_stride(coarse: &Grid) -> usize {
    odd_lines(coarse.pixel_places)
}

fn turned_thin(fine: Grid, coarse: Grid) -> usize {
    fine.pixel_places.next_multiple_of(MAX_LANES) * thin_stride(&coarse)
}

/// From one line to the next of responses that were widened and turned.
fn wide_stride(fine: &Grid) -> usize {
    odd_lines(fine.lines)
}

fn turned_wide(fine: Grid, coarse: Grid) -> usize {
    coarse.lines.next_multiple_of(MAX_LANES) * wide_stride(&fine)
}

/// Lays as many lines as a vector has lanes out as places: the elements of all lines at a place
/// follow one another. False if there is no room for it.
#[inline(always)]
#[allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#[must_use]
fn turn<V: Lanes>(
    _: Available<V>,
    (strip, strip_stride): (&[f32], usize),
    n_places: usize,
    (out, out_stride): (&mut [f32], usize),
) -> bool {
    let whole = n_places.next_multiple_of(V::COUNT);
    let fits = whole > 0
        && strip.len() >= (V::COUNT - 1) * strip_stride + whole
        && out.len() >= (whole - 1) * out_stride + V::COUNT;
    if fits {
        for place in (0..whole).step_by(V::COUNT) {
            // SAFETY: the proof of the instruction set, and blocks of as many lines and places as
            // a vector has lanes that lie within what was just checked.
            unsafe {
                let to = out.as_mut_ptr().add(place * out_stride);
                V::transpose(strip.as_ptr().add(place), strip_stride, to, out_stride);
            }
        }
    }
    fits
}

/// Makes the pixels of a grid of those of the one before. False if the buffers do not hold them.
#[inline(always)]
#[must_use]
pub(super) fn thin<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    coarser: usize,
    buffers: &mut Buffers,
) -> bool {
    let (fine, coarse) = (&grids.get()[coarser - 1], &grids.get()[coarser]);
    let Buffers { pixels, turned, curved, .. } = buffers;
    let (finer, coarser) = pixels.split_at_mut(coarser);
    let (Some(from), Some(to)) = (finer.last(), coarser.first_mut()) else { return false };
    let (from, to) = (from.get(), to.get_mut());
    let (turned, strip) = (turned.get_mut(), curved.get_mut());
    // The places of the coarser grid are the finer one's lines.
    let first_line = fine.before_line - REACH - 2 * coarse.before_place;
    let first_place = fine.before_place - REACH - 2 * coarse.before_line;
    let width = fine.pixel_places.next_multiple_of(V::COUNT);
    let stride = thin_stride(coarse);
    for first in (0..coarse.pixel_places).step_by(V::COUNT) {
        let lines = &from[((first_line + 2 * first) * fine.line_stride).min(from.len())..];
        let lines = Lines { of: lines, stride: fine.line_stride };
        let count = V::COUNT.min(coarse.pixel_places - first);
        let mut kept = Lines { of: &mut *strip, stride: width };
        let out = (&mut turned[first..], stride);
        if !(thinning::thin(available, &lines, &mut kept, count, width)
            && turn(available, (strip, width), fine.pixel_places, out))
        {
            return false;
        }
    }
    let lines = Lines { of: &turned[(first_place * stride).min(turned.len())..], stride };
    let mut kept = Lines { of: to, stride: coarse.line_stride };
    thinning::thin(available, &lines, &mut kept, coarse.pixel_lines, coarse.pixel_places)
}

/// Widens the responses of a grid to those of the one before, which go to `plane` of the image's
/// own if that is it. False if the buffers do not hold them.
#[inline(always)]
#[must_use]
pub(super) fn widen<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    coarser: usize,
    plane: usize,
    buffers: &mut Buffers,
) -> bool {
    let (fine, coarse) = (&grids.get()[coarser - 1], &grids.get()[coarser]);
    let Buffers { coarse: of_grids, responses, turned, curved, .. } = buffers;
    let (finer, coarser) = of_grids.split_at_mut(coarser - 1);
    let Some(from) = coarser.first() else { return false };
    let to = finer.last_mut().unwrap_or(&mut responses[plane]).get_mut();
    let (from, turned, strip) = (from.get(), turned.get_mut(), curved.get_mut());
    let width = coarse.lines.next_multiple_of(V::COUNT);
    let stride = wide_stride(fine);
    // A vector's lanes are lines of the finer grid, two for each place of this one.
    for first in (0..fine.lines).step_by(V::COUNT) {
        let lines = &from[(first / 2 * coarse.place_stride).min(from.len())..];
        let lines = Lines { of: lines, stride: coarse.place_stride };
        let pairs = (V::COUNT / 2).min((fine.lines - first).div_ceil(2));
        let mut two = Lines { of: &mut *strip, stride: width };
        let out = (&mut turned[first..], stride);
        if !(thinning::widen(available, &lines, &mut two, pairs, width)
            && turn(available, (strip, width), coarse.lines, out))
        {
            return false;
        }
    }
    let lines = Lines { of: &*turned, stride };
    let mut two = Lines { of: to, stride: fine.place_stride };
    thinning::widen(available, &lines, &mut two, fine.places.div_ceil(2), fine.lines)
}
