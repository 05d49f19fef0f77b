//! Atoms that no single neighbour places: all neighbours say together where they are.

use super::grow::{Place, SUPPORTERS, there};
use super::map::Map;
use super::{ATOMS_BETWEEN_CHECKS, Atoms, NONE, Site};
use crate::Result;
use crate::interrupt::Effort;

/// An atom that neighbours surround may be this many tolerances from where they see it on average.
const LATE: f64 = 1.5;

/// Neighbours that place an atom are within this many of the longest edge, for each step to it.
const FARTHEST: f64 = 1.3;

/// Neighbours surround an atom if no gap between their directions is wider than this: half a turn,
/// as along a straight edge of the crystal, and what displacements may add.
const WIDEST_GAP: f64 = 185.0 / 180.0 * std::f64::consts::PI;

/// How many edges may lead from a neighbour to the atom that it places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    One,
    /// For atoms at the edge, few of whose nearest neighbours are in the field.
    Two,
}

/// One neighbour's word.
struct Vote {
    component: i32,
    place: Place,
    /// The neighbour.
    from: usize,
    /// From the atom to where the neighbour sees the place.
    off: [f64; 2],
}

/// What neighbours agree on.
pub(super) struct Agreed {
    pub(super) component: i32,
    pub(super) place: Place,
    /// Mean of their maps.
    pub(super) map: Map,
    /// How far the atom is from the mean of where they see the place, squared.
    off: f64,
}

impl Atoms<'_> {
    /// The free place that most neighbours, of one component or of any, see an atom at; `None` if
    /// they do not agree.
    pub(super) fn placed_by_all(
        &self,
        atom: usize,
        component: Option<i32>,
        steps: Steps,
    ) -> Option<Agreed> {
        if self.sites[atom].component != NONE {
            return None;
        }
        let votes = self.votes(atom, component, steps);
        let groups: Vec<&[Vote]> = votes
            .chunk_by(|one, other| one.component == other.component && one.place == other.place)
            .collect();
        let most = groups.iter().map(|group| group.len()).max()?;
        let mut largest = groups.into_iter().filter(|group| group.len() == most);
        let (group, rival) = (largest.next()?, largest.next());
        if most < SUPPORTERS || rival.is_some() {
            return None;
        }
        let weight = 1.0 / most as f64;
        let (mut off, mut map) = ([0.0; 2], Map([[0.0; 2]; 2]));
        for vote in group {
            off = [off[0] + weight * vote.off[0], off[1] + weight * vote.off[1]];
            map = map.mixed(1.0, &Map(self.sites[vote.from].map), weight);
        }
        let square = off[0] * off[0] + off[1] * off[1];
        // Beyond the crystal's edge atoms of anything else lie as near as that to some place.
        let is_strict = steps == Steps::Two && !self.surround(atom, group);
        let allowed = if is_strict { self.near } else { LATE * self.near };
        let Vote { component, place, .. } = group[0];
        let fits = square <= allowed * allowed && !self.is_taken(atom, place, component);
        fits.then_some(Agreed { component, place, map, off: square })
    }

    /// Gives indices to single atoms that are left, where a component around them has a free place
    /// for each. Nothing grows from these: beyond the crystal's edge it would not end.
    pub(super) fn place_rest(&mut self, effort: Effort<'_>) -> Result<()> {
        let mut found = Vec::new();
        for atom in 0..self.points.len() {
            if atom % ATOMS_BETWEEN_CHECKS == 0 {
                effort.check()?;
            }
            if let Some(agreed) = self.placed_by_all(atom, None, Steps::Two) {
                found.push((atom, agreed));
            }
        }
        found.sort_by(|(one, a), (other, b)| a.off.total_cmp(&b.off).then(one.cmp(other)));
        for (atom, Agreed { component, place, map, .. }) in found {
            if map.is_sound() && !self.is_taken(atom, place, component) {
                let Place { column, cell } = place;
                self.sites[atom] = Site { component, column: column as i32, cell, map: map.0 };
            }
        }
        Ok(())
    }

    /// All votes, those for one place together.
    fn votes(&self, atom: usize, component: Option<i32>, steps: Steps) -> Vec<Vote> {
        let mut near = Vec::new();
        let reach = if steps == Steps::Two { 2.0 * FARTHEST } else { FARTHEST };
        let reach = reach * self.template.longest();
        self.grid.within(self.points, self.points[atom], reach, |other, _| {
            let own = self.sites[other].component;
            if own != NONE && component.is_none_or(|component| component == own) {
                near.push(other);
            }
        });
        let limit = (2.0 * LATE * self.near).powi(2);
        let mut votes = Vec::new();
        for from in near {
            let Site { component, column, cell, map } = self.sites[from];
            let [row, col] = self.apart(atom, from);
            let map = Map(map);
            let mut vote = |column: u32, cell: [i32; 2], vector: [f64; 2]| {
                let [r, c] = map.of(vector);
                let off = [row + r, col + c];
                let square = off[0] * off[0] + off[1] * off[1];
                if square <= limit && self.may_be(atom, column) {
                    votes.push(Vote { component, place: Place { column, cell }, from, off });
                }
            };
            for edge in self.template.of(column as u32) {
                let cell = there(cell, edge);
                vote(edge.column, cell, edge.vector);
                if steps == Steps::One {
                    continue;
                }
                for next in self.template.of(edge.column) {
                    let vector = [edge.vector[0] + next.vector[0], edge.vector[1] + next.vector[1]];
                    vote(next.column, there(cell, next), vector);
                }
            }
        }
        // Several ways lead to one place.
        votes.sort_by_key(|vote| (vote.component, vote.place, vote.from));
        votes.dedup_by_key(|vote| (vote.component, vote.place, vote.from));
        votes
    }

    /// Whether the neighbours that voted lie all around an atom.
    fn surround(&self, atom: usize, votes: &[Vote]) -> bool {
        let mut angles: Vec<f64> = votes
            .iter()
            .map(|vote| {
                let [row, col] = self.apart(atom, vote.from);
                col.atan2(row)
            })
            .collect();
        angles.sort_by(f64::total_cmp);
        let Some(&first) = angles.first() else { return false };
        angles.push(first + std::f64::consts::TAU);
        angles.windows(2).all(|pair| pair[1] - pair[0] <= WIDEST_GAP)
    }
}
