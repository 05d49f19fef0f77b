//! Small dense systems, and conjugate gradients for large ones.

/// The lower triangle of the Cholesky factor of a symmetric matrix; None unless it is positive
/// definite.
pub(super) fn cholesky<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut factor = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - dot;
            if i == j {
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    Some(factor)
}

/// Solves with a Cholesky factor.
pub(super) fn substitute<const N: usize>(factor: &[[f64; N]; N], right: &[f64; N]) -> [f64; N] {
    let mut x = *right;
    for i in 0..N {
        let dot: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
        x[i] = (x[i] - dot) / factor[i][i];
    }
    for i in (0..N).rev() {
        let dot: f64 = (i + 1..N).map(|k| factor[k][i] * x[k]).sum();
        x[i] = (x[i] - dot) / factor[i][i];
    }
    x
}

/// The inverse of a symmetric positive definite matrix; None if it is not.
pub(super) fn inverse<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let factor = cholesky(matrix)?;
    let mut result = [[0.0; N]; N];
    for column in 0..N {
        let mut unit = [0.0; N];
        unit[column] = 1.0;
        let x = substitute(&factor, &unit);
        for row in 0..N {
            result[row][column] = x[row];
        }
    }
    Some(result)
}

/// `own` less crossᵀ among⁻¹ cross, `among` of `size` rows and `cross` of as many: what is left of
/// a block of a matrix once unknowns next to it are eliminated; `own` itself if nothing would be
/// left of it.
pub(super) fn subtract_explained<const P: usize>(
    own: &[[f64; P]; P],
    mut among: Vec<f64>,
    mut cross: Vec<f64>,
    size: usize,
) -> [[f64; P]; P] {
    for i in 0..size {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| among[i * size + k] * among[j * size + k]).sum();
            let rest = among[i * size + j] - dot;
            if i == j {
                if !(rest > 1e-12 * among[i * size + i].abs()) {
                    return *own;
                }
                among[i * size + i] = rest.sqrt();
            } else {
                among[i * size + j] = rest / among[j * size + j];
            }
        }
        // Forward substitution of this row of the right sides.
        for q in 0..P {
            let dot: f64 = (0..i).map(|k| among[i * size + k] * cross[k * P + q]).sum();
            cross[i * P + q] = (cross[i * P + q] - dot) / among[i * size + i];
        }
    }
    let mut rest = *own;
    for p in 0..P {
        for q in 0..P {
            rest[p][q] -= (0..size).map(|k| cross[k * P + p] * cross[k * P + q]).sum::<f64>();
        }
    }
    if inverse(&rest).is_some() { rest } else { *own }
}

/// A symmetric positive definite operator and an approximate inverse of it.
pub(super) trait Operator {
    /// Applies it; returns the product of `x` with what comes out.
    fn apply(&self, x: &[f64], out: &mut [f64]) -> f64;

    /// Goes on by `step` along `direction`, whose image under the operator is `product`, and applies
    /// the approximate inverse to what is left; returns the product of both.
    fn advance(&self, step: f64, direction: &[f64], product: &[f64], at: &mut Place) -> f64;
}

/// How far a solution has got.
pub(super) struct Place {
    pub x: Vec<f64>,
    /// What is left of the right side.
    pub residual: Vec<f64>,
    /// The approximate inverse of that.
    pub inverted: Vec<f64>,
}

/// Solves `operator * x = right` by conjugate gradients, from 0, until the residual is `tolerance`
/// of what it was, in the norm of the approximate inverse, or for `most` steps.
pub(super) fn conjugate_gradients<O: Operator>(
    operator: &O,
    right: &[f64],
    tolerance: f64,
    most: usize,
) -> Vec<f64> {
    let len = right.len();
    let zeros = || vec![0.0; len];
    let mut at = Place { x: zeros(), residual: right.to_vec(), inverted: zeros() };
    let (mut direction, mut product) = (zeros(), zeros());
    let mut rho = operator.advance(0.0, &direction, &product, &mut at);
    direction.copy_from_slice(&at.inverted);
    let enough = tolerance * tolerance * rho;
    for _ in 0..most {
        if !(rho > enough && rho > 0.0) {
            break;
        }
        let curvature = operator.apply(&direction, &mut product);
        if !(curvature > 0.0) {
            // Rounding has taken over.
            break;
        }
        let next = operator.advance(rho / curvature, &direction, &product, &mut at);
        let share = next / rho;
        rho = next;
        for (direction, inverted) in direction.iter_mut().zip(&at.inverted) {
            *direction = inverted + share * *direction;
        }
    }
    at.x
}

/// The product of two vectors.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positive(values: [f64; 16]) -> [[f64; 4]; 4] {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let dot: f64 = (0..4).map(|k| values[4 * i + k] * values[4 * j + k]).sum();
                dot + if i == j { 0.5 } else { 0.0 }
            })
        })
    }

    struct Dense([[f64; 4]; 4]);

    impl Operator for Dense {
        fn apply(&self, x: &[f64], out: &mut [f64]) -> f64 {
            for i in 0..4 {
                out[i] = (0..4).map(|j| self.0[i][j] * x[j]).sum();
            }
            dot(x, out)
        }
        fn advance(&self, step: f64, direction: &[f64], product: &[f64], at: &mut Place) -> f64 {
            for i in 0..4 {
                at.x[i] += step * direction[i];
                at.residual[i] -= step * product[i];
                at.inverted[i] = at.residual[i] / self.0[i][i];
            }
            dot(&at.residual, &at.inverted)
        }
    }

    proptest! {
        #[test]
        fn both_ways_solve(
            values in proptest::array::uniform16(-2.0_f64..2.0),
            right in proptest::array::uniform4(-3.0_f64..3.0),
        ) {
            let matrix = positive(values);
            let direct = substitute(&cholesky(&matrix).unwrap(), &right);
            let iterated = conjugate_gradients(&Dense(matrix), &right, 1e-12, 50);
            let inverse = inverse(&matrix).unwrap();
            for i in 0..4 {
                let product: f64 = (0..4).map(|j| matrix[i][j] * direct[j]).sum();
                prop_assert!((product - right[i]).abs() < 1e-9);
                prop_assert!((direct[i] - iterated[i]).abs() < 1e-6);
                let by_inverse: f64 = (0..4).map(|j| inverse[i][j] * right[j]).sum();
                prop_assert!((direct[i] - by_inverse).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(cholesky(&[[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(cholesky(&[[0.0]]).is_none());
        assert!(cholesky(&[[f64::NAN]]).is_none());
    }
}
