//! Blocks of H, of an atom with itself, from sums over its window.

use super::model::{POWERS, TERMS};
use super::sums::{MOMENT, MOMENTS};

/// The block of H that polynomials and moments make.
pub(super) fn block<const P: usize>(
    jacobian: &[[f64; TERMS]; P],
    moments: &[f64; MOMENTS],
) -> [[f64; P]; P] {
    let mut block = [[0.0; P]; P];
    for p in 0..P {
        for q in 0..=p {
            block[p][q] = product_sum(&jacobian[p], &jacobian[q], moments);
            block[q][p] = block[p][q];
        }
    }
    block
}

/// As [`block`], of a round peak.
#[inline(always)]
pub(super) fn round_block(jacobian: &[[f64; TERMS]; 4], moments: &[f64; MOMENTS]) -> [[f64; 4]; 4] {
    let ([_, slope, ..], [.., growth]) = (jacobian[0], jacobian[3]);
    let m = |i: usize, j: usize| moments[MOMENT[i][j]];
    let (steep, both) = (slope * slope, slope * growth);
    let row = [steep * m(2, 0), steep * m(1, 1), slope * m(1, 0), both * (m(3, 0) + m(1, 2))];
    let col = [steep * m(0, 2), slope * m(0, 1), both * (m(2, 1) + m(0, 3))];
    let height = [m(0, 0), growth * (m(2, 0) + m(0, 2))];
    let sigma = growth * growth * (m(4, 0) + 2.0 * m(2, 2) + m(0, 4));
    [
        row,
        [row[1], col[0], col[1], col[2]],
        [row[2], col[1], height[0], height[1]],
        [row[3], col[2], height[1], sigma],
    ]
}

/// Multiplies two polynomials and sums what the products' monomials sum to.
fn product_sum(first: &[f64; TERMS], second: &[f64; TERMS], moments: &[f64; MOMENTS]) -> f64 {
    let mut sum = 0.0;
    for (a, (i, j)) in first.iter().zip(POWERS) {
        if *a == 0.0 {
            continue;
        }
        for (b, (k, l)) in second.iter().zip(POWERS) {
            if *b != 0.0 {
                sum += a * b * moments[MOMENT[i + k][j + l]];
            }
        }
    }
    sum
}

/// The block of H of one row at a distance x, from its sums along columns.
#[inline(always)]
pub(super) fn row_block<const P: usize>(
    jacobian: &[[f64; TERMS]; P],
    x: f64,
    along: &[f64; 5],
) -> [[f64; P]; P] {
    // At a fixed x each polynomial is one in y alone.
    let in_y = jacobian.map(|[one, x1, x2, y1, xy, y2]| [one + x * (x1 + x * x2), y1 + x * xy, y2]);
    let mut block = [[0.0; P]; P];
    for p in 0..P {
        for q in 0..=p {
            let mut sum = 0.0;
            for i in 0..3 {
                for j in 0..3 {
                    sum += in_y[p][i] * in_y[q][j] * along[i + j];
                }
            }
            block[p][q] = sum;
            block[q][p] = sum;
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refine::model::{Isotropic, Model};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn of_round_peaks_both_ways_agree(
            moments in proptest::array::uniform15(-2.0_f64..2.0),
            amplitude in 0.1_f64..5.0, sigma in 0.5_f64..6.0,
        ) {
            let jacobian = Isotropic::jacobian(&[3.2, 4.1, amplitude, sigma]);
            let (general, round) = (block(&jacobian, &moments), round_block(&jacobian, &moments));
            for p in 0..4 {
                for q in 0..4 {
                    let error = (general[p][q] - round[p][q]).abs();
                    prop_assert!(error <= 1e-12 * (1.0 + general[p][q].abs()), "{p} {q}");
                }
            }
        }
    }
}
