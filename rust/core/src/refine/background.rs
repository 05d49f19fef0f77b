//! A background that is constant, or bends slowly between the nodes of a coarse grid.

use crate::parallel;

use super::canvas::Canvas;
use super::profile::{Padded, Tile};

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

    /// The node at or before a pixel, and the share of the next one.
    fn place(self, pixel: usize) -> (usize, f64) {
        if self.nodes == 1 {
            return (0, 0.0);
        }
        let place = pixel as f64 / self.step;
        let node = (place as usize).min(self.nodes - 2);
        (node, place - node as f64)
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

    /// Writes the background with these values at the nodes.
    #[inline(always)]
    pub(super) fn fill(&self, nodes: &[f64], tile: &mut Tile<'_>) {
        if nodes.len() == 1 {
            tile.out.fill(nodes[0]);
            return;
        }
        for (line, out) in tile.out.chunks_exact_mut(tile.cols).enumerate() {
            for (k, out) in out.iter_mut().enumerate() {
                *out = self.at(nodes, tile.row + line, tile.col + k);
            }
        }
    }

    /// The background at a pixel.
    pub(super) fn at(&self, nodes: &[f64], row: usize, col: usize) -> f64 {
        self.weights(row, col).into_iter().map(|(node, weight)| weight * nodes[node]).sum()
    }

    /// The nodes around a pixel and their weights; a weight may be 0.
    fn weights(&self, row: usize, col: usize) -> [(usize, f64); 4] {
        let ((i, s), (j, t)) = (self.rows.place(row), self.cols.place(col));
        let (down, right) = (usize::from(self.rows.nodes > 1), usize::from(self.cols.nodes > 1));
        let at = |i: usize, j: usize| i * self.cols.nodes + j;
        [
            (at(i, j), (1.0 - s) * (1.0 - t)),
            (at(i, j + right), (1.0 - s) * t),
            (at(i + down, j), s * (1.0 - t)),
            (at(i + down, j + right), s * t),
        ]
    }

    /// For each node the sum of `y` times its weight, to the power `POWER`, over the image.
    pub(super) fn project<const POWER: i32>(&self, canvas: &Canvas<'_>, y: Padded<'_>) -> Vec<f64> {
        let rows: Vec<usize> = (0..canvas.rows).collect();
        let rows: Vec<&[usize]> = rows.chunks(64).collect();
        // What each stretch of rows gives to the nodes of its own: few, since it is narrow.
        let parts = parallel::map(&rows, canvas.effort.threads, |stretch| {
            let (first, _) = self.rows.place(stretch[0]);
            let (last, _) = self.rows.place(stretch[stretch.len() - 1]);
            let last = (last + 1).min(self.rows.nodes - 1);
            let offset = first * self.cols.nodes;
            let mut sums = vec![0.0; (last + 1 - first) * self.cols.nodes];
            for &row in *stretch {
                let line = &y.row(row)[..canvas.cols];
                if self.len() == 1 {
                    sums[0] += line.iter().map(|&value| f64::from(value)).sum::<f64>();
                    continue;
                }
                for (col, &value) in line.iter().enumerate() {
                    for (node, weight) in self.weights(row, col) {
                        if weight > 0.0 {
                            sums[node - offset] += f64::from(value) * weight.powi(POWER);
                        }
                    }
                }
            }
            (offset, sums)
        });
        let mut total = vec![0.0; self.len()];
        for (offset, sums) in parts {
            for (total, sum) in total[offset..].iter_mut().zip(sums) {
                *total += sum;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Effort;
    use crate::simd::InstructionSet;
    use std::num::NonZeroUsize;

    #[test]
    fn projection_is_the_transpose_of_filling() {
        for (shape, step) in [([40, 50], f64::INFINITY), ([40, 50], 13.0), ([3, 90], 20.0)] {
            let ground = Background::new(shape, step);
            let effort = Effort::of(NonZeroUsize::new(2).unwrap());
            let canvas = Canvas::new(shape[0], shape[1], effort, InstructionSet::Baseline);
            let nodes: Vec<f64> = (0..ground.len()).map(|i| 1.0 + (i * 7 % 5) as f64).collect();
            let mut y = canvas.blank().unwrap();
            let mut sum = 0.0;
            for row in 0..shape[0] {
                for col in 0..shape[1] {
                    let value = ((row * 31 + col * 17) % 13) as f32 - 6.0;
                    y[row * canvas.stride + col] = value;
                    sum += f64::from(value) * ground.at(&nodes, row, col);
                }
            }
            let sums = ground.project::<1>(&canvas, canvas.padded(&y));
            let product: f64 = sums.iter().zip(&nodes).map(|(a, b)| a * b).sum();
            assert!((product - sum).abs() < 1e-8 * sum.abs().max(1.0), "{product} {sum}");
        }
    }

    #[test]
    fn a_plane_is_interpolated_exactly() {
        let ground = Background::new([31, 61], 15.0);
        let nodes: Vec<f64> = (0..ground.len())
            .map(|i| (i / ground.cols.nodes) as f64 * 15.0 + 2.0 * (i % ground.cols.nodes) as f64)
            .collect();
        let exact = 7.0 + 2.0 * 22.0 / ground.cols.step;
        assert!((ground.at(&nodes, 7, 22) - exact).abs() < 1e-12);
    }
}
