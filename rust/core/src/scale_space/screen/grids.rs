//! The grids of a tile: what lies where on each, and the way from one to the next.
//!
//! Pixels of a grid lie in lines. The filter passes first across the lines, then along them, and
//! leaves its responses turned: what was a place in all lines is a line of responses. The lines of
//! the image's own pixels are its rows; those of the grid that has half of both are columns, as
//! thinning and widening turn as well. Responses of all grids so arrive as those that were filtered
//! on the image's own pixels, column by column.
//!
//! Grids that are coarser along one axis have their lines along it.

use super::axis::{Axis, LEVELS};
use super::buffers::{Buffers, odd_lines};
use super::scale::Reach;
use super::thinning::{self, Lines};
use crate::simd::{Available, Lanes, MAX_LANES};

/// One grid of a tile.
#[derive(Clone, Copy, Default)]
pub(super) struct Grid {
    /// Lines and places that have responses.
    pub lines: usize,
    pub places: usize,
    /// Lines and places of pixels before the first response.
    pub first_line: usize,
    pub first_place: usize,
    /// Lines and places of pixels.
    pub pixel_lines: usize,
    pub pixel_places: usize,
    /// From one line of pixels to the next.
    pub line_stride: usize,
    /// From the responses at one place to those at the next.
    pub place_stride: usize,
    /// Lines and places of pixels that there is room for: whole vectors of responses are computed.
    room_lines: usize,
    room_places: usize,
}

/// An axis of a grid: its pixels, those before the first response, its responses, and how far
/// kernels reach.
#[derive(Clone, Copy)]
struct Extent {
    pixels: usize,
    first: usize,
    responses: usize,
    reach: usize,
}

impl Extent {
    fn of(axis: &Axis, level: usize, reach: usize) -> Self {
        let level = axis.level(level);
        let (pixels, first) = (level.pixels(), level.first());
        Self { pixels, first, responses: level.responses, reach }
    }

    /// Pixels in whole vectors, those that whole vectors of responses are made of included.
    fn room(&self) -> usize {
        let padded = self.responses.next_multiple_of(MAX_LANES);
        self.pixels.max(self.first + padded + self.reach).next_multiple_of(MAX_LANES)
    }
}

impl Grid {
    fn new(lines: Extent, places: Extent) -> Self {
        Self {
            lines: lines.responses,
            places: places.responses,
            first_line: lines.first,
            first_place: places.first,
            pixel_lines: lines.pixels,
            pixel_places: places.pixels,
            line_stride: odd_lines(places.room()),
            place_stride: odd_lines(lines.responses.next_multiple_of(MAX_LANES)),
            room_lines: lines.room(),
            room_places: places.room(),
        }
    }

    /// Pixels that it has room for.
    pub(super) fn pixels(&self) -> usize {
        self.room_lines * self.line_stride
    }

    /// Responses that it has room for.
    pub(super) fn responses(&self) -> usize {
        self.places.next_multiple_of(MAX_LANES) * self.place_stride
    }

    /// How a filter goes over it: so many places of responses along, in steps of `outputs`, and so
    /// many strips of as many lines as a vector has `lanes`. Its kernels reach so far across the
    /// lines and along them. None if it would read or write beyond its buffers.
    pub(super) fn steps(
        &self,
        [across, along]: [usize; 2],
        (lanes, outputs): (usize, usize),
        room: &Room,
    ) -> Option<Steps> {
        let steps = Steps {
            count: self.places.next_multiple_of(outputs),
            strips: self.lines.div_ceil(lanes),
        };
        let lines = steps.strips * lanes;
        let last = (self.first_place + steps.count + along).next_multiple_of(lanes);
        let last_line = self.first_line + lines + across;
        let fits = lanes.is_multiple_of(outputs)
            && self.first_line >= across
            && self.first_place >= along
            && last <= self.line_stride
            && last * lanes <= room.strip
            && lanes * lanes <= room.block
            && last_line * self.line_stride <= room.pixels
            && lines <= room.stride
            && steps.count * room.stride <= room.out;
        fits.then_some(steps)
    }

    /// Elements of as many lines of pixels, or of places of responses, as a vector has lanes.
    pub(super) fn strip(&self) -> usize {
        self.room_places.max(self.place_stride) * MAX_LANES
    }
}

/// How many elements the buffers of a filter hold.
pub(super) struct Room {
    /// Of the grid's pixels.
    pub pixels: usize,
    /// Of what the first pass leaves of a strip of lines.
    pub strip: usize,
    /// Of a square of vectors before it is turned.
    pub block: usize,
    /// Of responses.
    pub out: usize,
    /// From the responses at one place to those at the next.
    pub stride: usize,
}

/// How a filter goes over a grid.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    /// Places of responses that are computed.
    pub count: usize,
    /// Vectors across the lines.
    pub strips: usize,
}

/// All grids of a tile that a scale is filtered on.
#[derive(Clone, Copy)]
pub(super) struct Grids {
    own: Grid,
    half: Option<Grid>,
    /// By axis and level.
    slim: [[Option<Grid>; LEVELS]; 2],
    axes: [Axis; 2],
}

impl Grids {
    /// Of a block of so many rows and columns, with the pixel around it.
    pub(super) fn new(rows: usize, cols: usize, reach: Reach) -> Self {
        let axes = std::array::from_fn(|axis| {
            let mut levels = reach.slim.map(|reach| reach.map(|by_axis| by_axis[axis]));
            levels[0] = Some(reach.own[axis]);
            levels[1] = levels[1].max(reach.half.map(|by_axis| by_axis[axis]));
            Axis::new([rows, cols][axis] + 2, levels)
        });
        let own = |axis: usize| Extent::of(&axes[axis], 0, reach.own[axis]);
        let half = |axis: usize, reach: [usize; 2]| Extent::of(&axes[axis], 1, reach[axis]);
        let slim = |axis: usize, level: usize| {
            let reach = reach.slim[level]?[axis];
            Some(Grid::new(own(1 - axis), Extent::of(&axes[axis], level, reach)))
        };
        Self {
            own: Grid::new(own(0), own(1)),
            half: reach.half.map(|reach| Grid::new(half(1, reach), half(0, reach))),
            slim: std::array::from_fn(|axis| std::array::from_fn(|level| slim(axis, level))),
            axes,
        }
    }

    /// The image's own pixels.
    pub(super) fn own(&self) -> &Grid {
        &self.own
    }

    /// Half of the rows and half of the columns.
    pub(super) fn half(&self) -> Option<&Grid> {
        self.half.as_ref()
    }

    /// The grid that is coarser along an axis by so many levels.
    pub(super) fn slim(&self, axis: usize, level: usize) -> Option<&Grid> {
        self.slim[axis][level].as_ref()
    }

    /// The coarsest level of those that are coarser along one axis.
    pub(super) fn slimmest(&self) -> usize {
        self.slim[0].iter().rposition(Option::is_some).unwrap_or(0)
    }

    pub(super) fn axis(&self, axis: usize) -> &Axis {
        &self.axes[axis]
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Grid> {
        let slim = self.slim.iter().flatten().flatten();
        std::iter::once(&self.own).chain(&self.half).chain(slim)
    }

    /// Elements of what lies between the image's own pixels or responses and half of them, at most.
    pub(super) fn turned(&self) -> usize {
        self.half.map_or(0, |half| turned_thin(self.own, half).max(turned_wide(self.own, half)))
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
pub(super) fn turn<V: Lanes>(
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

/// Makes the pixels of half the rows and columns. False if the buffers do not hold them.
#[inline(always)]
#[must_use]
pub(super) fn thin<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    buffers: &mut Buffers,
) -> bool {
    let Some(coarse) = grids.half() else { return true };
    let fine = grids.own();
    let Buffers { pixels, half_pixels, turned, curved, .. } = buffers;
    let (from, to) = (pixels.get(), half_pixels.get_mut());
    let (turned, strip) = (turned.get_mut(), curved.get_mut());
    // The places of the coarser grid are the finer one's lines.
    let [first_line, first_place] = [0, 1].map(|axis| grids.axis(axis).thinned_from(0));
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

/// Widens the responses of half the rows and columns to the image's own, those of `plane`. False
/// if the buffers do not hold them.
#[inline(always)]
#[must_use]
pub(super) fn widen<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    plane: usize,
    buffers: &mut Buffers,
) -> bool {
    let Some(coarse) = grids.half() else { return false };
    let fine = grids.own();
    let Buffers { half: from, responses, turned, curved, .. } = buffers;
    let (from, to) = (from.get(), responses[plane].get_mut());
    let (turned, strip) = (turned.get_mut(), curved.get_mut());
    let width = coarse.lines.next_multiple_of(V::COUNT);
    let stride = wide_stride(fine);
    let [from_place, from_line] = [0, 1].map(|axis| grids.axis(axis).widened_from(0));
    // A vector's lanes are lines of the finer grid, two for each place of this one.
    for first in (0..fine.lines).step_by(V::COUNT) {
        let lines = &from[((from_place + first / 2) * coarse.place_stride).min(from.len())..];
        let lines = Lines { of: lines, stride: coarse.place_stride };
        let pairs = (V::COUNT / 2).min((fine.lines - first).div_ceil(2));
        let mut two = Lines { of: &mut *strip, stride: width };
        let out = (&mut turned[first..], stride);
        if !(thinning::widen::<_, false>(available, &lines, &mut two, pairs, width)
            && turn(available, (strip, width), coarse.lines, out))
        {
            return false;
        }
    }
    let lines = Lines { of: &turned[(from_line * stride).min(turned.len())..], stride };
    let mut two = Lines { of: to, stride: fine.place_stride };
    let pairs = fine.places.div_ceil(2);
    thinning::widen::<_, false>(available, &lines, &mut two, pairs, fine.lines)
}
