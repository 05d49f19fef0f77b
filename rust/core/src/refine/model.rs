//! What a peak looks like: its parameters, and how its intensity changes with them.

use super::sums::MOMENTS;
use super::{blocks, overlap};

/// Number of monomials in the distances `x = row - centre`, `y = column - centre` up to the second
/// degree, in the order 1, x, x², y, xy, y².
pub(super) const TERMS: usize = 6;

/// Powers of x and y in each of these monomials.
pub(super) const POWERS: [(usize, usize); TERMS] = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)];

/// Row, column and amplitude come first in every model's parameters.
pub(super) const ROW: usize = 0;
pub(super) const COL: usize = 1;
pub(super) const AMPLITUDE: usize = 2;
/// Where the parameters of the shape begin.
pub(super) const SHAPE: usize = 3;

/// The greatest share by which a step may change a sigma.
const MOST_CHANGE: f64 = 0.2;
/// A sigma stays within these factors of where it began.
const LEAST_SIGMA: f64 = 0.4;
const MOST_SIGMA: f64 = 2.5;
/// The most that a peak may be longer than wide.
const MOST_RATIO: f64 = 3.0;

/// A family of Gaussian peaks, `A exp(-(a x² + 2 b x y + c y²) / 2)`.
///
/// Every derivative with respect to a parameter is the peak's profile (the exponential) times a
/// polynomial of the second degree: the rest of the fit needs no more than these polynomials.
pub(super) trait Model<const P: usize>: Sync + Send + Copy {
    /// Whether x and y may be mixed, `b != 0`.
    const CROSS: bool;

    /// The coefficients a, b and c.
    fn precision(atom: &[f64; P]) -> [f64; 3];

    /// Coefficients of the polynomial that, times the profile, is the derivative by each parameter.
    fn jacobian(atom: &[f64; P]) -> [[f64; TERMS]; P];

    /// The peak that begins with this sigma.
    fn start(row: f64, col: f64, amplitude: f64, sigma: f64) -> [f64; P];

    /// Sigma of the round peak with as large an area.
    fn sigma(atom: &[f64; P]) -> f64;

    /// Derivatives of that sigma by the parameters of the shape.
    fn sigma_gradient(atom: &[f64; P]) -> [f64; P];

    /// Gives the atom a shape that a step of `change` leads to, as far as that is admissible:
    /// sigmas change by a limited share and stay near `start`.
    fn reshape(atom: &mut [f64; P], change: &[f64; P], start: f64);

    /// The block of H between two peaks, or of one with itself, by integrals.
    #[inline(always)]
    fn pair_block(one: &[f64; P], other: &[f64; P]) -> [[f64; P]; P] {
        overlap::pair_block::<P, Self>(one, other)
    }

    /// The integral of the derivative by each parameter.
    #[inline(always)]
    fn integrals(atom: &[f64; P]) -> [f64; P] {
        overlap::with_plane::<P, Self>(atom).map(|[one, ..]| one)
    }

    /// The block of H that sums of the squared profile times monomials make.
    #[inline(always)]
    fn block(jacobian: &[[f64; TERMS]; P], moments: &[f64; MOMENTS]) -> [[f64; P]; P] {
        blocks::block(jacobian, moments)
    }

    /// Whether the shape is as far from its start as it may be.
    fn is_at_bound(atom: &[f64; P], start: f64) -> bool {
        let ratio = Self::sigma(atom) / start;
        ratio <= LEAST_SIGMA * (1.0 + 1e-9) || ratio >= MOST_SIGMA * (1.0 - 1e-9)
    }
}

/// Round peaks: row, column, amplitude, sigma.
#[derive(Clone, Copy)]
pub(super) struct Isotropic;

impl Model<4> for Isotropic {
    const CROSS: bool = false;

    fn precision(atom: &[f64; 4]) -> [f64; 3] {
        let a = 1.0 / (atom[SHAPE] * atom[SHAPE]);
        [a, 0.0, a]
    }

    fn jacobian(atom: &[f64; 4]) -> [[f64; TERMS]; 4] {
        let [_, _, amplitude, sigma] = *atom;
        let slope = amplitude / (sigma * sigma);
        let growth = slope / sigma;
        [
            [0.0, slope, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, slope, 0.0, 0.0],
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, growth, 0.0, 0.0, growth],
        ]
    }

    fn start(row: f64, col: f64, amplitude: f64, sigma: f64) -> [f64; 4] {
        [row, col, amplitude, sigma]
    }

    fn sigma(atom: &[f64; 4]) -> f64 {
        atom[SHAPE]
    }

    fn sigma_gradient(_atom: &[f64; 4]) -> [f64; 4] {
        [0.0, 0.0, 0.0, 1.0]
    }

    fn pair_block(one: &[f64; 4], other: &[f64; 4]) -> [[f64; 4]; 4] {
        overlap::round_pair_block(one, other)
    }

    fn integrals(&[.., amplitude, sigma]: &[f64; 4]) -> [f64; 4] {
        let area = 2.0 * std::f64::consts::PI * sigma;
        [0.0, 0.0, area * sigma, 2.0 * area * amplitude]
    }

    fn block(jacobian: &[[f64; TERMS]; 4], moments: &[f64; MOMENTS]) -> [[f64; 4]; 4] {
        blocks::round_block(jacobian, moments)
    }

    fn reshape(atom: &mut [f64; 4], change: &[f64; 4], start: f64) {
        let limit = MOST_CHANGE * atom[SHAPE];
        let sigma = atom[SHAPE] + change[SHAPE].clamp(-limit, limit);
        atom[SHAPE] = sigma.clamp(LEAST_SIGMA * start, MOST_SIGMA * start);
    }
}

/// Elliptical peaks of any direction: row, column, amplitude, a, b, c.
#[derive(Clone, Copy)]
pub(super) struct Elliptical;

impl Elliptical {
    fn determinant(atom: &[f64; 6]) -> f64 {
        atom[SHAPE] * atom[SHAPE + 2] - atom[SHAPE + 1] * atom[SHAPE + 1]
    }

    /// Whether this is the shape of a peak, not too long, and of a sigma not too far from `start`.
    fn is_admissible(atom: &[f64; 6], start: f64) -> bool {
        let determinant = Self::determinant(atom);
        let trace = atom[SHAPE] + atom[SHAPE + 2];
        if !(determinant > 0.0 && trace > 0.0) {
            return false;
        }
        // The squared ratio q of the axes solves q + 1/q + 2 = trace² / determinant.
        let most = MOST_RATIO * MOST_RATIO;
        let ratio = Self::sigma(atom) / start;
        trace * trace / determinant <= most + 1.0 / most + 2.0
            && (LEAST_SIGMA..=MOST_SIGMA).contains(&ratio)
    }
}

impl Model<6> for Elliptical {
    const CROSS: bool = true;

    fn precision(atom: &[f64; 6]) -> [f64; 3] {
        [atom[SHAPE], atom[SHAPE + 1], atom[SHAPE + 2]]
    }

    fn jacobian(atom: &[f64; 6]) -> [[f64; TERMS]; 6] {
        let [_, _, amplitude, a, b, c] = *atom;
        [
            [0.0, amplitude * a, 0.0, amplitude * b, 0.0, 0.0],
            [0.0, amplitude * b, 0.0, amplitude * c, 0.0, 0.0],
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, -amplitude / 2.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, -amplitude, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, -amplitude / 2.0],
        ]
    }

    fn start(row: f64, col: f64, amplitude: f64, sigma: f64) -> [f64; 6] {
        let a = 1.0 / (sigma * sigma);
        [row, col, amplitude, a, 0.0, a]
    }

    fn sigma(atom: &[f64; 6]) -> f64 {
        Self::determinant(atom).max(f64::MIN_POSITIVE).powf(-0.25)
    }

    fn sigma_gradient(atom: &[f64; 6]) -> [f64; 6] {
        // sigma = D^(-1/4), D = a c - b².
        let determinant = Self::determinant(atom).max(f64::MIN_POSITIVE);
        let factor = -0.25 * Self::sigma(atom) / determinant;
        let [_, _, _, a, b, c] = *atom;
        [0.0, 0.0, 0.0, factor * c, -2.0 * factor * b, factor * a]
    }

    fn reshape(atom: &mut [f64; 6], change: &[f64; 6], start: f64) {
        let size = f64::midpoint(atom[SHAPE], atom[SHAPE + 2]);
        let most = (SHAPE..6).map(|p| change[p].abs()).fold(0.0, f64::max);
        // A precision changes by twice the share that its sigma changes by.
        let mut share = (2.0 * MOST_CHANGE * size / most).min(1.0);
        for _ in 0..6 {
            let mut tried = *atom;
            for p in SHAPE..6 {
                tried[p] += share * change[p];
            }
            if Self::is_admissible(&tried, start) {
                *atom = tried;
                return;
            }
            share /= 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intensity<const P: usize, M: Model<P>>(atom: &[f64; P], row: f64, col: f64) -> f64 {
        let [a, b, c] = M::precision(atom);
        let (x, y) = (row - atom[ROW], col - atom[COL]);
        atom[AMPLITUDE] * (-0.5 * (a * x * x + 2.0 * b * x * y + c * y * y)).exp()
    }

    fn check<const P: usize, M: Model<P>>(_: M, atom: [f64; P], row: f64, col: f64) {
        let (x, y) = (row - atom[ROW], col - atom[COL]);
        let profile = intensity::<P, M>(&atom, row, col) / atom[AMPLITUDE];
        let terms = POWERS.map(|(i, j)| x.powi(i as i32) * y.powi(j as i32));
        for (p, polynomial) in M::jacobian(&atom).iter().enumerate() {
            let exact: f64 = polynomial.iter().zip(terms).map(|(k, term)| k * term).sum();
            let step = 1e-6;
            let moved = |by: f64| {
                let mut atom = atom;
                atom[p] += by;
                intensity::<P, M>(&atom, row, col)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((exact * profile - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{p}");
        }
        for (p, exact) in M::sigma_gradient(&atom).into_iter().enumerate() {
            let step = 1e-7;
            let moved = |by: f64| {
                let mut atom = atom;
                atom[p] += by;
                M::sigma(&atom)
            };
            assert!((exact - (moved(step) - moved(-step)) / (2.0 * step)).abs() < 1e-5, "{p}");
        }
    }

    proptest! {
        #[test]
        fn derivatives_are_the_slopes(
            x in -4.0_f64..4.0, y in -4.0_f64..4.0, sigma in 1.0_f64..3.0, skew in -0.4_f64..0.4,
        ) {
            check(Isotropic, [0.3, -0.2, 1.7, sigma], x, y);
            let a = 1.0 / (sigma * sigma);
            check(Elliptical, [0.3, -0.2, 1.7, a, skew * a, 1.3 * a], x, y);
        }

        #[test]
        fn shapes_stay_admissible(steps in proptest::collection::vec(proptest::array::uniform3(-9.0_f64..9.0), 1..30)) {
            let mut round = Isotropic::start(0.0, 0.0, 1.0, 2.0);
            let mut long = Elliptical::start(0.0, 0.0, 1.0, 2.0);
            for [a, b, c] in steps {
                Isotropic::reshape(&mut round, &[0.0, 0.0, 0.0, a], 2.0);
                prop_assert!((0.8..=5.0).contains(&Isotropic::sigma(&round)));
                Elliptical::reshape(&mut long, &[0.0, 0.0, 0.0, a, b, c], 2.0);
                prop_assert!(Elliptical::is_admissible(&long, 2.0));
            }
        }
    }
}
