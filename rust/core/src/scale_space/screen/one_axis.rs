//! Grids that are coarser along one axis only, and the filter on them.
//!
//! Each term of the Laplacian takes the second derivative along one axis and smooths along the
//! other. It is summed on a grid that is thinned along the axis of smoothing: its lines, with all
//! pixels of the other axis in turn, are filtered across first, by the exact second derivative,
//! then along, by the fit that stands for the Gaussian. That leaves, for each of the few places
//! along, a line of responses, and these lines are widened to all places.
//!
//! What the fits leave acts on the second derivative alone, of which an image has little at wide
//! scales; so the bound on the error asks how much there is. The taps that stand for the second
//! derivative on the thinned axis tell, at an eighth of the places.
//!
//! Lines of the grid that is thinned along the columns' axis are rows, so that its responses
//! arrive column by column, as all do; those of the other one arrive row by row and are turned.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#![allow(clippy::needless_range_loop, reason = "arrays of vectors in step, kept in registers")]

use super::axis::LEVELS;
use super::buffers::{Aligned, Buffers, odd_lines};
use super::grids::{Grid, Grids, Room, Steps, turn};
use super::pairs::Pairs;
use super::scale::{Kernels, Second, radius};
use super::thinning::{self, Lines};
use crate::simd::{Available, Lanes, MAX_LANES};

const ROWS: usize = 0;
const COLS: usize = 1;

/// What is made of the sums of both terms.
#[derive(Clone, Copy)]
pub(super) struct Scaling {
    pub factor: f32,
    pub offset: f32,
}

/// From one line to the next of pixels that are thinned along an axis: the length of the other one
/// in whole vectors.
fn thinned_stride(grids: &Grids, axis: usize) -> usize {
    let own = grids.own();
    odd_lines(if axis == ROWS { own.pixel_places } else { own.pixel_lines })
}

/// Elements of pixels that are thinned along one axis, by axis and level. The image's own are
/// turned for the columns' axis and read where they lie for the rows'.
pub(super) fn thinned(grids: &Grids) -> [[usize; LEVELS]; 2] {
    let mut elements = [[0; LEVELS]; 2];
    if grids.slimmest() == 0 {
        return elements;
    }
    for axis in [ROWS, COLS] {
        for level in 1 - axis..=grids.slimmest() {
            let lines = grids.axis(axis).level(level).pixels().next_multiple_of(MAX_LANES);
            elements[axis][level] = lines * thinned_stride(grids, axis);
        }
    }
    elements
}

/// Elements of responses that are widened along one axis, at even levels and at odd ones, down to
/// the first: the image's own are those of all ways.
pub(super) fn widened(grids: &Grids) -> [usize; 2] {
    let mut elements = [0; 2];
    for axis in [ROWS, COLS] {
        for level in 1..=grids.slimmest() {
            let lines = grids.axis(axis).level(level).responses.next_multiple_of(MAX_LANES);
            let elements = &mut elements[level % 2];
            *elements = (*elements).max(lines * widened_stride(grids, axis));
        }
    }
    elements
}

/// From one line of responses to the next while they are widened along an axis.
fn widened_stride(grids: &Grids, axis: usize) -> usize {
    let own = grids.own();
    let across = if axis == ROWS { own.places } else { own.lines };
    odd_lines(across.next_multiple_of(MAX_LANES))
}

/// Makes the pixels of the grids that are coarser along one axis. False if the buffers do not hold
/// them.
#[inline(always)]
#[must_use]
pub(super) fn thin<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    buffers: &mut Buffers,
) -> bool {
    grids.slimmest() == 0
        || thin_along(available, grids, ROWS, buffers)
            && turn_own(available, grids, buffers)
            && thin_along(available, grids, COLS, buffers)
}

/// Lays the image's own pixels out column by column.
#[inline(always)]
#[must_use]
fn turn_own<V: Lanes>(available: Available<V>, grids: &Grids, buffers: &mut Buffers) -> bool {
    let own = grids.own();
    let Buffers { pixels, thinned, .. } = buffers;
    turn_lines(
        available,
        Lines { of: pixels.get(), stride: own.line_stride },
        (own.pixel_lines, own.pixel_places),
        Lines { of: thinned[COLS][0].get_mut(), stride: thinned_stride(grids, COLS) },
    )
}

/// Lays so many lines of so many places out as places. False if there is no room for it.
#[inline(always)]
#[must_use]
fn turn_lines<V: Lanes>(
    available: Available<V>,
    from: Lines<&[f32]>,
    (n_lines, n_places): (usize, usize),
    to: Lines<&mut [f32]>,
) -> bool {
    let Lines { of, stride } = to;
    // No closure: it would not be compiled for the caller's instruction set.
    for first in (0..n_lines).step_by(V::COUNT) {
        let lines = from.of.get(first * from.stride..).unwrap_or_default();
        let out = of.get_mut(first..).unwrap_or_default();
        if !turn(available, (lines, from.stride), n_places, (out, stride)) {
            return false;
        }
    }
    true
}

/// Makes the pixels of the grids that are coarser along one of the axes.
#[inline(always)]
#[must_use]
fn thin_along<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    axis: usize,
    buffers: &mut Buffers,
) -> bool {
    let Buffers { pixels, slim_pixels, thinned, .. } = buffers;
    let (own, levels) = (grids.own(), grids.axis(axis));
    let across = if axis == ROWS { own.pixel_places } else { own.pixel_lines };
    let stride = thinned_stride(grids, axis);
    for level in 1..=grids.slimmest() {
        let (finer, coarser) = thinned[axis].split_at_mut(level);
        let (from, to) = (&finer[level - 1], &mut coarser[0]);
        let is_own = (axis, level) == (ROWS, 1);
        let (from, from_stride) =
            if is_own { (pixels.get(), own.line_stride) } else { (from.get(), stride) };
        let first = levels.thinned_from(level - 1) * from_stride;
        let lines = Lines { of: from.get(first..).unwrap_or_default(), stride: from_stride };
        let mut kept = Lines { of: to.get_mut(), stride };
        let count = levels.level(level).pixels();
        if !thinning::thin(available, &lines, &mut kept, count, across) {
            return false;
        }
        if let Some(grid) = grids.slim(axis, level) {
            let from = Lines { of: &*kept.of, stride };
            let out = slim_pixels[axis][level].get_mut();
            let out = Lines { of: out, stride: grid.line_stride };
            if !turn_lines(available, from, (count, across), out) {
                return false;
            }
        }
    }
    true
}

/// The least and the largest that taps for the second derivative along each axis, thinned to a
/// level, make of a tile's pixels, those around it included. None if the buffers do not hold what
/// is read.
#[inline(always)]
pub(super) fn seconds<V: Lanes, const OUTPUTS: usize>(
    available: Available<V>,
    seconds: [&Second; 2],
    (grids, level): (&Grids, usize),
    buffers: &Buffers,
) -> Option<[(f32, f32); 2]> {
    let own = grids.own();
    let mut values = [(0.0, 0.0); 2];
    for axis in [ROWS, COLS] {
        let stride = thinned_stride(grids, axis);
        let level_there = grids.axis(axis).level(level);
        let taps = &seconds[axis].taps;
        let first = level_there.first().checked_sub(radius(taps))?;
        let lines = buffers.thinned[axis][level].get().get(first * stride..)?;
        let across = if axis == ROWS { own.pixel_places } else { own.pixel_lines };
        let lines = Lines { of: lines, stride };
        values[axis] =
            extent::<V, OUTPUTS>(available, &lines, (level_there.responses, across), taps)?;
    }
    Some(values)
}

/// The least and the largest that a kernel across lines makes of so many of them and so many
/// places; the first line is the one that its outermost tap reads. None if they are not there.
#[inline(always)]
fn extent<V: Lanes, const OUTPUTS: usize>(
    _: Available<V>,
    from: &Lines<&[f32]>,
    (count, places): (usize, usize),
    taps: &[f32],
) -> Option<(f32, f32)> {
    let radius = radius(taps);
    // Of the last lines and places some come twice.
    let last = count.checked_sub(OUTPUTS)?;
    let last_place = places.checked_sub(V::COUNT)?;
    let holds = !taps.is_empty()
        && places <= from.stride
        && (count + 2 * radius) * from.stride <= from.of.len();
    if !holds {
        return None;
    }
    let (mut lows, mut highs) = ([f32::MAX; MAX_LANES], [f32::MIN; MAX_LANES]);
    // SAFETY: the proof of the instruction set. Lines and places within those just checked; the
    // arrays hold a vector.
    unsafe {
        let (mut low, mut high) = (V::splat(f32::MAX), V::splat(f32::MIN));
        for line in (0..count).step_by(OUTPUTS) {
            let at = from.of.as_ptr().add((line.min(last) + radius) * from.stride);
            for place in (0..places).step_by(V::COUNT) {
                let at = at.add(place.min(last_place));
                let sums = sums::<V, OUTPUTS>(at, from.stride, taps);
                for k in 0..OUTPUTS {
                    (low, high) = (low.min(sums[k]), high.max(sums[k]));
                }
            }
        }
        low.store(lows.as_mut_ptr());
        high.store(highs.as_mut_ptr());
    }
    let low = lows.into_iter().fold(f32::MAX, f32::min);
    Some((low, highs.into_iter().fold(f32::MIN, f32::max)))
}

/// Filters a tile on the grids of one level into the responses of `plane`. False if the buffers do
/// not hold what is read and written.
#[inline(always)]
#[must_use]
pub(super) fn filter<V: Lanes, const OUTPUTS: usize>(
    available: Available<V>,
    axes: &[Kernels; 2],
    scaling: Scaling,
    (grids, level): (&Grids, usize),
    plane: usize,
    buffers: &mut Buffers,
) -> bool {
    let Scaling { factor, offset } = scaling;
    for (axis, offset) in [(ROWS, offset), (COLS, 0.0)] {
        let Some(grid) = grids.slim(axis, level) else { return false };
        let kernel = TermKernel {
            across: &axes[1 - axis].second,
            along: &axes[axis].smooth,
            scaling: Scaling { factor, offset },
        };
        let Buffers { slim_pixels, curved, rows, slim, .. } = &mut *buffers;
        let (pixels, out) = (&slim_pixels[axis][level], &mut slim[level % 2]);
        let stride = widened_stride(grids, axis);
        let memory = TermMemory { pixels, strip: curved, block: &mut rows[0], out, stride };
        let Some(mut term) = Term::new::<OUTPUTS>(available, kernel, grid, memory) else {
            return false;
        };
        term.run::<OUTPUTS>();
        if !widen(available, grids, (axis, level), plane, buffers) {
            return false;
        }
    }
    true
}

/// Widens the responses of a term to those of the image's own pixels: the rows' axis is the first,
/// and the other comes on top.
#[inline(always)]
#[must_use]
fn widen<V: Lanes>(
    available: Available<V>,
    grids: &Grids,
    (axis, level): (usize, usize),
    plane: usize,
    buffers: &mut Buffers,
) -> bool {
    let Buffers { slim: [even, odd], curved, responses, .. } = buffers;
    let (own, levels) = (grids.own(), grids.axis(axis));
    let stride = widened_stride(grids, axis);
    let across = if axis == ROWS { own.places } else { own.lines };
    for coarser in (2..=level).rev() {
        let (from, to) = if coarser % 2 == 0 { (&*even, &mut *odd) } else { (&*odd, &mut *even) };
        let lines = from.get().get(levels.widened_from(coarser - 1) * stride..);
        let lines = Lines { of: lines.unwrap_or_default(), stride };
        let mut two = Lines { of: to.get_mut(), stride };
        let pairs = levels.level(coarser - 1).responses.div_ceil(2);
        if !thinning::widen::<_, false>(available, &lines, &mut two, pairs, across) {
            return false;
        }
    }
    let (from, out) = (odd.get(), responses[plane].get_mut());
    let first = levels.widened_from(0);
    if axis == COLS {
        let lines = Lines { of: from.get(first * stride..).unwrap_or_default(), stride };
        let mut two = Lines { of: out, stride: own.place_stride };
        return thinning::widen::<_, true>(
            available,
            &lines,
            &mut two,
            own.places.div_ceil(2),
            across,
        );
    }
    // A vector's lanes are rows, two for each place.
    let width = across.next_multiple_of(V::COUNT);
    for row in (0..own.lines).step_by(V::COUNT) {
        let lines = from.get((first + row / 2) * stride..).unwrap_or_default();
        let lines = Lines { of: lines, stride };
        let strip = curved.get_mut();
        let mut two = Lines { of: &mut *strip, stride: width };
        let pairs = (V::COUNT / 2).min((own.lines - row).div_ceil(2));
        let out = out.get_mut(row..).unwrap_or_default();
        if !(thinning::widen::<_, false>(available, &lines, &mut two, pairs, across)
            && turn(available, (strip, width), across, (out, own.place_stride)))
        {
            return false;
        }
    }
    true
}

/// What a term is filtered with: half of the kernels across the lines and along them, outermost
/// pair first, and what is made of their sums.
#[derive(Clone, Copy)]
struct TermKernel<'a> {
    across: &'a [f32],
    along: &'a [f32],
    scaling: Scaling,
}

/// What the passes read and write.
struct TermMemory<'a> {
    pixels: &'a Aligned,
    /// What the first pass leaves of a strip of lines, turned.
    strip: &'a mut Aligned,
    /// Lines of one block of vectors before they are turned.
    block: &'a mut Aligned,
    out: &'a mut Aligned,
    /// From the responses at one place to those at the next.
    stride: usize,
}

/// The filter of one term of a scale on one grid.
///
/// As that of both terms, it loads and stores by pointers, which [`Term::new`] has checked.
struct Term<'a, V> {
    kernel: TermKernel<'a>,
    grid: &'a Grid,
    memory: TermMemory<'a>,
    steps: Steps,
    _available: Available<V>,
}

impl<'a, V: Lanes> Term<'a, V> {
    /// None if the buffers do not hold what the filter reads and writes.
    fn new<const OUTPUTS: usize>(
        available: Available<V>,
        kernel: TermKernel<'a>,
        grid: &'a Grid,
        memory: TermMemory<'a>,
    ) -> Option<Self> {
        let TermKernel { across, along, .. } = kernel;
        let room = Room {
            pixels: memory.pixels.get().len(),
            strip: memory.strip.get().len(),
            block: memory.block.get().len(),
            out: memory.out.get().len(),
            stride: memory.stride,
        };
        let reach = [radius(across), radius(along)];
        let steps = grid.steps(reach, (V::COUNT, OUTPUTS), &room)?;
        (!across.is_empty() && !along.is_empty()).then_some(Self {
            kernel,
            grid,
            memory,
            steps,
            _available: available,
        })
    }

    /// Filters all strips of the tile, which are as many lines as a vector has lanes.
    #[inline(always)]
    fn run<const OUTPUTS: usize>(&mut self) {
        for strip in 0..self.steps.strips {
            self.across::<OUTPUTS>(strip);
            self.along::<OUTPUTS>(strip);
        }
    }

    /// Filters across the lines of a strip.
    #[inline(always)]
    fn across<const OUTPUTS: usize>(&mut self, strip: usize) {
        let Self {
            kernel: TermKernel { across, along, .. }, grid, steps: Steps { count, .. }, ..
        } = *self;
        let stride = grid.line_stride;
        // Places that the second pass reads.
        let first = grid.first_place - radius(along);
        let last = grid.first_place + count + radius(along);
        let (block, out) = (self.memory.block.get_mut(), self.memory.strip.get_mut());
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let line = grid.first_line + strip * V::COUNT;
            for place in (first / V::COUNT * V::COUNT..last).step_by(V::COUNT) {
                let from = self.memory.pixels.get().as_ptr().add(line * stride + place);
                for lane in (0..V::COUNT).step_by(OUTPUTS) {
                    let sums = sums::<V, OUTPUTS>(from.add(lane * stride), stride, across);
                    for k in 0..OUTPUTS {
                        sums[k].store(block.as_mut_ptr().add((lane + k) * V::COUNT));
                    }
                }
                let to = out.as_mut_ptr().add(place * V::COUNT);
                V::transpose(block.as_ptr(), V::COUNT, to, V::COUNT);
            }
        }
    }

    /// Filters along the lines of the strip what the first pass left.
    #[inline(always)]
    fn along<const OUTPUTS: usize>(&mut self, strip: usize) {
        let Self {
            kernel: TermKernel { along, scaling, .. },
            grid,
            steps: Steps { count, .. },
            ..
        } = *self;
        let from = self.memory.strip.get();
        let out = self.memory.out.get_mut();
        // SAFETY: the proof of the instruction set, and the bounds that `new` has checked.
        unsafe {
            let (factor, offset) = (V::splat(scaling.factor), V::splat(scaling.offset));
            let from = from.as_ptr().add(grid.first_place * V::COUNT);
            let out = out.as_mut_ptr().add(strip * V::COUNT);
            for place in (0..count).step_by(OUTPUTS) {
                let sums = sums::<V, OUTPUTS>(from.add(place * V::COUNT), V::COUNT, along);
                for k in 0..OUTPUTS {
                    let out = out.add((place + k) * self.memory.stride);
                    offset.add_product(sums[k], factor).store(out);
                }
            }
        }
    }
}

/// What a kernel makes of a line of vectors, at `OUTPUTS` neighbouring places.
#[inline(always)]
unsafe fn sums<V: Lanes, const OUTPUTS: usize>(
    at: *const f32,
    stride: usize,
    weights: &[f32],
) -> [V; OUTPUTS] {
    let radius = radius(weights);
    // SAFETY: the caller's bounds.
    unsafe {
        let weights = weights.as_ptr();
        let center = V::splat(*weights.add(radius));
        let mut sums = [center; OUTPUTS];
        for k in 0..OUTPUTS {
            sums[k] = V::load(at.add(k * stride)).mul(center);
        }
        let mut pairs = Pairs::<V, OUTPUTS>::new(at, stride, radius);
        let single = radius % OUTPUTS;
        for index in 0..single {
            let weight = V::splat(*weights.add(index));
            for k in 0..OUTPUTS {
                sums[k] = sums[k].add_product(pairs.load_pair(k), weight);
            }
            pairs.skip();
        }
        pairs.open();
        for index in (single..radius).step_by(OUTPUTS) {
            for step in 0..OUTPUTS {
                let weight = V::splat(*weights.add(index + step));
                for k in 0..OUTPUTS {
                    sums[k] = sums[k].add_product(pairs.pair(k, step), weight);
                }
                pairs.advance(step);
            }
        }
        sums
    }
}
