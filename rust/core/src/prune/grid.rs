//! Blobs in the cells of a uniform grid, to look up those near another.

use super::overlap::Precision;
use crate::blob::Blob;

/// The blobs' indices sorted by cell; a cell is as wide as the reach, so that all blobs within
/// reach of one are in its own cell and the eight around it.
pub(super) struct Grid {
    cell: f64,
    origin: (f64, f64),
    rows: usize,
    cols: usize,
    starts: Vec<usize>,
    members: Vec<usize>,
}

/// More cells than this many per blob would cost more to set up than they save.
const MAX_CELLS_PER_BLOB: f64 = 4.0;

impl Grid {
    pub(super) fn new<T: Precision>(blobs: &[Blob<T>], reach: f64) -> Self {
        let places = || blobs.iter().map(|blob| (blob.row.into(), blob.col.into()));
        let fold = |pick: fn(f64, f64) -> f64, from: f64| {
            places().fold((from, from), |best, p| (pick(best.0, p.0), pick(best.1, p.1)))
        };
        let origin = fold(f64::min, f64::INFINITY);
        let last = fold(f64::max, f64::NEG_INFINITY);
        let extent = ((last.0 - origin.0).max(0.0), (last.1 - origin.1).max(0.0));
        let most = MAX_CELLS_PER_BLOB * blobs.len().max(1) as f64;
        // The lower bounds keep the number of cells within `most` in area and along each axis.
        let cell = reach
            .max((extent.0 * extent.1 / most).sqrt())
            .max(extent.0.max(extent.1) / most)
            .max(f64::MIN_POSITIVE);
        let count = |extent: f64| (extent / cell) as usize + 1;
        let (rows, cols) = (count(extent.0), count(extent.1));
        let mut grid = Self {
            cell,
            origin,
            rows,
            cols,
            starts: vec![0; rows * cols + 1],
            members: vec![0; blobs.len()],
        };
        let cells: Vec<usize> = places()
            .map(|place| {
                let (row, col) = grid.cell_of(place);
                row * cols + col
            })
            .collect();
        for &cell in &cells {
            grid.starts[cell + 1] += 1;
        }
        for cell in 0..rows * cols {
            grid.starts[cell + 1] += grid.starts[cell];
        }
        let mut next = grid.starts.clone();
        for (index, &cell) in cells.iter().enumerate() {
            grid.members[next[cell]] = index;
            next[cell] += 1;
        }
        grid
    }

    /// Indices of the blobs that may be within reach of this one, itself included.
    pub(super) fn near<T: Precision>(&self, blob: &Blob<T>) -> impl Iterator<Item = usize> + '_ {
        let (row, col) = self.cell_of((blob.row.into(), blob.col.into()));
        let rows = row.saturating_sub(1)..self.rows.min(row + 2);
        let cols = col.saturating_sub(1)..self.cols.min(col + 2);
        rows.flat_map(move |row| {
            let first = self.starts[row * self.cols + cols.start];
            let last = self.starts[row * self.cols + cols.end];
            self.members[first..last].iter().copied()
        })
    }

    fn cell_of(&self, (row, col): (f64, f64)) -> (usize, usize) {
        let index =
            |x: f64, from: f64, count: usize| (((x - from) / self.cell) as usize).min(count - 1);
        (index(row, self.origin.0, self.rows), index(col, self.origin.1, self.cols))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_blob_within_reach_is_missed(
            places in proptest::collection::vec((-50.0_f64..50.0, -1e4_f64..1e4), 1..80),
            reach in 0.01_f64..40.0,
        ) {
            let blobs: Vec<Blob<f64>> = places
                .iter()
                .map(|&(row, col)| Blob { row, col, sigma_row: 1.0, sigma_col: 1.0 })
                .collect();
            let grid = Grid::new(&blobs, reach);
            for a in &blobs {
                let near: Vec<usize> = grid.near(a).collect();
                for (j, b) in blobs.iter().enumerate() {
                    let distance = (a.row - b.row).hypot(a.col - b.col);
                    prop_assert!(distance > reach || near.contains(&j));
                }
            }
        }
    }

    #[test]
    fn no_blobs_make_an_empty_grid() {
        let grid = Grid::new::<f64>(&[], 1.0);
        let blob = Blob { row: 0.0, col: 0.0, sigma_row: 1.0, sigma_col: 1.0 };
        assert_eq!(grid.near(&blob).count(), 0);
    }
}
