//! Sums of distances to nearest neighbours.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::{Error, Result, parallel};

/// Points per task: enough that a task's cost dwarfs that of handing it out.
const POINTS_PER_TASK: usize = 4096;

/// For each point `(row, col)` the sum of its distances to its `n_neighbors` nearest others.
///
/// Where there are fewer others, those there are count; a point alone has the sum 0. Points at the
/// same place are neighbours at distance 0. Distances are summed from the nearest outwards.
///
/// # Errors
/// [`Error::PointNotFinite`], [`Error::NeighborCount`].
pub fn distance_sums(
    points: &[[f64; 2]],
    n_neighbors: usize,
    threads: NonZeroUsize,
) -> Result<Vec<f64>> {
    if n_neighbors == 0 {
        return Err(Error::NeighborCount(n_neighbors));
    }
    if let Some(index) = points.iter().position(|p| !(p[0].is_finite() && p[1].is_finite())) {
        let [row, col] = points[index];
        return Err(Error::PointNotFinite { index, row, col });
    }
    let n_neighbors = n_neighbors.min(points.len().saturating_sub(1));
    if n_neighbors == 0 {
        return Ok(vec![0.0; points.len()]);
    }
    let tree = Tree::new(points);
    // Points close in the tree are close in space: a task's look-ups touch the same memory.
    let tasks: Vec<&[usize]> = tree.order.chunks(POINTS_PER_TASK).collect();
    let sums = parallel::map(&tasks, threads, |task| {
        let mut nearest = Nearest::new(n_neighbors);
        task.iter().map(|&index| tree.distance_sum(index, &mut nearest)).collect::<Vec<_>>()
    });
    let mut result = vec![0.0; points.len()];
    for (&index, sum) in tree.order.iter().zip(sums.into_iter().flatten()) {
        result[index] = sum;
    }
    Ok(result)
}

/// Leaves hold up to this many points.
const LEAF: usize = 8;

/// Points below `value` along `axis` lie in a node's lower half, points above it in its upper
/// half, points on it in either.
#[derive(Clone, Copy, Default)]
struct Split {
    axis: usize,
    value: f64,
}

/// A balanced k-d tree, split at the median of the wider side: whatever the distribution of the
/// points, its depth is logarithmic.
///
/// A node is a range of `order`; the place of its median splits it in two.
struct Tree<'a> {
    points: &'a [[f64; 2]],
    order: Vec<usize>,
    /// For the place of each node's median, how the node is split.
    splits: Vec<Split>,
}

impl<'a> Tree<'a> {
    fn new(points: &'a [[f64; 2]]) -> Self {
        let mut order: Vec<usize> = (0..points.len()).collect();
        let mut splits = vec![Split::default(); points.len()];
        halve(points, &mut order, &mut splits);
        Self { points, order, splits }
    }

    fn distance_sum(&self, index: usize, nearest: &mut Nearest) -> f64 {
        nearest.squared.fill(f64::INFINITY);
        self.visit(0..self.order.len(), index, nearest);
        nearest.squared.iter().map(|squared| squared.sqrt()).sum()
    }

    fn visit(&self, node: Range<usize>, index: usize, nearest: &mut Nearest) {
        let point = self.points[index];
        if node.len() <= LEAF {
            for &other in self.order[node].iter().filter(|&&other| other != index) {
                nearest.offer(squared_distance(point, self.points[other]));
            }
            return;
        }
        let middle = usize::midpoint(node.start, node.end);
        let Split { axis, value } = self.splits[middle];
        let offset = point[axis] - value;
        let (below, above) = (node.start..middle, middle..node.end);
        let (near, far) = if offset < 0.0 { (below, above) } else { (above, below) };
        self.visit(near, index, nearest);
        if offset * offset < nearest.worst() {
            self.visit(far, index, nearest);
        }
    }
}

fn halve(points: &[[f64; 2]], order: &mut [usize], splits: &mut [Split]) {
    if order.len() <= LEAF {
        return;
    }
    let extent = |axis: usize| {
        let values = order.iter().map(|&i| points[i][axis]);
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        high - low
    };
    let axis = usize::from(extent(1) > extent(0));
    let middle = order.len() / 2;
    order.select_nth_unstable_by(middle, |&a, &b| points[a][axis].total_cmp(&points[b][axis]));
    // The upper half begins at this place, but its own middle lies beyond: nothing overwrites it.
    splits[middle] = Split { axis, value: points[order[middle]][axis] };
    let (below, above) = order.split_at_mut(middle);
    let (splits_below, splits_above) = splits.split_at_mut(middle);
    halve(points, below, splits_below);
    halve(points, above, splits_above);
}

fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (rows, cols) = (a[0] - b[0], a[1] - b[1]);
    rows * rows + cols * cols
}

/// The least squared distances so far, ascending.
struct Nearest {
    squared: Vec<f64>,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self { squared: vec![f64::INFINITY; count] }
    }

    fn worst(&self) -> f64 {
        self.squared[self.squared.len() - 1]
    }

    fn offer(&mut self, squared: f64) {
        if squared >= self.worst() {
            return;
        }
        let mut place = self.squared.len() - 1;
        while place > 0 && self.squared[place - 1] > squared {
            self.squared[place] = self.squared[place - 1];
            place -= 1;
        }
        self.squared[place] = squared;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow_twin(points: &[[f64; 2]], n_neighbors: usize) -> Vec<f64> {
        let sum_at = |i: usize| {
            let others = points.iter().enumerate().filter(|&(j, _)| j != i);
            let mut squared: Vec<f64> =
                others.map(|(_, &other)| squared_distance(points[i], other)).collect();
            squared.sort_by(f64::total_cmp);
            squared.iter().take(n_neighbors).map(|squared| squared.sqrt()).sum()
        };
        (0..points.len()).map(sum_at).collect()
    }

    fn on(threads: usize) -> NonZeroUsize {
        NonZeroUsize::new(threads).unwrap()
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_definition(
            scattered in proptest::collection::vec((-1e3_f64..1e3, -1e3_f64..1e3), 0..60),
            // A coarse lattice makes duplicates, lines and equal distances.
            gridded in proptest::collection::vec((0_u8..6, 0_u8..3), 0..60),
            n_neighbors in 1_usize..10,
            threads in 1_usize..4,
        ) {
            let points: Vec<[f64; 2]> = scattered
                .into_iter()
                .chain(gridded.into_iter().map(|(row, col)| (row.into(), col.into())))
                .map(|(row, col)| [row, col])
                .collect();
            let sums = distance_sums(&points, n_neighbors, on(threads)).unwrap();
            prop_assert_eq!(sums, slow_twin(&points, n_neighbors));
        }
    }

    #[test]
    fn a_square_lattice_has_four_neighbours_at_its_pitch() {
        let points: Vec<[f64; 2]> =
            (0..100).map(|i| [f64::from(i / 10) * 3.0, f64::from(i % 10) * 3.0]).collect();
        let sums = distance_sums(&points, 4, on(2)).unwrap();
        assert!((sums[55] - 12.0).abs() < 1e-12);
        // In the corner: two at the pitch, one on the diagonal, one two pitches away.
        assert!((sums[0] - (3.0 + 3.0 + 18.0_f64.sqrt() + 6.0)).abs() < 1e-12);
    }

    #[test]
    fn fewer_points_than_neighbours() {
        assert!(distance_sums(&[], 4, on(1)).unwrap().is_empty());
        assert_eq!(distance_sums(&[[1.0, 2.0]], 4, on(1)).unwrap(), [0.0]);
        assert_eq!(distance_sums(&[[0.0, 0.0], [3.0, 4.0]], 4, on(1)).unwrap(), [5.0, 5.0]);
    }

    #[test]
    fn duplicates_and_lines_stay_fast() {
        // Quadratic time would take minutes here.
        let same = vec![[1.0, 1.0]; 200_000];
        assert!(distance_sums(&same, 4, on(2)).unwrap().iter().all(|&sum| sum == 0.0));
        let line: Vec<[f64; 2]> = (0..200_000).map(|i| [f64::from(i), 0.0]).collect();
        let sums = distance_sums(&line, 4, on(2)).unwrap();
        assert_eq!((sums[0], sums[100_000]), (10.0, 6.0));
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(distance_sums(&[], 0, on(1)), Err(Error::NeighborCount(0)));
        let error = distance_sums(&[[0.0, 0.0], [f64::INFINITY, 2.0]], 4, on(1)).unwrap_err();
        assert_eq!(error, Error::PointNotFinite { index: 1, row: f64::INFINITY, col: 2.0 });
    }
}
