//! Half the columns for wide kernels.
//!
//! What a wide kernel makes of an image hardly changes from one column to the next, but the
//! kernel reads all of them. So the tile's columns are smoothed a little and every other one is
//! kept; on these, kernels with half the taps stand for the exact ones, one for the columns that
//! were kept and one for those between. Their taps are the least-squares fit, and what remains is
//! part of the bound on the error.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]

use crate::scale_space::{AxisKernels, HalfKernel};
use crate::simd::{Available, Lanes};

/// How far the smoothing reaches to each side, in pixels. It is even: [`halve_row`] takes the
/// weights two at a time, one for the even and one for the odd distance.
pub(super) const REACH: usize = 6;

/// A Gaussian of sigma 1.6 pixels: of those that reach no further, about the one that leaves the
/// least between the fitted kernels and the exact ones.
const SIGMA: f64 = 1.6;

/// Kernels of less radius have too much detail for half the columns.
const LEAST_RADIUS: usize = 12;

/// Columns that the smoothing reads.
const WIDTH: usize = 2 * REACH + 1;

/// Couplings of a tap of the fit with those to one side.
const BAND: usize = REACH;

/// The smoothing's weights, by distance.
pub(super) fn smoothing() -> [f64; REACH + 1] {
    let gaussian = |distance: usize| (-0.5 * (distance as f64 / SIGMA).powi(2)).exp();
    let total = 1.0 + 2.0 * (1..=REACH).map(gaussian).sum::<f64>();
    std::array::from_fn(|distance| gaussian(distance) / total)
}

/// How far the kernels for half the columns reach, in columns that were kept, for an exact kernel
/// of this radius.
pub(super) fn reach(radius: usize) -> usize {
    radius / 2
}

/// A kernel for half the columns, and what it leaves of the exact one.
pub(super) struct Fitted {
    /// Outermost pair first, the centre last.
    pub weights: Vec<f64>,
    /// Sum of the absolute difference to the exact kernel.
    pub mismatch: f64,
    /// Sum of the difference.
    pub bias: f64,
}

impl Fitted {
    /// Sum of the absolute weights, both sides.
    pub(super) fn absolute_sum(&self) -> f64 {
        let total: f64 = self.weights.iter().map(|w| w.abs()).sum();
        2.0 * total - self.weights.last().map_or(0.0, |w| w.abs())
    }
}

/// The smooth and the second kernel for the columns that are kept and for those between, if the
/// exact ones are wide enough.
pub(super) fn fitted(exact: &AxisKernels) -> Option<[(Fitted, Fitted); 2]> {
    (exact.radius() >= LEAST_RADIUS).then(|| {
        [false, true].map(|between| {
            let fit = Fit::new(exact.radius(), between);
            (fit.of(exact.smooth()), fit.of(exact.second()))
        })
    })
}

/// Least-squares fit of kernels of one radius, at the columns that were kept or between them.
struct Fit {
    /// The smoothing, both sides.
    smoothing: [f64; WIDTH],
    radius: usize,
    /// Where the first tap is, counted from as far before the output as fit and exact kernel
    /// reach.
    first: usize,
    /// Cholesky factor of the taps' couplings: a row's diagonal first, then those before it.
    factor: Vec<[f64; BAND + 1]>,
    between: bool,
}

impl Fit {
    fn new(radius: usize, between: bool) -> Self {
        let half = smoothing();
        let smoothing: [f64; WIDTH] = std::array::from_fn(|at| half[at.abs_diff(REACH)]);
        // Taps lie at least a column within the exact kernel's reach.
        let outermost = (1..radius).rev().find(|place| (place % 2 == 1) == between).unwrap_or(0);
        let coupling: [f64; BAND + 1] = std::array::from_fn(|taps| {
            smoothing.iter().zip(&smoothing[2 * taps..]).map(|(a, b)| a * b).sum()
        });
        let mut factor: Vec<[f64; BAND + 1]> = Vec::with_capacity(outermost + 1);
        for row in 0..=outermost {
            let mut entries = [0.0; BAND + 1];
            for back in (0..=BAND.min(row)).rev() {
                // The row so far against the row of the tap that many before it.
                let known: f64 = (back + 1..=BAND.min(row))
                    .map(|further| {
                        let there = if back == 0 { entries } else { factor[row - back] };
                        entries[further] * there[further - back]
                    })
                    .sum();
                let rest = coupling[back] - known;
                entries[back] = if back == 0 { rest.sqrt() } else { rest / factor[row - back][0] };
            }
            factor.push(entries);
        }
        Self { smoothing, radius, first: radius + REACH - outermost, factor, between }
    }

    /// The taps that come nearest to a kernel.
    fn of(&self, exact: &HalfKernel) -> Fitted {
        let mut difference = vec![0.0; 2 * (self.radius + REACH) + 1];
        for (distance, weight) in exact.weights().iter().rev().enumerate() {
            difference[self.radius + REACH - distance] = -weight;
            difference[self.radius + REACH + distance] = -weight;
        }
        let starts = |tap: usize| self.first + 2 * tap - REACH;
        let mut taps: Vec<f64> = (0..self.factor.len())
            .map(|tap| {
                let around = &difference[starts(tap)..][..WIDTH];
                -around.iter().zip(&self.smoothing).map(|(a, b)| a * b).sum::<f64>()
            })
            .collect();
        self.solve(&mut taps);
        for (tap, value) in taps.iter().enumerate() {
            let around = &mut difference[starts(tap)..][..WIDTH];
            for (difference, weight) in around.iter_mut().zip(&self.smoothing) {
                *difference += value * weight;
            }
        }
        // Symmetric up to rounding, which the bound on the error covers many times over.
        taps.truncate(taps.len().div_ceil(2));
        if self.between {
            taps.push(0.0);
        }
        Fitted {
            weights: taps,
            mismatch: difference.iter().map(|e| e.abs()).sum(),
            bias: difference.iter().sum(),
        }
    }

    /// Solves for the taps in place.
    fn solve(&self, values: &mut [f64]) {
        let len = values.len();
        for row in 0..len {
            let before =
                (1..=BAND.min(row)).map(|back| self.factor[row][back] * values[row - back]);
            values[row] = (values[row] - before.sum::<f64>()) / self.factor[row][0];
        }
        for row in (0..len).rev() {
            let behind = (1..=BAND.min(len - 1 - row))
                .map(|on| self.factor[row + on][on] * values[row + on]);
            values[row] = (values[row] - behind.sum::<f64>()) / self.factor[row][0];
        }
    }
}

/// Smooths a row of pixels by weights as [`smoothing`] gives them and keeps every other one:
/// `out[i]` lies at `row[REACH + 2 * i]`.
///
/// `even` and `odd` are working memory. As much of `out` is written as they have room for, which is
/// [`REACH`] more than it has.
#[inline(always)]
pub(super) fn halve_row<V: Lanes>(
    _: Available<V>,
    row: &[f32],
    weights: &[f64; REACH + 1],
    [even, odd]: [&mut [f32]; 2],
    out: &mut [f32],
) {
    let pairs = row.as_chunks::<2>().0;
    for (([left, right], even), odd) in pairs.iter().zip(even.iter_mut()).zip(odd.iter_mut()) {
        (*even, *odd) = (*left, *right);
    }
    let room = even.len().min(odd.len()).saturating_sub(REACH);
    let len = out.len().min(room) / V::COUNT * V::COUNT;
    // SAFETY: the proof of the instruction set. Whole vectors are written to the first `len`
    // elements of `out`, and read from those of `even` and `odd` and the `REACH` after them.
    unsafe {
        let weights = weights.map(|w| V::splat(w as f32));
        for at in (0..len).step_by(V::COUNT) {
            let even = |index: usize| V::load(even.as_ptr().add(at + index));
            let odd = |index: usize| V::load(odd.as_ptr().add(at + index));
            let mut sum = even(3).mul(weights[0]);
            for step in 1..=REACH / 2 {
                sum = sum
                    .add_product(odd(3 - step).add(odd(2 + step)), weights[2 * step - 1])
                    .add_product(even(3 - step).add(even(3 + step)), weights[2 * step]);
            }
            sum.store(out.as_mut_ptr().add(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{InstructionSet, Kernel};
    use proptest::prelude::*;

    /// What taps at every other column make of the smoothed columns, minus the exact kernel.
    fn difference(fitted: &Fitted, exact: &HalfKernel, between: bool) -> Vec<f64> {
        let far = (exact.radius() + REACH) as isize;
        let (center, pairs) = fitted.weights.split_last().unwrap();
        let smoothing = smoothing();
        let at = |place: isize| {
            let from_exact = exact.weights().iter().rev().nth(place.unsigned_abs());
            let mut value = -from_exact.copied().unwrap_or(0.0);
            let weight =
                |tap: isize| smoothing.get((place - tap).unsigned_abs()).copied().unwrap_or(0.0);
            value += center * weight(0);
            for (index, pair) in pairs.iter().rev().enumerate() {
                let tap = 2 * index as isize + if between { 1 } else { 2 };
                value += pair * (weight(tap) + weight(-tap));
            }
            value
        };
        (-far..=far).map(at).collect()
    }

    #[test]
    fn fits_are_those_of_least_squares_and_as_near_as_they_say() {
        for radius in [LEAST_RADIUS, 13, 20, 24, 75] {
            let exact = AxisKernels::gaussian(radius as f64 / 4.0).unwrap();
            let fits = fitted(&exact).unwrap();
            for (between, (smooth, second)) in [false, true].into_iter().zip(&fits) {
                for (fit, kernel) in [(smooth, exact.smooth()), (second, exact.second())] {
                    let rest = difference(fit, kernel, between);
                    let sum: f64 = rest.iter().map(|e| e.abs()).sum();
                    assert!((sum - fit.mismatch).abs() < 1e-12);
                    assert!((rest.iter().sum::<f64>() - fit.bias).abs() < 1e-12);
                    // What is left is orthogonal to the smoothing at every tap.
                    let smoothing = smoothing();
                    let taps =
                        (1..2 * radius).filter(|at| (at.abs_diff(radius) % 2 == 1) == between);
                    for tap in taps {
                        let around = rest[tap..].iter().take(WIDTH).enumerate();
                        let product: f64 =
                            around.map(|(at, e)| e * smoothing[at.abs_diff(REACH)]).sum();
                        assert!(product.abs() < 1e-12, "{radius} {tap} {product}");
                    }
                }
                let variance = (radius as f64 / 4.0).powi(2);
                let worst =
                    variance * (exact.second().absolute_sum() * smooth.mismatch + second.mismatch);
                assert!(radius < 13 || worst < 2e-3, "{radius} {worst}");
            }
        }
    }

    #[test]
    fn narrow_kernels_are_left_alone() {
        assert!(fitted(&AxisKernels::gaussian(2.0).unwrap()).is_none());
    }

    struct Halve<'a>(&'a [f32], usize);

    impl Kernel for Halve<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Vec<f32> {
            let mut split = [vec![0.0; self.1 + WIDTH], vec![0.0; self.1 + WIDTH]];
            let [even, odd] = &mut split;
            let mut out = vec![0.0; self.1];
            halve_row(available, self.0, &smoothing(), [even, odd], &mut out);
            out
        }
    }

    proptest! {
        #[test]
        fn halved_rows_are_smoothed_and_thinned(
            row in proptest::collection::vec(-1.0_f32..1.0, 32 + WIDTH..140),
        ) {
            let len = (row.len() - WIDTH) / 2 / 16 * 16;
            for set in InstructionSet::available() {
                for (index, value) in set.run(Halve(&row, len)).into_iter().enumerate() {
                    let around = row[2 * index..][..WIDTH].iter().enumerate();
                    let expected: f64 = around
                        .map(|(at, &x)| f64::from(x) * smoothing()[at.abs_diff(REACH)])
                        .sum();
                    prop_assert!((f64::from(value) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
