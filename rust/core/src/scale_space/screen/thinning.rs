//! Coarser grids for wide kernels.
//!
//! What a wide kernel makes of an image hardly changes from one pixel to the next, but the kernel
//! reads all of them. So an axis is thinned: smoothed a little, and every other pixel kept, up to
//! three times. There a kernel of half, a quarter or an eighth of the taps stands for the exact one,
//! and the same smoothing widens its responses to all pixels again. Taps are the least-squares fit
//! over all places of a pixel between those that are kept, and what remains at the worst of them
//! is part of the bound on the error.
//!
//! The smoothing is a row of the binomial coefficients: twice thinned is smoothed by a pulse of
//! the same kind, twice as wide.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use crate::scale_space::HalfKernel;
use crate::simd::{Available, Lanes};

/// How far the smoothing reaches to each side.
pub(super) const REACH: usize = 4;

/// Lines that are read for one that is kept.
pub(super) const TAPS: usize = 2 * REACH + 1;

/// Lines that are read for two when responses are widened: for one at a line, and for one half a
/// line beyond.
pub(super) const WIDENED_FROM: usize = REACH + 1;

/// The binomial coefficients of order 8, of sum 1, by distance. With order 6 a kernel of sigma 3.2
/// would differ twice as much from the exact one, with order 10 none of sigma above 4 less.
const PULSE: [f64; REACH + 1] =
    [70.0 / 256.0, 56.0 / 256.0, 28.0 / 256.0, 8.0 / 256.0, 1.0 / 256.0];

/// Where kernels of a scale are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On the image's own pixels.
    Own,
    /// On half of the rows and half of the columns. Of both axes' kernels fits stand for the exact
    /// ones.
    Half,
    /// On grids that are thinned so many times, along one axis only: the one along which a term
    /// of the Laplacian is smoothed. The kernel that takes the second derivative is the exact one,
    /// on all pixels. A fit would leave most at its ends, where the exact kernel is cut: a jump of
    /// fifteen times the height of the Gaussian's own.
    Slim(usize),
}

impl Way {
    /// The coarsest way for exact kernels of this radius. Narrower ones have too much detail: from
    /// these radii on a fit leaves, of responses to pixels up to 1 from 0, less than 3e-3 on half of
    /// the rows and columns, and less than 2.5e-4 where an axis is thinned alone.
    pub(super) fn of(radius: usize) -> Self {
        match radius {
            0..13 => Self::Own,
            13..25 => Self::Half,
            25..52 => Self::Slim(2),
            _ => Self::Slim(3),
        }
    }

    /// How often an axis is thinned.
    pub(super) fn level(self) -> usize {
        match self {
            Self::Own => 0,
            Self::Half => 1,
            Self::Slim(level) => level,
        }
    }

    /// Roundings, each of the largest pixel, in a pixel of its grid, and as many in what is made of
    /// responses there: of each axis' passes, each sum of five terms one after the other, and the
    /// weights' and pairs' own.
    pub(super) fn roundings(self) -> f64 {
        let axes = if self == Self::Half { 2 } else { 1 };
        (axes * self.level() * 2 * (REACH + 1 + 3)) as f64
    }
}

/// Pixels of the image's own between two of a level of thinning.
fn step(level: usize) -> usize {
    1 << level
}

/// The weights of pixels of the image's own in one of a level of thinning, from the leftmost.
fn pulse(level: usize) -> Vec<f64> {
    let mut pulse = vec![1.0];
    for finer in 0..level {
        let mut wider = vec![0.0; pulse.len() + 2 * REACH * step(finer)];
        for (place, weight) in pulse.iter().enumerate() {
            for tap in 0..TAPS {
                wider[place + tap * step(finer)] += weight * PULSE[tap.abs_diff(REACH)];
            }
        }
        pulse = wider;
    }
    pulse
}

/// A kernel for a level, and what it leaves of the exact one.
pub(super) struct Fitted {
    /// Outermost pair first, the centre last.
    pub weights: Vec<f64>,
    /// Sum of the absolute difference to the exact kernel, at the worst place.
    pub mismatch: f64,
}

/// How far kernels for a level reach there.
pub(super) fn reach(radius: usize, level: usize) -> usize {
    radius.div_ceil(step(level))
}

/// What taps on a level make of the image's own pixels, seen from a place between two of its own:
/// the weight of each pixel, from the leftmost, and which of them lies at the middle tap.
fn weights_of(taps: &[f64], place: usize, step: usize, pulse: &[f64]) -> (Vec<f64>, usize) {
    let far = pulse.len() / 2;
    let to_side = far / step;
    // Widened: what the place gets of each of the level's pixels.
    let mut widened = vec![0.0; taps.len() + 2 * to_side + 1];
    for shift in 0..2 * to_side + 2 {
        let distance = (place + step * to_side).abs_diff(step * shift);
        if distance > far {
            continue;
        }
        let weight = step as f64 * pulse[far + distance];
        for (sum, tap) in widened[shift..].iter_mut().zip(taps) {
            *sum += weight * tap;
        }
    }
    let mut weights = vec![0.0; step * (widened.len() - 1) + pulse.len()];
    for (index, value) in widened.iter().enumerate() {
        for (sum, weight) in weights[step * index..].iter_mut().zip(pulse) {
            *sum += value * weight;
        }
    }
    (weights, step * (taps.len() / 2 + to_side) + far)
}

/// Least-squares fit of kernels of one radius on a level.
pub(super) struct Fit {
    step: usize,
    reach: usize,
    pulse: Vec<f64>,
    /// Both smoothings one after the other.
    both: Vec<f64>,
    /// Cholesky factor of the taps' couplings: a row's diagonal first, then those before it.
    factor: Vec<Vec<f64>>,
}

impl Fit {
    pub(super) fn new(radius: usize, level: usize) -> Self {
        let (pulse, step, reach) = (pulse(level), step(level), reach(radius, level));
        let len = pulse.len();
        let both = (0..2 * len - 1)
            .map(|shift| {
                let (first, last) = (shift.saturating_sub(len - 1), shift.min(len - 1));
                (first..=last).map(|at| pulse[at] * pulse[shift - at]).sum()
            })
            .collect();
        // What each place gets of one tap, and so of another so many taps further.
        let of_one: Vec<Vec<f64>> =
            (0..step).map(|place| weights_of(&[1.0], place, step, &pulse).0).collect();
        let coupling = |taps: usize| -> f64 {
            let product = |of: &Vec<f64>| -> f64 {
                of.iter().zip(of.iter().skip(taps * step)).map(|(a, b)| a * b).sum()
            };
            of_one.iter().map(product).sum()
        };
        let band = 2 * (len - 1) / step;
        let couplings: Vec<f64> = (0..=band).map(coupling).collect();
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(2 * reach + 1);
        for row in 0..=2 * reach {
            let most = band.min(row);
            let mut entries = vec![0.0; most + 1];
            for back in (0..=most).rev() {
                // The row so far against the row of the tap that many before it.
                let known: f64 = (back + 1..=most)
                    .map(|further| {
                        let there = if back == 0 { &entries } else { &factor[row - back] };
                        entries[further] * there[further - back]
                    })
                    .sum();
                let rest = couplings[back] - known;
                entries[back] = if back == 0 { rest.sqrt() } else { rest / factor[row - back][0] };
            }
            factor.push(entries);
        }
        Self { step, reach, pulse, both, factor }
    }

    /// The taps that come nearest to a kernel of the radius.
    pub(super) fn of(&self, exact: &HalfKernel) -> Fitted {
        let Self { step, reach, pulse, both, .. } = self;
        let middle = both.len() / 2;
        let side: Vec<f64> = (0..=*reach)
            .map(|tap| {
                let sum: f64 = both
                    .iter()
                    .enumerate()
                    .map(|(index, weight)| {
                        let distance = (tap * step + index).abs_diff(middle);
                        let exact = exact.weights().iter().rev().nth(distance);
                        weight * exact.copied().unwrap_or(0.0)
                    })
                    .sum();
                *step as f64 * sum
            })
            .collect();
        let mut taps: Vec<f64> = (0..=2 * reach).map(|tap| side[tap.abs_diff(*reach)]).collect();
        self.solve(&mut taps);
        let mut mismatch = 0.0_f64;
        // Those beyond the middle between two are these mirrored.
        for place in 0..=step / 2 {
            let (mut difference, middle) = weights_of(&taps, place, *step, pulse);
            let center = middle + place;
            for (distance, weight) in exact.weights().iter().rev().enumerate() {
                difference[center - distance] -= weight;
                if distance > 0 {
                    difference[center + distance] -= weight;
                }
            }
            mismatch = mismatch.max(difference.iter().map(|e| e.abs()).sum());
        }
        // Symmetric up to rounding, which the bound on the error covers many times over.
        taps.truncate(reach + 1);
        Fitted { weights: taps, mismatch }
    }

    /// Solves for the taps in place.
    fn solve(&self, values: &mut [f64]) {
        let len = values.len();
        for row in 0..len {
            let entries = &self.factor[row];
            let before = (1..entries.len()).map(|back| entries[back] * values[row - back]);
            values[row] = (values[row] - before.sum::<f64>()) / entries[0];
        }
        for row in (0..len).rev() {
            let behind = (row + 1..len)
                .map_while(|later| Some(self.factor[later].get(later - row)? * values[later]));
            values[row] = (values[row] - behind.sum::<f64>()) / self.factor[row][0];
        }
    }
}

/// Lines of vectors in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Lines<B> {
    pub of: B,
    /// From one line to the next.
    pub stride: usize,
}

/// Whether a buffer holds so many lines of a width.
fn holds(len: usize, stride: usize, lines: usize, width: usize) -> bool {
    lines > 0 && width <= stride && (lines - 1) * stride + width <= len
}

/// Smooths lines and keeps `count` of them, every other one: the first lies [`REACH`] lines from
/// the first that is read. Whole vectors are computed of `width` elements of each. False if the
/// buffers do not hold them.
#[inline(always)]
#[must_use]
pub(super) fn thin<V: Lanes>(
    _: Available<V>,
    from: &Lines<&[f32]>,
    to: &mut Lines<&mut [f32]>,
    count: usize,
    width: usize,
) -> bool {
    let width = width.next_multiple_of(V::COUNT);
    let reads = 2 * count + TAPS - 2;
    let fits = count > 0
        && holds(from.of.len(), from.stride, reads, width)
        && holds(to.of.len(), to.stride, count, width);
    if !fits {
        return false;
    }
    // SAFETY: the proof of the instruction set. Whole vectors within `width` elements of lines
    // that the buffers hold, as just checked.
    unsafe {
        let mut weights = [V::splat(0.0); REACH + 1];
        for (weight, &value) in weights.iter_mut().zip(&PULSE) {
            *weight = V::splat(value as f32);
        }
        for kept in 0..count {
            let at = from.of.as_ptr().add(2 * kept * from.stride);
            let out = to.of.as_mut_ptr().add(kept * to.stride);
            for place in (0..width).step_by(V::COUNT) {
                let line = |index: usize| V::load(at.add(index * from.stride + place));
                let mut sum = line(REACH).mul(weights[0]);
                for distance in (1..=REACH).rev() {
                    let pair = line(REACH - distance).add(line(REACH + distance));
                    sum = sum.add_product(pair, weights[distance]);
                }
                sum.store(out.add(place));
            }
        }
    }
    true
}

/// Widens lines of responses to twice as many: of each five in turn two, one that lies at the
/// middle one and one half a line beyond. Those that `ADDS` is set for come on top of what is
/// there. Whole vectors are computed of `width` elements of each. False if the buffers do not hold
/// them.
#[inline(always)]
#[must_use]
pub(super) fn widen<V: Lanes, const ADDS: bool>(
    _: Available<V>,
    from: &Lines<&[f32]>,
    to: &mut Lines<&mut [f32]>,
    pairs: usize,
    width: usize,
) -> bool {
    let width = width.next_multiple_of(V::COUNT);
    let fits = pairs > 0
        && holds(from.of.len(), from.stride, pairs + WIDENED_FROM - 1, width)
        && holds(to.of.len(), to.stride, 2 * pairs, width);
    if !fits {
        return false;
    }
    // SAFETY: the proof of the instruction set. Whole vectors within `width` elements of lines
    // that the buffers hold, as just checked.
    unsafe {
        // Half as many lines as pixels: each weighs twice as much.
        let weight = |distance: usize| V::splat(2.0 * PULSE[distance] as f32);
        let (w0, w1, w2, w3, w4) = (weight(0), weight(1), weight(2), weight(3), weight(4));
        for place in (0..width).step_by(V::COUNT) {
            let at = from.of.as_ptr().add(place);
            let out = to.of.as_mut_ptr().add(place);
            let line = |index: usize| V::load(at.add(index * from.stride));
            let (mut a, mut b, mut c, mut d) = (line(0), line(1), line(2), line(3));
            for pair in 0..pairs {
                let e = line(pair + WIDENED_FROM - 1);
                let at_line = c.mul(w0).add_product(a.add(e), w4).add_product(b.add(d), w2);
                let beyond = b.add(e).mul(w3).add_product(c.add(d), w1);
                let two = out.add(2 * pair * to.stride);
                for (widened, out) in [(at_line, two), (beyond, two.add(to.stride))] {
                    let widened = if ADDS { V::load(out).add(widened) } else { widened };
                    widened.store(out);
                }
                (a, b, c, d) = (b, c, d, e);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale_space::AxisKernels;
    use crate::scale_space::screen::axis::LEVELS;
    use crate::simd::{InstructionSet, Kernel};
    use proptest::prelude::*;

    #[test]
    fn smoothing_keeps_what_is_constant() {
        for level in 0..LEVELS {
            let (pulse, step) = (pulse(level), step(level));
            assert!((pulse.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            for place in 0..step {
                let (weights, middle) = weights_of(&[1.0], place, step, &pulse);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
                // Their centre of mass is the place.
                let mean: f64 = weights.iter().enumerate().map(|(i, w)| w * i as f64).sum();
                assert!((mean - (middle + place) as f64).abs() < 1e-12);
            }
        }
    }

    /// What taps on a grid make of an image's row: thinned, summed and widened step by step.
    fn step_by_step(row: &[f64], taps: &[f64], level: usize) -> Vec<f64> {
        let pulse = |distance: usize| PULSE.get(distance).copied().unwrap_or(0.0);
        let at = |row: &[f64], place: isize| row.get(place as usize).copied().unwrap_or(0.0);
        let mut row = row.to_vec();
        for _ in 0..level {
            let thinned = |kept: usize| {
                let weight = |tap: usize| pulse(tap.abs_diff(REACH));
                let from = |tap: usize| at(&row, (2 * kept + tap) as isize - REACH as isize);
                (0..TAPS).map(|tap| weight(tap) * from(tap)).sum()
            };
            row = (0..row.len().div_ceil(2)).map(thinned).collect();
        }
        let reach = taps.len() as isize - 1;
        let tap = |far: isize| taps[(reach - far.abs()) as usize];
        let summed = |place: usize| {
            (-reach..=reach).map(|far| tap(far) * at(&row, place as isize + far)).sum()
        };
        let mut row: Vec<f64> = (0..row.len()).map(summed).collect();
        for _ in 0..level {
            let widened = |place: usize| {
                let from = |kept: usize| 2.0 * pulse(place.abs_diff(2 * kept)) * row[kept];
                (place.saturating_sub(REACH) / 2..row.len().min(place / 2 + REACH)).map(from).sum()
            };
            row = (0..2 * row.len()).map(widened).collect();
        }
        row
    }

    #[test]
    fn fits_are_those_of_least_squares_and_as_near_as_they_say() {
        for (radius, level) in
            [(13, 1), (16, 1), (24, 1), (75, 1), (26, 2), (43, 2), (120, 2), (52, 3), (120, 3)]
        {
            let exact = AxisKernels::gaussian(radius as f64 / 4.0).unwrap();
            let fit = Fit::new(radius, level);
            let (smooth, second) = (fit.of(exact.smooth()), fit.of(exact.second()));
            let variance = (radius as f64 / 4.0).powi(2);
            let per_axis =
                variance * (exact.second().absolute_sum() * smooth.mismatch + second.mismatch);
            assert!(per_axis < 1.5e-3, "{radius} {level} {per_axis}");
            for (fitted, kernel) in [(smooth, exact.smooth()), (second, exact.second())] {
                assert_eq!(fitted.weights.len(), reach(radius, level) + 1);
                // Single bright pixels all over the middle of a row, seen from all places.
                let (middle, step) = (4 * radius + 64, step(level));
                let middle = middle / step * step;
                let (mut worst, mut bias) = (0.0_f64, 0.0);
                let mut errors = vec![vec![0.0; 2 * middle]; step];
                for bright in middle - radius - 80..middle + radius + 80 {
                    let mut row = vec![0.0; 2 * middle];
                    row[bright] = 1.0;
                    let made = step_by_step(&row, &fitted.weights, level);
                    for (place, errors) in errors.iter_mut().enumerate() {
                        let distance = bright.abs_diff(middle + place);
                        let wanted = kernel.weights().iter().rev().nth(distance);
                        errors[bright] = made[middle + place] - wanted.copied().unwrap_or(0.0);
                    }
                }
                for errors in &errors {
                    worst = worst.max(errors.iter().map(|e| e.abs()).sum());
                    bias = errors.iter().sum::<f64>();
                }
                assert!((worst - fitted.mismatch).abs() < 1e-10, "{worst} {}", fitted.mismatch);
                // Constant pixels see the sum of the taps.
                let taps = HalfKernel::new(fitted.weights.clone()).unwrap();
                assert!((bias - (taps.sum() - kernel.sum())).abs() < 1e-10);
                // No other tap comes nearer: what is left is orthogonal to what each of them adds.
                for tap in 0..=reach(radius, level) {
                    let product: f64 = (0..step)
                        .map(|place| {
                            let (of_tap, at) = weights_of(&[1.0], place, step, &pulse(level));
                            let first = middle + tap * step - at;
                            let there = errors[place][first..].iter();
                            there.zip(&of_tap).map(|(e, w)| e * w).sum::<f64>()
                        })
                        .sum();
                    assert!(product.abs() < 1e-10, "{radius} {level} {tap} {product}");
                }
            }
        }
    }

    #[test]
    fn narrow_kernels_are_left_alone() {
        let ways = [0, 12, 13, 24, 25, 51, 52, 4000].map(Way::of);
        let [own, half, two, three] = [Way::Own, Way::Half, Way::Slim(2), Way::Slim(3)];
        assert_eq!(ways, [own, own, half, half, two, two, three, three]);
    }

    /// Lines of 48 elements one after the other: thinned to two, and widened to ten.
    struct Both<'a>(&'a [f32]);

    impl Kernel for Both<'_> {
        type Output = [Vec<f32>; 2];

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> [Vec<f32>; 2] {
            let from = Lines { of: self.0, stride: 48 };
            let [mut thinned, mut widened] = [2, 14].map(|lines| vec![0.0; lines * 48]);
            let mut to = Lines { of: &mut *thinned, stride: 48 };
            assert!(thin(available, &from, &mut to, 2, 48));
            assert!(!thin(available, &from, &mut to, 3, 48));
            let mut to = Lines { of: &mut *widened, stride: 48 };
            assert!(widen::<_, false>(available, &from, &mut to, 7, 48));
            assert!(!widen::<_, false>(available, &from, &mut to, 8, 48));
            [thinned, widened]
        }
    }

    proptest! {
        #[test]
        fn lines_are_smoothed_by_the_pulse(
            lines in proptest::collection::vec(-1.0_f32..1.0, 11 * 48),
        ) {
            for set in InstructionSet::available() {
                let [thinned, widened] = set.run(Both(&lines));
                for place in 0..48 {
                    let sum = |middle: f64, step: f64| -> f64 {
                        let weight = |line: usize| {
                            let distance = (step * (line as f64 - middle)).abs().round() as usize;
                            step * PULSE.get(distance).copied().unwrap_or(0.0)
                        };
                        let at = |line: usize| f64::from(lines[line * 48 + place]);
                        (0..11).map(|line| weight(line) * at(line)).sum()
                    };
                    for (line, middle) in [4.0, 6.0].into_iter().enumerate() {
                        let value = f64::from(thinned[line * 48 + place]);
                        prop_assert!((value - sum(middle, 1.0)).abs() < 1e-6);
                    }
                    for line in 0..14 {
                        let value = f64::from(widened[line * 48 + place]);
                        prop_assert!((value - sum(2.0 + 0.5 * line as f64, 2.0)).abs() < 1e-6);
                    }
                }
            }
        }
    }
}
