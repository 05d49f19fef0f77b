//! Look-ups in a grid of equal cells, for points spread evenly.

use std::ops::Range;

use super::axis::Axis;
use super::batch::{Batch, Bounds, Site};
use super::nearest::{LANES, Nearest};
use super::{Index, MANY_NEIGHBORS};
use crate::Result;
use crate::interrupt::Effort;

/// The sum of the squared point counts of cells, as a multiple of that of points spread by chance,
/// above which points are spread unevenly: where the tree becomes as fast. A normal distribution
/// has 5 (grid 127, tree 190 ns a point), an eighth of the area 6, a sixteenth 11 (256 and 188).
const MOST_CROWDING: f64 = 6.0;

/// Points in the cells of a grid.
///
/// The points of a cell lie side by side in memory, as do the cells of a row. Rows run along the
/// wider side of the points: the places of the sites are swapped where that is the first axis.
pub(super) struct Grid {
    sites: Vec<Site>,
    /// Where each cell starts in `sites`, by row and column, and where the last one ends.
    starts: Vec<u32>,
    /// Across the rows and along them.
    axes: [Axis; 2],
}

impl Grid {
    /// None for points spread so unevenly, or over distances so extreme, that a grid is no use.
    ///
    /// All look-ups together take linear time: what they meet nearby is bounded by the crowding, and
    /// only few points can have many empty cells around them.
    pub(super) fn new(points: &[[f64; 2]], n_neighbors: usize) -> Option<Self> {
        let n_points = u32::try_from(points.len()).ok()?;
        let bounds = Bounds::around(points.iter());
        let extent = [bounds.high[0] - bounds.low[0], bounds.high[1] - bounds.low[1]];
        let wide = usize::from(extent[1] >= extent[0]);
        let per_cell = points_per_cell(n_neighbors);
        let share = per_cell / f64::from(n_points);
        // Points on a line, or nearly so, get a single row.
        let side = ((extent[0] * share).sqrt() * extent[1].sqrt()).max(extent[wide] * share);
        let axis = |axis: usize| Axis::new(bounds.low[axis], bounds.high[axis], side);
        let (rows, cols) = (axis(1 - wide)?, axis(wide)?);

        let place = |point: &[f64; 2]| [point[1 - wide], point[wide]];
        let mut counts = vec![0_u32; rows.cells * cols.cells + 1];
        let cell_of = |point: &[f64; 2]| {
            let [row, col] = place(point);
            let cell = rows.cell(row) * cols.cells + cols.cell(col);
            counts[cell] += 1;
            cell as u32
        };
        let cells: Vec<u32> = points.iter().map(cell_of).collect();
        let crowding: u64 = counts.iter().map(|&count| u64::from(count).pow(2)).sum();
        // By chance, counts are Poisson's: their mean square is the square of the mean plus it.
        if crowding as f64 > MOST_CROWDING * (per_cell + 1.0) * f64::from(n_points) {
            return None;
        }
        let mut starts = counts;
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut sites = vec![Site::default(); points.len()];
        for (index, (point, &cell)) in points.iter().zip(&cells).enumerate() {
            let start = &mut starts[cell as usize];
            *start -= 1;
            sites[*start as usize] = Site { place: place(point), index };
        }
        Some(Self { sites, starts, axes: [rows, cols] })
    }

    /// The points in these columns of a row.
    #[inline(always)]
    fn span(&self, row: usize, cols: &Range<usize>) -> Range<usize> {
        let first = row * self.axes[1].cells;
        self.starts[first + cols.start] as usize..self.starts[first + cols.end] as usize
    }

    /// Takes the points of `own`, all in this row, to the cells around them, and further as long as
    /// that may change their sums.
    #[inline(always)]
    fn look_up<N: Nearest>(&self, row: usize, own: Range<usize>, nearest: &mut N) {
        let batch = Batch::new(&self.sites[own.clone()]);
        let [first, last] =
            [own.start, own.end - 1].map(|i| self.axes[1].cell(self.sites[i].place[1]));
        let rows = row.saturating_sub(1)..(row + 2).min(self.axes[0].cells);
        let cols = first.saturating_sub(1)..(last + 2).min(self.axes[1].cells);
        nearest.clear();
        batch.meet_itself(nearest);
        for other in rows.clone() {
            let span = self.span(other, &cols);
            if other == row {
                batch.meet(&self.sites[span.start..own.start], nearest);
                batch.meet(&self.sites[own.end..span.end], nearest);
            } else {
                batch.meet(&self.sites[span], nearest);
            }
        }
        let met = Bounds {
            low: [self.axes[0].at_most[rows.start], self.axes[1].at_most[cols.start]],
            high: [self.axes[0].at_least[rows.end], self.axes[1].at_least[cols.end]],
        };
        if batch.may_gain_outside(&met, nearest) {
            *nearest = self.look_further(&batch, [rows, cols], nearest.clone());
        }
    }

    /// Adds cells on the sides where a place may change any sum, until there are none.
    // Apart and by value, so that the distances stay in registers where it is called from.
    #[inline(never)]
    fn look_further<N: Nearest>(
        &self,
        batch: &Batch,
        mut reach: [Range<usize>; 2],
        mut nearest: N,
    ) -> N {
        loop {
            let met = reach.clone();
            for (axis, cells) in self.axes.iter().enumerate() {
                let mut before = Bounds::EVERYWHERE;
                before.high[axis] = cells.at_most[reach[axis].start];
                if batch.may_gain(&before, &nearest) {
                    reach[axis].start -= 1;
                    let mut added = reach.clone();
                    added[axis].end = added[axis].start + 1;
                    self.meet(batch, added, &mut nearest);
                }
                let mut after = Bounds::EVERYWHERE;
                after.low[axis] = cells.at_least[reach[axis].end];
                if batch.may_gain(&after, &nearest) {
                    reach[axis].end += 1;
                    let mut added = reach.clone();
                    added[axis].start = added[axis].end - 1;
                    self.meet(batch, added, &mut nearest);
                }
            }
            if met == reach {
                return nearest;
            }
        }
    }

    fn meet<N: Nearest>(&self, batch: &Batch, [rows, cols]: [Range<usize>; 2], nearest: &mut N) {
        for row in rows {
            batch.meet(&self.sites[self.span(row, &cols)], nearest);
        }
    }
}

impl Index for Grid {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Ranges of rows.
    fn tasks(&self, points: usize) -> Vec<Range<usize>> {
        let rows = self.axes[0].cells;
        let step = (rows * points).div_ceil(self.sites.len());
        (0..rows).step_by(step).map(|row| row..(row + step).min(rows)).collect()
    }

    #[inline(always)]
    fn sums<N: Nearest>(
        &self,
        rows: &Range<usize>,
        mut nearest: N,
        effort: Effort<'_>,
    ) -> Result<Vec<f64>> {
        let takes_long = nearest.count() >= MANY_NEIGHBORS;
        let mut sums = Vec::new();
        for row in rows.clone() {
            let span = self.span(row, &(0..self.axes[1].cells));
            sums.reserve(span.len());
            for start in span.clone().step_by(LANES) {
                let own = start..(start + LANES).min(span.end);
                let count = own.len();
                if takes_long {
                    effort.check()?;
                }
                self.look_up(row, own, &mut nearest);
                sums.extend_from_slice(&nearest.sums()[..count]);
            }
        }
        Ok(sums)
    }
}

/// Enough that the nearest are mostly among the cells around a point's own. For 4 neighbours, 1.5
/// would make points spread by chance 15 % slower and a lattice 6 % faster, 2.5 a lattice 8 %
/// slower; for 32 the half or the double costs as much.
fn points_per_cell(n_neighbors: usize) -> f64 {
    (n_neighbors as f64).sqrt()
}
