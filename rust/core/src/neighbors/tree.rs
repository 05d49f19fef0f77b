//! Look-ups in a balanced k-d tree, for points spread in any way.

use std::ops::Range;

use super::batch::{Batch, Bounds, Site};
use super::nearest::{LANES, Nearest};
use super::{Index, MANY_NEIGHBORS, POINTS_PER_THREAD};
use crate::interrupt::{Effort, Interrupted};
use crate::{Result, parallel};

/// Points of a leaf; only the last leaf may have fewer. With 2 batches 200,000 points take 10 %
/// longer, with 4 as long.
const LEAF: usize = 3 * LANES;

/// A tree split at the median of the wider side: whatever the distribution of the points, its depth
/// is logarithmic.
///
/// A node is a range of leaves, halved at its middle. The nodes below it follow it in `bounds`,
/// the lower half first: a node of n leaves takes 2 n - 1 places.
pub(super) struct Tree {
    sites: Vec<Site>,
    /// The least rectangle around the points of each node. Since it and not the split decides
    /// whether a node is visited, empty space around dense points costs nothing.
    bounds: Vec<Bounds>,
}

impl Tree {
    /// Of at least one point. Of no use once the answer is to stop.
    pub(super) fn new(points: &[[f64; 2]], effort: Effort<'_>) -> Self {
        let site = |(index, &place)| Site { place, index };
        let mut sites: Vec<Site> = points.iter().enumerate().map(site).collect();
        let n_nodes = 2 * sites.len().div_ceil(LEAF) - 1;
        let mut bounds = vec![Bounds::EVERYWHERE; n_nodes];
        divide(&mut sites, &mut bounds, effort.threads.get(), effort.interrupted);
        Self { sites, bounds }
    }

    fn leaf(&self, leaf: usize) -> Range<usize> {
        leaf * LEAF..((leaf + 1) * LEAF).min(self.sites.len())
    }

    /// Takes the points of `own`, all in one leaf, to that leaf and to all others that may change
    /// their sums.
    #[inline(always)]
    fn look_up<N: Nearest>(&self, own: Range<usize>, nearest: &mut N, ahead: &mut Vec<Node>) {
        let batch = Batch::new(&self.sites[own.clone()]);
        let leaf = own.start / LEAF;
        let span = self.leaf(leaf);
        nearest.clear();
        batch.meet_itself(nearest);
        batch.meet(&self.sites[span.start..own.start], nearest);
        batch.meet(&self.sites[own.end..span.end], nearest);
        // A stack of its own, as a function that calls itself is not compiled into its caller.
        ahead.push(Node { place: 0, leaves: 0..self.sites.len().div_ceil(LEAF) });
        while let Some(Node { place, leaves }) = ahead.pop() {
            let is_own = leaves.contains(&leaf);
            if !is_own && !batch.may_gain(&self.bounds[place], nearest) {
                continue;
            }
            if leaves.len() == 1 {
                if !is_own {
                    batch.meet(&self.sites[self.leaf(leaves.start)], nearest);
                }
                continue;
            }
            let middle = usize::midpoint(leaves.start, leaves.end);
            let above_place = place + 2 * (middle - leaves.start);
            let below = Node { place: place + 1, leaves: leaves.start..middle };
            let above = Node { place: above_place, leaves: middle..leaves.end };
            // The half on the own leaf's side first: what is near lowers the limit for the other.
            ahead.extend(if leaf < middle { [above, below] } else { [below, above] });
        }
    }
}

/// A node, and its leaves.
struct Node {
    /// Where its bounds are.
    place: usize,
    leaves: Range<usize>,
}

impl Index for Tree {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Ranges of points.
    fn tasks(&self, points: usize) -> Vec<Range<usize>> {
        let (all, step) = (self.sites.len(), points.next_multiple_of(LEAF));
        (0..all).step_by(step).map(|start| start..(start + step).min(all)).collect()
    }

    #[inline(always)]
    fn sums<N: Nearest>(
        &self,
        points: &Range<usize>,
        mut nearest: N,
        effort: Effort<'_>,
    ) -> Result<Vec<f64>> {
        let takes_long = nearest.count() >= MANY_NEIGHBORS;
        let mut sums = Vec::with_capacity(points.len());
        let mut ahead = Vec::new();
        for start in points.clone().step_by(LANES) {
            let own = start..(start + LANES).min(points.end);
            let count = own.len();
            if takes_long {
                effort.check()?;
            }
            self.look_up(own, &mut nearest, &mut ahead);
            sums.extend_from_slice(&nearest.sums()[..count]);
        }
        Ok(sums)
    }
}

/// Orders the points of a node so that its leaves lie side by side, and notes the bounds of its
/// nodes.
fn divide(sites: &mut [Site], bounds: &mut [Bounds], threads: usize, interrupted: Interrupted<'_>) {
    let Some((own, bounds)) = bounds.split_first_mut() else { return };
    *own = Bounds::around(sites.iter().map(|site| &site.place));
    if sites.len() <= LEAF || (sites.len() >= POINTS_PER_THREAD && interrupted()) {
        return;
    }
    let extent = |axis: usize| own.high[axis] - own.low[axis];
    let axis = usize::from(extent(1) > extent(0));
    let leaves = sites.len().div_ceil(LEAF) / 2;
    let middle = leaves * LEAF;
    sites.select_nth_unstable_by(middle, |a, b| a.place[axis].total_cmp(&b.place[axis]));
    let (below, above) = sites.split_at_mut(middle);
    let (bounds_below, bounds_above) = bounds.split_at_mut(2 * leaves - 1);
    if threads > 1 && middle >= POINTS_PER_THREAD {
        parallel::both(
            || divide(below, bounds_below, threads / 2, interrupted),
            || divide(above, bounds_above, threads - threads / 2, interrupted),
        );
    } else {
        divide(below, bounds_below, 1, interrupted);
        divide(above, bounds_above, 1, interrupted);
    }
}
