//! Maps from the vectors of a crystal to those that are seen.

/// Bonds of a crystal are not longer or shorter than this.
const MOST_STRETCH: f64 = 1.35;

/// Vectors are as good as collinear if the determinant of their sum of squares is below this share
/// of what it is for vectors that point evenly everywhere.
const COLLINEAR: f64 = 0.05;

/// A 2 x 2 matrix, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Map(pub(super) [[f64; 2]; 2]);

impl Map {
    pub(super) const IDENTITY: Self = Self([[1.0, 0.0], [0.0, 1.0]]);

    pub(super) fn turn(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self([[cos, -sin], [sin, cos]])
    }

    pub(super) fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [[a, b], [c, d]] = self.0;
        [a * x + b * y, c * x + d * y]
    }

    /// This map after another.
    pub(super) fn after(&self, first: &Self) -> Self {
        let [[a, b], [c, d]] = first.0;
        let ([e, g], [f, h]) = (self.of([a, c]), self.of([b, d]));
        Self([[e, f], [g, h]])
    }

    /// The mean of two maps with these weights.
    pub(super) fn mixed(&self, weight: f64, other: &Self, other_weight: f64) -> Self {
        let mix = |i: usize, j: usize| weight * self.0[i][j] + other_weight * other.0[i][j];
        Self([[mix(0, 0), mix(0, 1)], [mix(1, 0), mix(1, 1)]])
    }

    /// Root of the sum of squares of what differs from the identity.
    pub(super) fn strain(&self) -> f64 {
        let [[a, b], [c, d]] = self.0;
        ((a - 1.0).powi(2) + b * b + c * c + (d - 1.0).powi(2)).sqrt()
    }

    /// Whether it neither mirrors nor stretches by more than a crystal stands.
    pub(super) fn is_sound(&self) -> bool {
        let [[a, b], [c, d]] = self.0;
        let (sum, det) = (a * a + b * b + c * c + d * d, a * d - b * c);
        // The squares of the singular values have this sum, and this root of their product.
        let root = (sum * sum - 4.0 * det * det).max(0.0).sqrt();
        let [large, small] = [sum + root, sum - root].map(|twice| (twice.max(0.0) / 2.0).sqrt());
        det > 0.0 && large <= MOST_STRETCH && small * MOST_STRETCH >= 1.0
    }
}

/// Sums of products of a crystal's vectors and those seen, to fit a map by least squares.
#[derive(Default)]
pub(super) struct Sums {
    count: usize,
    /// Of products of the crystal's vectors: xx, xy, yy.
    own: [f64; 3],
    /// Of the rows seen, times the crystal's vectors; and of the columns seen.
    with: [[f64; 2]; 2],
}

impl Sums {
    pub(super) fn add(&mut self, [x, y]: [f64; 2], seen: [f64; 2]) {
        self.count += 1;
        for (sum, product) in self.own.iter_mut().zip([x * x, x * y, y * y]) {
            *sum += product;
        }
        for (sums, seen) in self.with.iter_mut().zip(seen) {
            sums[0] += seen * x;
            sums[1] += seen * y;
        }
    }

    /// The map that fits best, unless the vectors are collinear.
    pub(super) fn fitted(&self) -> Option<Map> {
        let [xx, xy, yy] = self.own;
        let (det, trace) = (xx * yy - xy * xy, xx + yy);
        if self.count < 2 || det < COLLINEAR * trace * trace / 4.0 {
            return None;
        }
        let solved = |[x, y]: [f64; 2]| [(x * yy - y * xy) / det, (y * xx - x * xy) / det];
        Some(Map(self.with.map(solved)))
    }
}
