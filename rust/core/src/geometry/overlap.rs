//! The share of a blob's disc that another's covers.

use std::hint::black_box;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::blob::Blob;

/// A float whose arithmetic rounds at every step: the precision of the blobs' table.
pub trait Precision:
    Copy
    + Default
    + Sync
    + PartialOrd
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Half the distance from 1 to the next value.
    const ROUNDOFF: f64;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// The square by the C library's power function, as NumPy squares a scalar. It is not always
    /// the nearest float, which `x * x` is; the exponent is hidden from the optimiser, which
    /// would use that instead.
    #[must_use]
    fn square(self) -> Self;
}

impl Precision for f64 {
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;

    fn from_f64(value: f64) -> Self {
        value
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn square(self) -> Self {
        self.powf(black_box(2.0))
    }
}

impl Precision for f32 {
    const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn square(self) -> Self {
        self.powf(black_box(2.0))
    }
}

/// Area that two blobs share, as a fraction of the smaller one's.
///
/// A blob is a disc of radius sqrt(2) sigma; with two sigmas, an ellipse that is measured in units
/// of the larger blob. The steps and their rounding are scikit-image's `_blob_overlap`: near inner
/// tangency the fraction can exceed 1 by some 1e-8.
pub fn overlap_fraction<T: Precision>(a: &Blob<T>, b: &Blob<T>) -> T {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    if a.sigma_col == zero && b.sigma_col == zero {
        return zero;
    }
    let (unit, r1, r2) = if a.sigma_col > b.sigma_col {
        (a, one, b.sigma_col / a.sigma_col)
    } else {
        (b, a.sigma_col / b.sigma_col, one)
    };
    let root_two = T::from_f64(std::f64::consts::SQRT_2);
    let (unit_row, unit_col) = (unit.sigma_row * root_two, unit.sigma_col * root_two);
    let along_rows = b.row / unit_row - a.row / unit_row;
    let along_cols = b.col / unit_col - a.col / unit_col;
    let distance = (along_rows * along_rows + along_cols * along_cols).sqrt();
    let inset = r1 - r2;
    if distance > r1 + r2 {
        zero
    } else if distance <= (if inset < zero { -inset } else { inset }) {
        one
    } else {
        lens_fraction(distance, r1, r2)
    }
}

fn lens_fraction<T: Precision>(d: T, r1: T, r2: T) -> T {
    let two = T::from_f64(2.0);
    // One of the radii is 1, and 1 squared is 1 by any rule.
    let (d_squared, r1_squared, r2_squared) = (d.square(), r1.square(), r2.square());
    let angle = |cosine: T| T::from_f64(cosine.into().clamp(-1.0, 1.0).acos());
    let angle1 = angle((d_squared + r1_squared - r2_squared) / (two * d * r1));
    let angle2 = angle((d_squared + r2_squared - r1_squared) / (two * d * r2));
    let heron = (-d + r2 + r1) * (d - r2 + r1) * (d + r2 - r1) * (d + r2 + r1);
    let triangle = T::from_f64(0.5 * heron.into().abs().sqrt());
    let area = r1_squared * angle1 + r2_squared * angle2 - triangle;
    let smaller_squared = if r2 < r1 { r2_squared } else { r1_squared };
    area / (T::from_f64(std::f64::consts::PI) * smaller_squared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(row: f64, sigma: f64) -> Blob<f64> {
        Blob { row, col: 0.0, sigma_row: sigma, sigma_col: sigma }
    }

    #[test]
    fn equal_discs_follow_the_closed_form() {
        // Two unit discs at distance d share 2 acos(d/2) - d/2 sqrt(4 - d^2) of pi.
        let radius = std::f64::consts::SQRT_2;
        for d in [0.1, 0.5, 1.0, 1.9] {
            let expected =
                (2.0 * f64::acos(d / 2.0) - d / 2.0 * (4.0 - d * d).sqrt()) / std::f64::consts::PI;
            let got = overlap_fraction(&blob(0.0, 1.0), &blob(d * radius, 1.0));
            assert!((got - expected).abs() < 1e-14, "{d}: {got} {expected}");
        }
    }

    #[test]
    fn apart_inside_and_pointlike() {
        assert_eq!(overlap_fraction(&blob(0.0, 1.0), &blob(9.0, 1.0)), 0.0);
        assert_eq!(overlap_fraction(&blob(0.0, 3.0), &blob(1.0, 1.0)), 1.0);
        assert_eq!(overlap_fraction(&blob(0.0, 0.0), &blob(0.0, 0.0)), 0.0);
        assert_eq!(overlap_fraction(&blob(0.0, 0.0), &blob(0.0, 1.0)), 1.0);
    }

    proptest! {
        #[test]
        fn overlap_is_a_fraction_and_symmetric(
            distance in 0.0_f64..12.0,
            s1 in 0.1_f64..4.0,
            s2 in 0.1_f64..4.0,
        ) {
            let (a, b) = (blob(0.0, s1), blob(distance, s2));
            let overlap = overlap_fraction(&a, &b);
            prop_assert!((-1e-7..=1.0 + 1e-7).contains(&overlap), "{overlap}");
            prop_assert!((overlap - overlap_fraction(&b, &a)).abs() < 1e-6);
        }

        #[test]
        fn overlap_agrees_with_sampling(distance in 0.0_f64..6.0, s1 in 0.5_f64..2.0, s2 in 0.5_f64..2.0) {
            let radii = [s1, s2].map(|s| s * std::f64::consts::SQRT_2);
            let small = radii[0].min(radii[1]);
            let large = radii[0].max(radii[1]);
            let steps = 200;
            let (mut inside, mut shared) = (0, 0);
            for i in 0..steps {
                for j in 0..steps {
                    let to_disc = |k: i32| ((f64::from(k) + 0.5) / f64::from(steps) * 2.0 - 1.0) * small;
                    let (x, y) = (to_disc(i), to_disc(j));
                    if x.hypot(y) <= small {
                        inside += 1;
                        shared += i32::from((x - distance).hypot(y) <= large);
                    }
                }
            }
            let sampled = f64::from(shared) / f64::from(inside);
            let overlap = overlap_fraction(&blob(0.0, s1), &blob(distance, s2));
            prop_assert!((overlap - sampled).abs() < 0.01, "{overlap} {sampled}");
        }
    }
}
