//! A background that is constant, or bends slowly between the nodes of a coarse grid.

use crate::simd::{Available, Kernel, Lanes};

use super::region::Rect;
use super::sheet::Sheet;

/// Bilinear interpolation between nodes; a single node is a constant.
#[derive(Debug, Clone)]
pub(super) struct Background {
    rows: Axis,
    cols: Axis,
}

/// Nodes of an axis, from its first pixel to its last.
#[derive(Debug, Clone, Copy)]
struct Axis {
    nodes: usize,
    step: f64,
}

impl Axis {
    fn new(len: usize, step: f64) -> Self {
        let extent = len as f64 - 1.0;
        let intervals = (extent / step).round();
        if step.is_finite() && intervals >= 1.0 {
            Self { nodes: intervals as usize + 1, step: extent / intervals }
        } else {
            Self { nodes: 1, step: f64::INFINITY }
        }
    }

    /// The node at or before a point, the share of the next one, and how it grows.
    fn around(self, x: f64) -> (usize, f64, f64) {
        if self.nodes == 1 {
            return (0, 0.0, 0.0);
        }
        let place = (x / self.step).clamp(0.0, self.nodes as f64 - 1.0);
        let node = (place as usize).min(self.nodes - 2);
        (node, place - node as f64, 1.0 / self.step)
    }

    /// The first node that shines on some pixels, and the shares of this and the following ones.
    fn hats(self, pixel: usize, len: usize) -> (usize, Vec<Vec<f64>>) {
        let (first, ..) = self.around(pixel as f64);
        let (last, ..) = self.around((pixel + len).max(1) as f64 - 1.0);
        let last = (last + 1).min(self.nodes - 1);
        let mut hats = vec![vec![0.0; len]; last + 1 - first];
        for k in 0..len {
            let (node, share, _) = self.around((pixel + k) as f64);
            hats[node - first][k] = 1.0 - share;
            if self.nodes > 1 {
                hats[node + 1 - first][k] = share;
            }
        }
        (first, hats)
    }
}

impl Background {
    /// Nodes about `step` pixels apart; an infinite step makes a constant.
    pub(super) fn new(shape: [usize; 2], step: f64) -> Self {
        Self { rows: Axis::new(shape[0], step), cols: Axis::new(shape[1], step) }
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.rows.nodes * self.cols.nodes
    }

    /// The part of it on a rectangle.
    pub(super) fn on(&self, rect: &Rect) -> Patch {
        let (first_row, rows) = self.rows.hats(rect.row, rect.rows);
        let (first_col, cols) = self.cols.hats(rect.col, rect.cols);
        Patch { rect: *rect, first: [first_row, first_col], nodes: self.cols.nodes, rows, cols }
    }

    /// The four nodes around a point, and there the value and the slopes by row, by column and by
    /// both of what each node of height 1 adds to the background.
    pub(super) fn around(&self, row: f64, col: f64) -> [(usize, [f64; 4]); 4] {
        let ((i, s, ds), (j, t, dt)) = (self.rows.around(row), self.cols.around(col));
        let (down, right) = (usize::from(self.rows.nodes > 1), usize::from(self.cols.nodes > 1));
        let at = |i: usize, j: usize| i * self.cols.nodes + j;
        let product = |s: f64, ds: f64, t: f64, dt: f64| [s * t, ds * t, s * dt, ds * dt];
        [
            (at(i, j), product(1.0 - s, -ds, 1.0 - t, -dt)),
            (at(i, j + right), product(1.0 - s, -ds, t, dt)),
            (at(i + down, j), product(s, ds, 1.0 - t, -dt)),
            (at(i + down, j + right), product(s, ds, t, dt)),
        ]
    }

    /// Applies, to values at the nodes, sums over all pixels of products of two nodes' shares, for
    /// shares whose own squares sum to 1.
    pub(super) fn correlate(&self, x: &[f64]) -> Vec<f64> {
        // Along an axis neighbours' hats share a quarter of what a hat shares with itself; the
        // first and the last are halves.
        let [down, along] = [self.rows, self.cols].map(|axis| axis.nodes);
        let share = |k: usize, other: usize, n: usize| {
            let is_half = |k: usize| k == 0 || k + 1 == n;
            if is_half(k) == is_half(other) {
                if n == 2 { 0.5 } else { 0.25 }
            } else {
                0.125_f64.sqrt()
            }
        };
        let mut by_col = x.to_vec();
        for row in 0..down {
            let line = |col: usize| row * along + col;
            for col in 1..along {
                let share = share(col - 1, col, along);
                by_col[line(col)] += share * x[line(col - 1)];
                by_col[line(col - 1)] += share * x[line(col)];
            }
        }
        let mut out = by_col.clone();
        for row in 1..down {
            let share = share(row - 1, row, down);
            for col in 0..along {
                let (here, above) = (row * along + col, (row - 1) * along + col);
                out[here] += share * by_col[above];
                out[above] += share * by_col[here];
            }
        }
        out
    }

    /// The background at a point.
    pub(super) fn at(&self, nodes: &[f64], row: f64, col: f64) -> f64 {
        self.around(row, col).into_iter().map(|(node, [share, ..])| share * nodes[node]).sum()
    }
}

/// A background on a rectangle: the nodes that shine on it.
pub(super) struct Patch {
    rect: Rect,
    /// Row and column of the first node.
    first: [usize; 2],
    /// Nodes of a row of the whole.
    nodes: usize,
    /// For each node of an axis its share of each pixel.
    rows: Vec<Vec<f64>>,
    cols: Vec<Vec<f64>>,
}

impl Patch {
    fn place(&self, i: usize, j: usize) -> usize {
        (self.first[0] + i) * self.nodes + self.first[1] + j
    }

    /// Writes the background with these values at all nodes.
    pub(super) fn fill(&self, nodes: &[f64], sheet: &mut Sheet) {
        if nodes.len() == 1 {
            sheet.fill(nodes[0]);
            return;
        }
        for line in 0..self.rect.rows {
            let (out, beyond) = sheet.row_mut(self.rect.row + line);
            out.fill(0.0);
            beyond.fill(0.0);
            for (j, cols) in self.cols.iter().enumerate() {
                let height: f64 = self
                    .rows
                    .iter()
                    .enumerate()
                    .map(|(i, rows)| rows[line] * nodes[self.place(i, j)])
                    .sum();
                for (out, share) in out.iter_mut().zip(cols) {
                    *out += height * share;
                }
            }
        }
    }

    /// For each node the sum over the rectangle of `y` times its share, and of `y` times its squared
    /// share if `POWER` is 2. `line` gives the rectangle's rows.
    #[inline(always)]
    fn project<'y, const POWER: i32>(
        &self,
        line: impl Fn(usize) -> &'y [f64],
    ) -> Vec<(usize, f64)> {
        let power = |share: f64| if POWER == 2 { share * share } else { share };
        let mut sums = Vec::with_capacity(self.rows.len() * self.cols.len());
        let mut by_col = vec![0.0; self.rect.cols];
        for (i, rows) in self.rows.iter().enumerate() {
            by_col.fill(0.0);
            for (at, &share) in rows.iter().enumerate() {
                if share > 0.0 {
                    for (sum, value) in by_col.iter_mut().zip(line(self.rect.row + at)) {
                        *sum += power(share) * value;
                    }
                }
            }
            for (j, cols) in self.cols.iter().enumerate() {
                let terms = by_col.iter().zip(cols).map(|(sum, &share)| sum * power(share));
                sums.push((self.place(i, j), terms.sum()));
            }
        }
        sums
    }
}

/// Sums over a rectangle for the nodes of a background: of the residual times their shares, and of
/// weights times their squared shares.
pub(super) struct Projecting<'a> {
    /// The background on the rectangle.
    pub patch: &'a Patch,
    pub core: &'a Rect,
    pub residual: &'a Sheet,
    /// None where all are 1.
    pub weights: Option<&'a Sheet>,
}

impl Kernel for Projecting<'_> {
    type Output = [Vec<(usize, f64)>; 2];

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
        let Self { patch, core, residual, weights } = self;
        let ones = vec![1.0; core.cols];
        [
            patch.project::<1>(|row| residual.line(row, core.col, core.cols)),
            patch.project::<2>(|row| {
                weights.map_or(ones.as_slice(), |all| all.line(row, core.col, core.cols))
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [([usize; 2], f64); 3] =
        [([40, 50], f64::INFINITY), ([40, 50], 13.0), ([3, 90], 20.0)];

    #[test]
    fn a_part_is_filled_and_summed_as_pixel_by_pixel() {
        for (shape, step) in SHAPES {
            let ground = Background::new(shape, step);
            let nodes: Vec<f64> = (0..ground.len()).map(|i| 1.0 + (i * 7 % 5) as f64).collect();
            let rect = Rect { row: 1, rows: shape[0] - 1, col: 7, cols: 31 };
            let mut sheet = Sheet::default();
            sheet.lay(rect);
            let patch = ground.on(&rect);
            patch.fill(&nodes, &mut sheet);
            let mut expected = [vec![0.0; nodes.len()], vec![0.0; nodes.len()]];
            for row in rect.row..rect.end_row() {
                for col in rect.col..rect.end_col() {
                    let (x, y) = (row as f64, col as f64);
                    let value = sheet.line(row, col, 1)[0];
                    assert!((value - ground.at(&nodes, x, y)).abs() < 1e-12);
                    for (node, [share, ..]) in ground.around(x, y) {
                        if share > 0.0 {
                            expected[0][node] += value * share;
                            expected[1][node] += value * share * share;
                        }
                    }
                }
            }
            let line = |row| sheet.line(row, rect.col, rect.cols);
            for (sums, expected) in
                [patch.project::<1>(line), patch.project::<2>(line)].iter().zip(&expected)
            {
                let mut all = vec![0.0; nodes.len()];
                for (node, sum) in sums {
                    all[*node] += sum;
                }
                for (sum, exact) in all.iter().zip(expected) {
                    assert!((sum - exact).abs() < 1e-9 * (1.0 + exact), "{sum} {exact}");
                }
            }
        }
    }

    #[test]
    fn neighbouring_nodes_are_correlated_as_their_shares_are() {
        for (shape, step) in [([121, 201], 40.0), ([80, 81], 80.0), ([9, 121], 30.0)] {
            let ground = Background::new(shape, step);
            let whole = Rect { row: 0, rows: shape[0], col: 0, cols: shape[1] };
            let patch = ground.on(&whole);
            let mut shares = vec![vec![0.0; shape[0] * shape[1]]; ground.len()];
            let mut sheet = Sheet::default();
            sheet.lay(whole);
            for (node, shares) in shares.iter_mut().enumerate() {
                let mut unit = vec![0.0; ground.len()];
                unit[node] = 1.0;
                patch.fill(&unit, &mut sheet);
                for row in 0..shape[0] {
                    let line = sheet.line(row, 0, shape[1]);
                    shares[row * shape[1]..(row + 1) * shape[1]].copy_from_slice(line);
                }
                let size = shares.iter().map(|x| x * x).sum::<f64>().sqrt();
                for share in shares.iter_mut() {
                    *share /= size;
                }
            }
            for node in 0..ground.len() {
                let mut unit = vec![0.0; ground.len()];
                unit[node] = 1.0;
                for (other, got) in ground.correlate(&unit).into_iter().enumerate() {
                    let pairs = shares[node].iter().zip(&shares[other]);
                    let exact: f64 = pairs.map(|(a, b)| a * b).sum();
                    assert!((got - exact).abs() < 0.03, "{node} {other} {got} {exact}");
                }
            }
        }
    }

    #[test]
    fn a_plane_is_interpolated_exactly() {
        let ground = Background::new([31, 61], 15.0);
        let nodes: Vec<f64> = (0..ground.len())
            .map(|i| (i / ground.cols.nodes) as f64 * 15.0 + 2.0 * (i % ground.cols.nodes) as f64)
            .collect();
        let exact = 7.0 + 2.0 * 22.0 / ground.cols.step;
        assert!((ground.at(&nodes, 7.0, 22.0) - exact).abs() < 1e-12);
    }
}
