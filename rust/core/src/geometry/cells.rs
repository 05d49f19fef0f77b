//! Blobs numbered by the cells of a uniform grid, to look up those near another.

use std::ops::Range;

/// Points per cell on average: large enough that cells are cheap to walk, small enough that
/// a window of cells around a point holds little else than what is near.
const PER_CELL: f64 = 3.0;

/// Coordinates that suffice to tell where an axis' cells are.
const SAMPLE: usize = 1 << 12;

/// One in so many points is left out at each end of an axis when cells are laid out.
const FEW: usize = 64;

/// A uniform grid whose cells follow one another row by row, and whose members are numbered in
/// that order: what is close in space is close in memory, and the cells of a row from one column
/// to another hold consecutive numbers.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    cell: f64,
    origin: [f64; 2],
    rows: usize,
    cols: usize,
    starts: Vec<u32>,
}

impl Cells {
    /// The cells of some points, and for each number the index of the point that bears it.
    pub(crate) fn new(points: &[[f64; 2]]) -> (Self, Vec<u32>) {
        Self::of(points.len(), |index| points[index])
    }

    /// As [`Cells::new`], of so many points by their index.
    pub(crate) fn of(len: usize, point: impl Fn(usize) -> [f64; 2]) -> (Self, Vec<u32>) {
        let spans = [0, 1].map(|axis| inner_span(len, |index| point(index)[axis]));
        let origin = spans.map(|(first, _)| first);
        let extent = spans.map(|(first, last)| (last - first).max(0.0));
        let most = (len as f64 / PER_CELL).max(1.0);
        // The bounds keep the number of cells near `most` in area and along each axis.
        let cell = ((extent[0] / most).sqrt() * extent[1].sqrt())
            .max(extent[0].max(extent[1]) / most)
            .max(f64::MIN_POSITIVE);
        let [rows, cols] = extent.map(|extent| (extent / cell) as usize + 1);
        let mut cells = Self { cell, origin, rows, cols, starts: vec![0; rows * cols + 1] };
        let cell_of = |[row, col]: [f64; 2]| cells.row_of(row) * cols + cells.col_of(col);
        let cell_of: Vec<u32> = (0..len).map(|index| cell_of(point(index)) as u32).collect();
        for &cell in &cell_of {
            cells.starts[cell as usize + 1] += 1;
        }
        for cell in 0..rows * cols {
            cells.starts[cell + 1] += cells.starts[cell];
        }
        let mut next = cells.starts.clone();
        let mut order = vec![0; len];
        for (index, &cell) in cell_of.iter().enumerate() {
            let place = &mut next[cell as usize];
            order[*place as usize] = index as u32;
            *place += 1;
        }
        (cells, order)
    }

    /// Side of a cell.
    pub(crate) fn side(&self) -> f64 {
        self.cell
    }

    /// Numbers of all members whose row and column differ by up to `radius` from the point's, and
    /// of some others; row by row of cells.
    ///
    /// The cell of a coordinate does not fall as the coordinate grows, nor does rounding change an
    /// order, so nothing within the radius is missed.
    pub(crate) fn around(&self, point: [f64; 2], radius: f64) -> Window<'_> {
        let [row, col] = point;
        Window {
            cells: self,
            rows: self.row_of(row - radius)..self.row_of(row + radius) + 1,
            cols: self.col_of(col - radius)..self.col_of(col + radius) + 1,
        }
    }

    fn row_of(&self, row: f64) -> usize {
        (((row - self.origin[0]) / self.cell) as usize).min(self.rows - 1)
    }

    fn col_of(&self, col: f64) -> usize {
        (((col - self.origin[1]) / self.cell) as usize).min(self.cols - 1)
    }
}

/// The first and last of some coordinates, or about, if a few of them are far from the others:
/// where these lie decides how large cells are, and the few are taken into the outermost.
fn inner_span(len: usize, coordinate: impl Fn(usize) -> f64) -> (f64, f64) {
    let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
    for x in (0..len).map(&coordinate) {
        first = if x < first { x } else { first };
        last = if x > last { x } else { last };
    }
    // Of many, so many tell as much: one in each of as many stretches, at a place in it that no
    // order of the coordinates follows.
    let stretch = len.div_ceil(SAMPLE).max(1);
    let mut state = 1_u64;
    let place = |start: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        start + (state >> 33) as usize % stretch
    };
    let places = (0..len).step_by(stretch).map(place).filter(|&index| index < len);
    let mut sample: Vec<f64> = places.map(coordinate).collect();
    let (len, few) = (sample.len(), sample.len() / FEW);
    if few == 0 {
        return (first, last);
    }
    let low = *sample.select_nth_unstable_by(few, f64::total_cmp).1;
    let high = *sample.select_nth_unstable_by(len - 1 - few, f64::total_cmp).1;
    // If all are spread evenly, this is beyond the last on both sides.
    let margin = 3.0 * (high - low) / FEW as f64;
    (first.max(low - margin), last.min(high + margin))
}

/// A rectangle of cells.
pub(crate) struct Window<'a> {
    cells: &'a Cells,
    rows: Range<usize>,
    cols: Range<usize>,
}

impl<'a> Window<'a> {
    /// Whether no cell lies outside.
    pub(crate) fn is_all(&self) -> bool {
        (self.rows.len(), self.cols.len()) == (self.cells.rows, self.cells.cols)
    }

    /// The numbers of the members, one range per row of cells.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let Cells { cols, starts, .. } = self.cells;
        let columns = self.cols.clone();
        self.rows.clone().map(move |row| {
            let first = starts[row * cols + columns.start] as usize;
            let last = starts[row * cols + columns.end] as usize;
            first..last
        })
    }
}

pub(crate) fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (rows, cols) = (a[0] - b[0], a[1] - b[1]);
    rows * rows + cols * cols
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_point_within_the_radius_is_missed(
            places in proptest::collection::vec((-50.0_f64..50.0, -1e4_f64..1e4), 1..80),
            radius in 0.0_f64..60.0,
        ) {
            let points: Vec<[f64; 2]> = places.into_iter().map(|(row, col)| [row, col]).collect();
            let (cells, order) = Cells::new(&points);
            let mut numbered: Vec<u32> = order.clone();
            numbered.sort_unstable();
            prop_assert!(numbered.into_iter().eq(0..points.len() as u32));
            for a in &points {
                let window = cells.around(*a, radius);
                let inside: Vec<u32> =
                    window.spans().flatten().map(|number| order[number]).collect();
                for (j, b) in points.iter().enumerate() {
                    let near = squared_distance(*a, *b) <= radius * radius;
                    prop_assert!(!near || inside.contains(&(j as u32)));
                }
                prop_assert!(!window.is_all() || inside.len() == points.len());
            }
        }
    }

    #[test]
    fn a_few_far_points_do_not_coarsen_the_cells() {
        let mut points: Vec<[f64; 2]> =
            (0..10_000).map(|i| [f64::from(i / 100), f64::from(i % 100)]).collect();
        points.extend([[1e300, -1e300], [f64::MAX, 5.0], [-f64::MAX, 5.0]]);
        let (cells, order) = Cells::new(&points);
        let near = cells.around([50.0, 50.0], 2.0);
        let near: Vec<usize> = near.spans().flatten().collect();
        assert!((25..200).contains(&near.len()), "{}", near.len());
        // The far ones are found where they are.
        let far = |point: [f64; 2]| {
            cells.around(point, 1.0).spans().flatten().any(|n| points[order[n] as usize] == point)
        };
        assert!(points[10_000..].iter().all(|&point| far(point)));
    }

    #[test]
    fn no_points_and_points_at_one_place() {
        let (cells, order) = Cells::new(&[]);
        assert!(order.is_empty());
        assert_eq!(cells.around([1.0, 2.0], 3.0).spans().flatten().count(), 0);
        let (cells, _) = Cells::new(&[[1.0, 2.0]; 5]);
        assert!(cells.around([1.0, 2.0], 0.0).spans().flatten().eq(0..5));
    }
}
