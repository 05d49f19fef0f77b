//! Sums over pixels of products of two peaks, taken as integrals.
//!
//! Of Gaussians with a sigma of a pixel or more, sums over pixels equal integrals but for 5e-5: the
//! product of two has a spectrum that is nearly 0 where sampling folds it.

use super::model::{COL, Model, ROW, TERMS};

/// A Gaussian: its integral, and its covariance xx, xy, yy.
#[derive(Clone, Copy)]
struct Cloud {
    mass: f64,
    spread: [f64; 3],
}

impl Cloud {
    /// That with these coefficients of the exponent.
    fn new([a, b, c]: [f64; 3]) -> Self {
        let determinant = (a * c - b * b).max(f64::MIN_POSITIVE);
        let spread = [c / determinant, -b / determinant, a / determinant];
        Self { mass: 2.0 * std::f64::consts::PI / determinant.sqrt(), spread }
    }

    /// Means of products of two monomials.
    #[inline(always)]
    fn products(&self) -> [[f64; TERMS]; TERMS] {
        let [xx, xy, yy] = self.spread;
        let (xxyy, xxxy, xyyy) = (xx * yy + 2.0 * xy * xy, 3.0 * xx * xy, 3.0 * xy * yy);
        [
            [1.0, 0.0, xx, 0.0, xy, yy],
            [0.0, xx, 0.0, xy, 0.0, 0.0],
            [xx, 0.0, 3.0 * xx * xx, 0.0, xxxy, xxyy],
            [0.0, xy, 0.0, yy, 0.0, 0.0],
            [xy, 0.0, xxxy, 0.0, xxyy, xyyy],
            [yy, 0.0, xxyy, 0.0, xyyy, 3.0 * yy * yy],
        ]
    }
}

/// The block of H between two atoms, or of an atom with itself, on pixels of weight 1.
pub(super) fn pair_block<const P: usize, M: Model<P>>(
    one: &[f64; P],
    other: &[f64; P],
) -> [[f64; P]; P] {
    let (left, right) = (M::jacobian(one), M::jacobian(other));
    let ([a1, b1, c1], [a2, b2, c2]) = (M::precision(one), M::precision(other));
    let (dx, dy) = (other[ROW] - one[ROW], other[COL] - one[COL]);
    let cloud = Cloud::new([a1 + a2, b1 + b2, c1 + c2]);
    let [xx, xy, yy] = cloud.spread;
    // From the one's centre to that of the product, and from the other's.
    let (pull_x, pull_y) = (a2 * dx + b2 * dy, b2 * dx + c2 * dy);
    let from_one = [xx * pull_x + xy * pull_y, xy * pull_x + yy * pull_y];
    let from_other = [from_one[0] - dx, from_one[1] - dy];
    let exponent =
        dx * (a1 * from_one[0] + b1 * from_one[1]) + dy * (b1 * from_one[0] + c1 * from_one[1]);
    let mass = cloud.mass * (-0.5 * exponent).exp();
    let products = cloud.products();
    let shifted: [[f64; TERMS]; P] = std::array::from_fn(|q| shift(&right[q], from_other));
    let mut block = [[0.0; P]; P];
    for p in 0..P {
        let left = shift(&left[p], from_one);
        let mut means = [0.0; TERMS];
        for s in 0..TERMS {
            for t in 0..TERMS {
                means[t] += left[s] * products[s][t];
            }
        }
        for q in 0..P {
            let mut sum = 0.0;
            for t in 0..TERMS {
                sum += means[t] * shifted[q][t];
            }
            block[p][q] = mass * sum;
        }
    }
    block
}

/// As [`pair_block`], between round peaks.
///
/// The overlap of two peaks, `A₁ A₂ 2 pi s₁² s₂² / v exp(-d² / 2 v)` with `v = s₁² + s₂²` and d the
/// distance of their centres, derived by a parameter of each.
pub(super) fn round_pair_block(one: &[f64; 4], other: &[f64; 4]) -> [[f64; 4]; 4] {
    let ([x1, y1, a1, s1], [x2, y2, a2, s2]) = (*one, *other);
    let inverse = 1.0 / (s1 * s1 + s2 * s2);
    let (dx, dy) = (x2 - x1, y2 - y1);
    let (u, w) = (dx * inverse, dy * inverse);
    // d² / v.
    let far = dx * u + dy * w;
    let overlap = 2.0 * std::f64::consts::PI * (s1 * s1 * s2 * s2) * inverse * (-0.5 * far).exp();
    // Derivatives of the overlap's logarithm by each sigma, and of it with u and w.
    let (by_s1, by_s2) =
        (2.0 / s1 + s1 * inverse * (far - 2.0), 2.0 / s2 + s2 * inverse * (far - 2.0));
    let (with_s1, with_s2) = (by_s1 - 2.0 * s1 * inverse, by_s2 - 2.0 * s2 * inverse);
    let (k, k1, k2) = (overlap, a1 * overlap, a2 * overlap);
    let both = a1 * k2;
    let sigmas = by_s1 * by_s2 + 4.0 * s1 * s2 * (1.0 - far) * (inverse * inverse);
    [
        [both * (inverse - u * u), -both * u * w, k1 * u, both * u * with_s2],
        [-both * u * w, both * (inverse - w * w), k1 * w, both * w * with_s2],
        [-k2 * u, -k2 * w, k, k2 * by_s2],
        [-both * u * with_s1, -both * w * with_s1, k1 * by_s1, both * sigmas],
    ]
}

/// For each parameter the integrals of the derivative times 1, x, y and x y, on pixels of weight 1.
pub(super) fn with_plane<const P: usize, M: Model<P>>(atom: &[f64; P]) -> [[f64; 4]; P] {
    let cloud = Cloud::new(M::precision(atom));
    let products = cloud.products();
    M::jacobian(atom).map(|polynomial| {
        [0, 1, 3, 4].map(|t| {
            let sum: f64 = (0..TERMS).map(|s| polynomial[s] * products[s][t]).sum();
            cloud.mass * sum
        })
    })
}

/// The polynomial of distances that are longer by `by`.
#[inline(always)]
fn shift([one, x, xx, y, xy, yy]: &[f64; TERMS], [by_x, by_y]: [f64; 2]) -> [f64; TERMS] {
    [
        one + x * by_x + xx * by_x * by_x + y * by_y + xy * by_x * by_y + yy * by_y * by_y,
        x + 2.0 * xx * by_x + xy * by_y,
        *xx,
        y + xy * by_x + 2.0 * yy * by_y,
        *xy,
        *yy,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refine::model::{Elliptical, Isotropic, POWERS};
    use proptest::prelude::*;

    /// The derivative of an atom by each parameter at a pixel.
    fn derivatives<const P: usize, M: Model<P>>(atom: &[f64; P], at: [f64; 2]) -> [f64; P] {
        let [a, b, c] = M::precision(atom);
        let (x, y) = (at[0] - atom[ROW], at[1] - atom[COL]);
        let profile = (-0.5 * (a * x * x + 2.0 * b * x * y + c * y * y)).exp();
        let terms = POWERS.map(|(i, j)| x.powi(i as i32) * y.powi(j as i32));
        M::jacobian(atom).map(|polynomial| {
            profile * polynomial.iter().zip(terms).map(|(k, term)| k * term).sum::<f64>()
        })
    }

    fn check<const P: usize, M: Model<P>>(_: M, one: [f64; P], other: [f64; P]) {
        let (mut block, mut plane) = ([[0.0; P]; P], [[0.0; 4]; P]);
        for row in -30..60 {
            for col in -30..60 {
                let at = [f64::from(row), f64::from(col)];
                let left = derivatives::<P, M>(&one, at);
                let right = derivatives::<P, M>(&other, at);
                let (x, y) = (at[0] - one[ROW], at[1] - one[COL]);
                for p in 0..P {
                    for q in 0..P {
                        block[p][q] += left[p] * right[q];
                    }
                    for (sum, term) in plane[p].iter_mut().zip([1.0, x, y, x * y]) {
                        *sum += left[p] * term;
                    }
                }
            }
        }
        let exact = pair_block::<P, M>(&one, &other);
        let chosen = M::pair_block(&one, &other);
        let integrals = M::integrals(&one);
        let own = [&one, &other].map(|atom| pair_block::<P, M>(atom, atom));
        let with_plane = with_plane::<P, M>(&one);
        for p in 0..P {
            for q in 0..P {
                let size = (own[0][p][p] * own[1][q][q]).sqrt();
                assert!((block[p][q] - exact[p][q]).abs() < 2e-3 * size, "{p} {q}");
                assert!((chosen[p][q] - exact[p][q]).abs() < 1e-12 * size, "{p} {q}");
            }
            assert!((integrals[p] - with_plane[p][0]).abs() < 1e-12 * own[0][p][p].sqrt());
            for k in 0..4 {
                let size = own[0][p][p].sqrt();
                assert!((plane[p][k] - with_plane[p][k]).abs() < 2e-2 * size, "{p} {k}");
            }
        }
    }

    proptest! {
        #[test]
        fn integrals_are_the_sums_over_pixels(
            row in 12.0_f64..18.0, col in 12.0_f64..18.0, sigma in 1.0_f64..2.5, skew in -0.4_f64..0.4,
        ) {
            check(Isotropic, [15.3, 14.8, 1.7, 1.4], [row, col, 0.6, sigma]);
            let (a, d) = (1.0 / (sigma * sigma), 0.4);
            check(Elliptical, [15.3, 14.8, 1.7, d, -0.1, 0.3], [row, col, 0.6, a, skew * a, 0.9 * a]);
        }
    }
}
