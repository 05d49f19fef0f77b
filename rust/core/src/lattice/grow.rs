//! One component, from its seed to its ends.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::map::{Map, Sums};
use super::seed::Seed;
use super::votes::Steps;
use super::{ATOMS_BETWEEN_CHECKS, Atoms, LEAST_COMPONENT, NONE, Site, UNINDEXED};
use crate::Result;
use crate::interrupt::Effort;
use crate::lattice::Edge;

/// An index needs as many indexed neighbours that see it alike.
pub(super) const SUPPORTERS: usize = 2;

/// What an atom's own neighbours weigh in its map; the rest is that of the atom it was reached
/// from.
const OWN: f64 = 0.7;

/// Two atoms less than this many nearest distances apart cannot both have one index. Across the cut
/// that a dislocation leaves, atoms a whole spacing apart may.
const SAME_SITE: f64 = 0.6;

/// Where an atom is in the lattice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) column: u32,
    pub(super) cell: [i32; 2],
}

/// An atom that may be where its neighbour expects it.
struct Reached {
    /// Distance from there, squared.
    off: f64,
    from: usize,
    edge: usize,
    to: usize,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        let rest = |x: &Self| (x.from, x.edge, x.to);
        self.off.total_cmp(&other.off).then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reached {}

/// A component that grows.
struct Growth {
    component: i32,
    queue: BinaryHeap<Reverse<Reached>>,
    members: Vec<usize>,
}

impl Atoms<'_> {
    /// Gives indices from a seed on; takes them back and says no if they are too few.
    pub(super) fn grow(
        &mut self,
        atom: usize,
        seed: &Seed,
        component: i32,
        effort: Effort<'_>,
    ) -> Result<bool> {
        let edges = self.template.of(seed.column);
        // The seed's neighbours stand by it alone: all of them are there.
        let core: Vec<(usize, Place)> = edges
            .iter()
            .filter_map(|edge| {
                let (other, _) = self.free_end(atom, &seed.map, edge)?;
                Some((other, Place { column: edge.column, cell: edge.cell }))
            })
            .collect();
        let mut growth = Growth { component, queue: BinaryHeap::new(), members: Vec::new() };
        let place = Place { column: seed.column, cell: [0; 2] };
        self.accept(atom, place, seed.map, &mut growth);
        let (mut late, mut count) = (Vec::new(), 0_usize);
        loop {
            let Some(Reverse(reached)) = growth.queue.pop() else {
                if late.is_empty() {
                    break;
                }
                for atom in std::mem::take(&mut late) {
                    if let Some(found) = self.placed_by_all(atom, Some(component), Steps::One) {
                        self.accept(atom, found.place, found.map, &mut growth);
                    }
                }
                continue;
            };
            count += 1;
            if count.is_multiple_of(ATOMS_BETWEEN_CHECKS) {
                effort.check()?;
            }
            let atom = reached.to;
            if self.sites[atom].component != NONE {
                continue;
            }
            let (place, parent) = self.expected(&reached);
            let (supporters, own) = self.surroundings(atom, place, &parent, component);
            if supporters < SUPPORTERS && !core.contains(&(atom, place)) {
                late.push(atom);
                continue;
            }
            let map = own.map_or(parent, |own| own.mixed(OWN, &parent, 1.0 - OWN));
            if map.is_sound() && !self.is_taken(atom, place, component) {
                self.accept(atom, place, map, &mut growth);
            }
        }
        let is_grain = growth.members.len() >= LEAST_COMPONENT;
        if !is_grain {
            for atom in growth.members {
                self.sites[atom] = UNINDEXED;
            }
        }
        Ok(is_grain)
    }

    fn accept(&mut self, atom: usize, place: Place, map: Map, growth: &mut Growth) {
        let Place { column, cell } = place;
        let component = growth.component;
        self.sites[atom] = Site { component, column: column as i32, cell, map: map.0 };
        growth.members.push(atom);
        for (number, edge) in self.template.of(column).iter().enumerate() {
            let end = self.at(self.place(atom, &map, edge), |to| self.may_be(to, edge.column));
            if let Some((to, off)) = end.filter(|&(to, _)| self.sites[to].component == NONE) {
                growth.queue.push(Reverse(Reached { off, from: atom, edge: number, to }));
            }
        }
    }

    /// The place that an atom is reached with, and the map of the atom that it is reached from.
    fn expected(&self, reached: &Reached) -> (Place, Map) {
        let from = &self.sites[reached.from];
        let edge = &self.template.of(from.column as u32)[reached.edge];
        (Place { column: edge.column, cell: there(from.cell, edge) }, Map(from.map))
    }

    /// How many indexed neighbours support a place, and the map that fits all neighbours.
    fn surroundings(
        &self,
        atom: usize,
        place: Place,
        parent: &Map,
        component: i32,
    ) -> (usize, Option<Map>) {
        let (mut supporters, mut sums) = (0, Sums::default());
        for edge in self.template.of(place.column) {
            let end = self.at(self.place(atom, parent, edge), |to| self.may_be(to, edge.column));
            let Some((other, _)) = end else { continue };
            let seen = self.apart(atom, other);
            sums.add(edge.vector, seen);
            let site = &self.sites[other];
            if site.component == component
                && site.column == edge.column as i32
                && site.cell == there(place.cell, edge)
            {
                let [row, col] = Map(site.map).of(edge.vector);
                let rest = (seen[0] - row).powi(2) + (seen[1] - col).powi(2);
                supporters += usize::from(rest <= self.near * self.near);
            }
        }
        (supporters, sums.fitted())
    }

    /// Whether an atom near to this one has this place already.
    pub(super) fn is_taken(&self, atom: usize, place: Place, component: i32) -> bool {
        let mut taken = false;
        self.grid.within(self.points, self.points[atom], SAME_SITE * self.nearest, |other, _| {
            let site = &self.sites[other];
            taken |= site.component == component
                && site.column == place.column as i32
                && site.cell == place.cell;
        });
        taken
    }
}

/// The cell at the end of an edge.
pub(super) fn there(cell: [i32; 2], edge: &Edge) -> [i32; 2] {
    [cell[0].wrapping_add(edge.cell[0]), cell[1].wrapping_add(edge.cell[1])]
}
