//! Where indices begin: an atom whose neighbours are all there.

use super::map::{Map, Sums};
use super::{Atoms, NONE};
use crate::lattice::Edge;

/// A bond that is turned onto the crystal's is not longer or shorter than this.
const MOST_STRETCH: f64 = 1.35;

/// Of orientations that fit as well up to this factor, that nearest to the given one is taken: a
/// lattice that looks the same after a turn would else be turned by rounding.
const TIE: f64 = 1.05;

/// What rounding may make of residuals of 0, in nearest distances.
const ROUNDING: f64 = 1e-6;

/// Edges that differ in length by less than this factor may be turned onto one another.
const ALIKE: f64 = 1.1;

/// What an atom is taken for, if it is a seed.
#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub(super) column: u32,
    pub(super) map: Map,
    /// Root mean square of what the map leaves of its neighbours' places.
    pub(super) rest: f64,
}

impl Atoms<'_> {
    /// The column and the orientation that fit an atom's surroundings best, if any do.
    pub(super) fn seed(&self, atom: usize) -> Option<Seed> {
        let mut choices = Vec::new();
        for column in self.template.columns().filter(|&column| self.may_be(atom, column)) {
            let edges = self.template.of(column);
            let starts = self.orientations(atom, edges[0].vector);
            choices.extend(starts.iter().filter_map(|start| self.fit_seed(atom, column, start)));
        }
        let found = self.best(&choices)?;
        if self.keeps_orientation {
            return Some(*found);
        }
        // Where shear hides the orientation that was given, the same bonds in another order may
        // have been found alone.
        let (column, map) = (found.column, found.map);
        let edges = self.template.of(column);
        let [first, length] = polar(edges[0].vector);
        for edge in &edges[1..] {
            let [angle, other] = polar(edge.vector);
            if other < ALIKE * length {
                let start = map.after(&Map::turn(angle - first));
                choices.extend(self.fit_seed(atom, column, &start));
            }
        }
        self.best(&choices).copied()
    }

    /// Of the seeds that fit best, that which is strained and turned least.
    fn best<'a>(&self, choices: &'a [Seed]) -> Option<&'a Seed> {
        let least = choices.iter().map(|seed| seed.rest).fold(f64::INFINITY, f64::min);
        let limit = TIE * least + ROUNDING * self.nearest;
        // Steps of a billionth: of equal strains the first is taken, however they are rounded.
        let strain = |seed: &Seed| (seed.map.strain() * 1e9).round();
        choices
            .iter()
            .filter(|seed| seed.rest <= limit)
            .min_by(|one, other| strain(one).total_cmp(&strain(other)))
    }

    fn fit_seed(&self, atom: usize, column: u32, start: &Map) -> Option<Seed> {
        let edges = self.template.of(column);
        let (map, _) = self.fit_all(atom, edges, start)?;
        let (map, rest) = self.fit_all(atom, edges, &map)?;
        Some(Seed { column, map, rest })
    }

    /// The orientation that was given, and those that turn a column's shortest edge onto a bond.
    fn orientations(&self, atom: usize, [row, col]: [f64; 2]) -> Vec<Map> {
        if self.keeps_orientation {
            return vec![Map::IDENTITY];
        }
        let length = row.hypot(col);
        let mut others = Vec::new();
        let far = MOST_STRETCH * length;
        self.grid.within(self.points, self.points[atom], far, |other, square| {
            if self.sites[other].component == NONE && length < MOST_STRETCH * square.sqrt() {
                others.push(other);
            }
        });
        others.sort_unstable();
        let turned = others.into_iter().map(|other| {
            let [r, c] = self.apart(atom, other);
            Map::turn(c.atan2(r) - col.atan2(row))
        });
        std::iter::once(Map::IDENTITY).chain(turned).collect()
    }

    /// The map that fits all neighbours, and what it leaves; `None` if one is missing.
    fn fit_all(&self, atom: usize, edges: &[Edge], start: &Map) -> Option<(Map, f64)> {
        let mut sums = Sums::default();
        let mut pairs = Vec::with_capacity(edges.len());
        for edge in edges {
            let (other, _) = self.free_end(atom, start, edge)?;
            let seen = self.apart(atom, other);
            sums.add(edge.vector, seen);
            pairs.push((edge.vector, seen));
        }
        let map = sums.fitted().filter(Map::is_sound)?;
        let rest = |(vector, seen): &([f64; 2], [f64; 2])| {
            let [row, col] = map.of(*vector);
            (seen[0] - row).powi(2) + (seen[1] - col).powi(2)
        };
        let mean = pairs.iter().map(rest).sum::<f64>() / pairs.len() as f64;
        Some((map, mean.sqrt()))
    }

    /// The atom at the end of an edge that has no index yet.
    pub(super) fn free_end(&self, atom: usize, map: &Map, edge: &Edge) -> Option<(usize, f64)> {
        self.at(self.place(atom, map, edge), |other| {
            self.sites[other].component == NONE && self.may_be(other, edge.column)
        })
    }
}

/// Angle and length of a vector.
fn polar([row, col]: [f64; 2]) -> [f64; 2] {
    [col.atan2(row), row.hypot(col)]
}
