//! Sums of distances to nearest neighbours.
//!
//! Points spread evenly, as atoms are, are looked up in a grid; others in a k-d tree. In both,
//! neighbouring points are looked up together: they meet the same others, several to an
//! instruction.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::{Error, Result, parallel};

use batch::Site;
use grid::Grid;
use nearest::{Nearest, Network, Pool};
use tree::Tree;

mod axis;
mod batch;
mod grid;
mod nearest;
#[cfg(test)]
mod tests;
mod tree;

/// Points per task: enough that a task's cost dwarfs that of handing it out, few enough that
/// threads end at about the same time.
const POINTS_PER_TASK: usize = 512;

/// Points that a thread is started for at least: starting it takes 50 us, as do 1,000 points.
const POINTS_PER_THREAD: usize = 4096;

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
    Ok(match n_neighbors {
        0 => vec![0.0; points.len()],
        1..=4 => sums(points, &Network::<4>::new(n_neighbors), threads),
        5..=8 => sums(points, &Network::<8>::new(n_neighbors), threads),
        9..=16 => sums(points, &Network::<16>::new(n_neighbors), threads),
        17..=32 => sums(points, &Network::<32>::new(n_neighbors), threads),
        _ => sums(points, &Pool::new(n_neighbors), threads),
    })
}

fn sums<N: Nearest + Sync>(points: &[[f64; 2]], nearest: &N, threads: NonZeroUsize) -> Vec<f64> {
    let worth_starting = NonZeroUsize::new(points.len() / POINTS_PER_THREAD);
    let threads = threads.min(worth_starting.unwrap_or(NonZeroUsize::MIN));
    match Grid::new(points, nearest.count()) {
        Some(grid) => sums_by(&grid, nearest, threads),
        None => sums_by(&Tree::new(points, threads), nearest, threads),
    }
}

fn sums_by<I: Index, N: Nearest + Sync>(index: &I, nearest: &N, threads: NonZeroUsize) -> Vec<f64> {
    let tasks = index.tasks(POINTS_PER_TASK);
    let sums = parallel::map(&tasks, threads, |task| index.sums(task, nearest.clone()));
    let mut result = vec![0.0; index.sites().len()];
    for (site, sum) in index.sites().iter().zip(sums.into_iter().flatten()) {
        result[site.index] = sum;
    }
    result
}

/// Points in an order in which neighbours are close, and the way to them.
trait Index: Sync {
    /// The points in that order.
    fn sites(&self) -> &[Site];

    /// Tasks of about so many points each; one after the other they are all sites in order.
    fn tasks(&self, points: usize) -> Vec<Range<usize>>;

    /// The sum of each site of a task.
    fn sums<N: Nearest>(&self, task: &Range<usize>, nearest: N) -> Vec<f64>;
}
