//! The nearest candidates of each candidate, and whose nearest it is.
//!
//! Only where two candidates are close can one of them be crowded, and where atoms stand clear of
//! noise few are. So lists are made for those alone that have another one near, which the distance
//! to the nearest tells for a small part of the time.

use crate::geometry::cells::{Cells, squared_distance};
use crate::interrupt::Effort;
use crate::{Result, parallel};

/// Lengths of the lists. A question that they do not answer is answered by a search, so this is
/// about speed only: shorter ones are exhausted more often, longer ones take memory (12 bytes per
/// entry with its reverse) and time to set up.
pub(super) const SHORT: usize = 16;
/// Where several candidates stand for one atom, as many more have to be passed over.
pub(super) const LONG: usize = 32;

/// Bits of an entry of the reverse lists that hold the place in the list.
const PLACE_BITS: u32 = LONG.trailing_zeros();

/// The most candidates that are held: their lists then take 800 MB, and a reverse entry 32 bits.
pub(super) const MAX_CANDIDATES: usize = 1 << 21;

/// Candidates per task.
const PER_TASK: usize = 512;

/// A candidate in another's list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbor {
    pub id: u32,
    /// Its distance, rounded down: what is farther down the list, or in none, is at least as far.
    /// Exact distances follow from the points; eight short entries fill a cache line, which is
    /// as much as most questions read.
    pub at_least: f32,
}

/// Up to this bound, which covers sums of them too, a distance exceeds its `at_least` by no more
/// than [`farther`] says; beyond it squares do not fit into short floats.
pub(super) const FARTHEST: f64 = 1e18;

/// An upper bound of a distance, or of a sum of up to 2^20 of them, of which `at_least` is the sum.
pub(super) fn farther(at_least: f64) -> f64 {
    // Two roundings to 24 bits; below the least short float a square is taken for 0.
    at_least * (1.0 + 3.0 * f64::from(f32::EPSILON)) + 1e-16
}

/// The distance of each point to the nearest other, rounded down; infinite for a single one.
pub(super) fn nearest_distances(
    points: &[[f64; 2]],
    cells: &Cells,
    effort: Effort<'_>,
) -> Result<Vec<f32>> {
    let starts: Vec<usize> = (0..points.len()).step_by(PER_TASK).collect();
    let parts = parallel::map(&starts, effort.threads, |&start| {
        effort.check()?;
        let mut radius = 0.0;
        let ids = start..(start + PER_TASK).min(points.len());
        let nearest = ids.map(|id| {
            let squared = least_square(points, cells, id, &mut radius);
            if squared < f64::INFINITY {
                neighbor(entry(squared, 0)).at_least
            } else {
                f32::INFINITY
            }
        });
        Ok(nearest.collect::<Vec<f32>>())
    });
    let mut nearest = Vec::with_capacity(points.len());
    for part in parts {
        nearest.extend(part?);
    }
    Ok(nearest)
}

/// The squared distance to the nearest other point. `radius` is where to look first, and becomes
/// where to look for a neighbour's.
fn least_square(points: &[[f64; 2]], cells: &Cells, id: usize, radius: &mut f64) -> f64 {
    let point = points[id];
    *radius = radius.max(0.5 * cells.side());
    loop {
        let window = cells.around(point, *radius);
        let mut least = f64::INFINITY;
        for span in window.spans() {
            let (before, after) = (span.start..id.clamp(span.start, span.end), id + 1..span.end);
            let after = after.start.clamp(span.start, span.end)..span.end;
            for other in before.chain(after) {
                least = squared_distance(point, points[other]).min(least);
            }
        }
        if least <= *radius * *radius || window.is_all() {
            *radius = (1.1 * least.sqrt()).min(*radius);
            return least;
        }
        // One that was found may have a nearer one beside it, outside of the window.
        *radius = (1.000_001 * least.sqrt()).min(2.0 * *radius);
    }
}

#[derive(Debug)]
pub(super) struct NeighborLists {
    /// Those that have a list, rising.
    pub owners: Vec<u32>,
    length: usize,
    /// Where the list of each candidate starts, and the next one's: of one without a list the same.
    starts: Vec<u32>,
    neighbors: Vec<Neighbor>,
    reverse_starts: Vec<u32>,
    reverse: Vec<u32>,
}

impl NeighborLists {
    /// Lists of the given length, at most [`LONG`], of some of the candidates, their numbers
    /// rising.
    pub(super) fn new(
        points: &[[f64; 2]],
        cells: &Cells,
        owners: Vec<u32>,
        length: usize,
        effort: Effort<'_>,
    ) -> Result<Self> {
        let length = length.min(LONG).min(points.len().saturating_sub(1));
        let parts: Vec<&[u32]> = owners.chunks(PER_TASK).collect();
        let lists = parallel::map(&parts, effort.threads, |ids| {
            effort.check()?;
            let mut lists = Vec::with_capacity(ids.len() * length);
            let mut search = Search { points, cells, length, radius: 0.0, found: Vec::new() };
            for &id in *ids {
                lists.extend_from_slice(search.nearest_of(id as usize));
            }
            Ok(lists)
        });
        let mut neighbors: Vec<Neighbor> = Vec::with_capacity(length * owners.len());
        // By value, so that the lists are not held twice.
        for list in lists {
            neighbors.extend(list?.iter().copied().map(neighbor));
        }
        let mut starts = vec![0; points.len() + 1];
        for &id in &owners {
            starts[id as usize + 1] = length as u32;
        }
        for id in 0..points.len() {
            starts[id + 1] += starts[id];
        }
        let (reverse_starts, reverse) = reversed(&neighbors, length, &owners, points.len());
        Ok(Self { owners, length, starts, neighbors, reverse_starts, reverse })
    }

    /// The others nearest to a candidate, the nearest first as far as short floats tell; ties by
    /// number. Empty for one that has no list.
    pub(super) fn of(&self, id: usize) -> &[Neighbor] {
        &self.neighbors[self.starts[id] as usize..self.starts[id + 1] as usize]
    }

    /// The list of the owner at a place among the owners.
    pub(super) fn of_owner(&self, place: usize) -> &[Neighbor] {
        &self.neighbors[place * self.length..][..self.length]
    }

    /// In whose lists a candidate is, and at which place.
    pub(super) fn lists_with(&self, id: usize) -> impl Iterator<Item = (usize, u8)> + '_ {
        let entries = self.reverse_starts[id] as usize..self.reverse_starts[id + 1] as usize;
        self.reverse[entries]
            .iter()
            .map(|&entry| ((entry >> PLACE_BITS) as usize, (entry & ((1 << PLACE_BITS) - 1)) as u8))
    }
}

/// A squared distance, rounded down to a short float whose bits are above those of a number: as
/// integers these are of the same order.
type Entry = u64;

fn entry(squared: f64, id: usize) -> Entry {
    let nearest = squared as f32;
    let below = nearest.to_bits() - u32::from(f64::from(nearest) > squared);
    u64::from(below) << 32 | id as u64
}

fn neighbor(entry: Entry) -> Neighbor {
    let squared = f32::from_bits((entry >> 32) as u32);
    let nearest = squared.sqrt();
    // The square of a short float is exact.
    let is_above = f64::from(nearest) * f64::from(nearest) > f64::from(squared);
    let at_least = f32::from_bits(nearest.to_bits() - u32::from(is_above));
    Neighbor { id: entry as u32, at_least }
}

/// More than this many times as many as are wanted are not all sorted.
const MANY: usize = 2;

struct Search<'a> {
    points: &'a [[f64; 2]],
    cells: &'a Cells,
    length: usize,
    /// Where to look first: a little farther than was needed for the last candidate, which is a
    /// neighbour.
    radius: f64,
    found: Vec<Entry>,
}

impl Search<'_> {
    fn nearest_of(&mut self, id: usize) -> &[Entry] {
        let point = self.points[id];
        let mut radius = self.radius.max(self.cells.side());
        loop {
            let window = self.cells.around(point, radius);
            let limit = if window.is_all() { f64::INFINITY } else { radius * radius };
            // Everything is written, and what is too far is overwritten: whether it is, no branch
            // could predict.
            self.found.resize(window.spans().map(|span| span.len()).sum(), 0);
            let mut len = 0;
            for other in window.spans().flatten() {
                let squared = squared_distance(point, self.points[other]);
                self.found[len] = entry(squared, other);
                len += usize::from(squared <= limit) * usize::from(other != id);
            }
            self.found.truncate(len);
            if self.found.len() >= self.length || window.is_all() {
                break;
            }
            radius *= 1.4;
        }
        if self.found.len() > MANY * self.length {
            self.found.select_nth_unstable(self.length);
            self.found.truncate(self.length);
        }
        self.found.sort_unstable();
        self.found.truncate(self.length);
        self.radius = 1.1 * self.found.last().map_or(0.0, |&entry| neighbor(entry).at_least.into());
        &self.found
    }
}

fn reversed(
    neighbors: &[Neighbor],
    length: usize,
    owners: &[u32],
    n_candidates: usize,
) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; n_candidates + 1];
    for neighbor in neighbors {
        starts[neighbor.id as usize + 1] += 1;
    }
    for id in 0..n_candidates {
        starts[id + 1] += starts[id];
    }
    let mut next = starts.clone();
    let mut reverse = vec![0; neighbors.len()];
    for (entry, neighbor) in neighbors.iter().enumerate() {
        let (id, place) = (owners[entry / length] as usize, entry % length);
        let slot = &mut next[neighbor.id as usize];
        reverse[*slot as usize] = (id << PLACE_BITS | place) as u32;
        *slot += 1;
    }
    (starts, reverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroUsize;

    proptest! {
        #[test]
        fn lists_are_those_of_the_definition(
            scattered in proptest::collection::vec((-1e3_f64..1e3, -1e3_f64..1e3), 0..60),
            gridded in proptest::collection::vec((0_u8..6, 0_u8..3), 0..60),
            length in prop_oneof![Just(SHORT), Just(LONG)],
            threads in 1_usize..3,
        ) {
            let points: Vec<[f64; 2]> = scattered
                .into_iter()
                .chain(gridded.into_iter().map(|(row, col)| (row.into(), col.into())))
                .map(|(row, col)| [row, col])
                .collect();
            let (cells, order) = Cells::new(&points);
            let points: Vec<[f64; 2]> = order.iter().map(|&i| points[i as usize]).collect();
            let effort = Effort::of(NonZeroUsize::new(threads).unwrap());
            let all: Vec<u32> = (0..points.len() as u32).collect();
            let nearest = NeighborLists::new(&points, &cells, all.clone(), length, effort).unwrap();
            let some: Vec<u32> = all.iter().copied().filter(|id| id % 3 == 1).collect();
            let of_some = NeighborLists::new(&points, &cells, some, length, effort).unwrap();
            let distances = nearest_distances(&points, &cells, effort).unwrap();
            let mut reverse = vec![Vec::new(); points.len()];
            for id in 0..points.len() {
                let mut expected: Vec<(f64, u32)> = (0..points.len())
                    .filter(|&other| other != id)
                    .map(|other| (squared_distance(points[id], points[other]), other as u32))
                    .collect();
                let short = |squared: f64| {
                    let nearest = squared as f32;
                    if f64::from(nearest) > squared { nearest.next_down() } else { nearest }
                };
                expected.sort_by(|a, b| short(a.0).total_cmp(&short(b.0)).then(a.1.cmp(&b.1)));
                expected.truncate(length);
                let list = nearest.of(id);
                let least = list.first().map_or(f32::INFINITY, |nearest| nearest.at_least);
                prop_assert_eq!(distances[id], least);
                let same = |(one, other): (&Neighbor, &Neighbor)| one.id == other.id;
                let of_one = of_some.of(id);
                prop_assert_eq!(of_one.len(), if id % 3 == 1 { list.len() } else { 0 });
                prop_assert!(of_one.iter().zip(list).all(same));
                prop_assert!(list.iter().map(|n| n.id).eq(expected.iter().map(|e| e.1)));
                for (place, (neighbor, (squared, _))) in list.iter().zip(expected).enumerate() {
                    let at_least = f64::from(neighbor.at_least);
                    prop_assert!(at_least <= squared.sqrt() && squared.sqrt() <= farther(at_least));
                    reverse[neighbor.id as usize].push((id, place as u8));
                }
            }
            for (id, expected) in reverse.into_iter().enumerate() {
                let of_owners = expected.iter().copied().filter(|(owner, _)| owner % 3 == 1);
                prop_assert!(of_some.lists_with(id).eq(of_owners));
                prop_assert!(nearest.lists_with(id).eq(expected));
            }
        }
    }

    #[test]
    fn bounds_hold_for_distances_of_all_sizes() {
        let mut squared = 0.0_f64;
        while squared < 1e38 {
            for squared in [squared, squared.next_up(), 1.000_000_06 * squared] {
                let at_least = f64::from(neighbor(entry(squared, 7)).at_least);
                let distance = squared.sqrt();
                assert!(at_least <= distance && distance <= farther(at_least), "{squared:e}");
            }
            squared = (1.37 * squared).max(1e-60);
        }
        // What no short float holds is only known to be far.
        for squared in [1e39, f64::MAX, f64::INFINITY] {
            let Neighbor { id, at_least } = neighbor(entry(squared, 7));
            assert!(id == 7 && f64::from(at_least) > FARTHEST, "{squared:e}");
            assert!(f64::from(at_least) <= squared.sqrt());
        }
    }
}
