//! Points sorted into squares, to find those near a place.

use crate::{Error, Result, memory};

/// Squares are enlarged until there are at most this many for each point: one point far from the
/// others must not make a grid that no memory holds.
const SQUARES_PER_POINT: f64 = 4.0;

pub(super) struct Grid {
    low: [f64; 2],
    side: f64,
    shape: [usize; 2],
    /// Where the points of each square begin in `order`, and the end of the last.
    first: Vec<u32>,
    order: Vec<u32>,
}

impl Grid {
    /// # Errors
    /// [`Error::PointNotFinite`] and [`Error::Memory`].
    pub(super) fn new(points: &[[f64; 2]], side: f64) -> Result<Self> {
        let is_wrong = |point: &[f64; 2]| !point.iter().all(|x| x.is_finite());
        if let Some(index) = points.iter().position(is_wrong) {
            let [row, col] = points[index];
            return Err(Error::PointNotFinite { index, row, col });
        }
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in points {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        if points.is_empty() {
            (low, high) = ([0.0; 2], [0.0; 2]);
        }
        let (mut side, most) = (side, SQUARES_PER_POINT * points.len() as f64 + 64.0);
        let count = |side: f64, axis: usize| (high[axis] / side - low[axis] / side).floor() + 1.0;
        while count(side, 0) * count(side, 1) > most {
            side *= 2.0;
        }
        let shape = [count(side, 0) as usize, count(side, 1) as usize];
        let mut grid = Self { low, side, shape, first: Vec::new(), order: Vec::new() };
        grid.first = memory::filled(0, shape[0] * shape[1] + 1, "a grid of points")?;
        grid.order = memory::filled(0, points.len(), "a grid of points")?;
        for &point in points {
            let square = grid.square(point);
            grid.first[square + 1] += 1;
        }
        for square in 1..grid.first.len() {
            grid.first[square] += grid.first[square - 1];
        }
        let mut next = grid.first.clone();
        for (index, &point) in points.iter().enumerate() {
            let square = grid.square(point);
            grid.order[next[square] as usize] = index as u32;
            next[square] += 1;
        }
        Ok(grid)
    }

    /// The strip along an axis that holds a coordinate, or the nearest one.
    fn strip(&self, x: f64, axis: usize) -> usize {
        // Casting takes what is below 0 for 0.
        (((x - self.low[axis]) / self.side) as usize).min(self.shape[axis] - 1)
    }

    fn square(&self, [row, col]: [f64; 2]) -> usize {
        self.strip(row, 0) * self.shape[1] + self.strip(col, 1)
    }

    /// Calls `found` with the number of each point within `radius` of a place, and its distance
    /// squared, in no order that may be relied on.
    pub(super) fn within(
        &self,
        points: &[[f64; 2]],
        [row, col]: [f64; 2],
        radius: f64,
        mut found: impl FnMut(usize, f64),
    ) {
        let (left, right) = (self.strip(col - radius, 1), self.strip(col + radius, 1));
        for strip in self.strip(row - radius, 0)..=self.strip(row + radius, 0) {
            let start = strip * self.shape[1];
            let [from, to] = [start + left, start + right + 1].map(|at| self.first[at] as usize);
            for &index in &self.order[from..to] {
                let [r, c] = points[index as usize];
                let square = (r - row) * (r - row) + (c - col) * (c - col);
                if square <= radius * radius {
                    found(index as usize, square);
                }
            }
        }
    }
}
