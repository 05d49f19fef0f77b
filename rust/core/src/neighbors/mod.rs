//! Sums of distances to nearest neighbours.
//!
//! Points spread evenly, as atoms are, are looked up in a grid; others in a k-d tree. In both,
//! neighbouring points are looked up together: they meet the same others, several to an
//! instruction.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::interrupt::Effort;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};
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

/// From so many neighbours on a look-up takes so long that the question whether to stop before
/// each costs nothing beside it.
const MANY_NEIGHBORS: usize = 256;

/// For each point `(row, col)` the sum of its distances to its `n_neighbors` nearest others.
///
/// Where there are fewer others, those there are count; a point alone has the sum 0. Points at the
/// same place are neighbours at distance 0. Distances are summed from the nearest outwards. The
/// result depends neither on the number of threads nor on the instruction set.
///
/// # Errors
/// [`Error::PointNotFinite`], [`Error::NeighborCount`], [`Error::Memory`],
/// [`Error::Interrupted`].
pub fn distance_sums(
    points: &[[f64; 2]],
    n_neighbors: usize,
    effort: Effort<'_>,
    instruction_set: InstructionSet,
) -> Result<Vec<f64>> {
    if n_neighbors == 0 {
        return Err(Error::NeighborCount(n_neighbors));
    }
    if let Some(index) = points.iter().position(|p| !(p[0].is_finite() && p[1].is_finite())) {
        let [row, col] = points[index];
        return Err(Error::PointNotFinite { index, row, col });
    }
    let n_neighbors = n_neighbors.min(points.len().saturating_sub(1));
    let work = Work { points, effort, instruction_set };
    match n_neighbors {
        0 => Ok(vec![0.0; points.len()]),
        1..=4 => work.sums(&Network::<4>::new(n_neighbors)),
        5..=8 => work.sums(&Network::<8>::new(n_neighbors)),
        9..=16 => work.sums(&Network::<16>::new(n_neighbors)),
        17..=32 => work.sums(&Network::<32>::new(n_neighbors)),
        _ => work.sums(&Pool::new(n_neighbors)?),
    }
}

/// What is summed for, and with what.
struct Work<'a> {
    points: &'a [[f64; 2]],
    effort: Effort<'a>,
    instruction_set: InstructionSet,
}

impl Work<'_> {
    fn sums<N: Nearest + Sync>(mut self, nearest: &N) -> Result<Vec<f64>> {
        let worth_starting = NonZeroUsize::new(self.points.len() / POINTS_PER_THREAD);
        let threads = &mut self.effort.threads;
        *threads = (*threads).min(worth_starting.unwrap_or(NonZeroUsize::MIN));
        match Grid::new(self.points, nearest.count()) {
            Some(grid) => self.sums_by(&grid, nearest),
            None => self.sums_by(&Tree::new(self.points, self.effort), nearest),
        }
    }

    fn sums_by<I: Index, N: Nearest + Sync>(&self, index: &I, nearest: &N) -> Result<Vec<f64>> {
        let tasks = index.tasks(POINTS_PER_TASK);
        let set = if N::WIDE { self.instruction_set } else { InstructionSet::Baseline };
        let sums = parallel::map(&tasks, self.effort.threads, |task| {
            let kernel = TaskSums { index, task, nearest: nearest.clone(), effort: self.effort };
            self.effort.check()?;
            set.run(kernel)
        });
        let mut result = vec![0.0; index.sites().len()];
        let mut sites = index.sites().iter();
        for sums in sums {
            for (sum, site) in sums?.into_iter().zip(&mut sites) {
                result[site.index] = sum;
            }
        }
        Ok(result)
    }
}

/// The sums of a task, compiled for each instruction set: the vectors are the compiler's.
struct TaskSums<'a, I, N> {
    index: &'a I,
    task: &'a Range<usize>,
    nearest: N,
    effort: Effort<'a>,
}

impl<I: Index, N: Nearest> Kernel for TaskSums<'_, I, N> {
    type Output = Result<Vec<f64>>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Result<Vec<f64>> {
        self.index.sums(self.task, self.nearest, self.effort)
    }
}

/// Points in an order in which neighbours are close, and the way to them.
trait Index: Sync {
    /// The points in that order.
    fn sites(&self) -> &[Site];

    /// Tasks of about so many points each; one after the other they are all sites in order.
    fn tasks(&self, points: usize) -> Vec<Range<usize>>;

    /// The sum of each site of a task. `inline(always)`, as all that it calls, so that it is compiled
    /// for the caller's instruction set.
    ///
    /// # Errors
    /// [`Error::Memory`]; [`Error::Interrupted`], which is asked for where a look-up takes long.
    fn sums<N: Nearest>(
        &self,
        task: &Range<usize>,
        nearest: N,
        effort: Effort<'_>,
    ) -> Result<Vec<f64>>;
}
